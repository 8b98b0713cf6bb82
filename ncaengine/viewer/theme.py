"""Colours, fonts and spacing of the window, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

from imgui_bundle import ImVec2, ImVec4, hello_imgui, imgui

from ncaengine.viewer.icons import ICON_FONT

FONT_SIZE = 15.0
SIDE_WIDTH, PADDING, GAP, STATUS_HEIGHT = 20.0, 1.1, 0.8, 2.0
"""In em, the height of a letter."""


def _colour(code: str, alpha: float = 1.0) -> ImVec4:
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return ImVec4(red, green, blue, alpha)


NONE = _colour("000000", 0)
BACK = _colour("121316")
CARD = _colour("1a1c20")
WELL = _colour("0d0e10")
FIELD = _colour("26292f")
FIELD_OVER = _colour("2f333a")
FIELD_HELD = _colour("393e46")
LINE = _colour("2a2d33")
TEXT = _colour("e6e7e9")
DIM = _colour("8d939c")
FAINT = _colour("5c626b")
ACCENT = _colour("6fc3a6")
ACCENT_OVER = _colour("86d1b7")
ACCENT_MID = _colour("3c7766")
ACCENT_HELD = _colour("4b9480")
ACCENT_DEEP = _colour("2f5d50")
AMBER = _colour("e0b05c")
RED = _colour("e5645c")
RED_DEEP = _colour("6b2d2a")


class Fonts:
    """The two faces; `load` fills them in when imgui asks for fonts."""

    regular: imgui.ImFont
    bold: imgui.ImFont

    def load(self) -> None:
        """Read the fonts that come with hello_imgui, icons merged in."""
        self.regular = hello_imgui.load_font("fonts/Roboto/Roboto-Regular.ttf", FONT_SIZE)
        _merge_icons()
        self.bold = hello_imgui.load_font("fonts/Roboto/Roboto-Bold.ttf", FONT_SIZE)
        _merge_icons()


def _merge_icons() -> None:
    params = hello_imgui.FontLoadingParams()
    params.merge_to_last_font = True
    hello_imgui.load_font(ICON_FONT, FONT_SIZE * 0.86, params)


@contextmanager
def face(font: imgui.ImFont, size: float = 1.0) -> Iterator[None]:
    """Write in a face, `size` times as large as plain text."""
    imgui.push_font(font, imgui.get_style().font_size_base * size)
    yield
    imgui.pop_font()


def em(size: float) -> float:
    """A length in em as whole pixels."""
    return round(hello_imgui.em_size(size))


def u32(colour: ImVec4, alpha: float = 1.0) -> int:
    """A colour for draw lists."""
    return int(imgui.get_color_u32(ImVec4(colour.x, colour.y, colour.z, colour.w * alpha)))


def apply() -> None:
    """Set imgui's style."""
    style = imgui.get_style()
    imgui.style_colors_dark(style)
    for names, colour in _COLOURS:
        for name in names.split():
            style.set_color_(getattr(imgui.Col_, name), colour)
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
    style.disabled_alpha = 0.45
    style.hover_stationary_delay, style.hover_delay_short = 0.1, 0.25


_COLOURS = [
    ("text", TEXT),
    ("text_disabled", DIM),
    ("window_bg", BACK),
    ("child_bg", ImVec4(0, 0, 0, 0)),
    ("popup_bg", CARD),
    ("border separator", LINE),
    ("frame_bg button", FIELD),
    ("frame_bg_hovered button_hovered", FIELD_OVER),
    ("frame_bg_active button_active", FIELD_HELD),
    ("check_mark", ACCENT),
    ("slider_grab", ACCENT_MID),
    ("slider_grab_active", ACCENT_HELD),
    ("header", ACCENT_DEEP),
    ("header_hovered", FIELD_OVER),
    ("header_active", FIELD_HELD),
    ("text_selected_bg", ACCENT_DEEP),
    ("input_text_cursor", ACCENT_OVER),
    ("checkbox_selected_bg", FIELD),
    ("nav_cursor", ACCENT),
    ("scrollbar_bg", ImVec4(0, 0, 0, 0)),
    ("scrollbar_grab", FIELD_OVER),
    ("scrollbar_grab_hovered scrollbar_grab_active", FIELD_HELD),
    ("modal_window_dim_bg", _colour("000000", 0.55)),
]
