"""The grids side by side: one card a grid, with a header and a picture."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import moderngl
import msgspec
from imgui_bundle import ImVec4, imgui

from ncaengine.core import lattice
from ncaengine.viewer.actions import open_files, tools
from ncaengine.viewer.canvas import card_header
from ncaengine.viewer.canvas.backdrop_layer import BackdropLayer
from ncaengine.viewer.canvas.brush_cursor import BrushCursor
from ncaengine.viewer.canvas.card_header import CardHeader
from ncaengine.viewer.canvas.cell_overlay import CellOverlay
from ncaengine.viewer.canvas.map_outline import MapOutline
from ncaengine.viewer.canvas.picture import Picture
from ncaengine.viewer.canvas.resize_handle import ResizeHandle
from ncaengine.viewer.canvas.viewport import Viewport
from ncaengine.viewer.kit import splitters, theme, widgets
from ncaengine.viewer.kit.splitters import Splitter
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import LINES_FROM
from ncaengine.viewer.state.pane import Pane

LINES = 0.3
"""How dark the lines between cells are, 0 … 1."""
ZOOM_STEP = 1.25
"""The factor of one notch of the wheel."""
PAN_STEP, PAN_SECONDS = 2.5, 0.25
"""How far one notch of the wheel pans, in em, and how long two fingers must rest before the wheel zooms again."""
EMPTY_PENALTY = 0.04
"""The share of an arrangement's score that is lost for each empty place."""
LEAST_CARD = 7.0
"""The width and height that a card keeps when the gap next to it is dragged, in em."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in window units."""
HOVERED = int(imgui.HoveredFlags_.allow_when_blocked_by_active_item)
LEFT, MIDDLE, RIGHT = (int(imgui.MouseButton_[name]) for name in ("left", "middle", "right"))


