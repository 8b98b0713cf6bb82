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

import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from ncaengine import commands, files, resources
from ncaengine.clock import TICKS_PER_SECOND
from ncaengine.commands import AnyCommand, RngSeed
from ncaengine.errors import NCAError
from ncaengine.model import Model
from ncaengine.seeding import Size
from ncaengine.simulation import Simulation
from ncaengine.view import U8

MAX_BYTES = 4 * 2**20
MAX_PIXELS = 2**26
MAX_SECONDS, MAX_STEP = 24 * 3600, 2**62
Seconds = Annotated[float, msgspec.Meta(gt=0, le=MAX_SECONDS)]


class ScriptGrid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grid that is there from the start; see commands.AddGrid. `model`: a file, or a shipped model's name."""

    model: str
    size: Size = (256, 256)
    kernel: str = "square"
    steps_per_second: float = 60.0
    fire_rate: float | None = None
    rng_seed: RngSeed = 0


class ScriptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a script. models, images: further files, by the names that commands use."""

    grids: Annotated[tuple[ScriptGrid, ...], msgspec.Meta(min_length=1, max_length=64)]
    seconds: Seconds = 10.0
    models: dict[str, str] = {}
    images: dict[str, str] = {}
    commands: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Script:
    """A script that was opened: the grids that it starts with, and commands by tick and by step."""

    seconds: float
    grids: tuple[tuple[Model, ScriptGrid], ...] = ()
    models: dict[str, Model] = field(default_factory=dict)
    images: dict[str, U8] = field(default_factory=dict)
    at_ticks: tuple[tuple[int, AnyCommand], ...] = ()
    at_steps: tuple[tuple[int, AnyCommand], ...] = ()

    def start(self, sim: Simulation) -> None:
        """Add the grids, and let the commands that wait for steps wait. Raises NCAError."""
        for name, model in self.models.items():
            sim.register(model, name)
        for name, image in self.images.items():
            sim.register_array(name, image)
        for model, grid in self.grids:
            sim.add(model, grid.size, grid.kernel, grid.steps_per_second, grid.fire_rate, grid.rng_seed)
        for step, command in self.at_steps:
            sim.submit(command, at_step=step)

    def play(self, sim: Simulation, ticks_per_frame: int) -> Iterator[int]:
        """Let time pass frame by frame to the script's end, each command at its tick; yields the ticks passed."""
        waiting, start = list(self.at_ticks), sim.tick
        end = round(self.seconds * TICKS_PER_SECOND) // ticks_per_frame * ticks_per_frame
        for tick in range(ticks_per_frame, end + 1, ticks_per_frame):
            while waiting and waiting[0][0] <= tick:
                at, command = waiting.pop(0)
                sim.advance(start + at - sim.tick)
                sim.submit(command)
            sim.advance(start + tick - sim.tick)
            yield tick


def load(path: Path) -> Script:
    """Read and check a script and all files that it names. Raises NCAError naming the file and the key."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NCAError(f"{path}: a script is at most 4 MB; this file is something else.")
        table = tomllib.loads(path.read_text("utf-8"))
        file = msgspec.convert(table, ScriptFile, strict=False)
    except OSError as error:
        raise NCAError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NCAError(f"{path}: is not TOML: {error}.") from None
    except msgspec.ValidationError as error:
        raise NCAError(f"{path}: {error}.") from None
    try:
        timed = [_command(number, table) for number, table in enumerate(file.commands, 1)]
        models = {name: _model(path.parent, given) for name, given in file.models.items()}
        images = {name: open_image(path.parent / given) for name, given in file.images.items()}
        grids = tuple((_model(path.parent, grid.model), grid) for grid in file.grids)
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    at_ticks = [(round(at * TICKS_PER_SECOND), command) for kind, at, command in timed if kind == "second"]
    at_steps = [(int(at), command) for kind, at, command in timed if kind == "step"]
    at_ticks.sort(key=lambda entry: entry[0])
    return Script(file.seconds, grids, models, images, tuple(at_ticks), tuple(at_steps))


def _command(number: int, table: dict[str, Any]) -> tuple[str, float, AnyCommand]:
    when = [key for key in ("second", "step") if key in table]
    if len(when) != 1:
        raise NCAError(f"command {number} needs either `second` or `step`, to say when.")
    rest = {key: value for key, value in table.items() if key != when[0]}
    at = table[when[0]]
    kinds, most = (int, MAX_STEP) if when[0] == "step" else (int | float, MAX_SECONDS)
    if isinstance(at, bool) or not isinstance(at, kinds) or not 0 <= at <= most:
        whole = "whole number" if when[0] == "step" else "number"
        raise NCAError(f"command {number}: `{when[0]}` is {at!r}; it must be a {whole} from 0 to {most}.")
    try:
        command: AnyCommand = msgspec.convert(rest, AnyCommand, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"command {number}: {error}.") from None
    return when[0], at, commands.checked(command)


def _model(folder: Path, given: str) -> Model:
    """A model file beside the script, or a shipped one by its name."""
    shipped = resources.folder("assets") / f"{given}.safetensors"
    if "/" not in given and "." not in given and shipped.is_file():
        return files.load(shipped)
    return files.load(folder / given)


def open_image(path: Path) -> U8:
    """A picture from a file: (height, width, 3) uint8. Raises NCAError."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:  # of large ones, told here
            if picture.width * picture.height > MAX_PIXELS:
                raise NCAError(f"{path}: has {picture.width}x{picture.height} pixels; 64 million are the most.")
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NCAError(
            f"{path}: cannot be opened as a picture ({getattr(error, 'strerror', None) or error})."
        ) from None
