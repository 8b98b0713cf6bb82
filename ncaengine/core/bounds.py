"""What a file or a command may ask for, in one table: bytes that are read, and numbers.

Bytes are checked before they are read, numbers before anything is allocated or run. `Settings` and `FIELDS` bound the
numbers that they declare; tests/test_bounds.py finds every number of every format that nothing bounds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # flags are declared without it
    import msgspec

KIB, MIB, GIB = 2**10, 2**20, 2**30


@dataclass(frozen=True)
class Bound:
    """The least and the largest value of a number in files."""

    files: str
    """The files that hold it."""
    what: str
    low: float
    high: float
    unit: str = ""

    @property
    def meta(self) -> "msgspec.Meta":
        """The bound as an annotation of a msgspec type."""
        import msgspec

        return msgspec.Meta(ge=self.low, le=self.high)


TABLE: list[Bound] = []
"""All bounds, in the order of docs/reliability.md."""


def _bound(files: str, what: str, low: float, high: float, unit: str = "") -> Bound:
    TABLE.append(Bound(files, what, low, high, unit))
    return TABLE[-1]


def _bytes(files: str, most: int, what: str = "the file") -> int:
    return int(_bound(files, what, 0, most, "bytes").high)


# Bytes

SESSION_BYTES = _bytes("session", 4 * GIB)
HEADER_BYTES = _bytes("session", 64 * MIB, "its header")
WINDOW_BYTES = _bytes("session", MIB, "what its header says of the window")
JOURNAL_BYTES = _bytes("journal", 4 * GIB)
SCRIPT_BYTES = _bytes("script", 2 * MIB)
STILL_BYTES = _bytes("still", 512 * MIB)
STILL_SESSION_BYTES = _bytes("still", 256 * MIB, "its session, unpacked")
STILL_TEXT_BYTES = _bytes("still", 16 * MIB, "its text, unpacked")
PICTURE_BYTES = _bytes("picture, target", GIB)
MODEL_BYTES = _bytes("model", 256 * MIB)
MODEL_TEXT_BYTES = _bytes("model", 16 * MIB, "a JSON or a program")
MODEL_PICKLE_BYTES = _bytes("model", 100 * MIB, "a pickle")
CHECKPOINT_BYTES = _bytes("checkpoint", 8 * GIB)
KERNEL_BYTES = _bytes("kernel.toml", 64 * KIB)
PREFERENCES_BYTES = _bytes("preferences", MIB)
LOSSES_BYTES = _bytes("loss.csv", 64 * MIB)

# Numbers

PIXELS = _bound("picture, target", "pixels; larger JPEGs are decoded at a smaller size", 1, 89_478_485)
TENSORS = _bound("model", "tensors", 1, 1000)
NUMBERS = _bound("model", "numbers in its weights", 0, 10**7)
REAL = _bound("model", "any real number of its configuration", -3.4e38, 3.4e38)
BASIS = _bound("kernel.toml", "a step of its basis", -16, 16, "cell widths")
STENCIL_WEIGHT = _bound("kernel.toml", "a weight, divided by its divisor", -1e6, 1e6)
STENCIL_RADIUS = _bound("kernel.toml", "a stencil's radius", 0, 4, "cells")
VERSION = _bound("session, journal", "the format's version", 1, 1)
TICK = _bound("session, journal", "a time since the beginning", 0, 3600 * 86400 * 36525, "1/3600 s")
SPAN = _bound("journal", "its time, from its beginning to its end", 0, 3600 * 86400 * 366, "1/3600 s")
HISTORY = _bound("journal", "the memory of a grid's timeline", 0, 2**33, "bytes")
SECONDS = _bound("script", "its length, and the time of a command", 0, 86400, "s")
GRID = _bound("session, journal, script", "a grid's number", 1, 2**31)
GRIDS = _bound("session", "grids", 0, 4096)
FIRST_GRIDS = _bound("script", "grids at the beginning", 1, 64)
COMMANDS = _bound("script", "commands", 0, 100_000)
SIDE = _bound("session, journal, script", "a grid's side", 1, 16384, "cells")
CELLS = _bound("session, journal, script", "a grid's cells", 1, 2**26)
MADE = _bound("session, journal, script", "steps or edits made by then", 0, 2**62)
STEPS = _bound("journal, script", "steps that a command makes", 0, 10**6)
SEED = _bound("session, journal, script", "a random seed", -(2**63), 2**63 - 1)
WHOLE = _bound("journal, script", "a grid's number, steps to rewind", -(2**62), 2**62)
VALUE = _bound("journal, script", "a value that is painted, filled in or set", -1e6, 1e6)
COORDINATE = _bound("journal, script", "a coordinate", -1e6, 1e6, "cell widths")
POINTS = _bound("journal, script", "points of a stroke", 1, 4096)
RADIUS = _bound("journal, script", "a brush's radius, above 0", 0, 4096, "cell widths")
COPIED = _bound("journal, script", "a copy's radius, above 0", 0, 1024, "cell widths")
PARTS = _bound("journal, script", "stripes of a pattern", 1, 1024)
FUZZ = _bound("journal, script", "width of a pattern's borders", 0, 4096, "cell widths")
CELL_PIXELS = _bound("session, journal, script", "pixels of a picture a cell", 1, 64)
FEATHER = _bound("session, journal, script", "the feather of a picture's areas", 0, 1000, "pixels")
RUN = _bound("command line", "steps of a run, or iterations", 0, 10**7)
COUNT = _bound("command line", "grids, columns, steps between two frames", 1, 10_000)
SCALE = _bound("command line", "pixels of a cell", 1, 1024)
WAIT = _bound("Python", "time that passes in one call", 0, 3600 * 86400 * 366, "1/3600 s")
GAIN = _bound("session, journal, script", "gain of what is shown, above 0", 0, 1000)


def too_long(most: int) -> str:
    """Return the size of the largest file for people to read: 4 GB, 64 KiB."""
    return f"{most // GIB} GB" if most >= GIB else f"{most // MIB} MB" if most >= MIB else f"{most // KIB} KiB"


def markdown() -> str:
    """Return the table as Markdown, as docs/reliability.md shows it."""

    def shown(bound: Bound, value: float) -> str:
        if bound.unit == "bytes":
            return too_long(int(value)) if value else "0"
        return f"{value:,}" if isinstance(value, int) and abs(value) < 10**15 else f"{value:.3g}"

    rows = ["| in | what | least | most | unit |", "| --- | --- | --- | --- | --- |"]
    for each in TABLE:
        unit = "" if each.unit == "bytes" else each.unit
        rows.append(f"| {each.files} | {each.what} | {shown(each, each.low)} | {shown(each, each.high)} | {unit} |")
    return "\n".join(rows)
