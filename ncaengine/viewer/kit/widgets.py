"""Small pieces that all panels share: aligned rows, buttons of one width, trimmed text, tooltips."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from imgui_bundle import ImVec4, imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.kit import icons, theme
from ncaengine.viewer.kit.theme import em, u32

Variable = tuple[int, float | tuple[float, float]]
Option = tuple[str, str, str]
"""What a drop-down offers: (value, title, help)."""

TOOLTIP = int(imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled)

ROOT = 0x6E6361
"""Where `rooted` names begin, any number that imgui hardly computes itself."""

CAP_PADDING, CAP_SPACE = 0.4, 0.25
"""Inside a key's cap, and between two of them, in em."""
LABEL_WIDTH, VALUE_WIDTH = 5.6, 5.5
"""Width of the column of labels, and of the values beside sliders, in em."""


@contextmanager
def style(colours: Sequence[tuple[int, ImVec4]] = (), variables: Sequence[Variable] = ()) -> Iterator[None]:
    """Push colours and style variables for a while."""
    for which, colour in colours:
        imgui.push_style_color(which, colour)
    for which, value in variables:
        imgui.push_style_var(which, value)
    yield
    imgui.pop_style_var(len(variables))
    imgui.pop_style_color(len(colours))


@contextmanager
def rooted() -> Iterator[None]:
    """Names inside are the same from every part of the window, as of a popup that several parts open."""
    imgui.internal.push_override_id(ROOT)
    yield
    imgui.pop_id()


def summon(name: str) -> None:
    """Open a popup that is drawn inside `rooted`; from anywhere in a frame."""
    with rooted():
        imgui.open_popup(name)


def gap(height: float) -> None:
    """Free height, in em."""
    imgui.dummy((0, em(height)))


def settle() -> None:
    """Submit an item of no size, which imgui asks for where the cursor was set last; at the end of a part."""
    imgui.set_cursor_pos((0, 0))
    imgui.dummy((0, 0))


def tooltip(text: str) -> None:
    """A tooltip for the last item, wrapped."""
    if text and imgui.is_item_hovered(TOOLTIP):
        with style(variables=[(imgui.StyleVar_.window_padding, (em(0.6), em(0.5)))]):
            imgui.begin_tooltip()
            imgui.push_text_wrap_pos(em(18))
            imgui.text_unformatted(text)
            imgui.pop_text_wrap_pos()
            imgui.end_tooltip()


def grouped(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}".replace(",", " ")


def trimmed(text: str, width: float) -> str:
    """`text`, cut with … where it is wider than `width` pixels; nothing where there is no room for a letter of it."""
    if imgui.calc_text_size(text).x <= width:
        return text
    while text and imgui.calc_text_size(text + "…").x > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def section(title: str, closed: list[str]) -> bool:
    """A light line, and under it a heading that folds and unfolds what follows; returns whether that is to be shown.

    closed: the titles of those that are folded, which a click changes.
    """
    imgui.separator()
    at, width, line = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x, imgui.get_text_line_height()
    pressed = imgui.invisible_button(f"###section{title}", (max(width, 1), line + em(0.2)))
    if pressed:
        fold(title, closed)
    is_open, ink = title not in closed, theme.TEXT if imgui.is_item_hovered() else theme.DIM
    draw, y = imgui.get_window_draw_list(), round(at.y + em(0.1))
    draw.add_text((at.x, y), u32(ink), title)
    chevron = icons.UNFOLDED if is_open else icons.FOLDED
    draw.add_text((at.x + width - em(0.9), y), u32(ink if imgui.is_item_hovered() else theme.FAINT), chevron)
    return is_open


def fold(title: str, closed: list[str]) -> None:
    """Fold a section, or unfold it."""
    if title in closed:
        closed.remove(title)
    else:
        closed.append(title)


def label(text: str, help_: str = "") -> None:
    """The left column of a row; the next item fills the right one."""
    imgui.align_text_to_frame_padding()
    imgui.text_unformatted(trimmed(text, em(LABEL_WIDTH) - em(0.4)))
    tooltip(help_)
    imgui.same_line(em(theme.PADDING) + em(LABEL_WIDTH))
    imgui.set_next_item_width(-1)


def key_width(text: str) -> float:
    """Width of a shortcut's key caps in pixels."""
    return sum(_cap_width(word) for word in text.split()) + em(CAP_SPACE) * text.count(" ")


def key_caps(text: str, x: float, y: float, face: ImVec4) -> None:
    """The keys of a shortcut, a cap each; its words are apart by single spaces, and … has no cap."""
    draw, height = imgui.get_window_draw_list(), imgui.get_text_line_height()
    for word in text.split():
        width = _cap_width(word)
        if word != "…":
            draw.add_rect_filled((x, y - em(0.1)), (x + width, y + height + em(0.1)), u32(face), em(0.25))
        draw.add_text((x + (0 if word == "…" else em(CAP_PADDING)), y), u32(theme.TEXT), word)
        x += width + em(CAP_SPACE)


