"""What `ncaengine bench` times: steps of one model by this engine, and by torch in three ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.backends.reference import Reference
from ncaengine.cli.bench.host_info import Processor
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import SETTINGS, Settings, with_setting
from ncaengine.core.types import Size
from ncaengine.training.step import (
    apply_stencil,
    can_compile,
    compile_function,
    paired_forward,
    taps_of,
    unusual_settings,
    wrap_torus,
)

DIFFERENCES: dict[str, Mapping[str, float | bool]] = {
    "gl": {},
    "gl-bernoulli": {"antithetic": False},
    "gl-all": {"fire_rate": 1.0},
    "gl-half": {},
}
"""How the settings of this engine's contenders differ from those that a grid starts with."""
HALF = "gl-half"
"""The one whose states are float16."""
TOLERANCE, ROUNDING = 1e-5, 2**-11
"""Differences from the reference, as a share of the largest number in its state: by the order of summation, and by
rounding to float16."""
RNG_SEED = 7


class Contender(Protocol):
    """One way to step a grid. States are (1, channels, height, width) float32 on the CPU."""

    processor: Processor
    fire_rate: float
    """The share of the cells that fire in a step."""
    tolerance: float
    """The largest difference from the reference, as a share of the largest number in its state."""

    def once(self, x: Tensor) -> Tensor:
        """One step of a state; `run` goes on from what comes out."""

    def expected(self, nca: Reference, x: Tensor) -> Tensor:
        """What the reference makes of a state in one step if the same cells fire as in `once`."""

    def run(self, steps: int) -> None:
        """Make so many steps; all of them are done when it returns."""

    def release(self) -> None:
        """Give the memory back."""


class Engine:
    """Our own step, on OpenGL."""

    def __init__(self, name: str, backend: GLBackend, model: Model, kernel: Kernel) -> None:
        settings = Settings(fire_rate=model.config.fire_rate)
        for setting, value in DIFFERENCES[name].items():
            if setting not in SETTINGS:
                raise NCAError(f"it is what gl does here, for this version has no setting {setting!r}.")
            settings = with_setting(settings, setting, value)
        self._half = name == HALF
        self._backend = GLBackend(Device(backend.device.ctx, half=True)) if self._half else backend
        self.fire_rate, self._settings, self._number = settings.fire_rate, settings, 0
        self.tolerance = TOLERANCE + ROUNDING * self._half
        self.processor: Processor = "cpu" if backend.device.form == "unrolled" else "gpu"
        self._cells = self._backend.cells()
        self._cells.specialise(model, kernel)

    def once(self, x: Tensor) -> Tensor:
        """See Contender."""
        self._cells.write(x[0].permute(1, 2, 0).numpy())
        self._number = 0
        self.run(1)
        return torch.from_numpy(self._cells.read()).permute(2, 0, 1)[None]

    def expected(self, nca: Reference, x: Tensor) -> Tensor:
        """See Contender."""
        return nca.step(
            x.half().float() if self._half else x, 0, RNG_SEED, self._settings
        )  # from what `once` begins with

    def run(self, steps: int) -> None:
        """See Contender."""
        for number in range(self._number, self._number + steps):
            self._cells.step(number, RNG_SEED, self._settings)
        self._number += steps
        self._backend.finish()

    def release(self) -> None:
        """See Contender."""
        self._cells.release()
        if self._half:
            self._backend.release()


@dataclass(frozen=True)
class Loop:
    """A way to step in torch.

    step: of a state and of the cells that fire. draw: these cells, by chance, in the form that `step` takes. fires: the
    same as (1, 1, height, width), 1 for those that fire. last: channels are a state's last dimension, not its second.
    """

    step: Callable[[Tensor, Tensor], Tensor]
    draw: Callable[[], Tensor]
    fires: Callable[[Tensor], Tensor]
    last: bool


class Torch:
    """A loop in torch, on a GPU if CUDA is there."""

    tolerance = TOLERANCE

    def __init__(self, name: str, model: Model, kernel: Kernel, size: Size) -> None:
        self.device, self.fire_rate = device(), model.config.fire_rate
        self.processor: Processor = "cuda" if self.device.type == "cuda" else "cpu"
        if odd := unusual_settings(model.config):
            raise NCAError(f"it runs models like those of the article's notebook; this one has other {odd[0]}.")
        if min(size) < kernel.radius:
            raise NCAError(f"it needs grids of at least {kernel.radius} cells a side.")
        nca = Reference(model, kernel).requires_grad_(False).to(self.device)
        self._loop = LOOPS[name](nca, size)
        self._mask = self._loop.draw()
        self._x: Tensor | None = None

    @torch.no_grad()
    def once(self, x: Tensor) -> Tensor:
        """See Contender."""
        x = x.to(self.device)
        x = x.permute(0, 2, 3, 1).contiguous() if self._loop.last else x
        self._x = y = self._loop.step(x, self._mask)
        return (y.permute(0, 3, 1, 2) if self._loop.last else y).cpu()

    @torch.no_grad()
    def expected(self, nca: Reference, x: Tensor) -> Tensor:
        """See Contender."""
        y: Tensor = nca(x, self._loop.fires(self._mask).cpu().to(x.dtype))
        return y

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """See Contender."""
        x, step, draw = self._x, self._loop.step, self._loop.draw
        assert x is not None
        for _ in range(steps):
            x = step(x, draw())
        self._x = x
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def release(self) -> None:
        """See Contender."""
        self._x = None


