"""The bar of time: undo, redo, and a slider through the selected grid's timeline."""

from collections.abc import Callable

from imgui_bundle import imgui

from ncaengine.simulation.commands import Set
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import Edit
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import history, running
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

HEIGHT = 2.3
"""In em."""
BUTTON, TEXTS, LEAST_TRACK = 2.1, 10.5, 6.0
"""Widths of a button, of the texts and of the slider at least, in em."""
NEAR = 0.5
"""Within this of a tick the pointer is on it, in em."""


class TimeBar:
    """It holds the drag of the slider: which grid's, whether that ran before, and the age under the pointer."""

    def __init__(self) -> None:
        self._grid: Grid | None = None
        self._ran = False
        self._age = 0

    def show(self, app: App) -> None:
        """Draw it into the current region."""
        grid = app.grid
        undo, redo, paused = grid.can_undo, grid.can_redo, grid.settings.paused
        _button(app, f"{icons.UNDO}###undo", f"Undo: {undo}" if undo else "Nothing to undo", history.undo, bool(undo))
        help_ = f"Make again: {redo}" if redo else "Nothing to make again"
        _button(app, f"{icons.REDO}###redo", help_, history.redo, bool(redo))
        imgui.dummy((em(0.2), 0))
        imgui.same_line(0, 0)
        _button(app, f"{icons.BACK}###back", "Go a step back", history.step_back, grid.age > grid.timeline.start)
        icon, help_ = (icons.PLAY, "Run this grid") if paused else (icons.PAUSE, "Pause this grid")
        _button(app, f"{icon}###run", help_, running.toggle_pause)
        _button(app, f"{icons.STEP}###forward", "Make a step", running.single_step)
        free = imgui.get_content_region_avail().x
        texts = em(TEXTS) if free > em(TEXTS + LEAST_TRACK) else 0.0
        if free - texts > em(2):
            self._slider(app, free - texts - em(0.9))
        if texts:
            _position(grid, texts)

    def _slider(self, app: App, width: float) -> None:
        grid, height = app.grid, imgui.get_frame_height()
        at = imgui.get_cursor_screen_pos()
        left, middle, inset = at.x + em(0.4), at.y + height / 2, em(0.45)
        imgui.set_cursor_screen_pos((left, at.y))
        imgui.invisible_button("##scrub", (width, height))
        start, span = left + inset, width - 2 * inset
        first, tip = grid.timeline.start, grid.timeline.tip
        share = min(max((imgui.get_io().mouse_pos.x - start) / max(span, 1), 0.0), 1.0)
        pointed = round(first + share * (tip - first))
        hovered, held = imgui.is_item_hovered(), imgui.is_item_active() and bool(grid.timeline.moments)
        if imgui.is_item_activated() and held:
            self._grid, self._ran, self._age = grid, not grid.settings.paused, pointed
            history.pause(app)
        if self._grid is not None:
            self._drag(app, pointed, held)
        age = self._age if self._grid else grid.age

        def place(of: int) -> float:
            return start + span * ((of - first) / (tip - first) if tip > first else 1.0)

        _track(grid, place, start, start + span, middle, age, hovered or held)
        if hovered and tip > first:
            imgui.set_next_window_pos((start + share * span, at.y - em(0.4)), pivot=(share, 1))  # not over the foot
            widgets.tooltip(_told(grid, pointed, em(NEAR) * (tip - first) / max(span, 1)))
        imgui.same_line(0, em(0.5))

    def _drag(self, app: App, age: int, held: bool) -> None:
        """Follow the pointer through the kept moments; when it lets go, to the step itself."""
        grid = app.grid
        if grid is not self._grid:
            self._grid = None
        elif held:
            if age != self._age:
                history.go_to(app, history.nearest_moment(grid, age))
            self._age = age
        else:
            self._grid = None
            history.go_to(app, history.reachable_age(app, self._age))
            if self._ran and grid.age == grid.timeline.tip:  # back where it was: the present
                app.submit(Set(grid.id, "paused", False))


def _button(app: App, text: str, help_: str, action: Callable[[App], None], possible: bool = True) -> None:
    """A small button for an action."""
    imgui.begin_disabled(not possible)
    help_ += f". ({keymap.key_of(action)})"
    if widgets.button(text, em(BUTTON), help_, (theme.BACK, theme.FIELD, theme.DIM)):
        action(app)
    imgui.end_disabled()
    imgui.same_line(0, em(0.1))


def _track(
    grid: Grid, place: Callable[[int], float], start: float, end: float, middle: float, age: int, lit: bool
) -> None:
    """What is kept, the edits in it, and where the grid is."""
    draw, half, here = imgui.get_window_draw_list(), em(0.13), place(age)
    draw.add_rect_filled((start, middle - half), (end, middle + half), u32(theme.FIELD_HELD), half)
    if not grid.timeline.moments:
        return
    draw.add_rect_filled((start, middle - half), (here, middle + half), u32(theme.ACCENT_MID), half)
    if lit:
        for moment in grid.timeline.moments:
            draw.add_circle_filled((place(moment.age), middle + em(0.55)), em(0.07), u32(theme.FAINT))
    for mark in _edits(grid):
        x, ink = round(place(mark.age)), theme.TEXT if mark.age <= age else theme.FAINT
        draw.add_rect_filled((x - em(0.06), middle - em(0.5)), (x + em(0.06), middle + em(0.2)), u32(ink), em(0.06))
    draw.add_circle_filled((here, middle), em(0.42), u32(theme.ACCENT if lit else theme.ACCENT_MID))


def _edits(grid: Grid) -> list[Edit]:
    return [mark for mark in grid.timeline.edits if mark.title and not mark.more]


def _told(grid: Grid, age: int, near: float) -> str:
    """What lies at a place of the timeline."""
    ago = grid.timeline.tip - age
    text = "Now" if ago == 0 else f"{widgets.grouped(ago)} {'step' if ago == 1 else 'steps'} ago"
    edits = [mark.title for mark in _edits(grid) if abs(mark.age - age) <= near]
    edits = list(dict.fromkeys(edits))[:4]
    return "\n".join([text, *edits])


def _position(grid: Grid, width: float) -> None:
    """The step, and how far back from the latest that is, at the right end of the bar."""
    behind = grid.timeline.tip - grid.age
    end, at = imgui.get_cursor_pos_x() + width, imgui.get_cursor_pos_y()
    text = f"step {widgets.grouped(grid.step)}"
    back = f"−{widgets.grouped(behind)}" if behind else ""
    apart = em(0.6) if back else 0.0
    imgui.set_cursor_pos((end - imgui.calc_text_size(text).x - imgui.calc_text_size(back).x - apart, at))
    imgui.align_text_to_frame_padding()
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.text_unformatted(text)
    widgets.tooltip("Steps since the seed")
    if back:
        imgui.same_line(0, apart)
        with widgets.style([(imgui.Col_.text, theme.AMBER)]):
            imgui.text_unformatted(back)
        widgets.tooltip("Steps back from the latest. Running on from here forgets what lies after.")
