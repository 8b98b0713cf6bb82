"""Simulation: the grids, their clock and their commands. Window, command line and scripts share it.

sim = Simulation()
a = sim.add(load("dots.pt"), size=(256, 256), kernel="hexagonal", steps_per_second=60)
sim.submit(Resize(a, (384, 256)), at_step=200)
sim.advance(10 * TICKS_PER_SECOND)
state = a.state()
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType

from ncaengine import backends
from ncaengine.backends.base import Backend
from ncaengine.core import kernels, memory, states
from ncaengine.core.brushes import Patch
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings, affects_cells, with_setting
from ncaengine.core.types import Size
from ncaengine.formats import model_files
from ncaengine.simulation import commands, handlers
from ncaengine.simulation.calls import Calls, as_size
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import AnyCommand, Entry, OnGrid
from ncaengine.simulation.grid import Grid, Snapshot, Waiting
from ncaengine.simulation.history import BYTES, Moment
from ncaengine.simulation.library import Registry

MOST_REMOVED = 4
"""Grids that were removed and can be brought back."""


class LateError(NCAError):
    """What a command that waited for its step raised; `waiting` is that command."""

    def __init__(self, sentence: str, waiting: Waiting) -> None:
        super().__init__(sentence)
        self.waiting = waiting


@dataclass(frozen=True, eq=False)
class Origin:
    """What a journal begins with: nothing, or the grids of a session at its tick."""

    tick: int = 0
    next_id: int = 1
    grids: tuple[Snapshot, ...] = ()


class Simulation(Registry, Calls):
    """Grids that run together.

    `tick` counts the time that has passed, in 1/TICKS_PER_SECOND s. `journal` holds every command
    since the start. All changes go through `submit`; a command that cannot be carried out raises
    NCAError and changes nothing; one that waited for a step raises out of the call that reached it,
    after all grids have run. `history`: bytes that each grid may keep to go back in time, 0 for none.
    `next_id`: the number of the next grid.
    """

    def __init__(
        self, backend: Backend | None = None, catalogue: Catalogue | None = None, history: int = BYTES
    ) -> None:
        self.backend = backend or backends.open_backend()[0]
        self.catalogue = catalogue or kernels.discover()
        self.history = history
        super().__init__()
        self.patch: Patch | None = None
        self.grids: dict[int, Grid] = {}
        self.tick = 0
        self.journal: list[Entry] = []
        self.removed: dict[int, Snapshot] = {}
        self.origin = Origin()
        self.next_id = 1
        self._served = 0
        self._late: list[NCAError] = []

    def add(
        self,
        model: Model | str | Path,
        size: Size | int = (256, 256),
        kernel: str = "square",
        steps_per_second: float = 60.0,
        fire_rate: float | None = None,
        rng_seed: int = 0,
    ) -> Grid:
        """Register a model and submit AddGrid; returns the grid. Raises NCAError.

        model: one that is open, or the path of a file, or a shipped one's name. size: (width, height) in
        cells, or the side of a square.
        """
        if isinstance(model, str | Path):
            model = model_files.load(model)
        if not isinstance(model, Model):
            raise NCAError(f"A grid runs a model, or the file or shipped name of one, not a {type(model).__name__}.")
        name = self.register(model)
        self.submit(commands.AddGrid(name, as_size(size), kernel, steps_per_second, fire_rate, rng_seed))
        return self.grids[self.next_id - 1]

    def submit(self, command: AnyCommand, at_step: int | None = None) -> None:
        """Carry out a command now, between two ticks, or when its grid has made `at_step` steps."""
        self._take(command, at_step)
        self._tell()

    def _take(self, command: AnyCommand, at_step: int | None) -> None:
        command = commands.checked(command)
        if isinstance(command, commands.Copy):
            self._work()  # a grid that is behind may have the patch of before to paste yet
        if isinstance(command, OnGrid) and command.grid in self.grids:
            self.grids[command.grid]._settle(self._apply_late)
        if at_step is None:
            self._apply(command)
        elif isinstance(command, commands.Duplicate | commands.Copy):
            # Their order among the grids would depend on the strides in which time is let pass.
            raise NCAError(f"{type(command).__name__} cannot wait for a step; submit it at its time.")
        elif isinstance(command, OnGrid):
            self.check(command)
            self._grid(command.grid)._wait(at_step, len(self.journal), command)
        else:
            raise NCAError("Only a command to a grid can wait for a step.")
        self.journal.append(Entry(self.tick, command, at_step))

    def advance(self, ticks: int = 1) -> None:
        """Let time pass: every grid that is not paused makes the steps that fall due."""
        self.begin(ticks)
        self.work()

    def begin(self, ticks: int) -> None:
        """Let time pass without making the steps that fall due: `work` does, a part of them at a time.

        A command to a grid first makes its own. What was still to be made is made at once.
        """
        self._work()
        self.tick += ticks
        for grid in self.grids.values():
            grid._owe(ticks)

    @property
    def busy(self) -> bool:
        """Whether there may be steps to make yet."""
        return any(grid.owes for grid in self.grids.values())

    @property
    def demand(self) -> float:
        """Cell-steps that a tick asks for, all grids together."""
        running = (grid for grid in self.grids.values() if not grid.settings.paused)
        return sum((g.settings.steps_per_second * g.size[0] * g.size[1] for g in running), 0.0) / TICKS_PER_SECOND

    def work(self, most: float = float("inf")) -> int:
        """Make steps that fell due, grid by grid in turn, until some `most` cell-steps are made; returns how many.

        At least one step is made, if there is any.
        """
        made = self._work(most)
        self._tell()
        return made

    def _work(self, most: float = float("inf")) -> int:
        made = 0
        while made < most and (owing := [grid for grid in self.grids.values() if grid.owes]):
            # A step at a time where there is a limit, so that no grid is far ahead of the others.
            grid = next((grid for grid in owing if grid.id > self._served), owing[0])
            self._served = grid.id
            one = None if most == float("inf") else 1
            made += grid._settle(self._apply_late, one) * grid.size[0] * grid.size[1]
        return made

    def replay(
        self, journal: Iterable[Entry], until_tick: int | None = None, progress: Callable[[int], object] | None = None
    ) -> None:
        """Submit a journal's commands, each at its tick, and run on to `until_tick`.

        The models that it names must be registered. What failed only when its step came does so again, unsaid.
        progress: called with the tick whenever up to a second of time has passed.
        """
        for entry in journal:
            self._pass(entry.tick, progress)
            self._take(entry.command, entry.at_step)
        self._pass(until_tick or 0, progress)
        self._late.clear()

    def _pass(self, tick: int, progress: Callable[[int], object] | None) -> None:
        stride = TICKS_PER_SECOND if progress else tick
        while tick > self.tick:
            self.begin(min(tick - self.tick, stride))
            self._work()
            if progress:
                progress(self.tick)

    def release(self) -> None:
        """Give the device's memory back."""
        for grid in self.grids.values():
            grid.cells.release()
        self.grids.clear()
        self.backend.release()

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    def _grid(self, number: int) -> Grid:
        if number not in self.grids:
            raise NCAError(f"There is no grid {number}.")
        return self.grids[number]

    def check_size(self, size: Size, model: Model | None = None) -> None:
        """Raises NCAError unless a grid may have this size here, and there is memory for it to run a model."""
        states.check_size(size, self.backend.max_side)
        if model:
            memory.check_fits(size, self.backend.bytes_a_cell(model.config))

    def check(self, command: AnyCommand) -> None:
        """Raises NCAError for what a command will ask for in vain, as far as that is known before it is due."""
        match command:
            case commands.AddGrid(model, size, kernel):
                self.check_size(size)
                self.catalogue.get(kernel)
                _settings(command, self.model(model))
            case commands.SetModel(_, name) if name:
                self.model(name)
            case commands.SetKernel(_, name):
                self.catalogue.get(name)
            case commands.Resize(_, size):
                self.check_size(size)
            case commands.Set(_, setting, value):
                with_setting(Settings(), setting, value)
            case commands.Paint(tool="image", image=image):
                self.array(image, image=True)
            case commands.Load(_, array):
                self.array(array, image=False)

    def _apply(self, command: AnyCommand, waited: Waiting | None = None) -> None:
        try:
            self._change(command, waited)
        except MemoryError:
            raise NCAError("There is not enough memory for this.") from None

    def _apply_late(self, waiting: Waiting) -> None:
        """Carry out a command that waited for its step; a problem is told once all grids have run."""
        try:
            self._apply(waiting[2], waiting)
        except NCAError as error:
            self._late.append(LateError(str(error), waiting))

    def _tell(self) -> None:
        late, self._late = self._late, []
        if late:
            raise late[0]

    def _change(self, command: AnyCommand, waited: Waiting | None) -> None:
        if isinstance(command, commands.AddGrid):
            self._add(command)
            return
        if isinstance(command, commands.Revive):
            self._revive(command.grid)
            return
        grid = self._grid(command.grid)
        match command:
            case commands.RemoveGrid():
                self._bury(grid)
            case commands.Duplicate():
                self._join(grid.snapshot(self.next_id))
            case commands.Copy(_, at, radius):
                self.patch = handlers.copied(grid, at, radius)
            case commands.Undo():
                grid._undo()
            case commands.Redo():
                grid._redo()
            case commands.Rewind(_, steps):
                grid._rewind(steps)
            case commands.Step(_, count):
                grid._run(count, self._apply_late)
            case commands.Show(_, look):
                grid._show(look)
            case commands.Set(_, setting, value) if not affects_cells(setting):
                grid._set_pace(with_setting(grid.settings, setting, value))
            case _:
                edit = handlers.planned(grid, command, self)
                grid._edit(replace(edit, again=partial(grid._wait, *waited) if waited else None))

    def _add(self, command: commands.AddGrid) -> None:
        model, kernel = self.model(command.model), self.catalogue.get(command.kernel)
        self.check_size(command.size, model)
        settings = _settings(command, model)
        state = states.initial(model, command.size, command.rng_seed)
        moment = Moment(0, 0, 0, state, None, (model,), kernel, settings, command.rng_seed)
        self._join(Snapshot(self.next_id, moment))

    def _join(self, snapshot: Snapshot) -> None:
        self.grids[snapshot.id] = Grid(snapshot, self.backend, self.history)
        self.next_id += 1

    def _bury(self, grid: Grid) -> None:
        """Take a grid away, and keep the last few for Revive, if they are not too large."""
        if grid.keeps:
            self.removed[grid.id] = grid.snapshot()
            for number in list(self.removed)[:-MOST_REMOVED]:
                del self.removed[number]
        grid._remove()
        del self.grids[grid.id]

    def _revive(self, number: int) -> None:
        if number not in self.removed:
            raise NCAError(f"There is no grid {number} to bring back.")
        self.grids[number] = Grid(self.removed[number], self.backend, self.history)
        self.grids = dict(sorted(self.grids.items()))
        del self.removed[number]

    def take_over(self, grids: Iterable[Grid], tick: int, next_id: int) -> None:
        """Go on with other grids, as a session does: no command, but a new beginning of the journal."""
        for grid in self.grids.values():
            grid._remove()
        self.grids = {grid.id: grid for grid in grids}
        self.tick, self.next_id = tick, max(next_id, max(self.grids, default=0) + 1)
        self.origin = Origin(tick, self.next_id, tuple(grid.snapshot() for grid in self.grids.values()))
        self.journal.clear()
        self.removed.clear()


def _settings(command: commands.AddGrid, model: Model) -> Settings:
    """Those that a grid starts with. Raises NCAError for a value out of its range."""
    fire_rate = model.config.fire_rate if command.fire_rate is None else command.fire_rate
    return with_setting(with_setting(Settings(), "steps_per_second", command.steps_per_second), "fire_rate", fire_rate)
