"""The command palette's box: a field to type into over the lines that match, the lit one done by Enter."""

from imgui_bundle import ImVec4, imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.dialogs.palette_commands import matching
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.fuzzy import PaletteCommand

INSIDE = int(imgui.HoveredFlags_.root_and_child_windows | imgui.HoveredFlags_.allow_when_blocked_by_active_item)
WIDTH, MOST_ROWS = 34.0, 10
"""Of the box in em, and of its list in lines."""


class Palette:
    """What is typed, and which line is lit."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._typed, self._at = "", 0
        self._to_end = False

    def show(self, app: App) -> None:
        """The box, while it is open; what was chosen is done at its end."""
        with widgets.rooted():
            chosen = self._box(app)
        if chosen and chosen.action:
            chosen.action()

    def _box(self, app: App) -> PaletteCommand | None:
        view = imgui.get_main_viewport()
        width = min(em(WIDTH), view.size.x - em(2))
        imgui.set_next_window_pos((view.get_center().x, view.pos.y + 0.12 * view.size.y), imgui.Cond_.always, (0.5, 0))
        imgui.set_next_window_size((width, 0))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
        shade = ImVec4(0, 0, 0, 0.5 * theme.SHADE.w)  # what a command did is to be seen behind
        padding: list[widgets.Variable] = [(imgui.StyleVar_.window_padding, (em(0.7), em(0.7)))]
        with widgets.style([(imgui.Col_.modal_window_dim_bg, shade)], padding):
            visible, _ = imgui.begin_popup_modal(keymap.PALETTE, None, flags)
        if not visible:
            return None
        chosen = self._inside(app)
        imgui.end_popup()
        return chosen

    def _inside(self, app: App) -> PaletteCommand | None:
        if imgui.is_window_appearing():
            self._typed, self._at = "", 0
        edited = self._early() | self._field()
        entries = matching(app, self._typed)
        self._at = 0 if edited else min(self._at, max(0, len(entries) - 1))
        moved = self._steer(len(entries))
        chosen = self._list(entries, moved)
        inside = imgui.is_window_hovered(INSIDE) or imgui.is_window_appearing()
        if imgui.is_key_pressed(imgui.Key.escape) or (imgui.is_mouse_clicked(0) and not inside):
            imgui.close_current_popup()
            return None
        if entries and any(imgui.is_key_pressed(key, False) for key in (imgui.Key.enter, imgui.Key.keypad_enter)):
            chosen = entries[self._at]
        if chosen and chosen.action is None:
            self._typed, self._at = f"{chosen.title} ", 0  # Enter or the click left the field, which takes this now
        elif chosen:
            imgui.close_current_popup()
        return chosen

    def _early(self) -> bool:
        """Take in what is typed before the field has the keyboard; returns whether anything was."""
        waiting = imgui.get_io().input_queue_characters
        letters = "" if imgui.is_any_item_active() else "".join(map(chr, waiting))
        if letters:
            waiting.clear()  # else the field might take it again
        self._typed += letters
        return bool(letters)

    def _field(self) -> bool:
        """What is typed, always ready for more; returns whether it changed."""
        if not imgui.is_any_item_active() and not imgui.is_mouse_down(0):
            imgui.set_keyboard_focus_here()
            self._to_end = True
        imgui.set_next_item_width(-1)
        flags = int(imgui.InputTextFlags_.callback_always)
        hint = "What to do: a command, a model, a kernel, a setting with its number …"
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.7), em(0.55)))]):
            edited, self._typed = imgui.input_text_with_hint("##query", hint, self._typed, flags, self._place)
        return bool(edited)

    def _place(self, data: imgui.InputTextCallbackData) -> int:
        """Leave the cursor behind what is there, nothing selected, when the field is entered."""
        if self._to_end:
            data.cursor_pos = data.selection_start = data.selection_end = data.buf_text_len
            self._to_end = False
        return 0

    def _steer(self, count: int) -> bool:
        """Move the light by keys, round about; returns whether it moved."""
        rows = self._rows()
        keys = {imgui.Key.down_arrow: 1, imgui.Key.up_arrow: -1, imgui.Key.page_down: rows, imgui.Key.page_up: -rows}
        by = sum(step for key, step in keys.items() if imgui.is_key_pressed(key))
        if count and by:
            self._at = (self._at + by) % count if abs(by) == 1 else min(max(self._at + by, 0), count - 1)
        return bool(by)

    def _rows(self) -> int:
        free = imgui.get_main_viewport().size.y * 0.8 - em(5)
        return int(min(max(free // self._line(), 2), MOST_ROWS))

    def _line(self) -> float:
        return imgui.get_text_line_height() + em(0.8)

    def _list(self, entries: list[PaletteCommand], moved: bool) -> PaletteCommand | None:
        """The lines; returns the one that was clicked."""
        chosen = None
        rows = min(max(len(entries), 1), self._rows())
        with widgets.style(variables=[(imgui.StyleVar_.item_spacing, (0, 0))]):
            imgui.begin_child("##entries", (0, rows * self._line()), 0, imgui.WindowFlags_.no_nav)
            if not entries:
                imgui.set_cursor_pos((em(0.6), em(0.4)))
                imgui.text_disabled("Nothing by that name")
            for index, entry in enumerate(entries):
                if self._row(index, entry, moved):
                    chosen = entry
            imgui.end_child()
        return chosen

    def _row(self, index: int, entry: PaletteCommand, moved: bool) -> bool:
        at, width, height = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x, self._line()
        pressed = imgui.invisible_button(f"{entry.title}###entry{index}", (max(width, 1), height))
        delta = imgui.get_io().mouse_delta
        if imgui.is_item_hovered() and (delta.x or delta.y):
            self._at = index
        if index == self._at:
            imgui.get_window_draw_list().add_rect_filled(
                (at.x, at.y), (at.x + width, at.y + height), u32(theme.ACCENT_DEEP), em(0.35)
            )
            if moved:
                imgui.set_scroll_here_y(0.5)
        self._words(entry, at.x + em(0.6), at.x + width - em(0.6), at.y + em(0.4), index == self._at)
        return bool(pressed)

    def _words(self, entry: PaletteCommand, left: float, right: float, y: float, lit: bool) -> None:
        draw = imgui.get_window_draw_list()
        if entry.keys:
            right -= widgets.key_width(entry.keys)
            widgets.key_caps(entry.keys, right, y, theme.CARD if lit else theme.FIELD)
            right -= em(0.8)
        title = widgets.trimmed(entry.title, right - left)
        draw.add_text((left, y), u32(theme.TEXT), title)
        left += imgui.calc_text_size(title).x + em(0.9)
        hint = widgets.trimmed(entry.hint, right - left) if right - left > em(3) else ""
        draw.add_text((left, y), u32(theme.TEXT if lit else theme.DIM, 0.8 if lit else 1), hint)
