"""The lens: over a picture, what is known of each cell when it is close, and of the cell under the pointer."""

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
from ncaengine.viewer.canvas.viewport import Spot
from ncaengine.viewer.kit.theme import u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.probe import HUES

FADE = 1.6
"""How much larger than at their first shimmer cells are when their details are wholly there."""
FROM, LATEST = 40.0, 80.0
"""Size of a cell, in the window, from which its details appear; later where it would be too many."""
MOST = 400
"""Cells that may have details when these appear; Python draws about 40 in a millisecond."""
BAR = 2.0
"""The least width of a channel's bar; channels for which there is no room are left out."""
LEFT = int(imgui.MouseButton_.left)


def hue(code: str) -> ImVec4:
    """A colour as hexadecimal RRGGBB."""
    red, green, blue = bytes.fromhex(code)
    return ImVec4(red / 255, green / 255, blue / 255, 1)


DARK, LIGHT = hue("0a0d12"), hue("f5f7f2")
TONES = (hue("ff6b5e"), hue("5fd068"), hue("64a4ff"))
"""Of the bars of red, green and blue."""


@dataclass(frozen=True, eq=False)
class Close:
    """What is drawn upon n cells: their middles in pixels of the picture, states, and gradients of brightness."""

    x: F64
    y: F64
    state: F32
    gradient: F32


class Lens:
    """It holds what was read of the grids when they last changed."""

    def __init__(self) -> None:
        self._read: WeakKeyDictionary[Grid, tuple[object, Close | None]] = WeakKeyDictionary()

    def show(self, app: App, spot: Spot) -> None:
        """Draw over a picture; the canvas's button is the last item."""
        grid = spot.pane.grid
        _point(app, spot)
        trace = app.probe.trace(grid)
        trace.sample(grid)
        draw = imgui.get_window_draw_list()
        right, bottom = (side / spot.density for side in (spot.view.width, spot.view.height))
        draw.push_clip_rect((spot.left, spot.top), (spot.left + right, spot.top + bottom), True)
        strength = _strength(grid, spot) if app.prefs.details else 0.0
        found = self._close(grid, spot.view) if strength > 0 else None
        app.probe.detailed[grid.id] = 0 if found is None else len(found.x)
        if found is not None:
            _details(found, grid, spot, strength)
        for number, (column, row) in trace.cells.items():
            for x, y in zip(*lattice.places_of_cell(grid.kernel, grid.size, spot.view, column, row), strict=True):
                _ring(spot.left + x / spot.density, spot.top + y / spot.density, spot.cell, number)
        draw.pop_clip_rect()

    def _close(self, grid: Grid, seen: View) -> Close | None:
        """What is to be drawn, read anew if the grid or the view changed; None if it is too much."""
        key = (grid.changes, seen)
        if self._read.get(grid, (None,))[0] != key:
            rim = math.ceil(seen.scale / 2)  # of cells of which a half is seen at most
            wide, high = seen.width + 2 * rim, seen.height + 2 * rim
            around = View(wide, high, seen.scale, seen.x - rim / seen.scale, seen.y - rim / seen.scale)
            columns, rows, x, y = lattice.visible_cells(grid.kernel, grid.size, around, 4 * MOST)
            found = None
            if len(x):
                read = grid.cells.read_cells
                found = Close(
                    x - rim, y - rim,
                    *looks.state_and_gradient(grid.kernel, grid.size, columns, rows, grid.model.config.colour, read),
                )  # fmt: skip
            self._read[grid] = key, found
        return self._read[grid][1]


def _strength(grid: Grid, spot: Spot) -> float:
    """How strongly details show, 0 … 1: from FROM on, or from where MOST cells are seen."""
    (ax, _), (_, by) = grid.kernel.basis
    area = spot.view.width * spot.view.height / spot.density**2
    start = max(FROM, min(math.sqrt(area / MOST / (ax * by)), LATEST))
    along = min(max((spot.cell / start - 1) / (FADE - 1), 0.0), 1.0)
    return along * along * (3 - 2 * along)


