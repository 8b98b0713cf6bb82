"""The command palette: a field to type into, over the list of the commands that match. Enter runs the selected one."""

from imgui_bundle import ImVec4, imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.dialogs.palette_commands import matching
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.fuzzy import PaletteCommand

WIDTH, TOP = 34.0, 0.12
"""The palette's width in em, and its distance from the window's upper edge as a share of the height."""
MOST_ROWS = 10
HINT = "Type a command, a model, a kernel, or a setting with its value …"


class CommandPalette:
    """The palette, with what is typed and which line is selected."""

    def __init__(self) -> None:
        self._typed, self._selected = "", 0
        self._move_cursor = False

    def show(self, app: App) -> None:
        """Draw the palette while it is open, and run the command that was chosen."""
        shade = ImVec4(0, 0, 0, 0.5 * theme.SHADE.w)  # lighter, to see behind it what a command changed
        size = widgets.size_within_window(WIDTH, 0, 2)[0], 0.0
        chosen = None
        with (
            widgets.shared_ids(),
            widgets.dialog(keymap.PALETTE, size, (0.7, 0.7), top=TOP, shade=shade) as is_open,
        ):
            if is_open:
                chosen = self._content(app)
        if chosen and chosen.action:
            chosen.action()

    def _content(self, app: App) -> PaletteCommand | None:
        """Draw the field and the list. Return the command that was chosen, or None."""
        if imgui.is_window_appearing():
            self._typed, self._selected = "", 0
        edited = self._take_early_letters() | self._field()
        commands = matching(app, self._typed)
        self._selected = 0 if edited else min(self._selected, max(0, len(commands) - 1))
        moved = self._handle_keys(len(commands))
        chosen = self._list(commands, moved)
        if imgui.is_key_pressed(imgui.Key.escape) or widgets.clicked_outside():
            imgui.close_current_popup()
            return None
        if commands and any(imgui.is_key_pressed(key, False) for key in (imgui.Key.enter, imgui.Key.keypad_enter)):
            chosen = commands[self._selected]
        if chosen and chosen.action is None:
            # Enter or the click has left the field, so that it takes this text.
            self._typed, self._selected = f"{chosen.title} ", 0
        elif chosen:
            imgui.close_current_popup()
        return chosen

    def _take_early_letters(self) -> bool:
        """Take letters that are typed before the field has the keyboard focus. Return whether there were any."""
        waiting = imgui.get_io().input_queue_characters
        letters = "" if imgui.is_any_item_active() else "".join(map(chr, waiting))
        if letters:
            waiting.clear()  # else the field might take them again
        self._typed += letters
        return bool(letters)

    def _field(self) -> bool:
        """Draw the field, which always has the keyboard focus. Return whether its text changed."""
        if not imgui.is_any_item_active() and not imgui.is_mouse_down(0):
            imgui.set_keyboard_focus_here()
            self._move_cursor = True
        imgui.set_next_item_width(-1)
        flags = int(imgui.InputTextFlags_.callback_always)
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.7), em(0.55)))]):
            edited, self._typed = imgui.input_text_with_hint("##query", HINT, self._typed, flags, self._place_cursor)
        return bool(edited)

    def _place_cursor(self, data: imgui.InputTextCallbackData) -> int:
        """Put the cursor behind the text, with nothing selected, when the field gets the focus."""
        if self._move_cursor:
            data.cursor_pos = data.selection_start = data.selection_end = data.buf_text_len
            self._move_cursor = False
        return 0

    def _handle_keys(self, count: int) -> bool:
        """Move the selection by keys. Return whether one was pressed."""
        rows = self._most_rows()
        keys = {imgui.Key.down_arrow: 1, imgui.Key.up_arrow: -1, imgui.Key.page_down: rows, imgui.Key.page_up: -rows}
        by = sum(step for key, step in keys.items() if imgui.is_key_pressed(key))
        if count and by:
            target = self._selected + by
            self._selected = target % count if abs(by) == 1 else min(max(target, 0), count - 1)
        return bool(by)

    def _most_rows(self) -> int:
        free = imgui.get_main_viewport().size.y * 0.8 - em(5)
        return int(min(max(free // self._row_height(), 2), MOST_ROWS))

    def _row_height(self) -> float:
        return imgui.get_text_line_height() + em(0.8)

    def _list(self, commands: list[PaletteCommand], moved: bool) -> PaletteCommand | None:
        """Draw the list. Return the command that was clicked, or None."""
        clicked = None
        rows = min(max(len(commands), 1), self._most_rows())
        with widgets.style(variables=[(imgui.StyleVar_.item_spacing, (0, 0))]):
            imgui.begin_child("##entries", (0, rows * self._row_height()), 0, imgui.WindowFlags_.no_nav)
            if not commands:
                imgui.set_cursor_pos((em(0.6), em(0.4)))
                imgui.text_disabled("No command matches.")
            for index, command in enumerate(commands):
                if self._row(index, command, moved):
                    clicked = command
            imgui.end_child()
        return clicked

    def _row(self, index: int, command: PaletteCommand, moved: bool) -> bool:
        """Draw a line of the list. Return whether it was clicked."""
        at, width, height = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x, self._row_height()
        clicked = imgui.invisible_button(f"{command.title}###entry{index}", (max(width, 1), height))
        delta = imgui.get_io().mouse_delta
        if imgui.is_item_hovered() and (delta.x or delta.y):
            self._selected = index
        if index == self._selected:
            end = at.x + width, at.y + height
            imgui.get_window_draw_list().add_rect_filled((at.x, at.y), end, u32(theme.ACCENT_DEEP), em(0.35))
            if moved:
                imgui.set_scroll_here_y(0.5)
        _texts(command, at.x + em(0.6), at.x + width - em(0.6), at.y + em(0.4), index == self._selected)
        return bool(clicked)


def _texts(command: PaletteCommand, left: float, right: float, y: float, selected: bool) -> None:
    """Draw a command's title, hint and keys in a line of the list."""
    draw = imgui.get_window_draw_list()
    if command.keys:
        right -= widgets.key_width(command.keys)
        widgets.key_caps(command.keys, right, y, theme.CARD if selected else theme.FIELD)
        right -= em(0.8)
    title = widgets.shorten(command.title, right - left)
    draw.add_text((left, y), u32(theme.TEXT), title)
    left += imgui.calc_text_size(title).x + em(0.9)
    hint = widgets.shorten(command.hint, right - left) if right - left > em(3) else ""
    draw.add_text((left, y), u32(theme.TEXT if selected else theme.DIM, 0.8 if selected else 1), hint)
