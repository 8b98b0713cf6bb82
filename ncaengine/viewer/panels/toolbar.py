"""The tool bar: a column of buttons at the left of the grids, one a tool."""

from imgui_bundle import imgui

from ncaengine.viewer.actions import tools
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import TOOLS, Tool, ToolName

BUTTON_SIDE = 1.9
"""In em."""
SPACING = 0.2
"""Between two buttons, in em."""
PADDING = 0.5
"""Above and below the buttons, in em."""
MARGIN = 0.4
"""Left and right of the buttons, in em."""
GROUP_GAP = 0.35
"""Between two groups of buttons, in em."""
MOST_COLUMNS = 3
ICONS: dict[ToolName, str] = {
    "look": icons.HAND,
    "erase": icons.ERASER,
    "noise": icons.SPRAY,
    "image": icons.PICTURE,
    "copy": icons.PICK_UP,
    "patch": icons.STAMP,
    "rate": icons.GAUGE,
    "scale": icons.EXPAND,
    "angle": icons.COMPASS,
    "model": icons.SEEDLING,
    "texture": icons.BRUSH,
    "mark": icons.LASSO,
}
GROUP_STARTS: tuple[ToolName, ...] = ("erase", "rate")
"""The first tools of the groups that paint the state and the maps."""


def columns(height: float) -> int:
    """Return the number of columns in which the tools fit into a height in em; more tools have to be scrolled."""
    free = height - 2 * PADDING + SPACING
    gaps = len(GROUP_STARTS) * (GROUP_GAP + SPACING)
    for count in range(1, MOST_COLUMNS):
        if _rows(count) * (BUTTON_SIDE + SPACING) + (gaps if count == 1 else 0) <= free:
            return count
    return MOST_COLUMNS


def width(count: int) -> float:
    """Return the width of a number of columns with their margins, in em."""
    return count * (BUTTON_SIDE + SPACING) - SPACING + 2 * MARGIN


def _rows(count: int) -> int:
    return -(-len(TOOLS) // count)


def show(app: App, count: int) -> None:
    """Draw the tool bar into the current region, in `count` columns."""
    with widgets.style(variables=[(imgui.StyleVar_.item_spacing, (em(SPACING), em(SPACING)))]):
        for index, tool in enumerate(TOOLS.values()):
            if index % count:
                imgui.same_line()
            elif count == 1 and tool.name in GROUP_STARTS:
                widgets.vertical_space(GROUP_GAP)
            _button(app, tool)


def _button(app: App, tool: Tool) -> None:
    face, hovered, ink = theme.TRANSPARENT, theme.FIELD_OVER, theme.DIM
    if tool.name == app.brush.tool:
        face, hovered, ink = theme.ACCENT, theme.ACCENT_OVER, theme.BACK
    colours = [(imgui.Col_.button, face), (imgui.Col_.button_hovered, hovered), (imgui.Col_.button_active, hovered)]
    side = em(BUTTON_SIDE)
    with widgets.style([*colours, (imgui.Col_.text, ink)], [(imgui.StyleVar_.frame_padding, (0, 0))]):
        pressed = imgui.button(f"{ICONS[tool.name]}###{tool.name}", (side, side))
    widgets.tooltip(f"{tool.title} ({tool.letter})\n{tool.help}", at_once=True)
    if pressed:
        tools.select(app, tool.name)
