"""A Simulation's commands as methods, for notebooks and scripts: NumPy in and out, and no window.

sim = Simulation()
sim.add(load("dots.pt"), size=(256, 256))
sim.step(300)
sim.resize((384, 256))
sim.paint("erase", (100, 80), radius=30)
picture = sim.image(scale=2)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ncaengine.core.brushes import Pattern, Point, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import Field
from ncaengine.core.states import Keep
from ncaengine.core.types import F32, U8, Size
from ncaengine.simulation import commands
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.painting import Array

Which = Grid | int | None
"""A grid, its number, or None for the first."""


def as_size(size: Size | int) -> Size:
    """(width, height); one number is a square."""
    return (int(size), int(size)) if isinstance(size, int | np.integer) else size


def as_path(path: npt.ArrayLike) -> tuple[Point, ...]:
    """The points of a stroke, given as one (x, y) or as a sequence. Raises NCAError."""
    try:
        points = np.asarray(path, np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty(0)
    if points.ndim not in (1, 2) or points.shape[-1] != 2 or not points.size:
        raise NCAError("Paint: `path` must be a point (x, y), or a sequence of at least one.")
    return tuple((x, y) for x, y in points.reshape(-1, 2).tolist())


class Calls:
    """What Simulation inherits. Each method submits one command; see commands for what it means. All raise NCAError."""

    grids: dict[int, Grid]

    def submit(self, command: commands.AnyCommand, at_step: int | None = None) -> None:
        """See Simulation."""
        raise NotImplementedError

    def register_array(self, name: str, array: Array) -> str:
        """See Simulation."""
        raise NotImplementedError

    def work(self, most: float = float("inf")) -> int:
        """See Simulation."""
        raise NotImplementedError

    def grid(self, which: Which = None) -> Grid:
        """A grid by itself, by its number, or the first one."""
        if which is None and self.grids:
            return next(iter(self.grids.values()))
        number = -1 if which is None else int(which.__index__())
        if number not in self.grids:
            raise NCAError("There is no grid yet; add one." if which is None else f"There is no grid {number}.")
        return self.grids[number]

    def step(self, count: int = 1, grid: Which = None) -> None:
        """Make `count` steps."""
        self.submit(commands.Step(self.grid(grid).id, count))

    def resize(self, size: Size | int, keep: Keep = "centre", grid: Which = None) -> None:
        """Another size, (width, height) in cells, or the side of a square."""
        self.submit(commands.Resize(self.grid(grid).id, as_size(size), keep))

    def reseed(self, rng_seed: int, grid: Which = None) -> None:
        """Back to the seed."""
        self.submit(commands.Reseed(self.grid(grid).id, rng_seed))

    def set(self, setting: str, value: float | bool, grid: Which = None) -> None:
        """One of settings.Settings."""
        self.submit(commands.Set(self.grid(grid).id, setting, value))

    def use_kernel(self, name: str, grid: Which = None) -> None:
        """Run on another neighbourhood."""
        self.submit(commands.SetKernel(self.grid(grid).id, name))

    def paint(
        self, tool: Tool, path: Point | Sequence[Point], radius: float = 8.0, value: float = 1.0, *,
        strength: float = 1.0, softness: float = 0.3, image: U8 | str = "", grid: Which = None,
    ) -> None:  # fmt: skip
        """A stroke along points (x, y) in cell widths; `image`: (height, width, 3) uint8, or its name."""
        points = as_path(path)
        name = image if isinstance(image, str) else self.register_array("image", image)
        number = self.grid(grid).id
        self.submit(commands.Paint(number, tool, points, radius, strength, softness, value, name))

    def fill(
        self, field: Field, pattern: Pattern = "even", values: tuple[float, float] = (1.0, 1.0), count: int = 4,
        fuzz: float = 0.0, grid: Which = None,
    ) -> None:  # fmt: skip
        """A whole field at once."""
        self.submit(commands.Fill(self.grid(grid).id, field, pattern, values, count, fuzz))

    def rewind(self, steps: int, grid: Which = None) -> int:
        """Go back so many steps, or as many as the timeline holds; returns how many those were.

        Below 0 it goes forward again, and what it returns is below 0 too.
        """
        found = self.grid(grid)
        self.work()  # what has fallen due belongs to the steps that can be gone back
        before = found.age
        self.submit(commands.Rewind(found.id, steps))
        return before - found.age

    def undo(self, grid: Which = None) -> None:
        """Back to before the last edit."""
        self.submit(commands.Undo(self.grid(grid).id))

    def load(self, state: npt.ArrayLike, grid: Which = None) -> None:
        """Replace the state: (height, width, channels), of any type of number; it becomes float32."""
        try:
            array = np.asarray(state)
        except ValueError:  # rows of several lengths
            array = np.empty(0)  # which is refused
        if array.dtype == np.uint8:  # which register_array would take for an image
            array = array.astype(np.float32)
        self.submit(commands.Load(self.grid(grid).id, self.register_array("state", array)))

    def state(self, grid: Which = None) -> F32:
        """The state, a copy: (height, width, channels) float32."""
        return self.grid(grid).state()

    def image(self, scale: int = 1, raw: bool = False, grid: Which = None) -> U8:
        """The picture: (height, width, 3) uint8; see Grid.image."""
        return self.grid(grid).image(scale, raw)
