"""Simulation: grids, their clock and their commands. The window, the command line and scripts all run one.

sim = Simulation()
dots = sim.add("dots.pt", size=(256, 256), kernel="hexagonal", steps_per_second=60)
sim.submit(Resize(dots, (384, 256)), at_step=200)
sim.advance(10 * TICKS_PER_SECOND)
sim.paint("erase", (100, 80), radius=30)
picture = sim.image(scale=2)
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import cast

import numpy as np
import numpy.typing as npt

from ncaengine import backends
from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.core import bounds, kernels
from ncaengine.core.brushes import Pattern, Point, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import Field
from ncaengine.core.given import whole
from ncaengine.core.gone import Gone
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.states import Keep
from ncaengine.core.types import F32, U8, Size
from ncaengine.formats import model_files
from ncaengine.simulation import commands
from ncaengine.simulation.commands import AnyCommand, JournalEntry
from ncaengine.simulation.engine import Engine
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.history import BYTES
from ncaengine.simulation.library import Array
from ncaengine.simulation.shown import Shown
from ncaengine.simulation.texturing import Texturing, image_name
from ncaengine.simulation.world import World

Which = Grid | int | None
"""A grid, its number, or None for the first one."""


class Simulation(Shown, Texturing):
    """Grids that run together.

    Every change goes through `submit`. A command that can't be carried out raises NCAError and changes nothing; one
    that waited for a step raises out of the call that reached that step, after all grids have run.

    Attributes:
        backend: The device that steps and draws the grids.
        grids: The grids by number.
        models: Registered models by name.
        arrays: Registered images and states by name.
        journal: Every command since the start.
        engine: What lets time pass in parts, and holds what people rarely need.
    """

    def __init__(
        self, backend: Backend | BackendChoice | None = None, catalogue: Catalogue | None = None, history: int = BYTES
    ) -> None:
        """Start without grids.

        backend: A backend, which its owner releases, or a choice as for `open_backend`; None opens the best one that
            this machine has.
        catalogue: None finds the built-in kernels and installed plugins.
        history: Bytes that each grid may use for undo and rewind; 0 for none.
        """
        history = _bytes(history)  # before a backend is opened
        choice = "auto" if backend is None else backend
        self._owns = isinstance(choice, str)
        opened = backends.open_backend(choice)[0] if isinstance(choice, str) else choice
        if not callable(getattr(opened, "cells", None)):
            raise NCAError(f"{opened!r:.60} is not a backend; open one with open_backend.")
        world = World(opened, catalogue or kernels.discover(), history)
        self.engine = Engine(world)
        self.backend, self.grids, self.journal = world.backend, world.grids, self.engine.journal
        self.models, self.arrays = world.library.models, world.library.arrays

    @property
    def catalogue(self) -> Catalogue:
        """The kernels; a new catalogue can be set, for example when a plugin has changed."""
        return self.engine.world.catalogue

    @catalogue.setter
    def catalogue(self, catalogue: Catalogue) -> None:
        self.engine.world.catalogue = catalogue

    @property
    def history(self) -> int:
        """The bytes that each new grid may use for undo and rewind; 0 for none. Wrong ones raise NCAError."""
        return self.engine.world.history

    @history.setter
    def history(self, history: int) -> None:
        self.engine.world.history = _bytes(history)

    # Commands

    def submit(self, command: AnyCommand, at_step: int | None = None) -> Grid | None:
        """Carry out a command now, or once its grid has made `at_step` steps. Return the grid that it made, if any."""
        return self.engine.submit(command, at_step)

    def replay(
        self,
        journal: Iterable[JournalEntry],
        until_tick: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Submit a journal's commands, each at its tick, and run on to `until_tick`.

        The models that it names must be registered. A command that failed when its step came fails again, silently.

        progress: Called with the tick, at least once per second of simulated time.
        """
        self.engine.replay(journal, None if until_tick is None else whole(until_tick, "The number of ticks"), progress)

    # Time

    @property
    def tick(self) -> int:
        """The time that has passed, in 1/TICKS_PER_SECOND s."""
        return self.engine.tick

    def advance(self, ticks: int = 1) -> None:
        """Let time pass: every grid that is not paused makes the steps that are due.

        ticks: At least 0, and at most a year. Raises NCAError, also beyond the last tick that a session can hold.
        """
        ticks = whole(ticks, "The number of ticks", 0, bounds.WAIT.high)
        if self.tick + ticks > bounds.TICK.high:
            raise NCAError(f"A session can hold {bounds.TICK.high:,} ticks, a century; begin a new one.")
        self.engine.begin(ticks)
        self.engine.work()

    # Grids, models and arrays

    def add(
        self,
        model: Model | str | Path,
        size: Size | int = (256, 256),
        kernel: str = "square",
        steps_per_second: float = 60.0,
        fire_rate: float | None = None,
        rng_seed: int = 0,
    ) -> Grid:
        """Add a grid of a model and return it. Raises NCAError.

        model: A Model, the path of a model file, or the name of a model that ships with ncaengine.
        size: (width, height) in cells, or the side of a square.
        fire_rate: None takes the model's own.
        """
        if isinstance(model, str | Path):
            model = model_files.load(model)
        if not isinstance(model, Model):
            raise NCAError(f"A grid needs a model, a model file or a shipped model's name, not {model!r:.60}.")
        name = self.register(model)
        grid = self.submit(
            commands.AddGrid(name, commands.as_size(size), kernel, steps_per_second, fire_rate, rng_seed)
        )
        assert grid is not None
        return grid

    def grid(self, which: Which = None) -> Grid:
        """Return a grid: itself, by its number, or the first one. Raises NCAError if it isn't here."""
        if isinstance(which, Grid) and self.grids.get(which.id) is not which:
            raise NCAError(f"Grid {which.id} isn't in this Simulation: it was removed or replaced, or is another's.")
        if which is None:
            if not self.grids:
                raise NCAError("There is no grid yet; add one.")
            return next(iter(self.grids.values()))
        if isinstance(which, bool) or not hasattr(which, "__index__"):
            raise NCAError(f"{which!r:.60} is not a grid; give a Grid or its number.")
        return self.engine.world.grid(int(which.__index__()))

    def register(self, model: Model, name: str = "") -> str:
        """Make a model known to commands; see Library.register."""
        return self.engine.world.library.register(model, name)

    def register_array(self, name: str, array: Array) -> str:
        """Make an image or a state known to commands; see Library.register_array."""
        return self.engine.world.library.register_array(name, array)

    def release(self) -> None:
        """Give the device's memory back.

        Afterwards no grid can be added. A backend that was passed in stays with its owner.
        """
        for grid in self.grids.values():
            grid.release()
        self.grids.clear()
        if self._owns:
            self.backend.release()
        self.backend = self.engine.world.backend = cast(Backend, Gone("This Simulation was released; make a new one."))

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    # Commands as methods, for notebooks and scripts: each submits one. `grid` is a grid, its number, or None for the
    # first one. All raise NCAError.

    def step(self, count: int = 1, grid: Which = None) -> None:
        """Make `count` steps."""
        self.submit(commands.Step(self.grid(grid).id, count))

    def resize(self, size: Size | int, keep: Keep = "centre", grid: Which = None) -> None:
        """Change the size to (width, height) in cells, or to a square of that side."""
        self.submit(commands.Resize(self.grid(grid).id, commands.as_size(size), keep))

    def reseed(self, rng_seed: int, grid: Which = None) -> None:
        """Go back to the model's initial state, with another random seed."""
        self.submit(commands.Reseed(self.grid(grid).id, rng_seed))

    def set(self, setting: str, value: float | bool, grid: Which = None) -> None:
        """Change one of settings.Settings."""
        self.submit(commands.Set(self.grid(grid).id, setting, value))

    def use_kernel(self, name: str, grid: Which = None) -> None:
        """Run on another kernel."""
        self.submit(commands.SetKernel(self.grid(grid).id, name))

    def paint(
        self, tool: Tool, path: Point | Sequence[Point], radius: float = 8.0, value: float = 1.0, *,
        strength: float = 1.0, softness: float = 0.3, image: U8 | str = "", grid: Which = None,
    ) -> None:  # fmt: skip
        """Paint a stroke along points (x, y) in cell widths; see commands.Paint.

        image: (height, width, 3) uint8, or the name of a registered one.
        """
        points = commands.as_path(path)
        name = image_name(self, "image", image)
        number = self.grid(grid).id
        self.submit(commands.Paint(number, tool, points, radius, strength, softness, value, name))

    def fill(
        self, field: Field, pattern: Pattern = "even", values: tuple[float, float] = (1.0, 1.0), count: int = 4,
        fuzz: float = 0.0, grid: Which = None,
    ) -> None:  # fmt: skip
        """Fill a whole field with a pattern; see commands.Fill."""
        self.submit(commands.Fill(self.grid(grid).id, field, pattern, values, count, fuzz))

    def rewind(self, steps: int, grid: Which = None) -> int:
        """Go back `steps` steps, or as many as the timeline holds, and return how many those were.

        A negative number goes forward again; the result is then negative, too.
        """
        found = self.grid(grid)
        self.engine.work()  # steps that are due count among those to go back
        before = found.age
        self.submit(commands.Rewind(found.id, steps))
        return before - found.age

    def undo(self, grid: Which = None) -> None:
        """Undo the last edit."""
        self.submit(commands.Undo(self.grid(grid).id))

    def redo(self, grid: Which = None) -> None:
        """Make the last undone edit again."""
        self.submit(commands.Redo(self.grid(grid).id))

    def duplicate(self, grid: Which = None) -> Grid:
        """Add a grid that equals this one, and return it."""
        copy = self.submit(commands.Duplicate(self.grid(grid).id))
        assert copy is not None
        return copy

    def remove(self, grid: Which = None) -> None:
        """Remove a grid."""
        self.submit(commands.RemoveGrid(self.grid(grid).id))

    def load(self, state: npt.ArrayLike, grid: Which = None) -> None:
        """Replace the state: (height, width, channels) of any number type; it becomes float32."""
        try:
            array = np.asarray(state)
        except ValueError:  # rows of several lengths
            array = np.empty(0)  # which is refused
        if array.dtype == np.uint8:  # which register_array would take for an image
            array = array.astype(np.float32)
        self.submit(commands.Load(self.grid(grid).id, self.register_array("state", array)))

    def state(self, grid: Which = None) -> F32:
        """Return a copy of the state: (height, width, channels) float32."""
        return self.grid(grid).state()

    def image(self, scale: int = 1, raw: bool = False, grid: Which = None) -> U8:
        """Return the picture: (height, width, 3) uint8; see Grid.image."""
        return self.grid(grid).image(scale, raw)


def _bytes(history: int) -> int:
    """Return the bytes of a timeline. Raises NCAError if they are more than a journal can hold, or no number."""
    return whole(history, "The bytes of a history", bounds.HISTORY.low, bounds.HISTORY.high)
