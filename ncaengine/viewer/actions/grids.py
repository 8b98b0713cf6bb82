"""Add, copy, remove, link and compare grids, and change a grid's model, kernel and size.

A comparison starts copies from the same state and seed, and links them: a change to one changes both.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import SETTINGS, affects_cells
from ncaengine.core.states import Keep
from ncaengine.core.types import Size
from ncaengine.simulation.commands import (
    AnyCommand,
    Duplicate,
    RemoveGrid,
    Reseed,
    Resize,
    Revive,
    Set,
    SetKernel,
    SetModel,
)
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions.running import seed_after
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.pane import RemovedPane

SLOW, FAST = 30.0, 120.0
"""Steps per second of the two grids whose speeds are compared."""


# Add and remove


def add(app: App) -> None:
    """Add a grid like the selected one with another random seed. Without grids, open the gallery."""
    if not app.panes:
        app.show_gallery = True
    else:
        app.attempt(lambda: _add(app))


def _add(app: App) -> None:
    app.sim.engine.world.check_room()
    like, settings = app.grid, app.grid.settings
    seed = seed_after(max(grid.rng_seed for grid in app.sim.grids.values()))
    new = app.sim.add(like.model, like.size, like.kernel.name, settings.steps_per_second, settings.fire_rate, seed)
    for spec in SETTINGS:
        value = getattr(settings, spec)
        if affects_cells(spec) and value != getattr(new.settings, spec):
            app.sim.submit(Set(new.id, spec, value))
    app.select_grid(new.id)


def duplicate(app: App) -> None:
    """Add an exact copy of the selected grid."""
    app.attempt(lambda: copy(app))


def copy(app: App) -> int:
    """Copy the selected grid, select the copy and return its number. Raise NCAError if it can't be made."""
    app.sim.engine.world.check_room()
    copy = app.sim.submit(Duplicate(app.grid.id))
    assert copy
    before = app.pane.camera
    app.select_grid(copy.id)
    app.pane.camera = replace(before)
    return app.grid.id


def remove(app: App, number: int | None = None) -> None:
    """Remove a grid before the next frame, by default the selected one. Its neighbour is selected."""
    number = app.grid.id if number is None else number
    app.defer(lambda: _remove(app, number))


def _remove(app: App, number: int) -> None:
    if app.recorder.active and any(grid.id == number for grid in app.recorder.grids):
        raise NCAError("This grid is being recorded; stop the recording before you remove it.")
    index = [pane.grid.id for pane in app.panes].index(number)
    pane, linked = app.panes[index], frozenset(app.linked if number in app.linked else ())
    app.sim.submit(RemoveGrid(number))
    app.removed_panes[number] = RemovedPane(pane.camera, pane.shows_maps, linked)
    app.selected -= index < app.selected
    if len(app.linked & set(app.sim.grids)) < 2:
        app.linked.clear()
    if number in app.sim.engine.world.removed:
        app.notify("Removed a grid; Ctrl Z brings it back.")


def bring_back(app: App, number: int) -> None:
    """Bring back a grid that was removed, with its view and its links, and select it."""
    if not app.submit(Revive(number)):
        return
    app.select_grid(number)
    if before := app.removed_panes.pop(number, None):
        app.pane.camera, app.pane.shows_maps = before.camera, before.shows_maps
        app.linked |= before.linked & app.sim.grids.keys()


# Select and link


def select_next(app: App) -> None:
    """Select the next pane. The first follows the last."""
    app.selected = (app.selected + 1) % max(1, len(app.panes))


def toggle_link(app: App, number: int | None = None) -> None:
    """Link a grid, by default the selected one, with the other linked grids; or unlink it."""
    app.linked ^= {app.grid.id if number is None else number}


def toggle_link_all(app: App) -> None:
    """Link all grids, or unlink all if they are linked."""
    app.linked = set() if app.linked >= app.sim.grids.keys() else set(app.sim.grids)


# Model, kernel and size


