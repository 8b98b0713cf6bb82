"""Steps of models with an integrator other than Euler's: a plan of Euler steps, and their sums in NumPy."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np

from ncaengine.backends.cpu.plan import Plan
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core.integration import finish, integrate, stage_config
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32


class IntegratedPlan:
    """See plan.Plan."""

    def __init__(
        self, programs: Programs, models: Sequence[Model], kernel: Kernel, states: Sequence[F32],
        shape: tuple[int, int, int], fields: F32 | None, settings: Settings,
    ) -> None:  # fmt: skip
        """Compile what is missing; see Plan."""
        self._config, self._kernel, self._states, self._shape = models[0].config, kernel, states, shape
        stages = [dataclasses.replace(model, config=stage_config(model.config)) for model in models]
        self._within = [np.zeros_like(state) for state in states]  # what an Euler step reads and writes
        self._plan = Plan(programs, stages, kernel, self._within, shape, fields, settings)
        self.serves = self._plan.serves

    def step(self, workers: Workers, number: int, rng_seed: int, odd: int, count: int, threads: int) -> None:
        """Make some steps; see Plan.step."""
        for made in range(count):
            before, after = (self._states[(odd + made + k) & 1][:-1].reshape(self._shape) for k in (0, 1))
            euler = partial(self._euler, workers, number + made, rng_seed, threads)
            after[...] = finish(integrate(self._config.integrator, before, euler), before, self._config, self._kernel)

    def _euler(self, workers: Workers, number: int, rng_seed: int, threads: int, state: F32) -> F32:
        self._within[0][:-1] = state.reshape(-1, self._shape[2])
        self._plan.step(workers, number, rng_seed, 0, 1, threads)
        return self._within[1][:-1].reshape(self._shape).copy()
