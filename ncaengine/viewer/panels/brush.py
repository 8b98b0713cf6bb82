"""A section of the side bar: the tool in hand: its radius, strength and what it paints."""

from collections.abc import Iterator
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core import fields
from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.actions import open_files, tools
from ncaengine.viewer.actions.tools import use_picture
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.file_browser import Picker
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import LEAST_RADIUS, MOST_NOISE, MOST_RADIUS, TOOLS, ToolName
from ncaengine.viewer.state.file_kinds import LISTED_MODEL_ENDINGS, PICTURE_ENDINGS

RADIUS = SettingInfo(
    "brush-radius", "Radius", "Of the brush (wheel, [ and ]).", LEAST_RADIUS, MOST_RADIUS, "cells", True
)
STRENGTH = SettingInfo("brush-strength", "Strength", "How much of it cells take (Shift wheel).", 0, 1)
SOFTNESS = SettingInfo("brush-softness", "Softness", "The share of the radius over which the brush fades.", 0, 1)
VALUES: dict[ToolName, SettingInfo] = {
    "noise": SettingInfo(
        "brush-noise", "Noise ±", "The largest number that a channel becomes.", 0, MOST_NOISE, "", False
    ),
    "rate": SettingInfo("brush-rate", "Rate", fields.FIELDS["rate"].help, 0, 4, "×"),
    "scale": SettingInfo("brush-scale", "Cell scale", fields.FIELDS["scale"].help, 0.25, 4, "×", logarithmic=True),
    "angle": SettingInfo("brush-angle", "Turned by", fields.FIELDS["angle"].help, -180, 180, "°"),
}
ALONG = "Paint the direction in which the pointer moves."
DEFAULT = "Paint the map's default instead, as an eraser does (or hold Shift)."
FOLLOW = "Tint the cells by the map while a tool that paints it is in hand."
OPEN, OPEN_MODEL = "Open a picture…", "Open a file…"
POPUP, MODEL_POPUP = "##pictures", "##brush-models"


