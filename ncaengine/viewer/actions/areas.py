"""Mark areas of the picture under a grid: what the pointer does with the tool Areas becomes commands here."""

import math

import msgspec

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.simulation.commands import Mark, SetBackdrop, Shape
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import Point, Stroke
from ncaengine.viewer.state.pane import Pane

SPACING = 1 / 4
"""A stroke of the brush continues when the pointer has moved by this share of the radius."""
LEAST_MOVE = 0.5
"""Cell widths between two points of a lasso."""
SHAPES: dict[Shape, tuple[str, str]] = {
    "brush": ("Brush", "Mark what the circle touches."),
    "lasso": ("Lasso", "Draw around an area."),
    "wand": ("Wand", "Click what has a like colour; click an area to change its texture."),
}
"""Title and help of each."""


def texture_for(app: App, grid: Grid, erases: bool = False) -> str:
    """Return the texture that the tool marks areas with on a grid: the chosen one, or the first; '' to erase."""
    names = list(grid.textures)
    return "" if erases else app.brush.texture if app.brush.texture in names else names[0]


def choose(app: App, index: int) -> None:
    """Choose a texture by its place, or a grid where the tool Areas is not taken. A place without one does nothing."""
    names = list(app.grid.textures)
    if app.brush.tool != "mark":
        app.select(index)
    elif index < len(names):
        app.brush.texture = names[index]


def next_shape(app: App) -> None:
    """Mark by the next shape: brush, lasso, wand."""
    if app.brush.stroke:  # which ends by the shape that it began with
        return
    shapes = list(SHAPES)
    app.brush.shape = shapes[(shapes.index(app.brush.shape) + 1) % len(shapes)]


def press(app: App, pane: Pane, point: Point, erases: bool) -> None:
    """Begin a stroke of the brush or the lasso, or use the wand. Raise NCAError if the grid lies on no picture."""
    if pane.grid.backdrop is None:
        raise NCAError("There is no picture under this grid; drop one on the window, or open one above the grids.")
    stroke = Stroke(pane, point, 0.0, texture=texture_for(app, pane.grid, erases))
    if app.brush.shape == "wand":
        _mark(app, stroke, point)
        return
    app.brush.stroke = stroke
    if app.brush.shape == "lasso":
        stroke.points.append(point)
    else:
        _mark(app, stroke, point)


def move(app: App, stroke: Stroke, point: Point) -> None:
    """Continue a stroke to a point."""
    away = math.dist(stroke.last, point)
    if stroke.points:
        if away >= LEAST_MOVE and len(stroke.points) < bounds.POINTS.high:
            stroke.points.append(point)
            stroke.last = point
    elif away >= app.brush.radius * SPACING:
        _mark(app, stroke, stroke.last, point)
        stroke.last = point


def finish(app: App, stroke: Stroke) -> None:
    """End a stroke: a lasso marks what it encloses."""
    if len(stroke.points) > 2:
        _mark(app, stroke, *stroke.points)


def _mark(app: App, stroke: Stroke, *path: Point) -> None:
    """Mark an area of the grid, and of those linked with it that lie on the same picture."""
    brush, grid = app.brush, stroke.pane.grid
    # After another command in between, such as an undo, the rest is a stroke of its own.
    more = stroke.journal_length == len(app.sim.journal)
    mark = Mark(grid.id, brush.shape, stroke.texture, path, brush.radius, int(brush.tolerance), more)
    if not app.submit_together(msgspec.structs.replace(mark, grid=number) for number in _alike(app, grid)):
        brush.stroke = None
        return
    stroke.journal_length = len(app.sim.journal)


def set_feather(app: App, feather: float, more: bool) -> None:
    """Change over how many pixels areas fade into the picture, also on linked grids."""
    if here := app.grid.backdrop:
        alike = _alike(app, app.grid)
        app.submit_together(SetBackdrop(number, here.name, here.cell, feather, more) for number in alike)


def _alike(app: App, grid: Grid) -> list[int]:
    """Return the number of a grid, and those of the grids linked with it that lie on the same picture."""
    linked = sorted(app.linked - {grid.id}) if grid.id in app.linked else []
    pictures = {n: (found.backdrop.name, found.backdrop.cell) for n, found in app.sim.grids.items() if found.backdrop}
    return [grid.id, *(number for number in linked if pictures.get(number) == pictures.get(grid.id, ""))]
