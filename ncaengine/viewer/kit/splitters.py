"""Splitters: how cards share the window's width and height by weights, and the gaps that are dragged to change them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imgui_bundle import ImVec2, imgui

from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.theme import em, u32

LEFT = int(imgui.MouseButton_.left)


def fitting(weights: Sequence[float], count: int) -> list[float]:
    """`weights` if they are `count` positive numbers, else equal ones."""
    sound = len(weights) == count and all(math.isfinite(weight) and weight > 0 for weight in weights)
    return list(weights) if sound else [1.0] * count


def spans(weights: Sequence[float], length: float, gap: float) -> list[tuple[float, float]]:
    """(start, size) of each part of a length with gaps between them, in whole pixels, at least 1 wide.

    What rounding leaves over is shared out, so that the last part ends with the length.
    """
    free, total = max(0.0, length - gap * (len(weights) - 1)), sum(weights)
    edges = [round(free * sum(weights[:i]) / total) for i in range(len(weights) + 1)]
    return [(edges[i] + i * gap, max(1.0, edges[i + 1] - edges[i])) for i in range(len(weights))]


def moved(weights: Sequence[float], index: int, by: float, free: float, least: float) -> list[float]:
    """The weights after the gap behind part `index` went `by` pixels, of `free` that all parts share.

    Only its two neighbours change, and neither below `least` pixels, or half of both where that is less.
    """
    total, both = sum(weights), weights[index] + weights[index + 1]
    least = min(least * total / free, both / 2) if free > 0 else both / 2
    first = min(max(weights[index] + by * total / max(free, 1.0), least), both - least)
    return [*weights[:index], first, both - first, *weights[index + 2 :]]


@dataclass
class Grip:
    """What the pointer does with a gap in this frame. `by`: pixels since the button went down, None if it is not."""

    by: float | None = None
    pressed: bool = False
    doubled: bool = False


def grip(name: str, at: tuple[float, float], size: tuple[float, float], room: float = 1.0) -> Grip:
    """A gap to drag, the longer of its sides across the movement: lit under the pointer, which shows the way it goes.

    `room` is the share of its length that the light takes.
    """
    upright = size[1] >= size[0]
    imgui.set_cursor_screen_pos(at)
    imgui.invisible_button(name, (max(size[0], 1), max(size[1], 1)))
    held, hovered = imgui.is_item_active(), imgui.is_item_hovered()
    if held or hovered:
        imgui.set_mouse_cursor(imgui.MouseCursor_.resize_ew if upright else imgui.MouseCursor_.resize_ns)
        _light(ImVec2(*at), ImVec2(*size), upright, room, held)
    delta = imgui.get_mouse_drag_delta(LEFT, 0.0)
    return Grip(
        (delta.x if upright else delta.y) if held else None,
        imgui.is_item_activated(),
        hovered and imgui.is_mouse_double_clicked(LEFT),
    )


def _light(at: ImVec2, size: ImVec2, upright: bool, room: float, held: bool) -> None:
    """A line with round ends in the middle of a gap."""
    half, length = max(1.0, em(0.12)) / 2 + 0.5, (size.y if upright else size.x) * room
    x, y = at.x + size.x / 2, at.y + size.y / 2
    across, along = (half, length / 2) if upright else (length / 2, half)
    draw = imgui.get_window_draw_list()
    draw.add_rect_filled(
        (x - across, y - along), (x + across, y + along), u32(theme.ACCENT if held else theme.ACCENT_MID), half
    )


class Splitter:
    """The gaps of one direction, and where they were when the one that is dragged was taken."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: list[float] = []

    def show(
        self, weights: Sequence[float], at: tuple[float, float], size: tuple[float, float], gap: float, least: float,
        upright: bool,
    ) -> list[float]:  # fmt: skip
        """Draw the gaps between parts side by side (`upright`) or one above the other; returns the new weights.

        A double click makes all parts equal.
        """
        found = list(weights)
        length = size[0] if upright else size[1]
        for index, (start, part) in enumerate(spans(weights, length, gap)[:-1]):
            corner = (at[0] + start + part, at[1]) if upright else (at[0], at[1] + start + part)
            got = grip(f"{self._name}{index}", corner, (gap, size[1]) if upright else (size[0], gap))
            if got.pressed:
                self._before = list(weights)
            if got.doubled:
                found = self._before = [1.0] * len(found)
            elif got.by is not None and len(self._before) == len(found):
                free = length - gap * (len(found) - 1)
                found = moved(self._before, index, got.by, free, least)
        return found
