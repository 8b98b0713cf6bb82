"""What each command does: one table from a command's type to its handler.

To add a command, add a struct to commands.py, with its type in AnyEdit or AnyCommand, and an entry to HANDLERS.
An edit's change itself lies in edits.py.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ncaengine.core import states
from ncaengine.core.backdrops import grid_size
from ncaengine.core.brushes import TITLES, Patch
from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.core.fields import FIELDS
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings, affects_cells, with_setting
from ncaengine.simulation import backdrops, edits
from ncaengine.simulation import commands as c
from ncaengine.simulation.commands import AnyCommand, OnGrid
from ncaengine.simulation.grid import Grid, Snapshot
from ncaengine.simulation.history import Edit, Held, Moment, Waiting
from ncaengine.simulation.world import LateError, World

C = TypeVar("C", bound=c.Command)
G = TypeVar("G", bound=OnGrid)


@dataclass(frozen=True)
class Handler:
    """What a type of command does."""

    apply: Callable[[World, Any, Waiting | None], Grid | None]
    """Carries a command out and returns the grid that it made, if any. The last argument is the command with the step
    that it waited for, or None. If it raises NCAError, nothing has changed."""
    check: Callable[[World, Any], object] = lambda world, command: None
    """Raises NCAError if a command is already known to fail."""
    may_wait: bool = True
    """Whether the command can wait for a step of its grid."""


def carry_out(world: World, command: AnyCommand, waited: Waiting | None = None) -> Grid | None:
    """Carry out a command; return the grid that it made, if any. If it raises NCAError, nothing has changed."""
    try:
        return HANDLERS[type(command)].apply(world, command, waited)
    except MemoryError:
        raise NCAError(NO_MEMORY) from None


def carry_out_late(world: World, waiting: Waiting) -> None:
    """Carry out a command that waited for its step. Its error goes to `world.late`, so the other grids run on."""
    try:
        carry_out(world, waiting[2], waiting)
    except NCAError as error:
        world.late.append(LateError(str(error), waiting))


def catch_up(world: World, most: float = float("inf")) -> int:
    """Make steps that are due, grid by grid in turn, until `most` cell-steps are made. Return how many were.

    At least one step is made, if any is due.
    """
    made = 0
    while made < most and (behind := [grid for grid in world.grids.values() if grid.behind]):
        # One step at a time where there is a limit, so no grid gets far ahead of the others.
        grid = next((grid for grid in behind if grid.id > world.last_run), behind[0])
        world.last_run = grid.id
        steps = catch_up_grid(world, grid, sys.maxsize if most == float("inf") else 1)
        made += steps * grid.size[0] * grid.size[1]
    return made


def catch_up_grid(world: World, grid: Grid, most: int = sys.maxsize) -> int:
    """Make the steps of one grid that are due, at most `most`, with the commands that waited for them."""
    made, apply = 0, partial(carry_out_late, world)
    while made < most:
        wanted = min(world.until_look(grid), most - made)
        steps = grid.catch_up(apply, wanted)
        made += steps
        if steps < wanted:
            break
        world.look(grid)
    return made


def check(world: World, command: AnyCommand) -> None:
    """Raise NCAError if a command is already known to fail."""
    HANDLERS[type(command)].check(world, command)


# Grids


def _add_grid(world: World, command: c.AddGrid, _waited: Waiting | None) -> Grid:
    model, kernel = world.library.model(command.model), world.catalogue.get(command.kernel)
    world.check_size(command.size, model)
    settings = _first_settings(command, model)
    state = states.initial(model, command.size, command.rng_seed)
    moment = Moment(0, 0, 0, state, None, (model,), kernel, settings, command.rng_seed)
    return world.add(Snapshot(world.next_id, moment))


def _check_add_grid(world: World, command: c.AddGrid) -> None:
    world.check_size(command.size)
    world.catalogue.get(command.kernel)
    _first_settings(command, world.library.model(command.model))


def _first_settings(command: c.AddGrid, model: Model) -> Settings:
    fire_rate = model.config.fire_rate if command.fire_rate is None else command.fire_rate
    return with_setting(with_setting(Settings(), "steps_per_second", command.steps_per_second), "fire_rate", fire_rate)


def _revive(world: World, command: c.Revive, _waited: Waiting | None) -> Grid:
    return world.revive(command.grid)


def _on_grid(act: Callable[[World, Grid, G], Grid | None], may_wait: bool = True) -> Handler:
    """Return the handler of a command to one of the grids."""
    return Handler(lambda world, command, _waited: act(world, world.grid(command.grid), command), may_wait=may_wait)


def _remove_grid(world: World, grid: Grid, _command: c.RemoveGrid) -> None:
    world.remove(grid)


def _duplicate(world: World, grid: Grid, _command: c.Duplicate) -> Grid:
    return world.add(grid.snapshot(world.next_id))


def _copy(world: World, grid: Grid, command: c.Copy) -> None:
    world.patch = edits.copied(grid, command.at, command.radius)


def _undo(_world: World, grid: Grid, _command: c.Undo) -> None:
    grid.undo()


def _redo(_world: World, grid: Grid, _command: c.Redo) -> None:
    grid.redo()


def _rewind(_world: World, grid: Grid, command: c.Rewind) -> None:
    grid.rewind(command.steps)


def _step(world: World, grid: Grid, command: c.Step) -> None:
    left, apply = command.count, partial(carry_out_late, world)
    while left and grid.id in world.grids:  # a command that waits can remove it
        steps = min(left, world.until_look(grid))
        grid.run(steps, apply)
        left -= steps
        world.look(grid)


def _show(_world: World, grid: Grid, command: c.Show) -> None:
    grid.show(command.look)


# Edits: they change the cells, and the timeline can make them again


def _edit(
    plan: Callable[[World, Grid, G], tuple[str, Callable[[], None]]],
    check: Callable[[World, G], object] = lambda world, command: None,
) -> Handler:
    """Return the handler of a command that edits a grid.

    plan: looks up everything that the command names; returns the title by which undo calls the edit, '' if it can't be
        undone, and the change itself.
    """

    def apply(world: World, command: G, waited: Waiting | None) -> None:
        grid = world.grid(command.grid)
        title, change = plan(world, grid, command)
        grid.edit(Edit(grid.age, change, title, getattr(command, "more", False), waited, _held(change)))

    return Handler(apply, check)


def _held(change: Callable[[], None]) -> list[Held]:
    """Return the patch and the state that a change holds; images are the library's."""
    given = change.args if isinstance(change, partial) else ()
    return [each for each in given if isinstance(each, Patch) or getattr(each, "dtype", None) == np.float32]


