"""Model: what a neural cellular automaton computes (Config) and its weights, as NumPy arrays.

One step of a cell, for every family (filter-major perception p):

    p = clip(concat(gain_f * mean over scales of (stencil_f * state) for f in features)), then |p| if absolute
    h = clip(activation(w1 @ concat(p, extra) + b1)); the input itself where there are no hidden units
    state += fires * dt * (clip(w2 @ h + b2) + diffusion * (laplacian * state)), then clip(state)
    state *= alive before and after
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32
from ncaengine.core.validation import explain_invalid

Range = tuple[float, float]
Activation = Literal["relu", "linear", "tanh", "sigmoid", "swish"]
Padding = Literal["circular", "replicate", "zero"]
Extra = Literal["row", "column", "cos_angle", "sin_angle"]
"""Inputs beside the perception. row, column: the place of the cell's middle on the screen, from -1 at the grid's upper
and left edge to 1, in the cell's own frame. cos_angle, sin_angle: of the angle by which that frame is turned."""
Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Scale = Annotated[int, msgspec.Meta(ge=0, le=3)]

FORMAT_VERSION = 1
MAX_NUMBERS = 10**7
"""In the weights of a file; the largest Config has 4.5 million."""
WEIGHTS = ("w1", "b1", "w2", "b2")
SEED = "seed"
"""The seed's image, beside the weights."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One filter of the perception: the kernel's `stencil` times `gain`, of some `channels` or (None) of all."""

    stencil: str
    gain: float = 1.0
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(max_length=256)] | None = None


class Clips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Saturations as (lowest, highest); None where a stage is not clipped."""

    perception: Range | None = None
    hidden: Range | None = None
    update: Range | None = None
    state: Range | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The initial state.

    zeros; noise: uniform in [-level/2, level/2); point: one cell in the middle, its channels from `first` on at
    `level`; blobs: Gaussian spots of height `level` on the first three channels, about one on 14 x 14 cells; image:
    the model's `seed` in the middle, 0 around it.
    """

    kind: Literal["zeros", "noise", "point", "blobs", "image"] = "zeros"
    level: float = 1.0
    first: Channel = 0


class Colour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the first three channels become RGB in [0, 1]: state * scale + offset, then clipped.

    alpha: whether the fourth is opacity, by which RGB is multiplied already; the `background` then shines through.
    """

    scale: float = 1.0
    offset: float = 0.5
    alpha: bool = False
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)


class Alive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cells die, all their channels 0, unless `channel` exceeds `threshold` near them before and after the update.

    Near: in the cell or a neighbour that the kernel's Laplacian sees (Growing NCA, Mordvintsev et al. 2020).
    """

    channel: Channel = 3
    threshold: float = 0.1


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a model but its weights. Defaults are those of the article's notebook.

    hidden: 0 for a net of one layer. absolute: the perception is followed by its absolute values. scales: at
    which the state is perceived, 0 as it is, 1 at half its size, and so on; the perception is their mean, made
    large again (DyNCA, Pajouheshgar et al. 2023). beta: of swish, y·sigmoid(beta·y). diffusion: of each channel,
    none if empty. firing: whether a cell updates all its channels at once, or each by a chance of its own.
    `kernels` are those that the model is known to grow its texture on, the one it starts on first; it runs on
    any other too.
    """

    channels: Annotated[int, msgspec.Meta(ge=3, le=256)] = 12
    hidden: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 96
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=16)] = (
        Feature("identity"),
        Feature("gradient_x"),
        Feature("gradient_y"),
        Feature("laplacian"),
    )
    absolute: bool = False
    extra: Annotated[tuple[Extra, ...], msgspec.Meta(max_length=8)] = ()
    scales: Annotated[tuple[Scale, ...], msgspec.Meta(min_length=1, max_length=4)] = (0,)
    activation: Activation = "relu"
    beta: float = 1.0
    clips: Clips = Clips()
    diffusion: Annotated[tuple[float, ...], msgspec.Meta(max_length=256)] = ()
    padding: Padding = "circular"
    fire_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    firing: Literal["cell", "channel"] = "cell"
    alive: Alive | None = None
    seed: Seed = Seed()
    colour: Colour = Colour()
    kernels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)] = ("square", "hexagonal")
    name: str = "model"
    family: str = "ncaengine"
    attribution: dict[str, str] = {}

    @property
    def inputs(self) -> int:
        """Length of a cell's perception vector."""
        seen = sum(len(self.seen(feature)) for feature in self.features)
        return seen * (1 + self.absolute) + len(self.extra)

    @property
    def credit(self) -> str:
        """Who made the model and what its licence allows, on one line; '' where nothing is known."""
        said = (self.attribution.get(key, "") for key in ("authors", "author", "licence"))
        return " · ".join(dict.fromkeys(filter(None, said)))

    @property
    def non_commercial(self) -> bool:
        """Whether its licence is said to forbid commercial use, as those of Creative Commons with NC do."""
        return re.search(r"\bNC\b|non-?commercial", self.attribution.get("licence", ""), re.IGNORECASE) is not None

    def seen(self, feature: Feature) -> tuple[int, ...]:
        """The channels that a feature is of."""
        return tuple(range(self.channels)) if feature.channels is None else feature.channels

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the weights."""
        first = self.hidden or self.inputs
        return {
            "w1": (self.hidden, self.inputs),
            "b1": (self.hidden,),
            "w2": (self.channels, first),
            "b2": (self.channels,),
        }


@dataclass(frozen=True, eq=False)
class Model:
    """A configuration with its weights, all float32.

    w1 (hidden, inputs) with filter-major columns, b1 (hidden,), w2 (channels, hidden), or without hidden units
    (channels, inputs), b2 (channels,). seed: (height, width, some channels), for seeds that are an image. Raises
    NCAError where a shape does not fit or a number is not finite.
    """

    config: Config
    w1: F32
    b1: F32
    w2: F32
    b2: F32
    seed: F32 | None = None

    def __post_init__(self) -> None:
        c = self.config
        for name, shape in c.shapes.items():
            given = np.shape(getattr(self, name))  # looked at first: a broken file may claim a huge one
            if given != shape:
                raise NCAError(f"weights {name} have shape {given}, but the configuration asks for {shape}.")
        if (c.seed.kind == "image") != (self.seed is not None):
            raise NCAError("the seed is an image, which is missing, or has an image that is not asked for.")
        if self.seed is not None and (np.ndim(self.seed) != 3 or not 1 <= np.shape(self.seed)[2] <= c.channels):
            raise NCAError(f"the seed's image has shape {np.shape(self.seed)}; it must be (height, width, channels).")
        for name, given in self.arrays().items():
            if np.iscomplexobj(given):
                raise NCAError(f"weights {name} are complex numbers; weights are real.")
            with np.errstate(over="ignore"):
                array = np.ascontiguousarray(given, np.float32)
            if not np.isfinite(array).all():
                raise NCAError(f"weights {name} hold NaN or infinity; the training that made them diverged.")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check_config(c)

    def arrays(self) -> dict[str, F32]:
        """The weights by name, and the seed's image if there is one."""
        found = {name: getattr(self, name) for name in WEIGHTS}
        return found if self.seed is None else {**found, SEED: self.seed}

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(getattr(self, name).size for name in WEIGHTS)


