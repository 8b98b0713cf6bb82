"""The bar above the grids: what the selected tool does and its settings, where the eye is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from imgui_bundle import imgui

from ncaengine.core.settings import SettingInfo
from ncaengine.viewer.actions import areas, display_modes, pictures, tools
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.file_dialog import FileDialog
from ncaengine.viewer.kit.sliders import compact_slider
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.panels import brush as panel
from ncaengine.viewer.panels import look
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, PAINTED_VALUES, TOOLS
from ncaengine.viewer.state.file_kinds import PICTURE_ENDINGS

HEIGHT = 2.6
"""In em."""
TITLE, SLIDER, LEAST, FRAMING, MORE = 5.8, 9.5, 7.0, 3.2, 2.1
"""Widths of the tool's title, of a slider or drop-down, its least one, a button of the picture's framing and the last
button, in em."""
MORE_HELP = "More of the tool's settings, in the side bar."
Control = tuple[float, Callable[[float], object]]
"""A control: its width in pixels, and a function that draws it, given that width."""


class ToolOptions:
    """The bar, with the dialog for pictures to paint."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._pictures = FileDialog("pictures", "Open a picture", fonts, PICTURE_ENDINGS, PICTURE_ENDINGS)

    def show(self, app: App) -> None:
        """Draw the bar into the current region."""
        controls, gap = list(_controls(app)), em(0.4)
        start, free = imgui.get_cursor_pos_x(), imgui.get_content_region_avail().x
        end, wanted = start + free, sum(width + gap for width, _ in controls) - gap
        if free >= em(TITLE) + min(wanted, em(SLIDER) + gap + em(MORE)):
            self._title(app)
            imgui.same_line(start + em(TITLE))
        left = end - imgui.get_cursor_pos_x()
        is_short = wanted > left
        left -= (em(MORE) + gap) * is_short
        for widest, draw in controls:
            width = min(widest, max(left, em(LEAST)))
            if width > left:
                break
            draw(width)
            imgui.same_line(0, gap)
            left -= width + gap
        if is_short:
            imgui.same_line(end - em(MORE))
            if widgets.button(f"{icons.MORE}###more-options", em(MORE), MORE_HELP):
                app.open_section("Brush" if app.brush.active else "View")
        self._dialog(app)

    def _title(self, app: App) -> None:
        tool = TOOLS[app.brush.tool]
        with theme.use_font(self._fonts.bold):
            imgui.align_text_to_frame_padding()
            imgui.text_unformatted(tool.title)
        widgets.tooltip(f"{tool.help} ({tool.letter})")

    def _dialog(self, app: App) -> None:
        if app.brush.asks_picture:
            app.brush.asks_picture = False
            self._pictures.open()
        if path := self._pictures.show():
            use = pictures.open_picture if app.brush.tool == "mark" else tools.use_picture
            app.attempt(lambda: use(app, path))


def _controls(app: App) -> list[Control]:
    """Return the controls of the selected tool, the most important ones first."""
    brush = app.brush
    if not brush.active:
        return [
            (3 * em(FRAMING) + 2 * em(0.25), lambda width: look.framing(app, (width - 2 * em(0.25)) // 3)),
            (em(SLIDER), partial(_mode, app)),
        ]
    if brush.tool == "mark":
        return _marking(app)
    controls: list[Control] = []
    if brush.tool in panel.CHOICES:
        controls.append((em(SLIDER), partial(_choice, app)))
    if brush.tool == "image" and brush.image_file:
        controls.append((em(LEAST), partial(_fill_areas, brush.image_file, app)))
    if info := PAINTED_VALUES.get(brush.tool):
        controls.append((em(SLIDER), partial(_value, app, info)))
    controls += [(em(SLIDER), partial(_setting, app, name)) for name in panel.settings_of(brush.tool)]
    return controls


def _marking(app: App) -> list[Control]:
    """Return the controls of the tool Areas: without a picture, a button to open one."""
    if app.grid.backdrop is None:
        return [(em(3 * LEAST), partial(_open_picture, app))]
    sliders = [(em(SLIDER), partial(_setting, app, name)) for name in panel.setting_of_shape(app)]
    return [(em(LEAST), partial(_choice, app)), (em(SLIDER), partial(_area_texture, app)), *sliders]


def _open_picture(app: App, width: float) -> None:
    if widgets.button("Open a picture, or drop one here …###open-backdrop", width, "Mark areas of it to fill."):
        app.brush.asks_picture = True


def _fill_areas(file: Path, app: App, width: float) -> None:
    help_ = f"Mark areas of {file.name} instead, and let textures grow there."
    if widgets.button("Fill areas###fill-areas", width, help_):
        app.defer(lambda: pictures.open_picture(app, file))


def _area_texture(app: App, width: float) -> None:
    imgui.set_next_item_width(width)
    current = areas.texture_for(app, app.grid)
    if picked := widgets.drop_down("##area-texture", current, ((n, n, "") for n in app.grid.textures), current):
        app.brush.texture = picked
    widgets.tooltip("The texture of what you mark (digits 1 to 9). Hold Shift to let the picture show again.")


def _mode(app: App, width: float) -> None:
    """Draw the drop-down of what the colours show."""
    imgui.set_next_item_width(width)
    items = ((mode, *look.TITLES[mode]) for mode in display_modes.MODES)
    current = app.grid.look.mode
    if mode := widgets.drop_down("##bar-mode", look.TITLES[current][0], items, current):
        display_modes.change_look(app, mode=mode)
    widgets.tooltip("What the colour of a cell means.")


def _choice(app: App, width: float) -> None:
    _, help_, drop_down = panel.CHOICES[app.brush.tool]
    imgui.set_next_item_width(width)
    drop_down(app)
    widgets.tooltip(help_)


def _value(app: App, info: SettingInfo, width: float) -> None:
    brush = app.brush
    imgui.begin_disabled(panel.ignores_value(app))
    value = compact_slider(info, brush.values[brush.tool], width)
    imgui.end_disabled()
    if value is not None:
        brush.values[brush.tool] = value


def _setting(app: App, name: str, width: float) -> None:
    value = compact_slider(BRUSH_SETTINGS[name], getattr(app.brush, name), width)
    if value is not None:
        setattr(app.brush, name, value)
