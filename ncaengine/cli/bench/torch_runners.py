"""The runners of `ncaengine bench` that step in torch, in three ways."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ncaengine.backends.reference import Reference
from ncaengine.cli.bench.host_info import Processor
from ncaengine.cli.bench.runners import TOLERANCE
from ncaengine.core import stencils
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
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


@dataclass(frozen=True)
class TorchLoop:
    """One way to step in torch."""

    step: Callable[[Tensor, Tensor], Tensor]
    """Returns the next state, given a state and the cells that fire."""
    draw: Callable[[], Tensor]
    """Draws the cells that fire at random, in the form that `step` takes."""
    fires: Callable[[Tensor], Tensor]
    """Turns that form into (1, 1, height, width), 1 for cells that fire, else 0."""
    channels_last: bool
    """Whether channels are a state's last dimension instead of its second."""


class TorchRunner:
    """A loop in torch, on a GPU if CUDA is available."""

    tolerance = TOLERANCE

    def __init__(self, name: str, model: Model, kernel: Kernel, size: Size) -> None:
        self.device, self.fire_rate = torch_device(), model.config.fire_rate
        self.processor: Processor = "cuda" if self.device.type == "cuda" else "cpu"
        torch.backends.cudnn.allow_tf32 = False  # convolutions of 11 bits would not compute what the others do
        if unusual := unusual_settings(model.config):
            raise NCAError(
                f"it runs only models like those of the article's notebook; this one has other {unusual[0]}."
            )
        if min(size) < kernel.radius:
            raise NCAError(f"it needs grids of at least {kernel.radius} cells per side.")
        nca = Reference(model, kernel).requires_grad_(False).to(self.device)
        self._loop = LOOPS[name](nca, size)
        self._mask = self._loop.draw()
        self._x: Tensor | None = None

    @torch.no_grad()
    def step_once(self, x: Tensor) -> Tensor:
        """See Runner."""
        x = x.to(self.device)
        x = x.permute(0, 2, 3, 1).contiguous() if self._loop.channels_last else x
        self._x = y = self._loop.step(x, self._mask)
        return (y.permute(0, 3, 1, 2) if self._loop.channels_last else y).cpu()

    @torch.no_grad()
    def step_reference(self, reference: Reference, x: Tensor) -> Tensor:
        """See Runner."""
        y: Tensor = reference(x, self._loop.fires(self._mask).cpu().to(x.dtype))
        return y

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """See Runner."""
        x, step, draw = self._x, self._loop.step, self._loop.draw
        assert x is not None
        for _ in range(steps):
            x = step(x, draw())
        self._x = x
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def release(self) -> None:
        """See Runner."""
        self._x = None
        # torch keeps only a few compiled versions of a function, then stops compiling; each size is a version.
        torch._dynamo.reset()


def torch_device() -> torch.device:
    """Return the device that torch's runners use."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def notebook_loop(nca: Reference, size: Size) -> TorchLoop:
    """Return the loop of the article's PyTorch notebook as it is written there: eager, every cell computed.

    Only the filters' gains are the model's, and w2 has a bias if the model has one.
    """
    (width, height), channels, features = size, nca.config.channels, nca.config.features
    kernel, r = nca.kernel, stencils.radius(nca.config, nca.kernel)
    if kernel.row_shift(height) % width:
        raise NCAError(f"its padding, the notebook's, does not fit the skewed lattice {kernel.name}.")
    dense = [f.gain * torch.from_numpy(stencils.dense(nca.config, kernel, f.stencil)) for f in features]
    filters = torch.stack(dense)[:, None].to(nca.w1)
    # The notebook orders w1 by channel, then by filter; here it is by filter, then by channel.
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

    return TorchLoop(step, draw, lambda mask: mask, channels_last=False)


def compiled_loop(nca: Reference, size: Size) -> TorchLoop:
    """Return the same, as fast as torch.compile makes it: channels last, a term per tap, every cell computed."""
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

    return TorchLoop(compile_function(step), lambda: _coins(height, width, nca.w1.device), fires, channels_last=True)


def paired_loop(nca: Reference, size: Size) -> TorchLoop:
    """Return the step of the training without its backward pass.

    Only one of the cells (x, y) and (x, y + height/2) is computed.
    """
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

    return TorchLoop(
        compile_function(step), lambda: _coins(height // 2, width, nca.w1.device), fires, channels_last=True
    )


LOOPS: dict[str, Callable[[Reference, Size], TorchLoop]] = {
    "torch": notebook_loop,
    "torch-compile": compiled_loop,
    "torch-compile-pairs": paired_loop,
}


def _check_compiler(nca: Reference) -> None:
    if not can_compile(nca.w1.device):
        raise NCAError("torch.compile needs a C++ compiler; none was found.")


def _coins(height: int, width: int, device: torch.device) -> Tensor:
    """Draw (1, height, width, 1) int8 whose lowest bits are fair coins; about twenty times as fast as torch.rand."""
    words = torch.empty(-(-height * width // 8), dtype=torch.int64, device=device).random_()
    return words.view(torch.int8)[: height * width].view(1, height, width, 1)
