"""The records of a grid's models, with what their functions work on."""

from typing import Any

import numpy as np

from ncaengine.backends.cpu import tables
from ncaengine.backends.cpu.firing import BATCH, QUEUE
from ncaengine.backends.cpu.neighbours import coarse_scales, reach
from ncaengine.backends.cpu.network import hidden_stride, packed_weights
from ncaengine.backends.cpu.perception import applied_stencils, input_stride
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.records import SAMPLE, SCALE, SLOT, Numbers, as_number, fill
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model, Padding


class Slot:
    """One model of a grid of a certain size.

    record: see records.SLOT.
    scratch: the int32 numbers that a thread's scratch memory takes.
    """

    def __init__(self, model: Model, kernel: Kernel, size: tuple[int, int], framed: bool, width: Width) -> None:
        config = model.config
        self.record = np.zeros(len(SLOT), np.int64)
        self._kept: list[Any] = [packed_weights(model, width)]  # what the record holds addresses of
        inputs = QUEUE
        diffused = inputs + BATCH * input_stride(config, width.lanes)
        hidden = diffused + BATCH * config.channels * bool(config.diffusion)
        self.scratch = hidden + BATCH * hidden_stride(config, width.lanes)
        scales = [self._scale(config, kernel, size, framed, scale) for scale in coarse_scales(config)]
        coarse = np.array([as_number(record) for record in scales] or [0], np.int64)
        self._kept += [*scales, coarse]
        fill(
            self.record, SLOT, weights=self._kept[0], inputs=inputs, diffused=diffused, hidden=hidden, coarse=coarse
        )  # fmt: skip

    def _scale(self, config: Config, kernel: Kernel, size: tuple[int, int], framed: bool, scale: int) -> Numbers:
        width, height = (max(side >> scale, 1) for side in size)
        record = np.zeros(len(SCALE), np.int64)
        state = np.zeros((width * height + 1, config.channels), np.float32)
        results = np.zeros((width * height, len(applied_stencils(config, framed)), config.channels), np.float32)
        far = reach(config, kernel)
        near = tables.near(width, height, config.padding, kernel, far)
        shrink = self._sample(config, kernel, size, (width, height))
        enlarge = self._sample(config, kernel, (width, height), size)
        self._kept += [state, results, near]
        fill(
            record, SCALE, state=state, results=results, width=width, height=height, shrink=shrink, enlarge=enlarge,
            reach=far, **near._asdict(),
        )  # fmt: skip
        return record

    def _sample(self, config: Config, kernel: Kernel, old: tuple[int, int], new: tuple[int, int]) -> Numbers:
        record = np.zeros(len(SAMPLE), np.int64)
        padding: Padding = "circular" if config.padding == "circular" else "replicate"
        near, sample = tables.near(*old, padding, kernel, 1), tables.sample(*old, *new)
        self._kept += [record, near, sample]
        fill(record, SAMPLE, **near._asdict(), **sample._asdict())
        return record
