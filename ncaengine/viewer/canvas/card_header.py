"""The head of a card: which grid, how fast it runs, and small buttons under the pointer."""

from imgui_bundle import ImVec4, imgui

from ncaengine.core.settings import SETTINGS
from ncaengine.viewer.actions import grids
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.pane import Pane

SMALL, LEAST_NAME = 1.3, 4.0
"""Side of a small button, and the room for a model's name beside its speed, in em."""
TWO_LINES, ONE_LINE = 10.0, 5.0
"""Heights of a card from which its head has two lines, or one, in em."""
THOUGH_HELD = int(imgui.HoveredFlags_.allow_when_blocked_by_active_item)


def lines_in(height: float) -> int:
    """Lines of the head of a card of a height in pixels."""
    return 2 if height >= em(TWO_LINES) else 1 if height >= em(ONE_LINE) else 0


def height_of(lines: int) -> float:
    """Height of a head of so many lines with the room around it, in pixels."""
    return lines * imgui.get_text_line_height() + (lines - 1) * em(0.25) + 2 * em(0.6) if lines else 0.0


class Head:
    """It holds the fonts alone. What finds no room is left out: first the speed asked for, then what was measured."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts

    def show(self, app: App, index: int, pane: Pane, width: float, lines: int) -> None:
        """Draw it at the cursor: number, name and speed; below, if there are two lines, what runs and how long."""
        at, x = imgui.get_cursor_screen_pos(), imgui.get_cursor_screen_pos().x
        end = x + width
        hovered = imgui.is_window_hovered(THOUGH_HELD) and width > em(4 * SMALL)
        if len(app.panes) > 1 and width > em(1):
            x += self._number(index, app.selected == index, x, at.y)
        crowded = hovered and lines == 1
        end = self._buttons(app, pane, end, at.y) if crowded else self._speed(app, pane, x, end, at.y)
        self._left(pane.grid.model.config.name, theme.TEXT, x, at.y, end, self._fonts.bold)
        if lines > 1:
            self._facts(app, pane, at.x, at.x + width, at.y + imgui.get_text_line_height() + em(0.25), hovered)

    def _speed(self, app: App, pane: Pane, x: float, end: float, y: float) -> float:
        """The measured speed and what was asked for, as far as there is room from x; returns where they start."""
        rate, asked, colour = _speed(app, pane)
        with theme.face(self._fonts.bold):
            wide = imgui.calc_text_size(rate).x
        if end - x < wide:
            return end
        if end - x > wide + imgui.calc_text_size(asked).x + em(LEAST_NAME):
            end = self._right(asked, theme.DIM, end, y)
        return self._right(rate, colour, end, y, self._fonts.bold) - em(0.8)

    def _facts(self, app: App, pane: Pane, x: float, end: float, y: float, hovered: bool) -> None:
        """Kernel, size and step; under the pointer buttons in place of the step."""
        grid = pane.grid
        facts, steps = f"{grid.kernel.title} · {grid.size[0]} × {grid.size[1]}", f"step {widgets.grouped(grid.step)}"
        if grid.id in app.linked:
            self._left(icons.LINK, theme.ACCENT, x, y, end)
            x += em(1.5)
        if hovered:
            end, steps = self._buttons(app, pane, end, y), ""
        if x + imgui.calc_text_size(facts).x + imgui.calc_text_size(steps).x + em(1) < end:
            end = self._right(steps, theme.FAINT, end, y) - em(0.8)
        if imgui.calc_text_size(facts).x > end - x:
            facts = grid.kernel.title
        self._left(facts, theme.DIM, x, y, end)

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
            grids.toggle_link(app, number)
        elif name == "remove":
            grids.remove(app, number)
        else:
            app.select([pane.grid.id for pane in app.panes].index(number))
            grids.duplicate(app)

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


def _speed(app: App, pane: Pane) -> tuple[str, str, ImVec4]:
    """The measured speed, what was asked for, and the colour that says whether it is reached."""
    asked = pane.grid.settings.steps_per_second
    if pane.grid in app.recorder.grids:
        return f"{icons.RECORD}  {app.recorder.clock}", "", theme.RED
    if pane.grid.settings.paused:
        return f"{icons.PAUSE}  Paused", "", theme.DIM
    rate = pane.meter.rate
    shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
    if asked >= SETTINGS["steps_per_second"].high:
        return shown, " / unlimited", theme.ACCENT
    if rate < 0.9 * asked - 1:
        return f"{icons.SLOW} {shown}", f" / {asked:.4g} steps/s", theme.AMBER
    return shown, f" / {asked:.4g} steps/s", theme.ACCENT
