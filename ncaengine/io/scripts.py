"""Scripts: TOML files that describe a film of a simulation, with commands at steps or at times.

seconds = 20
[[grids]]
model = "bubbles"            # a file in the script's folder, or the name of a shipped model
size = [192, 128]
[[commands]]
second = 4.5                 # or `step`, of the command's grid
type = "Resize"              # any command, with its fields; see simulation.commands
grid = 1
size = [256, 128]
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.files import errors_named, reason
from ncaengine.core.looks import quantise
from ncaengine.core.model import Model
from ncaengine.core.types import U8
from ncaengine.core.validation import explain_invalid, shown
from ncaengine.formats import images, model_files
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import FORMS, AddGrid, AnyCommand, OnGrid
from ncaengine.simulation.simulation import Simulation
from ncaengine.simulation.world import LateError

MAX_BYTES = bounds.SCRIPT_BYTES
MAX_SIDE = 8192
"""Pixels of a picture's longer side; larger pictures are scaled down."""
MAX_SECONDS, MAX_STEP = bounds.SECONDS.high, bounds.MADE.high
Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class ScriptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a script."""

    grids: Annotated[tuple[AddGrid, ...], msgspec.Meta(min_length=1, max_length=int(bounds.FIRST_GRIDS.high))]
    """The grids at the start; `model` is a file or the name of a shipped model."""
    seconds: Seconds = 10.0
    """The length of the film."""
    models: dict[str, str] = {}
    """More models, files or shipped, by the names that commands use. Shipped ones need no entry."""
    images: dict[str, str] = {}
    """Image files by the names that commands use."""
    commands: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(max_length=int(bounds.COMMANDS.high))] = ()
    """Commands as tables, each with `second` or `step`."""


class ScheduledCommand(NamedTuple):
    """A command of a script."""

    at: int
    """The tick or the step at which to submit it."""
    command: AnyCommand
    place: str = ""
    """The file and the command's number in it, for messages."""


@dataclass(frozen=True, eq=False)
class Script:
    """An opened script."""

    seconds: float
    """The length of the film."""
    grids: tuple[tuple[Model, AddGrid], ...] = ()
    """The grids at the start."""
    models: dict[str, Model] = field(default_factory=dict)
    """More models, by the names that commands use."""
    images: dict[str, U8] = field(default_factory=dict)
    """Images, (height, width, 3) uint8, by the names that commands use."""
    at_ticks: tuple[ScheduledCommand, ...] = ()
    """Commands at times, in order."""
    at_steps: tuple[ScheduledCommand, ...] = ()
    """Commands at steps of their grids."""
    name: str = "script"
    """The file, for messages."""
    dropped: tuple[str, ...] = ()
    """What of its images is not used, a sentence each."""

    def late_commands(self) -> str:
        """Return a warning about commands that come after the end; '' if there are none."""
        late = [due for due in self.at_ticks if due.at > self.seconds * TICKS_PER_SECOND]
        if not late:
            return ""
        more = f"; so do {len(late) - 1} more" if len(late) > 1 else ""
        return (
            f"{late[0].place} comes at {late[0].at / TICKS_PER_SECOND:g} s, after the script's end at "
            f"{self.seconds:g} s, and won't run{more}."
        )

    def start(self, sim: Simulation) -> None:
        """Add the grids, and submit the commands that wait for steps.

        Raises NCAError, also if a later command names something that does not exist.
        """
        for name, model in self.models.items():
            sim.register(model, name)
        for name, image in self.images.items():
            sim.register_array(name, image)
        for number, (model, grid) in enumerate(self.grids, 1):
            with _errors_at(f"{self.name}: grid {number}"):
                sim.add(model, grid.size, grid.kernel, grid.steps_per_second, grid.fire_rate, grid.rng_seed)
        later = self._without_grid(sim)
        for due in self.at_steps:
            if due not in later:
                with _errors_at(due.place):
                    sim.submit(due.command, at_step=due.at)
        grids = sim.engine.world.next_id
        for due in (*self.at_ticks, *later):
            with _errors_at(due.place):
                sim.engine.check(due.command)
                if isinstance(due.command, OnGrid) and not 1 <= due.command.grid < grids:
                    raise NCAError(f"There is no grid {due.command.grid}.")
            grids += isinstance(due.command, commands.AddGrid | commands.Duplicate)

    def _without_grid(self, sim: Simulation) -> list[ScheduledCommand]:
        """Return the commands at steps of grids that an earlier command has yet to add."""
        return [due for due in self.at_steps if isinstance(due.command, OnGrid) and due.command.grid not in sim.grids]

    def play(self, sim: Simulation, ticks_per_frame: int | Fraction) -> Iterator[int]:
        """Run frame by frame to the script's end, submit each command at its tick, and yield the ticks passed."""
        waiting, later, start = list(self.at_ticks), self._without_grid(sim), sim.tick
        for number in range(1, int(round(self.seconds * TICKS_PER_SECOND) / Fraction(ticks_per_frame)) + 1):
            tick = round(number * ticks_per_frame)
            while waiting and waiting[0].at <= tick:
                due = waiting.pop(0)
                self._advance_to(sim, start + due.at)
                with _errors_at(due.place):
                    sim.submit(due.command)
                for due in [due for due in later if due.command.grid in sim.grids]:  # type: ignore[union-attr]
                    later.remove(due)
                    with _errors_at(due.place):
                        sim.submit(due.command, at_step=due.at)
            self._advance_to(sim, start + tick)
            yield tick

    def unreached(self, sim: Simulation) -> str:
        """Return a warning about commands that still wait for their steps at the end; '' if there are none."""
        waiting = [(step, command) for grid in sim.grids.values() for step, _, command in grid.waiting]
        left = [due for due in self.at_steps if (due.at, due.command) in waiting]
        if not left:
            return ""
        more = f"; nor did {len(left) - 1} more" if len(left) > 1 else ""
        return f"{left[0].place} did not run, because its grid did not reach step {left[0].at:,} in time{more}."

    def _advance_to(self, sim: Simulation, tick: int) -> None:
        try:
            sim.advance(tick - sim.tick)
        except LateError as error:
            step, _, command = error.waiting
            place = next((due.place for due in self.at_steps if (due.at, due.command) == (step, command)), "")
            with _errors_at(place):
                raise