class BrushPanel:
    """It holds the file dialogs for pictures and for models."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._picker, self._models = Picker(Path.cwd(), PICTURE_ENDINGS), Picker(Path.cwd(), LISTED_MODEL_ENDINGS)

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        brush = app.brush
        if not brush.active:
            with widgets.style([(imgui.Col_.text, theme.DIM)]):
                imgui.text_wrapped("Take a tool at the left of the grids to paint.")
            return
        tool = TOOLS[brush.tool]
        widgets.label("Tool", tool.help)
        imgui.text_unformatted(f"{tool.title} ({tool.letter})")
        widgets.tooltip(tool.help)
        if brush.tool == "image":
            self._picture(app)
        if brush.tool == "model":
            self._model(app)
        if spec := VALUES.get(brush.tool):
            _value(app, spec)
        if brush.tool != "patch" and (radius := widgets.setting(RADIUS, brush.radius)) is not None:
            brush.radius = radius
        if brush.tool != "copy":
            _hardness(app)
        if brush.field:
            _map(app)

    def _picture(self, app: App) -> None:
        brush = app.brush
        widgets.label("Picture", "Its colours, one pixel a cell, repeated over the whole grid.")
        names = [name for name, array in app.sim.arrays.items() if array.dtype == "uint8"]
        options = [(name, name, "{1} × {0} pixels".format(*app.sim.arrays[name].shape)) for name in names]
        picked = widgets.choice(
            "##picture", brush.image or "None yet", options, brush.image, [("", OPEN, "PNG, JPEG, WebP and others.")]
        )
        if picked:
            brush.image = picked
        elif picked == "":
            self._picker.go(self._picker.folder)
            widgets.summon(POPUP)
        if path := self._dialog(POPUP, "Open a picture to paint with", self._picker):
            app.attempt(lambda: use_picture(app, path))

    def _model(self, app: App) -> None:
        brush, grid = app.brush, app.grid
        widgets.label("Model", "What painted cells run; it joins the grid's models under Maps.")
        own = [app.name_of(model) for model in grid.models]
        names = [*own, *(name for name in app.models if name not in own)]
        current = tools.model_for(app, grid)
        shown = "Choose another…" if tools.lacks_model(app, grid) else current
        options = ((name, name, "") for name in names)
        picked = widgets.choice("##brush-model", shown, options, current, _more_models(app))
        if picked in names:
            brush.model = picked
        elif picked:
            _take_model(app, Path(picked))
        elif picked == "":
            self._models.go(self._models.folder)
            widgets.summon(MODEL_POPUP)
        if path := self._dialog(MODEL_POPUP, "Open a model to paint with", self._models):
            _take_model(app, path)

    def _dialog(self, popup: str, title: str, picker: Picker) -> Path | None:
        """A file dialog while its popup is open; returns the file picked."""
        with widgets.rooted():
            return self._files(popup, title, picker)

    def _files(self, popup: str, title: str, picker: Picker) -> Path | None:
        viewport = imgui.get_main_viewport()
        width, height = min(em(50), viewport.size.x - em(4)), min(em(36), viewport.size.y - em(4))
        imgui.set_next_window_pos(viewport.get_center(), imgui.Cond_.always, (0.5, 0.5))
        imgui.set_next_window_size((width, height))
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_nav
        with widgets.style(variables=[(imgui.StyleVar_.window_padding, (em(1.4), em(1.2)))]):
            visible, _ = imgui.begin_popup_modal(popup, None, flags | imgui.WindowFlags_.no_saved_settings)
        if not visible:
            return None
        with theme.face(self._fonts.bold, 1.2):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted(title)
        imgui.same_line(imgui.get_window_width() - em(1.4) - em(2.2))
        closed = widgets.button(f"{icons.CLOSE}###close", em(2.2), "Close (Esc)")
        path = picker.show(imgui.get_content_region_avail().y)
        if path or closed or imgui.is_key_pressed(imgui.Key.escape):
            imgui.close_current_popup()
        imgui.end_popup()
        return path


def _more_models(app: App) -> Iterator[widgets.Option]:
    """What is not on offer yet: the shipped models, by their paths, and the file dialog."""
    for path in open_files.unopened_models(app):
        yield str(path), path.stem, "Shipped with ncaengine."
    yield "", OPEN_MODEL, "Another model, of ncaengine or published."


def _take_model(app: App, path: Path) -> None:
    """Put a model file on offer and paint with it; what fails is told."""

    def take() -> None:
        app.brush.model = open_files.load_model(app, path)

    app.attempt(take)


def _value(app: App, spec: SettingInfo) -> None:
    brush = app.brush
    off = brush.field is not None and (brush.default or (brush.tool == "angle" and brush.along))
    imgui.begin_disabled(off)
    value = widgets.setting(spec, brush.values[brush.tool])
    imgui.end_disabled()
    if value is not None:
        brush.values[brush.tool] = value


def _hardness(app: App) -> None:
    brush = app.brush
    if (strength := widgets.setting(STRENGTH, brush.strength)) is not None:
        brush.strength = strength
    if (softness := widgets.setting(SOFTNESS, brush.softness)) is not None:
        brush.softness = softness


def _map(app: App) -> None:
    brush = app.brush
    if brush.tool == "angle":
        _, brush.along = imgui.checkbox("Along the stroke###brush-along", brush.along)
        widgets.tooltip(ALONG)
    at, half = imgui.get_cursor_pos_x(), widgets.share(2)
    _, brush.default = imgui.checkbox("To default###brush-default", brush.default)
    widgets.tooltip(DEFAULT)
    imgui.same_line(at + half + imgui.get_style().item_spacing.x)
    changed, follow = imgui.checkbox("Show the map###brush-follow", brush.shows_map)
    widgets.tooltip(FOLLOW)
    if changed:
        tools.show_map(app, follow)
