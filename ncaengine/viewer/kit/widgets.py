"""Small pieces that all panels share: aligned rows, buttons, sliders, drop-downs, dialogs and tooltips."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from imgui_bundle import ImVec4, imgui

from ncaengine.core.files import as_text
from ncaengine.core.settings import SettingInfo
from ncaengine.core.texts import with_unit
from ncaengine.viewer.kit import icons, theme
from ncaengine.viewer.kit.theme import em, u32

StyleVariable = tuple[int, float | tuple[float, float]]
DropDownItem = tuple[str, str, str]
"""An item of a drop-down: (value, title, help)."""
ButtonColours = tuple[ImVec4, ImVec4, ImVec4]
"""Of a button: its face, its face under the pointer, and its text."""

TOOLTIP = int(imgui.HoveredFlags_.for_tooltip | imgui.HoveredFlags_.allow_when_disabled)
DIALOG = int(imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings)
DIALOG_WITHOUT_NAV = DIALOG | int(imgui.WindowFlags_.no_nav)
"""For dialogs that handle the arrow keys themselves."""
INSIDE = int(imgui.HoveredFlags_.root_and_child_windows | imgui.HoveredFlags_.allow_when_blocked_by_active_item)

TOOLTIP_WIDTH = 18.0
"""Of the text of a tooltip, in em."""

SHARED_ID = 0x6E6361
"""The id that `shared_ids` pushes: any number that imgui is unlikely to compute itself."""

CAP_PADDING, CAP_GAP = 0.4, 0.25
"""Space inside a key cap and between two of them, in em."""
LABEL_WIDTH, LABEL_SHARE = 5.6, 0.42
"""Width of the column of labels, in em, and the most of a row that it takes."""


@contextmanager
def style(colours: Sequence[tuple[int, ImVec4]] = (), variables: Sequence[StyleVariable] = ()) -> Iterator[None]:
    """Use colours and style variables inside a `with` block."""
    for which, colour in colours:
        imgui.push_style_color(which, colour)
    for which, value in variables:
        imgui.push_style_var(which, value)
    yield
    imgui.pop_style_var(len(variables))
    imgui.pop_style_color(len(colours))


def vertical_space(height: float) -> None:
    """Leave free space, in em."""
    imgui.dummy((0, em(height)))


def finish_region() -> None:
    """Submit an empty item at the end of a region; imgui requires one after the cursor was moved."""
    imgui.set_cursor_pos((0, 0))
    imgui.dummy((0, 0))


# Dialogs


@contextmanager
def shared_ids() -> Iterator[None]:
    """Make names inside a `with` block the same in all regions, for a popup that several of them open."""
    imgui.internal.push_override_id(SHARED_ID)
    yield
    imgui.pop_id()


def open_popup(name: str) -> None:
    """Open a popup that is drawn inside `shared_ids`. Can be called anywhere in a frame."""
    with shared_ids():
        imgui.open_popup(name)


@contextmanager
def dialog(
    name: str, size: tuple[float, float] | None, padding: tuple[float, float] = (1.4, 1.2), top: float | None = None,
    flags: int = DIALOG, shade: ImVec4 | None = None,
) -> Iterator[bool]:  # fmt: skip
    """Draw a modal dialog inside a `with` block; yields whether it is open.

    size: width and height in pixels, a height of 0 to fit the content; None to fit both.
    padding: in em.
    top: the distance from the window's upper edge as a share of its height; None to centre the dialog.
    shade: the colour over the rest of the window, if it isn't the theme's.
    """
    view = imgui.get_main_viewport()
    centre, place = view.get_center(), imgui.Cond_.always
    if top is None:
        imgui.set_next_window_pos(centre, place, (0.5, 0.5))
    else:
        imgui.set_next_window_pos((centre.x, view.pos.y + top * view.size.y), place, (0.5, 0))
    if size is not None:
        imgui.set_next_window_size(size)
    colours = [(imgui.Col_.modal_window_dim_bg, shade)] if shade else []
    with style(colours, [(imgui.StyleVar_.window_padding, (em(padding[0]), em(padding[1])))]):
        is_open, _ = imgui.begin_popup_modal(name, None, flags)
    yield bool(is_open)
    if is_open:
        imgui.end_popup()


def size_within_window(width: float, height: float, margin: float) -> tuple[float, float]:
    """Return a size in em as pixels, reduced where it would leave less than `margin` em of the window free.

    Of a small window with large text, a tenth is left free.
    """
    view = imgui.get_main_viewport().size
    return min(em(width), view.x - min(em(margin), view.x / 10)), min(em(height), view.y - min(em(margin), view.y / 10))


def clicked_outside() -> bool:
    """Return whether the left button was pressed outside the current dialog."""
    inside = imgui.is_window_hovered(INSIDE) or imgui.is_window_appearing()
    return bool(imgui.is_mouse_clicked(0) and not inside)


# Text


def tooltip(text: str, at_once: bool = False) -> None:
    """Show a tooltip for the last item, wrapped, where it covers neither the item nor its neighbours in a column.

    at_once: whether it comes without the usual delay.
    """
    flags = int(imgui.HoveredFlags_.allow_when_disabled) if at_once else TOOLTIP
    if not text or not imgui.is_item_hovered(flags):
        return
    text = as_text(text)
    wrap, (across, down) = em(TOOLTIP_WIDTH), (em(0.6), em(0.5))
    size = imgui.calc_text_size(text, False, wrap)
    imgui.set_next_window_pos(_tooltip_place(size.x + 2 * across, size.y + 2 * down))
    with style(variables=[(imgui.StyleVar_.window_padding, (across, down))]):
        imgui.begin_tooltip()
        imgui.push_text_wrap_pos(across + wrap)
        imgui.text_unformatted(text)
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()


def _tooltip_place(width: float, height: float) -> tuple[float, float]:
    """Return where the tooltip of the last item goes: beside its column or list, else above or below the item."""
    view, gap = imgui.get_main_viewport(), em(0.35)
    end_x, end_y = view.pos.x + view.size.x, view.pos.y + view.size.y
    low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
    at, size = imgui.get_window_pos(), imgui.get_window_size()
    at_edge = at.x <= view.pos.x + 1 or at.x + size.x >= end_x - 1
    kind = imgui.internal.get_current_window_read().flags & (imgui.WindowFlags_.popup | imgui.WindowFlags_.modal)
    is_list = kind == imgui.WindowFlags_.popup
    if is_list or (at_edge and size.y > size.x):
        right = at.x + size.x + gap
        x = right if right + width <= end_x else at.x - gap - width
        if x >= view.pos.x:
            return x, max(view.pos.y, min(low.y, end_y - height))
    wide = high.x - low.x > width
    x = imgui.get_io().mouse_pos.x - width / 2 if wide else low.x
    y = low.y - gap - height
    return max(view.pos.x, min(x, end_x - width)), y if y >= view.pos.y else high.y + gap


def text_in(colour: ImVec4, text: str, width: float | None = None, wrapped: bool = False) -> None:
    """Draw text in a colour: shortened to a width in pixels, or wrapped at the end of the row."""
    with style([(imgui.Col_.text, colour)]):
        if wrapped:
            imgui.push_text_wrap_pos(0.0)
        imgui.text_unformatted(as_text(text) if width is None else shorten(text, width))
        if wrapped:
            imgui.pop_text_wrap_pos()


def format_count(number: float) -> str:
    """Return a number without decimals: 12,345."""
    return f"{number:,.0f}"


def shorten(text: str, width: float) -> str:
    """Return `text`, cut with … if it is wider than `width` pixels; '' if not even one letter fits."""
    text = as_text(text)
    if imgui.calc_text_size(text).x <= width:
        return text
    while text and imgui.calc_text_size(text + "…").x > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def shorten_middle(text: str, width: float) -> str:
    """Return `text` with … in its middle if it is wider than `width` pixels: long names often differ at the end."""
    text = as_text(text)
    if imgui.calc_text_size(text).x <= width:
        return text
    for kept in range(len(text) - 1, 3, -1):
        short = f"{text[: (kept + 1) // 2].rstrip()}…{text[len(text) - kept // 2 :].lstrip()}"
        if imgui.calc_text_size(short).x <= width:
            return short
    return shorten(text, width)


def format_value(info: SettingInfo, value: float) -> str:
    """Return a setting's value with its unit, as panels and cards show it."""
    if info.name == "steps_per_second" and value >= info.high:
        return "unlimited"
    form = "%.2f" if info.high <= 10 else "%.3g"
    text = format_count(value) if info.unit == "°" or value >= 100 else form % value
    return with_unit(text, info.unit)