def arrange(
    count: int, width: float, height: float, gap: float, header: float, shapes: Sequence[float] = ()
) -> tuple[int, int]:
    """Return the (columns, rows) of `count` cards that make their pictures largest, preferring more columns.

    Empty places count slightly against an arrangement.

    header: the height of a card's header, in the unit of the other lengths.
    shapes: the width of each picture divided by its height; none if all are square.
    """
    shapes = shapes or (1.0,)

    def side(columns: int) -> float:
        """Return the mean of the sides of squares as large as the pictures."""
        rows = math.ceil(count / columns)
        wide, high = (width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows - header
        return sum(min(wide, high * shape) / math.sqrt(shape) for shape in shapes) / len(shapes)

    def score(columns: int) -> float:
        empty = -count % columns
        return side(columns) * (1 - EMPTY_PENALTY * empty) + columns

    best = max(range(1, count + 1), key=score)
    return best, math.ceil(count / best)


class GridCards:
    """All cards, with the textures of their pictures and what is drawn over them.

    pictures: by the grid's number.
    viewports: by the grid's number, as of the last frame in which the picture was drawn.
    """

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts) -> None:
        self._ctx, self._fonts = ctx, fonts
        self._painter = ThreadPoolExecutor(1, "ncaengine-pictures")
        self.pictures: dict[int, Picture] = {}
        self.viewports: dict[int, Viewport] = {}
        self._over: dict[int, tuple[BackdropLayer, MapOutline]] = {}  # what is drawn over the pictures
        self._header, self._cell_overlay = CardHeader(fonts), CellOverlay()
        self._brush_cursor, self._resize_handle = BrushCursor(), ResizeHandle()
        self._panning_until = 0.0
        self._columns, self._rows = Splitter("##columns"), Splitter("##rows")

    def show(self, app: App) -> None:
        """Fill the rest of the current window with one card a grid."""
        for number in [n for n in self.pictures if n not in app.sim.grids]:
            for shown in (self.pictures.pop(number), *self._over.pop(number, ())):
                shown.release()
            self.viewports.pop(number, None)  # which holds the grid with its timeline
        if not app.panes:
            self._empty(app)
            return
        free, gap, start = imgui.get_content_region_avail(), em(theme.GAP), imgui.get_cursor_screen_pos()
        columns, rows = _columns_and_rows(app.panes, free.x, free.y)
        self._splitters(app, columns, rows, (start.x, start.y), (free.x, free.y))
        across = splitters.spans(splitters.valid_weights(app.prefs.columns, columns), free.x, gap)
        down = splitters.spans(splitters.valid_weights(app.prefs.rows, rows), free.y, gap)
        for index, pane in enumerate(app.panes):
            row, column = divmod(index, columns)
            (left, width), (top, height) = across[column], down[row]
            imgui.set_cursor_screen_pos((start.x + left, start.y + top))
            self._card(app, index, pane, width, height)

    def release(self) -> None:
        """Free all textures."""
        for number, picture in self.pictures.items():
            for shown in (picture, *self._over.get(number, ())):
                shown.release()
        self._painter.shutdown()

    def _empty(self, app: App) -> None:
        """Draw what a window without grids shows."""
        free, start, width = imgui.get_content_region_avail(), imgui.get_cursor_screen_pos(), em(16)
        middle, top = start.x + free.x / 2, start.y + free.y / 2 - em(4)
        for text, font, size, colour in (
            ("No grid is open", self._fonts.bold, 1.5, theme.TEXT),
            ("Open a model or drop one on this window.", self._fonts.regular, 1.0, theme.DIM),
        ):
            with theme.use_font(font, size):
                imgui.set_cursor_screen_pos((middle - imgui.calc_text_size(text).x / 2, top))
                widgets.text_in(colour, text)
            top += em(2.3)
        imgui.set_cursor_screen_pos((middle - width / 2, top + em(0.4)))
        accent = (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(1), em(0.7)))]):
            if widgets.button("Open the gallery###empty", width, "Choose one of the available models.", accent):
                open_files.open_gallery(app)

    def _splitters(self, app: App, columns: int, rows: int, at: tuple[float, float], size: tuple[float, float]) -> None:
        """Draw the gaps between cards. Their positions are kept until the number of columns or rows changes."""
        prefs, gap, least = app.prefs, em(theme.GAP), em(LEAST_CARD)
        if columns > 1:
            weights = splitters.valid_weights(prefs.columns, columns)
            prefs.columns = self._columns.show(weights, at, size, gap, least, upright=True)
        if rows > 1:
            weights = splitters.valid_weights(prefs.rows, rows)
            prefs.rows = self._rows.show(weights, at, size, gap, least, upright=False)

    def _card(self, app: App, index: int, pane: Pane, width: float, height: float) -> None:
        flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (0, 0))]):
            imgui.begin_child(f"grid{pane.grid.id}", (width, height), 0, flags)
        at = imgui.get_cursor_screen_pos()
        draw, inner, margin = imgui.get_window_draw_list(), em(0.8), em(0.35)
        lines = card_header.lines_in(height)
        top = at.y + (card_header.height_of(lines) or margin)
        well = (at.x + margin, top, at.x + width - margin, at.y + height - margin)
        _fill_between(draw, (at.x, at.y, at.x + width, at.y + height), well, theme.CARD)
        if lines:
            imgui.set_cursor_screen_pos((at.x + inner, at.y + em(0.6)))
            self._header.show(app, index, pane, width - 2 * inner, lines)
        imgui.set_cursor_screen_pos((at.x + margin, top))
        self._canvas(app, pane, int(width - 2 * margin), int(at.y + height - top - margin))
        if imgui.is_window_hovered(HOVERED) and (imgui.is_mouse_clicked(LEFT) or imgui.is_mouse_clicked(MIDDLE)):
            app.select(index)
        recorded = pane.grid in app.recorder.grids
        if recorded or (index == app.selected and len(app.panes) > 1):
            colour = theme.RED if recorded else theme.ACCENT
            end = (at.x + width - 1, at.y + height - 1)
            draw.add_rect((at.x + 1, at.y + 1), end, u32(colour), em(0.35), thickness=max(1.5, em(0.1)))
        widgets.finish_region()
        imgui.end_child()

    def _canvas(self, app: App, pane: Pane, width: int, height: int) -> None:
        """Draw a grid's picture and what is over it, and handle the pointer."""
        if width < 8 or height < 8:
            return
        at, ratio = imgui.get_cursor_screen_pos(), imgui.get_io().display_framebuffer_scale.x or 1.0
        draw, well = imgui.get_window_draw_list(), (at.x, at.y, at.x + width, at.y + height)
        buttons = imgui.ButtonFlags_.mouse_button_left | imgui.ButtonFlags_.mouse_button_middle
        buttons |= imgui.ButtonFlags_.mouse_button_right
        draw.channels_split(2)
        if pane.grid.id in self.viewports:
            # Before the canvas, to take its clicks, and drawn over it; the picture is where it was last drawn.
            draw.channels_set_current(1)
            self._resize_handle.show(app, self.viewports[pane.grid.id])
            imgui.set_cursor_screen_pos((at.x, at.y))
            draw.channels_set_current(0)
        imgui.invisible_button(f"canvas{pane.grid.id}", (width, height), buttons)
        size = (int(width * ratio), int(height * ratio))
        hovered, active = imgui.is_item_hovered(), imgui.is_item_active()
        self._pan_and_zoom(pane, size, (at.x, at.y), ratio, app.brush.active)
        placed = pane.camera.place(pane.grid.kernel, pane.grid.size, *size)
        if placed is None:
            draw.add_rect_filled(well[:2], well[2:], u32(theme.WELL))
            draw.channels_merge()
            return
        lines = LINES if app.prefs.lines and placed.view.scale >= LINES_FROM else 0.0
        tinted = tools.tints(app, pane.grid)
        look = pane.grid.look if tinted else msgspec.structs.replace(pane.grid.look, overlay="")
        picture = self.pictures.setdefault(pane.grid.id, Picture(self._ctx, self._painter))
        texture = picture.draw(pane.grid, placed.view, look, lines, waits=app.recorder.active)
        left, top = at.x + placed.left / ratio, at.y + placed.top / ratio
        viewport = Viewport(pane, placed.view, left, top, ratio, hovered, active)
        _fill_between(draw, well, (left, top, viewport.right, viewport.bottom), theme.WELL)
        _add_picture(draw, texture, viewport, picture.view)
        backdrop, outline = self._over.setdefault(pane.grid.id, (BackdropLayer(self._ctx), MapOutline(self._ctx)))
        backdrop.show(viewport)
        self.viewports[pane.grid.id] = viewport
        outline.show(viewport, tinted)
        self._cell_overlay.show(app, viewport)
        self._brush_cursor.show(app, viewport)
        draw.channels_merge()
        if hovered:
            pointer = imgui.get_io().mouse_pos
            inside = ((pointer.x - left) * ratio, (pointer.y - top) * ratio)
            _corner_text(_pointer_texts(pane, placed.view, *inside), at.x, well[2], well[3])

    def _pan_and_zoom(
        self, pane: Pane, size: tuple[int, int], at: tuple[float, float], ratio: float, painting: bool
    ) -> None:
        """Handle wheel, drag and double-click on the canvas, the last item.

        While a tool paints, the wheel zooms only with Ctrl held, and the middle or right button pans.

        size: of the canvas in pixels.
        at: its upper left corner in window units.
        ratio: pixels in one window unit.
        """
        io, camera, grid = imgui.get_io(), pane.camera, pane.grid
        dx, dy = 0.0, 0.0
        if imgui.is_item_hovered():
            if self._wheel_pans(painting):
                dx, dy = em(PAN_STEP) * io.mouse_wheel_h, 0.0 if painting else em(PAN_STEP) * io.mouse_wheel
            elif io.mouse_wheel and (io.key_ctrl or not painting):
                pointer = ((io.mouse_pos.x - at[0]) * ratio, (io.mouse_pos.y - at[1]) * ratio)
                camera.zoom_about(grid.kernel, grid.size, size, pointer, ZOOM_STEP**io.mouse_wheel)
            if imgui.is_mouse_double_clicked(LEFT) and not painting and not io.key_alt:
                camera.fit()
        if imgui.is_item_active() and _is_dragged(painting):
            dx, dy = dx + io.mouse_delta.x, dy + io.mouse_delta.y
        free = camera.zoom is not None or camera.repeat or camera.fills(grid.kernel, grid.size, *size)
        if (dx or dy) and free:
            camera.pan(grid.kernel, grid.size, size, (dx * ratio, dy * ratio))

    def _wheel_pans(self, painting: bool) -> bool:
        """Return whether the wheel pans instead of zooming.

        It does with Shift held, and on a touchpad from when two fingers move sideways until they rest. With Ctrl
        held, which a pinch also sends, it always zooms.
        """
        io, now = imgui.get_io(), imgui.get_time()
        sideways = io.mouse_wheel_h and not (painting and io.key_shift)
        if sideways or (io.mouse_wheel and now < self._panning_until):
            self._panning_until = now + PAN_SECONDS
        return not io.key_ctrl and (now < self._panning_until or (io.key_shift and not painting))


