"""A Simulation's commands as methods, for notebooks and scripts: NumPy in and out, and no window.

sim = Simulation()
sim.add(load("dots.pt"), size=(256, 256))
sim.step(300)
sim.resize((384, 256))
sim.paint("erase", (100, 80), radius=30)
picture = sim.image(scale=2)
"""

from collections.abc import Sequence

from ncaengine import commands
from ncaengine.brushes import Pattern, Point, Tool
from ncaengine.errors import NCAError
from ncaengine.fields import Field
from ncaengine.grid import Grid
from ncaengine.model import F32
from ncaengine.painting import Array
from ncaengine.seeding import Keep, Size
from ncaengine.view import U8

Which = Grid | int | None
"""A grid, its number, or None for the first."""


class Calls:
    """What Simulation inherits. Each method submits one command; see commands for what it means. All raise NCAError."""

    grids: dict[int, Grid]

    def submit(self, command: commands.AnyCommand, at_step: int | None = None) -> None:
        """See Simulation."""
        raise NotImplementedError

    def register_array(self, name: str, array: Array) -> str:
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

    def resize(self, size: Size, keep: Keep = "centre", grid: Which = None) -> None:
        """Another size, (width, height) in cells."""
        self.submit(commands.Resize(self.grid(grid).id, size, keep))

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
        points = (path,) if isinstance(path[0], int | float) else path
        name = image if isinstance(image, str) else self.register_array("image", image)
        number = self.grid(grid).id
        stroke = commands.Paint(number, tool, tuple(points), radius, strength, softness, value, name)  # type: ignore[arg-type]
        self.submit(stroke)

    def fill(
        self, field: Field, pattern: Pattern = "even", values: tuple[float, float] = (1.0, 1.0), count: int = 4,
        fuzz: float = 0.0, grid: Which = None,
    ) -> None:  # fmt: skip
        """A whole field at once."""
        self.submit(commands.Fill(self.grid(grid).id, field, pattern, values, count, fuzz))

    def rewind(self, steps: int, grid: Which = None) -> None:
        """Go back so many steps."""
        self.submit(commands.Rewind(self.grid(grid).id, steps))

    def undo(self, grid: Which = None) -> None:
        """Back to before the last edit."""
        self.submit(commands.Undo(self.grid(grid).id))

    def load(self, state: F32, grid: Which = None) -> None:
        """Replace the state: (height, width, channels) float32."""
        self.submit(commands.Load(self.grid(grid).id, self.register_array("state", state)))

    def state(self, grid: Which = None) -> F32:
        """The state, a copy: (height, width, channels) float32."""
        return self.grid(grid).state()

    def image(self, scale: int = 1, raw: bool = False, grid: Which = None) -> U8:
        """The picture: (height, width, 3) uint8; see Grid.image."""
        return self.grid(grid).image(scale, raw)