def _point(app: App, spot: Spot) -> None:
    """Note the cell under the pointer; a click with Alt pins it."""
    probe, grid, pointer = app.probe, spot.pane.grid, imgui.get_io().mouse_pos
    x, y = (pointer.x - spot.left) * spot.density, (pointer.y - spot.top) * spot.density
    if spot.hovered and 0 <= x < spot.view.width and 0 <= y < spot.view.height:
        probe.pointed, probe.live = (grid, lattice.cell_at(grid.kernel, grid.size, spot.view, x, y)), True
        if imgui.get_io().key_alt and not app.brush.active and imgui.is_mouse_clicked(LEFT):
            display_modes.toggle_pin(app)
    elif probe.pointed and probe.pointed[0] is grid:
        probe.live = False


def _details(found: Close, grid: Grid, spot: Spot, strength: float) -> None:
    """Bars in the lower half of each cell, an arrow in the upper one."""
    (ax, _), (_, by) = grid.kernel.basis
    unit = spot.cell * min(ax, by / 0.866, 1.0)
    x, y = spot.left + found.x / spot.density, spot.top + found.y / spot.density
    _bars(x, y + 0.17 * unit, 0.66 * unit, 0.17 * unit, found.state, strength)
    _arrows(x, y - 0.23 * unit, 0.38 * unit, found.gradient, strength)


def _bars(x: F64, y: F64, width: float, height: float, state: F32, strength: float) -> None:
    """Each cell's channels about a base line at (x, y), up to `height` for values far from 0, on a dark plate."""
    draw = imgui.get_window_draw_list()
    count = min(state.shape[1], int(width / BAR))
    step = width / count
    plate, line, light = u32(DARK, 0.62 * strength), u32(LIGHT, 0.35 * strength), u32(LIGHT, 0.88 * strength)
    inks = [u32(tone, strength) for tone in TONES][:count] + [light] * (count - 3)
    pad, thick = 0.06 * width, 0.72 * step
    across = ((np.arange(count) + 0.5) * step - width / 2).tolist()
    ends = (y[:, None] - height * np.tanh(np.clip(np.nan_to_num(state[:, :count]), -8, 8) * 1.5)).tolist()
    for middle, base, tops in zip(x.tolist(), y.tolist(), ends, strict=True):
        low, high = (middle - width / 2 - pad, base - height - pad), (middle + width / 2 + pad, base + height + pad)
        draw.add_rect_filled(low, high, plate, pad)
        draw.add_line_h(low[0] + pad, high[0] - pad, base, line, 1.0)
        for offset, top, ink in zip(across, tops, inks, strict=True):
            draw.add_line_v(middle + offset, min(top, base), max(top, base), ink, thick)


def _arrows(x: F64, y: F64, length: float, gradient: F32, strength: float) -> None:
    """Arrows about (x, y) to where it is brighter; `length` at most, half of that for a tenth a cell."""
    draw = imgui.get_window_draw_list()
    gradient = np.clip(np.nan_to_num(gradient), -8, 8)
    size = np.hypot(*gradient.T)
    reach = (length * np.tanh(5.5 * size) / np.maximum(size, 1e-9))[:, None] * gradient
    halo, ink = u32(DARK, 0.85 * strength), u32(LIGHT, strength)
    thick, head = max(1.2, 0.035 * length), 0.24 * length
    for px, py, dx, dy in zip(x.tolist(), y.tolist(), *reach.T.tolist(), strict=True):
        long = math.hypot(dx, dy)
        if long < 2 * thick:
            draw.add_circle_filled((px, py), thick + 1, halo)
            draw.add_circle_filled((px, py), thick, ink)
            continue
        ux, uy, tip = dx / long, dy / long, min(head, 0.6 * long)
        tail = (px - dx / 2, py - dy / 2)
        for grown, colour in ((1.2, halo), (0.0, ink)):
            end, wide, deep = long / 2 + 1.3 * grown, 0.42 * tip + grown, tip + 2 * grown
            neck = (px + ux * (end - deep), py + uy * (end - deep))
            draw.add_line(tail, neck, colour, thick + 2 * grown)
            draw.add_triangle_filled(
                (px + ux * end, py + uy * end),
                (neck[0] - uy * wide, neck[1] + ux * wide),
                (neck[0] + uy * wide, neck[1] - ux * wide),
                colour,
            )


def _ring(x: float, y: float, cell: float, number: int) -> None:
    """A pinned cell's mark."""
    draw, radius = imgui.get_window_draw_list(), max(0.46 * cell, 5.0)
    draw.add_circle((x, y), radius, u32(DARK, 0.8), thickness=4.5)
    draw.add_circle((x, y), radius, u32(hue(HUES[number])), thickness=2.2)
