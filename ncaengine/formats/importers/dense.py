"""Nets of two dense layers, which nearly all families have, read from state dicts and from rows of numbers.

A cell's inputs are its channels through 2 filters (identity, Laplacian), 3 (identity, gradients) or 4 (all of these);
in some nets also the cell's row and column, which come last.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Extra, Feature, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, Filters, Hints, Makers, Order, make_each

GAINS: dict[Filters, tuple[float, float]] = {"undivided": (8.0, 4.0), "eighths": (1.0, 0.5), "unit": (1.0, 1.0)}
"""Gains of gradients and Laplacian over a kernel's stencils, which are S/8 and L9/4."""
STENCILS = {
    2: ("identity", "laplacian"),
    3: ("identity", "gradient_x", "gradient_y"),
    4: ("identity", "gradient_x", "gradient_y", "laplacian"),
}
"""Filters by their number."""
PLACE: tuple[Extra, ...] = ("row", "column")
PAIRS = (("w1", "w2"), ("fc0", "fc1"), ("conv1", "conv2"))
"""Names of the two layers in known state dicts. Those of a Sequential have numbers: layers.0 and layers.2."""
FLAT = {5_856: (12, 96), 8_320: (16, 128)}
"""(channels, hidden units) by the count of numbers in Monash's files, of its textures and of its growing pictures."""


@dataclass(frozen=True, eq=False)
class Dense:
    """The weights of a net as a file has them."""

    w1: F32
    """(hidden, inputs), inputs in the file's order."""
    b1: F32
    """(hidden,)."""
    w2: F32
    """(channels, hidden)."""
    b2: F32 | None = None
    """(channels,), or None."""

    @property
    def filters(self) -> int:
        """The number of filters that each channel is perceived through. Raises NCAError if none fits the shapes."""
        return self._split()[0]

    @property
    def placed(self) -> bool:
        """Whether the last two inputs are a cell's row and column."""
        return self._split()[1]

    def _split(self) -> tuple[int, bool]:
        channels, (hidden, inputs) = len(self.w2), self.w1.shape
        if not (3 <= channels <= 256 and 1 <= hidden <= 1024):
            raise NCAError(f"has {channels} channels and {hidden} hidden units; ncaengine runs 3 to 256 and 1 to 1024.")
        for count in STENCILS:
            if inputs - count * channels in (0, len(PLACE)):
                return count, inputs != count * channels
        raise NCAError(
            f"the shapes do not fit: the first layer has {inputs} inputs and the second {channels} outputs; "
            "inputs must be 2, 3 or 4 times the channels, plus 2 if a cell's row and column are inputs."
        )


@dataclass(frozen=True, eq=False)
class Convention:
    """What a family's files do not say."""

    config: Config
    """Everything except shapes, features and name."""
    order: Order = "channel"
    filters: Filters = "undivided"
    gradients: tuple[str, str] = ("gradient_x", "gradient_y")
    """The first and the second gradient; "-gradient_y" has the opposite sign."""
    seed: F32 | None = None
    """(height, width, channels): the seed's image, if the seed is one."""


def features(stencils: tuple[str, ...], filters: Filters) -> tuple[Feature, ...]:
    """Return the features of a model trained with these filters; "-" before a stencil means the opposite sign."""
    gradient, laplacian = GAINS[filters]
    gains = {"identity": 1.0, "gradient_x": gradient, "gradient_y": gradient, "laplacian": laplacian}
    names = [name.removeprefix("-") for name in stencils]
    return tuple(Feature(n, -gains[n] if n != s else gains[n]) for n, s in zip(names, stencils, strict=True))


def build_model(net: Dense, convention: Convention, hints: Hints, name: str) -> Model:
    """Return the Model of a net. Raises NCAError if the shapes do not fit."""
    count, placed = net.filters, net.placed
    hidden, channels = len(net.w1), len(net.w2)
    seen, base = count * channels, convention.config
    w1 = net.w1
    if (hints.order or convention.order) == "channel":
        by_filter = w1[:, :seen].reshape(hidden, channels, count).transpose(0, 2, 1).reshape(hidden, seen)
        w1 = np.concatenate([by_filter, w1[:, seen:]], 1)
    colour = base.colour
    if hints.offset is not None:
        colour = msgspec.structs.replace(colour, offset=hints.offset)
    own = dict(zip(STENCILS[3][1:], convention.gradients, strict=True))
    stencils = tuple(own.get(stencil, stencil) for stencil in STENCILS[count])
    config = msgspec.structs.replace(
        base, channels=channels, hidden=hidden, extra=PLACE if placed else (), name=name, colour=colour,
        features=features(stencils, hints.filters or convention.filters),
    )  # fmt: skip
    b2 = np.zeros(channels, np.float32) if net.b2 is None else net.b2
    return Model(config, w1, net.b1, net.w2, b2, convention.seed)


