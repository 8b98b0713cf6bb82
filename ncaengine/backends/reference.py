"""The torch reference: the ground truth that the shader is tested against, and what training trains."""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ncaengine.core.fields import PLANE
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.core.model import SEED, WEIGHTS, Config, Extra, Model
from ncaengine.core.pcg import ALWAYS, CHANNELS_SEED, fire_threshold, pair_offset
from ncaengine.core.settings import Settings


class CellFrame(NamedTuple):
    """The frame that cells perceive and act in.

    Width of a cell, angle of its x axis in radians, height over width, and the share of its update that it takes; all
    broadcast to (height, width).
    """

    scale: Tensor
    angle: Tensor
    aspect: float = 1.0
    dt: float = 1.0


_ACTIVATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "relu": lambda x, _: torch.relu(x),
    "linear": lambda x, _: x,
    "tanh": lambda x, _: torch.tanh(x),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "swish": lambda x, beta: x * torch.sigmoid(beta * x),
}


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
        self._names, self._plain = _stencils(model.config)
        dense = [torch.from_numpy(kernel.dense(name)) for name in self._names]
        self.register_buffer("stencils", torch.stack(dense)[:, None])
        self._seed = model.arrays().get(SEED)

    def model(self) -> Model:
        """The present weights as a Model."""
        weights = {name: getattr(self, name).detach().cpu().numpy().copy() for name in WEIGHTS}
        return Model(self.config, **weights, seed=self._seed)

    def _surroundings(self, x: Tensor, framed: bool) -> dict[str, Tensor]:
        """What each stencil makes of a state: (batch, channels, height, width) by its name."""
        b, c, h, w = x.shape
        padded = pad(x, self.kernel.radius, self.config.padding, self.kernel.row_shift(h))
        names = self._names[: None if framed else self._plain]
        # (b·c, 1) -> (b·c, stencils): one convolution for all channels.
        y = nn.functional.conv2d(padded.reshape(b * c, 1, *padded.shape[2:]), cast(Tensor, self.stencils)[: len(names)])
        return dict(zip(names, y.reshape(b, c, -1, h, w).unbind(2), strict=True))

    def _at_all_scales(self, x: Tensor, framed: bool) -> dict[str, Tensor]:
        found = []
        for scale in self.config.scales:
            small = self._resampled(x, x.shape[2] >> scale, x.shape[3] >> scale) if scale else x
            there = self._surroundings(small, framed)
            found.append({n: self._resampled(y, *x.shape[2:]) if scale else y for n, y in there.items()})
        if len(found) == 1:
            return found[0]
        return {name: torch.stack([there[name] for there in found]).mean(0) for name in found[0]}

    def _resampled(self, x: Tensor, height: int, width: int) -> Tensor:
        """Brought to another size, between the four nearest cells (bilinear, corners not aligned)."""
        h, w = x.shape[2:]
        around = pad(x, 1, "circular" if self.config.padding == "circular" else "replicate", self.kernel.row_shift(h))
        for axis, old, new in ((2, h, max(height, 1)), (3, w, max(width, 1))):
            at = (torch.arange(new, device=x.device) + 0.5) * (old / new) - 0.5
            low = at.floor()
            part = (at - low).reshape((-1, 1) if axis == 2 else (-1,))
            first = (low + 1).long()  # of what was padded
            around = around.index_select(axis, first) * (1 - part) + around.index_select(axis, first + 1) * part
        return around

    def _framed(self, found: dict[str, Tensor], stencil: str, frame: CellFrame | None) -> Tensor:
        """What a stencil gives in the cells' own frame, turned and scaled."""
        if frame is None:
            return found[stencil]
        along, across = torch.cos(frame.angle), torch.sin(frame.angle)
        x, y = 1 / frame.scale, 1 / (frame.scale * frame.aspect)
        if stencil == "gradient_x":
            return x * (along * found["gradient_x"] + across * found["gradient_y"])
        if stencil == "gradient_y":
            return y * (along * found["gradient_y"] - across * found["gradient_x"])
        if stencil == "laplacian":
            cos, sin = torch.cos(2 * frame.angle), torch.sin(2 * frame.angle)
            turned = cos * found[LAPLACIAN_COS] + sin * found[LAPLACIAN_SIN]
            return (x * x + y * y) / 2 * found[stencil] + (x * x - y * y) / 2 * turned
        return found[stencil] * torch.sqrt(x * y) ** self.kernel.order(stencil)

    def _extra(self, name: Extra, x: Tensor, frame: CellFrame | None) -> Tensor:
        """An input beside the perception: (batch, 1, height, width). See model.Extra."""
        b, _, h, w = x.shape
        angle = torch.zeros((), device=x.device) if frame is None else frame.angle
        along, across = torch.cos(angle), torch.sin(angle)
        if name in ("cos_angle", "sin_angle"):
            return (along if name == "cos_angle" else across).expand(b, 1, h, w)
        (pitch, _), (skew, _) = self.kernel.basis
        row = torch.arange(h, device=x.device, dtype=x.dtype)[:, None]
        column = (torch.arange(w, device=x.device, dtype=x.dtype) + row * (skew / pitch)).remainder(w)
        row, column = 2 * (row + 0.5) / h - 1, 2 * (column + 0.5) / w - 1
        own = along * row - across * column if name == "row" else along * column + across * row
        return own.expand(b, 1, h, w)

    def _perceived(self, found: dict[str, Tensor], frame: CellFrame | None) -> Tensor:
        config = self.config
        features = []
        for f in config.features:
            feature = f.gain * self._framed(found, f.stencil, frame)
            features.append(feature if f.channels is None else feature[:, list(f.channels)])
        p = _clip(torch.cat(features, 1), config.clips.perception)
        return torch.cat([p, p.abs()], 1) if config.absolute else p

    def perceive(self, x: Tensor, frame: CellFrame | None = None) -> Tensor:
        """Filter-major perception: (batch, inputs less extra, height, width)."""
        return self._perceived(self._at_all_scales(x, frame is not None), frame)

    def update(self, x: Tensor, frame: CellFrame | None = None) -> Tensor:
        """What each cell would add to its state if it fired."""
        config = self.config
        found = self._at_all_scales(x, frame is not None)
        h = torch.cat([self._perceived(found, frame), *(self._extra(e, x, frame) for e in config.extra)], 1)
        if config.hidden:
            h = nn.functional.conv2d(h, self.w1[:, :, None, None], self.b1)
            h = _clip(_ACTIVATIONS[config.activation](h, config.beta), config.clips.hidden)
        u = _clip(nn.functional.conv2d(h, self.w2[:, :, None, None], self.b2), config.clips.update)
        if config.diffusion:
            rates = torch.tensor(config.diffusion, device=x.device)[:, None, None]
            u = u + rates * self._framed(found, "laplacian", frame)
        return u if frame is None else u * frame.dt

    def forward(self, x: Tensor, fires: Tensor, frame: CellFrame | None = None) -> Tensor:
        """One step. `fires` broadcasts to the state: 1 where a cell (a channel) updates, else 0."""
        y = _clip(x + self.update(x, frame) * fires, self.config.clips.state)
        return y * (self.living(x) & self.living(y)) if self.config.alive else y

    def living(self, x: Tensor) -> Tensor:
        """Which cells are alive or beside one that is: (batch, 1, height, width) bool. See model.Alive."""
        alive, r = self.config.alive, self.kernel.radius
        assert alive
        h, w = x.shape[2:]
        padded = pad(x[:, alive.channel, None], r, self.config.padding, self.kernel.row_shift(h))
        places = {(row, column) for row, column, _ in self.kernel.taps("laplacian")} | {(0, 0)}
        seen = [padded[..., r + i : r + i + h, r + j : r + j + w] for i, j in places]
        return torch.stack(seen).amax(0) > alive.threshold

    def step(self, x: Tensor, step: int, rng_seed: int, settings: Settings, fields: Tensor | None = None) -> Tensor:
        """Make one step with the engine's own fire mask; see base.Cells. fields: (4, height, width) float32."""
        rate = None if fields is None else fields[PLANE["rate"]]
        size, device = (x.shape[3], x.shape[2]), x.device
        if self.config.firing == "channel":
            masks = fire_masks(*size, step, rng_seed, settings.fire_rate, self.config.channels, device, rate)
        else:
            masks = fire_mask(*size, step, rng_seed, settings.fire_rate, device, rate, settings.antithetic)
        fires = masks.to(x.dtype)
        if fields is None and settings.plain:
            return cast(Tensor, self(x, fires))
        scales, angles = torch.tensor(settings.scale, device=device), torch.tensor(settings.angle, device=device)
        if fields is not None:
            scales, angles = scales * fields[PLANE["scale"]], angles + fields[PLANE["angle"]]
        return cast(Tensor, self(x, fires, CellFrame(scales, torch.deg2rad(angles), settings.aspect, settings.dt)))


