"""How to train in a given time: the grids' size, the batch, the number of iterations and the model to start from."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ncaengine import backends
from ncaengine.core.kernels import Catalogue
from ncaengine.core.texts import plural
from ncaengine.formats import model_files
from ncaengine.simulation.simulation import Simulation
from ncaengine.training.config import TrainingSettings, seconds_of
from ncaengine.training.evaluation import EvaluationPlan, evaluate
from ncaengine.training.losses import Loss

PLAIN = "20m"
"""The budget of a training without a GPU, if nothing is said."""
GPU_ITERATIONS = 5000
"""The article's notebook's number of iterations, for a GPU."""
RUNGS = ((64, 1, 0), (96, 1, 500), (96, 2, 2500), (128, 4, 2500))
"""Sides of the grids, batches, and the iterations that each must leave, after some trainings of 5 to 35 minutes. The
work of an iteration grows with side² · batch."""
COMPILED = 2.0
"""How many times as fast iterations are once they are compiled: 2.0 to 2.7 on an AMD EPYC (Zen 4)."""
COMPILING = 20.0
"""The seconds that compiling takes; the first time more."""
GROWN = 300
"""Steps that a shipped model makes before its picture is compared with a target."""
EARLIER = 1000
"""The most iterations that the weights of a shipped model replace, roughly."""
QUALITY = (
    (1500, "the colours and a rough form of the texture; a longer --budget makes it clear"),
    (3500, "a recognisable texture; a longer --budget makes it crisper"),
    (10**9, "a texture about as good as the shipped models"),
)
"""What to expect of so many iterations at most, judged by eye after some trainings."""


def with_length(settings: TrainingSettings, gpu: bool) -> TrainingSettings:
    """Return the settings with iterations or a budget. gpu: whether the device is one. Raises NCAError."""
    settings.check_length()
    if settings.iterations or settings.budget:
        return settings
    return replace(settings, iterations=GPU_ITERATIONS) if gpu else replace(settings, budget=PLAIN)


def planned(settings: TrainingSettings, seconds: float, trial: Callable[[TrainingSettings], float]) -> TrainingSettings:
    """Return the settings with everything chosen that was left open: size, batch, and iterations if there is a budget.

    seconds: what is left of the budget for iterations.
    trial: returns the seconds of an iteration with some settings.
    """
    s = settings
    if s.iterations:
        return replace(s, size=s.size or 128, batch=s.batch or 4)
    rungs = [rung for rung in RUNGS if s.size in (0, rung[0]) and s.batch in (0, rung[1])]
    chosen: TrainingSettings | None = None
    each = 0.0  # seconds for each cell
    for size, batch, enough in rungs or [(s.size or 64, s.batch or 2, 0)]:
        option = replace(s, size=size, batch=batch, iterations=1)
        each = each or trial(option) / _work(option)
        option = replace(option, iterations=max(1, round(seconds / each / _work(option))))
        if chosen is None or option.iterations >= enough:
            chosen = option
    assert chosen
    return chosen


def _work(settings: TrainingSettings) -> int:
    """Return the cells of an iteration."""
    return settings.size**2 * settings.batch


def expectation(settings: TrainingSettings, start: str, said: bool, textures: int = 1) -> str:
    """Return a line on what a training will do, and how good its texture will be.

    settings: with everything chosen.
    start: the model whose weights it starts from, '' for none.
    said: whether the user gave the budget.
    textures: how many textures the model learns.
    """
    s = settings
    head_start = min(EARLIER, s.iterations) if start else 0
    quality = next(text for most, text in QUALITY if s.iterations / max(textures, 1) + head_start <= most)
    why = "" if said else ", because there is no GPU and no --budget"
    origin = f", from the weights of {start}" if start else ""
    return (
        f"Training for {s.budget}{why}: about {plural(s.iterations, 'iteration')} with "
        f"{plural(s.batch, 'grid')} of {s.size}x{s.size}{origin}. Expect {quality}."
    )


class Clock:
    """How much of a budget is spent, and how many iterations fit into the rest."""

    def __init__(self, budget: str, spent: float = 0.0, begun: float | None = None) -> None:
        """Start.

        budget: the whole time, see `config.seconds_of`.
        spent: seconds that were spent before, by a run that is resumed.
        begun: when this run began, as time.monotonic() says; None for now.
        """
        self.budget, self._before = seconds_of(budget), spent
        self._begun = time.monotonic() if begun is None else begun
        self._first: tuple[int, float] | None = None

    @property
    def spent(self) -> float:
        """The seconds spent so far."""
        return self._before + time.monotonic() - self._begun

    def iterations(self, iteration: int, planned: int) -> int:
        """Return how many iterations the whole training has, `iteration` of them made.

        planned: what was thought before; it stays until two iterations were timed.
        """
        now = self.spent
        if now >= self.budget:
            return iteration
        if self._first is None:  # the first iteration compiles, so time counts from its end
            self._first = iteration, now
        first, since = self._first
        if iteration < first + 2:
            return max(planned, iteration + 1)
        each = (now - since) / (iteration - first)
        return iteration + max(1, round((self.budget - now) / each))


def timed(iterate: Callable[[], object]) -> float:
    """Return the seconds of a call, the shorter of two."""
    times = []
    for _ in range(2):
        before = time.monotonic()
        iterate()
        times.append(time.monotonic() - before)
    return min(times)


def nearest_model(
    loss: Loss, device: torch.device, settings: TrainingSettings, catalogue: Catalogue | None = None
) -> Path | None:
    """Return the file of the shipped model whose grown picture has the lowest loss.

    loss: compares with the target, on `device`.
    catalogue: the kernels to choose from.
    settings: the model must have their stencils and at most their channels and hidden units; None is returned if no
        model has.
    """

    def compare(pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:  # pictures of the engine
        return loss(pictures.to(device), torch.Generator(device).manual_seed(0))

    wanted = settings.model_config("wanted")
    plan = EvaluationPlan(settings.kernels[0], (64, 64), (GROWN,), rollouts=1)
    found: list[tuple[float, Path]] = []
    backend = backends.best_without_gpu()[0]
    sim = Simulation(backend, catalogue)
    try:
        for path in model_files.shipped_models():
            config = (model := model_files.load(path)).config
            fits = config.channels <= wanted.channels and config.hidden <= wanted.hidden  # smaller ones are widened
            if fits and (config.features, config.extra) == (wanted.features, wanted.extra):
                found.append((float(evaluate(sim, model, compare, plan).losses.mean()), path))
    finally:
        sim.release()
        backend.release()
    return min(found)[1] if found else None
