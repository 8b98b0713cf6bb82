"""The torch reference: the ground truth that the shader is tested against, and what training trains."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ncaengine.fields import PLANE
from ncaengine.kernels import Kernel
from ncaengine.model import WEIGHTS, Model
from ncaengine.pcg import ALWAYS, fire_threshold

Frame = tuple[Tensor, Tensor]
"""The frame that cells perceive in: their scale, and the angle of their x axis in radians; both broadcast."""
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
        features = model.config.features
        dense = [torch.from_numpy(kernel.dense(f.stencil)) * f.gain for f in features]
        self.register_buffer("stencils", torch.stack(dense)[:, None])
        self._partners = torch.stack([_partner(kernel, f.stencil) * f.gain for f in features])[:, None]
        self._turns = torch.tensor([f.stencil in ("gradient_x", "gradient_y") for f in features])[:, None, None]
        self._orders = torch.tensor([kernel.order(f.stencil) for f in features])[:, None, None]

    def model(self) -> Model:
        """The present weights as a Model."""
        return Model(self.config, *(getattr(self, name).detach().cpu().numpy().copy() for name in WEIGHTS))

    def perceive(self, x: Tensor, frame: Frame | None = None) -> Tensor:
        """Filter-major perception: (batch, features·channels, height, width)."""
        b, c, h, w = x.shape
        stencils = cast(Tensor, self.stencils)
        padded = pad(x, self.kernel.radius, self.config.padding, self.kernel.row_shift(h))
        # (b·c, 1) -> (b·c, features): one convolution for all channels.
        flat = padded.reshape(b * c, 1, *padded.shape[2:])
        y = nn.functional.conv2d(flat, stencils)
        if frame is not None:
            scale, angle = frame
            across = nn.functional.conv2d(flat, self._partners.to(x.device))
            along = torch.where(self._turns.to(x.device), torch.cos(angle), torch.ones_like(angle))
            y = (along * y + torch.sin(angle) * across) / scale ** self._orders.to(x.device)
        y = y.reshape(b, c, len(stencils), h, w)
        return _clip(y.transpose(1, 2).reshape(b, -1, h, w), self.config.clips.perception)

    def update(self, x: Tensor, frame: Frame | None = None) -> Tensor:
        """What each cell would add to its state if it fired."""
        clips = self.config.clips
        hidden = nn.functional.conv2d(self.perceive(x, frame), self.w1[:, :, None, None], self.b1)
        hidden = _clip(_ACTIVATIONS[self.config.activation](hidden), clips.hidden)
        return _clip(nn.functional.conv2d(hidden, self.w2[:, :, None, None], self.b2), clips.update)

    def forward(self, x: Tensor, fires: Tensor, frame: Frame | None = None) -> Tensor:
        """One step. `fires` broadcasts to (batch, 1, height, width): 1 where a cell updates, else 0."""
        return _clip(x + self.update(x, frame) * fires, self.config.clips.state)

    def step(
        self,
        x: Tensor,
        step: int,
        rng_seed: int,
        fire_rate: float,
        scale: float = 1.0,
        angle: float = 0.0,
        fields: Tensor | None = None,
    ) -> Tensor:
        """One step with the engine's own fire mask; see backend.Cells. fields: (4, height, width) float32."""
        rate = None if fields is None else fields[PLANE["rate"]]
        fires = fire_mask(x.shape[3], x.shape[2], step, rng_seed, fire_rate, x.device, rate).to(x.dtype)
        if fields is None and scale == 1 and angle == 0:
            return cast(Tensor, self(x, fires))
        scales, angles = torch.tensor(scale, device=x.device), torch.tensor(angle, device=x.device)
        if fields is not None:
            scales, angles = scales * fields[PLANE["scale"]], angles + fields[PLANE["angle"]]
        return cast(Tensor, self(x, fires, (scales, torch.deg2rad(angles))))


def _partner(kernel: Kernel, stencil: str) -> Tensor:
    """The dense stencil that a gradient becomes if the cell turns its x axis by 90° towards +y, else zeros."""
    turned = {"gradient_x": ("gradient_y", 1.0), "gradient_y": ("gradient_x", -1.0)}
    other, sign = turned.get(stencil, (stencil, 0.0))
    return torch.from_numpy(kernel.dense(other)) * sign


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
    width: int,
    height: int,
    step: int,
    rng_seed: int,
    fire_rate: float,
    device: torch.device | None = None,
    rate: Tensor | None = None,
) -> Tensor:
    """Which cells fire, (height, width) bool: PCG4D in int32, which wraps as uint32 does. See pcg.fire_mask."""
    threshold = fire_threshold(fire_rate)
    if threshold == ALWAYS and rate is None:
        return torch.ones(height, width, dtype=torch.bool, device=device)
    column = torch.arange(width, dtype=torch.int32, device=device).expand(height, width)
    row = torch.arange(height, dtype=torch.int32, device=device)[:, None].expand(height, width)
    v = [column, row, torch.full_like(column, _signed(step)), torch.full_like(column, _signed(rng_seed))]
    v = [a * 1664525 + 1013904223 for a in v]
    _mix(v)
    v = [a ^ ((a >> 16) & 0xFFFF) for a in v]  # the mask makes the shift a logical one
    _mix(v)
    flip = -(2**31)  # unsigned order is signed order with the top bit flipped
    fires = ((v[0] ^ flip) < _signed(threshold ^ 2**31)) | (threshold == ALWAYS)
    if rate is None:
        return fires
    share = ((v[0] >> 8) & 0xFFFFFF) * torch.tensor(2.0**-24, device=device)
    return torch.where(rate == 1, fires, share < torch.tensor(fire_rate, device=device) * rate)


def _mix(v: list[Tensor]) -> None:
    v[0] = v[0] + v[1] * v[3]
    v[1] = v[1] + v[2] * v[0]
    v[2] = v[2] + v[0] * v[1]
    v[3] = v[3] + v[1] * v[2]


def _signed(word: int) -> int:
    word &= 0xFFFFFFFF
    return word - 2**32 if word >= 2**31 else word
