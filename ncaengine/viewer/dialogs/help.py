"""The help: a table of all keys and mouse actions, and a field to search it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.keymap import Shortcut
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

NAME = "##help"
GROUPS = list(dict.fromkeys(shortcut.group for shortcut in keymap.TABLE))
COLUMN_GAP = 2.2
"""Between two columns, in em."""
MOST_COLUMNS, LINES = 3, 24
"""The most columns, and the lines from which there are more."""
LEAST_TEXT = 8.0
"""The least width of the texts, which are wrapped in a narrow window, in em."""
NOTHING = "No key does that. Ctrl P finds all commands, also those without a key."
FIELD_WIDTH = 16.0
"""Of the field to search, in em."""
FLAGS = int(
    imgui.WindowFlags_.no_title_bar | imgui.WindowFlags_.no_resize | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_saved_settings
)  # fmt: skip


class HelpSheet:
    """The help, with what is typed to search it."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._typed = ""
        self._size = 0.0, 0.0
        """(width, height) of the whole table in pixels: the sheet keeps it while its user types."""

    def show(self, app: App) -> None:
        """Draw the help over everything while `app.show_help`."""
        if app.show_help and not imgui.is_popup_open(NAME):
            imgui.open_popup(NAME)
            self._typed = ""
        view = imgui.get_main_viewport()
        imgui.set_next_window_size_constraints((0, 0), (view.size.x - em(1), view.size.y - em(1)))
        with widgets.dialog(NAME, None, (1.8, 1.4), flags=FLAGS) as is_open:
            if not is_open:
                return
            words = self._typed.lower().split()
            table = arranged(view.size.x - em(4.7) - imgui.get_style().scrollbar_size, words)
            self._heading(self._size[0] if words else table.width)
            start = imgui.get_cursor_pos()
            height = _draw(table)
            if not words:
                self._size = table.width, height
            elif not table.columns:
                widgets.text_in(theme.DIM, NOTHING, wrapped=True)
            imgui.set_cursor_pos(start)
            imgui.dummy(self._size)
            _handle_scrolling()
            self._close(app, bool(words))

    def _heading(self, width: float) -> None:
        """Draw the title, and the field to search at the right."""
        start = imgui.get_cursor_pos_x()
        with theme.use_font(self._fonts.bold, 1.3):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted("Keys and mouse")
        field = min(em(FIELD_WIDTH), width - em(11))
        imgui.same_line(start + width - field)
        imgui.set_next_item_width(field)
        if imgui.is_window_appearing():
            imgui.set_keyboard_focus_here()
        flags = imgui.InputTextFlags_.escape_clears_all
        changed, self._typed = imgui.input_text_with_hint("##search", "Search", self._typed, flags)
        if changed:
            imgui.set_scroll_y(0)
        widgets.vertical_space(0.2)

    def _close(self, app: App, had_text: bool) -> None:
        """Close the help by its keys, or by a click beside it. With text in the field, Esc only clears it."""
        keys = [imgui.Key.f1, imgui.Key.enter] + [imgui.Key.escape, imgui.Key.slash] * (not had_text)
        closing = widgets.clicked_outside() or any(imgui.is_key_pressed(key, False) for key in keys)
        if had_text and imgui.is_key_pressed(imgui.Key.escape):
            self._typed = ""
        if closing and not imgui.is_window_appearing():
            app.show_help = False
            imgui.close_current_popup()


@dataclass(frozen=True)
class Table:
    """The groups in columns, with the widths of each column's keys and texts in pixels."""

    columns: list[list[list[Shortcut]]]
    widths: list[tuple[float, float]]

    @property
    def width(self) -> float:
        """The width of all columns in pixels."""
        return sum(map(sum, self.widths)) + em(COLUMN_GAP) * (len(self.columns) - 1)


