"""Everything that a report says about models: measured here, drawn by `report_page` and `report_sheet`."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import torch

from ncaengine.core import stencils
from ncaengine.core.model import Model
from ncaengine.core.types import F32, F64, U8, Size
from ncaengine.simulation import commands
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.rollout import StepReport, run_to
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import evaluation, measures
from ncaengine.training.losses import Loss

APART = 8
"""Steps between two pictures whose difference says how a texture moves."""
TIMED_STEPS, ROUNDS = 20, 5
"""How to measure the speed: the steps of a round, and the rounds."""


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    kernels: tuple[str, ...] = ("square", "hexagonal")
    size: Size = (128, 128)
    """Width and height of the grids, in cells."""
    steps: tuple[int, ...] = (300, 1000, 10_000)
    """When to take pictures, in steps since the seed; ascending."""
    rollouts: int = 4
    seed: int = 0
    """Random seed of the first rollout; each further one adds 1."""
    heal: int = 300
    """Steps to make after cutting a hole into each grid."""

    @property
    def moments(self) -> tuple[int, ...]:
        """When to measure: at the steps of the pictures, and at 10, 30, 100, … before the last."""
        return _between(10, self.steps[-1], self.steps)

    @property
    def healing(self) -> tuple[int, ...]:
        """When to measure after the hole, in steps since then; the first is 0."""
        return (0, *_between(5, self.heal, (self.heal,)))

    def total(self, models: Sequence[Model], sim: Simulation) -> int:
        """Return the number of steps of all rollouts together."""
        courses = sum(len(self.usable(model, sim)) for model in models)
        return courses * self.rollouts * (max(self.steps[-1], APART) + self.heal)

    def usable(self, model: Model, sim: Simulation) -> list[str]:
        """Return the kernels that a model runs on. Raises NCAError, which says why, if there are none."""
        found = [sim.catalogue.get(name) for name in self.kernels]
        usable = [kernel.name for kernel in found if stencils.runs_on(model.config, kernel)]
        if not usable:
            stencils.require(model.config, found[0])
        return usable


@dataclass(frozen=True)
class Course:
    """What was measured of a model on one kernel; not a number where states have run away."""

    kernel: str
    loss: F64
    """(rollouts, moments); lower is nearer to the target."""
    length: F64
    """(rollouts, moments): correlation length, in cells."""
    moves: F64
    """(rollouts, moments): how far the picture's parts move in a step, in cells."""
    changes: F64
    """(rollouts, moments): mean difference of colours in [0, 1] between pictures that are APART steps apart."""
    healing: F64
    """(rollouts, healing): loss after a hole was cut."""
    spectrum: F64
    """(rollouts, bands) at the last step; see `measures.spectrum`."""
    steps_per_second: float
    """Median over ROUNDS, on a grid of the plan's size."""
    pictures: tuple[U8, ...] = field(metadata={"json": False})
    """Of the first rollout: at the plan's steps, with the hole, and healed; (height, width, 3) uint8."""


@dataclass(frozen=True)
class Subject:
    """A model in a report."""

    name: str
    channels: int
    hidden: int
    parameters: int
    """Numbers in the weights."""
    courses: tuple[Course, ...]
    curve: tuple[float, ...] = ()
    """Losses of its training, one per iteration, if they are known."""


@dataclass(frozen=True)
class Report:
    """Models beside their target."""

    target: str
    picture: F32 = field(metadata={"json": False})
    """The target, (height, width, 3) float32 in [0, 1]."""
    target_loss: float
    """Of the target itself."""
    target_length: float
    target_spectrum: F64
    loss: str
    features: tuple[str, ...]
    device: str
    """What made the steps."""
    plan: Plan
    subjects: tuple[Subject, ...]


def appraise(
    sim: Simulation,
    models: Sequence[Model],
    names: Sequence[str],
    loss: Loss,
    plan: Plan,
    report: StepReport = lambda made: None,
    begin: Callable[[str], object] = lambda name: None,
) -> tuple[Subject, ...]:
    """Run models as planned and measure them.

    begin: called with the name of each model before its rollouts.

    Raises NCAError if a model runs on none of the kernels, or if the pictures are too small for the loss.
    """
    usable = [plan.usable(model, sim) for model in models]  # raises before any step
    pairs = [(model, kernel) for model, kernels in zip(models, usable, strict=True) for kernel in kernels]
    seconds = iter(seconds_per_step(sim, [model for model, _ in pairs], plan.size, [kernel for _, kernel in pairs]))
    subjects = []
    for model, name, kernels in zip(models, names, usable, strict=True):
        begin(name)
        courses = tuple(_course(sim, model, kernel, loss, plan, 1 / next(seconds), report) for kernel in kernels)
        config = model.config
        subjects.append(Subject(name, config.channels, config.hidden, model.parameters, courses))
    return tuple(subjects)


