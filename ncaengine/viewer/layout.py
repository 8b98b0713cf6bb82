"""The window's layout: tool bar, grids, time bar, side bar and status bar."""

from collections.abc import Callable

import moderngl
from imgui_bundle import imgui

from ncaengine.viewer import keymap
from ncaengine.viewer.canvas.grid_cards import GridCards
from ncaengine.viewer.dialogs.help import HelpSheet
from ncaengine.viewer.dialogs.palette import CommandPalette
from ncaengine.viewer.kit import splitters, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.panels import notices, status_bar, timeline, tool_options, toolbar
from ncaengine.viewer.panels.sidebar import SideBar
from ncaengine.viewer.panels.timeline import TimelineBar
from ncaengine.viewer.panels.tool_options import ToolOptions
from ncaengine.viewer.state import preferences
from ncaengine.viewer.state.app import App

LEAST_REST, LEAST_SIDE = 12.8, 11.0
"""The width that the side bar leaves to the grids, and the width below which it hides, in em."""
LEAST_PANEL, HIGH = 12.0, 36.0
"""The height of the side bar's sections that notices leave, and the height from which notices are longer, in em."""


class Layout:
    """Draws the window's contents."""

    def __init__(self, ctx: moderngl.Context, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self.cards = GridCards(ctx, fonts)
        self._side_bar = SideBar(fonts)
        self._help = HelpSheet(fonts)
        self._palette, self._bar, self._options = CommandPalette(), TimelineBar(), ToolOptions(fonts)
        self._side_before, self._scrolls = 0.0, False
        self._notices = 0.0
        """The height that the side bar's notices took in the last frame, in pixels."""

    def show(self, app: App) -> None:
        """Draw one frame over the whole window."""
        theme.update(app.prefs.theme, app.prefs.text_size)
        app.sync()
        keymap.handle(app)
        viewport = imgui.get_main_viewport()
        imgui.set_next_window_pos(viewport.pos)
        imgui.set_next_window_size(viewport.size)
        flags = imgui.WindowFlags_.no_decoration | imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_saved_settings
        flags |= imgui.WindowFlags_.no_bring_to_front_on_focus | imgui.WindowFlags_.no_background
        variables: list[widgets.StyleVariable] = [
            (imgui.StyleVar_.window_padding, (0, 0)),
            (imgui.StyleVar_.window_rounding, 0),
        ]
        with widgets.style(variables=variables):
            imgui.begin("ncaengine", None, flags)
        self._regions(app)
        imgui.end()
        self._palette.show(app)
        self._help.show(app)

    def _regions(self, app: App) -> None:
        free, at = imgui.get_content_region_avail(), imgui.get_cursor_screen_pos()
        foot = em(theme.STATUS_HEIGHT)
        height = free.y - foot
        columns = toolbar.columns(height / em(1))
        left = em(toolbar.width(columns)) if app.panes else 0.0
        side = min(em(app.prefs.side), free.x - left - em(LEAST_REST)) if app.prefs.show_panel and app.panes else 0.0
        side = side if side >= em(LEAST_SIDE) else 0.0
        if left:
            _tools(app, at.x, at.y, left, height, columns)
        wide = free.x - side - left
        top = em(tool_options.HEIGHT) if app.panes else 0.0
        gap = em(theme.GAP)
        bar = timeline.height(wide - 2 * gap) if app.panes else 0.0
        if app.panes:
            self._tool_options(app, at.x + left, at.y, wide, top)
        below = at.y + top
        _region("panes", at.x + left, below, wide, height - top - bar, gap, lambda: self.cards.show(app))
        if app.panes:
            self._time(app, at.x + left, at.y + height - bar, wide, bar)
        if side > 0:
            edge = at.x + free.x - side
            self._side(app, edge, at.y, side, max(height - self._notices, min(height, em(LEAST_PANEL))))
            _region("edge", edge - em(0.5), at.y, em(0.8), height, 0, lambda: self._edge(app, height))
        self._status(app, at.x, at.y + height, free.x, foot)
        right = at.x + free.x - gap
        self._notices = 0.0
        if side >= em(notices.LEAST_WIDTH):  # below the side bar's sections, not over the picture
            low = at.y + height - gap
            left = right + 2 * gap - side
            lines = notices.MORE_LINES if height >= em(HIGH) else notices.MOST_LINES
            self._notices = low - notices.show(app, left, low, side - 2 * gap, right, lines)
        else:
            notices.show(app, at.x + left + gap, at.y + height - bar - gap, wide - 2 * gap, right)

    def _edge(self, app: App, height: float) -> None:
        """Draw the edge of the side bar. Dragging it changes the width; a double click resets it."""
        at, prefs = imgui.get_cursor_screen_pos(), app.prefs
        drag = splitters.drag_area("##edge", (at.x, at.y), (em(0.8), height))
        if drag.pressed:
            self._side_before = prefs.side
        if drag.double_clicked:
            self._side_before = prefs.side = theme.SIDE_WIDTH
        elif drag.offset is not None:
            width = self._side_before - drag.offset / em(1)
            prefs.side = min(max(width, preferences.LEAST_SIDE), preferences.MOST_SIDE)

    def _side(self, app: App, x: float, y: float, width: float, height: float) -> None:
        draw = imgui.get_window_draw_list()
        draw.add_rect_filled((x, y), (x + width, y + height), u32(theme.CARD))
        draw.add_line((x, y), (x, y + height), u32(theme.LINE))
        # The scroll bar's place is always free, so that nothing moves when a section is folded.
        clear = [] if self._scrolls else [(imgui.Col_.scrollbar_grab, theme.TRANSPARENT)]
        with widgets.style(clear):
            _region("side", x, y, width, height, em(theme.PADDING), lambda: self._scrolling(app), scrolls=True)

    def _scrolling(self, app: App) -> None:
        self._side_bar.show(app)
        self._scrolls = imgui.get_scroll_max_y() > 0

    def _tool_options(self, app: App, x: float, y: float, width: float, height: float) -> None:
        colours = [(imgui.Col_.button, theme.BAR), (imgui.Col_.frame_bg, theme.BAR)]
        with widgets.style(colours, [(imgui.StyleVar_.frame_padding, (em(0.5), em(0.25)))]):
            _region("options", x, y, width, height, em(0.55), lambda: self._options.show(app), wide=em(theme.GAP))

    def _time(self, app: App, x: float, y: float, width: float, height: float) -> None:
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.5), em(0.25)))]):
            _region("time", x, y, width, height, 0, lambda: self._bar.show(app), wide=em(theme.GAP))

    def _status(self, app: App, x: float, y: float, width: float, height: float) -> None:
        imgui.get_window_draw_list().add_line((x, y), (x + width, y), u32(theme.LINE))
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.5), em(0.2)))]):
            _region("status", x, y + 1, width, height - 1, em(0.35), lambda: status_bar.show(app), wide=em(theme.GAP))