# Rows of a panel


def section(title: str, closed: list[str]) -> bool:
    """Draw a line and a heading that folds and unfolds what follows. Return whether to draw what follows.

    closed: titles of the folded sections; a click changes it.
    """
    imgui.separator()
    at, width, line = imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x, imgui.get_text_line_height()
    if imgui.invisible_button(f"###section{title}", (max(width, 1), line + em(0.2))):
        toggle_section(title, closed)
    hovered, is_open = imgui.is_item_hovered(), title not in closed
    draw, y = imgui.get_window_draw_list(), round(at.y + em(0.1))
    draw.add_text((at.x, y), u32(theme.TEXT if hovered else theme.DIM), title)
    chevron = icons.UNFOLDED if is_open else icons.FOLDED
    draw.add_text((at.x + width - em(0.9), y), u32(theme.TEXT if hovered else theme.FAINT), chevron)
    return is_open


def toggle_section(title: str, closed: list[str]) -> None:
    """Fold a section, or unfold it."""
    if title in closed:
        closed.remove(title)
    else:
        closed.append(title)


def row_label(text: str, help_: str = "") -> None:
    """Draw a label in the left column of a row; the next item fills the right one."""
    imgui.align_text_to_frame_padding()
    width = min(em(LABEL_WIDTH), LABEL_SHARE * imgui.get_content_region_avail().x)
    shown = shorten(text, width - em(0.4))
    imgui.text_unformatted(shown)
    tooltip(help_ if shown == text else f"{text}\n{help_}".rstrip())
    imgui.same_line(em(theme.PADDING) + width)
    imgui.set_next_item_width(-1)


