"""Atlases that the page of the Distill article (2021) and hexells run: several models in two 8-bit pictures.

The page keeps everything in bytes, which clips the perception, the update and the state to ±2 and hidden units to
0 … 2, and shows state/2 + 0.5. Models that clip elsewhere or not at all are brought there by a change of units, exact
but for values beyond their measured Ranges: state and colours by one factor, invisible channels that need it by a
smaller one, and each hidden unit by its own, which ReLU and saturation from 0 on allow.
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
from ncaengine.core.types import F32
from ncaengine.formats.exporters import plain
from ncaengine.formats.exporters.plain import F64, STENCILS
from ncaengine.formats.importers.base import bounded_attribution

RUNNER = "the article's page"
LIMIT = 2.0
GAINS = np.array([[1.0], [1.0], [1.0], [0.5]])
"""Of the page's filters, identity, S/8, Sᵀ/8 and L9/8, over a kernel's own."""
PAGE = Config(
    features=tuple(Feature(name, float(gain)) for name, (gain,) in zip(STENCILS, GAINS, strict=True)),
    activation="linear",
    clips=Clips((-LIMIT, LIMIT), (0.0, LIMIT), (-LIMIT, LIMIT), (-LIMIT, LIMIT)),
    colour=Colour(0.5, 0.5),
    family="selforg-textures",
)
MOST_CHANNELS, MOST_HIDDEN, MOST_MODELS = 32, 128, 256
"""The page's loops end after 128 inputs, and a byte tells which model a cell runs."""
QUANT = ([2.0, 0.0], [4.0, 127 / 255])
"""Of a layer's output, as (range, byte of 0 / 255)."""


@dataclass(frozen=True, eq=False)
class Ranges:
    """What a model reaches in rollouts, each float32.

    hidden: (hidden,), the highest of each unit, before a clip. channels: (channels,), the largest size of each one's
    state, its update and what the page's filters make of it.
    """

    hidden: F32
    channels: F32


def needs_ranges(config: Config) -> bool:
    """Whether the model leaves a stage unclipped that the page clips."""
    clips = config.clips
    return None in (clips.perception, clips.hidden, clips.update, clips.state)


@np.errstate(over="ignore", invalid="ignore")
def measure(model: Model, kernel: Kernel, states: Iterable[F32]) -> Ranges:
    """The ranges over some states of rollouts on `kernel`, each (height, width, channels) float32.

    Raises NCAError if the page cannot compute the model anyway, or if it runs away.
    """
    check(model.config)
    clip = model.config.clips.hidden
    hidden, channels = np.zeros(model.config.hidden), np.zeros(model.config.channels)
    first, w2 = plain.weights(model), model.w2.astype(np.float64)
    for state in states:
        seen = np.stack([_applied(state, kernel, name) for name in STENCILS])
        units = np.einsum("hfc,fyxc->yxh", first, seen) + model.b1
        hidden = np.maximum(hidden, units.max((0, 1)))
        update = np.clip(units, 0, clip[1] if clip else None) @ w2.T + model.b2
        for values in (state, update, *(GAINS[:, :, None, None] * seen)):
            channels = np.maximum(channels, np.abs(values).max((0, 1)))
    if not (np.isfinite(hidden).all() and np.isfinite(channels).all()):
        raise NCAError(f"The model {model.config.name!r} runs away on {kernel.name}; export it with another --kernel.")
    return Ranges(hidden.astype(np.float32), channels.astype(np.float32))


def _applied(state: F32, kernel: Kernel, stencil: str) -> F64:
    """Without the shift of a skewed torus, whose seam counts little here."""
    out = np.zeros(state.shape)
    for row, column, weight in kernel.taps(stencil):
        out += weight * np.roll(state, (-row, -column), (0, 1))
    return out


def atlas(models: Sequence[tuple[Model, Ranges | None]]) -> str:
    """The JSON text of an atlas, with the keys of hexells' models.json and one more, who made each model.

    Channels and hidden units are filled up with idle ones to whole fours and to the largest model's. Weights of models
    that came from one atlas stay as they are. Raises NCAError if the page cannot compute one of the models, or if one
    has no Ranges and needs them.
    """
    if not 1 <= len(models) <= MOST_MODELS:
        raise NCAError(f"An atlas holds 1 to {MOST_MODELS} models, not {len(models)}; export fewer.")
    channels = 4 * math.ceil(max(m.config.channels for m, _ in models) / 4)
    hidden = 4 * math.ceil(max(m.config.hidden for m, _ in models) / 4)
    pages = [converted(model, ranges) for model, ranges in models]
    first, second = zip(*(_layers(page, channels, hidden) for page in pages), strict=True)
    told = [_layer(np.stack(layers), quant) for layers, quant in zip((first, second), QUANT, strict=True)]
    configs = [model.config for model, _ in models]
    credits = [bounded_attribution(c.attribution) for c in configs]  # the page ignores this key; our importer reads it
    return json.dumps({"model_names": [c.name for c in configs], "layers": told, "attribution": credits})


