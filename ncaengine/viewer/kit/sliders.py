"""Sliders that are filled up to their value, which they show inside; a tick marks the neutral value."""

import math

from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32

CLEAR_PARTS = ("text", "frame_bg", "frame_bg_hovered", "frame_bg_active", "slider_grab", "slider_grab_active")
"""What a slider draws itself."""
HANDLE, TICK = 0.16, 0.1
"""Widths of the line at the value and of the tick, in em."""


def setting_control(info: SettingInfo, value: float | bool, default: float | bool) -> float | bool | None:
    """Draw the control of a setting, a check box or a slider. Return the new value if it changed."""
    if not isinstance(value, bool):
        return slider(info, value, default)
    widgets.row_label(info.title, info.help)
    changed, checked = imgui.checkbox(f"##{info.name}", value)
    widgets.tooltip(info.help)
    return checked if changed else None


def slider(info: SettingInfo, value: float, default: float | None = None) -> float | None:
    """Draw a labelled slider with its value. Return the new value if it changed.

    default: the neutral value, which has a tick and which a right-click restores, if any.
    """
    widgets.row_label(info.title, info.help)
    width = imgui.get_content_region_avail().x
    return _bar(info, value, width, "", default)


def compact_slider(info: SettingInfo, value: float, width: float) -> float | None:
    """Draw a slider, `width` pixels wide, with its title inside. Return the new value if it changed."""
    return _bar(info, value, width, info.title, None)


def _bar(info: SettingInfo, value: float, width: float, title: str, default: float | None) -> float | None:
    at, high, draw = imgui.get_cursor_screen_pos(), imgui.get_frame_height(), imgui.get_window_draw_list()
    name, end = f"##{info.name}", at.x + width * share(info, value)
    typing = imgui.internal.temp_input_is_active(imgui.get_id(name))
    if not typing:
        face = theme.BAR if title else theme.FIELD
        draw.add_rect_filled((at.x, at.y), (at.x + width, at.y + high), u32(face), em(0.35))
        draw.add_rect_filled((at.x, at.y), (end, at.y + high), u32(theme.ACCENT_DEEP), em(0.35))
    flags = imgui.SliderFlags_.always_clamp | (imgui.SliderFlags_.logarithmic if info.logarithmic else 0)
    form = f"%.{_digits(info)}{'g' if _digits(info) == 3 else 'f'}"
    clear = [] if typing else [(getattr(imgui.Col_, part), theme.TRANSPARENT) for part in CLEAR_PARTS]
    imgui.set_next_item_width(width)
    with widgets.style(clear, [(imgui.StyleVar_.grab_min_size, 1)]):
        moved, number = imgui.slider_float(name, float(value), info.low, info.high, form, flags)
    hovered, held = imgui.is_item_hovered(), imgui.is_item_active()
    if not typing:
        if default is not None:
            _tick(at.x + width * share(info, default), at.y, high)
        left = min(max(end - em(HANDLE), at.x), at.x + width - em(HANDLE))
        ink = theme.ACCENT if hovered or held else theme.ACCENT_MID
        draw.add_rect_filled((left, at.y), (left + em(HANDLE), at.y + high), u32(ink), em(HANDLE) / 2)
        _texts(title, widgets.format_value(info, value), at.x, at.y, width)
    if not held:
        widgets.tooltip(_help(info, default))
        if default is not None and imgui.is_item_clicked(imgui.MouseButton_.right):
            return default
    return float(f"{number:.6g}" if typing or not info.logarithmic else f"{number:.3g}") if moved else None


def _tick(x: float, y: float, high: float) -> None:
    """Mark the neutral value at the slider's upper and lower edge."""
    left, draw = round(x - em(TICK) / 2), imgui.get_window_draw_list()
    for top in (y, y + high - em(0.3)):
        draw.add_rect_filled((left, top), (left + em(TICK), top + em(0.3)), u32(theme.FAINT))


def _texts(title: str, value: str, x: float, y: float, width: float) -> None:
    """Draw a title and a value in the slider's middle, or the value alone at its right end."""
    text = f"{title}  {value}" if title else value
    text = widgets.shorten(text, width - em(0.6))
    wide = imgui.calc_text_size(text).x
    left = x + (width - wide) / 2 if title else x + width - wide - em(0.5)
    imgui.get_window_draw_list().add_text((round(left), y + imgui.get_style().frame_padding.y), u32(theme.TEXT), text)


def _help(info: SettingInfo, default: float | None) -> str:
    limits = f"From {widgets.format_value(info, info.low)} to {widgets.format_value(info, info.high)}."
    neutral = "" if default is None else f"; right-click to reset it to {widgets.format_value(info, default)}, the tick"
    return f"{info.help} {limits} Ctrl-click to type a value{neutral}."


def share(info: SettingInfo, value: float) -> float:
    """Return where a value lies in its range, 0 … 1, as sliders show it."""
    low, high, value = info.low, info.high, min(max(value, info.low), info.high)
    if not info.logarithmic:
        return (value - low) / (high - low)
    if low > 0:
        return math.log(value / low) / math.log(high / low)
    least = 0.1 ** _digits(info)  # to imgui, a range from 0 on is logarithmic from its last digit on
    return 0.0 if value < least else math.log(value / least) / math.log(high / least)


def _digits(info: SettingInfo) -> int:
    """Return how many digits imgui rounds to: after the point, or three in all."""
    return 2 if info.high <= 10 else 1 if info.high >= 1000 else 3
