"""Simulation: the grids, their clock and their commands. Window, command line and scripts share it.

sim = Simulation()
a = sim.add(load("dots.pt"), size=(256, 256), kernel="hexagonal", steps_per_second=60)
sim.submit(Resize(a, (384, 256)), at_step=200)
sim.advance(10 * TICKS_PER_SECOND)
state = a.state()
"""

from collections.abc import Iterable
from types import TracebackType
from typing import assert_never

from ncaengine import commands, kernels, seeding
from ncaengine.backend import Backend, Choice
from ncaengine.commands import AnyCommand, Entry, OnGrid
from ncaengine.errors import NCAError
from ncaengine.grid import Grid
from ncaengine.kernels import Catalogue
from ncaengine.model import Model
from ncaengine.seeding import Size
from ncaengine.settings import Settings, changed


def open_backend(choice: Choice = "auto") -> tuple[Backend, str]:
    """The backend asked for, and a line to show if `auto` had to fall back to torch (else '').

    Raises NCAError if OpenGL was asked for and is not to be had.
    """
    reason = ""
    if choice != "torch":
        from ncaengine.gl_backend import GLBackend

        try:
            return GLBackend(), ""
        except NCAError as error:
            if choice == "gl":
                raise
            reason = str(error)
    from ncaengine.torch_backend import TorchBackend

    return TorchBackend(), f"Running on torch, slower: {reason}" if reason else ""


class Simulation:
    """Grids that run together.

    `tick` counts the time that has passed, in 1/TICKS_PER_SECOND s. `journal` holds every command
    since the start. All changes go through `submit`; a command that cannot be carried out raises
    NCAError and changes nothing; one that waited for a step raises out of the call that reached it,
    after all grids have run.
    """

    def __init__(self, backend: Backend | None = None, catalogue: Catalogue | None = None) -> None:
        self.backend = backend or open_backend()[0]
        self.catalogue = catalogue or kernels.discover()
        self.models: dict[str, Model] = {}
        self.grids: dict[int, Grid] = {}
        self.tick = 0
        self.journal: list[Entry] = []
        self._next_id = 1
        self._late: list[NCAError] = []

    def register(self, model: Model) -> str:
        """Make a model known to commands; returns its name here, which a number may follow."""
        name, n = model.config.name, 1
        while self.models.get(name, model) is not model:
            n += 1
            name = f"{model.config.name}-{n}"
        self.models[name] = model
        return name

    def add(
        self,
        model: Model,
        size: Size = (256, 256),
        kernel: str = "square",
        steps_per_second: float = 60.0,
        fire_rate: float | None = None,
        rng_seed: int = 0,
    ) -> Grid:
        """Register a model and submit AddGrid; returns the grid."""
        name = self.register(model)
        self.submit(commands.AddGrid(name, size, kernel, steps_per_second, fire_rate, rng_seed))
        return self.grids[self._next_id - 1]

    def submit(self, command: AnyCommand, at_step: int | None = None) -> None:
        """Carry out a command now, between two ticks, or when its grid has made `at_step` steps."""
        command = commands.checked(command)
        if at_step is None:
            self._apply(command)
        elif isinstance(command, OnGrid):
            self._check(command)
            self._grid(command.grid)._schedule(at_step, len(self.journal), command)
        else:
            raise NCAError("Only a command to a grid can wait for a step.")
        self.journal.append(Entry(self.tick, command, at_step))
        self._tell()

    def advance(self, ticks: int = 1) -> None:
        """Let time pass: every grid that is not paused makes the steps that fall due."""
        self.tick += ticks
        for grid in list(self.grids.values()):
            left = ticks
            # A command that waits for a step may change the pace. Tick by tick, what follows does
            # not depend on the strides in which time is let pass, which a replay does not know.
            while left > 0 and grid._scheduled:
                self._pass(grid, 1)
                left -= 1
            if left > 0:
                self._pass(grid, left)
        self._tell()

    def _pass(self, grid: Grid, ticks: int) -> None:
        if not grid.settings.paused:
            grid._run(grid.pace.advance(ticks), self._apply_late)

    def replay(self, journal: Iterable[Entry], until_tick: int | None = None) -> None:
        """Submit a journal's commands, each at its tick, and run on to `until_tick`.

        The models that it names must be registered.
        """
        for entry in journal:
            if entry.tick > self.tick:
                self.advance(entry.tick - self.tick)
            self.submit(entry.command, entry.at_step)
        if until_tick is not None and until_tick > self.tick:
            self.advance(until_tick - self.tick)

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

    def _model(self, name: str) -> Model:
        if name not in self.models:
            raise NCAError(f"There is no model {name!r} here; there are: {', '.join(self.models) or 'none'}.")
        return self.models[name]

    def _check(self, command: AnyCommand) -> None:
        """Raises what `_apply` would, as far as it is known before the command's step has come."""
        match command:
            case commands.SetModel(_, name):
                self._model(name)
            case commands.SetKernel(_, name):
                self.catalogue.get(name)
            case commands.Resize(_, size):
                seeding.check_size(size, self.backend.max_side)
            case commands.Set(number, setting, value):
                changed(self._grid(number).settings, setting, value)

    def _apply(self, command: AnyCommand) -> None:
        try:
            self._change(command)
        except MemoryError:
            raise NCAError("There is not enough memory for this.") from None

    def _apply_late(self, command: AnyCommand) -> None:
        """Carry out a command that waited for its step; a problem is told once all grids have run."""
        try:
            self._apply(command)
        except NCAError as error:
            self._late.append(error)

    def _tell(self) -> None:
        late, self._late = self._late, []
        if late:
            raise late[0]

    def _change(self, command: AnyCommand) -> None:
        match command:
            case commands.AddGrid():
                self._add(command)
            case commands.RemoveGrid(number):
                self._grid(number)._remove()
                del self.grids[number]
            case commands.SetModel(number, name):
                self._grid(number)._use(self._model(name), self.grids[number].kernel)
            case commands.SetKernel(number, name):
                self._grid(number)._use(self.grids[number].model, self.catalogue.get(name))
            case commands.Resize(number, size, keep):
                seeding.check_size(size, self.backend.max_side)
                self._grid(number)._resize(size, keep)
            case commands.Set(number, setting, value):
                grid = self._grid(number)
                grid._set(changed(grid.settings, setting, value))
            case commands.Step(number, count):
                self._grid(number)._run(count, self._apply_late)
            case commands.Reseed(number, rng_seed):
                self._grid(number)._reseed(rng_seed)
            case _:
                assert_never(command)

    def _add(self, command: commands.AddGrid) -> None:
        model, kernel = self._model(command.model), self.catalogue.get(command.kernel)
        seeding.check_size(command.size, self.backend.max_side)
        fire_rate = model.config.fire_rate if command.fire_rate is None else command.fire_rate
        settings = changed(changed(Settings(), "steps_per_second", command.steps_per_second), "fire_rate", fire_rate)
        self.grids[self._next_id] = Grid(
            self._next_id, self.backend, model, kernel, command.size, settings, command.rng_seed
        )
        self._next_id += 1
