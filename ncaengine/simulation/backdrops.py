"""What the commands to a grid that lies on a picture change: the picture, its areas, and the fields that follow them.

Cells outside the areas rest: their rate is 0. Those in and near an area make its texture.
"""

from dataclasses import replace

import numpy as np

from ncaengine.core import backdrops, embeddings, lattice, states
from ncaengine.core.backdrops import Backdrop
from ncaengine.core.embeddings import Placed
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.types import F32, U8, Size
from ncaengine.simulation.commands import Mark, SetBackdrop
from ncaengine.simulation.grid import Grid


def own_fields(grid: Grid) -> F32:
    """Return a copy of the grid's fields; moments of the timeline share the original."""
    return grid.default_fields(*grid.size) if grid.fields is None else grid.fields.copy()


def use_fields(grid: Grid, maps: F32) -> None:
    """Run with these fields; with none if all have their defaults, which is faster."""
    grid.fields = None if (maps == grid.default_fields(1, 1)).all() else maps
    grid.cells.write_fields(grid.fields)


def lay(grid: Grid, command: SetBackdrop, picture: U8 | None) -> None:
    """Lay a picture under a grid, change how its areas fade, or take it away."""
    here = grid.backdrop
    if picture is None:
        _take_away(grid)
    elif here and (here.name, here.cell) == (command.image, command.cell):
        grid.backdrop = replace(here, feather=command.feather)
        grid.changes += 1
    else:
        fresh = backdrops.backdrop(command.image, picture, command.cell, command.feather)
        size = backdrops.grid_size(grid.kernel, fresh.size, command.cell)
        maps = grid.default_fields(*size)
        maps[..., PLANE["rate"]] = 0
        grid.write(states.initial(grid.model, size, grid.rng_seed), maps)
        grid.backdrop = fresh


def _take_away(grid: Grid) -> None:
    if grid.backdrop is None:
        raise NCAError("There is no picture under this grid.")
    maps, asleep = own_fields(grid), grid.backdrop.cells(grid.kernel, grid.size) == 0
    maps[asleep, PLANE["rate"]] = FIELDS["rate"].default
    grid.backdrop = None
    use_fields(grid, maps)
    grid.changes += 1


def mark(grid: Grid, command: Mark) -> None:
    """Mark an area. Raises NCAError if the grid lies on no picture, or has no such texture."""
    here = grid.backdrop
    if here is None:
        raise NCAError("There is no picture under this grid; open one first, to mark areas of it.")
    if command.texture:
        embeddings.placed(grid.models, command.texture)
    path, shape = _on_picture(grid, command), here.labels.shape
    if command.shape == "wand":
        area = backdrops.joined(here, path[-1], command.tolerance)
    elif command.shape == "lasso":
        area = backdrops.enclosed(shape, path)
    else:
        area = backdrops.brushed(shape, path, command.radius)
    before = here.cells(grid.kernel, grid.size)
    grid.backdrop = here.marked(area, command.texture)
    _follow(grid, before)


def refit(grid: Grid) -> None:
    """Let a grid cover its picture, and its cells make its areas' textures, after its kernel or a model changed."""
    if grid.backdrop:
        size = backdrops.grid_size(grid.kernel, grid.backdrop.size, grid.backdrop.cell)
        if size != grid.size:
            maps = states.resized(own_fields(grid), grid.default_fields(*size), "corner", grid.kernel)
            fresh = states.initial(grid.model, size, grid.rng_seed)
            grid.write(states.resized(grid.state(), fresh, "corner", grid.kernel), maps)
        _follow(grid, None)


def check_size(grid: Grid, size: Size) -> None:
    """Raise NCAError for another size than the grid's, if it lies on a picture."""
    if grid.backdrop and size != grid.size:
        raise NCAError("The grid has the size of the picture under it; take the picture away first, to change it.")


def _on_picture(grid: Grid, command: Mark) -> list[tuple[float, float]]:
    """Return the command's path on the picture's raster: its first point lies on it, if there is a copy that does."""
    corner, extent = lattice.corner(grid.kernel), lattice.extent(grid.kernel, grid.size)
    first = (np.asarray(command.path[0]) - corner) // extent * extent
    points: list[tuple[float, float]] = (np.asarray(command.path) - corner - first).tolist()
    return points


def _follow(grid: Grid, before: U8 | None) -> None:
    """Let cells rest, or make their area's texture, where that has changed; None: everywhere."""
    here = grid.backdrop
    assert here
    maps, now = own_fields(grid), here.cells(grid.kernel, grid.size)
    changed = np.ones(now.shape, np.bool_) if before is None else now != before
    rate = FIELDS["rate"].default
    woken = changed & (now > 0) & (maps[..., PLANE["rate"]] == 0)
    maps[changed & (now == 0), PLANE["rate"]] = 0
    maps[woken, PLANE["rate"]] = rate
    for number, (slot, code) in enumerate(_textures(grid, here), 1):
        cells = changed & (now == number)
        if cells.any():
            maps[cells, PLANE["model"]] = slot
            maps[cells, len(FIELDS) :] = code
    use_fields(grid, maps)
    grid.changes += 1


def _textures(grid: Grid, here: Backdrop) -> list[Placed]:
    """Return what cells of each area hold. A texture that the grid no longer has becomes its first."""
    known = grid.textures
    return [known.get(name) or next(iter(known.values())) for name in here.textures]
