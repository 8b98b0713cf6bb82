"""A section of the side bar: the selected tool, the brush's settings and what it paints."""

from collections.abc import Callable, Iterator
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.actions import areas, open_files, tools
from ncaengine.viewer.kit import sliders, theme, widgets
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, PAINTED_VALUES, TOOLS, ToolName

OPEN_PICTURE, OPEN_MODEL = "Open a picture…", "From the gallery…"
ALONG = "Paint the direction in which the pointer moves."
DEFAULT = "Paint the map's default, to erase (or hold Shift)."
SHOW_MAP = "Tint the cells by the map while a tool that paints it is selected."


def show(app: App) -> None:
    """Draw the section into the current window."""
    brush = app.brush
    if not brush.active:
        widgets.text_in(theme.DIM, "Select a tool at the left to paint.", wrapped=True)
        return
    tool = TOOLS[brush.tool]
    widgets.row_label("Tool", tool.help)
    imgui.text_unformatted(f"{tool.title} ({tool.letter})")
    widgets.tooltip(tool.help)
    if brush.tool in CHOICES:
        title, help_, drop_down = CHOICES[brush.tool]
        widgets.row_label(title, help_)
        drop_down(app)
    if info := PAINTED_VALUES.get(brush.tool):
        _painted_value(app, info)
    for name in settings_of(brush.tool) or setting_of_shape(app):
        value = sliders.slider(BRUSH_SETTINGS[name], getattr(brush, name))
        if value is not None:
            setattr(brush, name, value)
    if brush.field:
        _map_options(app)


def settings_of(tool: ToolName) -> tuple[str, ...]:
    """Return the names of the brush's settings that a tool uses.

    Paste has the radius of what was copied, and Copy takes all of what is inside.
    """
    usual = ("radius", "strength", "softness")
    return {"patch": ("strength", "softness"), "copy": ("radius",), "look": (), "mark": ()}.get(tool, usual)


def _picture(app: App) -> None:
    """Draw the drop-down of the picture to paint."""
    brush = app.brush
    names = [name for name, array in app.sim.arrays.items() if array.dtype == "uint8"]
    items = [(name, name, "{1} × {0} pixels".format(*app.sim.arrays[name].shape)) for name in names]
    more = [("", OPEN_PICTURE, "PNG, JPEG, WebP and other files.")]
    picked = widgets.drop_down("##picture", brush.image or "None", items, brush.image, more)
    if picked:
        brush.image = picked
    elif picked == "":
        brush.asks_picture = True


def _model(app: App) -> None:
    """Draw the drop-down of the model to paint."""
    brush, grid = app.brush, app.grid
    own = [app.name_of(model) for model in grid.models]
    names = [*own, *(name for name in app.models if name not in own)]
    current = tools.model_for(app, grid)
    shown = "Choose another…" if tools.lacks_model(app, grid) else current
    items = ((name, name, "") for name in names)
    picked = widgets.drop_down("##brush-model", shown, items, current, _more_models(app))
    if picked in names:
        brush.model = picked
    elif picked:
        app.attempt(lambda: open_files.paint_with(app, Path(picked)))
    elif picked == "":
        app.show_gallery = app.gallery_paints = True


def _texture(app: App) -> None:
    """Draw the drop-down of the texture to paint."""
    current = tools.texture_for(app, app.grid)
    picked = widgets.drop_down("##brush-texture", current, ((name, name, "") for name in app.grid.textures), current)
    if picked:
        app.brush.texture = picked


def _shape(app: App) -> None:
    """Draw the drop-down of how areas are marked."""
    items = ((name, *about) for name, about in areas.SHAPES.items())
    if picked := widgets.drop_down("##brush-shape", areas.SHAPES[app.brush.shape][0], items, app.brush.shape):
        app.brush.shape = picked  # type: ignore[assignment]


CHOICES: dict[ToolName, tuple[str, str, Callable[[App], None]]] = {
    "image": ("Picture", "The picture to paint: one pixel per cell, repeated over the whole grid.", _picture),
    "model": ("Model", "The model that painted cells run. It is added to the grid's models under Maps.", _model),
    "texture": ("Texture", "The texture that painted cells make. Hold Shift to paint the first one.", _texture),
    "mark": ("Mark by", "Brush, lasso, or a wand that takes like colours (J again).", _shape),
}
"""(title, help, drop-down) of what tools that have a choice paint, or mark areas by."""


def setting_of_shape(app: App) -> tuple[str, ...]:
    """Return the names of the settings that marking areas uses now."""
    shapes: dict[str, tuple[str, ...]] = {"brush": ("radius",), "wand": ("tolerance",)}
    return shapes.get(app.brush.shape, ()) if app.brush.tool == "mark" else ()


def _more_models(app: App) -> Iterator[widgets.DropDownItem]:
    """Yield the shipped models that aren't open yet, by their paths, and '' for the gallery."""
    for path in open_files.unopened_models(app):
        yield str(path), path.stem, "Comes with ncaengine."
    yield "", OPEN_MODEL, "See them as pictures, or open a file."


def ignores_value(app: App) -> bool:
    """Return whether the tool paints something else than its value."""
    brush = app.brush
    return brush.field is not None and (brush.default or (brush.tool == "angle" and brush.along))


def _painted_value(app: App, info: SettingInfo) -> None:
    brush = app.brush
    imgui.begin_disabled(ignores_value(app))
    value = sliders.slider(info, brush.values[brush.tool])
    imgui.end_disabled()
    if value is not None:
        brush.values[brush.tool] = value


def _map_options(app: App) -> None:
    """Draw the check boxes of a tool that paints a map."""
    brush = app.brush
    if brush.tool == "angle":
        _, brush.along = imgui.checkbox("Along the stroke###brush-along", brush.along)
        widgets.tooltip(ALONG)
    at, half = imgui.get_cursor_pos_x(), widgets.equal_width(2)
    _, brush.default = imgui.checkbox("To default###brush-default", brush.default)
    widgets.tooltip(DEFAULT)
    imgui.same_line(at + half + imgui.get_style().item_spacing.x)
    changed, shows_map = imgui.checkbox("Show the map###brush-follow", brush.shows_map)
    widgets.tooltip(SHOW_MAP)
    if changed:
        tools.show_map(app, shows_map)
