"""Outlines of a grid's maps: lines where a map's value changes, over a picture whose colours stay as they are."""

import moderngl
import numpy as np
from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.fields import FIELDS, PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.types import F32, F64, I64, U8, Bools
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.canvas.viewport import Viewport

DIRECTIONS = 8
"""Levels of the alignment in a full turn."""
LINE, HALO = (255, 255, 255, 225), (0, 0, 0, 150)
"""RGBA of a line and of the pixels next to it, so that it is visible on any colour."""


def levels(field: Field, values: F32) -> I64:
    """Return the level of each value of a map, a whole number; lines separate cells of different levels.

    Rate and cell scale have a level for each doubling.
    """
    lowest = FIELDS["scale"].low / 4  # for a rate of 0, a cell at rest
    if field == "model":
        level: I64 = np.rint(values).astype(np.int64)
    elif field == "angle":
        level = np.rint(values * (DIRECTIONS / 360)).astype(np.int64) % DIRECTIONS
    else:
        level = np.rint(np.log2(np.maximum(values, lowest))).astype(np.int64)
    return level


def cells_of(kernel: Kernel, size: tuple[int, int], view: View) -> tuple[I64, I64]:
    """Return the stored (column, row) of the cell nearest to each pixel, (height, width) each.

    It does the same as lattice.nearest_cell, but for the whole view at once, some ten times as fast.
    """
    _, (_, by) = kernel.basis
    x: F64 = (np.arange(view.width, dtype=np.float64) + 0.5) / view.scale + view.x
    y: F64 = (np.arange(view.height, dtype=np.float64) + 0.5) / view.scale + view.y
    upper = np.floor(y / by).astype(np.int64)
    # Of the rows above and below each pixel: the nearest column, and the square of the distance along the row.
    rows, at = np.unique([upper, upper + 1], return_inverse=True)
    columns, along = _nearest_in_rows(kernel, x, rows)
    (first, second), down = at.reshape(2, -1), (y - upper * by)[:, None]
    below = along[second] + (by - down) ** 2 < along[first] + down**2
    column = np.where(below, columns[second], columns[first])
    return lattice.on_torus(kernel, size, column, upper[:, None] + below)


def _nearest_in_rows(kernel: Kernel, x: F64, rows: I64) -> tuple[I64, F64]:
    """Return the column nearest to each x in each row, and the square of how far away it is in cell widths."""
    (ax, _), (bx, _) = kernel.basis
    places = x / ax - rows[:, None] * (bx / ax)
    columns = np.rint(places)
    return columns.astype(np.int64), ((places - columns) * ax) ** 2


def outline(grid: Grid, view: View, fields: tuple[Field, ...]) -> U8:
    """Return the lines of some maps in a view: (height, width, 4) uint8 RGBA, transparent where there is none."""
    assert grid.fields is not None
    columns, rows = cells_of(grid.kernel, grid.size, view)
    place = rows * grid.size[0] + columns
    lines: Bools = np.zeros((view.height, view.width), np.bool_)
    for field in fields:
        of_cells = levels(field, grid.fields[..., PLANE[field]])
        if of_cells.min() == of_cells.max():
            continue
        level = of_cells.astype(np.int8).ravel().take(place)
        lines[:, 1:] |= level[:, 1:] != level[:, :-1]
        lines[1:] |= level[1:] != level[:-1]
    around = lines.copy()
    around[:, 1:] |= lines[:, :-1]
    around[:, :-1] |= lines[:, 1:]
    around[1:] |= lines[:-1]
    around[:-1] |= lines[1:]
    colours = np.array([(0, 0, 0, 0), HALO, LINE], np.uint8).view(np.uint32)[:, 0]  # a number each: quicker
    picture = colours.take(around.view(np.uint8) + lines.view(np.uint8))
    return picture[..., None].view(np.uint8)


class MapOutline:
    """The outlines of a grid's maps, computed again only if its maps or its view changed."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._texture: moderngl.Texture | None = None
        self._drawn: tuple[object, ...] = ()

    def show(self, viewport: Viewport, tinted: bool) -> None:
        """Draw the outlines over the pane's picture.

        tinted: whether the picture is tinted by the map that the grid's look names.
        """
        grid = viewport.pane.grid
        if grid.fields is None or not viewport.pane.shows_maps or tinted:
            self.release()
            return
        overlay = grid.look.overlay
        texture = self._updated(grid, viewport.view, (overlay,) if overlay else tuple(FIELDS))
        imgui.get_window_draw_list().add_image(
            imgui.ImTextureRef(texture.glo), (viewport.left, viewport.top), (viewport.right, viewport.bottom)
        )

    def _updated(self, grid: Grid, view: View, fields: tuple[Field, ...]) -> moderngl.Texture:
        if self._texture is None or self._texture.size != (view.width, view.height):
            self.release()
            self._texture = self._ctx.texture((view.width, view.height), 4, alignment=1)
            self._texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        maps = grid.fields  # every edit makes a new array
        if not self._drawn or self._drawn[0] is not maps or self._drawn[1:] != (view, fields):
            self._texture.write(outline(grid, view, fields).tobytes(), alignment=1)
            self._drawn = maps, view, fields
        return self._texture

    def release(self) -> None:
        """Free the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture, self._drawn = None, ()
