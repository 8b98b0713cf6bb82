"""The grids side by side: each a card with its title, its measured speed and its picture."""

import math
from collections.abc import Sequence

import moderngl
from imgui_bundle import ImVec4, imgui

from ncaengine.core import lattice
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.canvas import card_header
from ncaengine.viewer.canvas.brush_cursor import Hand
from ncaengine.viewer.canvas.card_header import Head
from ncaengine.viewer.canvas.cell_overlay import Lens
from ncaengine.viewer.canvas.picture import Picture
from ncaengine.viewer.canvas.resize_handle import Handle
from ncaengine.viewer.canvas.viewport import Spot
from ncaengine.viewer.kit import splitters, theme, widgets
from ncaengine.viewer.kit.splitters import Splitter
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import LINES_FROM
from ncaengine.viewer.state.pane import Pane

LINES = 0.3
"""How dark the lines between cells are."""
ZOOM_STEP = 1.25
SLIDE, REST = 2.5, 0.25
"""How far a notch of the wheel moves a picture, in em, and the seconds after which two fingers rest."""
EMPTY = 0.04
"""What an empty place among the cards takes from the worth of an arrangement."""
LEAST_CARD = 7.0
"""Width and height that a card keeps when the gap beside it is dragged, in em."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in the window."""
THOUGH_HELD = int(imgui.HoveredFlags_.allow_when_blocked_by_active_item)
LEFT, MIDDLE, RIGHT = (int(imgui.MouseButton_[name]) for name in ("left", "middle", "right"))


def arrange(count: int, width: float, height: float, gap: float, head: float) -> tuple[int, int]:
    """(columns, rows) that give `count` panes with a head the largest square pictures; side by side when in doubt.

    Places that stay empty count a little against it.
    """

    def side(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows - head)

    def worth(columns: int) -> float:
        empty = -count % columns
        return side(columns) * (1 - EMPTY * empty) + columns

    best = max(range(1, count + 1), key=worth)
    return best, math.ceil(count / best)


