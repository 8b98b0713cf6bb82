"""A card's header: the grid's number, name and speed, and small buttons."""

from collections.abc import Callable

from imgui_bundle import ImVec4, imgui

from ncaengine.core.settings import SETTINGS
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state import slowness
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.pane import Pane

BUTTON_SIDE, LEAST_NAME = 1.3, 4.0
"""Side of a small button, and the least width of a model's name next to its speed, in em."""
TWO_LINES_FROM, ONE_LINE_FROM = 10.0, 5.0
"""Heights of a card from which its header has two lines, or one, in em."""
HOVERED = int(imgui.HoveredFlags_.allow_when_blocked_by_active_item)


def lines_in(height: float) -> int:
    """Return the number of lines in the header of a card, given its height in pixels."""
    return 2 if height >= em(TWO_LINES_FROM) else 1 if height >= em(ONE_LINE_FROM) else 0


def height_of(lines: int) -> float:
    """Return the height of a header with the space around it, in pixels."""
    return lines * imgui.get_text_line_height() + (lines - 1) * em(0.25) + 2 * em(0.6) if lines else 0.0


class CardHeader:
    """Draws headers. Without enough space it omits first the requested speed, then the measured one."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts

    def show(self, app: App, index: int, pane: Pane, width: float, lines: int) -> None:
        """Draw a header at the cursor: number, name and speed; in a second line kernel, size and step."""
        at, x = imgui.get_cursor_screen_pos(), imgui.get_cursor_screen_pos().x
        end = x + width
        roomy = width > em(4 * BUTTON_SIDE)
        hovered = imgui.is_window_hovered(HOVERED) and roomy
        if len(app.panes) > 1 and width > em(1):
            x += self._number(index, app.selected == index, x, at.y)
        crowded = hovered and lines == 1
        end = self._buttons(app, pane, end, at.y) if crowded else self._speed(app, pane, x, end, at.y)
        with theme.use_font(self._fonts.bold):
            name = widgets.shorten_middle(app.name_of(pane.grid.model), max(0.0, end - x))
        self._text(name, theme.TEXT, x, at.y, end, self._fonts.bold)
        if lines > 1:
            y = at.y + imgui.get_text_line_height() + em(0.25)
            self._second_line(app, pane, at.x, at.x + width, y, roomy)

    def _speed(self, app: App, pane: Pane, x: float, end: float, y: float) -> float:
        """Draw the measured and the requested speed if they fit between x and `end`. Return where they start."""
        (measured, requested, colour), whole = _speed_texts(app, pane), end
        with theme.use_font(self._fonts.bold):
            width = imgui.calc_text_size(measured).x
        if end - x < width:
            return end
        if end - x > width + imgui.calc_text_size(requested).x + em(LEAST_NAME):
            end = self._text_before(requested, theme.DIM, end, y)
        left = self._text_before(measured, colour, end, y, self._fonts.bold)
        if colour == theme.AMBER:
            _explain(app, pane, left, y, whole - left)
        return left - em(0.8)

    def _second_line(self, app: App, pane: Pane, x: float, end: float, y: float, roomy: bool) -> None:
        """Draw kernel, size, step and buttons."""
        grid = pane.grid
        facts = f"{grid.kernel.title} · {grid.size[0]} × {grid.size[1]}"
        step = f"step {widgets.format_count(grid.step)}"
        if grid.id in app.linked:
            self._text(icons.LINK, theme.ACCENT, x, y, end)
            x += em(1.5)
        if roomy:
            end = self._buttons(app, pane, end, y)
        if x + imgui.calc_text_size(facts).x + imgui.calc_text_size(step).x + em(1) < end:
            end = self._text_before(step, theme.FAINT, end, y) - em(0.8)
        if imgui.calc_text_size(facts).x > end - x:
            facts = grid.kernel.title
        self._text(facts, theme.DIM, x, y, end)

    def _buttons(self, app: App, pane: Pane, end: float, y: float) -> float:
        """Draw the small buttons up to `end`. Return where they start."""
        number, linked = pane.grid.id, pane.grid.id in app.linked
        x, side = end + em(0.2), em(BUTTON_SIDE)
        link_help = "Linked: changes apply to all linked grids. Click to unlink." if linked else "Link grid"
        buttons: list[tuple[str, str, str, Callable[[], None]]] = [
            ("remove", icons.CLOSE, keymap.with_key("Remove grid", grids.remove), lambda: grids.remove(app, number)),
            ("copy", icons.DUPLICATE, keymap.with_key("Duplicate grid", grids.duplicate), lambda: _copy(app, number)),
            ("link", icons.LINK, keymap.with_key(link_help, grids.toggle_link), lambda: grids.toggle_link(app, number)),
        ]
        if pane.grid.fields is not None:
            icon, verb = (icons.EYE, "Hide") if pane.shows_maps else (icons.EYE_OFF, "Show")
            buttons.append(("maps", icon, f"{verb} the outlines of the maps", pane.toggle_maps))
        for name, icon, help_, press in buttons:
            x -= side
            imgui.set_cursor_screen_pos((x, y - em(0.1)))
            if imgui.invisible_button(f"{name}{number}", (side, side)):
                press()
            hovered = imgui.is_item_hovered()
            widgets.tooltip(help_)
            colour = theme.TEXT if hovered else theme.ACCENT if name == "link" and linked else theme.FAINT
            with theme.use_font(self._fonts.regular, 0.85):
                left = round(x + (side - imgui.calc_text_size(icon).x) / 2)
                imgui.get_window_draw_list().add_text((left, round(y + em(0.07))), u32(colour), icon)
        return x - em(0.3)

    def _number(self, index: int, selected: bool, x: float, y: float) -> float:
        """Draw the grid's number in a square. Return the width that it takes."""
        side, draw = imgui.get_text_line_height(), imgui.get_window_draw_list()
        face, ink = (theme.ACCENT, theme.BACK) if selected else (theme.FIELD, theme.DIM)
        draw.add_rect_filled((x, y), (x + side, y + side), u32(face), em(0.25))
        text = str(index + 1)
        with theme.use_font(self._fonts.bold, 0.82):
            size = imgui.calc_text_size(text)
            draw.add_text((round(x + (side - size.x) / 2), round(y + (side - size.y) / 2)), u32(ink), text)
        return float(side) + em(0.5)

    def _text(
        self, text: str, colour: ImVec4, x: float, y: float, end: float, font: imgui.ImFont | None = None
    ) -> None:
        """Draw text from x on, shortened at `end`."""
        with theme.use_font(font or self._fonts.regular):
            imgui.get_window_draw_list().add_text((x, y), u32(colour), widgets.shorten(text, max(0.0, end - x)))

    def _text_before(self, text: str, colour: ImVec4, end: float, y: float, font: imgui.ImFont | None = None) -> float:
        """Draw text that ends at `end`. Return where it starts."""
        with theme.use_font(font or self._fonts.regular):
            x = round(end - imgui.calc_text_size(text).x)
            imgui.get_window_draw_list().add_text((x, y), u32(colour), text)
        return x


