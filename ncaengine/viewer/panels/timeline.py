"""The timeline bar: undo, redo, single steps, and a slider through the selected grid's past."""

from collections.abc import Callable

from imgui_bundle import imgui

from ncaengine.core.texts import plural
from ncaengine.simulation.commands import Set
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import Edit
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import history, running
from ncaengine.viewer.kit import icons, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.panels import record
from ncaengine.viewer.state.app import App

HEIGHT = 2.3
"""Of a row, in em."""
BUTTON, TEXTS, LEAST_TRACK, RECORD, WHAT = 2.1, 10.5, 6.0, 6.2, 1.7
"""Widths of a button and of the texts, the least width of the slider, and the widths of the button Record and of the
button beside it, in em."""
ALL_BUTTONS = 6 * (BUTTON + 0.1) + 2 * 0.2 + WHAT + 0.5
"""Width of all buttons, in em. A bar that is too narrow for them leaves some out."""
SOURCES = "##record-source"
NEAR = 0.5
"""How near the pointer must be to an edit's mark to show its title, in em."""


def height(width: float) -> float:
    """Return the height of a bar of a width in pixels: the slider has a row of its own where the bar is narrow."""
    return em(HEIGHT) if width >= em(ALL_BUTTONS + LEAST_TRACK) else 2 * em(HEIGHT)


class TimelineBar:
    """The bar, with the drag of its slider that is in progress."""

    def __init__(self) -> None:
        self._grid: Grid | None = None
        """The grid whose slider is dragged, if any."""
        self._was_running = False
        self._age = 0
        """The age under the pointer."""

    def show(self, app: App) -> None:
        """Draw the bar into the current region."""
        start, free = imgui.get_cursor_pos(), imgui.get_content_region_avail().x
        has_rows = height(free) > em(HEIGHT)
        if has_rows:
            self._slider(app, free - em(0.4))
            imgui.set_cursor_pos((start.x, start.y + em(HEIGHT)))
        _buttons(app, free >= em(ALL_BUTTONS))
        free = imgui.get_content_region_avail().x
        texts = em(TEXTS) if free > em(TEXTS + LEAST_TRACK * (not has_rows)) else 0.0
        if not has_rows:
            self._slider(app, free - texts - em(0.9))
            imgui.same_line(0, em(0.5))
        if texts:
            _step_texts(app.grid, free if has_rows else texts)

    def _slider(self, app: App, width: float) -> None:
        grid, high = app.grid, imgui.get_frame_height()
        at = imgui.get_cursor_screen_pos()
        left, middle, inset = at.x + em(0.4), at.y + high / 2, em(0.45)
        imgui.set_cursor_screen_pos((left, at.y))
        imgui.invisible_button("##scrub", (max(width, 1), high))
        start, span = left + inset, width - 2 * inset
        first, tip = grid.timeline.start, grid.timeline.tip
        share = min(max((imgui.get_io().mouse_pos.x - start) / max(span, 1), 0.0), 1.0)
        pointed = round(first + share * (tip - first))
        hovered, held = imgui.is_item_hovered(), imgui.is_item_active() and bool(grid.timeline.moments)
        if imgui.is_item_activated() and held:
            self._grid, self._was_running, self._age = grid, not grid.settings.paused, pointed
            history.pause(app)
        if self._grid is not None:
            self._drag(app, pointed, held)
        age = self._age if self._grid else grid.age

        def place(of: int) -> float:
            return start + span * ((of - first) / (tip - first) if tip > first else 1.0)

        _track(grid, place, start, start + span, middle, age, hovered or held)
        if hovered and tip > first:
            widgets.tooltip(_tooltip(grid, pointed, em(NEAR) * (tip - first) / max(span, 1)))

    def _drag(self, app: App, age: int, held: bool) -> None:
        """Show the kept moments along the drag; when the button is released, go to the exact step."""
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
            if self._was_running and grid.age == grid.timeline.tip:  # back at the present
                app.submit(Set(grid.id, "paused", False))


def _buttons(app: App, all_fit: bool) -> None:
    """Draw the buttons; those of single steps are left out where not all fit, since their keys do the same."""
    grid = app.grid
    undo, redo, paused = grid.can_undo, grid.can_redo, grid.settings.paused
    help_ = f"Undo: {undo}" if undo else f"Nothing to undo{history.since(app)}"
    _button(app, f"{icons.UNDO}###undo", help_, history.undo, bool(undo))
    help_ = f"Redo: {redo}" if redo else "Nothing to redo"
    _button(app, f"{icons.REDO}###redo", help_, history.redo, bool(redo))
    _gap()
    if all_fit:
        help_, possible = "Go back one step", grid.age > grid.timeline.start
        _button(app, f"{icons.STEP_BACK}###back", help_, history.step_back, possible)
    icon, help_ = (icons.PLAY, "Run this grid") if paused else (icons.PAUSE, "Pause this grid")
    _button(app, f"{icon}###run", help_, running.toggle_pause)
    if all_fit:
        _button(app, f"{icons.STEP}###forward", "Make one step", running.single_step)
        _gap()
    _record(app, all_fit)


