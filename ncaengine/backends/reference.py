"""The torch reference: the truth against which all other devices are tested, and the model that training trains."""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ncaengine.core import embedding_inputs, embeddings
from ncaengine.core import stencils as own_stencils
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.integration import integrate
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.core.model import SEED, WEIGHTS, Config, Extra, Model
from ncaengine.core.pcg import fire_mask, fire_masks
from ncaengine.core.settings import Settings


class CellFrame(NamedTuple):
    """The frame in which cells perceive and act; everything broadcasts to (height, width)."""

    scale: Tensor
    """Width of a cell (dx)."""
    angle: Tensor
    """Angle of its x axis in radians, clockwise."""
    aspect: float = 1.0
    """Height of a cell over its width (dy/dx)."""
    dt: float = 1.0
    """Share of its update that a cell takes."""


_ACTIVATIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "relu": lambda x, _: torch.relu(x),
    "linear": lambda x, _: x,
    "tanh": lambda x, _: torch.tanh(x),
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "swish": lambda x, beta: x * torch.sigmoid(beta * x),
}


class Reference(nn.Module):
    """One model on one kernel. States are (batch, channels, height, width) float32.

    Its parameters w1, b1, w2, b2 are those of `Model`: training trains what the engine runs.
    """

    def __init__(self, model: Model, kernel: Kernel) -> None:
        """Raise NCAError if the kernel lacks a stencil that the model perceives."""
        super().__init__()
        own_stencils.require(model.config, kernel)
        self.w1: Tensor
        self.b1: Tensor
        self.w2: Tensor
        self.b2: Tensor
        self.config, self.kernel = model.config, kernel
        for name in WEIGHTS:
            self.register_parameter(name, nn.Parameter(torch.from_numpy(getattr(model, name).copy())))
        self._names, self._plain = _stencils(model.config)
        dense = [torch.from_numpy(own_stencils.dense(model.config, kernel, name)) for name in self._names]
        self.register_buffer("stencils", torch.stack(dense)[:, None])
        self._seed = model.arrays().get(SEED)

    def model(self) -> Model:
        """Return the present weights as a Model."""
        weights = {name: getattr(self, name).detach().cpu().numpy().copy() for name in WEIGHTS}
        return Model(self.config, **weights, seed=self._seed)

    def _apply_stencils(self, x: Tensor, framed: bool) -> dict[str, Tensor]:
        """Apply the stencils to a state: (batch, channels, height, width) by the stencil's name."""
        b, c, h, w = x.shape
        padded = pad(x, own_stencils.radius(self.config, self.kernel), self.config.padding, self.kernel.row_shift(h))
        names = self._names[: None if framed else self._plain]
        # (b·c, 1) -> (b·c, stencils): one convolution for all channels.
        y = nn.functional.conv2d(padded.reshape(b * c, 1, *padded.shape[2:]), cast(Tensor, self.stencils)[: len(names)])
        return dict(zip(names, y.reshape(b, c, -1, h, w).unbind(2), strict=True))

    def _apply_at_all_scales(self, x: Tensor, framed: bool) -> dict[str, Tensor]:
        """Apply the stencils at each scale, bring the results to the state's size, and return their means."""
        found = []
        for scale in self.config.scales:
            small = self._resample(x, x.shape[2] >> scale, x.shape[3] >> scale) if scale else x
            results = self._apply_stencils(small, framed)
            found.append({n: self._resample(y, *x.shape[2:]) if scale else y for n, y in results.items()})
        if len(found) == 1:
            return found[0]
        return {name: torch.stack([results[name] for results in found]).mean(0) for name in found[0]}

    def _resample(self, x: Tensor, height: int, width: int) -> Tensor:
        """Bring a state to another size by bilinear interpolation, corners not aligned."""
        h, w = x.shape[2:]
        around = pad(x, 1, "circular" if self.config.padding == "circular" else "replicate", self.kernel.row_shift(h))
        for axis, old, new in ((2, h, max(height, 1)), (3, w, max(width, 1))):
            at = (torch.arange(new, device=x.device) + 0.5) * (old / new) - 0.5
            low = at.floor()
            part = (at - low).reshape((-1, 1) if axis == 2 else (-1,))
            first = (low + 1).long()  # in the padded state
            around = around.index_select(axis, first) * (1 - part) + around.index_select(axis, first + 1) * part
        return around

    def _in_own_frame(self, found: dict[str, Tensor], stencil: str, frame: CellFrame | None) -> Tensor:
        """Return what a stencil gives in the cells' own frame, turned and scaled."""
        if frame is None:
            return found[stencil]
        cos, sin = torch.cos(frame.angle), torch.sin(frame.angle)
        x, y = 1 / frame.scale, 1 / (frame.scale * frame.aspect)
        if stencil == "gradient_x":
            return x * (cos * found["gradient_x"] + sin * found["gradient_y"])
        if stencil == "gradient_y":
            return y * (cos * found["gradient_y"] - sin * found["gradient_x"])
        if stencil == "laplacian":
            cos, sin = torch.cos(2 * frame.angle), torch.sin(2 * frame.angle)
            turned = cos * found[LAPLACIAN_COS] + sin * found[LAPLACIAN_SIN]
            return (x * x + y * y) / 2 * found[stencil] + (x * x - y * y) / 2 * turned
        return found[stencil] * torch.sqrt(x * y) ** own_stencils.order(self.config, self.kernel, stencil)

    def _extra_input(self, name: Extra, x: Tensor, frame: CellFrame | None, embedding: Tensor | None) -> Tensor:
        """Return one of the further inputs: (batch, 1, height, width). See model.Extra."""
        b, _, h, w = x.shape
        if name in embedding_inputs.NAMES:
            number = embedding_inputs.NAMES.index(name)
            if embedding is None:
                return x.new_tensor(embeddings.first(self.config)[number]).expand(b, 1, h, w)
            return embedding[:, number, None].expand(b, 1, h, w)
        angle = torch.zeros((), device=x.device) if frame is None else frame.angle
        cos, sin = torch.cos(angle), torch.sin(angle)
        if name in ("cos_angle", "sin_angle"):
            return (cos if name == "cos_angle" else sin).expand(b, 1, h, w)
        (pitch, _), (skew, _) = self.kernel.basis
        row = torch.arange(h, device=x.device, dtype=x.dtype)[:, None]
        column = (torch.arange(w, device=x.device, dtype=x.dtype) + row * (skew / pitch)).remainder(w)
        row, column = 2 * (row + 0.5) / h - 1, 2 * (column + 0.5) / w - 1
        own = cos * row - sin * column if name == "row" else cos * column + sin * row
        return own.expand(b, 1, h, w)

    def _features(self, found: dict[str, Tensor], frame: CellFrame | None) -> Tensor:
        config = self.config
        features = []
        for f in config.features:
            feature = f.gain * self._in_own_frame(found, f.stencil, frame)
            features.append(feature if f.channels is None else feature[:, list(f.channels)])
        p = _clip(torch.cat(features, 1), config.clips.perception)
        return torch.cat([p, p.abs()], 1) if config.absolute else p

    def perceive(self, x: Tensor, frame: CellFrame | None = None) -> Tensor:
        """Return the filter-major perception: (batch, inputs except `extra`, height, width)."""
        return self._features(self._apply_at_all_scales(x, frame is not None), frame)

    def update(self, x: Tensor, frame: CellFrame | None = None, embedding: Tensor | None = None) -> Tensor:
        """Return what each cell adds to its state if it fires, of the state's shape; see `forward`."""
        config = self.config
        found = self._apply_at_all_scales(x, frame is not None)
        extra = [self._extra_input(name, x, frame, embedding) for name in config.extra]
        h = torch.cat([self._features(found, frame), *extra], 1)
        if config.hidden:
            h = nn.functional.conv2d(h, self.w1[:, :, None, None], self.b1)
            h = _clip(_ACTIVATIONS[config.activation](h, config.beta), config.clips.hidden)
        u = _clip(nn.functional.conv2d(h, self.w2[:, :, None, None], self.b2), config.clips.update)
        if config.diffusion:
            rates = torch.tensor(config.diffusion, device=x.device)[:, None, None]
            u = u + rates * self._in_own_frame(found, "laplacian", frame)
        return u if frame is None else u * frame.dt

    def forward(
        self, x: Tensor, fires: Tensor, frame: CellFrame | None = None, embedding: Tensor | None = None
    ) -> Tensor:
        """Make one step.

        fires: 1 where a cell, or a channel, updates, else 0; broadcasts to the state.
        embedding: (batch or 1, numbers, height or 1, width or 1), None for the model's first texture.
        """
        y = integrate(self.config.integrator, x, lambda now: now + self.update(now, frame, embedding) * fires)
        y = _clip(y, self.config.clips.state)
        for state, when in ((x, "before"), (y, "after")) if self.config.alive else ():
            if self.config.alive and self.config.alive.when in (when, "both"):
                y = y * self.living(state)
        return y

    def living(self, x: Tensor) -> Tensor:
        """Return which cells are alive or next to one that is: (batch, 1, height, width) bool. See model.Alive."""
        alive, r = self.config.alive, self.kernel.radius
        assert alive
        h, w = x.shape[2:]
        padded = pad(x[:, alive.channel, None], r, self.config.padding, self.kernel.row_shift(h))
        offsets = {(row, column) for row, column, _ in self.kernel.taps("laplacian")} | {(0, 0)}
        neighbours = [padded[..., r + i : r + i + h, r + j : r + j + w] for i, j in offsets]
        return torch.stack(neighbours).amax(0) > alive.threshold

    def step(self, x: Tensor, step: int, rng_seed: int, settings: Settings, fields: Tensor | None = None) -> Tensor:
        """Make one step with the engine's own fire mask; see base.Cells.

        fields: (4, height, width) float32, or more planes with embeddings; None for the defaults.
        """
        rate = None if fields is None else fields[PLANE["rate"]].cpu().numpy()
        size, fire_rate = (x.shape[3], x.shape[2]), settings.fire_rate
        if self.config.firing == "channel":
            masks = fire_masks(*size, step, rng_seed, fire_rate, self.config.channels, rate).transpose(2, 0, 1)
        else:
            masks = fire_mask(*size, step, rng_seed, fire_rate, rate, settings.antithetic)
        fires = torch.from_numpy(masks).to(x.device, x.dtype)
        if fields is None and settings.plain:
            return cast(Tensor, self(x, fires))
        scales = torch.tensor(settings.scale, device=x.device)
        angles = torch.tensor(settings.angle, device=x.device)
        if fields is not None:
            scales, angles = scales * fields[PLANE["scale"]], angles + fields[PLANE["angle"]]
        embedding = None if fields is None or len(fields) == len(FIELDS) else fields[None, len(FIELDS) :]
        frame = CellFrame(scales, torch.deg2rad(angles), settings.aspect, settings.dt)
        return cast(Tensor, self(x, fires, frame, embedding))


def _stencils(config: Config) -> tuple[tuple[str, ...], int]:
    """Return the names of all stencils that cells may need, and how many of them they need in the lattice's frame."""
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
    """Surround (…, height, width) with `radius` cells, from the other side of the torus, from the edge, or of zeros.

    row_shift: columns by which the torus is shifted at its top and bottom edge, see Kernel.row_shift.
    Works at every size, also smaller than the radius.
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
