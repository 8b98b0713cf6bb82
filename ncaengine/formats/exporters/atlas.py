"""Atlases for the page of the Distill article (2021) and for hexells: several models in two 8-bit pictures.

The page keeps all values in bytes. This clips the perception, the update and the state to ±2 and hidden units to 0 … 2;
it shows state/2 + 0.5. Models that clip elsewhere, or not at all, are converted to these units. The conversion is exact
except for values beyond the measured Ranges. It multiplies the state and colours by one factor, invisible channels that
need it by a smaller one, and each hidden unit by its own, which ReLU and clips from 0 on allow.
Source: ca.js of github.com/znah/hexells and of github.com/distillpub/post--selforg-textures.
"""

import base64
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Clips, Colour, Config, Feature, Model, Range
from ncaengine.core.types import F32, F64
from ncaengine.formats.exporters import article
from ncaengine.formats.exporters.article import STENCILS
from ncaengine.formats.importers.base import bounded_attribution

RUNNER = "the article's page"
LIMIT = 2.0
GAINS = np.array([[1.0], [1.0], [1.0], [0.5]])
"""Gains of the page's filters, identity, S/8, Sᵀ/8 and L9/8, over a kernel's stencils."""
PAGE = Config(
    features=tuple(Feature(name, float(gain)) for name, (gain,) in zip(STENCILS, GAINS, strict=True)),
    activation="linear",
    clips=Clips((-LIMIT, LIMIT), (0.0, LIMIT), (-LIMIT, LIMIT), (-LIMIT, LIMIT)),
    colour=Colour(0.5, 0.5),
    family="selforg-textures",
)
MAX_CHANNELS = 32
"""The page's loops end after 128 inputs, four for each channel."""
MAX_HIDDEN = 128
"""The page's loops end after 128 inputs."""
MAX_MODELS = 256
"""A byte says which model a cell runs."""
QUANT = ([2.0, 0.0], [4.0, 127 / 255])
"""quant_scale_zero of each layer: its output's range, and the byte for 0 divided by 255."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """The largest values of a model in rollouts."""

    hidden: F32
    """(hidden,): the largest value of each unit before its clip, from 0."""
    channels: F32
    """(channels,): the largest absolute value of each channel's state, update and filtered state."""


def needs_ranges(config: Config) -> bool:
    """Return whether the model leaves a stage unclipped that the page clips."""
    clips = config.clips
    return None in (clips.perception, clips.hidden, clips.update, clips.state)


@np.errstate(over="ignore", invalid="ignore")
def measure(model: Model, kernel: Kernel, states: Iterable[F32]) -> Ranges:
    """Measure the ranges over states of a rollout.

    kernel: of the rollout.
    states: (height, width, channels) float32 each.

    Raises NCAError if the page can't run the model, or if its values are not finite.
    """
    require_page(model.config)
    clip = model.config.clips.hidden
    hidden, channels = np.zeros(model.config.hidden), np.zeros(model.config.channels)
    first, w2 = article.first_layer(model), model.w2.astype(np.float64)
    for state in states:
        seen = np.stack([_applied(state, kernel, name) for name in STENCILS])
        units = np.einsum("hfc,fyxc->yxh", first, seen) + model.b1
        hidden = np.maximum(hidden, units.max((0, 1)))
        update = np.clip(units, 0, clip[1] if clip else None) @ w2.T + model.b2
        for values in (state, update, *(GAINS[:, :, None, None] * seen)):
            channels = np.maximum(channels, np.abs(values).max((0, 1)))
    if not (np.isfinite(hidden).all() and np.isfinite(channels).all()):
        raise NCAError(f"The model {model.config.name!r} diverges on {kernel.name}; export it with another --kernel.")
    return Ranges(hidden.astype(np.float32), channels.astype(np.float32))


def _applied(state: F32, kernel: Kernel, stencil: str) -> F64:
    """Apply a stencil, without the shift of a skewed torus: its seam changes the ranges little."""
    out = np.zeros(state.shape)
    for row, column, weight in kernel.taps(stencil):
        out += weight * np.roll(state, (-row, -column), (0, 1))
    return out


