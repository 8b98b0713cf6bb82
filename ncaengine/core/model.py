"""Model: what a neural cellular automaton computes (Config) and its weights, as NumPy arrays.

One step of a cell, for every family (filter-major perception p):

    p = clip(concat(gain_f * mean over scales of (stencil_f * state) for f in features)), then |p| if absolute
    h = clip(activation(w1 @ concat(p, extra) + b1)); without hidden units, h is the input
    state += fires * dt * (clip(w2 @ h + b2) + diffusion * (laplacian * state)), then clip(state); see core.integration
    state *= alive before or after the update, or both
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from ncaengine.core import bounds, display, embedding_inputs
from ncaengine.core.display import Displayed
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import FireRate
from ncaengine.core.types import F32

Range = tuple[float, float]
Activation = Literal["relu", "linear", "tanh", "sigmoid", "swish"]
Padding = Literal["circular", "replicate", "zero"]
Integrator = Literal["euler", "heun", "rk4", "implicit"]
"""How a step follows the update; see core.integration."""
Extra = Literal[
    "row", "column", "cos_angle", "sin_angle",
    "embed_0", "embed_1", "embed_2", "embed_3", "embed_4", "embed_5", "embed_6", "embed_7",
]  # fmt: skip
"""Inputs in addition to the perception.
row, column: the place of the cell's middle on the screen, from -1 at the grid's upper and left edge to 1, in the cell's
own frame.
cos_angle, sin_angle: of the angle by which that frame is turned.
embed_0 …: the numbers of the cell's embedding, which says which texture it makes; see core.embeddings."""
Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Scale = Annotated[int, msgspec.Meta(ge=0, le=3)]

MAX_NUMBERS = int(bounds.NUMBERS.high)
"""The most numbers in the weights of a file; the largest Config has 4.5 million."""
MAX_INPUTS = 8200
"""The most inputs of a net: 16 features of 256 channels with their absolute values, and `extra`."""
MAX_SIDE = 9
"""The largest side of a model's own stencil."""
WEIGHTS = ("w1", "b1", "w2", "b2")
SEED = "seed"
"""The name of the seed's image among the weights."""


Weights = tuple[tuple[float, ...], ...]
"""Rows of a stencil's weights."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One filter of the perception."""

    stencil: str
    """The name of one of the model's own stencils, or else of the kernel's."""
    gain: float = 1.0
    """Multiplies the stencil."""
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(max_length=256)] | None = None
    """The channels that are filtered, counted from 0; None for all."""


class Clips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The (lowest, highest) value of each stage; None where a stage isn't clipped."""

    perception: Range | None = None
    hidden: Range | None = None
    update: Range | None = None
    state: Range | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The initial state."""

    kind: Literal["zeros", "noise", "point", "blobs", "image"] = "zeros"
    """zeros: 0 everywhere.
    noise: uniform in [-level/2, level/2).
    point: one cell in the middle, whose channels from `first` on are `level`.
    blobs: Gaussian spots of height `level` on the first three channels, about one on 14 x 14 cells.
    image: the model's `seed` in the middle, 0 around it."""
    level: float = 1.0
    first: Channel = 0
    """Counted from 0."""


