"""The torch reference: the ground truth that the shader is tested against, and what training trains."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ncaengine.kernels import Kernel
from ncaengine.model import WEIGHTS, Model
from ncaengine.pcg import ALWAYS, fire_threshold

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "linear": lambda x: x, "tanh": torch.tanh}


class Reference(nn.Module):
    """One model on one kernel. States are (batch, channels, height, width) float32.

    Parameters w1, b1, w2, b2 are those of `Model`, so that training trains what the engine runs.
    Raises NCAError if the kernel lacks a stencil that the model perceives.
    """

    def __init__(self, model: Model, kernel: Kernel) -> None:
        super().__init__()
        kernel.require((f.stencil for f in model.config.features), model.config.name)
        self.w1: Tensor
        self.b1: Tensor
        self.w2: Tensor
        self.b2: Tensor
        self.config, self.kernel = model.config, kernel
        for name in WEIGHTS:
            self.register_parameter(name, nn.Parameter(torch.from_numpy(getattr(model, name).copy())))
        dense = [torch.from_numpy(kernel.dense(f.stencil)) * f.gain for f in model.config.features]
        self.register_buffer("stencils", torch.stack(dense)[:, None])

    def model(self) -> Model:
        """The present weights as a Model."""
        return Model(self.config, *(getattr(self, name).detach().cpu().numpy().copy() for name in WEIGHTS))

    def perceive(self, x: Tensor) -> Tensor:
        """Filter-major perception: (batch, features·channels, height, width)."""
        b, c, h, w = x.shape
        stencils = cast(Tensor, self.stencils)
        padded = pad(x, self.kernel.radius, self.config.padding, self.kernel.row_shift(h))
        # (b·c, 1) -> (b·c, features): one convolution for all channels.
        flat = padded.reshape(b * c, 1, *padded.shape[2:])
        y = nn.functional.conv2d(flat, stencils).reshape(b, c, len(stencils), h, w)
        return _clip(y.transpose(1, 2).reshape(b, -1, h, w), self.config.clips.perception)

    def update(self, x: Tensor) -> Tensor:
        """What each cell would add to its state if it fired."""
        clips = self.config.clips
        hidden = nn.functional.conv2d(self.perceive(x), self.w1[:, :, None, None], self.b1)
        hidden = _clip(_ACTIVATIONS[self.config.activation](hidden), clips.hidden)
        return _clip(nn.functional.conv2d(hidden, self.w2[:, :, None, None], self.b2), clips.update)

    def forward(self, x: Tensor, fires: Tensor) -> Tensor:
        """One step. `fires` broadcasts to (batch, 1, height, width): 1 where a cell updates, else 0."""
        return _clip(x + self.update(x) * fires, self.config.clips.state)

    def step(self, x: Tensor, step: int, rng_seed: int, fire_rate: float) -> Tensor:
        """One step with the engine's own fire mask."""
        fires = fire_mask(x.shape[3], x.shape[2], step, rng_seed, fire_rate, x.device)
        return cast(Tensor, self(x, fires.to(x.dtype)))


def _clip(x: Tensor, bounds: tuple[float, float] | None) -> Tensor:
    return x if bounds is None else x.clamp(*bounds)


def pad(x: Tensor, radius: int, padding: str, row_shift: int) -> Tensor:
    """Surround (…, height, width) with `radius` cells: the torus's other side, the edge's, or zeros.

    The torus closes over its top and bottom edge with a shift of `row_shift` columns (see
    Kernel.row_shift); it works at any size, smaller than the radius too.
    """
    h, w = x.shape[-2:]
    if padding == "zero":
        return nn.functional.pad(x, [radius] * 4)
    circular = padding == "circular"

    def row(i: int) -> Tensor:
        k = i % h if circular else min(max(i, 0), h - 1)
        piece = x[..., k : k + 1, :]
        return piece.roll(-row_shift * (i // h), -1) if circular else piece

    outside = [*range(-radius, 0)], [*range(h, h + radius)]
    x = torch.cat([*map(row, outside[0]), x, *map(row, outside[1])], -2)

    def column(i: int) -> Tensor:
        k = i % w if circular else min(max(i, 0), w - 1)
        return x[..., k : k + 1]

    outside = [*range(-radius, 0)], [*range(w, w + radius)]
    return torch.cat([*map(column, outside[0]), x, *map(column, outside[1])], -1)


def fire_mask(
    width: int, height: int, step: int, rng_seed: int, fire_rate: float, device: torch.device | None = None
) -> Tensor:
    """Which cells fire, (height, width) bool: PCG4D in int32, which wraps as uint32 does."""
    threshold = fire_threshold(fire_rate)
    if threshold == ALWAYS:
        return torch.ones(height, width, dtype=torch.bool, device=device)
    column = torch.arange(width, dtype=torch.int32, device=device).expand(height, width)
    row = torch.arange(height, dtype=torch.int32, device=device)[:, None].expand(height, width)
    v = [column, row, torch.full_like(column, _signed(step)), torch.full_like(column, _signed(rng_seed))]
    v = [a * 1664525 + 1013904223 for a in v]
    _mix(v)
    v = [a ^ ((a >> 16) & 0xFFFF) for a in v]  # the mask makes the shift a logical one
    _mix(v)
    flip = -(2**31)  # unsigned order is signed order with the top bit flipped
    return (v[0] ^ flip) < _signed(threshold ^ 2**31)


def _mix(v: list[Tensor]) -> None:
    v[0] = v[0] + v[1] * v[3]
    v[1] = v[1] + v[2] * v[0]
    v[2] = v[2] + v[0] * v[1]
    v[3] = v[3] + v[1] * v[2]


def _signed(word: int) -> int:
    word &= 0xFFFFFFFF
    return word - 2**32 if word >= 2**31 else word
