"""Splitters: cards share the window's width and height by weights; dragging the gaps between them changes these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import ImVec2, imgui

from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.theme import em, u32

LEFT = int(imgui.MouseButton_.left)


def valid_weights(weights: Sequence[float], count: int) -> list[float]:
    """Return `weights` if they are `count` positive numbers, else equal ones."""
    valid = len(weights) == count and all(math.isfinite(weight) and weight > 0 for weight in weights)
    return list(weights) if valid else [1.0] * count


def spans(weights: Sequence[float], length: float, gap: float) -> list[tuple[float, float]]:
    """Return (start, size) of each part of a length with gaps between them, in whole pixels, each at least 1 long.

    Rounding errors are distributed, so that the last part ends where the length ends.
    """
    free, total = max(0.0, length - gap * (len(weights) - 1)), sum(weights)
    edges = [round(free * sum(weights[:i]) / total) for i in range(len(weights) + 1)]
    return [(edges[i] + i * gap, max(1.0, edges[i + 1] - edges[i])) for i in range(len(weights))]


def drag_weights(weights: Sequence[float], index: int, offset: float, free: float, least: float) -> list[float]:
    """Return the weights after the gap behind part `index` moved by `offset` pixels.

    Only the two parts next to the gap change.

    free: the pixels that all parts share.
    least: the pixels that each of the two keeps, or half of both if that is less.
    """
    total, both = sum(weights), weights[index] + weights[index + 1]
    least = min(least * total / free, both / 2) if free > 0 else both / 2
    first = min(max(weights[index] + offset * total / max(free, 1.0), least), both - least)
    return [*weights[:index], first, both - first, *weights[index + 2 :]]


@dataclass
class Drag:
    """What the pointer does with a gap in this frame."""

    offset: float | None = None
    """Pixels moved since the button was pressed; None if it isn't held."""
    pressed: bool = False
    """Whether the button was pressed in this frame."""
    double_clicked: bool = False


def drag_area(name: str, at: tuple[float, float], size: tuple[float, float]) -> Drag:
    """Add a gap that can be dragged across its longer side; it is highlighted under the pointer.

    at, size: in pixels.
    """
    upright = size[1] >= size[0]
    imgui.set_cursor_screen_pos(at)
    imgui.invisible_button(name, (max(size[0], 1), max(size[1], 1)))
    held, hovered = imgui.is_item_active(), imgui.is_item_hovered()
    if held or hovered:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew if upright else imgui.MouseCursor_.resize_ns)
        _highlight(ImVec2(*at), ImVec2(*size), upright, held)
    delta = imgui.get_mouse_drag_delta(LEFT, 0.0)
    return Drag(
        (delta.x if upright else delta.y) if held else None,
        imgui.is_item_activated(),
        hovered and imgui.is_mouse_double_clicked(LEFT),
    )


def _highlight(at: ImVec2, size: ImVec2, upright: bool, held: bool) -> None:
    """Draw a line with round ends along the middle of a gap."""
    half, length = max(1.0, em(0.12)) / 2 + 0.5, size.y if upright else size.x
    x, y = at.x + size.x / 2, at.y + size.y / 2
    across, along = (half, length / 2) if upright else (length / 2, half)
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(
        (x - across, y - along), (x + across, y + along), u32(theme.ACCENT if held else theme.ACCENT_MID), half
    )


class Splitter:
    """The gaps of one direction, with the weights that they had when a drag began."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: list[float] = []

    def show(
        self, weights: Sequence[float], at: tuple[float, float], size: tuple[float, float], gap: float, least: float,
        upright: bool,
    ) -> list[float]:  # fmt: skip
        """Draw the gaps between parts and return the new weights. A double-click makes all parts equal.

        at, size: the area that the parts and gaps fill, in pixels.
        gap: the width of a gap in pixels.
        least: the pixels that a part keeps.
        upright: whether the parts are side by side, not one above the other.
        """
        result = list(weights)
        length = size[0] if upright else size[1]
        for index, (start, part) in enumerate(spans(weights, length, gap)[:-1]):
            corner = (at[0] + start + part, at[1]) if upright else (at[0], at[1] + start + part)
            drag = drag_area(f"{self._name}{index}", corner, (gap, size[1]) if upright else (size[0], gap))
            if drag.pressed:
                self._before = list(weights)
            if drag.double_clicked:
                result = self._before = [1.0] * len(result)
            elif drag.offset is not None and len(self._before) == len(result):
                free = length - gap * (len(result) - 1)
                result = drag_weights(self._before, index, drag.offset, free, least)
        return result
