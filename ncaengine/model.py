"""Model: what a neural cellular automaton computes (Config) and its weights, as NumPy arrays.

One step of a cell, for every family (filter-major perception p):

    p = clip(concat(gain_f * (stencil_f * state) for f in features))
    state += fires * clip(w2 @ clip(activation(w1 @ p + b1)) + b2), then clip(state)
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from ncaengine.errors import NCAError

F32 = npt.NDArray[np.float32]
Range = tuple[float, float]
Activation = Literal["relu", "linear", "tanh"]
Padding = Literal["circular", "replicate", "zero"]

FORMAT_VERSION = 1
MAX_NUMBERS = 10**7
"""In the weights of a file; the largest Config has 4.5 million."""
WEIGHTS = ("w1", "b1", "w2", "b2")


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One filter of the perception: the kernel's `stencil` times `gain`."""

    stencil: str
    gain: float = 1.0


class Clips(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Saturations as (lowest, highest); None where a stage is not clipped."""

    perception: Range | None = None
    hidden: Range | None = None
    update: Range | None = None
    state: Range | None = None


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The initial state: all zeros, or uniform noise in [-level/2, level/2)."""

    kind: Literal["zeros", "noise"] = "zeros"
    level: float = 1.0


class Colour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the first three channels become RGB in [0, 1]: state * scale + offset, then clipped."""

    scale: float = 1.0
    offset: float = 0.5


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about a model but its weights. Defaults are those of the article's notebook.

    `kernels` are those that the model is known to grow its texture on, the one it starts on first;
    it runs on any other too.
    """

    channels: Annotated[int, msgspec.Meta(ge=3, le=256)] = 12
    hidden: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 96
    features: Annotated[tuple[Feature, ...], msgspec.Meta(min_length=1, max_length=16)] = (
        Feature("identity"),
        Feature("gradient_x"),
        Feature("gradient_y"),
        Feature("laplacian"),
    )
    activation: Activation = "relu"
    clips: Clips = Clips()
    padding: Padding = "circular"
    fire_rate: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    seed: Seed = Seed()
    colour: Colour = Colour()
    kernels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)] = ("square", "hexagonal")
    name: str = "model"
    family: str = "ncaengine"
    attribution: dict[str, str] = {}

    @property
    def inputs(self) -> int:
        """Length of a cell's perception vector."""
        return self.channels * len(self.features)


@dataclass(frozen=True, eq=False)
class Model:
    """A configuration with its weights, all float32.

    w1 (hidden, inputs) with filter-major columns, b1 (hidden,), w2 (channels, hidden),
    b2 (channels,). Raises NCAError where a shape does not fit or a number is not finite.
    """

    config: Config
    w1: F32
    b1: F32
    w2: F32
    b2: F32

    def __post_init__(self) -> None:
        c = self.config
        shapes = {"w1": (c.hidden, c.inputs), "b1": (c.hidden,), "w2": (c.channels, c.hidden), "b2": (c.channels,)}
        for name, shape in shapes.items():
            given = np.shape(getattr(self, name))  # looked at first: a broken file may claim a huge one
            if given != shape:
                raise NCAError(f"weights {name} have shape {given}, but the configuration asks for {shape}.")
            with np.errstate(over="ignore"):
                array = np.ascontiguousarray(getattr(self, name), np.float32)
            if not np.isfinite(array).all():
                raise NCAError(f"weights {name} hold NaN or infinity; the training that made them diverged.")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check_numbers(c)

    @property
    def parameters(self) -> int:
        """How many weights and biases there are."""
        return sum(getattr(self, name).size for name in WEIGHTS)


def same(a: Model, b: Model) -> bool:
    """Whether two models agree to the last bit."""
    return a is b or (a.config == b.config and all(np.array_equal(getattr(a, n), getattr(b, n)) for n in WEIGHTS))


def _check_numbers(c: Config) -> None:
    numbers = [f.gain for f in c.features] + [c.seed.level, c.colour.scale, c.colour.offset, c.fire_rate]
    if not np.isfinite(numbers).all():
        raise NCAError("the configuration holds a number that is not finite.")
    for stage in Clips.__struct_fields__:
        clip = getattr(c.clips, stage)
        if clip is not None and not (np.isfinite(clip).all() and clip[0] < clip[1]):
            raise NCAError(f"the clip of the {stage} is {clip}; it must be (lowest, highest).")
    for feature in c.features:
        if not feature.stencil.isidentifier():
            raise NCAError(f"the configuration names a stencil {feature.stencil!r}, which cannot be one.")


def to_plain(config: Config) -> dict[str, Any]:
    """The configuration as containers that JSON and torch.save can hold."""
    plain: dict[str, Any] = json.loads(msgspec.json.encode(config))
    return plain


def from_plain(config: object, weights: dict[str, F32]) -> Model:
    """A Model from what `to_plain` made and the four arrays. Raises NCAError on any misfit."""
    try:
        checked = msgspec.convert(config, Config, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"the configuration is not valid: {error}.") from None
    missing = [name for name in WEIGHTS if name not in weights]
    if missing:
        raise NCAError(f"the weights lack {', '.join(missing)}.")
    return Model(checked, *(weights[name] for name in WEIGHTS))


def save_safetensors(model: Model, path: Path) -> None:
    """Write weights with the configuration, as JSON, in the metadata. Raises OSError."""
    meta = {"ncaengine": json.dumps({"version": FORMAT_VERSION, "config": to_plain(model.config)})}
    path.write_bytes(safetensors.numpy.save({name: getattr(model, name) for name in WEIGHTS}, meta))


def load_safetensors(path: Path) -> Model:
    """Read what `save_safetensors` wrote. Raises NCAError without the file's name, or OSError."""
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            text = (file.metadata() or {}).get("ncaengine")
            if text is None:
                raise NCAError(
                    "holds no ncaengine configuration; only models saved by ncaengine open from .safetensors."
                )
            keys = list(file.keys())
            if sum(math.prod(file.get_slice(key).get_shape()) for key in keys) > MAX_NUMBERS:
                raise NCAError("holds over ten million numbers, far more than any texture NCA.")
            weights = {key: file.get_tensor(key) for key in keys}
        head = json.loads(text)
        return from_plain(head["config"], weights)
    except (
        safetensors.SafetensorError,
        json.JSONDecodeError,
        KeyError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        raise NCAError(f"is not a whole .safetensors model ({error}).") from None