class Panes:
    """All cards. It holds their textures."""

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts) -> None:
        self._ctx, self._fonts = ctx, fonts
        self.pictures: dict[int, Picture] = {}
        self.spots: dict[int, Spot] = {}
        self._lens, self._hand, self._handle, self._head = Lens(), Hand(), Handle(), Head(fonts)
        self._sliding_until = 0.0
        self._columns, self._rows = Splitter("##columns"), Splitter("##rows")

    def show(self, app: App) -> None:
        """Fill the current window's free space with a card a grid."""
        for number in [n for n in self.pictures if n not in app.sim.grids]:
            self.pictures.pop(number).release()
        if not app.panes:
            self._empty(app)
            return
        free, gap, start = imgui.get_content_region_avail(), em(theme.GAP), imgui.get_cursor_screen_pos()
        columns, rows = _plan(len(app.panes), free.x, free.y)
        self._drag(app, columns, rows, (start.x, start.y), (free.x, free.y))
        across = splitters.spans(splitters.fitting(app.prefs.columns, columns), free.x, gap)
        down = splitters.spans(splitters.fitting(app.prefs.rows, rows), free.y, gap)
        for index, pane in enumerate(app.panes):
            row, column = divmod(index, columns)
            (left, width), (top, height) = across[column], down[row]
            imgui.set_cursor_screen_pos((start.x + left, start.y + top))
            self._card(app, index, pane, width, height)

    def _empty(self, app: App) -> None:
        """What a window without grids says."""
        free, start, width = imgui.get_content_region_avail(), imgui.get_cursor_screen_pos(), em(16)
        middle, top = start.x + free.x / 2, start.y + free.y / 2 - em(4)
        for text, face, size, colour in (
            ("Nothing is growing here", self._fonts.bold, 1.5, theme.TEXT),
            ("Open a model, or drop one on this window.", self._fonts.regular, 1.0, theme.DIM),
        ):
            with theme.face(face, size), widgets.style([(imgui.Col_.text, colour)]):
                imgui.set_cursor_screen_pos((middle - imgui.calc_text_size(text).x / 2, top))
                imgui.text_unformatted(text)
            top += em(2.3)
        imgui.set_cursor_screen_pos((middle - width / 2, top + em(0.4)))
        accent = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(1), em(0.7)))]):
            if widgets.button("Open the gallery###empty", width, "Choose among the models at hand.", accent):
                open_files.open_gallery(app)

    def _drag(self, app: App, columns: int, rows: int, at: tuple[float, float], size: tuple[float, float]) -> None:
        """The gaps between the cards; where they are is remembered as long as there are as many."""
        kept, gap, least = app.prefs, em(theme.GAP), em(LEAST_CARD)
        if columns > 1:
            weights = splitters.fitting(kept.columns, columns)
            kept.columns = self._columns.show(weights, at, size, gap, least, upright=True)
        if rows > 1:
            weights = splitters.fitting(kept.rows, rows)
            kept.rows = self._rows.show(weights, at, size, gap, least, upright=False)

    def release(self) -> None:
        """Give all textures back."""
        for picture in self.pictures.values():
            picture.release()

    def _card(self, app: App, index: int, pane: Pane, width: float, height: float) -> None:
        flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (0, 0))]):
            imgui.begin_child(f"grid{pane.grid.id}", (width, height), 0, flags)
        at = imgui.get_cursor_screen_pos()
        draw, inner, margin = imgui.get_window_draw_list(), em(0.8), em(0.35)
        lines = card_header.lines_in(height)
        top = at.y + (card_header.height_of(lines) or margin)
        well = (at.x + margin, top, at.x + width - margin, at.y + height - margin)
        _around(draw, (at.x, at.y, at.x + width, at.y + height), well, theme.CARD)
        if lines:
            imgui.set_cursor_screen_pos((at.x + inner, at.y + em(0.6)))
            self._head.show(app, index, pane, width - 2 * inner, lines)
        imgui.set_cursor_screen_pos((at.x + margin, top))
        self._canvas(app, pane, int(width - 2 * margin), int(at.y + height - top - margin))
        if imgui.is_window_hovered(THOUGH_HELD) and (imgui.is_mouse_clicked(LEFT) or imgui.is_mouse_clicked(MIDDLE)):
            app.select(index)
        recorded = pane.grid in app.recorder.grids
        if recorded or (index == app.selected and len(app.panes) > 1):
            colour = theme.RED if recorded else theme.ACCENT
            end = (at.x + width - 1, at.y + height - 1)
            draw.add_rect((at.x + 1, at.y + 1), end, u32(colour), em(0.35), thickness=max(1.5, em(0.1)))
        widgets.settle()
        imgui.end_child()

    def _canvas(self, app: App, pane: Pane, width: int, height: int) -> None:
        if width < 8 or height < 8:
            return
        at, density = imgui.get_cursor_screen_pos(), imgui.get_io().display_framebuffer_scale.x or 1.0
        draw, well = imgui.get_window_draw_list(), (at.x, at.y, at.x + width, at.y + height)
        buttons = imgui.ButtonFlags_.mouse_button_left | imgui.ButtonFlags_.mouse_button_middle
        buttons |= imgui.ButtonFlags_.mouse_button_right
        draw.channels_split(2)
        if pane.grid.id in self.spots:  # before the canvas, whose clicks it takes; over it, where the picture last was
            draw.channels_set_current(1)
            self._handle.show(app, self.spots[pane.grid.id])
            imgui.set_cursor_screen_pos((at.x, at.y))
            draw.channels_set_current(0)
        imgui.invisible_button(f"canvas{pane.grid.id}", (width, height), buttons)
        size = (int(width * density), int(height * density))
        hovered, active = imgui.is_item_hovered(), imgui.is_item_active()
        self._steer(pane, size, (at.x, at.y), density, app.brush.active)
        placed = pane.camera.place(pane.grid.kernel, pane.grid.size, *size)
        if placed is None:
            draw.add_rect_filled(well[:2], well[2:], u32(theme.WELL))
            draw.channels_merge()
            return
        lines = LINES if app.prefs.lines and placed.view.scale >= LINES_FROM else 0.0
        picture = self.pictures.setdefault(pane.grid.id, Picture(self._ctx))
        texture = imgui.ImTextureRef(picture.draw(pane.grid, placed.view, lines))
        left, top = at.x + placed.left / density, at.y + placed.top / density
        right, bottom = left + placed.view.width / density, top + placed.view.height / density
        _around(draw, well, (left, top, right, bottom), theme.WELL)
        draw.add_image(texture, (left, top), (right, bottom))
        spot = Spot(pane, placed.view, left, top, density, hovered, active)
        self.spots[pane.grid.id] = spot
        self._lens.show(app, spot)
        self._hand.show(app, spot)
        draw.channels_merge()
        if hovered:
            pointer = imgui.get_io().mouse_pos
            inside = ((pointer.x - left) * density, (pointer.y - top) * density)
            _badge(_pointed(pane, placed.view, *inside), at.x, well[2], well[3])

    def _steer(
        self, pane: Pane, size: tuple[int, int], at: tuple[float, float], density: float, painting: bool
    ) -> None:
        """Wheel, drag and double click on the canvas, the last item. With a brush in hand (see hand) wheels zoom
        with Ctrl held, and the middle or right button moves the picture.
        """
        io, camera, grid = imgui.get_io(), pane.camera, pane.grid
        by_x, by_y = 0.0, 0.0
        if imgui.is_item_hovered():
            if self._slid(painting):
                by_x, by_y = em(SLIDE) * io.mouse_wheel_h, 0.0 if painting else em(SLIDE) * io.mouse_wheel
            elif io.mouse_wheel and (io.key_ctrl or not painting):
                pointer = ((io.mouse_pos.x - at[0]) * density, (io.mouse_pos.y - at[1]) * density)
                camera.zoom_about(grid.kernel, grid.size, size, pointer, ZOOM_STEP**io.mouse_wheel)
            if imgui.is_mouse_double_clicked(LEFT) and not painting and not io.key_alt:
                camera.fit()
        if imgui.is_item_active() and _dragged(painting):
            by_x, by_y = by_x + io.mouse_delta.x, by_y + io.mouse_delta.y
        if (by_x or by_y) and (camera.zoom is not None or camera.repeat):
            camera.pan(grid.kernel, grid.size, size, (by_x * density, by_y * density))

    def _slid(self, painting: bool) -> bool:
        """Whether the wheel moves the picture instead of zooming: with Shift, or on a touchpad once two fingers go
        sideways, until they rest. Ctrl, which a pinch also brings, zooms in any case.
        """
        io, now = imgui.get_io(), imgui.get_time()
        sideways = io.mouse_wheel_h and not (painting and io.key_shift)
        if sideways or (io.mouse_wheel and now < self._sliding_until):
            self._sliding_until = now + REST
        return not io.key_ctrl and (now < self._sliding_until or (io.key_shift and not painting))


