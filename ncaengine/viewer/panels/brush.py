"""A section of the side bar: the selected tool, the brush's settings and what it paints."""

from collections.abc import Iterator
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.actions import open_files, tools
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.file_dialog import FileDialog
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, PAINTED_VALUES, TOOLS
from ncaengine.viewer.state.file_kinds import LISTED_MODEL_ENDINGS, PICTURE_ENDINGS

OPEN_PICTURE, OPEN_MODEL = "Open a picture…", "Open a file…"
ALONG = "Paint the direction in which the pointer moves."
DEFAULT = "Paint the map's default, to erase (or hold Shift)."
SHOW_MAP = "Tint the cells by the map while a tool that paints it is selected."


class BrushPanel:
    """The Brush section, with the file dialogs for pictures and models."""

    def __init__(self, fonts: theme.Fonts) -> None:
        title = "Open a picture to paint with"
        self._pictures = FileDialog("pictures", title, fonts, PICTURE_ENDINGS, PICTURE_ENDINGS)
        title = "Open a model to paint with"
        self._models = FileDialog("brush-models", title, fonts, LISTED_MODEL_ENDINGS, PICTURE_ENDINGS)

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        brush = app.brush
        if not brush.active:
            widgets.text_in(theme.DIM, "Select a tool at the left to paint.", wrapped=True)
            return
        tool = TOOLS[brush.tool]
        widgets.row_label("Tool", tool.help)
        imgui.text_unformatted(f"{tool.title} ({tool.letter})")
        widgets.tooltip(tool.help)
        if brush.tool == "image":
            self._picture(app)
        if brush.tool == "model":
            self._model(app)
        if info := PAINTED_VALUES.get(brush.tool):
            _painted_value(app, info)
        # Paste has the radius of what was copied, and Copy takes all of what is inside.
        shown = {"patch": ("strength", "softness"), "copy": ("radius",)}.get(brush.tool, tuple(BRUSH_SETTINGS))
        for name in shown:
            value = widgets.slider(BRUSH_SETTINGS[name], getattr(brush, name))
            if value is not None:
                setattr(brush, name, value)
        if brush.field:
            _map_options(app)

    def _picture(self, app: App) -> None:
        brush = app.brush
        widgets.row_label("Picture", "The picture to paint: one pixel a cell, repeated over the whole grid.")
        names = [name for name, array in app.sim.arrays.items() if array.dtype == "uint8"]
        items = [(name, name, "{1} × {0} pixels".format(*app.sim.arrays[name].shape)) for name in names]
        more = [("", OPEN_PICTURE, "PNG, JPEG, WebP and other files.")]
        picked = widgets.drop_down("##picture", brush.image or "None", items, brush.image, more)
        if picked:
            brush.image = picked
        elif picked == "":
            self._pictures.open()
        if path := self._pictures.show():
            app.attempt(lambda: tools.use_picture(app, path))

    def _model(self, app: App) -> None:
        brush, grid = app.brush, app.grid
        widgets.row_label("Model", "The model that painted cells run. It is added to the grid's models under Maps.")
        own = [app.name_of(model) for model in grid.models]
        names = [*own, *(name for name in app.models if name not in own)]
        current = tools.model_for(app, grid)
        shown = "Choose another…" if tools.lacks_model(app, grid) else current
        items = ((name, name, "") for name in names)
        picked = widgets.drop_down("##brush-model", shown, items, current, _more_models(app))
        if picked in names:
            brush.model = picked
        elif picked:
            _use_model(app, Path(picked))
        elif picked == "":
            self._models.open()
        if path := self._models.show():
            _use_model(app, path)


def _more_models(app: App) -> Iterator[widgets.DropDownItem]:
    """Yield the shipped models that aren't open yet, by their paths, and '' for the file dialog."""
    for path in open_files.unopened_models(app):
        yield str(path), path.stem, "Comes with ncaengine."
    yield "", OPEN_MODEL, "Another model, made with ncaengine or published."


def _use_model(app: App, path: Path) -> None:
    """Open a model file and paint with it."""

    def use() -> None:
        app.brush.model = open_files.load_model(app, path)

    app.attempt(use)


def _painted_value(app: App, info: SettingInfo) -> None:
    brush = app.brush
    unused = brush.field is not None and (brush.default or (brush.tool == "angle" and brush.along))
    imgui.begin_disabled(unused)
    value = widgets.slider(info, brush.values[brush.tool])
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