def find_layers(tensors: Mapping[str, F32]) -> tuple[str, str] | None:
    """Return the names of a state dict's two layers, one of PAIRS or those of a Sequential; None if there are none."""
    for pair in PAIRS:
        if all(f"{name}.weight" in tensors for name in pair) and f"{pair[0]}.bias" in tensors:
            return pair
    numbered = [m for key in tensors if (m := re.fullmatch(r"(.{0,100}?)(\d{1,3})\.weight", key))]
    if len(numbered) != 2 or numbered[0][1] != numbered[1][1]:
        return None
    first, second = sorted(numbered, key=lambda m: int(m[2]))
    return first[0].removesuffix(".weight"), second[0].removesuffix(".weight")


def is_placed(decoded: Decoded) -> bool:
    """Return whether a file is a state dict of w1 and w2 with a cell's row and column as inputs (PE-NCA, DyNCA)."""
    try:
        return find_layers(decoded.data) == PAIRS[0] and read_net(decoded, Hints()).placed
    except NCAError:
        return False


def open_net(decoded: Decoded, hints: Hints, convention: Callable[[Dense], Convention]) -> Makers:
    """Return the maker of the one model in a state dict or in a row of numbers.

    convention: what the family's files leave unsaid, for the net.
    """

    def make(_: int, name: str) -> Model:
        net = read_net(decoded, hints)
        return build_model(net, convention(net), hints, name)

    return make_each([decoded.name], make)


def read_net(decoded: Decoded, hints: Hints) -> Dense:
    """Read the net in a state dict or in a row of numbers. Raises NCAError if there is none."""
    if decoded.form == "tensors":
        return _from_tensors(decoded.data)
    if decoded.form == "floats":
        return _from_numbers(decoded.data, hints)
    raise NCAError("is neither a state dict nor a row of numbers.")


def _from_tensors(tensors: Mapping[str, F32]) -> Dense:
    pair = find_layers(tensors)
    if pair is None:
        keys = ", ".join(str(key)[:40] for key in list(tensors)[:4])
        raise NCAError(f"holds {keys or 'nothing'}, which are not two layers such as w1.weight, w1.bias and w2.weight.")
    first, second = pair
    w1, w2 = (_matrix(tensors[f"{name}.weight"], f"{name}.weight") for name in pair)
    b1 = tensors.get(f"{first}.bias", np.zeros(len(w1), np.float32))
    b2 = tensors.get(f"{second}.bias")
    if w2.shape[1] != len(w1):
        raise NCAError(
            f"the shapes do not fit: {first}.weight is {w1.shape} and {second}.weight {w2.shape}; "
            "they must be (hidden, inputs) and (channels, hidden)."
        )
    return Dense(w1, b1, w2, b2)


def _matrix(array: F32, key: str) -> F32:
    """Return the weights of a linear layer or of a 1x1 convolution as a matrix."""
    if array.ndim < 2 or array.ndim > 4 or not array.size or array.shape[2:] != (1,) * (array.ndim - 2):
        raise NCAError(f"{key} has shape {array.shape}; it must be (outputs, inputs, 1, 1) or (outputs, inputs).")
    return array.reshape(array.shape[:2])


def _from_numbers(numbers: F32, hints: Hints) -> Dense:
    """Split a row of numbers into w1, b1, w2 and perhaps b2."""
    count = len(numbers)
    channels, hidden = FLAT.get(count, (0, 0))
    channels, hidden = hints.channels or channels, hints.hidden or hidden
    if not (3 <= channels <= 256 and 1 <= hidden <= 1024):
        raise NCAError(
            f"is a row of {count} numbers without a known layout; give --channels (3 to 256) and --hidden (1 to 1024) "
            "if it is a net of two layers: w1, b1, w2 and perhaps b2."
        )
    for second in (0, channels):
        inputs, odd = divmod(count - hidden - hidden * channels - second, hidden)
        if not odd and any(inputs - n * channels in (0, len(PLACE)) for n in STENCILS):
            parts = np.split(numbers, np.cumsum([hidden * inputs, hidden, hidden * channels]))
            w1, w2 = parts[0].reshape(hidden, inputs), parts[2].reshape(channels, hidden)
            return Dense(w1, parts[1], w2, parts[3] if second else None)
    raise NCAError(
        f"is a row of {count} numbers, which does not fit a net of two layers with {channels} channels and {hidden} "
        "hidden units; check --channels and --hidden."
    )
