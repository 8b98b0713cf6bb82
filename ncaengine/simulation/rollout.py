"""Rollouts: run a model on a grid of its own, and look at the grid at given steps."""

from collections.abc import Callable, Iterable, Iterator

from ncaengine.core.model import Model
from ncaengine.core.types import Size
from ncaengine.simulation import commands
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

StepReport = Callable[[int], object]
"""Called with the number of steps just made."""
STRIDE = 2**18
"""Cells times steps between two reports: some tenths of a second without a GPU."""


def rollout(
    sim: Simulation,
    model: Model,
    steps: Iterable[int],
    size: Size | int = (256, 256),
    kernel: str = "square",
    rng_seed: int = 0,
    report: StepReport = lambda made: None,
) -> Iterator[Grid]:
    """Add a grid of a model, yield it when it has made each number of steps, and remove it afterwards.

    Look at the grid inside the loop: after the loop it is gone.

    steps: Numbers of steps since the seed, ascending.
    size: (width, height) in cells, or the side of a square.

    Raises NCAError if the grid can't be added.
    """
    grid = sim.add(model, size, kernel, rng_seed=rng_seed)
    try:
        for _ in run_to(sim, grid, steps, report):
            yield grid
    finally:
        if grid.id in sim.grids:  # not if a signal ended the loop, and the simulation first
            sim.submit(commands.RemoveGrid(grid.id))


def run_to(sim: Simulation, grid: Grid, steps: Iterable[int], report: StepReport = lambda made: None) -> Iterator[int]:
    """Run a grid on, and yield each of `steps`, which ascend, when the grid has made that many."""
    stride = max(STRIDE // (grid.size[0] * grid.size[1]), 1)
    for step in steps:
        while grid.step < step:
            count = min(stride, step - grid.step)
            sim.submit(commands.Step(grid.id, count))
            sim.backend.finish()  # the device works in the background; without this a progress bar runs ahead
            report(count)
        yield step