def _plan_set_model(world: World, grid: Grid, command: c.SetModel) -> tuple[str, Callable[[], None]]:
    model = world.library.model(command.model) if command.model else None
    return "Model", partial(edits.set_model, grid, command.slot, model)


def _plan_set_kernel(world: World, grid: Grid, command: c.SetKernel) -> tuple[str, Callable[[], None]]:
    kernel = world.catalogue.get(command.kernel)
    if here := grid.backdrop:  # the grid then covers its picture anew
        world.check_size(grid_size(kernel, here.size, here.cell), grid.model)
    return "Kernel", partial(edits.use, grid, kernel=kernel)


def _plan_resize(world: World, grid: Grid, command: c.Resize) -> tuple[str, Callable[[], None]]:
    world.check_size(command.size, grid.model)
    return "Size", partial(edits.resize, grid, command.size, command.keep)


def _plan_reseed(_world: World, grid: Grid, command: c.Reseed) -> tuple[str, Callable[[], None]]:
    return "Seed", partial(edits.reseed, grid, command.rng_seed)


def _plan_paint(world: World, grid: Grid, command: c.Paint) -> tuple[str, Callable[[], None]]:
    image = world.library.image(command.image) if command.tool == "image" else None
    title = FIELDS[command.tool].title if command.tool in FIELDS else TITLES[command.tool]
    return title, partial(edits.paint, grid, command, image, world.patch)