def _stencils(config: Config) -> tuple[tuple[str, ...], int]:
    """All that cells may need to know of their surroundings, in any frame; and how many do in the plain one."""
    wanted = [feature.stencil for feature in config.features] + ["laplacian"] * bool(config.diffusion)
    plain = len(set(wanted))
    if {"gradient_x", "gradient_y"} & set(wanted):
        wanted += ["gradient_x", "gradient_y"]
    if "laplacian" in wanted:
        wanted += [LAPLACIAN_COS, LAPLACIAN_SIN]
    return tuple(dict.fromkeys(wanted)), plain


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
    antithetic: bool = True,
) -> Tensor:
    """Which cells fire, (height, width) bool: PCG4D in int32, which wraps as uint32 does. See pcg.fire_mask."""
    if antithetic and (pair := pair_offset(width, height, fire_rate, rate is not None and bool((rate != 1).any()))):
        first = fire_mask(width - pair[0], height - pair[1], step, rng_seed, fire_rate, device, antithetic=False)
        return torch.cat([first, ~first], 0 if pair[1] else 1)
    if fire_threshold(fire_rate) == ALWAYS and rate is None:
        return torch.ones(height, width, dtype=torch.bool, device=device)
    return _fired(_words(width, height, step, rng_seed, device)[0], fire_rate, rate)


