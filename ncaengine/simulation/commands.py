"""Commands: every change of a Simulation's state, as data that can be journalled and replayed.

They carry cells and settings, never pixels, so a journal gives the same states at any window size.
A `grid` may be given as its number or as the Grid itself.
"""

import operator
from collections.abc import Iterable
from typing import Annotated, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from ncaengine.core.brushes import Pattern, Point, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS, Field
from ncaengine.core.looks import Look
from ncaengine.core.states import Keep
from ncaengine.core.types import Size
from ncaengine.core.validation import explain_invalid

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
RngSeed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Taken modulo 2**32; the range is what a journal can hold."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Base of all commands."""


class OnGrid(Command, frozen=True):
    """A command to one grid."""

    grid: int

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "grid", operator.index(self.grid))


class AddGrid(Command, frozen=True):
    """A new grid of a model that the Simulation knows by this name, seeded with `rng_seed`.

    `size` is (width, height) in cells; `fire_rate` None takes the model's own.
    """

    model: str
    size: Size = (256, 256)
    kernel: str = "square"
    steps_per_second: float = 60.0
    fire_rate: float | None = None
    rng_seed: RngSeed = 0


class RemoveGrid(OnGrid, frozen=True):
    """Take a grid away. The last few can be brought back, see Revive."""


class Revive(OnGrid, frozen=True):
    """Bring a grid back that was removed, under its number and as it was, but for its timeline."""


class Duplicate(OnGrid, frozen=True):
    """A new grid that is in everything like this one, and goes its own way from now on."""


class SetModel(OnGrid, frozen=True):
    """Run another model on the same state; channels that it lacks are dropped, new ones start at 0.

    slot: which of the grid's models it becomes, for cells whose `model` field says so; those beyond
    the first must have as many channels as the first, and are taken away if `model` is ''.
    """

    model: str
    slot: Annotated[int, msgspec.Meta(ge=0, lt=MAX_MODELS)] = 0


class SetKernel(OnGrid, frozen=True):
    """Run on another neighbourhood; the state stays."""

    kernel: str


class Resize(OnGrid, frozen=True):
    """Another size, (width, height) in cells. See states.resized for `keep`."""

    size: Size
    keep: Keep = "centre"


class Paint(OnGrid, frozen=True):
    """A stroke of a brush along `path`, in cell widths on the endless plane of the screen (see view).

    tool: "erase" (back to the seed), "noise" (uniform in ±value), "image" (the colours of the array
    registered under that name, one pixel a cell, repeated from the picture's corner), "patch" (what
    Copy took, about the last point of `path`), or the field that takes `value`. radius: in cell
    widths; the share `softness` of it fades. more: this goes on with the stroke before, for undo.
    """

    tool: Tool
    path: Annotated[tuple[Point, ...], msgspec.Meta(min_length=1, max_length=4096)]
    radius: Annotated[float, msgspec.Meta(gt=0, le=4096)] = 8.0
    strength: Share = 1.0
    softness: Share = 0.3
    value: float = 1.0
    image: str = ""
    more: bool = False


class Fill(OnGrid, frozen=True):
    """A whole field at once. See brushes.pattern."""

    field: Field
    pattern: Pattern = "even"
    values: tuple[float, float] = (1.0, 1.0)
    count: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 4
    fuzz: Annotated[float, msgspec.Meta(ge=0, le=4096)] = 0.0


class Copy(OnGrid, frozen=True):
    """Take the cells within `radius` of a point, for Paint's "patch"."""

    at: Point
    radius: Annotated[float, msgspec.Meta(gt=0, le=1024)] = 16.0


class Undo(OnGrid, frozen=True):
    """Back to the moment before the grid's last edit (of state, fields, size, model, kernel or seed)."""


class Redo(OnGrid, frozen=True):
    """Make the edit that was undone last again, on the present state."""


class Rewind(OnGrid, frozen=True):
    """Go back `steps` steps, or forward again if below 0, as far as the grid's timeline reaches."""

    steps: int


class Load(OnGrid, frozen=True):
    """Replace the state by the array registered under this name; the grid takes its size."""

    array: str


class Show(OnGrid, frozen=True):
    """What is shown of the cells."""

    look: Look


class Set(OnGrid, frozen=True):
    """One of the settings: see settings.Settings."""

    setting: str
    value: float | bool


class Step(OnGrid, frozen=True):
    """Make `count` steps now, paused or not, beside those that the clock asks for."""

    count: Annotated[int, msgspec.Meta(ge=0)] = 1


class Reseed(OnGrid, frozen=True):
    """Back to the model's initial state, with a number that decides its noise and all fire masks."""

    rng_seed: RngSeed


AnyEdit = SetModel | SetKernel | Resize | Reseed | Paint | Fill | Load | Set
"""Those that change what a grid's cells become."""
AnyCommand = AnyEdit | AddGrid | RemoveGrid | Revive | Duplicate | Copy | Undo | Redo | Rewind | Show | Step


FORMS: dict[str, type[Command]] = {form.__name__: form for form in get_args(AnyCommand)}
"""The commands by their names, the `type` of a journal or a script."""


def checked(command: AnyCommand) -> AnyCommand:
    """The command, its values checked as those of a journal are. Raises NCAError."""
    name = type(command).__name__
    if name not in FORMS:
        raise NCAError(f"A command cannot be of the type {name}; choose from: {', '.join(FORMS)}.")
    try:
        plain = msgspec.to_builtins(command, enc_hook=operator.methodcaller("item"))  # NumPy's numbers
        found: AnyCommand = msgspec.convert(plain, AnyCommand)
    except msgspec.ValidationError as error:
        raise NCAError(f"{name}: {explain_invalid(error, type(command))}") from None
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError, OverflowError):
        raise NCAError(f"{name}: its values must be plain numbers, texts, and lists of them.") from None
    return found


def as_size(size: Size | int) -> Size:
    """Return (width, height); one number is the side of a square."""
    return (int(size), int(size)) if isinstance(size, int | np.integer) else size


def as_path(path: npt.ArrayLike) -> tuple[Point, ...]:
    """Return the points of a stroke, given as one (x, y) or as a sequence. Raises NCAError."""
    try:
        points = np.asarray(path, np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty(0)
    if points.ndim not in (1, 2) or points.shape[-1] != 2 or not points.size:
        raise NCAError("Paint: `path` must be a point (x, y), or a sequence of at least one.")
    return tuple((x, y) for x, y in points.reshape(-1, 2).tolist())


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as submitted at a tick; `at_step` put it off until its grid had made that many steps."""

    tick: int
    command: AnyCommand
    at_step: int | None = None


def encode(journal: Iterable[JournalEntry]) -> bytes:
    """A journal as JSON, an entry a line."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in journal)


def decode(text: bytes) -> list[JournalEntry]:
    """What `encode` wrote. Raises NCAError naming the line."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entries.append(msgspec.json.decode(line, type=JournalEntry))
        except msgspec.ValidationError as error:
            raise NCAError(
                f"Line {number} of the journal is not a command: {explain_invalid(error, JournalEntry, FORMS)}"
            ) from None
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise NCAError(f"Line {number} of the journal is not a command: {error}.") from None
    return entries
