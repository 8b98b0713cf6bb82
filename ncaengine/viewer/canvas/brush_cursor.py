"""The hand: brush strokes on a picture, and the brush's outline under the pointer."""

import time
from collections.abc import Iterator

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.viewer.actions import tools
from ncaengine.viewer.canvas.viewport import Spot
from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import Brush

LEFT = int(imgui.MouseButton_.left)
TOLD = 1.2
"""Seconds for which a radius or strength that the wheel has changed is told."""
INNER_FROM = 8.0
"""Pixels from which the inner circle of a soft brush is drawn."""


class Hand:
    """It holds what the wheel last changed of the brush."""

    def __init__(self) -> None:
        self._told, self._until = "", 0.0

    def show(self, app: App, spot: Spot) -> None:
        """Take in the pointer and draw the brush over a picture; the canvas's button is the last item."""
        if not app.brush.active or not imgui.is_mouse_pos_valid():
            return
        pointer = imgui.get_io().mouse_pos
        point = spot.point(pointer.x, pointer.y)
        if spot.hovered:
            self._wheel(app.brush)
        self._stroke(app, spot, point)
        if spot.hovered or (spot.active and imgui.is_mouse_down(LEFT)):
            self._outline(app, spot, point)

    def _wheel(self, brush: Brush) -> None:
        io = imgui.get_io()
        notches = io.mouse_wheel or io.mouse_wheel_h  # which some systems make of the wheel with Shift held
        if not notches or io.key_ctrl:
            return
        if io.key_shift:
            brush.change_strength(notches)
            self._tell(f"strength {brush.strength:.0%}")
        elif io.mouse_wheel:
            brush.change_radius(notches)
            self._tell(f"radius {brush.radius:.3g}")

    def _tell(self, words: str) -> None:
        self._told, self._until = words, time.monotonic() + TOLD

    def _stroke(self, app: App, spot: Spot, point: tuple[float, float]) -> None:
        """All spots come here; the tools know on which the stroke began, and go on there, even beside the picture."""
        held = imgui.is_mouse_down(LEFT)
        if spot.hovered and spot.active and imgui.is_mouse_clicked(LEFT):
            tools.press(app, spot.pane, point, default=imgui.get_io().key_shift)
        elif held or imgui.is_mouse_released(LEFT):
            tools.move(app, spot.pane, point)
        if not held:
            tools.release(app, spot.pane)

    def _outline(self, app: App, spot: Spot, point: tuple[float, float]) -> None:
        """The brush in its true size, and where it comes in again on the other side of the torus."""
        brush, draw = app.brush, imgui.get_window_draw_list()
        radius = tools.outline_radius(app) * spot.cell
        right, bottom = spot.left + spot.view.width / spot.density, spot.top + spot.view.height / spot.density
        draw.push_clip_rect((spot.left, spot.top), (right, bottom), True)
        copies = _copies(spot, point) if not spot.pane.camera.repeat else iter([(spot.place(*point), 1.0)])
        for (x, y), strength in copies:
            if spot.left - radius < x < right + radius and spot.top - radius < y < bottom + radius:
                _rings(draw, x, y, radius, strength)
                inner = radius * (1 - brush.softness)
                if brush.softness > 0.02 and radius - inner >= 2 and inner >= INNER_FROM / 2:
                    _rings(draw, x, y, inner, 0.45 * strength)
        draw.pop_clip_rect()
        words = tools.value_text(app, spot.pane.grid, default=imgui.get_io().key_shift)
        if time.monotonic() < self._until:
            words = f"{words}  {self._told}".strip()
        if words:
            self._say(spot, words, radius)

    def _say(self, spot: Spot, words: str, radius: float) -> None:
        """The value beside the brush, left of it where there is no room at its right."""
        pointer, size, pad = imgui.get_io().mouse_pos, imgui.calc_text_size(words), em(0.35)
        away = radius + em(0.7) if radius < em(12) else em(1.2)  # a large brush has room inside
        x, y = pointer.x + max(away, em(1.2)), pointer.y - size.y / 2
        if x + size.x + pad > spot.left + spot.view.width / spot.density:
            x = pointer.x - max(away, em(0.7)) - size.x
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled(
            (x - pad, y - pad / 2), (x + size.x + pad, y + size.y + pad / 2), u32(theme.BACK, 0.85), pad
        )
        draw.add_text((x, y), u32(theme.TEXT), words)


def _copies(spot: Spot, point: tuple[float, float]) -> Iterator[tuple[tuple[float, float], float]]:
    """Places in the window of a point and of its copies around, and how strongly to draw them."""
    across, down = lattice.extent(spot.pane.grid.kernel, spot.pane.grid.size)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            here = spot.place(point[0] + column * across, point[1] + row * down)
            yield here, 1.0 if row == column == 0 else 0.5


def _rings(draw: imgui.ImDrawList, x: float, y: float, radius: float, strength: float) -> None:
    """A dark thin circle around a light one, to be seen on anything."""
    radius = max(radius, 1.5)
    draw.add_circle((x, y), radius + 1, imgui.get_color_u32((0, 0, 0, 0.75 * strength)), 0, 1.0)
    draw.add_circle((x, y), radius, imgui.get_color_u32((1, 1, 1, 0.95 * strength)), 0, 1.0)