def _plan(count: int, width: float, height: float) -> tuple[int, int]:
    """The arrangement of so many cards, whose heads have fewer lines where they are low."""
    gap = em(theme.GAP)
    for lines in (2, 1, 0):
        columns, rows = arrange(count, width, height, gap, card_header.height_of(lines))
        if card_header.lines_in((height - gap * (rows - 1)) / rows) >= lines:
            break
    return columns, rows


def _around(draw: imgui.ImDrawList, outer: Box, inner: Box, colour: ImVec4) -> None:
    """Fill what lies between two boxes: where they would lie over one another, software renderers paint all of both."""
    (left, top, right, bottom), ink = outer, u32(colour)
    draw.add_rect_filled((left, top), (right, inner[1]), ink)
    draw.add_rect_filled((left, inner[3]), (right, bottom), ink)
    draw.add_rect_filled((left, inner[1]), (inner[0], inner[3]), ink)
    draw.add_rect_filled((inner[2], inner[1]), (right, inner[3]), ink)


def _pointed(pane: Pane, seen: lattice.View, x: float, y: float) -> list[str]:
    """What to say of a place in the picture, the longest first: the zoom and the cell there, or one of them."""
    zoom = f"{seen.scale:.3g} px a cell"
    if not (0 <= x < seen.width and 0 <= y < seen.height):
        return [zoom]
    column, row = lattice.cell_at(pane.grid.kernel, pane.grid.size, seen, x, y)
    cell = f"column {column}, row {row}"
    return [f"{zoom}  ·  {cell}", cell, f"{column}, {row}"]


def _badge(texts: Sequence[str], x: float, right: float, bottom: float) -> None:
    """A line over the lower left corner of a picture: the first that finds room, if any."""
    pad = em(0.4)
    text = next((text for text in texts if x + em(1) + imgui.calc_text_size(text).x + 2 * pad <= right), "")
    if not text:
        return
    size = imgui.calc_text_size(text)
    low = (x + em(0.5), bottom - em(0.5) - size.y - 2 * em(0.2))
    high = (low[0] + size.x + 2 * pad, bottom - em(0.5))
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(low, high, u32(theme.BACK, 0.85), em(0.25))
    draw.add_text((low[0] + pad, low[1] + em(0.2)), u32(theme.TEXT), text)


def _dragged(painting: bool) -> bool:
    return any(imgui.is_mouse_dragging(button) for button in (MIDDLE, RIGHT) + (LEFT,) * (not painting))
