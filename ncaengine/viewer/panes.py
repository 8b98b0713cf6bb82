"""The grids side by side: each a card with its title, its measured speed and its picture."""

import math

import moderngl
from imgui_bundle import ImVec4, imgui

from ncaengine import view
from ncaengine.settings import SPECS
from ncaengine.viewer import arranging, icons, splitters, theme, widgets
from ncaengine.viewer.app import App
from ncaengine.viewer.camera import LINES_FROM
from ncaengine.viewer.hand import Hand
from ncaengine.viewer.handle import Handle
from ncaengine.viewer.lattice_view import Picture
from ncaengine.viewer.lens import Lens
from ncaengine.viewer.parts import Pane
from ncaengine.viewer.splitters import Splitter
from ncaengine.viewer.spot import Spot
from ncaengine.viewer.theme import em, u32

LINES = 0.3
"""How dark the lines between cells are."""
ZOOM_STEP = 1.25
SLIDE, REST = 2.5, 0.25
"""How far a notch of the wheel moves a picture, in em, and the seconds after which two fingers rest."""
SMALL = 1.3
"""Side of a small button in a card's head, in em."""
LEAST_CARD = 7.0
"""Width and height that a card keeps when the gap beside it is dragged, in em."""
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in the window."""
THOUGH_HELD = int(imgui.HoveredFlags_.allow_when_blocked_by_active_item)
LEFT, MIDDLE, RIGHT = (int(imgui.MouseButton_[name]) for name in ("left", "middle", "right"))


def arrange(count: int, width: float, height: float, gap: float, head: float) -> tuple[int, int]:
    """(columns, rows) that give `count` panes with a head the largest square pictures; side by side when in doubt."""

    def side(columns: int) -> float:
        rows = math.ceil(count / columns)
        return min((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows - head)

    def worth(columns: int) -> float:
        empty = -count % columns
        return side(columns) * (1 - 0.12 * empty) + columns

    best = max(range(1, count + 1), key=worth)
    return best, math.ceil(count / best)


class Panes:
    """All cards. It holds their textures."""

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts) -> None:
        self._ctx, self._fonts = ctx, fonts
        self.pictures: dict[int, Picture] = {}
        self.spots: dict[int, Spot] = {}
        self._lens, self._hand, self._handle = Lens(), Hand(), Handle()
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
        columns, rows = arrange(len(app.panes), free.x, free.y, gap, self._head_height())
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
                app.open_gallery()

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

    def _head_height(self) -> float:
        return 2 * imgui.get_text_line_height() + em(0.25) + 2 * em(0.6)

    def _card(self, app: App, index: int, pane: Pane, width: float, height: float) -> None:
        flags = imgui.WindowFlags_.no_scrollbar | imgui.WindowFlags_.no_scroll_with_mouse
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (0, 0))]):
            imgui.begin_child(f"grid{pane.grid.id}", (width, height), 0, flags)
        at = imgui.get_cursor_screen_pos()
        draw, inner, margin = imgui.get_window_draw_list(), em(0.8), em(0.35)
        top = at.y + self._head_height()
        well = (at.x + margin, top, at.x + width - margin, at.y + height - margin)
        _around(draw, (at.x, at.y, at.x + width, at.y + height), well, theme.CARD)
        imgui.set_cursor_screen_pos((at.x + inner, at.y + em(0.6)))
        self._head(app, index, pane, width - 2 * inner)
        imgui.set_cursor_screen_pos((at.x + margin, top))
        self._canvas(app, pane, int(width - 2 * margin), int(at.y + height - top - margin))
        if imgui.is_window_hovered(THOUGH_HELD) and (imgui.is_mouse_clicked(LEFT) or imgui.is_mouse_clicked(MIDDLE)):
            app.select(index)
        recorded = pane.grid in app.recorder.grids
        if recorded or (index == app.selected and len(app.panes) > 1):
            colour = theme.RED if recorded else theme.ACCENT
            end = (at.x + width - 1, at.y + height - 1)
            draw.add_rect((at.x + 1, at.y + 1), end, u32(colour), em(0.35), thickness=max(1.5, em(0.1)))
        imgui.end_child()

    def _head(self, app: App, index: int, pane: Pane, width: float) -> None:
        grid, at, line = pane.grid, imgui.get_cursor_screen_pos(), imgui.get_text_line_height() + em(0.25)
        rate, asked, colour = _speed(app, pane)
        asked = asked if width > em(12) else ""
        end = self._right(asked, theme.DIM, at.x + width, at.y)
        end = self._right(rate, colour, end, at.y, self._fonts.bold) - em(0.8)
        x = at.x
        if len(app.panes) > 1:
            x += self._number(index, app.selected == index, x, at.y)
        self._left(grid.model.config.name, theme.TEXT, x, at.y, end, self._fonts.bold)
        facts = f"{grid.kernel.title} · {grid.size[0]} × {grid.size[1]}"
        steps = f"step {widgets.grouped(grid.step)}"
        x, end = at.x, at.x + width
        if grid.id in app.linked:
            self._left(icons.LINK, theme.ACCENT, x, at.y + line, end)
            x += em(1.5)
        if imgui.is_window_hovered(THOUGH_HELD):
            end, steps = self._buttons(app, pane, end, at.y + line), ""
        if x + imgui.calc_text_size(facts).x + imgui.calc_text_size(steps).x + em(1) < end:
            end = self._right(steps, theme.FAINT, end, at.y + line) - em(0.8)
        self._left(facts, theme.DIM, x, at.y + line, end)

    def _buttons(self, app: App, pane: Pane, end: float, y: float) -> float:
        """Small buttons that end at `end`; returns where they start."""
        number, linked = pane.grid.id, pane.grid.id in app.linked
        x, side = end + em(0.2), em(SMALL)
        remove, copy = "Remove this grid. (Del)", "Duplicate this grid. (Ctrl D)"
        chain = "Linked: changes go to all linked grids. (G)" if linked else "Link it with others. (G)"
        for name, icon, help_ in (
            ("remove", icons.CLOSE, remove),
            ("copy", icons.DUPLICATE, copy),
            ("link", icons.LINK, chain),
        ):
            x -= side
            imgui.set_cursor_screen_pos((x, y - em(0.1)))
            if imgui.invisible_button(f"{name}{number}", (side, side)):
                self._press(app, name, number)
            hovered = imgui.is_item_hovered()
            widgets.tooltip(help_)
            ink = theme.TEXT if hovered else theme.ACCENT if name == "link" and linked else theme.FAINT
            with theme.face(self._fonts.regular, 0.85):
                left = round(x + (side - imgui.calc_text_size(icon).x) / 2)
                imgui.get_window_draw_list().add_text((left, round(y + em(0.07))), u32(ink), icon)
        return x - em(0.3)

    def _press(self, app: App, name: str, number: int) -> None:
        if name == "link":
            arranging.link(app, number)
        elif name == "remove":
            arranging.remove(app, number)
        else:
            app.select([pane.grid.id for pane in app.panes].index(number))
            arranging.duplicate(app)

    def _number(self, index: int, selected: bool, x: float, y: float) -> float:
        side, draw = imgui.get_text_line_height(), imgui.get_window_draw_list()
        back, ink = (theme.ACCENT, theme.BACK) if selected else (theme.FIELD, theme.DIM)
        draw.add_rect_filled((x, y), (x + side, y + side), u32(back), em(0.25))
        text = str(index + 1)
        with theme.face(self._fonts.bold, 0.82):
            size = imgui.calc_text_size(text)
            draw.add_text((round(x + (side - size.x) / 2), round(y + (side - size.y) / 2)), u32(ink), text)
        return float(side) + em(0.5)

    def _left(
        self, text: str, colour: ImVec4, x: float, y: float, end: float, font: imgui.ImFont | None = None
    ) -> None:
        with theme.face(font or self._fonts.regular):
            imgui.get_window_draw_list().add_text((x, y), u32(colour), widgets.trimmed(text, max(0.0, end - x)))

    def _right(self, text: str, colour: ImVec4, end: float, y: float, font: imgui.ImFont | None = None) -> float:
        """Text that ends at `end`; returns where it starts."""
        with theme.face(font or self._fonts.regular):
            x = round(end - imgui.calc_text_size(text).x)
            imgui.get_window_draw_list().add_text((x, y), u32(colour), text)
        return x

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
        self._steer(pane, size, (at.x, at.y), density, app.tools.active)
        placed = pane.camera.place(pane.grid.kernel, pane.grid.size, *size)
        if placed is None:
            draw.add_rect_filled(well[:2], well[2:], u32(theme.WELL))
            draw.channels_merge()
            return
        lines = LINES if app.lines and placed.view.scale >= LINES_FROM else 0.0
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
            _badge(_pointed(pane, placed.view, *inside), at.x, well[3])

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


def _around(draw: imgui.ImDrawList, outer: Box, inner: Box, colour: ImVec4) -> None:
    """Fill what lies between two boxes: where they would lie over one another, software renderers paint all of both."""
    (left, top, right, bottom), ink = outer, u32(colour)
    draw.add_rect_filled((left, top), (right, inner[1]), ink)
    draw.add_rect_filled((left, inner[3]), (right, bottom), ink)
    draw.add_rect_filled((left, inner[1]), (inner[0], inner[3]), ink)
    draw.add_rect_filled((inner[2], inner[1]), (right, inner[3]), ink)


def _pointed(pane: Pane, seen: view.View, x: float, y: float) -> str:
    """The zoom, and the cell under a place in the picture."""
    text = f"{seen.scale:.3g} px a cell"
    if 0 <= x < seen.width and 0 <= y < seen.height:
        column, row = view.cell_at(pane.grid.kernel, pane.grid.size, seen, x, y)
        text += f"  ·  column {column}, row {row}"
    return text


def _badge(text: str, x: float, bottom: float) -> None:
    """A line over the lower left corner of a picture."""
    size, pad = imgui.calc_text_size(text), em(0.4)
    low = (x + em(0.5), bottom - em(0.5) - size.y - 2 * em(0.2))
    high = (low[0] + size.x + 2 * pad, bottom - em(0.5))
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(low, high, u32(theme.BACK, 0.85), em(0.25))
    draw.add_text((low[0] + pad, low[1] + em(0.2)), u32(theme.TEXT), text)


def _dragged(painting: bool) -> bool:
    return any(imgui.is_mouse_dragging(button) for button in (MIDDLE, RIGHT) + (LEFT,) * (not painting))


def _speed(app: App, pane: Pane) -> tuple[str, str, ImVec4]:
    """The measured speed, what was asked for, and the colour that says whether it is reached."""
    asked = pane.grid.settings.steps_per_second
    if pane.grid in app.recorder.grids:
        return f"{icons.RECORD}  {app.recorder.clock}", "", theme.RED
    if pane.grid.settings.paused:
        return f"{icons.PAUSE}  Paused", "", theme.DIM
    rate = pane.meter.rate
    shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
    if asked >= SPECS["steps_per_second"].high:
        return shown, " / unlimited", theme.ACCENT
    if rate < 0.9 * asked - 1:
        return f"{icons.SLOW} {shown}", f" / {asked:.4g} steps/s", theme.AMBER
    return shown, f" / {asked:.4g} steps/s", theme.ACCENT