def _plan_fill(_world: World, grid: Grid, command: c.Fill) -> tuple[str, Callable[[], None]]:
    return FIELDS[command.field].title, partial(edits.fill, grid, command)


def _plan_blend(_world: World, grid: Grid, command: c.Blend) -> tuple[str, Callable[[], None]]:
    return "Texture", partial(edits.blend, grid, command)


def _plan_set_backdrop(world: World, grid: Grid, command: c.SetBackdrop) -> tuple[str, Callable[[], None]]:
    image = world.library.image(command.image) if command.image else None
    if image is not None:
        size = (image.shape[1], image.shape[0])
        world.check_size(grid_size(grid.kernel, size, command.cell), grid.model)
    return "Picture", partial(backdrops.lay, grid, command, image)


def _plan_mark(_world: World, grid: Grid, command: c.Mark) -> tuple[str, Callable[[], None]]:
    return "Area", partial(backdrops.mark, grid, command)


def _plan_load(world: World, grid: Grid, command: c.Load) -> tuple[str, Callable[[], None]]:
    return "Load", partial(edits.load, grid, world.library.state(command.array))


def _plan_set(_world: World, grid: Grid, command: c.Set) -> tuple[str, Callable[[], None]]:
    # Without a title, so undo skips the many values of a slider.
    return "", partial(edits.adjust, grid, with_setting(grid.settings, command.setting, command.value))


def _set(world: World, command: c.Set, waited: Waiting | None) -> None:
    if affects_cells(command.setting):
        _SET_CELLS.apply(world, command, waited)
    else:
        grid = world.grid(command.grid)
        grid.set_pace(with_setting(grid.settings, command.setting, command.value))


_SET_CELLS = _edit(_plan_set)

# A command that waits for a step is carried out only then; these checks find its errors when it is submitted.


def _check_set_model(world: World, command: c.SetModel) -> None:
    if command.model:
        world.library.model(command.model)


def _check_paint(world: World, command: c.Paint) -> None:
    if command.tool == "image":
        world.library.image(command.image)


def _check_set_backdrop(world: World, command: c.SetBackdrop) -> None:
    if command.image:
        world.library.image(command.image)


HANDLERS: dict[type[c.Command], Handler] = {
    c.AddGrid: Handler(_add_grid, _check_add_grid, may_wait=False),
    c.RemoveGrid: _on_grid(_remove_grid),
    c.Revive: Handler(_revive),
    # Their order among the grids would depend on the strides in which time passes.
    c.Duplicate: _on_grid(_duplicate, may_wait=False),
    c.Copy: _on_grid(_copy, may_wait=False),
    c.Undo: _on_grid(_undo),
    c.Redo: _on_grid(_redo),
    c.Rewind: _on_grid(_rewind),
    c.Step: _on_grid(_step),
    c.Show: _on_grid(_show),
    c.SetModel: _edit(_plan_set_model, _check_set_model),
    c.SetKernel: _edit(_plan_set_kernel, lambda world, command: world.catalogue.get(command.kernel)),
    c.Resize: _edit(_plan_resize, lambda world, command: world.check_size(command.size)),
    c.Reseed: _edit(_plan_reseed),
    c.Paint: _edit(_plan_paint, _check_paint),
    c.Fill: _edit(_plan_fill),
    c.Blend: _edit(_plan_blend),
    c.SetBackdrop: _edit(_plan_set_backdrop, _check_set_backdrop),
    c.Mark: _edit(_plan_mark),
    c.Load: _edit(_plan_load, lambda world, command: world.library.state(command.array)),
    c.Set: Handler(_set),
}
"""The handler of each type of command."""