def _columns_and_rows(panes: Sequence[Pane], width: float, height: float) -> tuple[int, int]:
    """Return the arrangement of the panes' cards; low cards have headers with fewer lines."""
    gap, extents = em(theme.GAP), [lattice.extent(pane.grid.kernel, pane.grid.size) for pane in panes]
    shapes = [across / down for across, down in extents]
    for lines in (2, 1, 0):
        columns, rows = arrange(len(panes), width, height, gap, card_header.height_of(lines), shapes)
        if card_header.lines_in((height - gap * (rows - 1)) / rows) >= lines:
            break
    return columns, rows


def _add_picture(draw: imgui.ImDrawList, texture: int, viewport: Viewport, shown: lattice.View | None) -> None:
    """Draw a picture where it belongs, also one that still shows an earlier view."""
    low, high = (viewport.left, viewport.top), (viewport.right, viewport.bottom)
    if shown is None or shown == viewport.view:
        draw.add_image(imgui.ImTextureRef(texture), low, high)
        return
    end = shown.x + shown.width / shown.scale, shown.y + shown.height / shown.scale
    draw.push_clip_rect(low, high, True)
    draw.add_rect_filled(low, high, u32(theme.WELL))
    draw.add_image(imgui.ImTextureRef(texture), viewport.to_window(shown.x, shown.y), viewport.to_window(*end))
    draw.pop_clip_rect()