def _tools(app: App, x: float, y: float, width: float, height: float, columns: int) -> None:
    around, margin = em(toolbar.PADDING), em(toolbar.MARGIN)
    _region("tools", x, y, width, height, around, lambda: toolbar.show(app, columns), wheel=True, wide=margin)


def _region(
    name: str, x: float, y: float, width: float, height: float, padding: float, show: Callable[[], None],
    scrolls: bool = False, wheel: bool = False, wide: float | None = None,
) -> None:  # fmt: skip
    """Draw a part of the window, which is a child with its own padding.

    scrolls: show a scroll bar if the part is not high enough.
    wheel: scroll by the wheel, without a scroll bar.
    wide: the padding at the sides, if it differs.
    """
    imgui.set_cursor_screen_pos((x, y))
    flags = int(imgui.WindowFlags_.always_vertical_scrollbar if scrolls else imgui.WindowFlags_.no_scrollbar)
    flags |= 0 if scrolls or wheel else int(imgui.WindowFlags_.no_scroll_with_mouse)
    if not imgui.is_any_item_active():  # Tab selects the next field while typing, else the next grid
        flags |= imgui.WindowFlags_.no_nav_inputs
    across = padding if wide is None else wide
    with widgets.style(variables=[(imgui.StyleVar_.window_padding, (across, padding))]):
        imgui.begin_child(name, (max(width, 1), max(height, 1)), imgui.ChildFlags_.always_use_window_padding, flags)
        show()
        widgets.finish_region()
        imgui.end_child()
