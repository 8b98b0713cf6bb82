"""Commands: every change of a Simulation's state, as data that can be journalled and replayed.

They carry cells and settings, never pixels, so a journal gives the same states at any window size.
A `grid` may be given as its number or as the Grid itself.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from ncaengine.core import bounds
from ncaengine.core.brushes import Pattern, Point, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS, Field
from ncaengine.core.looks import Look
from ncaengine.core.settings import Settings, with_setting
from ncaengine.core.states import Keep
from ncaengine.core.types import Size
from ncaengine.core.validation import explain_invalid, shortened, shown

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Whole = Annotated[int, bounds.WHOLE.meta]
Made = Annotated[int, bounds.MADE.meta]
"""Steps or edits."""
Ticks = Annotated[int, bounds.TICK.meta]
Amount = Annotated[float, bounds.VALUE.meta]
Sides = tuple[Whole, Whole]
"""A Size; states.check_size bounds it."""
RngSeed = Annotated[int, bounds.SEED.meta]
"""Taken modulo 2**32; the range is what a journal can hold."""


Shape = Literal["brush", "lasso", "wand"]
"""How an area is marked."""
Texture = (
    Annotated[str, msgspec.Meta(max_length=100)]
    | Annotated[dict[str, Share], msgspec.Meta(min_length=1, max_length=32)]
)
"""The name of one of the grid's textures, or the shares of several of one model; see embeddings.palette."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True):
    """Base of all commands."""

    def check(self) -> None:
        """Raise NCAError for what the types of its fields can't say, or say less well. The types are checked later."""


class OnGrid(Command, frozen=True):
    """Base of the commands to one grid."""

    grid: Whole
    """The grid's number."""

    def __post_init__(self) -> None:
        if not hasattr(self.grid, "__index__"):
            raise NCAError(f"{type(self).__name__}: `grid` must be a Grid or its number, not {shown(self.grid)}.")
        msgspec.structs.force_setattr(self, "grid", operator.index(self.grid))


class AddGrid(Command, frozen=True):
    """Add a grid."""

    model: str
    """The name of a registered model."""
    size: Sides = (256, 256)
    """(width, height) in cells."""
    kernel: str = "square"
    """The kernel's name."""
    steps_per_second: Amount = 60.0
    fire_rate: Amount | None = None
    """In [0, 1]; None takes the model's own."""
    rng_seed: RngSeed = 0
    """The random seed of the initial state and of all fire masks."""


class RemoveGrid(OnGrid, frozen=True):
    """Remove a grid. The last few can be brought back, see Revive."""


class Revive(OnGrid, frozen=True):
    """Bring back a removed grid, under its number and as it was, but without its timeline."""


class Duplicate(OnGrid, frozen=True):
    """Add a grid that equals this one and then changes independently."""


class SetModel(OnGrid, frozen=True):
    """Run another model on the same state. Channels that it lacks are dropped; new ones start at 0."""

    model: str
    """The name of a registered model; '' removes the models from `slot` on."""
    slot: Annotated[int, msgspec.Meta(ge=0, lt=MAX_MODELS)] = 0
    """Where the model goes among the grid's models. Cells with this number in their `model` field run it. Models beyond
    the first must have as many channels as the first."""


class SetKernel(OnGrid, frozen=True):
    """Run on another kernel; the state stays."""

    kernel: str
    """The kernel's name."""


class Resize(OnGrid, frozen=True):
    """Change the size."""

    size: Sides
    """(width, height) in cells."""
    keep: Keep = "centre"
    """What becomes of the present cells; see states.resized."""


class Paint(OnGrid, frozen=True):
    """Paint a stroke."""

    tool: Tool
    """What to paint: "erase" the initial state; "noise" uniform noise within ±`value`; "image" the colours of `image`,
    one pixel per cell, repeated from the picture's corner; "patch" the copied cells, around the last point of `path`.
    "texture" lets cells make `texture`. The name of a field paints `value` into that field."""
    path: Annotated[tuple[Point, ...], msgspec.Meta(min_length=1, max_length=int(bounds.POINTS.high))]
    """Points (x, y) in cell widths, on the infinite plane in which the torus repeats; see lattice."""
    radius: Annotated[float, msgspec.Meta(gt=0, le=bounds.RADIUS.high)] = 8.0
    """In cell widths."""
    strength: Share = 1.0
    """How much of the new state replaces the old one, in [0, 1]."""
    softness: Share = 0.3
    """The share of the radius over which the stroke fades, in [0, 1]."""
    value: Amount = 1.0
    image: str = ""
    """The name of a registered image."""
    more: bool = False
    """Whether this continues the previous stroke, so one undo takes back both."""
    texture: Texture | msgspec.UnsetType = msgspec.UNSET
    """What "texture" paints. A soft border blends textures of one model; between two models, each cell makes one of the
    two at random."""


