"""The handle at a picture's corner, by which its grid is made larger or smaller."""

from dataclasses import dataclass

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.states import MAX_SIDE
from ncaengine.core.types import Size
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import grids
from ncaengine.viewer.canvas.viewport import Spot
from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

REACH = 0.45
"""How far from an edge the pointer may be, in em."""
CURSORS = {
    "right": imgui.MouseCursor_.resize_ew,
    "bottom": imgui.MouseCursor_.resize_ns,
    "corner": imgui.MouseCursor_.resize_nwse,
}
AXES = {"right": (1, 0), "bottom": (0, 1), "corner": (1, 1)}


@dataclass
class Drag:
    """A resize: by which handle, how far from it the pointer took it, and the size that it has come to."""

    grid: Grid
    handle: str
    offset: tuple[float, float]
    size: Size


class Handle:
    """It holds the resize that is being dragged."""

    def __init__(self) -> None:
        self._drag: Drag | None = None

    def show(self, app: App, spot: Spot) -> None:
        """Draw the handles and take in the pointer; with a brush in hand there is the corner only."""
        grid = spot.pane.grid
        if spot.pane.camera.repeat:
            return
        x, y = lattice.corner(grid.kernel)
        across, down = lattice.extent(grid.kernel, grid.size)
        (left, top), (right, bottom) = spot.place(x, y), spot.place(x + across, y + down)
        ends = spot.left + spot.view.width / spot.density + 1, spot.top + spot.view.height / spot.density + 1
        seen = {"right": right <= ends[0], "bottom": bottom <= ends[1]}
        seen["corner"] = seen["right"] and seen["bottom"]
        lit = ""
        for name in ("corner", "right", "bottom"):  # the first takes the pointer
            if seen[name] and (name == "corner" or not app.brush.active):
                lit = self._grip(app, spot, name, (right, bottom)) or lit
        drag = self._drag if self._drag and self._drag.grid is grid else None
        if drag:
            self._follow(app, spot, drag, (left, top))
        if seen["corner"] and (spot.hovered or lit or drag):
            _mark((right, bottom), bool(lit or drag))

    def _grip(self, app: App, spot: Spot, name: str, end: tuple[float, float]) -> str:
        """One of the handles; returns its name if the pointer is on it."""
        grid, reach, (right, bottom) = spot.pane.grid, em(REACH), end
        low = {
            "right": (right - reach, spot.top),
            "bottom": (spot.left, bottom - reach),
            "corner": (right - 2 * reach, bottom - 2 * reach),
        }[name]
        imgui.set_cursor_screen_pos(low)
        size = max(1.0, right + reach - low[0]), max(1.0, bottom + reach - low[1])
        imgui.invisible_button(f"{name}{grid.id}", size)
        if imgui.is_item_activated():
            at = imgui.get_io().mouse_pos
            self._drag = Drag(grid, name, (at.x - right, at.y - bottom), grid.size)
        if self._drag and self._drag.grid is grid and self._drag.handle == name and not imgui.is_item_active():
            drag, self._drag = self._drag, None
            # What is drawn keeps its place under the upper left corner, unless something else than the middle is asked.
            grids.resize(app, drag.size, "corner" if app.resize_keep == "centre" else app.resize_keep)
        if not imgui.is_item_hovered() and not imgui.is_item_active():
            return ""
        imgui.set_mouse_cursor(CURSORS[name])
        return name

    def _follow(self, app: App, spot: Spot, drag: Drag, start: tuple[float, float]) -> None:
        """Take the size from the pointer and draw it; Esc lets it be."""
        io = imgui.get_io()
        asked = io.mouse_pos.x - drag.offset[0] - start[0], io.mouse_pos.y - drag.offset[1] - start[1]
        drag.size = dragged(drag.grid, drag.handle, (asked[0] / spot.cell, asked[1] / spot.cell), io.key_shift)
        if imgui.is_key_pressed(imgui.Key.escape):
            self._drag = None
            imgui.internal.clear_active_id()
            return
        across, down = lattice.extent(drag.grid.kernel, drag.size)
        _ghost(start, (start[0] + across * spot.cell, start[1] + down * spot.cell), drag.size)


def dragged(grid: Grid, handle: str, asked: tuple[float, float], in_proportion: bool = False) -> Size:
    """The size whose picture reaches nearest to a place, in cell widths from its upper left corner.

    in_proportion: the larger of both sides' changes is that of both.
    """
    one = lattice.extent(grid.kernel, (1, 1))
    free = [asked[axis] / one[axis] if AXES[handle][axis] else float(grid.size[axis]) for axis in (0, 1)]
    if in_proportion:
        shares = [free[axis] / grid.size[axis] for axis in (0, 1)]
        share = max(shares, key=lambda share: abs(share - 1))
        free = [grid.size[axis] * share for axis in (0, 1)]
    width, height = (min(max(round(side), 1), MAX_SIDE) for side in free)
    return width, height


def _mark(end: tuple[float, float], lit: bool) -> None:
    """The angle at the corner."""
    draw, (x, y), long, wide = imgui.get_window_draw_list(), end, em(1.0), max(2.0, em(0.16))
    ink = u32(theme.ACCENT if lit else theme.TEXT, 1.0 if lit else 0.6)
    for grown, colour in ((1.0, u32(theme.BACK, 0.7)), (0.0, ink)):
        draw.add_rect_filled((x - long - grown, y - wide - grown), (x + grown, y + grown), colour)
        draw.add_rect_filled((x - wide - grown, y - long - grown), (x + grown, y + grown), colour)


def _ghost(low: tuple[float, float], high: tuple[float, float], size: Size) -> None:
    """The rectangle of the new size, over everything, and the size in words."""
    draw, text, pad = imgui.get_foreground_draw_list(), f"{size[0]} × {size[1]}", em(0.4)
    draw.add_rect_filled(low, high, u32(theme.ACCENT, 0.12))
    line = max(1.5, em(0.1))
    draw.add_rect(low, high, u32(theme.BACK, 0.7), thickness=line + 2)
    draw.add_rect(low, high, u32(theme.ACCENT), thickness=line)
    wide, tall = imgui.calc_text_size(text)
    display = imgui.get_io().display_size
    x = min(max(high[0] - wide - 2 * pad - em(0.3), low[0]), display.x - wide - 3 * pad)
    y = min(max(high[1] - tall - 2 * pad, low[1]), display.y - tall - 2 * pad)
    draw.add_rect_filled((x, y), (x + wide + 2 * pad, y + tall + pad), u32(theme.BACK, 0.9), em(0.25))
    draw.add_text((x + pad, y + pad / 2), u32(theme.TEXT), text)
