"""The tool bar: a column of buttons, one a tool, at the left of the grids."""

from imgui_bundle import imgui

from ncaengine.viewer.actions import tools
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import TOOLS, Tool, ToolName

SIDE, APART, AROUND, MARGIN = 2.1, 0.2, 0.8, 0.4
"""Of a button, between two, above and below all, and at the sides, in em."""
MOST_COLUMNS = 3
ICONS: dict[ToolName, str] = {
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
GROUPS: tuple[ToolName, ...] = ("erase", "rate")
"""Before these there is a gap: looking, painting the state and painting maps."""


def columns(height: float) -> int:
    """In how many columns the tools fit into a height in em; what is higher yet is scrolled."""
    free = height - 2 * AROUND + APART
    gaps = 0.35 + APART
    fitting = (n for n in range(1, MOST_COLUMNS) if _rows(n) * (SIDE + APART) + (n == 1) * len(GROUPS) * gaps <= free)
    return next(fitting, MOST_COLUMNS)


def width(count: int) -> float:
    """Width of so many columns with their margins, in em."""
    return count * (SIDE + APART) - APART + 2 * MARGIN


def _rows(count: int) -> int:
    return -(-len(TOOLS) // count)


def show(app: App, count: int) -> None:
    """Draw it into the current region, in so many columns."""
    with widgets.style(variables=[(imgui.StyleVar_.item_spacing, (em(APART), em(APART)))]):
        for index, tool in enumerate(TOOLS.values()):
            if index % count:
                imgui.same_line()
            elif count == 1 and tool.name in GROUPS:
                widgets.gap(0.35)
            _button(app, tool)


def _button(app: App, tool: Tool) -> None:
    face, over, ink = theme.NONE, theme.FIELD_OVER, theme.DIM
    if tool.name == app.brush.tool:
        face, over, ink = theme.ACCENT, theme.ACCENT_OVER, theme.BACK
    colours = [(imgui.Col_.button, face), (imgui.Col_.button_hovered, over), (imgui.Col_.button_active, over)]
    side = em(SIDE)
    with widgets.style([*colours, (imgui.Col_.text, ink)], [(imgui.StyleVar_.frame_padding, (0, 0))]):
        pressed = imgui.button(f"{ICONS[tool.name]}###{tool.name}", (side, side))
    widgets.tooltip(f"{tool.title} ({tool.letter})\n{tool.help}")
    if pressed:
        tools.select(app, tool.name)