def seconds_per_step(
    sim: Simulation, models: Sequence[Model], size: Size, kernels: Sequence[str], steps: int = TIMED_STEPS
) -> list[float]:
    """Time the models in turn, so that other work on the machine slows all of them equally."""
    grids = [sim.add(model, size, kernel) for model, kernel in zip(models, kernels, strict=True)]
    times: list[list[float]] = [[] for _ in grids]
    for number in range(ROUNDS + 1):
        for grid, own in zip(grids, times, strict=True):
            sim.backend.finish()
            start = time.perf_counter()
            sim.submit(commands.Step(grid.id, steps))
            sim.backend.finish()
            if number:  # the first round warms up
                own.append((time.perf_counter() - start) / steps)
    for grid in grids:
        sim.submit(commands.RemoveGrid(grid.id))
    return [statistics.median(own) for own in times]


def _course(
    sim: Simulation, model: Model, kernel: str, loss: Loss, plan: Plan, speed: float, report: StepReport
) -> Course:
    grid = sim.add(model, plan.size, kernel)
    try:
        evaluation.grid_loss(grid, loss)  # raises before any step if the pictures are too small
        with sim.engine.world.telling_once():
            found = [_Rollout(sim, grid, loss, plan, plan.seed + k, report) for k in range(plan.rollouts)]
    finally:
        sim.submit(commands.RemoveGrid(grid.id))
    loss_, length, moves, changes, healing, bands = (
        np.array([getattr(each, name) for each in found])
        for name in ("loss", "length", "moves", "changes", "healing", "spectrum")
    )
    return Course(kernel, loss_, length, moves, changes, healing, bands, speed, tuple(found[0].pictures))


class _Rollout:
    """One rollout, which is made and measured at once."""

    def __init__(self, sim: Simulation, grid: Grid, loss: Loss, plan: Plan, seed: int, report: StepReport) -> None:
        self._measure, self._grid = loss, grid
        self.loss: list[float] = []
        self.length: list[float] = []
        self.moves: list[float] = []
        self.changes: list[float] = []
        self.pictures: list[U8] = []
        scale = 1 if grid.kernel.basis == ((1.0, 0.0), (0.0, 1.0)) else 2  # cells of other shapes need more pixels
        sim.submit(commands.Reseed(grid.id, seed))
        before: dict[int, F32] = {}
        earlier = {max(moment - APART, 0) for moment in plan.moments}
        for step in run_to(sim, grid, sorted({*plan.moments, *earlier}), report):
            screen = evaluation.grid_picture(grid)
            if step in plan.moments:
                self._look(screen, before[max(step - APART, 0)], min(APART, step))
            if step in earlier:
                before[step] = _array(screen)
            if step in plan.steps:
                self.pictures.append(grid.image(scale))
        self.spectrum = measures.spectrum(_array(screen))
        self.healing = self._heal(sim, plan, scale, report)

    def _look(self, screen: torch.Tensor, before: F32, apart: int) -> None:
        """Measure a moment."""
        picture = _array(screen)
        known = np.isfinite(picture).all() and np.isfinite(before).all()
        self.loss.append(evaluation.picture_loss(screen, self._measure))
        self.length.append(measures.correlation_length(picture) if known else np.nan)
        self.moves.append(measures.movement(before, picture) / apart if known else np.nan)
        self.changes.append(float(np.abs(picture - before).mean()) if known else np.nan)

    def _heal(self, sim: Simulation, plan: Plan, scale: int, report: StepReport) -> list[float]:
        """Cut a hole, and return the losses from then on."""
        evaluation.cut_hole(sim, self._grid)
        start, found = self._grid.step, []
        for step in run_to(sim, self._grid, [start + after for after in plan.healing], report):
            found.append(evaluation.grid_loss(self._grid, self._measure))
            if step in (start, start + plan.heal):
                self.pictures.append(self._grid.image(scale))
        return found


def _array(screen: torch.Tensor) -> F32:
    found: F32 = screen[0].permute(1, 2, 0).numpy()
    return found


def _between(first: int, last: int, steps: Sequence[int]) -> tuple[int, ...]:
    """Return `steps`, and from `first` to `last` about two numbers a decade."""
    decades = [first * 10**k * factor for k in range(9) for factor in (1, 3)]
    return tuple(sorted({*steps, *(step for step in decades if step < last)}))


def as_json(value: Any) -> Any:
    """Return a part of a report as JSON holds it; numbers that are not finite become None."""
    if is_dataclass(value):
        kept = [f.name for f in fields(value) if f.metadata.get("json", True)]
        return {name: as_json(getattr(value, name)) for name in kept}
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, dict):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