@contextmanager
def _errors_at(place: str) -> Iterator[None]:
    """Add a place in the file to the message of any NCAError raised inside."""
    try:
        yield
    except NCAError as error:
        raise NCAError(f"{place}: {error}" if place else str(error)) from None


def load_script(path: Path) -> Script:
    """Read and check a script and all files that it names. Raises NCAError with the file and the key."""
    with errors_named(path):
        file = _read_file(path)
        timed = [_parse_command(path, number, table) for number, table in enumerate(file.commands, 1)]
        models = {name: _load_model(path.parent, given) for name, given in file.models.items()}
        shipped = _shipped(due.command for _, due in timed) - set(models)
        models |= {name: model_files.load(name) for name in sorted(shipped)}
        loaded = {name: load_picture(path.parent / given) for name, given in file.images.items()}
        grids = tuple((_load_model(path.parent, grid.model), grid) for grid in file.grids)
    at_ticks = sorted((due for kind, due in timed if kind == "second"), key=attrgetter("at"))
    at_steps = (due for kind, due in timed if kind == "step")
    images = {name: picture for name, (picture, _) in loaded.items()}
    dropped = tuple(f"{file.images[name]}: {dropped}." for name, (_, dropped) in loaded.items() if dropped)
    return Script(file.seconds, grids, models, images, tuple(at_ticks), tuple(at_steps), str(path), dropped)


def _read_file(path: Path) -> ScriptFile:
    try:
        return msgspec.convert(inputs.parse_toml(inputs.read_input(path, MAX_BYTES)), ScriptFile, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(_explain(error)) from None
    except ValueError as error:  # a name that no file can have
        raise NCAError(f"cannot be read ({reason(error)}).") from None  # load_script adds the path


def _explain(error: msgspec.ValidationError) -> str:
    """Return what is wrong with a script's keys, with the grid's number first if it is inside a grid."""
    inside = re.fullmatch(r"(.*) - at `\$\.grids\[(\d+)\]\.?(.*)`", str(error), re.DOTALL)
    if not inside:
        return explain_invalid(error, ScriptFile)
    where = f" - at `$.{inside[3]}`" if inside[3] else ""
    return f"grid {int(inside[2]) + 1}: {explain_invalid(msgspec.ValidationError(inside[1] + where), AddGrid)}"


def _parse_command(path: Path, number: int, table: dict[str, Any]) -> tuple[str, ScheduledCommand]:
    form = FORMS.get(str(table.get("type")))
    place = f"command {number} ({form.__name__})" if form else f"command {number}"
    with _errors_at(place):
        when = [key for key in ("second", "step") if key in table]
        if len(when) != 1:
            raise NCAError("give either `second` or `step`.")
        rest = {key: value for key, value in table.items() if key != when[0]}
        at = table[when[0]]
        kinds, most = (int, MAX_STEP) if when[0] == "step" else (int | float, MAX_SECONDS)
        if isinstance(at, bool) or not isinstance(at, kinds) or not 0 <= at <= most:
            whole = "whole number" if when[0] == "step" else "number"
            raise NCAError(f"`{when[0]}` is {shown(at)}; it must be a {whole} from 0 to {most}.")
        try:
            command: AnyCommand = msgspec.convert(rest, AnyCommand, strict=False)
        except msgspec.ValidationError as error:
            raise NCAError(explain_invalid(error, form or commands.Command, FORMS)) from None
        command = commands.checked(command)
    ticks = int(at) if when[0] == "step" else round(at * TICKS_PER_SECOND)
    return when[0], ScheduledCommand(ticks, command, f"{path}: {place}")


def _load_model(folder: Path, given: str) -> Model:
    """Load a model file from the script's folder, or a shipped model by its name."""
    return model_files.load(model_files.find_file(given, folder))


def _shipped(given: Iterable[AnyCommand]) -> set[str]:
    """Return the names of shipped models that commands give."""
    named = {each.model for each in given if isinstance(each, commands.SetModel | AddGrid)}
    return named & {path.stem for path in model_files.shipped_models()}


def load_picture(path: Path) -> tuple[U8, str]:
    """Load a picture to paint with; see images.load_image. Raises NCAError.

    Returns the picture, (height, width, 3) uint8, and what of the file is not in it, or ''.
    """
    loaded = images.load_image(path, MAX_SIDE)
    return quantise(loaded.picture), loaded.dropped
