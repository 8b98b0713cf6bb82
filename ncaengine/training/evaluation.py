"""How near a model's rollouts come to a target, measured on the engine, so the figures match what users see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ncaengine.core import lattice, looks
from ncaengine.core.model import Model
from ncaengine.core.types import F64, Size
from ncaengine.simulation import commands
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.rollout import StepReport, run_to
from ncaengine.simulation.simulation import Simulation

if TYPE_CHECKING:
    import torch

    from ncaengine.training.losses import Loss

LOSS_SEED = 0
"""Every loss is measured with the same random choices, so losses differ only by their pictures."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What to measure."""

    kernel: str = "square"
    size: Size = (128, 128)
    """Width and height of the grids, in cells."""
    steps: tuple[int, ...] = (300, 1000)
    """When to measure the loss, in steps since the seed; ascending."""
    rollouts: int = 16
    seed: int = 0
    """Random seed of the first rollout; each further one adds 1."""
    heal: int = 0
    """Steps to make after cutting a hole into each grid; 0 cuts none."""

    @property
    def moments(self) -> list[str]:
        """The names of the moments at which the loss is measured."""
        return [f"step {step:,}" for step in self.steps] + (["hole", "healed"] if self.heal else [])

    @property
    def total(self) -> int:
        """The number of steps of all rollouts together."""
        return self.rollouts * (self.steps[-1] + self.heal)


@dataclass(frozen=True)
class EvaluationResult:
    """What was measured of a model."""

    losses: F64
    """(rollouts, moments) float64."""
    largest: float
    """The largest |state| at any of the moments."""


def evaluate(
    sim: Simulation, model: Model, loss: "Loss", plan: EvaluationPlan, report: StepReport = lambda made: None
) -> EvaluationResult:
    """Run a model as planned, on one grid at a time, and measure it; the grid is removed afterwards.

    Raises NCAError if the kernel does not fit the model or the pictures are too small for the loss.
    """
    grid = sim.add(model, plan.size, plan.kernel)
    try:
        grid_loss(grid, loss)  # raises before any step if the pictures are too small
        with sim.engine.world.telling_once():
            seen = [_rollout(sim, grid, loss, plan, plan.seed + k, report) for k in range(plan.rollouts)]
    finally:
        sim.submit(commands.RemoveGrid(grid.id))
    losses, largest = (np.array(part) for part in zip(*seen, strict=True))
    return EvaluationResult(losses, float(largest.max()))


def _rollout(
    sim: Simulation, grid: Grid, loss: "Loss", plan: EvaluationPlan, seed: int, report: StepReport
) -> tuple[list[float], float]:
    """Return the losses of one rollout, and its largest |state|."""
    sim.submit(commands.Reseed(grid.id, seed))
    losses, largest = [], []

    def measure() -> None:
        losses.append(grid_loss(grid, loss))
        largest.append(grid.cells.largest())

    for _ in run_to(sim, grid, plan.steps, report):
        measure()
    if plan.heal:
        cut_hole(sim, grid)
        measure()
        for _ in run_to(sim, grid, [grid.step + plan.heal], report):
            measure()
    return losses, float(np.max(largest))


def cut_hole(sim: Simulation, grid: Grid) -> None:
    """Erase a disc in the middle of the picture; its radius is a quarter of the shorter side."""
    (x, y), (across, down) = lattice.corner(grid.kernel), lattice.extent(grid.kernel, grid.size)
    middle = (x + across / 2, y + down / 2)
    sim.submit(commands.Paint(grid.id, "erase", (middle,), min(across, down) / 4, softness=0.0))


def grid_loss(grid: Grid, loss: "Loss") -> float:
    """Return the loss of a grid's picture, see `picture_loss`."""
    return picture_loss(grid_picture(grid), loss)


def grid_picture(grid: Grid) -> "torch.Tensor":
    """Return a grid's picture as it looks on the screen: (1, 3, height, width) float32 in [0, 1]."""
    from ncaengine.training.losses import on_screen, picture_tensor

    return on_screen(picture_tensor(looks.to_rgb(grid.state(), grid.model.config.colour)), grid.kernel)


def picture_loss(picture: "torch.Tensor", loss: "Loss") -> float:
    """Return the loss of a picture, (1, 3, height, width) in [0, 1], with the random choices of LOSS_SEED."""
    import torch

    with torch.no_grad():
        return float(loss(picture, torch.Generator().manual_seed(LOSS_SEED)))