def _gap() -> None:
    imgui.dummy((em(0.2), 0))
    imgui.same_line(0, 0)


def _button(app: App, text: str, help_: str, action: Callable[[App], None], possible: bool = True) -> None:
    """Draw a small button that runs an action."""
    imgui.begin_disabled(not possible)
    colours = (theme.BACK, theme.FIELD, theme.DIM)
    if widgets.button(text, em(BUTTON), keymap.with_key(f"{help_}.", action), colours):
        action(app)
    imgui.end_disabled()
    imgui.same_line(0, em(0.1))


def _record(app: App, has_choice: bool) -> None:
    """Draw the button that records, and one for what is recorded. Neither moves when a recording starts."""
    wide = imgui.get_content_region_avail().x > em(RECORD + 3 * BUTTON + LEAST_TRACK)
    record.button(app, "record-bar", em(RECORD if wide else BUTTON), shows_time=True)
    imgui.same_line(0, em(0.1))
    if not has_choice:
        return
    imgui.begin_disabled(app.recorder.active)
    colours = (theme.BACK, theme.FIELD, theme.DIM)
    if widgets.button(f"{icons.UNFOLDED}###record-what", em(WHAT), "What to record, and how.", colours):
        imgui.open_popup(SOURCES)
    imgui.end_disabled()
    if imgui.begin_popup(SOURCES):
        for source, title, help_ in record.SOURCES:
            if imgui.menu_item_simple(title, "", app.recorder.source == source):
                app.recorder.source = source
            widgets.tooltip(help_)
        imgui.separator()
        if imgui.menu_item_simple("File, format, scale, length …"):
            app.open_section("Record")
        imgui.end_popup()
    imgui.same_line(0, em(0.4))


def _track(
    grid: Grid, place: Callable[[int], float], start: float, end: float, middle: float, age: int, highlighted: bool
) -> None:
    """Draw the kept moments, the edits and the grid's position.

    place: returns the x coordinate of an age.
    start, end, middle: the track's ends and its y coordinate.
    """
    draw, half, here = imgui.get_window_draw_list(), em(0.13), place(age)
    draw.add_rect_filled((start, middle - half), (end, middle + half), u32(theme.FIELD_HELD), half)
    if not grid.timeline.moments:
        return
    draw.add_rect_filled((start, middle - half), (here, middle + half), u32(theme.ACCENT_MID), half)
    if highlighted:
        for moment in grid.timeline.moments:
            draw.add_circle_filled((place(moment.age), middle + em(0.55)), em(0.07), u32(theme.FAINT))
    for mark in _edits(grid):
        x, ink = round(place(mark.age)), theme.TEXT if mark.age <= age else theme.FAINT
        draw.add_rect_filled((x - em(0.06), middle - em(0.5)), (x + em(0.06), middle + em(0.2)), u32(ink), em(0.06))
    draw.add_circle_filled((here, middle), em(0.42), u32(theme.ACCENT if highlighted else theme.ACCENT_MID))


def _edits(grid: Grid) -> list[Edit]:
    return [mark for mark in grid.timeline.edits if mark.title and not mark.more]


def _tooltip(grid: Grid, age: int, near: float) -> str:
    """Return how long ago an age was, and the titles of at most four edits within `near` steps of it."""
    steps = grid.timeline.tip - age
    text = "Now" if steps == 0 else f"{plural(steps, 'step')} ago"
    titles = dict.fromkeys(mark.title for mark in _edits(grid) if abs(mark.age - age) <= near)
    return "\n".join([text, *list(titles)[:4]])


def _step_texts(grid: Grid, width: float) -> None:
    """Draw the step, and how far back from the latest one it is, at the right end of the bar."""
    behind = grid.timeline.tip - grid.age
    end, at = imgui.get_cursor_pos_x() + width, imgui.get_cursor_pos_y()
    text = f"step {widgets.format_count(grid.step)}"
    back = f"−{widgets.format_count(behind)}" if behind else ""
    space = em(0.6) if back else 0.0
    imgui.set_cursor_pos((end - imgui.calc_text_size(text).x - imgui.calc_text_size(back).x - space, at))
    imgui.align_text_to_frame_padding()
    widgets.text_in(theme.DIM, text)
    widgets.tooltip("Steps since the seed.")
    if back:
        imgui.same_line(0, space)
        widgets.text_in(theme.AMBER, back)
        widgets.tooltip("Steps back from the latest one. Running from here discards the later steps.")
