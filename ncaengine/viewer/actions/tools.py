"""Select tools and paint strokes: what the pointer does on a picture becomes commands here."""

import math
from pathlib import Path

import msgspec

from ncaengine.core import fields, lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS
from ncaengine.core.files import as_text
from ncaengine.core.texts import with_unit
from ncaengine.io import scripts
from ncaengine.simulation.commands import Copy, Paint, SetModel, Show
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import areas
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import Point, Stroke, ToolName
from ncaengine.viewer.state.pane import Pane

SPACING = 1 / 8
"""A stroke continues when the pointer has moved by this share of the radius. A slow stroke then paints the same
amount at any frame rate."""
LEAST_MOVE = 2.0
"""Cell widths that the pointer must move before the direction of the movement is used."""


def select(app: App, tool: ToolName) -> None:
    """Select a tool. One that paints a field shows that field on the selected grid, see `show_map`.

    The Model tool opens the gallery if there is no other model to paint.
    """
    release(app)
    app.brush.tool = tool
    _restore_overlays(app)
    if app.panes:
        _show_field(app, app.grid)
        if tool == "model" and lacks_model(app, app.grid):
            app.show_gallery = app.gallery_paints = True


def use_picture(app: App, path: Path) -> None:
    """Select the Picture tool with a picture from a file. Raise NCAError if the file can't be opened."""
    image, dropped = scripts.load_picture(path)
    select(app, "image")
    app.brush.image, app.brush.image_file = app.sim.register_array(as_text(path.stem), image), path
    if dropped:
        app.notify(f"{path.name}: {dropped}.")


# What the brush paints


def outline_radius(app: App) -> float:
    """Return the radius of what a click paints: the brush's, or that of the copied cells."""
    patch = app.sim.engine.world.patch
    if app.brush.tool == "mark" and app.brush.shape != "brush":
        return 0.0
    return patch.radius if app.brush.tool == "patch" and patch else app.brush.radius


def value_text(app: App, grid: Grid, default: bool = False) -> str:
    """Return what the tool paints into a map, as text; '' for tools that paint the state."""
    brush = app.brush
    if brush.tool == "texture":
        return texture_for(app, grid, default)
    if brush.tool == "mark":
        return areas.texture_for(app, grid, default) or "the picture"
    if brush.field is None:
        return ""
    spec = fields.FIELDS[brush.field]
    default = default or brush.default
    if brush.field == "model":
        return app.name_of(grid.model) if default else model_for(app, grid)
    if brush.field == "angle" and brush.along and not default:
        return "along the stroke"
    return with_unit(f"{spec.default if default else brush.values[brush.field]:.4g}", spec.unit)


def _value(app: App, grid: Grid, default: bool) -> float:
    brush = app.brush
    if brush.field is None:
        return brush.values.get(brush.tool, 1.0)
    if default:
        return fields.FIELDS[brush.field].default
    return float(add_to_grid(app, grid, model_for(app, grid))) if brush.field == "model" else brush.values[brush.field]


# Fields shown while they are painted


def tints(app: App, grid: Grid) -> bool:
    """Return whether a grid's picture is tinted by a map: while the tool that paints this map is selected."""
    return bool(grid.look.overlay) and grid.look.overlay == app.brush.field


def show_map(app: App, shows: bool) -> None:
    """Set whether a grid shows the field that the tool paints. Its own overlay returns with the next tool."""
    app.brush.shows_map = shows
    _restore_overlays(app)
    if app.panes:
        _show_field(app, app.grid)


def _show_field(app: App, grid: Grid) -> None:
    brush = app.brush
    if brush.field and brush.shows_map and grid.look.overlay != brush.field:
        before = grid.look.overlay
        if app.submit(Show(grid.id, msgspec.structs.replace(grid.look, overlay=brush.field))):
            brush.overlays[grid.id] = (brush.field, before)


def _restore_overlays(app: App) -> None:
    for number, (shown, before) in app.brush.overlays.items():
        grid = app.sim.grids.get(number)
        if grid and grid.look.overlay == shown:
            app.submit(Show(number, msgspec.structs.replace(grid.look, overlay=before)))
    app.brush.overlays.clear()


# Strokes


def press(app: App, pane: Pane, point: Point, default: bool = False) -> None:
    """Begin a stroke at a point. `default`: a tool for fields paints the field's default."""
    brush = app.brush
    release(app)
    if brush.tool == "copy":
        if app.submit(Copy(pane.grid.id, point, brush.radius)):
            select(app, "patch")
    elif brush.tool == "mark":
        app.attempt(lambda: areas.press(app, pane, point, default))
    elif brush.active:
        app.attempt(lambda: _begin(app, pane, point, default or brush.default))