def _cap_width(word: str) -> float:
    return imgui.calc_text_size(word).x + (0.0 if word == "…" else 2 * em(CAP_PADDING))


def share(parts: int, of: float | None = None) -> float:
    """Width of one of `parts` equal items in what is left of the row."""
    free = imgui.get_content_region_avail().x if of is None else of
    return max(1.0, (free - imgui.get_style().item_spacing.x * (parts - 1)) // parts)


def button(text: str, width: float, help_: str = "", colour: tuple[ImVec4, ImVec4, ImVec4] | None = None) -> bool:
    """A button of a given width, `colour` for its face, its text under the pointer and its text.

    Where an icon and words apart by two spaces find no room, the icon stands alone.
    """
    pushed: list[tuple[int, ImVec4]] = []
    if colour:
        face, over, ink = colour
        pushed = [(imgui.Col_.button, face), (imgui.Col_.button_hovered, over), (imgui.Col_.button_active, over)]
        pushed.append((imgui.Col_.text, ink))
    if 0 < width < imgui.calc_text_size(text, True).x + em(0.4):
        text = icon_of(text)
    with style(pushed):
        pressed = imgui.button(text, (width, 0))
    tooltip(help_)
    return pressed


def icon_of(text: str) -> str:
    """A button's text without the words that stand two spaces behind its icon."""
    return re.sub(r"  [^#]+", "", text)


def choice(
    id_: str, shown: str, options: Iterable[Option], current: str,
    more: Iterable[Option] = (), broken: Iterable[tuple[str, str]] = (), named: bool = False,
) -> str | None:  # fmt: skip
    """A drop-down; returns the value picked, if any.

    more: options below a line. broken: those that cannot be, (title, why). named: show each value
    beside its title, unless that says the same.
    """
    picked = None
    if imgui.begin_combo(id_, shown):
        for index, group in enumerate(filter(None, map(list, (options, more)))):
            if index:
                imgui.separator()
            for value, title, help_ in group:
                if imgui.selectable(title, value == current)[0]:
                    picked = value
                tooltip(help_)
                if named and title.lower().replace(" ", "-") != value:
                    imgui.same_line()
                    imgui.text_disabled(value)
        for title, why in broken:
            imgui.selectable(title, False, imgui.SelectableFlags_.disabled)
            tooltip(why)
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_combo()
    return picked


def said(spec: SettingInfo, value: float) -> str:
    """A setting's value with its unit, as panels and cards show it."""
    if spec.name == "steps_per_second" and value >= spec.high:
        return "unlimited"
    form = "%.0f" if spec.unit == "°" or value >= 100 else "%.2f" if spec.high <= 10 else "%.3g"
    apart = "" if spec.unit in ("°", "×", "") else " "
    return form % value + apart + spec.unit


def setting(spec: SettingInfo, value: float | bool, default: float | bool | None = None) -> float | bool | None:
    """The control that a setting's declaration asks for; returns a new value, if any.

    default: the value that the right button brings back.
    """
    label(spec.title, spec.help)
    if isinstance(value, bool):
        changed, checked = imgui.checkbox(f"##{spec.name}", value)
        tooltip(spec.help)
        return checked if changed else None
    flags = imgui.SliderFlags_.always_clamp | (imgui.SliderFlags_.logarithmic if spec.logarithmic else 0)
    form = "%.2f" if spec.high <= 10 else "%.3g" if value < 100 else "%.0f"
    name, end = f"##{spec.name}", imgui.get_cursor_pos_x() + imgui.get_content_region_avail().x
    typing = imgui.internal.temp_input_is_active(imgui.get_id(name))
    imgui.set_next_item_width(-em(VALUE_WIDTH))
    with style([] if typing else [(imgui.Col_.text, theme.NONE)]):  # the handle would cover the number
        moved, number = imgui.slider_float(name, float(value), spec.low, spec.high, form, flags)
    if not imgui.is_item_active():
        back = "" if default is None else f" Right-click for {said(spec, default)}."
        tooltip(f"{spec.help} From {said(spec, spec.low)} to {said(spec, spec.high)}. Ctrl-click to type.{back}")
        if default is not None and imgui.is_item_clicked(imgui.MouseButton_.right):
            return default
    shown = said(spec, value)
    imgui.same_line(end - imgui.calc_text_size(shown).x)
    imgui.text_unformatted(shown)
    return float(f"{number:.6g}") if moved else None
