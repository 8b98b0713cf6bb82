"""The changes that commands make to a grid. Grid.edit makes each and notes it in the timeline."""

import msgspec
import numpy as np

from ncaengine.core import brushes, embeddings, lattice, states
from ncaengine.core.brushes import Patch, Point
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.states import Keep
from ncaengine.core.types import F32, U8, Size
from ncaengine.simulation import backdrops, painting
from ncaengine.simulation.commands import Blend, Fill, Paint
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.library import Array


def use(grid: Grid, models: tuple[Model, ...] | None = None, kernel: Kernel | None = None) -> None:
    """Run other models or another kernel. Raises NCAError if they don't fit each other."""
    models, kernel = models or grid.models, kernel or grid.kernel
    channels = models[0].config.channels
    other = channels != grid.model.config.channels
    state = states.with_channels(grid.state(), channels) if other else None
    grid.cells.specialise(models[0], kernel, models[1:])
    if state is not None:
        grid.cells.write(state)
    known = [model.config.textures for model in grid.models] == [model.config.textures for model in models]
    grid.models, grid.kernel = models, kernel
    if not known and grid.fields is not None:  # what its embeddings mean has changed
        maps = grid.default_fields(*grid.size)
        maps[..., : len(FIELDS)] = grid.fields[..., : len(FIELDS)]
        backdrops.use_fields(grid, maps)
    backdrops.refit(grid)


def set_model(grid: Grid, slot: int, model: Model | None) -> None:
    """Put a model into a slot; None removes the models from that slot on. Raises NCAError."""
    models = grid.models
    if model is None and slot == 0:
        raise NCAError("A grid needs its first model; replace it instead.")
    if slot > len(models):
        raise NCAError(f"The grid has {len(models)} models; the next one must go into slot {len(models)}, not {slot}.")
    use(grid, models[:slot] if model is None else (*models[:slot], model, *models[slot + 1 :]))


def resize(grid: Grid, size: Size, keep: Keep) -> None:
    """Change the size; see states.resized. New cells get the fields' defaults. Raises NCAError on a picture."""
    backdrops.check_size(grid, size)
    fresh = states.initial(grid.model, size, grid.rng_seed)
    maps = grid.fields
    if maps is not None:
        maps = states.resized(maps, grid.default_fields(*size), keep, grid.kernel)
    grid.write(states.resized(grid.state(), fresh, keep, grid.kernel), maps)


def reseed(grid: Grid, rng_seed: int) -> None:
    """Go back to the initial state, with another random seed; the fields stay."""
    grid.cells.write(states.initial(grid.model, grid.size, rng_seed))
    grid.rng_seed, grid.step = rng_seed, 0
    grid.pace.restart()


def adjust(grid: Grid, settings: Settings) -> None:
    """Take over all settings except those of the clock."""
    grid.settings = settings.with_clock_of(grid.settings)


def paint(grid: Grid, command: Paint, image: U8 | None, patch: Patch | None) -> None:
    """Paint a stroke. Raises NCAError if its value is out of range or there is nothing to paint with."""
    surface = painting.Surface(grid.model, grid.kernel, grid.size, grid.rng_seed, grid.edit_count)
    if command.tool == "texture":
        texture = embeddings.placed(grid.models, command.texture or "")
        painting.on_texture(surface, command, texture, maps := backdrops.own_fields(grid))
        backdrops.use_fields(grid, maps)
    elif (tool := command.tool) in PLANE:
        maps = backdrops.own_fields(grid)
        if tool == "model":
            if not 0 <= command.value < len(grid.models):
                raise NCAError(f"The grid has {len(grid.models)} models and none in slot {command.value:g}.")
            command = msgspec.structs.replace(command, value=min(round(command.value), len(grid.models) - 1))
        painting.on_field(surface, command, tool, maps)
        backdrops.use_fields(grid, maps)
    else:
        touch = painting.on_state(surface, command, image, patch)
        grid.cells.blend(touch.cells, touch.weight, touch.target)


def fill(grid: Grid, command: Fill) -> None:
    """Fill a whole field. In a fuzzy border between two models, each cell runs one of the two at random."""
    painting.check(command.field, *command.values)
    if command.pattern in brushes.OF_ANGLES and command.field != "angle":
        raise NCAError(f"A {command.pattern} pattern consists of angles and can only fill the alignment.")
    if command.field == "model":
        first, other = (np.float32(round(value)) for value in command.values)
        plane = np.where(_dithered(grid, _pattern(grid, command, (0.0, 1.0))) == 1, other, first)
    else:
        plane = _pattern(grid, command, command.values)
    maps = backdrops.own_fields(grid)
    maps[..., PLANE[command.field]] = plane
    backdrops.use_fields(grid, maps)


def blend(grid: Grid, command: Blend) -> None:
    """Let all cells make a texture, or two in a pattern. Raises NCAError if one isn't the grid's."""
    if command.pattern in brushes.OF_ANGLES:
        raise NCAError(f"A {command.pattern} pattern consists of angles and cannot blend textures.")
    first = embeddings.placed(grid.models, command.texture)
    second = first if command.pattern == "even" else embeddings.placed(grid.models, command.other)
    share = _pattern(grid, command, (0.0, 1.0))
    if first[0] != second[0]:
        share = _dithered(grid, share)
    maps, codes = backdrops.own_fields(grid), [np.array(code, np.float32) for _, code in (first, second)]
    maps[..., len(FIELDS) :] = codes[0] + share[..., None] * (codes[1] - codes[0])
    maps[share == 1, len(FIELDS) :] = codes[1]  # exactly, so that a whole grid of it is one texture
    maps[..., PLANE["model"]] = np.where(share == 1, second[0], first[0])
    backdrops.use_fields(grid, maps)


def _pattern(grid: Grid, command: Fill | Blend, values: tuple[float, float]) -> F32:
    return brushes.pattern(grid.kernel, grid.size, command.pattern, values, command.count, command.fuzz)


def _dithered(grid: Grid, share: F32) -> F32:
    """Return 1 for the cells that a random number below their share chooses, else 0."""
    row, column = (axis.ravel().astype(np.int32) for axis in np.indices(share.shape))
    chosen = brushes.dither(share.ravel(), np.stack([column, row], 1), grid.edit_count, grid.rng_seed)
    return chosen.reshape(share.shape).astype(np.float32)


def load(grid: Grid, array: Array) -> None:
    """Replace the state by (height, width, channels). Raises NCAError if the model has other channels."""
    channels = grid.model.config.channels
    if array.shape[2] != channels:
        raise NCAError(f"The state has {array.shape[2]} channels and the model {grid.model.config.name!r} {channels}.")
    backdrops.check_size(grid, (array.shape[1], array.shape[0]))
    maps = grid.fields if array.shape[:2] == (grid.size[1], grid.size[0]) else None
    grid.write(np.ascontiguousarray(array, np.float32), maps)


def copied(grid: Grid, at: Point, radius: float) -> Patch:
    """Return a copy of the cells within `radius` of a point."""
    column, row = (int(i) for i in lattice.nearest_cell(grid.kernel, *at))
    offsets = brushes.disc(grid.kernel, radius)
    away = offsets.astype(np.int64)
    places = lattice.on_torus(grid.kernel, grid.size, away[:, 0] + column, away[:, 1] + row)
    cells = np.stack(places, 1).astype(np.int32)
    return Patch(grid.kernel, radius, offsets, grid.cells.read_cells(cells))