def equal_models(a: Model, b: Model) -> bool:
    """Whether two models agree to the last bit."""
    theirs = b.arrays()
    return a is b or (a.config == b.config and all(np.array_equal(v, theirs[k]) for k, v in a.arrays().items()))


def _check_config(c: Config) -> None:
    numbers = [f.gain for f in c.features] + [c.seed.level, c.colour.scale, c.colour.offset, c.fire_rate, c.beta]
    numbers += [*c.colour.background, *c.diffusion, *([c.alive.threshold] if c.alive else [])]
    if not _finite(numbers):
        raise NCAError("the configuration holds a number that is not finite.")
    if len(c.diffusion) not in (0, c.channels):
        raise NCAError(f"the configuration gives {len(c.diffusion)} rates of diffusion for {c.channels} channels.")
    named = [n for f in c.features for n in f.channels or ()] + [3] * c.colour.alpha
    named += [c.alive.channel] if c.alive else []
    if max(named, default=0) >= c.channels or any(f.channels == () for f in c.features):
        raise NCAError(f"the configuration names channels that it lacks; it has {c.channels}, counted from 0.")
    if len(set(c.scales)) < len(c.scales):
        raise NCAError("the configuration names a scale of perception twice.")
    for stage in Clips.__struct_fields__:
        clip = getattr(c.clips, stage)
        if clip is not None and not (_finite(clip) and clip[0] < clip[1]):
            raise NCAError(f"the clip of the {stage} is {clip}; it must be (lowest, highest).")
    for feature in c.features:
        if not (feature.stencil.isidentifier() and len(feature.stencil) <= 100):
            raise NCAError(f"the configuration names a stencil {feature.stencil[:100]!r}, which cannot be one.")


def _finite(numbers: Sequence[float]) -> bool:
    """Whether they are finite as the float32 that shaders compute with."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(np.array(numbers, np.float32)).all())


def config_to_dict(config: Config) -> dict[str, Any]:
    """The configuration as containers that JSON and torch.save can hold."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(config))
    return plain


def model_from_dict(config: object, weights: dict[str, F32]) -> Model:
    """A Model from what `config_to_dict` made and the four arrays. Raises NCAError on any misfit."""
    try:
        checked = msgspec.convert(config, Config, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"the configuration is not valid: {explain_invalid(error, Config)}") from None
    missing = [name for name in WEIGHTS if name not in weights]
    if missing:
        raise NCAError(f"the weights lack {', '.join(missing)}.")
    return Model(checked, **{name: weights[name] for name in (*WEIGHTS, SEED) if name in weights})
