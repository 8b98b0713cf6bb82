"""The runners that `ncaengine bench` times: what all can do, and those of this engine, which need no torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device, has_gpu
from ncaengine.cli.bench.host_info import Processor
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings, with_setting
from ncaengine.core.types import F32

if TYPE_CHECKING:
    from torch import Tensor

    from ncaengine.backends.reference import Reference

DIFFERENCES: dict[str, Mapping[str, float | bool]] = {
    "": {},
    "bernoulli": {"antithetic": False},
    "all": {"fire_rate": 1.0},
    "half": {},
    "fragment": {},
}
"""How the settings of this engine's runners, "gl-bernoulli" and others, differ from those that a grid starts with."""
TOLERANCE, ROUNDING = 1e-5, 2**-11
"""Allowed differences from the reference, as a share of the largest number in its state: from the order of summation,
and from rounding to float16."""
RNG_SEED = 7


class Runner(Protocol):
    """One way to step a grid. States are (1, channels, height, width) float32 on the CPU."""

    processor: Processor
    """What computes."""
    fire_rate: float
    """Share of the cells that fire in a step, 0 to 1."""
    tolerance: float
    """Largest allowed difference from the reference, as a share of the largest number in its state."""

    def step_once(self, x: "Tensor") -> "Tensor":
        """Return a state after one step; `run` continues from the result."""

    def step_reference(self, reference: "Reference", x: "Tensor") -> "Tensor":
        """Return a state after one step of the reference in which the same cells fire as in `step_once`."""

    def run(self, steps: int) -> None:
        """Make `steps` steps and wait until they are done."""

    def release(self) -> None:
        """Free the memory."""


class EngineRunner:
    """The step of ncaengine."""

    def __init__(self, variant: str, backend: Backend, model: Model, kernel: Kernel) -> None:
        """Take one of DIFFERENCES."""
        settings = Settings(fire_rate=model.config.fire_rate)
        for setting, value in DIFFERENCES[variant].items():
            settings = with_setting(settings, setting, value)
        self._half = variant == "half"
        self._owns = variant in ("half", "fragment")
        if self._owns and isinstance(backend, GLBackend):
            backend = GLBackend(Device(backend.device.ctx, half=self._half, fragment=not self._half or None))
        self._backend = backend
        self.fire_rate, self._settings, self._number = settings.fire_rate, settings, 0
        self.tolerance = TOLERANCE + ROUNDING * self._half
        on_gpu = isinstance(backend, GLBackend) and has_gpu(backend.device.ctx)
        self.processor: Processor = "gpu" if on_gpu else "cpu"
        self._cells = self._backend.cells()
        self._cells.specialise(model, kernel)

    def step_once(self, x: "Tensor") -> "Tensor":
        """See Runner."""
        import torch

        self.start(x[0].permute(1, 2, 0).numpy())
        self.run(1)
        return torch.from_numpy(self._cells.read()).permute(2, 0, 1)[None]

    def start(self, state: F32) -> None:
        """Start from a state, (height, width, channels)."""
        self._cells.write(state)
        self._number = 0

    def step_reference(self, reference: "Reference", x: "Tensor") -> "Tensor":
        """See Runner."""
        start = x.half().float() if self._half else x  # what `step_once` starts from
        return reference.step(start, 0, RNG_SEED, self._settings)

    def run(self, steps: int) -> None:
        """See Runner."""
        for number in range(self._number, self._number + steps):
            self._cells.step(number, RNG_SEED, self._settings)
        self._number += steps
        self._backend.finish()

    def release(self) -> None:
        """See Runner."""
        self._cells.release()
        if self._owns:
            self._backend.release()