def key_width(text: str) -> float:
    """Return the width of a shortcut's key caps in pixels."""
    return sum(_cap_width(word) for word in text.split()) + em(CAP_GAP) * text.count(" ")


def key_caps(text: str, x: float, y: float, face: ImVec4) -> None:
    """Draw the keys of a shortcut, one cap a word; … has no cap."""
    draw, height = imgui.get_window_draw_list(), imgui.get_text_line_height()
    for word in text.split():
        width = _cap_width(word)
        if word != "…":
            draw.add_rect_filled((x, y - em(0.1)), (x + width, y + height + em(0.1)), u32(face), em(0.25))
        draw.add_text((x + (0 if word == "…" else em(CAP_PADDING)), y), u32(theme.TEXT), word)
        x += width + em(CAP_GAP)


def _cap_width(word: str) -> float:
    return imgui.calc_text_size(word).x + (0.0 if word == "…" else 2 * em(CAP_PADDING))


# Controls


def equal_width(count: int) -> float:
    """Return the width of one of `count` equal items in the rest of the row, in pixels."""
    free = imgui.get_content_region_avail().x
    return max(1.0, (free - imgui.get_style().item_spacing.x * (count - 1)) // count)


def button(text: str, width: float, help_: str = "", colours: ButtonColours | None = None) -> bool:
    """Draw a button of a width in pixels, 0 to fit its text. Return whether it was pressed.

    text: may begin with an icon, followed by two spaces; if it doesn't fit, only the icon is shown.
    """
    pushed: list[tuple[int, ImVec4]] = []
    if colours:
        face, hovered, ink = colours
        pushed = [(imgui.Col_.button, face), (imgui.Col_.button_hovered, hovered), (imgui.Col_.button_active, hovered)]
        pushed.append((imgui.Col_.text, ink))
    if 0 < width < imgui.calc_text_size(text, True).x + em(0.4):
        text = icon_only(text)
    with style(pushed):
        pressed = imgui.button(text, (width, 0))
    tooltip(help_)
    return pressed


def choice_colours(chosen: bool) -> ButtonColours | None:
    """Return the colours of a button among alternatives, which is highlighted while it is chosen."""
    return (theme.ACCENT_DEEP, theme.ACCENT_DEEP, theme.TEXT) if chosen else None


def icon_only(text: str) -> str:
    """Return a button's text without the words that follow its icon."""
    return re.sub(r"  [^#]+", "", text)


def drop_down(
    id_: str, shown: str, items: Iterable[DropDownItem], current: str,
    more: Iterable[DropDownItem] = (), broken: Iterable[tuple[str, str]] = (), show_values: bool = False,
) -> str | None:  # fmt: skip
    """Draw a drop-down list. Return the value that was picked, or None.

    more: items below a line.
    broken: (title, reason) of items that can't be picked.
    show_values: whether each value is shown next to its title, unless they are the same.
    """
    picked, room = None, imgui.calc_item_width() - imgui.get_frame_height() - 2 * imgui.get_style().frame_padding.x
    if imgui.begin_combo(id_, shorten(shown, max(room, 1)), imgui.ComboFlags_.height_large):
        for index, group in enumerate(filter(None, map(list, (items, more)))):
            if index:
                imgui.separator()
            for value, title, help_ in group:
                if imgui.selectable(title, value == current)[0]:
                    picked = value
                tooltip(help_)
                if show_values and title.lower().replace(" ", "-") != value:
                    imgui.same_line()
                    imgui.text_disabled(value)
        for title, reason in broken:
            imgui.selectable(title, False, imgui.SelectableFlags_.disabled)
            tooltip(reason)
        if imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_combo()
    return picked
