"""The tool bar: a column of buttons, one a tool, at the left of the grids."""

from imgui_bundle import imgui

from ncaengine.viewer import icons, theme, widgets
from ncaengine.viewer.app import App
from ncaengine.viewer.theme import em
from ncaengine.viewer.tools import TOOLS, Name, Tool

WIDTH = 2.9
"""In em."""
ICONS: dict[Name, str] = {
    "look": icons.HAND,
    "erase": icons.ERASER,
    "noise": icons.SPRAY,
    "image": icons.PICTURE,
    "copy": icons.COPY,
    "patch": icons.STAMP,
    "rate": icons.GAUGE,
    "scale": icons.EXPAND,
    "angle": icons.COMPASS,
    "model": icons.SEEDLING,
}
APART: tuple[Name, ...] = ("erase", "rate")
"""Before these there is a gap: looking, painting the state and painting maps."""


def show(app: App) -> None:
    """Draw it into the current region."""
    with widgets.style(variables=[(imgui.StyleVar_.item_spacing, (0, em(0.2)))]):
        for tool in TOOLS.values():
            if tool.name in APART:
                widgets.gap(0.35)
            _button(app, tool)


def _button(app: App, tool: Tool) -> None:
    face, over, ink = theme.NONE, theme.FIELD_OVER, theme.DIM
    if tool.name == app.tools.name:
        face, over, ink = theme.ACCENT, theme.ACCENT_OVER, theme.BACK
    colours = [(imgui.Col_.button, face), (imgui.Col_.button_hovered, over), (imgui.Col_.button_active, over)]
    side = imgui.get_content_region_avail().x
    with widgets.style([*colours, (imgui.Col_.text, ink)], [(imgui.StyleVar_.frame_padding, (0, 0))]):
        pressed = imgui.button(f"{ICONS[tool.name]}###{tool.name}", (side, side))
    widgets.tooltip(f"{tool.title} ({tool.letter})\n{tool.what}")
    if pressed:
        app.tools.take(tool.name)
