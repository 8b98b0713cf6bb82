"""Grids side by side: to add, copy, remove, link and compare them. No imgui in here.

A comparison starts copies from the same state and seed, and links them: what is changed on one is changed on both.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.core.settings import SETTINGS, affects_cells
from ncaengine.simulation.commands import AddGrid, AnyCommand, Duplicate, RemoveGrid, Reseed, Set, SetKernel, SetModel

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App

MOST_GRIDS = 16
SLOW, FAST = 30.0, 120.0
"""Steps per second of the two grids whose speeds are compared."""


def add(app: "App") -> None:
    """A grid like the selected one, from another seed; the gallery where there is none."""
    if not app.panes:
        app.open_gallery()
    else:
        app.attempt(lambda: _add(app))


def _add(app: "App") -> None:
    check_room(app)
    like, settings = app.grid, app.grid.settings
    seed = max(grid.rng_seed for grid in app.sim.grids.values()) + 1
    name, pace = app.sim.register(like.model), settings.steps_per_second
    app.sim.submit(AddGrid(name, like.size, like.kernel.name, pace, settings.fire_rate, seed))
    new = _newest(app)
    for spec in SETTINGS:
        value = getattr(settings, spec)
        if affects_cells(spec) and value != getattr(app.sim.grids[new].settings, spec):
            app.sim.submit(Set(new, spec, value))
    _go_to(app, new)


def duplicate(app: "App") -> None:
    """A grid that is in everything like the selected one."""
    app.attempt(lambda: _copy(app))


def remove(app: "App", number: int | None = None) -> None:
    """Take a grid away before the next frame, the selected one if none is given; its neighbour is selected."""
    number = app.grid.id if number is None else number
    app.later.append(lambda: _remove(app, number))


def _remove(app: "App", number: int) -> None:
    if app.recorder.active and any(grid.id == number for grid in app.recorder.grids):
        raise NCAError("This grid is being recorded; stop the recording before you remove it.")
    before = [pane.grid.id for pane in app.panes].index(number) < app.selected
    app.sim.submit(RemoveGrid(number))
    app.selected -= before
    if len(app.linked & set(app.sim.grids)) < 2:
        app.linked.clear()
    if number in app.sim.removed:
        app.tell("Removed a grid; Ctrl Z brings it back.")


def link(app: "App", number: int | None = None) -> None:
    """Link a grid, the selected one if none is given, with the others that are linked; or loosen it."""
    app.linked ^= {app.grid.id if number is None else number}


def link_all(app: "App") -> None:
    """Link all grids, or loosen all if they are linked."""
    app.linked = set() if app.linked >= app.sim.grids.keys() else set(app.sim.grids)


def as_trained(app: "App", number: int, model: Model) -> list[AnyCommand]:
    """What makes a grid run a model as that was trained.

    Textures heal out of whatever is there. What grows from a point, an image or blobs needs them, and starts afresh.
    A fire rate that is the last model's own gives way to this one's.
    """
    grid, config = app.sim.grids[number], model.config
    commands: list[AnyCommand] = [SetModel(number, app.sim.register(model))]
    if grid.settings.fire_rate == grid.model.config.fire_rate != config.fire_rate:
        commands.append(Set(number, "fire_rate", config.fire_rate))
    if config.seed.kind not in ("zeros", "noise"):
        commands.append(Reseed(number, grid.rng_seed))
    return commands


def compare_kernels(app: "App") -> None:
    """The selected grid, and beside it the same cells on the next kernel that its model is known to grow on."""
    here = app.grid.kernel.name
    known, others = app.kernels()
    names = known if len(known) > 1 or here not in known else known + others
    after = names[(names.index(here) + 1) % len(names) if here in names else 0]
    _compare(app, lambda new: [SetKernel(new, after)])


def compare_speeds(app: "App") -> None:
    """The selected grid at 30 steps/s, and beside it the same cells at 120."""
    here, speed = app.grid.id, "steps_per_second"
    _compare(app, lambda new: [Set(here, speed, SLOW), Set(new, speed, FAST)])


def compare_models(app: "App") -> None:
    """The selected grid, and beside it the same cells with the next model on offer."""
    names, here = list(app.models), app.name_of(app.grid.model)
    after = names[(names.index(here) + 1) % len(names) if here in names else 0]
    if after == here:
        app.tell("There is no other model to compare with; open one from the gallery first.", "error")
        return
    name = app.sim.register(app.models[after])
    _compare(app, lambda new: [SetModel(new, name)])


def _compare(app: "App", changes: Callable[[int], list[AnyCommand]]) -> None:
    """A copy of the selected grid that differs by some changes, linked with it."""

    def start() -> None:
        here, new = app.grid.id, _copy(app)
        try:
            for change in changes(new):
                app.sim.submit(change)
        except NCAError:
            app.sim.submit(RemoveGrid(new))
            _go_to(app, here)
            raise
        app.linked |= {here, new}

    app.attempt(start)


def _copy(app: "App") -> int:
    """The number of a copy of the selected grid, which is selected then. Raises NCAError."""
    check_room(app)
    app.sim.submit(Duplicate(app.grid.id))
    camera = app.pane.camera
    _go_to(app, _newest(app))
    seen = app.pane.camera
    seen.zoom, seen.x, seen.y, seen.repeat = camera.zoom, camera.x, camera.y, camera.repeat
    return app.grid.id


def check_room(app: "App") -> None:
    """Raises NCAError where one more grid is too many."""
    if len(app.sim.grids) >= MOST_GRIDS:
        raise NCAError(f"There is room for {MOST_GRIDS} grids; remove one first.")


def _newest(app: "App") -> int:
    return app.sim.next_id - 1


def _go_to(app: "App", number: int) -> None:
    app.sync()
    app.select([pane.grid.id for pane in app.panes].index(number))


Action = tuple[str, str, Callable[["App"], None]]
ARRANGE: tuple[Action, ...] = (
    ("Add", "A grid like this one, from another seed.", add),
    ("Duplicate", "A copy of this grid, which goes its own way from now on.", duplicate),
    ("Remove", "Take this grid away.", remove),
)
COMPARE: tuple[Action, ...] = (
    ("Kernels", "The same cells beside it on the model's next kernel.", compare_kernels),
    ("Speeds", f"The same cells beside it: {SLOW:g} steps/s here, {FAST:g} there.", compare_speeds),
    ("Models", "The same cells beside it with the next model on offer.", compare_models),
)
"""(title, what it does, action) of the buttons."""
