"""The resize handles: drag a picture's right or lower edge or its corner to resize its grid."""

from dataclasses import dataclass

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.states import MAX_SIDE
from ncaengine.core.types import Size
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import grids
from ncaengine.viewer.canvas.viewport import Viewport
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
"""Whether each handle changes the width and the height."""
Point = tuple[float, float]
"""A point (x, y) of the window."""


@dataclass
class ResizeDrag:
    """A resize in progress."""

    grid: Grid
    handle: str
    """A key of AXES."""
    offset: Point
    """From the picture's lower right corner to where the pointer pressed the handle."""
    size: Size
    """The new (width, height) in cells."""


class ResizeHandle:
    """The handles of all pictures. It keeps the resize that is in progress."""

    def __init__(self) -> None:
        self._drag: ResizeDrag | None = None

    def show(self, app: App, viewport: Viewport) -> None:
        """Draw the handles and handle the pointer. While a tool paints, only the corner has one."""
        grid = viewport.pane.grid
        if viewport.pane.camera.repeat or grid.backdrop:
            return
        x, y = lattice.corner(grid.kernel)
        across, down = lattice.extent(grid.kernel, grid.size)
        start, end = viewport.to_window(x, y), viewport.to_window(x + across, y + down)
        visible = {"right": end[0] <= viewport.right + 1, "bottom": end[1] <= viewport.bottom + 1}
        visible["corner"] = visible["right"] and visible["bottom"]
        hovered = False
        for name in ("corner", "right", "bottom"):  # the first one under the pointer takes it
            if visible[name] and (name == "corner" or not app.brush.active):
                hovered |= self._handle(app, viewport, name, end)
        drag = self._drag if self._drag and self._drag.grid is grid else None
        if drag:
            self._update(viewport, drag, start)
        if visible["corner"] and (viewport.hovered or hovered or drag):
            _corner_mark(end, hovered or drag is not None)

    def _handle(self, app: App, viewport: Viewport, name: str, end: Point) -> bool:
        """Add one of the handles. Return whether the pointer is on it."""
        grid, reach, (right, bottom) = viewport.pane.grid, em(REACH), end
        low = {
            "right": (right - reach, viewport.top),
            "bottom": (viewport.left, bottom - reach),
            "corner": (right - 2 * reach, bottom - 2 * reach),
        }[name]
        imgui.set_cursor_screen_pos(low)
        size = max(1.0, right + reach - low[0]), max(1.0, bottom + reach - low[1])
        imgui.invisible_button(f"{name}{grid.id}", size)
        if imgui.is_item_activated():
            at = imgui.get_io().mouse_pos
            self._drag = ResizeDrag(grid, name, (at.x - right, at.y - bottom), grid.size)
        if self._drag and self._drag.grid is grid and self._drag.handle == name and not imgui.is_item_active():
            drag, self._drag = self._drag, None
            # The picture's upper left corner stays in place, so "keep the middle" would move what is drawn.
            grids.resize(app, drag.size, "corner" if app.resize_keep == "centre" else app.resize_keep)
        if not imgui.is_item_hovered() and not imgui.is_item_active():
            return False
        imgui.set_mouse_cursor(CURSORS[name])
        return True

    def _update(self, viewport: Viewport, drag: ResizeDrag, start: Point) -> None:
        """Take the size from the pointer and draw it. Esc cancels."""
        io, cell = imgui.get_io(), viewport.cell_size
        x, y = io.mouse_pos.x - drag.offset[0] - start[0], io.mouse_pos.y - drag.offset[1] - start[1]
        drag.size = nearest_size(drag.grid, drag.handle, (x / cell, y / cell), io.key_shift)
        if imgui.is_key_pressed(imgui.Key.escape):
            self._drag = None
            imgui.internal.clear_active_id()
            return
        across, down = lattice.extent(drag.grid.kernel, drag.size)
        _outline(start, (start[0] + across * cell, start[1] + down * cell), drag.size)


def nearest_size(grid: Grid, handle: str, extent: tuple[float, float], in_proportion: bool = False) -> Size:
    """Return the size in cells whose picture is nearest to a width and height in cell widths.

    handle: a key of AXES; the sides that it doesn't change stay.
    in_proportion: whether both sides change in the same ratio, that of the side that changes more.
    """
    one = lattice.extent(grid.kernel, (1, 1))
    sides = [extent[axis] / one[axis] if AXES[handle][axis] else float(grid.size[axis]) for axis in (0, 1)]
    if in_proportion:
        ratio = max((sides[axis] / grid.size[axis] for axis in (0, 1)), key=lambda ratio: abs(ratio - 1))
        sides = [grid.size[axis] * ratio for axis in (0, 1)]
    width, height = (min(max(round(side), 1), MAX_SIDE) for side in sides)
    return width, height


def _corner_mark(end: Point, highlighted: bool) -> None:
    """Draw the angle at the picture's corner."""
    draw, (x, y), length, width = imgui.get_window_draw_list(), end, em(1.0), max(2.0, em(0.16))
    ink = u32(theme.ACCENT if highlighted else theme.TEXT, 1.0 if highlighted else 0.6)
    for margin, colour in ((1.0, u32(theme.BACK, 0.7)), (0.0, ink)):
        draw.add_rect_filled((x - length - margin, y - width - margin), (x + margin, y + margin), colour)
        draw.add_rect_filled((x - width - margin, y - length - margin), (x + margin, y + margin), colour)


def _outline(low: Point, high: Point, size: Size) -> None:
    """Draw the new size over everything: as a rectangle and as text."""
    draw, text, padding = imgui.get_foreground_draw_list(), f"{size[0]} × {size[1]}", em(0.4)
    draw.add_rect_filled(low, high, u32(theme.ACCENT, 0.12))
    line = max(1.5, em(0.1))
    draw.add_rect(low, high, u32(theme.BACK, 0.7), thickness=line + 2)
    draw.add_rect(low, high, u32(theme.ACCENT), thickness=line)
    width, height = imgui.calc_text_size(text)
    display = imgui.get_io().display_size
    x = min(max(high[0] - width - 2 * padding - em(0.3), low[0]), display.x - width - 3 * padding)
    y = min(max(high[1] - height - 2 * padding, low[1]), display.y - height - 2 * padding)
    draw.add_rect_filled((x, y), (x + width + 2 * padding, y + height + padding), u32(theme.BACK, 0.9), em(0.25))
    draw.add_text((x + padding, y + padding / 2), u32(theme.TEXT), text)