def commands_for_model(app: App, number: int, model: Model) -> list[AnyCommand]:
    """Return the commands that make a grid run a model in the way it was trained.

    Most textures recover from any state. A model that grows from a point, an image or blobs needs
    them, so its grid is reseeded. A fire rate that was the old model's own becomes the new model's.
    """
    grid, config = app.sim.grids[number], model.config
    commands: list[AnyCommand] = [SetModel(number, app.sim.register(model))]
    if grid.settings.fire_rate == grid.model.config.fire_rate != config.fire_rate:
        commands.append(Set(number, "fire_rate", config.fire_rate))
    if config.seed.kind not in ("zeros", "noise"):
        commands.append(Reseed(number, grid.rng_seed))
    return commands


def use_model(app: App, name: str) -> None:
    """Run another open model on the selected grid and those linked with it."""
    model = app.models[name]
    app.submit_together(command for number in app.linked_grids() for command in commands_for_model(app, number, model))


def kernel_for(app: App, model: Model, grid: Grid | None = None) -> Kernel:
    """Return a grid's kernel, by default the selected one's, if the model is known to grow on it, else its first."""
    grid = grid or (app.grid if app.panes else None)
    if grid and grid.kernel.name in model.config.kernels:
        return grid.kernel
    return app.sim.catalogue.first(model.config.kernels)


def kernels(app: App) -> tuple[list[str], list[str]]:
    """Return the kernels on which the selected grid's model is known to grow, and all others, by name."""
    every, known = app.sim.catalogue.kernels, app.grid.model.config.kernels
    return [name for name in known if name in every], [name for name in every if name not in known]


def next_kernel(app: App, every: bool = False) -> None:
    """Run the selected grid on the next kernel on which its model is known to grow, or the next of all."""
    known, others = kernels(app)
    use_kernel(app, _after(known + others if every or not known else known, app.grid.kernel.name))


def use_kernel(app: App, name: str) -> None:
    """Run the selected grid on a kernel."""
    app.submit_linked(lambda number: SetKernel(number, name))


def resize(app: App, size: Size, keep: Keep | None = None) -> None:
    """Resize the selected grid. `keep`: what stays where it is, by default what the side bar says."""
    how = keep or app.resize_keep
    app.submit_linked(lambda number: Resize(number, size, how) if size != app.sim.grids[number].size else None)


# Compare


def compare_kernels(app: App) -> None:
    """Compare the selected grid with the same cells on its model's next kernel."""
    here = app.grid.kernel.name
    known, others = kernels(app)
    after = _after(known if len(known) > 1 or here not in known else known + others, here)
    _compare(app, lambda new: [SetKernel(new, after)])


def compare_speeds(app: App) -> None:
    """Compare the selected grid at 30 steps/s with the same cells at 120."""
    here, speed = app.grid.id, "steps_per_second"
    _compare(app, lambda new: [Set(here, speed, SLOW), Set(new, speed, FAST)])


def compare_models(app: App) -> None:
    """Compare the selected grid with the same cells running the next open model."""
    here = app.name_of(app.grid.model)
    after = _after(list(app.models), here)
    if after == here:
        app.notify("There is no other model to compare with; open one from the gallery first.", "error")
        return
    name = app.sim.register(app.models[after])
    _compare(app, lambda new: [SetModel(new, name)])


def _after(names: list[str], here: str) -> str:
    """Return the name that follows `here`, round about; the first if `here` is not among them."""
    return names[(names.index(here) + 1) % len(names) if here in names else 0]


def _compare(app: App, changes: Callable[[int], list[AnyCommand]]) -> None:
    """Add a copy of the selected grid, apply the changes and link both."""

    def start() -> None:
        here, new = app.grid.id, copy(app)
        try:
            for change in changes(new):
                app.sim.submit(change)
        except NCAError:
            app.sim.submit(RemoveGrid(new))
            app.select_grid(here)
            raise
        app.linked |= {here, new}

    app.attempt(start)


@dataclass(frozen=True)
class GridAction:
    """A button of the Grids section."""

    title: str
    help: str
    action: Callable[[App], None]


ARRANGE = (
    GridAction("Add", "Add a grid like this one with another random seed.", add),
    GridAction("Duplicate", "Add a copy of this grid, which then runs independently.", duplicate),
    GridAction("Remove", "Remove this grid.", remove),
)
COMPARE = (
    GridAction("Kernels", "Add the same cells on the model's next kernel.", compare_kernels),
    GridAction("Speeds", f"Add the same cells: {SLOW:g} steps/s here, {FAST:g} there.", compare_speeds),
    GridAction("Models", "Add the same cells running the next open model.", compare_models),
)
