"""A step for training: it computes what the reference does for a batch, with a backward pass of its own.

The cells (x, y) and (x, y + height/2) form a pair of which exactly one fires. Perception and network then run
for only half of the cells, gathered into one matrix. Within any window of less than half the height, cells
still fire by independent coin flips, as in the reference at a fire rate of ½. (Measured: pairs of adjacent
cells break textures; pairs half a grid apart do not.)
"""

import logging
import shutil
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from ncaengine.backends.reference import Reference
from ncaengine.core import embedding_inputs, embeddings, files, stencils
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config

Taps = list[tuple[int, int, float]]
"""A stencil times its gain: (row, column, weight), with row and column relative to the cell."""
_FAST_STEP_NEEDS_DEFAULT = (
    "clips", "activation", "padding", "fire_rate", "firing", "absolute", "scales", "diffusion", "alive", "stencils",
    "integrator",
)  # fmt: skip
"""Fields of Config that must have their defaults, the article's notebook's values, for the paired step."""


class TrainingStep(Protocol):
    """A step whose firing cells are drawn beforehand, so that a rollout can be computed again."""

    def mask(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw the cells that fire, in the form that this step needs."""

    def __call__(self, x: Tensor, mask: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Return the states (batch, channels, size, size) float32 after one step from `x`, of the same shape.

        embedding: each cell's, (batch, numbers, size, size); None for the model's first texture.
        """


def make_step(nca: Reference, size: int, compiled: bool, precision: torch.dtype = torch.float32) -> TrainingStep:
    """Return the fastest step that computes what `nca` does, on square grids with sides of `size` cells.

    precision: of the numbers that the net multiplies, if the step can choose.
    """
    if unusual_settings(nca.config) or size % 2:
        return ReferenceStep(nca, size)
    return PairedStep(nca, size, compiled, precision)


def unusual_settings(config: Config) -> list[str]:
    """Return the fields of Config that differ from the article's notebook; a model with any has no paired step."""
    usual = Config()
    found = [name for name in _FAST_STEP_NEEDS_DEFAULT if getattr(config, name) != getattr(usual, name)]
    partial = any(feature.channels is not None for feature in config.features)
    other = set(config.extra) - set(embedding_inputs.NAMES)
    return found + ["features"] * partial + ["hidden"] * (not config.hidden) + ["extra"] * bool(other)


def can_compile(device: torch.device) -> bool:
    """Return whether torch.compile has what it needs: a C++ compiler for CPUs, Triton for NVIDIA's GPUs."""
    if device.type == "cuda":
        return True
    return device.type == "cpu" and any(map(shutil.which, ("c++", "g++", "clang++")))


class ReferenceStep:
    """The reference itself; each cell flips its own coin."""

    def __init__(self, nca: Reference, size: int) -> None:
        self.nca, self.size = nca, size

    def mask(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw (batch, 1 or channels, size, size) float32: 1 where a cell, or a channel of it, fires, else 0."""
        c = self.nca.config
        each = c.channels if c.firing == "channel" else 1
        coins = torch.rand(batch, each, self.size, self.size, generator=generator, device=generator.device)
        return (coins < c.fire_rate).float()

    def __call__(self, x: Tensor, mask: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Make one step, see `TrainingStep`."""
        return cast(Tensor, self.nca(x, mask, None, embedding))


class PairedStep:
    """The step on half of the cells. Needs an even size and a model without `unusual_settings`."""

    def __init__(self, nca: Reference, size: int, compiled: bool, precision: torch.dtype) -> None:
        self.nca, self.size, self.precision = nca, size, precision
        self.function = _function(nca.kernel, nca.config.channels, taps_of(nca), compiled)

    def mask(self, batch: int, generator: torch.Generator) -> Tensor:
        """Draw (batch, size/2, size, 1) bool: True where the upper cell of a pair fires, else the lower one does."""
        coins = torch.rand(batch, self.size // 2, self.size, 1, generator=generator, device=generator.device)
        return coins < 0.5

    def __call__(self, x: Tensor, mask: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Make one step, see `TrainingStep`."""
        n = self.nca
        if embedding is None and n.config.extra:
            embedding = x.new_tensor(embeddings.first(n.config))[:, None, None].expand(len(x), -1, *x.shape[2:])
        last = None if embedding is None else embedding.permute(0, 2, 3, 1).contiguous()
        weights = (weight.to(self.precision) for weight in (n.w1, n.b1, n.w2, n.b2))
        y = self.function.apply(x.permute(0, 2, 3, 1).contiguous(), mask, *weights, last)
        return cast(Tensor, y.permute(0, 3, 1, 2))


def taps_of(nca: Reference) -> list[Taps]:
    """Return the taps of each feature."""
    c, kernel = nca.config, nca.kernel
    return [[(i, j, w * f.gain) for i, j, w in stencils.taps(c, kernel, f.stencil)] for f in c.features]


def compile_function(piece: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, to be compiled at its first call for the shapes of that call.

    Where that fails, as on a full disk, it runs as it is, more slowly, and a warning says so.
    """
    best: Callable[..., Any] | None = None

    def call(*arguments: Any) -> Any:
        nonlocal best
        try:
            best = best or _compiled(piece)
            return best(*arguments)
        except Exception as error:  # torch raises almost anything when its compiler or its cache fails
            if best is piece:
                raise
            result = piece(*arguments)  # raises by itself what is wrong with the arguments
            best = piece
            _warn(files.reason(error)[:200])
            return result

    return call


def _compiled(piece: Callable[..., Any]) -> Callable[..., Any]:
    # torch warns of a missing GPU, which is no problem here.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    # And of products in full float32, which are wanted here.
    warnings.filterwarnings("ignore", "TensorFloat32 tensor cores")
    # The taps' weights are constants; without this they become inputs after the second kernel.
    torch._dynamo.config.specialize_float = True
    return torch.compile(piece, dynamic=False)


@cache
def _warn(why: str) -> None:
    """Say once for each reason that the step is not compiled."""
    logging.getLogger("ncaengine").warning(
        "ncaengine: The step cannot be compiled (%s); it runs as it is, more slowly.", why
    )


def _function(kernel: Kernel, channels: int, taps: list[Taps], compiled: bool) -> type[torch.autograd.Function]:
    """Return the step as an autograd function of what `paired_forward` takes.

    The backward pass has three pieces, because a compiler fuses nothing across a matrix product or a
    concatenation: the network's gradient, its scatter to the cells, and the transposed stencils.
    """
    radius = kernel.radius
    pieces: tuple[Any, ...] = (
        paired_forward(radius, kernel, taps),
        _net_gradient,
        _scatter_function(radius, kernel),
        _stencil_gradient_function(radius, taps),
    )
    if compiled:
        pieces = tuple(map(compile_function, pieces))
    forward, net_gradient, scatter, stencil_gradient = pieces
    inputs = len(taps) * channels

    class StepFunction(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any, x: Tensor, mask: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, embedding: Tensor | None
        ) -> Tensor:
            # Detached because the compiler reads .grad, which warns for tensors that are not leaves.
            fixed = None if embedding is None else embedding.detach()
            y, perceived, hidden = forward(x.detach(), mask, w1, b1, w2, b2, fixed)
            ctx.save_for_backward(mask, perceived, hidden, w1, w2)
            return cast(Tensor, y)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
            mask, perceived, hidden, w1, w2 = ctx.saved_tensors
            g = g.contiguous()
            gradient, *weights = net_gradient(g, mask, perceived, hidden, w1, w2)
            seen, own = gradient.split([inputs, gradient.shape[3] - inputs], 3)
            embedding = _to_cells(own, mask).float() if ctx.needs_input_grad[6] else None
            return stencil_gradient(g, scatter(seen, mask)), None, *weights, embedding

    return StepFunction


def wrap_torus(x: Tensor, radius: int, row_shift: int) -> Tensor:
    """Pad (b, h, w, c) as a torus to (b, h + 2r, w + 2r, c) with r the radius; row_shift: see Kernel.row_shift."""
    above, below = x[:, -radius:], x[:, :radius]
    if row_shift:
        above, below = torch.roll(above, row_shift, 2), torch.roll(below, -row_shift, 2)
    x = torch.cat([above, x, below], 1)
    return torch.cat([x[:, :, -radius:], x, x[:, :, :radius]], 2)


def apply_stencil(padded: Tensor, radius: int, taps: Taps, sign: int) -> Tensor:
    """Apply a stencil to `padded`, (b, h + 2r, w + 2r, c), giving (b, h, w, c); sign -1 transposes the stencil."""
    h, w = padded.shape[1] - 2 * radius, padded.shape[2] - 2 * radius
    total = None
    for row, column, weight in taps:
        i, j = radius + sign * row, radius + sign * column
        term = weight * padded[:, i : i + h, j : j + w]
        total = term if total is None else total + term
    return torch.zeros_like(padded[:, :h, :w]) if total is None else total


def paired_forward(radius: int, kernel: Kernel, taps: list[Taps]) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """Return the paired step as a function of (x, mask, w1, b1, w2, b2, embedding).

    x: states, (batch, height, width, channels) float32.
    w1, b1, w2, b2: their dtype is that of the net's products, and of what is returned of the cells that fired.
    mask: (batch, height/2, width, 1) bool; True where the upper cell of a pair fires.
    embedding: (batch, height, width, numbers), None if the net reads none.

    The function returns the new states and, of the cells that fired, their perception and their hidden units,
    (batch * height/2 * width, …), for the backward pass.
    """

    def forward(
        x: Tensor, mask: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, embedding: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        b, h, w, c = x.shape
        k = h // 2
        padded = wrap_torus(x, radius, kernel.row_shift(h))
        maps = [apply_stencil(padded, radius, t, 1) for t in taps] + ([] if embedding is None else [embedding])
        perceived = torch.cat([torch.where(mask, p[:, :k], p[:, k:]).to(w1.dtype) for p in maps], -1).flatten(0, 2)
        hidden = torch.relu(torch.addmm(b1, perceived, w1.T))
        update = torch.addmm(b2, hidden, w2.T).view(b, k, w, c).to(x.dtype)
        upper, lower = x[:, :k], x[:, k:]
        y = torch.cat([torch.where(mask, upper + update, upper), torch.where(mask, lower, lower + update)], 1)
        return y, perceived, hidden

    return forward


def _net_gradient(
    g: Tensor, mask: Tensor, perceived: Tensor, hidden: Tensor, w1: Tensor, w2: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradients of the fired cells' inputs, (b, h/2, w, inputs), and of w1, b1, w2 and b2.

    g: the gradient of the new states, (b, h, w, c).
    """
    b, h, w, c = g.shape
    k = h // 2
    update = torch.where(mask, g[:, :k], g[:, k:]).view(-1, c).to(w2.dtype)
    inner = torch.where(hidden > 0, update @ w2, 0.0)
    gradient = (inner @ w1).view(b, k, w, -1)
    return gradient, inner.T @ perceived, inner.sum(0), update.T @ hidden, update.sum(0)


def _to_cells(gradient: Tensor, mask: Tensor) -> Tensor:
    """Return the fired cells' gradients, (b, h/2, w, n), as those of all cells, (b, h, w, n)."""
    return torch.cat([torch.where(mask, gradient, 0.0), torch.where(mask, 0.0, gradient)], 1)


def _scatter_function(radius: int, kernel: Kernel) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function that puts the fired cells' gradients, (b, h/2, w, n), into all cells, with the torus."""

    def scatter(gradient: Tensor, mask: Tensor) -> Tensor:
        whole = _to_cells(gradient, mask)
        return wrap_torus(whole, radius, kernel.row_shift(whole.shape[1]))

    return scatter


def _stencil_gradient_function(radius: int, taps: list[Taps]) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function that adds the perception's gradient, padded as a torus, to the states' gradient `g`."""

    def stencil_gradient(g: Tensor, padded: Tensor) -> Tensor:
        c = g.shape[3]
        for n, t in enumerate(taps):
            g = g + apply_stencil(padded[..., n * c : n * c + c].to(g.dtype), radius, t, -1)
        return g

    return stencil_gradient