class Fill(OnGrid, frozen=True):
    """Fill a whole field with a pattern; see brushes.pattern."""

    field: Field
    pattern: Pattern = "even"
    values: tuple[Amount, Amount] = (1.0, 1.0)
    """The two values of the pattern; "even" uses only the first; patterns of angles add it to them."""
    count: Annotated[int, bounds.PARTS.meta] = 4
    """The number of stripes, or of squares on each side of a checkerboard."""
    fuzz: Annotated[float, bounds.FUZZ.meta] = 0.0
    """The width over which halves, stripes and checks blend into each other, in cell widths; 0 is sharp."""


class Blend(OnGrid, frozen=True):
    """Let all cells make a texture, or two in a pattern; see brushes.pattern."""

    texture: Texture
    other: Texture = ""
    """The pattern's second texture; "even" has none."""
    pattern: Pattern = "even"
    count: Annotated[int, bounds.PARTS.meta] = 4
    """The number of stripes, or of squares on each side of a checkerboard."""
    fuzz: Annotated[float, bounds.FUZZ.meta] = 0.0
    """The width over which halves, stripes and checks blend into each other, in cell widths; 0 is sharp. Between two
    models, each cell there makes one of the two at random."""
    more: bool = False
    """Whether this continues the previous blend, as a slider does, so one undo takes back both."""


class SetBackdrop(OnGrid, frozen=True):
    """Lay a picture under the grid, which takes its size and rests until areas of it are marked."""

    image: str
    """The name of a registered image; '' takes the picture away. That of the present picture keeps its areas."""
    cell: Annotated[float, bounds.CELL_PIXELS.meta] = 1.0
    """Pixels per cell width."""
    feather: Annotated[float, bounds.FEATHER.meta] = 6.0
    """Pixels over which areas fade into the picture, half of them on either side of their edges."""
    more: bool = False
    """Whether this continues the previous change, as a slider does, so one undo takes back both."""


class Mark(OnGrid, frozen=True):
    """Mark an area of the picture under the grid, in which cells make a texture."""

    shape: Shape
    """"brush" marks what lies within `radius` of the path, "lasso" what it encloses, and "wand" what belongs together
    around its last point: the area there, or, outside all areas, what is connected and of a like colour."""
    texture: Annotated[str, msgspec.Meta(max_length=100)]
    """The name of one of the grid's textures; '' lets the picture show again."""
    path: Annotated[tuple[Point, ...], msgspec.Meta(min_length=1, max_length=int(bounds.POINTS.high))]
    """Points (x, y) in cell widths, as those of Paint."""
    radius: Annotated[float, msgspec.Meta(gt=0, le=bounds.RADIUS.high)] = 8.0
    """In cell widths."""
    tolerance: Annotated[int, msgspec.Meta(ge=0, le=255)] = 24
    """By how much of 255 a colour may differ from that under the wand."""
    more: bool = False
    """Whether this continues the previous stroke, so one undo takes back both."""


class Copy(OnGrid, frozen=True):
    """Copy the cells around a point, for Paint's "patch"."""

    at: Point
    """(x, y) in cell widths."""
    radius: Annotated[float, msgspec.Meta(gt=0, le=bounds.COPIED.high)] = 16.0
    """In cell widths."""


class Undo(OnGrid, frozen=True):
    """Go back to before the grid's last edit of state, fields, size, model, kernel or seed."""


class Redo(OnGrid, frozen=True):
    """Make the last undone edit again, on the present state."""


class Rewind(OnGrid, frozen=True):
    """Go back in time, as far as the grid's timeline reaches."""

    steps: Whole
    """Steps to go back; below 0, steps to go forward again."""


class Load(OnGrid, frozen=True):
    """Replace the state; the grid takes the new state's size."""

    array: str
    """The name of a registered state."""


