"""The cell overlay: details of each cell when zoomed in, the cell under the pointer, and marks of pinned cells."""

import math
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from imgui_bundle import ImVec4, imgui

from ncaengine.core import lattice, looks
from ncaengine.core.lattice import View
from ncaengine.core.types import F32, F64
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import display_modes
from ncaengine.viewer.canvas.viewport import Viewport
from ncaengine.viewer.kit.theme import u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.probe import HUES

FADE = 1.6
"""The factor in size between cells whose details begin to appear and cells whose details are fully visible."""
LEAST_SIZE, MOST_SIZE = 40.0, 80.0
"""The size of a cell from which its details appear, in window units; up to the second where many cells are visible."""
MOST_CELLS = 400
"""Cells that may have details when these appear. Measured: Python draws about 40 in a millisecond."""
LEAST_BAR = 2.0
"""The least width of a channel's bar, in window units. Channels whose bars don't fit are omitted."""
LEFT = int(imgui.MouseButton_.left)


def colour_of(code: str) -> ImVec4:
    """Return a colour given as hexadecimal RRGGBB."""
    red, green, blue = bytes.fromhex(code)
    return ImVec4(red / 255, green / 255, blue / 255, 1)


DARK, LIGHT = colour_of("0a0d12"), colour_of("f5f7f2")
CHANNEL_COLOURS = (colour_of("ff6b5e"), colour_of("5fd068"), colour_of("64a4ff"))
"""Colours for the values of the red, green and blue channels."""


@dataclass(frozen=True, eq=False)
class CellDetails:
    """What is drawn over n cells."""

    x: F64
    """(n,), the cells' middles in pixels of the picture."""
    y: F64
    """(n,)"""
    state: F32
    """(n, channels)"""
    gradient: F32
    """(n, 2), the gradient of the brightness, per cell width."""


class CellOverlay:
    """It keeps what was read from the grids when they last changed."""

    def __init__(self) -> None:
        self._read: WeakKeyDictionary[Grid, tuple[object, CellDetails | None]] = WeakKeyDictionary()

    def show(self, app: App, viewport: Viewport) -> None:
        """Draw over a picture. The canvas's button must be the last item."""
        grid = viewport.pane.grid
        _handle_pointer(app, viewport)
        trace = app.probe.trace(grid)
        trace.sample(grid)
        draw = imgui.get_window_draw_list()
        draw.push_clip_rect((viewport.left, viewport.top), (viewport.right, viewport.bottom), True)
        strength = _strength(grid, viewport) if app.prefs.details else 0.0
        details = self._details(grid, viewport.view) if strength > 0 else None
        app.probe.detailed[grid.id] = 0 if details is None else len(details.x)
        if details is not None:
            _draw_details(details, grid, viewport, strength)
        for number, (column, row) in trace.cells.items():
            places = lattice.places_of_cell(grid.kernel, grid.size, viewport.view, column, row)
            for x, y in zip(*places, strict=True):
                left, top = viewport.left + x / viewport.pixel_ratio, viewport.top + y / viewport.pixel_ratio
                _ring(left, top, viewport.cell_size, number)
        draw.pop_clip_rect()

    def _details(self, grid: Grid, view: View) -> CellDetails | None:
        """Return the details of the visible cells, or None if there are too many. Read again only after a change."""
        key = (grid.changes, view)
        if self._read.get(grid, (None,))[0] != key:
            margin = math.ceil(view.scale / 2)  # for cells of which at most a half is visible
            wide, high = view.width + 2 * margin, view.height + 2 * margin
            around = View(wide, high, view.scale, view.x - margin / view.scale, view.y - margin / view.scale)
            columns, rows, x, y = lattice.visible_cells(grid.kernel, grid.size, around, 4 * MOST_CELLS)
            details = None
            if len(x):
                colour, read = grid.model.config.colour, grid.cells.read_cells
                state, gradient = looks.state_and_gradient(grid.kernel, grid.size, columns, rows, colour, read)
                details = CellDetails(x - margin, y - margin, state, gradient)
            self._read[grid] = key, details
        return self._read[grid][1]


