"""Go back and forth in the selected grid's history: undo, redo, a step back, the time slider."""

from collections.abc import Callable

from ncaengine.simulation.commands import AnyEdit, Redo, RemoveGrid, Rewind, Set, Undo
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import Edit
from ncaengine.viewer.actions import grids
from ncaengine.viewer.state.app import App

MOST_STEPS = 200
"""Steps that may be repeated to reach a place of the timeline exactly. Otherwise the nearest moment is used."""
MOST_WORK = 2**24
"""Cell-steps that may be repeated where no GPU makes them: some seconds."""


def undo(app: App) -> None:
    """Undo the selected grid's last edit, or bring back the grid that was removed since.

    A change of several grids is undone on all that are still linked and were not edited since.
    """
    removed = _last_removed(app)
    if removed is not None:
        grids.bring_back(app, removed)
    elif not app.panes:
        app.notify("Nothing to undo.")
    elif app.grid.can_undo:
        app.submit(*map(Undo, _together(app, lambda grid: grid.last_edit)))
    else:
        app.notify(f"Nothing to undo on this grid{since(app)}.")


def since(app: App) -> str:
    """Return where undo begins if that isn't the grid's start, as the end of a sentence."""
    return ": a session doesn't keep the edits made before it was saved" if app.session_file.opened else ""


def _last_removed(app: App) -> int | None:
    """Return the grid that was removed last, unless something was edited since."""
    for entry in reversed(app.sim.journal):
        match entry.command:
            case RemoveGrid(number) if number in app.sim.engine.world.removed:
                return number
            case RemoveGrid() | Set():
                pass
            case command if isinstance(command, AnyEdit):
                return None
    return None


def redo(app: App) -> None:
    """Redo the edit that was undone last."""
    if app.grid.can_redo:
        app.submit_together(map(Redo, _together(app, _last_undone)))
    else:
        app.notify("Nothing to redo on this grid.")


def _last_undone(grid: Grid) -> Edit | None:
    return grid.timeline.undone[-1][0] if grid.can_redo else None


def _together(app: App, edit_of: Callable[[Grid], Edit | None]) -> list[int]:
    """Return the selected grid and those linked with it of which this edit is part of the same change."""
    edits = {number: edit_of(app.sim.grids[number]) for number in app.linked_grids()}
    changes = {number: app.changes.get(edit) for number, edit in edits.items() if edit}
    here = app.grid.id
    return [here, *(n for n, change in changes.items() if n != here and change and change is changes.get(here))]


def step_back(app: App) -> None:
    """Pause the selected grid and go one step back."""
    pause(app)
    go_to(app, app.grid.age - 1)


def pause(app: App) -> None:
    """Pause the selected grid alone, without those linked with it."""
    if not app.grid.settings.paused:
        app.submit(Set(app.grid.id, "paused", True))


def go_to(app: App, age: int) -> None:
    """Take the selected grid to an age, limited to its timeline."""
    grid = app.grid
    age = min(max(age, grid.timeline.start), grid.timeline.tip)
    if age != grid.age and grid.timeline.moments:
        app.submit(Rewind(grid.id, grid.age - age))


def nearest_moment(grid: Grid, age: int) -> int:
    """Return the age nearest to `age` at which the whole state is stored, so that going there is immediate."""
    return min((moment.age for moment in grid.timeline.moments), key=lambda at: (abs(at - age), -at), default=grid.age)


def reachable_age(app: App, age: int) -> int:
    """Return `age` if it can be computed quickly from the moment before it, else the nearest moment's age."""
    grid = app.grid
    steps = age - max((moment.age for moment in grid.timeline.moments if moment.age <= age), default=age)
    cheap = steps <= MOST_STEPS and (not app.software or steps * grid.size[0] * grid.size[1] <= MOST_WORK)
    return age if cheap else nearest_moment(grid, age)
