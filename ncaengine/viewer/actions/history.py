"""The selected grid's way back and forth: undo, redo, a step back, and the slider of time. No imgui in here."""

from typing import TYPE_CHECKING

from ncaengine.simulation.commands import AnyEdit, Redo, RemoveGrid, Revive, Rewind, Set, Undo
from ncaengine.simulation.grid import Grid

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App

MOST_STEPS = 200
"""Steps that are made again to reach a place of the timeline exactly; further from a moment, that is taken."""
MOST_WORK = 2**24
"""Cell-steps that are made again at most where no GPU makes them: some seconds."""


def undo(app: "App") -> None:
    """Take the selected grid's last edit back, or bring back the grid that was removed since."""
    removed = _removed(app)
    if removed is not None:
        app.do(Revive(removed))
        app.sync()
        app.select([pane.grid.id for pane in app.panes].index(removed))
    elif not app.panes:
        app.tell("There is nothing to undo.")
    elif app.grid.can_undo:
        app.do(Undo(app.grid.id))
    else:
        app.tell("There is nothing to undo on this grid.")


def _removed(app: "App") -> int | None:
    """The grid that was removed last, unless something was edited since."""
    for entry in reversed(app.sim.journal):
        match entry.command:
            case RemoveGrid(number) if number in app.sim.removed:
                return number
            case RemoveGrid() | Set():
                pass
            case command if isinstance(command, AnyEdit):
                return None
    return None


def redo(app: "App") -> None:
    """Make the edit that was undone last again."""
    if app.grid.can_redo:
        app.do(Redo(app.grid.id))
    else:
        app.tell("There is nothing to make again on this grid.")


def back(app: "App") -> None:
    """Pause the selected grid and go a step back."""
    stand(app)
    go(app, app.grid.age - 1)


def stand(app: "App") -> None:
    """Pause the selected grid, if it runs."""
    if not app.grid.settings.paused:
        app.do(Set(app.grid.id, "paused", True))


def go(app: "App", age: int) -> None:
    """Take the selected grid to an age, as far as its timeline reaches."""
    grid = app.grid
    age = min(max(age, grid.timeline.start), grid.timeline.tip)
    if age != grid.age and grid.timeline.moments:
        app.do(Rewind(grid.id, grid.age - age))


def kept(grid: Grid, age: int) -> int:
    """The age nearest to `age` for which a whole moment is kept, so that going there takes no time."""
    return min((moment.age for moment in grid.timeline.moments), key=lambda at: (abs(at - age), -at), default=grid.age)


def reachable(app: "App", age: int) -> int:
    """`age`, if the steps from the moment before it are made soon; else the nearest moment's."""
    grid = app.grid
    steps = age - max((moment.age for moment in grid.timeline.moments if moment.age <= age), default=age)
    cheap = steps <= MOST_STEPS and (not app.software or steps * grid.size[0] * grid.size[1] <= MOST_WORK)
    return age if cheap else kept(grid, age)
