"""The help: a table of all keys and mouse actions."""

from collections.abc import Sequence
from itertools import chain

from imgui_bundle import ImVec2, imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.keymap import Shortcut
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

NAME = "##help"
GROUPS = list(dict.fromkeys(shortcut.group for shortcut in keymap.TABLE))
COLUMN_GAP = 2.2
"""Between two columns, in em."""
MANY_LINES = 40
"""Lines from which the table has three columns."""
FLAGS = int(
    imgui.WindowFlags_.no_title_bar | imgui.WindowFlags_.no_resize | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_saved_settings
)  # fmt: skip


def show(app: App, fonts: theme.Fonts) -> None:
    """Draw the help over everything while `app.show_help`."""
    if app.show_help and not imgui.is_popup_open(NAME):
        imgui.open_popup(NAME)
    view = imgui.get_main_viewport()
    imgui.set_next_window_size_constraints((0, 0), (view.size.x - em(1), view.size.y - em(1)))
    with widgets.dialog(NAME, None, (1.8, 1.4), flags=FLAGS) as is_open:
        if not is_open:
            return
        with theme.use_font(fonts.bold, 1.3):
            imgui.text_unformatted("Keys and mouse")
        widgets.vertical_space(0.2)
        _table(view.size.x - em(1))
        _handle_scrolling()
        keys = (imgui.Key.escape, imgui.Key.f1, imgui.Key.slash, imgui.Key.enter)
        closing = widgets.clicked_outside() or any(imgui.is_key_pressed(key, False) for key in keys)
        if closing and not imgui.is_window_appearing():
            app.show_help = False
            imgui.close_current_popup()


def _table(width: float) -> None:
    """Draw the groups in as few columns as the window's height needs and as fit into `width` pixels."""
    groups = [[shortcut for shortcut in keymap.TABLE if shortcut.group == name and shortcut.shown] for name in GROUPS]
    heights = [len(shortcuts) + 1.5 for shortcuts in groups]
    for most in (3 if sum(heights) > MANY_LINES else 2, 2, 1):
        columns = [[groups[index] for index in column] for column in balanced_columns(heights, most)]
        widths = [_widths(list(chain(*column))) for column in columns]
        if sum(map(sum, widths)) + em(COLUMN_GAP) * (len(columns) - 1) <= width - em(4):
            break
    start = imgui.get_cursor_pos()
    for column, (keys, texts) in zip(columns, widths, strict=True):
        imgui.set_cursor_pos(start)
        imgui.begin_group()
        for shortcuts in column:
            _group(shortcuts, keys, keys + texts)
        imgui.end_group()
        start = ImVec2(start.x + keys + texts + em(COLUMN_GAP), start.y)


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
    """Draw a group: its title, then one line a shortcut.

    keys, width: the width of the keys and of the whole column, in pixels.
    """
    widgets.text_in(theme.DIM, shortcuts[0].group)
    for shortcut in shortcuts:
        at = imgui.get_cursor_screen_pos()
        widgets.key_caps(shortcut.shown, at.x, at.y, theme.FIELD)
        imgui.get_window_draw_list().add_text((at.x + keys, at.y), u32(theme.TEXT), shortcut.help)
        imgui.dummy((width, imgui.get_text_line_height()))
    widgets.vertical_space(0.4)