def _begin(app: App, pane: Pane, point: Point, default: bool) -> None:
    brush = app.brush
    if brush.tool == "image" and brush.image not in app.sim.arrays:
        raise NCAError("There is no picture to paint with; open one under Brush.")
    if brush.tool == "texture" and len(pane.grid.textures) == 1:
        raise NCAError("This grid makes one texture; open a model of several, or add a model under Maps.")
    if brush.tool == "model" and lacks_model(app, pane.grid) and not default:
        raise NCAError("Choose another model under Brush first.")
    along = brush.tool == "angle" and brush.along and not default
    brush.stroke = Stroke(pane, point, _value(app, pane.grid, default), along)
    if brush.tool == "texture":
        brush.stroke.texture = texture_for(app, pane.grid, default)
    _show_field(app, pane.grid)
    if not along:
        _paint(app, brush.stroke, point)


def move(app: App, pane: Pane, point: Point) -> None:
    """Continue the stroke to a point. Movement over other grids than the stroke's does nothing."""
    stroke, radius = app.brush.stroke, app.brush.radius
    if stroke is None or stroke.pane is not pane or app.brush.tool == "patch":
        return
    if app.brush.tool == "mark":
        areas.move(app, stroke, point)
        return
    if math.dist(stroke.last, point) < (max(LEAST_MOVE, radius / 4) if stroke.along else radius * SPACING):
        return
    if stroke.along:
        stroke.value = math.degrees(math.atan2(point[1] - stroke.last[1], point[0] - stroke.last[0]))
    _paint(app, stroke, stroke.last, point)
    stroke.last = point


def release(app: App, pane: Pane | None = None) -> None:
    """End the stroke, or only one on this pane."""
    stroke = app.brush.stroke
    if stroke and pane in (None, stroke.pane):
        app.brush.stroke = None
        areas.finish(app, stroke)


def _paint(app: App, stroke: Stroke, *path: Point) -> None:
    brush = app.brush
    paint = Paint(
        stroke.pane.grid.id,
        brush.tool,  # type: ignore[arg-type]
        path,
        brush.radius,
        brush.strength,
        brush.softness,
        stroke.value,
        brush.image if brush.tool == "image" else "",
        # After another command in between, such as an undo, the rest is a stroke of its own.
        more=stroke.journal_length == len(app.sim.journal),
        texture=stroke.texture or msgspec.UNSET,
    )
    if app.submit(paint):
        stroke.journal_length = len(app.sim.journal)
    else:
        release(app)


def paint_at_middle(app: App) -> None:
    """Click once with the selected tool in the middle of what the window shows of the selected grid."""
    brush, pane = app.brush, app.pane
    if not brush.active:
        app.notify("Select a tool first, such as Erase with the key E.")
        return
    x, y = pane.camera.x, pane.camera.y
    if pane.camera.zoom is None:  # the whole grid, whose middle the camera learns when it is drawn
        corner, extent = lattice.corner(pane.grid.kernel), lattice.extent(pane.grid.kernel, pane.grid.size)
        x, y = corner[0] + extent[0] / 2, corner[1] + extent[1] / 2
    press(app, pane, (x, y))
    if brush.tool == "angle" and brush.along:  # which needs a movement
        move(app, pane, (x + max(LEAST_MOVE, brush.radius / 4), y))
    release(app)


# Models and textures


def texture_for(app: App, grid: Grid, default: bool = False) -> str:
    """Return the texture that the brush paints on a grid: the chosen one, or the second. `default`: the first."""
    names = list(grid.textures)
    return app.brush.texture if app.brush.texture in names and not default else names[not default and len(names) > 1]


def model_for(app: App, grid: Grid) -> str:
    """Return the model that the brush paints on a grid: the chosen one, or the first that isn't the grid's own."""
    if app.brush.model in app.models:
        return app.brush.model
    own = app.name_of(grid.model)
    names = [*(app.name_of(model) for model in grid.models[1:]), *app.models]
    return next((name for name in names if name != own), own)


def lacks_model(app: App, grid: Grid) -> bool:
    """Return whether the Model tool could only paint the one model that the grid runs anyway."""
    return len(grid.models) == 1 and model_for(app, grid) == app.name_of(grid.model)


def add_model(app: App, name: str) -> None:
    """Add an open model to the selected grid and those linked with it. Raise NCAError if it can't be added."""
    change = object()
    for number in app.linked_grids():
        add_to_grid(app, app.sim.grids[number], name, change)


def remove_models(app: App, slot: int) -> None:
    """Remove the models from a slot of the selected grid on; on linked grids, from that model on."""
    name, here = app.name_of(app.grid.models[slot]), app.grid.id

    def remove(number: int) -> SetModel | None:
        names = [app.name_of(model) for model in app.sim.grids[number].models]
        found = slot if number == here else next((k for k in range(1, len(names)) if names[k] == name), 0)
        return SetModel(number, "", found) if found else None

    app.submit_linked(remove)


def add_to_grid(app: App, grid: Grid, name: str, change: object = None) -> int:
    """Return a model's slot on a grid, adding the model if it isn't there. Raise NCAError if it can't be added.

    change: the change of several grids that this is part of, if any.
    """
    names = [app.name_of(model) for model in grid.models]
    if name in names:
        return names.index(name)
    if len(names) >= MAX_MODELS:
        raise NCAError(f"A grid runs at most {MAX_MODELS} models; remove one under Maps first.")
    app.submit_as(change, SetModel(grid.id, app.sim.register(app.models[name]), len(names)))
    return len(names)
