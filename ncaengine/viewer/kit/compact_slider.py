"""A slider with its title and value inside, for bars."""

import math

from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32

CLEAR_PARTS = ("frame_bg", "frame_bg_hovered", "frame_bg_active", "slider_grab", "slider_grab_active")
"""What a compact slider draws itself."""


def compact_slider(info: SettingInfo, value: float, width: float) -> float | None:
    """Draw a slider, `width` pixels wide, with its title and value inside. Return the new value if it changed."""
    at, high, draw = imgui.get_cursor_screen_pos(), imgui.get_frame_height(), imgui.get_window_draw_list()
    flags = imgui.SliderFlags_.always_clamp | (imgui.SliderFlags_.logarithmic if info.logarithmic else 0)
    draw.add_rect_filled((at.x, at.y), (at.x + width, at.y + high), u32(theme.BAR), em(0.35))
    end = at.x + width * _share(info, value)
    draw.add_rect_filled((at.x, at.y), (end, at.y + high), u32(theme.ACCENT_DEEP), em(0.35))
    clear = [(getattr(imgui.Col_, part), theme.TRANSPARENT) for part in CLEAR_PARTS]
    text = f"{info.title}  {widgets.format_value(info, value)}".replace("%", "%%")
    imgui.set_next_item_width(width)
    with widgets.style(clear, [(imgui.StyleVar_.grab_min_size, 1)]):
        moved, number = imgui.slider_float(f"##{info.name}", float(value), info.low, info.high, text, flags)
    if not imgui.is_item_active():
        widgets.tooltip(f"{info.help} Ctrl-click to type a value.")
    return float(f"{number:.6g}") if moved else None


def _share(info: SettingInfo, value: float) -> float:
    """Return where a value lies in its range, 0 … 1, as sliders show it."""
    low, high, value = info.low, info.high, min(max(value, info.low), info.high)
    if info.logarithmic and low > 0:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
