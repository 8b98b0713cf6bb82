"""Scripts: a film of a simulation as a TOML file, with commands at steps or at times.

seconds = 20
[[grids]]
model = "bubbles"            # a file beside the script, or the name of a shipped model
size = [192, 128]
[[commands]]
second = 4.5                 # or `step`, of the grid that the command is for
type = "Resize"              # any command, with its fields; see commands
grid = 1
size = [256, 128]
"""

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.looks import quantise
from ncaengine.core.model import Model
from ncaengine.core.types import U8
from ncaengine.core.validation import explain_invalid
from ncaengine.formats import images, model_files
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import FORMS, AddGrid, AnyCommand, OnGrid
from ncaengine.simulation.simulation import Simulation
from ncaengine.simulation.world import LateError

MAX_BYTES = 4 * 2**20
MAX_SIDE = 8192
"""Pixels of a picture's longer side; a larger one is brought down."""
MAX_SECONDS, MAX_STEP = 24 * 3600, 2**62
Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class ScriptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a script. models, images: further files, by the names that commands use.

    grids: there from the start; `model` is a file, or a shipped model's name.
    """

    grids: Annotated[tuple[AddGrid, ...], msgspec.Meta(min_length=1, max_length=64)]
    seconds: Seconds = 10.0
    models: dict[str, str] = {}
    images: dict[str, str] = {}
    commands: tuple[dict[str, Any], ...] = ()


class ScheduledCommand(NamedTuple):
    """A command, the tick or the step `at` which it comes, and its place in the file, for messages."""

    at: int
    command: AnyCommand
    place: str = ""


@dataclass(frozen=True, eq=False)
class Script:
    """A script that was opened: the grids that it starts with, and commands by tick and by step."""

    seconds: float
    grids: tuple[tuple[Model, AddGrid], ...] = ()
    models: dict[str, Model] = field(default_factory=dict)
    images: dict[str, U8] = field(default_factory=dict)
    at_ticks: tuple[ScheduledCommand, ...] = ()
    at_steps: tuple[ScheduledCommand, ...] = ()
    name: str = "script"

    def late_commands(self) -> str:
        """A sentence about commands that come after the end, or ''."""
        late = [due for due in self.at_ticks if due.at > self.seconds * TICKS_PER_SECOND]
        if not late:
            return ""
        more = f", nor are {len(late) - 1} more" if len(late) > 1 else ""
        return (
            f"{late[0].place} comes at {late[0].at / TICKS_PER_SECOND:g} s, after the script's end at "
            f"{self.seconds:g} s, and is never run{more}."
        )

    def start(self, sim: Simulation) -> None:
        """Add the grids, and let the commands that wait for steps wait.

        Raises NCAError, also for what commands of later name that there is not.
        """
        for name, model in self.models.items():
            sim.register(model, name)
        for name, image in self.images.items():
            sim.register_array(name, image)
        for number, (model, grid) in enumerate(self.grids, 1):
            with _told(f"{self.name}: grid {number}"):
                sim.add(model, grid.size, grid.kernel, grid.steps_per_second, grid.fire_rate, grid.rng_seed)
        for due in self.at_steps:
            with _told(due.place):
                sim.submit(due.command, at_step=due.at)
        made = 0
        for due in self.at_ticks:
            with _told(due.place):
                sim.check(due.command)
                if isinstance(due.command, OnGrid) and not 1 <= due.command.grid < sim.next_id + made:
                    raise NCAError(f"There is no grid {due.command.grid}.")
            made += isinstance(due.command, commands.AddGrid | commands.Duplicate)

    def play(self, sim: Simulation, ticks_per_frame: int) -> Iterator[int]:
        """Let time pass frame by frame to the script's end, each command at its tick; yields the ticks passed."""
        waiting, start = list(self.at_ticks), sim.tick
        end = round(self.seconds * TICKS_PER_SECOND) // ticks_per_frame * ticks_per_frame
        for tick in range(ticks_per_frame, end + 1, ticks_per_frame):
            while waiting and waiting[0].at <= tick:
                due = waiting.pop(0)
                self._pass(sim, start + due.at)
                with _told(due.place):
                    sim.submit(due.command)
            self._pass(sim, start + tick)
            yield tick

    def _pass(self, sim: Simulation, tick: int) -> None:
        try:
            sim.advance(tick - sim.tick)
        except LateError as error:
            step, _, command = error.waiting
            place = next((due.place for due in self.at_steps if (due.at, due.command) == (step, command)), "")
            with _told(place):
                raise


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Problems inside are told with their place in the file."""
    try:
        yield
    except NCAError as error:
        raise NCAError(f"{place}: {error}" if place else str(error)) from None


def load_script(path: Path) -> Script:
    """Read and check a script and all files that it names. Raises NCAError naming the file and the key."""
    with _told(str(path)):
        file = _read(path)
        timed = [_command(path, number, table) for number, table in enumerate(file.commands, 1)]
        models = {name: _model(path.parent, given) for name, given in file.models.items()}
        images = {name: load_picture(path.parent / given) for name, given in file.images.items()}
        grids = tuple((_model(path.parent, grid.model), grid) for grid in file.grids)
    at_ticks = sorted((due for kind, due in timed if kind == "second"), key=attrgetter("at"))
    at_steps = (due for kind, due in timed if kind == "step")
    return Script(file.seconds, grids, models, images, tuple(at_ticks), tuple(at_steps), str(path))


def _read(path: Path) -> ScriptFile:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NCAError("a script is at most 4 MB; this file is something else.")
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), ScriptFile, strict=False)
    except OSError as error:
        raise NCAError(f"cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NCAError(f"is not TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise NCAError(_problem(error)) from None


def _problem(error: msgspec.ValidationError) -> str:
    """What is wrong with a script's form; inside a grid, with the grid's number first."""
    inside = re.fullmatch(r"(.*) - at `\$\.grids\[(\d+)\]\.?(.*)`", str(error), re.DOTALL)
    if not inside:
        return explain_invalid(error, ScriptFile)
    where = f" - at `$.{inside[3]}`" if inside[3] else ""
    return f"grid {int(inside[2]) + 1}: {explain_invalid(msgspec.ValidationError(inside[1] + where), AddGrid)}"


def _command(path: Path, number: int, table: dict[str, Any]) -> tuple[str, ScheduledCommand]:
    form = FORMS.get(str(table.get("type")))
    place = f"command {number} ({form.__name__})" if form else f"command {number}"
    with _told(place):
        when = [key for key in ("second", "step") if key in table]
        if len(when) != 1:
            raise NCAError("it needs either `second` or `step`, to say when.")
        rest = {key: value for key, value in table.items() if key != when[0]}
        at = table[when[0]]
        kinds, most = (int, MAX_STEP) if when[0] == "step" else (int | float, MAX_SECONDS)
        if isinstance(at, bool) or not isinstance(at, kinds) or not 0 <= at <= most:
            whole = "whole number" if when[0] == "step" else "number"
            raise NCAError(f"`{when[0]}` is {at!r}; it must be a {whole} from 0 to {most}.")
        try:
            command: AnyCommand = msgspec.convert(rest, AnyCommand, strict=False)
        except msgspec.ValidationError as error:
            raise NCAError(explain_invalid(error, form or commands.Command, FORMS)) from None
    ticks = int(at) if when[0] == "step" else round(at * TICKS_PER_SECOND)
    return when[0], ScheduledCommand(ticks, commands.checked(command), f"{path}: {place}")


def _model(folder: Path, given: str) -> Model:
    """A model file beside the script, or a shipped one by its name."""
    return model_files.load(model_files.find_file(given, folder))


def load_picture(path: Path) -> U8:
    """A picture to paint with: (height, width, 3) uint8; see images.load_image. Raises NCAError."""
    return quantise(images.load_image(path, MAX_SIDE)[0])
