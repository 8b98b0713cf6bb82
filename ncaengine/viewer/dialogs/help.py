"""The foot of the window: the status bar, the toasts above it, and the help."""

import math
import time
from collections.abc import Sequence
from itertools import chain

from imgui_bundle import ImVec2, imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.keymap import Shortcut
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.notices import Toast

GROUPS = list(dict.fromkeys(entry.group for entry in keymap.TABLE))
LINES, WIDE, LEFT = 3, (18.0, 34.0), 2.0
"""Lines that all toasts together have, their least and greatest width in em, and the seconds that one stays after
the pointer has left it."""
APART = 2.2
"""Between two columns of the help, in em."""


def status(app: App) -> None:
    """The status bar, into the current window: the device, what was reloaded, the frame rate, the ways to commands."""
    imgui.align_text_to_frame_padding()
    width, start = imgui.get_content_region_avail().x, imgui.get_cursor_pos_x()
    rate = f"{app.frames.rate:.0f} frames/s" if app.running else "idle"
    buttons = (f"{icons.FIND}  Commands###commands", f"{icons.HELP}  Keys###keys")
    ends = sum(imgui.calc_text_size(text, True).x + em(1.2) for text in buttons)
    note = widgets.trimmed(app.reload_note, 0.4 * width)
    taken = ends + imgui.calc_text_size("000 frames/s").x + em(2.5)
    noted = imgui.calc_text_size(note).x + em(2) if note else 0
    recorder = app.recorder
    said = app.sim.backend.description
    if recorder.active:
        said = f"{icons.RECORD}  Recording {recorder.output}, {recorder.clock}"
    with widgets.style([(imgui.Col_.text, theme.RED if recorder.active else theme.DIM)]):
        imgui.text_unformatted(widgets.trimmed(said, width - taken - noted))
        widgets.tooltip(said)
    with widgets.style([(imgui.Col_.text, theme.ACCENT)]):
        imgui.same_line(start + width - taken - noted + em(1))
        imgui.text_unformatted(note)
        widgets.tooltip(app.reload_note)
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.same_line(start + width - taken + em(1))
        imgui.text_unformatted(rate)
    clear = (theme.BACK, theme.FIELD, theme.DIM)
    imgui.same_line(start + width - ends)
    if widgets.button(buttons[0], 0, "All that can be done, by name (Ctrl P)", clear):
        widgets.summon(keymap.PALETTE)
    imgui.same_line(0, em(0.2))
    if widgets.button(buttons[1], 0, "All keys (?)", clear):
        app.show_help = True


def toasts(app: App, left: float, bottom: float, width: float, right: float) -> None:
    """The lines that tell of errors and of work done, above `bottom`, the newest lowest.

    They are as wide as `width` if that is neither too little nor too much, and never reach beyond `right`. Together
    they have LINES lines, the newest first; questions are shown beside them.
    """
    width = min(max(width, em(WIDE[0])), em(WIDE[1]), right - left)
    room = LINES
    for toast in reversed(app.toasts):
        inner = width - em(5.6)
        text = toast.text if toast.buttons else _fitting(toast.text, inner, room)
        if text:
            room -= 0 if toast.buttons else _lines(text, inner)
            bottom = _toast(app, toast, text, left, bottom, width) - em(0.5)


def _lines(text: str, width: float) -> int:
    return max(1, round(imgui.calc_text_size(text, False, max(width, 1.0)).y / imgui.get_text_line_height()))


def _fitting(text: str, width: float, lines: int) -> str:
    """`text`, cut with … where it takes more than so many lines of a width; '' if there is no line."""
    if lines < 1 or _lines(text, width) <= lines:
        return text if lines > 0 else ""
    low, high = 0, len(text)
    while high - low > 1:  # low fits, high does not
        middle = (low + high) // 2
        low, high = (middle, high) if _lines(text[:middle] + "…", width) <= lines else (low, middle)
    return text[:low].rstrip() + "…"


def _toast(app: App, toast: Toast, text: str, left: float, bottom: float, width: float) -> float:
    colour, icon = (theme.RED, icons.WARNING) if toast.kind == "error" else (theme.FAINT, "")
    colour, icon = (theme.ACCENT, icons.RESTORE) if toast.buttons else (colour, icon)
    imgui.set_next_window_pos((left, bottom), imgui.Cond_.always, (0, 1))
    imgui.set_next_window_size((width, 0))
    flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
    flags |= imgui.WindowFlags_.no_focus_on_appearing | imgui.WindowFlags_.no_nav | imgui.WindowFlags_.no_docking
    variables: list[widgets.Variable] = [
        (imgui.StyleVar_.window_padding, (em(1.0), em(0.6))),
        (imgui.StyleVar_.window_border_size, 1),
    ]
    with widgets.style([(imgui.Col_.window_bg, theme.FIELD)], variables):
        imgui.begin(f"##toast{toast.text}", None, flags)
        if not toast.buttons:
            _stay(toast, imgui.is_window_hovered())
        at, size = imgui.get_window_pos(), imgui.get_window_size()
        low, high = (at.x, at.y + em(0.4)), (at.x + em(0.25), at.y + size.y - em(0.4))
        imgui.get_window_draw_list().add_rect_filled(low, high, u32(colour), em(0.12))
        imgui.align_text_to_frame_padding()
        if icon:
            with widgets.style([(imgui.Col_.text, colour)]):
                imgui.text_unformatted(icon)
            imgui.same_line(0, em(0.7))
            imgui.align_text_to_frame_padding()
        imgui.push_text_wrap_pos(max(width - em(2.8), 1.0))
        imgui.text_unformatted(text)
        imgui.pop_text_wrap_pos()
        if text != toast.text:
            widgets.tooltip(toast.text)
        imgui.same_line(width - em(2.6))
        if widgets.button(f"{icons.CLOSE}###dismiss", em(1.9), "Dismiss", (theme.FIELD, theme.FIELD_HELD, theme.DIM)):
            app.toasts.remove(toast)
        if toast.buttons:
            _answers(app, toast)
        imgui.end()
    return float(bottom - size.y)


