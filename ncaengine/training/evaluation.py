"""How near a model's rollouts come to a target, measured on the engine: what is judged is what users see."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ncaengine.core import lattice, looks
from ncaengine.core.model import Model
from ncaengine.core.types import F64, Size
from ncaengine.simulation import commands
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

if TYPE_CHECKING:
    import torch

    from ncaengine.training.losses import Loss

Tell = Callable[[int], object]
"""Told of the steps that were just made."""
STRIDE = 2**18
"""Cells' steps between two tellings: some tenths of a second without a GPU."""
LOSS_SEED = 0
"""Every loss is measured with the same random choices, so that losses differ by their pictures alone."""


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured: rollouts from the seeds `seed`, `seed` + 1, …, at `steps`, which ascend.

    With `heal` above 0 a hole is then cut into each, and so many more steps are made.
    """

    kernel: str = "square"
    size: Size = (128, 128)
    steps: tuple[int, ...] = (300, 1000)
    rollouts: int = 16
    seed: int = 0
    heal: int = 0

    @property
    def moments(self) -> list[str]:
        """Names of the moments at which the loss is measured."""
        return [f"step {step:,}" for step in self.steps] + (["hole", "healed"] if self.heal else [])

    @property
    def total(self) -> int:
        """Steps that all rollouts take together."""
        return self.rollouts * (self.steps[-1] + self.heal)


@dataclass(frozen=True)
class EvaluationResult:
    """What was measured of a model: losses (rollouts, moments) float64, and the largest |state| at those moments."""

    losses: F64
    largest: float


def evaluate(
    sim: Simulation, model: Model, loss: "Loss", plan: EvaluationPlan, tell: Tell = lambda made: None
) -> EvaluationResult:
    """Let a model run as planned, one grid at a time, which is removed afterwards.

    Raises NCAError if the kernel does not fit the model or the pictures are too small for the loss.
    """
    grid = sim.add(model, plan.size, plan.kernel)
    try:
        _loss_of(grid, loss)  # pictures that are too small are told before anything grows
        seen = [_rollout(sim, grid, loss, plan, plan.seed + k, tell) for k in range(plan.rollouts)]
    finally:
        sim.submit(commands.RemoveGrid(grid.id))
    losses, largest = (np.array(part) for part in zip(*seen, strict=True))
    return EvaluationResult(losses, float(largest.max()))


def _rollout(
    sim: Simulation, grid: Grid, loss: "Loss", plan: EvaluationPlan, seed: int, tell: Tell
) -> tuple[list[float], float]:
    """The losses of one rollout, and its largest |state|."""
    sim.submit(commands.Reseed(grid.id, seed))
    losses, largest = [], []

    def measure() -> None:
        losses.append(_loss_of(grid, loss))
        largest.append(float(np.abs(grid.state()).max()))

    for _ in grow(sim, grid, plan.steps, tell):
        measure()
    if plan.heal:
        cut_hole(sim, grid)
        measure()
        for _ in grow(sim, grid, [grid.step + plan.heal], tell):
            measure()
    return losses, float(np.max(largest))


def grow(sim: Simulation, grid: Grid, steps: Sequence[int], tell: Tell = lambda made: None) -> Iterator[int]:
    """Let a grid run on, and yield each of `steps`, which ascend, when it has made so many."""
    stride = max(STRIDE // (grid.size[0] * grid.size[1]), 1)
    for step in steps:
        while grid.step < step:
            count = min(stride, step - grid.step)
            sim.submit(commands.Step(grid.id, count))
            sim.backend.finish()  # the device works behind: without it the bar would run ahead
            tell(count)
        yield step


def cut_hole(sim: Simulation, grid: Grid) -> None:
    """Erase a disc about the middle of the picture, its radius a quarter of the shorter side."""
    (x, y), (across, down) = lattice.corner(grid.kernel), lattice.extent(grid.kernel, grid.size)
    middle = (x + across / 2, y + down / 2)
    sim.submit(commands.Paint(grid.id, "erase", (middle,), min(across, down) / 4, softness=0.0))


def _loss_of(grid: Grid, loss: "Loss") -> float:
    import torch

    from ncaengine.training.losses import on_screen

    rgb = torch.from_numpy(looks.to_rgb(grid.state(), grid.model.config.colour))
    return picture_loss(on_screen(rgb.permute(2, 0, 1)[None], grid.kernel), loss)


def picture_loss(picture: "torch.Tensor", loss: "Loss") -> float:
    """The loss of a picture, (1, 3, height, width) in [0, 1], as all are measured here. Raises NCAError."""
    import torch

    with torch.no_grad():
        return float(loss(picture, torch.Generator().manual_seed(LOSS_SEED)))