def arranged(width: float, words: Sequence[str]) -> Table:
    """Return the lines that contain all words, in as many columns as are needed and fit into `width` pixels."""
    found = [shortcut for shortcut in keymap.TABLE if _matches(shortcut, words)]
    groups = [group for name in GROUPS if (group := [each for each in found if each.group == name])]
    heights = [len(shortcuts) + 1.5 for shortcuts in groups]
    for most in range(min(MOST_COLUMNS, math.ceil(sum(heights) / LINES)), 0, -1):
        columns = [[groups[index] for index in column] for column in balanced_columns(heights, most)]
        table = Table(columns, [_widths(list(chain(*column))) for column in columns])
        if table.width <= width:
            return table
        if most == 1:  # a narrow window with large text
            return Table(columns, [(keys, max(width - keys, em(LEAST_TEXT))) for keys, _ in table.widths])
    return Table([], [])


def _matches(shortcut: Shortcut, words: Sequence[str]) -> bool:
    text = f"{shortcut.group} {shortcut.shown} {shortcut.help}".lower()
    return bool(shortcut.shown) and all(word in text for word in words)


def _draw(table: Table) -> float:
    """Draw the table. Return its height in pixels."""
    start, lowest = imgui.get_cursor_pos(), 0.0
    x = start.x
    for column, (keys, texts) in zip(table.columns, table.widths, strict=True):
        imgui.set_cursor_pos((x, start.y))
        imgui.begin_group()
        for shortcuts in column:
            _group(shortcuts, keys, keys + texts)
        imgui.end_group()
        lowest = max(lowest, imgui.get_cursor_pos_y())
        x += keys + texts + em(COLUMN_GAP)
    return lowest - start.y


def _widths(shortcuts: Sequence[Shortcut]) -> tuple[float, float]:
    """Return the widths of a column's keys and texts in pixels."""
    keys = max(widgets.key_width(shortcut.shown) for shortcut in shortcuts) + em(0.8)
    return keys, max(imgui.calc_text_size(shortcut.help).x for shortcut in shortcuts)


def balanced_columns(heights: Sequence[float], count: int) -> list[list[int]]:
    """Distribute items in order over at most `count` columns so that the highest column is as low as possible.

    heights: of the items. Returns the items' indices, one list a column.
    """
    limits = sorted({sum(heights[i:j]) for i in range(len(heights)) for j in range(i + 1, len(heights) + 1)})
    for limit in limits:
        columns: list[list[int]] = []
        free = 0.0
        for index, height in enumerate(heights):
            if height > free:
                columns.append([])
                free = limit
            columns[-1].append(index)
            free -= height
        if len(columns) <= count and all(height <= limit for height in heights):
            return columns
    return [[]]


def _handle_scrolling() -> None:
    """Scroll by keys, for a window that is too low."""
    keys = {imgui.Key.down_arrow: 2, imgui.Key.up_arrow: -2, imgui.Key.page_down: 15, imgui.Key.page_up: -15}
    lines = sum(count for key, count in keys.items() if imgui.is_key_pressed(key))
    if lines:
        imgui.set_scroll_y(imgui.get_scroll_y() + em(lines))


def _group(shortcuts: Sequence[Shortcut], keys: float, width: float) -> None:
    """Draw a group: its title, then a line for each shortcut, or several where its text is wrapped.

    keys, width: the width of the keys and of the whole column, in pixels.
    """
    widgets.text_in(theme.DIM, shortcuts[0].group)
    for shortcut in shortcuts:
        at = imgui.get_cursor_screen_pos()
        widgets.key_caps(shortcut.shown, at.x, at.y, theme.FIELD)
        wrap, draw = width - keys, imgui.get_window_draw_list()
        place = at.x + keys, at.y
        draw.add_text(imgui.get_font(), imgui.get_font_size(), place, u32(theme.TEXT), shortcut.help, wrap)
        imgui.dummy((width, imgui.calc_text_size(shortcut.help, False, wrap).y))
    widgets.vertical_space(0.4)