def _stay(toast: Toast, hovered: bool) -> None:
    """A toast under the pointer stays."""
    if hovered:
        toast.until = math.inf
    elif toast.until == math.inf:
        toast.until = time.monotonic() + LEFT


def _answers(app: App, toast: Toast) -> None:
    """The buttons of a question, the first of them lit."""
    imgui.dummy((em(1.0), 0))
    for index, button in enumerate(toast.buttons):
        imgui.same_line(0, em(0.7))
        colours = (theme.CARD, theme.FIELD_HELD, theme.TEXT) if index else (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        if widgets.button(f"{button.title}###answer{index}", em(6), button.help, colours):
            app.toasts.remove(toast)
            app.defer(button.action)  # not while this frame is drawn of what it may take away


def help_(app: App, fonts: theme.Fonts) -> None:
    """The table of keys, over everything, while `app.show_help`."""
    if app.show_help and not imgui.is_popup_open("##help"):
        imgui.open_popup("##help")
    view = imgui.get_main_viewport()
    imgui.set_next_window_pos(view.get_center(), imgui.Cond_.always, (0.5, 0.5))
    imgui.set_next_window_size_constraints((0, 0), (view.size.x - em(1), view.size.y - em(1)))
    flags = imgui.WindowFlags_.no_title_bar | imgui.WindowFlags_.no_resize | imgui.WindowFlags_.no_move
    flags |= imgui.WindowFlags_.always_auto_resize | imgui.WindowFlags_.no_saved_settings
    with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1.8), em(1.4)))]):
        visible, _ = imgui.begin_popup_modal("##help", None, flags)
    if not visible:
        return
    with theme.face(fonts.bold, 1.3):
        imgui.text_unformatted("Keys and mouse")
    widgets.gap(0.2)
    _groups(view.size.x - em(1))
    _scroll()
    keys = (imgui.Key.escape, imgui.Key.f1, imgui.Key.slash, imgui.Key.enter)
    outside = imgui.is_mouse_clicked(0) and not imgui.is_window_hovered(imgui.HoveredFlags_.root_and_child_windows)
    appearing = imgui.is_window_appearing()
    if not appearing and (outside or any(imgui.is_key_pressed(key, False) for key in keys)):
        app.show_help = False
        imgui.close_current_popup()
    imgui.end_popup()


def _groups(width: float) -> None:
    """The groups of the table, in as few columns as the window's height asks for and as `width` pixels allow."""
    groups = [[entry for entry in keymap.TABLE if entry.group == name and entry.shown] for name in GROUPS]
    heights = [len(entries) + 1.5 for entries in groups]
    for most in (3 if sum(heights) > 40 else 2, 2, 1):
        columns = [[groups[index] for index in column] for column in columned(heights, most)]
        widths = [_widths(list(chain(*column))) for column in columns]
        if sum(map(sum, widths)) + em(APART) * (len(columns) - 1) <= width - em(4):
            break
    start = imgui.get_cursor_pos()
    for column, (keys, texts) in zip(columns, widths, strict=True):
        imgui.set_cursor_pos(start)
        imgui.begin_group()
        for entries in column:
            _group(entries, keys, keys + texts)
        imgui.end_group()
        start = ImVec2(start.x + keys + texts + em(APART), start.y)


def _widths(entries: Sequence[Shortcut]) -> tuple[float, float]:
    """Pixels that the keys of a column and their explanations take."""
    keys = max(widgets.key_width(entry.shown) for entry in entries) + em(0.8)
    return keys, max(imgui.calc_text_size(entry.help).x for entry in entries)


def columned(heights: Sequence[float], count: int) -> list[list[int]]:
    """Places of things of these heights, in their order, in at most `count` columns, the highest as low as can be."""
    limits = sorted({sum(heights[i:j]) for i in range(len(heights)) for j in range(i + 1, len(heights) + 1)})
    for limit in limits:
        columns: list[list[int]] = []
        room = 0.0
        for index, height in enumerate(heights):
            if height > room:
                columns.append([])
                room = limit
            columns[-1].append(index)
            room -= height
        if len(columns) <= count and all(height <= limit for height in heights):
            return columns
    return [[]]


def _scroll() -> None:
    """Keys move what does not fit into the window."""
    keys = {imgui.Key.down_arrow: 2, imgui.Key.up_arrow: -2, imgui.Key.page_down: 15, imgui.Key.page_up: -15}
    by = sum(lines for key, lines in keys.items() if imgui.is_key_pressed(key))
    if by:
        imgui.set_scroll_y(imgui.get_scroll_y() + em(by))


def _group(entries: Sequence[Shortcut], keys: float, width: float) -> None:
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.text_unformatted(entries[0].group)
    for entry in entries:
        at = imgui.get_cursor_screen_pos()
        widgets.key_caps(entry.shown, at.x, at.y, theme.FIELD)
        imgui.get_window_draw_list().add_text((at.x + keys, at.y), u32(theme.TEXT), entry.help)
        imgui.dummy((width, imgui.get_text_line_height()))
    widgets.gap(0.4)