class Show(OnGrid, frozen=True):
    """Change what is shown of the cells."""

    look: Look


class Set(OnGrid, frozen=True):
    """Change a setting."""

    setting: str
    """The name of a field of settings.Settings."""
    value: Amount | bool

    def check(self) -> None:
        """Raise NCAError if there is no such setting, or its value lies outside the setting's own range."""
        if isinstance(self.value, int | float) and isinstance(self.setting, str):
            with_setting(Settings(), self.setting, self.value)


class Step(OnGrid, frozen=True):
    """Make steps now, paused or not, in addition to those that the clock makes."""

    count: Annotated[int, bounds.STEPS.meta] = 1


class Reseed(OnGrid, frozen=True):
    """Go back to the model's initial state, with another random seed."""

    rng_seed: RngSeed
    """The random seed of the initial state and of all fire masks."""


AnyEdit = SetModel | SetKernel | Resize | Reseed | Paint | Fill | Blend | Load | SetBackdrop | Mark | Set
"""The commands that change what a grid's cells become."""
AnyCommand = AnyEdit | AddGrid | RemoveGrid | Revive | Duplicate | Copy | Undo | Redo | Rewind | Show | Step


FORMS: dict[str, type[Command]] = {form.__name__: form for form in get_args(AnyCommand)}
"""The commands by name, which is their `type` in journals and scripts."""


def checked(command: AnyCommand) -> AnyCommand:
    """Return the command, its values checked as those of a journal are. Raises NCAError."""
    name = type(command).__name__
    if name not in FORMS:
        raise NCAError(f"A command cannot be of the type {name}; choose from: {', '.join(FORMS)}.")
    command.check()
    try:
        plain = msgspec.to_builtins(command, enc_hook=operator.methodcaller("item"))  # NumPy's numbers
        found: AnyCommand = msgspec.convert(plain, AnyCommand)
    except msgspec.ValidationError as error:
        if unknown := next((key for key, value in plain.items() if isinstance(value, float) and math.isnan(value)), ""):
            raise NCAError(f"{name}: `{unknown}` must be a number, not NaN.") from None
        raise NCAError(f"{name}: {explain_invalid(error, type(command))}") from None
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError, OverflowError):
        raise NCAError(f"{name}: its values must be plain numbers, texts, and lists of these.") from None
    return found


def as_size(size: Size | int) -> Size:
    """Return (width, height); one number is the side of a square. Raises NCAError if it is neither."""
    if isinstance(size, bool | str) or not isinstance(size, int | np.integer | Sequence):
        raise NCAError(f"A size is (width, height) in cells, or the side of a square, not {size!r:.60}.")
    return size if isinstance(size, Sequence) else (int(size), int(size))


def as_path(path: npt.ArrayLike) -> tuple[Point, ...]:
    """Return the points of a stroke, given as one (x, y) or as a sequence. Raises NCAError."""
    try:
        points = np.asarray(path)
        points = np.empty(0) if np.iscomplexobj(points) else points.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty(0)
    if points.ndim not in (1, 2) or points.shape[-1] != 2 or not points.size:
        raise NCAError("`path` must be a point (x, y), or a sequence of at least one.")
    if not np.isfinite(points).all():
        raise NCAError("`path` must hold finite numbers.")
    return tuple((x, y) for x, y in points.reshape(-1, 2).tolist())


class JournalEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as it was submitted."""

    tick: Ticks
    """When it was submitted, in 1/TICKS_PER_SECOND s."""
    command: AnyCommand
    at_step: Made | None = None
    """The number of steps that its grid had to make first; None for a command that did not wait."""


def encode(journal: Iterable[JournalEntry]) -> bytes:
    """Return a journal as JSON, one entry per line."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in journal)


def decode(text: bytes) -> list[JournalEntry]:
    """Return the entries that `encode` wrote. Raises NCAError naming the line."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entries.append(msgspec.json.decode(line, type=JournalEntry))
        except msgspec.ValidationError as error:
            raise NCAError(
                f"Line {number} of the journal is not a command: {explain_invalid(error, JournalEntry, FORMS)}"
            ) from None
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise NCAError(f"Line {number} of the journal is not a command: {shortened(str(error))}.") from None
    return entries
