"""The brush cursor: paints strokes on a picture and draws the brush's outline under the pointer."""

import time
from collections.abc import Iterator

from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.viewer.actions import tools
from ncaengine.viewer.canvas.viewport import Viewport
from ncaengine.viewer.kit import theme
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import Brush

LEFT = int(imgui.MouseButton_.left)
NOTE_SECONDS = 1.2
"""How long a radius or strength is shown after the wheel changed it."""
LEAST_INNER_RADIUS = 4.0
"""The least radius at which the inner circle of a soft brush is drawn, in window units."""


class BrushCursor:
    """It keeps what the wheel last changed about the brush."""

    def __init__(self) -> None:
        self._note, self._note_until = "", 0.0

    def show(self, app: App, viewport: Viewport) -> None:
        """Handle the pointer and draw the brush over a picture. The canvas's button must be the last item."""
        if not app.brush.active or not imgui.is_mouse_pos_valid():
            return
        pointer = imgui.get_io().mouse_pos
        point = viewport.to_plane(pointer.x, pointer.y)
        if viewport.hovered:
            self._handle_wheel(app.brush)
        self._paint(app, viewport, point)
        if viewport.hovered or (viewport.active and imgui.is_mouse_down(LEFT)):
            self._outline(app, viewport, point)

    def _handle_wheel(self, brush: Brush) -> None:
        io = imgui.get_io()
        notches = io.mouse_wheel or io.mouse_wheel_h  # with Shift held, some systems turn the wheel horizontally
        if not notches or io.key_ctrl:
            return
        if io.key_shift:
            brush.change_strength(notches)
            self._show_note(f"strength {brush.strength:.0%}")
        elif io.mouse_wheel:
            brush.change_radius(notches)
            self._show_note(f"radius {brush.radius:.3g}")

    def _show_note(self, text: str) -> None:
        self._note, self._note_until = text, time.monotonic() + NOTE_SECONDS

    def _paint(self, app: App, viewport: Viewport, point: tuple[float, float]) -> None:
        """Pass the pointer's button and movement to the tool.

        Called for every picture: the stroke continues on the one where it began, even outside it.
        """
        held = imgui.is_mouse_down(LEFT)
        if viewport.hovered and viewport.active and imgui.is_mouse_clicked(LEFT):
            if imgui.get_io().key_alt:  # which pins the cell
                return
            tools.press(app, viewport.pane, point, default=imgui.get_io().key_shift)
        elif held or imgui.is_mouse_released(LEFT):
            tools.move(app, viewport.pane, point)
        if not held:
            tools.release(app, viewport.pane)

    def _outline(self, app: App, viewport: Viewport, point: tuple[float, float]) -> None:
        """Draw the brush at its true size, and its copies on the other sides of the torus."""
        brush, draw = app.brush, imgui.get_window_draw_list()
        radius = tools.outline_radius(app) * viewport.cell_size
        left, top, right, bottom = viewport.left, viewport.top, viewport.right, viewport.bottom
        draw.push_clip_rect((left, top), (right, bottom), True)
        one = iter([(viewport.to_window(*point), 1.0)])
        for (x, y), strength in one if viewport.pane.camera.repeat else _copies(viewport, point):
            if left - radius < x < right + radius and top - radius < y < bottom + radius:
                _rings(draw, x, y, radius, strength)
                inner = radius * (1 - brush.softness)
                if brush.softness > 0.02 and radius - inner >= 2 and inner >= LEAST_INNER_RADIUS:
                    _rings(draw, x, y, inner, 0.45 * strength)
        if brush.stroke and brush.stroke.pane is viewport.pane:
            _line(draw, [viewport.to_window(*place) for place in (*brush.stroke.points, point)])
        draw.pop_clip_rect()
        text = tools.value_text(app, viewport.pane.grid, default=imgui.get_io().key_shift)
        if time.monotonic() < self._note_until:
            text = f"{text}  {self._note}".strip()
        if text:
            _caption(viewport, text, radius)


def _line(draw: imgui.ImDrawList, points: list[tuple[float, float]]) -> None:
    """Draw a lasso, and thinner where it will be closed, visible on any background."""
    if len(points) < 2:
        return
    for shade, thickness in ((0.0, 3.0), (1.0, 1.5)):
        ink = imgui.get_color_u32((shade, shade, shade, 0.9))
        draw.add_polyline([imgui.ImVec2(*place) for place in points], ink, thickness, 0)
        draw.add_line(points[-1], points[0], ink, thickness / 2)


def _caption(viewport: Viewport, text: str, radius: float) -> None:
    """Draw the brush's value to the right of it, or to the left if there is no space."""
    pointer, size, padding = imgui.get_io().mouse_pos, imgui.calc_text_size(text), em(0.35)
    distance = radius + em(0.7) if radius < em(12) else em(1.2)  # a large brush has space inside
    x, y = pointer.x + max(distance, em(1.2)), pointer.y - size.y / 2
    if x + size.x + padding > viewport.right:
        x = pointer.x - max(distance, em(0.7)) - size.x
    draw, high = imgui.get_window_draw_list(), (x + size.x + padding, y + size.y + padding / 2)
    draw.add_rect_filled((x - padding, y - padding / 2), high, u32(theme.BACK, 0.85), padding)
    draw.add_text((x, y), u32(theme.TEXT), text)


def _copies(viewport: Viewport, point: tuple[float, float]) -> Iterator[tuple[tuple[float, float], float]]:
    """Yield a point and its copies on the torus as points of the window, with how strongly to draw each."""
    across, down = lattice.extent(viewport.pane.grid.kernel, viewport.pane.grid.size)
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            copy = viewport.to_window(point[0] + column * across, point[1] + row * down)
            yield copy, 1.0 if row == column == 0 else 0.5


def _rings(draw: imgui.ImDrawList, x: float, y: float, radius: float, strength: float) -> None:
    """Draw a thin dark circle around a light one, visible on any background."""
    radius = max(radius, 1.5)
    draw.add_circle((x, y), radius + 1, imgui.get_color_u32((0, 0, 0, 0.75 * strength)), 0, 1.0)
    draw.add_circle((x, y), radius, imgui.get_color_u32((1, 1, 1, 0.95 * strength)), 0, 1.0)
