"""One grid on the processor: two states in main memory, and the plan of its steps."""

from collections.abc import Sequence

import numpy as np

from ncaengine.backends.cpu.plan import Plan
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core import canvas, stencils
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.states import check_models
from ncaengine.core.types import F32, I32, U8


class CPUCells:
    """See base.Cells."""

    def __init__(self, programs: Programs, workers: Workers) -> None:
        self._programs, self._workers = programs, workers
        self._models: list[Model] = []
        self._kernel: Kernel | None = None
        self._shape = (0, 0, 0)
        self._states: list[F32] = []  # flat, with a cell of zeros at the end
        self._odd = 0  # which of them is the present one
        self._stepped = False
        self._fields: F32 | None = None
        self._plan: Plan | None = None

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        models = [model, *others]
        check_models(models)
        for each in models:
            stencils.require(each.config, kernel)
        self._models, self._kernel, self._plan = models, kernel, None

    def write(self, state: F32) -> None:
        if state.shape != self._shape:
            height, width, channels = state.shape
            self._states = [np.zeros((width * height + 1, channels), np.float32) for _ in range(2)]
            self._shape, self._plan = (height, width, channels), None
        self._odd, self._stepped = 0, False
        self._now[...] = state

    @property
    def _now(self) -> F32:
        return self._state(self._odd)

    def _state(self, number: int) -> F32:
        return self._states[number][:-1].reshape(self._shape)

    def read(self) -> F32:
        return self._now.copy()

    def write_fields(self, fields: F32 | None) -> None:
        self._fields = None if fields is None else np.array(fields, np.float32, order="C")
        self._plan = None

    def read_cells(self, cells: I32) -> F32:
        return self._now[cells[:, 1], cells[:, 0]]

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        column, row = cells.T
        part = self._now[..., : target.shape[1]]
        old, share = part[row, column], weight[:, None]
        part[row, column] = np.where(share == 1, target, old + share * (target - old))

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        assert self._kernel is not None
        if self._plan is None or not self._plan.serves(settings):
            self._plan = Plan(
                self._programs, self._models, self._kernel, self._states, self._shape, self._fields, settings
            )
        self._plan.step(self._workers, number, rng_seed, self._odd)
        self._odd ^= 1
        self._stepped = True

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        assert self._kernel is not None
        before = self._state(self._odd ^ self._stepped)
        return canvas.draw(
            self._now, self._kernel, self._models[0].config.colour, view, look, before, self._fields, lines
        )

    def release(self) -> None:
        self._states, self._shape, self._fields, self._plan = [], (0, 0, 0), None, None
