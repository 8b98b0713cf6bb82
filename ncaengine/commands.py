"""Commands: every change of a Simulation's state, as data that can be journalled and replayed.

They carry cells and settings, never pixels, so a journal gives the same states at any window size.
A `grid` may be given as its number or as the Grid itself.
"""

import operator
from collections.abc import Iterable
from typing import Annotated

import msgspec

from ncaengine.errors import NCAError
from ncaengine.seeding import Keep, Size

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
    """Take a grid away."""


class SetModel(OnGrid, frozen=True):
    """Run another model on the same state; channels that it lacks are dropped, new ones start at 0."""

    model: str


class SetKernel(OnGrid, frozen=True):
    """Run on another neighbourhood; the state stays."""

    kernel: str


class Resize(OnGrid, frozen=True):
    """Another size, (width, height) in cells. See seeding.resized for `keep`."""

    size: Size
    keep: Keep = "centre"


class Set(OnGrid, frozen=True):
    """One of the settings: steps_per_second, fire_rate or paused (see settings.Settings)."""

    setting: str
    value: float | bool


class Step(OnGrid, frozen=True):
    """Make `count` steps now, paused or not, beside those that the clock asks for."""

    count: Annotated[int, msgspec.Meta(ge=0)] = 1


class Reseed(OnGrid, frozen=True):
    """Back to the model's initial state, with a number that decides its noise and all fire masks."""

    rng_seed: RngSeed


AnyCommand = AddGrid | RemoveGrid | SetModel | SetKernel | Resize | Set | Step | Reseed


def checked(command: AnyCommand) -> AnyCommand:
    """The command, its values checked as those of a journal are. Raises NCAError."""
    try:
        plain = msgspec.to_builtins(command, enc_hook=operator.methodcaller("item"))  # NumPy's numbers
        found: AnyCommand = msgspec.convert(plain, AnyCommand)
    except (msgspec.MsgspecError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said, _, where = str(error).partition(" - at ")
        key = where.strip("`$.") or "command"
        raise NCAError(f"{type(command).__name__} with such a {key} is not possible: {said}.") from None
    return found


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command as submitted at a tick; `at_step` put it off until its grid had made that many steps."""

    tick: int
    command: AnyCommand
    at_step: int | None = None


def encode(journal: Iterable[Entry]) -> bytes:
    """A journal as JSON, an entry a line."""
    return b"".join(msgspec.json.encode(entry) + b"\n" for entry in journal)


def decode(text: bytes) -> list[Entry]:
    """What `encode` wrote. Raises NCAError naming the line."""
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise NCAError(f"Line {number} of the journal is not a command: {error}.") from None
    return entries