class Colour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the first three channels become RGB in [0, 1]: state * scale + offset, then clipped."""

    scale: float = 1.0
    offset: float = 0.5
    alpha: bool = False
    """Whether the fourth channel is opacity, by which RGB is already multiplied."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """RGB behind transparent cells, each 0 to 1."""


class Alive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cells die unless `channel` exceeds `threshold` near them; then all their channels become 0.

    Near means in the cell or in a neighbour that the kernel's Laplacian reads (Growing NCA, Mordvintsev et al. 2020).
    """

    channel: Channel = 3
    threshold: float = 0.1
    when: Literal["before", "after", "both"] = "both"
    """Whether it must do so before the update, after it, or at both times."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a model except its weights. Defaults are those of the article's notebook."""

    channels: Annotated[int, msgspec.Meta(ge=3, le=256)] = 12
    hidden: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 96
    """Hidden units; 0 for a net of one layer."""
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=1024)] = (
        Feature("identity"),
        Feature("gradient_x"),
        Feature("gradient_y"),
        Feature("laplacian"),
    )
    stencils: Annotated[dict[str, Weights], msgspec.Meta(max_length=1024)] = {}
    """The model's own stencils by name, which come before the kernel's: (2r + 1, 2r + 1) weights in rows, made for a
    square lattice, with r from 0 to 4. See core.stencils."""
    absolute: bool = False
    """Whether the net also sees the absolute values of the perception."""
    extra: Annotated[tuple[Extra, ...], msgspec.Meta(max_length=12)] = ()
    textures: Annotated[dict[str, tuple[float, ...]], msgspec.Meta(max_length=32)] = {}
    """The embedding of each texture that the model makes, by name, the first one for cells without an embedding of
    their own; empty for a model of one texture. See core.embeddings."""
    scales: Annotated[tuple[Scale, ...], msgspec.Meta(min_length=1, max_length=4)] = (0,)
    """The scales of the perception: 0 is the state's own, 1 half its size, and so on. Their results are enlarged and
    averaged (DyNCA, Pajouheshgar et al. 2023)."""
    activation: Activation = "relu"
    beta: float = 1.0
    """Of the activation swish: y·sigmoid(beta·y)."""
    clips: Clips = Clips()
    diffusion: Annotated[tuple[float, ...], msgspec.Meta(max_length=256)] = ()
    """The rate of each channel; empty for none."""
    padding: Padding = "circular"
    integrator: Integrator = "euler"
    fire_rate: FireRate = 0.5
    firing: Literal["cell", "channel"] = "cell"
    """Whether a cell updates all its channels at once, or each independently."""
    alive: Alive | None = None
    seed: Seed = Seed()
    colour: Colour = Colour()
    kernels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)] = ("square", "hexagonal")
    """The kernels on which the model is known to grow its texture; it starts on the first. It also runs on others."""
    name: str = "model"
    family: str = "ncaengine"
    attribution: dict[str, str] = {}

    @property
    def inputs(self) -> int:
        """The number of the net's inputs."""
        seen = sum(len(self.seen(feature)) for feature in self.features)
        return seen * (1 + self.absolute) + len(self.extra)

    @property
    def credit(self) -> str:
        """The model's authors and licence on one line; '' if unknown."""
        parts = [self.attribution.get(key, "") for key in ("authors", "author", "licence")]
        # A licence that starts as the authors do, as "unknown: …", says the same and more.
        said = [part for n, part in enumerate(parts) if part and not any(p.startswith(part) for p in parts[n + 1 :])]
        return " · ".join(said)

    @property
    def authors(self) -> str:
        """The authors of the model; '' if they are unknown."""
        return self.attribution.get("authors") or self.attribution.get("author", "")

    @property
    def non_commercial(self) -> bool:
        """Whether its licence forbids commercial use, as the NC licences of Creative Commons do."""
        licence = self.attribution.get("licence", "")
        known = not licence.startswith("unknown")
        return known and re.search(r"\bNC\b|non-?commercial", licence, re.IGNORECASE) is not None

    @property
    def notes(self) -> list[str]:
        """What a user must know about how its file was read: what is a guess, and what was left out."""
        guess = self.attribution.get("reading", "")
        return [guess] * guess.startswith("a guess") + [t for t in [self.attribution.get("left out", "")] if t]

    def seen(self, feature: Feature) -> tuple[int, ...]:
        """Return the channels that a feature filters."""
        return tuple(range(self.channels)) if feature.channels is None else feature.channels

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights, by name."""
        first = self.hidden or self.inputs
        return {
            "w1": (self.hidden, self.inputs),
            "b1": (self.hidden,),
            "w2": (self.channels, first),
            "b2": (self.channels,),
        }


@dataclass(frozen=True, eq=False)
class Model(Displayed):
    """A configuration with its weights, all float32 and read-only.

    Raises NCAError if a shape doesn't fit or a number is not finite.
    """

    config: Config
    w1: F32
    """(hidden, inputs), the columns filter-major."""
    b1: F32
    """(hidden,)."""
    w2: F32
    """(channels, hidden); without hidden units (channels, inputs)."""
    b2: F32
    """(channels,)."""
    seed: F32 | None = None
    """(height, width, some channels), for seeds that are an image."""

    def __post_init__(self) -> None:
        c = self.config
        for name, shape in c.shapes.items():
            given = np.shape(getattr(self, name))  # checked first, because a broken file may claim a huge one
            if given != shape:
                raise NCAError(f"weights {name} have shape {given}, but the configuration asks for {shape}.")
        if (c.seed.kind == "image") != (self.seed is not None):
            raise NCAError("seed image missing or unexpected.")
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
        """Return the weights by name, and the seed's image if there is one."""
        found = {name: getattr(self, name) for name in WEIGHTS}
        return found if self.seed is None else {**found, SEED: self.seed}

    def show(self, kernel: str = "", controls: bool = True, height: int = 560) -> Any:
        """Display the model in a notebook, as a page that runs it in the browser.

        kernel: The neighbourhood at the start; '' takes the model's first.
        controls: Whether the page has its controls, or is the texture alone.
        height: In CSS pixels.

        Growing the picture beside it takes some seconds. Raises NCAError if the model can't run on the kernel.
        """
        return display.module().of_model(self, kernel, controls, height)

    def move_weights(self, kept: Callable[[F32], F32]) -> None:
        """Replace each array by the equal one that `kept` returns, so that equal models can share memory."""
        for name, array in self.arrays().items():
            object.__setattr__(self, name, kept(array))

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return sum(getattr(self, name).size for name in WEIGHTS)


def equal_models(a: Model, b: Model) -> bool:
    """Return whether two models are equal bit for bit."""
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
        raise NCAError(f"the configuration names channels that don't exist; it has {c.channels}, counted from 0.")
    if len(set(c.scales)) < len(c.scales):
        raise NCAError("the configuration names a scale of perception twice.")
    for stage in Clips.__struct_fields__:
        clip = getattr(c.clips, stage)
        if clip is not None and not (_finite(clip) and clip[0] < clip[1]):
            raise NCAError(f"the clip of the {stage} is {clip}; it must be (lowest, highest).")
    if c.inputs > MAX_INPUTS:
        raise NCAError(f"the configuration asks for {c.inputs} inputs of the net; the most are {MAX_INPUTS}.")
    for name, weights in c.stencils.items():
        side = len(weights)
        if side % 2 == 0 or side > MAX_SIDE or any(len(row) != side for row in weights):
            raise NCAError(f"the stencil {name[:100]!r} must be square with an odd side of at most {MAX_SIDE}.")
        if not _finite([weight for row in weights for weight in row]):
            raise NCAError(f"the stencil {name[:100]!r} holds a number that is not finite.")
    for feature in c.features:
        if not (feature.stencil.isidentifier() and len(feature.stencil) <= 100):
            raise NCAError(f"the configuration names a stencil {feature.stencil[:100]!r}, which is not a name.")
    embedding_inputs.check(c.extra, c.textures)


def _finite(numbers: Sequence[float]) -> bool:
    """Return whether numbers are finite as float32, with which shaders compute."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(np.array(numbers, np.float32)).all())