def _copy(app: App, number: int) -> None:
    app.select_grid(number)
    grids.duplicate(app)


def _explain(app: App, pane: Pane, x: float, y: float, width: float) -> None:
    """Let the amber speed say why it is low; a click opens the section that helps."""
    imgui.set_cursor_screen_pos((x, y))
    if imgui.invisible_button(f"slow{pane.grid.id}", (max(width, 1), imgui.get_text_line_height())):
        app.select_grid(pane.grid.id)
        app.open_section("Size")
    if imgui.is_item_hovered():
        imgui.set_mouse_cursor(imgui.MouseCursor_.hand)
        widgets.tooltip(slowness.why_slow(app, pane))


def _speed_texts(app: App, pane: Pane) -> tuple[str, str, ImVec4]:
    """Return the measured speed, the requested speed, and the colour that shows whether it is reached."""
    requested = pane.grid.settings.steps_per_second
    if pane.grid in app.recorder.grids:
        return f"{icons.RECORD}  {app.recorder.clock}", "", theme.RED
    if pane.grid.settings.paused:
        return f"{icons.PAUSE}  Paused", "", theme.DIM
    measured = widgets.format_count(pane.meter.rate) if pane.meter.rate >= 10 else pane.meter.text
    if requested >= SETTINGS["steps_per_second"].high:
        return measured, " / unlimited", theme.ACCENT
    if slowness.is_slow(pane):
        return f"{icons.SLOW} {measured}", f" / {requested:.4g} steps/s", theme.AMBER
    return measured, f" / {requested:.4g} steps/s", theme.ACCENT