def _strength(grid: Grid, viewport: Viewport) -> float:
    """Return how strongly details are drawn, 0 … 1: more from LEAST_SIZE on, or from where MOST_CELLS are visible."""
    (ax, _), (_, by) = grid.kernel.basis
    area = viewport.view.width * viewport.view.height / viewport.pixel_ratio**2
    start = max(LEAST_SIZE, min(math.sqrt(area / MOST_CELLS / (ax * by)), MOST_SIZE))
    share = min(max((viewport.cell_size / start - 1) / (FADE - 1), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _handle_pointer(app: App, viewport: Viewport) -> None:
    """Note the cell under the pointer. Alt-click pins it, whatever tool is taken."""
    probe, grid, view, pointer = app.probe, viewport.pane.grid, viewport.view, imgui.get_io().mouse_pos
    x, y = (pointer.x - viewport.left) * viewport.pixel_ratio, (pointer.y - viewport.top) * viewport.pixel_ratio
    if viewport.hovered and 0 <= x < view.width and 0 <= y < view.height:
        probe.pointed, probe.live = (grid, lattice.cell_at(grid.kernel, grid.size, view, x, y)), True
        if imgui.get_io().key_alt and imgui.is_mouse_clicked(LEFT):
            display_modes.toggle_pin(app)
    elif probe.pointed and probe.pointed[0] is grid:
        probe.live = False


def _draw_details(details: CellDetails, grid: Grid, viewport: Viewport, strength: float) -> None:
    """Draw bars in the lower half of each cell and an arrow in the upper half."""
    (ax, _), (_, by) = grid.kernel.basis
    unit = viewport.cell_size * min(ax, by / 0.866, 1.0)
    x, y = viewport.left + details.x / viewport.pixel_ratio, viewport.top + details.y / viewport.pixel_ratio
    _bars(x, y + 0.17 * unit, 0.66 * unit, 0.17 * unit, details.state, strength)
    _arrows(x, y - 0.23 * unit, 0.38 * unit, details.gradient, strength)


def _bars(x: F64, y: F64, width: float, height: float, state: F32, strength: float) -> None:
    """Draw each cell's channels on a dark plate, as bars up to `height` long from a base line at (x, y)."""
    draw = imgui.get_window_draw_list()
    count = min(state.shape[1], int(width / LEAST_BAR))
    pitch = width / count
    plate, line, light = u32(DARK, 0.62 * strength), u32(LIGHT, 0.35 * strength), u32(LIGHT, 0.88 * strength)
    inks = [u32(colour, strength) for colour in CHANNEL_COLOURS][:count] + [light] * (count - 3)
    padding, thickness = 0.06 * width, 0.72 * pitch
    offsets = ((np.arange(count) + 0.5) * pitch - width / 2).tolist()
    ends = (y[:, None] - height * np.tanh(np.clip(np.nan_to_num(state[:, :count]), -8, 8) * 1.5)).tolist()
    for middle, base, tops in zip(x.tolist(), y.tolist(), ends, strict=True):
        low = (middle - width / 2 - padding, base - height - padding)
        high = (middle + width / 2 + padding, base + height + padding)
        draw.add_rect_filled(low, high, plate, padding)
        draw.add_line_h(low[0] + padding, high[0] - padding, base, line, 1.0)
        for offset, top, ink in zip(offsets, tops, inks, strict=True):
            draw.add_line_v(middle + offset, min(top, base), max(top, base), ink, thickness)


def _arrows(x: F64, y: F64, length: float, gradient: F32, strength: float) -> None:
    """Draw arrows centred at (x, y) that point to where it is brighter.

    They are at most `length` long, and half of that for a gradient of a tenth a cell.
    """
    draw = imgui.get_window_draw_list()
    gradient = np.clip(np.nan_to_num(gradient), -8, 8)
    size = np.hypot(*gradient.T)
    vectors = (length * np.tanh(5.5 * size) / np.maximum(size, 1e-9))[:, None] * gradient
    halo, ink = u32(DARK, 0.85 * strength), u32(LIGHT, strength)
    thickness, head = max(1.2, 0.035 * length), 0.24 * length
    for px, py, dx, dy in zip(x.tolist(), y.tolist(), *vectors.T.tolist(), strict=True):
        long = math.hypot(dx, dy)
        if long < 2 * thickness:
            draw.add_circle_filled((px, py), thickness + 1, halo)
            draw.add_circle_filled((px, py), thickness, ink)
            continue
        ux, uy, tip = dx / long, dy / long, min(head, 0.6 * long)
        tail = (px - dx / 2, py - dy / 2)
        for margin, colour in ((1.2, halo), (0.0, ink)):
            end, wide, deep = long / 2 + 1.3 * margin, 0.42 * tip + margin, tip + 2 * margin
            neck = (px + ux * (end - deep), py + uy * (end - deep))
            draw.add_line(tail, neck, colour, thickness + 2 * margin)
            draw.add_triangle_filled(
                (px + ux * end, py + uy * end),
                (neck[0] - uy * wide, neck[1] + ux * wide),
                (neck[0] + uy * wide, neck[1] - ux * wide),
                colour,
            )


def _ring(x: float, y: float, cell: float, number: int) -> None:
    """Draw the mark of a pinned cell."""
    draw, radius = imgui.get_window_draw_list(), max(0.46 * cell, 5.0)
    draw.add_circle((x, y), radius, u32(DARK, 0.8), thickness=4.5)
    draw.add_circle((x, y), radius, u32(colour_of(HUES[number])), thickness=2.2)