def device() -> torch.device:
    """Where torch's contenders run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def notebook(nca: Reference, size: Size) -> Loop:
    """The loop of the article's PyTorch notebook, as it is written there: eager, every cell computed.

    Only the filters' gains are the model's, and w2 has a bias if the model has any.
    """
    (width, height), channels, features = size, nca.config.channels, nca.config.features
    kernel, r = nca.kernel, nca.kernel.radius
    if kernel.row_shift(height) % width:
        raise NCAError(f"it pads as the notebook does, which closes no torus of the lattice {kernel.name}.")
    filters = torch.stack([f.gain * torch.from_numpy(kernel.dense(f.stencil)) for f in features])[:, None].to(nca.w1)
    # There the filters of a channel follow each other; here the channels of a filter do.
    w1 = nca.w1.reshape(-1, len(features), channels).transpose(1, 2).reshape(nca.w1.shape)[:, :, None, None]
    w2, b2 = nca.w2[:, :, None, None], nca.b2 if nca.b2.any() else None

    def step(x: Tensor, mask: Tensor) -> Tensor:
        b, c, h, w = x.shape
        y = nn.functional.pad(x.reshape(b * c, 1, h, w), [r, r, r, r], "circular")
        y = nn.functional.conv2d(y, filters).reshape(b, -1, h, w)
        y = nn.functional.conv2d(torch.relu(nn.functional.conv2d(y, w1, nca.b1)), w2, b2)
        return x + y * mask

    def draw() -> Tensor:
        return (torch.rand(1, 1, height, width, device=nca.w1.device) + nca.config.fire_rate).floor()

    return Loop(step, draw, lambda mask: mask, last=False)


def whole(nca: Reference, size: Size) -> Loop:
    """The same as fast as torch.compile makes it: channels last, each tap a term of its own, every cell computed."""
    _check_compiler(nca)
    (width, height), radius, taps = size, nca.kernel.radius, taps_of(nca)
    shift = nca.kernel.row_shift(height)

    def step(x: Tensor, coins: Tensor) -> Tensor:
        padded = wrap_torus(x, radius, shift)
        perceived = torch.cat([apply_stencil(padded, radius, t, 1) for t in taps], -1).view(height * width, -1)
        hidden = torch.relu(torch.addmm(nca.b1, perceived, nca.w1.T))
        update = torch.addmm(nca.b2, hidden, nca.w2.T).view(x.shape)
        return torch.where(coins & 1 > 0, x + update, x)

    def fires(coins: Tensor) -> Tensor:
        return (coins & 1).permute(0, 3, 1, 2)

    return Loop(compile_function(step), lambda: _coins(height, width, nca.w1.device), fires, last=True)


def pairs(nca: Reference, size: Size) -> Loop:
    """The step of the training without its backward pass: of the cells (x, y) and (x, y + height/2) one is computed."""
    _check_compiler(nca)
    width, height = size
    if height % 2:
        raise NCAError("it needs an even number of rows.")
    forward = paired_forward(nca.kernel.radius, nca.kernel, taps_of(nca))

    def step(x: Tensor, coins: Tensor) -> Tensor:
        return forward(x, coins & 1 > 0, nca.w1, nca.b1, nca.w2, nca.b2)[0]

    def fires(coins: Tensor) -> Tensor:
        upper = (coins & 1).permute(0, 3, 1, 2)
        return torch.cat([upper, 1 - upper], 2)

    return Loop(compile_function(step), lambda: _coins(height // 2, width, nca.w1.device), fires, last=True)


LOOPS: dict[str, Callable[[Reference, Size], Loop]] = {
    "torch": notebook,
    "torch-compile": whole,
    "torch-compile-pairs": pairs,
}
NAMES = (*DIFFERENCES, *LOOPS)


def _check_compiler(nca: Reference) -> None:
    if not can_compile(nca.w1.device):
        raise NCAError("torch.compile needs a C++ compiler, and there is none here.")


def _coins(height: int, width: int, device: torch.device) -> Tensor:
    """(1, height, width, 1) int8, whose lowest bits are coins: some twenty times as fast as torch.rand."""
    words = torch.empty(-(-height * width // 8), dtype=torch.int64, device=device).random_()
    return words.view(torch.int8)[: height * width].view(1, height, width, 1)