def check(c: Config) -> None:
    """Raises NCAError saying what of the model the page cannot compute, before its units are changed."""
    limits = {
        f"has {c.channels} channels and {c.hidden} hidden units, more than {MOST_CHANNELS} and {MOST_HIDDEN}": (
            c.channels > MOST_CHANNELS or c.hidden > MOST_HIDDEN
        ),
        f"has the activation {c.activation}": c.activation not in ("relu", "linear"),
        "lets hidden units fall below 0": _lowest(c) != 0,
        f"fires at a rate of {c.fire_rate:g}": c.fire_rate != 0.5,
        f"starts from a seed of {c.seed.kind}": c.seed.kind != "zeros",
        f"shows its state · {c.colour.scale:g} + {c.colour.offset:g} as colours": (
            c.colour.offset != 0.5 or c.colour.scale <= 0
        ),
        "has opacity": c.colour.alpha,
    }
    plain.check(c, RUNNER, limits)


def _lowest(c: Config) -> float:
    """The lowest that a hidden unit can be."""
    low = c.clips.hidden[0] if c.clips.hidden else -math.inf
    return max(low, 0.0) if c.activation == "relu" else low


def converted(model: Model, ranges: Ranges | None = None) -> Model:
    """The model in the page's units, before anything is rounded: of the family that importers.selforg reads.

    Its colours are those of `model`, step for step. Raises NCAError as `atlas` does.
    """
    c = model.config
    check(c)
    if ranges is None and needs_ranges(c):
        raise NCAError(f"The model {c.name!r} leaves values unclipped; measure their ranges for the atlas first.")
    size = _sizes(c, ranges)
    w1 = (plain.weights(model) / GAINS / size).reshape(c.hidden, -1)
    factor = _factors(c, ranges, np.concatenate([w1, model.b1[:, None]], 1))
    config = msgspec.structs.replace(
        PAGE, channels=c.channels, hidden=c.hidden, kernels=c.kernels, name=c.name, attribution=c.attribution
    )
    w1, w2 = w1 * factor[:, None], model.w2 * size[:, None] / factor
    arrays = (w1, model.b1 * factor, w2, model.b2 * size)
    return Model(config, *(array.astype(np.float32) for array in arrays))


def _layers(page: Model, channels: int, hidden: int) -> tuple[F64, F64]:
    """Both layers as files have them, biases last: (4·channels + 1, hidden) and (hidden + 1, channels)."""
    c = page.config
    w1 = np.zeros((hidden, 4, channels))
    w1[: c.hidden, :, : c.channels] = page.w1.reshape(c.hidden, 4, c.channels)
    first, second = np.zeros((4 * channels + 1, hidden)), np.zeros((hidden + 1, channels))
    first[:-1], first[-1, : c.hidden] = w1.reshape(hidden, -1).T, page.b1
    second[: c.hidden, : c.channels], second[-1, : c.channels] = page.w2.T, page.b2
    return first, second


def _sizes(c: Config, ranges: Ranges | None) -> F64:
    """What each channel is multiplied by: (channels,). Raises NCAError if the model clips where the page does not."""
    size = np.full(c.channels, 2 * c.colour.scale)
    limit, clips = f"±{LIMIT / size[0]:g}", c.clips
    gains = {GAINS[STENCILS.index(f.stencil), 0] / abs(f.gain) for f in c.features if f.gain}
    seen = [(f.stencil, channel) for f in c.features for channel in c.seen(f)]
    wrong = {
        f"clips its state elsewhere than at {limit}": _elsewhere(clips.state, size[0]),
        f"clips its update elsewhere than at {limit}": _elsewhere(clips.update, size[0]),
        "clips its perception elsewhere": any(_elsewhere(clips.perception, size[0] * g) for g in gains),
        "sees the same twice and clips it": clips.perception is not None and len(set(seen)) < len(seen),
    }
    plain.refuse(c, RUNNER, wrong)
    if ranges is not None and not (clips.state or clips.update or clips.perception):
        size[3:] = np.minimum(size[3:], LIMIT / np.maximum(ranges.channels[3:], 1e-6))
    return size


def _elsewhere(clip: Range | None, size: float) -> bool:
    return clip is not None and not np.allclose(np.array(clip) * size, (-LIMIT, LIMIT), rtol=1e-6)


def _factors(c: Config, ranges: Ranges | None, rows: F64) -> F64:
    """What each hidden unit is multiplied by: (hidden,). `rows`: weights and bias of each."""
    if c.clips.hidden:
        return np.full(c.hidden, LIMIT / c.clips.hidden[1])
    assert ranges is not None
    # All rows equally high, so that none needs a coarser scale than the others, and low enough that none saturates.
    height, lives = np.abs(rows).max(1), ranges.hidden > 0
    common = float((height[lives] * LIMIT / ranges.hidden[lives]).min()) if lives.any() else 1.0
    return np.array([common / h if h else 1.0 for h in height])


def _layer(weights: F64, quant: list[float]) -> dict[str, object]:
    """One layer of all models, (models, rows, outputs), as the file has it; tiles in the shape of hexells' pictures."""
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
    """The scale of w = (byte - 127)/255·scale: the smallest that holds all weights.

    If they lie on a lattice, as those of an atlas do, it is the lattice's, which leaves them as they are.
    """
    largest = np.abs(weights).max()
    if not largest:
        return 1.0
    steps = np.diff(np.unique(np.abs(np.append(weights, 0.0))))
    step = steps[steps > largest * 1e-4].min()  # below that: one number, rounded in two ways
    step = largest / round(largest / step)
    places = weights / step
    if np.abs(places - np.round(places)).max() < 1e-3 and places.min() > -127.5 and places.max() < 128.5:
        return float(np.float32(255 * step))
    return float(max(weights.max() * 255 / 128, -weights.min() * 255 / 127))
