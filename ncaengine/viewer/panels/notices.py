"""The notices at the window's lower edge: errors, news and questions."""

import math
import time
from collections.abc import Sequence

from imgui_bundle import imgui

from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.notices import Severity, Toast

MOST_LINES, MORE_LINES = 3, 6
"""Lines of all notices together, without questions: over pictures, and where they cover nothing."""
LEAST_WIDTH, MOST_WIDTH = 18.0, 34.0
"""Limits of their width, in em."""
SECONDS_AFTER_HOVER = 2.0
"""How long a notice stays after the pointer left it."""
FLAGS = int(
    imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_focus_on_appearing | imgui.WindowFlags_.no_nav | imgui.WindowFlags_.no_docking
)  # fmt: skip


def show(app: App, left: float, bottom: float, width: float, right: float, lines: int = MOST_LINES) -> float:
    """Draw the notices above `bottom`, the newest one lowest. After some lines they are cut or omitted, errors last.

    Returns the upper edge of the space that they take.

    width: the preferred width in pixels.
    right: where they end at most.
    """
    width = min(max(width, em(LEAST_WIDTH)), em(MOST_WIDTH), right - left)
    text_width = width - em(5.6)
    shown = app.toasts[::-1]
    news = [(toast.kind, _line_count(toast.text, text_width)) for toast in shown if not toast.buttons]
    shares = iter(line_shares(news, lines))
    for toast in shown:
        if text := toast.text if toast.buttons else _cut(toast.text, text_width, next(shares)):
            bottom = _toast(app, toast, text, left, bottom, width) - em(0.5)
    return bottom


def line_shares(notices: Sequence[tuple[Severity, int]], lines: int) -> list[int]:
    """Return how many of some lines each notice gets: errors come first, then those that come first.

    notices: the kind and the number of lines that each needs.
    """
    shares = [0] * len(notices)
    for place in sorted(range(len(notices)), key=lambda place: notices[place][0] != "error"):
        shares[place] = min(notices[place][1], lines)
        lines -= shares[place]
    return shares


def _line_count(text: str, width: float) -> int:
    return max(1, round(imgui.calc_text_size(text, False, max(width, 1.0)).y / imgui.get_text_line_height()))


def _cut(text: str, width: float, lines: int) -> str:
    """Return `text`, cut with … where it needs more than `lines` lines of a width; '' for no lines."""
    if lines < 1 or _line_count(text, width) <= lines:
        return text if lines > 0 else ""
    low, high = 0, len(text)
    while high - low > 1:  # low fits, high does not
        middle = (low + high) // 2
        low, high = (middle, high) if _line_count(text[:middle] + "…", width) <= lines else (low, middle)
    return text[:low].rstrip() + "…"


def _toast(app: App, toast: Toast, text: str, left: float, bottom: float, width: float) -> float:
    """Draw a notice above `bottom`. Return its upper edge."""
    colour, icon = (theme.RED, icons.WARNING) if toast.kind == "error" else (theme.FAINT, "")
    colour, icon = (theme.ACCENT, icons.RESTORE) if toast.buttons else (colour, icon)
    imgui.set_next_window_pos((left, bottom), imgui.Cond_.always, (0, 1))
    imgui.set_next_window_size((width, 0))
    variables: list[widgets.StyleVariable] = [
        (imgui.StyleVar_.window_padding, (em(1.0), em(0.6))),
        (imgui.StyleVar_.window_border_size, 1),
    ]
    with widgets.style([(imgui.Col_.window_bg, theme.FIELD)], variables):
        imgui.begin(f"##toast{toast.text}", None, FLAGS)
        if not toast.buttons:
            _stay_while_hovered(toast)
        at, size = imgui.get_window_pos(), imgui.get_window_size()
        low, high = (at.x, at.y + em(0.4)), (at.x + em(0.25), at.y + size.y - em(0.4))
        imgui.get_window_draw_list().add_rect_filled(low, high, u32(colour), em(0.12))
        imgui.align_text_to_frame_padding()
        if icon:
            widgets.text_in(colour, icon)
            imgui.same_line(0, em(0.7))
            imgui.align_text_to_frame_padding()
        imgui.push_text_wrap_pos(max(width - em(2.8), 1.0))
        imgui.text_unformatted(text)
        imgui.pop_text_wrap_pos()
        if text.endswith("…"):
            widgets.tooltip(toast.text)
        imgui.same_line(width - em(2.6))
        if widgets.button(f"{icons.CLOSE}###dismiss", em(1.9), "Dismiss", (theme.FIELD, theme.FIELD_HELD, theme.DIM)):
            app.toasts.remove(toast)
        if toast.buttons:
            _answers(app, toast)
        imgui.end()
    return float(bottom - size.y)


def _stay_while_hovered(toast: Toast) -> None:
    if imgui.is_window_hovered():
        toast.until = math.inf
    elif toast.until == math.inf:
        toast.until = time.monotonic() + SECONDS_AFTER_HOVER


def _answers(app: App, toast: Toast) -> None:
    """Draw the buttons of a question, the first one highlighted."""
    imgui.dummy((em(1.0), 0))
    for index, button in enumerate(toast.buttons):
        imgui.same_line(0, em(0.7))
        colours = (theme.CARD, theme.FIELD_HELD, theme.TEXT) if index else (theme.ACCENT, theme.ACCENT_OVER, theme.BACK)
        if widgets.button(f"{button.title}###answer{index}", em(6), button.help, colours):
            app.toasts.remove(toast)
            app.defer(button.action)  # it may remove what this frame still draws