def atlas_json(models: Sequence[tuple[Model, Ranges | None]]) -> str:
    """Return an atlas as JSON, with the keys of hexells' models.json and `attribution`, who made each model.

    models: with their Ranges where `needs_ranges`.

    Channels and hidden units are filled up with unused ones to multiples of four and to the largest model's. Weights of
    models that came from one atlas do not change. Raises NCAError if the page can't run one of the models, or if Ranges
    are missing.
    """
    if not 1 <= len(models) <= MAX_MODELS:
        raise NCAError(f"An atlas holds 1 to {MAX_MODELS} models, not {len(models)}; export fewer.")
    channels = 4 * math.ceil(max(m.config.channels for m, _ in models) / 4)
    hidden = 4 * math.ceil(max(m.config.hidden for m, _ in models) / 4)
    pages = [to_page_units(model, ranges) for model, ranges in models]
    first, second = zip(*(_layers(page, channels, hidden) for page in pages), strict=True)
    layers = [_layer(np.stack(tables), quant) for tables, quant in zip((first, second), QUANT, strict=True)]
    configs = [model.config for model, _ in models]
    credits = [bounded_attribution(c.attribution) for c in configs]  # the page ignores this key; our importer reads it
    return json.dumps({"model_names": [c.name for c in configs], "layers": layers, "attribution": credits})


def require_page(c: Config) -> None:
    """Raise NCAError if the page can't run the model, saying why; units are not considered."""
    limits = {
        f"has {c.channels} channels and {c.hidden} hidden units, more than {MAX_CHANNELS} and {MAX_HIDDEN}": (
            c.channels > MAX_CHANNELS or c.hidden > MAX_HIDDEN
        ),
        f"has the activation {c.activation}": c.activation not in ("relu", "linear"),
        "lets hidden units fall below 0": _lowest(c) != 0,
        f"has a fire rate of {c.fire_rate:g}": c.fire_rate != 0.5,
        f"starts from a {c.seed.kind} seed": c.seed.kind != "zeros",
        f"shows state · {c.colour.scale:g} + {c.colour.offset:g} as RGB": (
            c.colour.offset != 0.5 or c.colour.scale <= 0
        ),
        "has opacity": c.colour.alpha,
    }
    article.require_article_net(c, RUNNER, limits)


def _lowest(c: Config) -> float:
    """Return the lowest value of a hidden unit."""
    low = c.clips.hidden[0] if c.clips.hidden else -math.inf
    return max(low, 0.0) if c.activation == "relu" else low


def to_page_units(model: Model, ranges: Ranges | None = None) -> Model:
    """Convert a model to the page's units, before rounding; the result is of the family that importers.selforg reads.

    It shows the same colours as `model` at every step. Raises NCAError as `atlas_json` does.
    """
    c = model.config
    require_page(c)
    if ranges is None and needs_ranges(c):
        raise NCAError(f"The model {c.name!r} does not clip its values; measure its Ranges for the atlas first.")
    size = _sizes(c, ranges)
    w1 = (article.first_layer(model) / GAINS / size).reshape(c.hidden, -1)
    factor = _factors(c, ranges, np.concatenate([w1, model.b1[:, None]], 1))
    config = msgspec.structs.replace(
        PAGE, channels=c.channels, hidden=c.hidden, kernels=c.kernels, name=c.name, attribution=c.attribution
    )
    w1, w2 = w1 * factor[:, None], model.w2 * size[:, None] / factor
    arrays = (w1, model.b1 * factor, w2, model.b2 * size)
    return Model(config, *(array.astype(np.float32) for array in arrays))


def _layers(page: Model, channels: int, hidden: int) -> tuple[F64, F64]:
    """Return both layers as in the file, biases last: (4·channels + 1, hidden) and (hidden + 1, channels)."""
    c = page.config
    w1 = np.zeros((hidden, 4, channels))
    w1[: c.hidden, :, : c.channels] = page.w1.reshape(c.hidden, 4, c.channels)
    first, second = np.zeros((4 * channels + 1, hidden)), np.zeros((hidden + 1, channels))
    first[:-1], first[-1, : c.hidden] = w1.reshape(hidden, -1).T, page.b1
    second[: c.hidden, : c.channels], second[-1, : c.channels] = page.w2.T, page.b2
    return first, second