def fire_masks(
    width: int,
    height: int,
    step: int,
    rng_seed: int,
    fire_rate: float,
    channels: int,
    device: torch.device | None = None,
    rate: Tensor | None = None,
) -> Tensor:
    """Which channels of which cells fire, (channels, height, width) bool. See pcg.fire_masks."""
    seeds = (rng_seed + layer * CHANNELS_SEED for layer in range(-(-channels // 4)))
    words = [word for seed in seeds for word in _words(width, height, step, seed, device)]
    return _fired(torch.stack(words[:channels]), fire_rate, rate)


def _words(width: int, height: int, step: int, rng_seed: int, device: torch.device | None) -> list[Tensor]:
    """The hash's four words for every cell."""
    column = torch.arange(width, dtype=torch.int32, device=device).expand(height, width)
    row = torch.arange(height, dtype=torch.int32, device=device)[:, None].expand(height, width)
    v = [column, row, torch.full_like(column, _signed(step)), torch.full_like(column, _signed(rng_seed))]
    v = [a * 1664525 + 1013904223 for a in v]
    _mix(v)
    v = [a ^ ((a >> 16) & 0xFFFF) for a in v]  # the mask makes the shift a logical one
    _mix(v)
    return v


def _fired(word: Tensor, fire_rate: float, rate: Tensor | None) -> Tensor:
    threshold = fire_threshold(fire_rate)
    flip = -(2**31)  # unsigned order is signed order with the top bit flipped
    fires = ((word ^ flip) < _signed(threshold ^ 2**31)) | (threshold == ALWAYS)
    if rate is None:
        return fires
    share = ((word >> 8) & 0xFFFFFF) * torch.tensor(2.0**-24, device=word.device)
    return torch.where(rate == 1, fires, share < torch.tensor(fire_rate, device=word.device) * rate)


def _mix(v: list[Tensor]) -> None:
    v[0] = v[0] + v[1] * v[3]
    v[1] = v[1] + v[2] * v[0]
    v[2] = v[2] + v[0] * v[1]
    v[3] = v[3] + v[1] * v[2]


def _signed(word: int) -> int:
    word &= 0xFFFFFFFF
    return word - 2**32 if word >= 2**31 else word
