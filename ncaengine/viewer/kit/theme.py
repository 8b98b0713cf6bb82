"""The window's colours, fonts and spacing."""

from collections.abc import Iterator
from contextlib import contextmanager

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui

from ncaengine.viewer.kit.icons import ICON_FONT

FONT_SIZE = 15.0
SIDE_WIDTH, PADDING, GAP, STATUS_HEIGHT = 20.0, 1.1, 0.8, 2.0
"""In em, the font size."""


def _colour(code: str, alpha: float = 1.0) -> ImVec4:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return ImVec4(red, green, blue, alpha)


TRANSPARENT = _colour("000000", 0)

# Set by `use`. Read them as theme.TEXT when drawing: a copy would not change with the theme.
BACK: ImVec4
"""The window's background, and text on ACCENT."""
CARD: ImVec4
WELL: ImVec4
"""Background of pictures."""
FIELD: ImVec4
FIELD_OVER: ImVec4
FIELD_HELD: ImVec4
LINE: ImVec4
BAR: ImVec4
"""Background of controls on BACK."""
TEXT: ImVec4
DIM: ImVec4
FAINT: ImVec4
ACCENT: ImVec4
ACCENT_OVER: ImVec4
ACCENT_MID: ImVec4
"""Slider handles."""
ACCENT_HELD: ImVec4
ACCENT_DEEP: ImVec4
"""Background of selected TEXT."""
AMBER: ImVec4
RED: ImVec4
RED_OVER: ImVec4
"""RED under the pointer; both are backgrounds of BACK, too."""
SHADE: ImVec4
"""Covers the window while a dialog is open."""

DARK = """
BACK 121316  CARD 1a1c20  WELL 0d0e10  FIELD 26292f  FIELD_OVER 2f333a  FIELD_HELD 393e46  LINE 2a2d33  BAR 26292f
TEXT e6e7e9  DIM 9ea4ad  FAINT 858b94
ACCENT 6fc3a6  ACCENT_OVER 86d1b7  ACCENT_MID 4f9480  ACCENT_HELD 62b096  ACCENT_DEEP 2f5d50
AMBER e8bb6a  RED ee7a72  RED_OVER f49a93
"""
LIGHT = """
BACK e6e8ea  CARD f8f9f9  WELL d6d9dc  FIELD e7eaec  FIELD_OVER dadfe2  FIELD_HELD ccd2d7  LINE d8dcdf  BAR d3d9dd
TEXT 1c2023  DIM 535b64  FAINT 646c74
ACCENT 12694f  ACCENT_OVER 0e5842  ACCENT_MID 3f8a73  ACCENT_HELD 24735b  ACCENT_DEEP b9e0d1
AMBER 835300  RED ad1240  RED_OVER 8c0e34
"""
THEMES = {
    name: {key: _colour(code) for key, code in zip(*[iter(text.split())] * 2, strict=True)}
    | {"SHADE": _colour("000000", shade)}
    for name, text, shade in (("dark", DARK, 0.55), ("light", LIGHT, 0.28))
}
"""Colours by theme and name. A test checks that text has a contrast of at least 4.5 with its background."""

DISABLED = {"dark": 0.6, "light": 0.7}
"""The opacity of disabled controls, by theme. The test asks for a contrast of at least 3."""

name = ""
"""Name of the current theme."""


def use(which: str) -> None:
    """Set the colours to those of a theme; `apply` passes them to imgui."""
    globals().update(THEMES[which], name=which)


use("dark")


class Fonts:
    """The two fonts; `load` sets them when imgui asks for fonts."""

    regular: imgui.ImFont
    bold: imgui.ImFont

    def load(self) -> None:
        """Load the fonts that hello_imgui includes, and merge the icons into them."""
        self.regular = hello_imgui.load_font("fonts/Roboto/Roboto-Regular.ttf", FONT_SIZE)
        _merge_icons()
        self.bold = hello_imgui.load_font("fonts/Roboto/Roboto-Bold.ttf", FONT_SIZE)
        _merge_icons()


def _merge_icons() -> None:
    params = hello_imgui.FontLoadingParams()
    params.merge_to_last_font = True
    hello_imgui.load_font(ICON_FONT, FONT_SIZE * 0.86, params)


@contextmanager
def use_font(font: imgui.ImFont, size: float = 1.0) -> Iterator[None]:
    """Use a font inside a `with` block, `size` times as large as plain text."""
    imgui.push_font(font, imgui.get_style().font_size_base * size)
    yield
    imgui.pop_font()


def em(size: float) -> float:
    """Return a length in em as whole pixels."""
    return round(hello_imgui.em_size(size))


def u32(colour: ImVec4, alpha: float = 1.0) -> int:
    """Return a colour as draw lists need it."""
    return int(imgui.get_color_u32(ImVec4(colour.x, colour.y, colour.z, colour.w * alpha)))


_applied_em = [0.0]
"""The em from which the style's sizes were last computed."""


def update(which: str, text_size: float) -> None:
    """Adapt imgui's style to the theme, the text size (a factor) and the monitor; call it once a frame."""
    imgui.get_style().font_scale_main = text_size  # takes effect in the next frame
    if which != name:
        use(which)
        apply()
    elif _applied_em[0] != hello_imgui.em_size():
        apply()


def apply() -> None:
    """Set imgui's style to the current theme."""
    _applied_em[0] = hello_imgui.em_size()
    style = imgui.get_style()
    (imgui.style_colors_light if name == "light" else imgui.style_colors_dark)(style)
    for colour, parts in _COLOURED_PARTS.items():
        for part in parts.split():
            style.set_color_(getattr(imgui.Col_, part), globals()[colour])
    style.window_padding = ImVec2(em(0.6), em(0.5))
    style.frame_padding = ImVec2(em(0.6), em(0.38))
    style.item_spacing = ImVec2(em(0.5), em(0.5))
    style.item_inner_spacing = ImVec2(em(0.5), em(0.4))
    style.window_border_size = style.child_border_size = style.frame_border_size = 0
    style.popup_border_size = 1
    style.frame_rounding = style.grab_rounding = style.child_rounding = style.popup_rounding = em(0.35)
    style.window_rounding = em(0.5)
    style.grab_min_size = em(0.9)
    style.scrollbar_size = em(0.6)
    style.scrollbar_rounding = em(0.3)
    style.disabled_alpha = DISABLED[name]
    style.hover_stationary_delay, style.hover_delay_short = 0.1, 0.25


_COLOURED_PARTS = {
    "TEXT": "text",
    "DIM": "text_disabled",
    "BACK": "window_bg",
    "TRANSPARENT": "child_bg scrollbar_bg",
    "CARD": "popup_bg",
    "LINE": "border separator",
    "FIELD": "frame_bg button checkbox_selected_bg",
    "FIELD_OVER": "frame_bg_hovered button_hovered header_hovered scrollbar_grab",
    "FIELD_HELD": "frame_bg_active button_active header_active scrollbar_grab_hovered scrollbar_grab_active",
    "ACCENT": "check_mark nav_cursor",
    "ACCENT_OVER": "input_text_cursor",
    "ACCENT_MID": "slider_grab",
    "ACCENT_HELD": "slider_grab_active",
    "ACCENT_DEEP": "header text_selected_bg",
    "SHADE": "modal_window_dim_bg",
}
"""The parts of imgui that have each colour."""