def _sizes(c: Config, ranges: Ranges | None) -> F64:
    """Return each channel's factor, (channels,). Raises NCAError if the model clips where the page can't."""
    size = np.full(c.channels, 2 * c.colour.scale)
    limit, clips = f"±{LIMIT / size[0]:g}", c.clips
    gains = {GAINS[STENCILS.index(f.stencil), 0] / abs(f.gain) for f in c.features if f.gain}
    seen = [(f.stencil, channel) for f in c.features for channel in c.seen(f)]
    wrong = {
        f"clips its state elsewhere than at {limit}": _elsewhere(clips.state, size[0]),
        f"clips its update elsewhere than at {limit}": _elsewhere(clips.update, size[0]),
        "clips its perception elsewhere": any(_elsewhere(clips.perception, size[0] * g) for g in gains),
        "perceives a filtered channel twice and clips it": clips.perception is not None and len(set(seen)) < len(seen),
    }
    article.refuse(c, RUNNER, wrong)
    if ranges is not None and not (clips.state or clips.update or clips.perception):
        size[3:] = np.minimum(size[3:], LIMIT / np.maximum(ranges.channels[3:], 1e-6))
    return size


def _elsewhere(clip: Range | None, size: float) -> bool:
    return clip is not None and not np.allclose(np.array(clip) * size, (-LIMIT, LIMIT), rtol=1e-6)


def _factors(c: Config, ranges: Ranges | None, rows: F64) -> F64:
    """Return each hidden unit's factor, (hidden,). rows: weights and bias of each unit."""
    if c.clips.hidden:
        return np.full(c.hidden, LIMIT / c.clips.hidden[1])
    assert ranges is not None
    # All rows get the same largest weight, so that all use the full 8 bits, and small enough that no unit saturates.
    height, lives = np.abs(rows).max(1), ranges.hidden > 0
    common = float((height[lives] * LIMIT / ranges.hidden[lives]).min()) if lives.any() else 1.0
    return np.array([common / h if h else 1.0 for h in height])


def _layer(weights: F64, quant: list[float]) -> dict[str, object]:
    """Return one layer of all models, (models, rows, outputs), as in the file; the picture is about square."""
    count, rows, outputs = weights.shape
    down = max(1, math.isqrt(count * outputs // (4 * rows)))
    across = math.ceil(count / down)
    scale = _scale(weights)
    tiles = np.full((down * across, rows, outputs), 127, np.uint8)
    tiles[:count] = np.clip(np.round(weights / scale * 255) + 127, 0, 255)
    picture = tiles.reshape(down, across, rows, outputs // 4, 4).transpose(0, 2, 1, 3, 4)
    file = io.BytesIO()
    Image.fromarray(picture.reshape(down * rows, -1, 4)).save(file, "png", optimize=True)
    data = "data:image/PNG;base64," + base64.b64encode(file.getvalue()).decode()
    return {"scale": scale, "data": data, "shape": [rows, outputs], "quant_scale_zero": quant, "layout": [across, down]}


def _scale(weights: F64) -> float:
    """Return the scale of w = (byte - 127)/255·scale: the smallest that all weights fit into.

    Weights that are multiples of one step, as those from an atlas are, get the scale of that step and do not change.
    """
    largest = np.abs(weights).max()
    if not largest:
        return 1.0
    steps = np.diff(np.unique(np.abs(np.append(weights, 0.0))))
    step = steps[steps > largest * 1e-4].min()  # smaller differences are one number rounded in two ways
    step = largest / round(largest / step)
    places = weights / step
    if np.abs(places - np.round(places)).max() < 1e-3 and places.min() > -127.5 and places.max() < 128.5:
        return float(np.float32(255 * step))
    return float(max(weights.max() * 255 / 128, -weights.min() * 255 / 127))