def _fill_between(draw: imgui.ImDrawList, outer: Box, inner: Box, colour: ImVec4) -> None:
    """Fill the area between two boxes. Software renderers would paint overlapping boxes in full, one by one."""
    (left, top, right, bottom), ink = outer, u32(colour)
    draw.add_rect_filled((left, top), (right, inner[1]), ink)
    draw.add_rect_filled((left, inner[3]), (right, bottom), ink)
    draw.add_rect_filled((left, inner[1]), (inner[0], inner[3]), ink)
    draw.add_rect_filled((inner[2], inner[1]), (right, inner[3]), ink)


def _pointer_texts(pane: Pane, view: lattice.View, x: float, y: float) -> list[str]:
    """Return what to show for a point of the picture, the longest text first: the zoom, the cell there, or both."""
    zoom = f"{view.scale:.3g} px per cell"
    if not (0 <= x < view.width and 0 <= y < view.height):
        return [zoom]
    column, row = lattice.cell_at(pane.grid.kernel, pane.grid.size, view, x, y)
    cell = f"column {column}, row {row}"
    return [f"{zoom}  ·  {cell}", cell, f"{column}, {row}"]


def _corner_text(texts: Sequence[str], x: float, right: float, bottom: float) -> None:
    """Draw the first text that fits over the lower left corner of a picture, if any."""
    padding = em(0.4)
    text = next((text for text in texts if x + em(1) + imgui.calc_text_size(text).x + 2 * padding <= right), "")
    if not text:
        return
    size = imgui.calc_text_size(text)
    low = (x + em(0.5), bottom - em(0.5) - size.y - 2 * em(0.2))
    high = (low[0] + size.x + 2 * padding, bottom - em(0.5))
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(low, high, u32(theme.BACK, 0.85), em(0.25))
    draw.add_text((low[0] + padding, low[1] + em(0.2)), u32(theme.TEXT), text)


def _is_dragged(painting: bool) -> bool:
    """Return whether a button is held that pans."""
    return any(imgui.is_mouse_dragging(button) for button in (MIDDLE, RIGHT) + (LEFT,) * (not painting))
