"""Go back and forth in the selected grid's history: undo, redo, a step back, the time slider."""

from ncaengine.simulation.commands import AnyEdit, Redo, RemoveGrid, Revive, Rewind, Set, Undo
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.app import App

MOST_STEPS = 200
"""Steps that may be repeated to reach a place of the timeline exactly. Otherwise the nearest moment is used."""
MOST_WORK = 2**24
"""Cell-steps that may be repeated where no GPU makes them: some seconds."""


def undo(app: App) -> None:
    """Undo the selected grid's last edit, or bring back the grid that was removed since."""
    removed = _last_removed(app)
    if removed is not None:
        if app.submit(Revive(removed)):
            app.select_grid(removed)
    elif not app.panes:
        app.notify("Nothing to undo.")
    elif app.grid.can_undo:
        app.submit(Undo(app.grid.id))
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
        app.submit(Redo(app.grid.id))
    else:
        app.notify("Nothing to redo on this grid.")


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
