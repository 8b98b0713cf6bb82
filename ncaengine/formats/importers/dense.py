"""Nets of two dense layers, which nearly all families have, read from state dicts and from rows of numbers.

A cell's inputs are its channels through 2 filters (identity, Laplacian), 3 (identity, gradients) or 4 (all of these);
in some nets also the cell's row and column, which come last.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Extra, Feature, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, Filters, Hints, Makers, Order, make_each
from ncaengine.formats.importers.filters import IDENTITY, Perception, dense_columns, find_perception, unfit
from ncaengine.formats.importers.state_dicts import PAIRS, Account, Layers, are_apart, find_layers, is_wide

GAINS: dict[Filters, tuple[float, float]] = {"undivided": (8.0, 4.0), "eighths": (1.0, 0.5), "unit": (1.0, 1.0)}
"""Gains of gradients and Laplacian over a kernel's stencils, which are S/8 and L9/4."""
STENCILS = {
    2: ("identity", "laplacian"),
    3: ("identity", "gradient_x", "gradient_y"),
    4: ("identity", "gradient_x", "gradient_y", "laplacian"),
}
"""Filters by their number."""
PLACE: tuple[Extra, ...] = ("row", "column")
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
    perception: Perception | None = None
    """What the inputs are, if the file holds the filters."""
    notes: tuple[str, ...] = ()
    """What of the file is not in the net, a sentence each without its end."""

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
        if self.perception:
            seen = len(self.perception.columns)
            return seen // channels, inputs != seen
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
    sure: Literal["sure", "likely", "guess"] = "sure"
    """How sure this is. likely: the file has the names of a known program, which does so."""


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
    base = convention.config
    found: tuple[Feature, ...]
    if net.perception and not hints.filters:
        found, own, order = net.perception.features()
    else:
        if net.perception:
            net = dataclasses.replace(net, perception=None)
        seen = np.arange(count * channels)
        by_channel = (hints.order or convention.order) == "channel"
        order = list(seen.reshape(channels, count).T.ravel() if by_channel else seen)
        signs = dict(zip(STENCILS[3][1:], convention.gradients, strict=True))
        stencils = tuple(signs.get(stencil, stencil) for stencil in STENCILS[count])
        found, own = features(stencils, hints.filters or convention.filters), {}
    config = msgspec.structs.replace(
        base, channels=channels, hidden=hidden, extra=PLACE if placed else (), name=name, features=found, stencils=own,
        kernels=("square",) if own else base.kernels,
        attribution={**base.attribution, **reading_facts(net, convention, hints)},
    )  # fmt: skip
    w1 = np.concatenate([net.w1[:, order], net.w1[:, len(order) :]], 1)
    b2 = np.zeros(channels, np.float32) if net.b2 is None else net.b2
    return Model(config, w1, net.b1, net.w2, b2, convention.seed)


def reading_facts(net: Dense, convention: Convention, hints: Hints) -> dict[str, str]:
    """Return how sure the reading of a net is, and what of its file was left out, for the model's attribution."""
    facts = {"left out": "; ".join(net.notes)} if net.notes else {}
    if convention.sure == "sure":
        return facts
    held = None if hints.filters else net.perception
    unsaid = {
        "order": not (hints.order or held),
        "filters' divisors": not (hints.filters or held),
        "gradients' signs": not (hints.gradient_sign or held),
        "padding": not hints.padding,
        "colours": hints.offset is None,
    }
    missing = ", ".join(name for name, is_missing in unsaid.items() if is_missing)
    usual = held and convention.sure == "likely" and held.order == convention.order
    guessed = held.guessed if held and not (hints.order or usual) else ""
    if not (missing or guessed):
        return facts
    sure, given = convention.sure == "likely" and not guessed, bool(hints.order or hints.filters)
    said = {
        "filters as in the file": held and not given,
        f"{guessed} is guessed": guessed and not given,
        "programs that use these names are known": sure and not given,
        f"not in the file: {missing}": missing,
        "`ncaengine import --detect` tries others": not (sure or given),
    }
    start = "in part as given by hand" if given else "likely" if sure else "a guess"
    return {"reading": f"{start}: {'; '.join(text for text, applies in said.items() if applies)}", **facts}


def is_placed(decoded: Decoded) -> bool:
    """Return whether a file is a state dict of w1 and w2 with a cell's row and column as inputs (PE-NCA, DyNCA)."""
    try:
        return decoded.form == "tensors" and find_layers(decoded.data) == PAIRS[0] and read_net(decoded, Hints()).placed
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
        return _from_tensors(decoded.data, hints)
    if decoded.form == "floats":
        return _from_numbers(decoded.data, hints)
    raise NCAError("is neither a state dict nor a row of numbers.")


def _from_tensors(tensors: Mapping[str, F32], hints: Hints) -> Dense:
    """Read the net of a state dict; every tensor is used, or said to be left out, or the file is refused."""
    layers = find_layers(tensors)
    if layers is None:
        keys = ", ".join(f"{str(key)[:40]} {tensors[key].shape}" for key in list(tensors)[:4])
        raise NCAError(f"holds {keys or 'nothing'}, which are not two layers such as w1.weight, w1.bias and w2.weight.")
    account = Account(tensors)
    first, second = (account.use(f"{name}.weight") for name in layers)
    assert first is not None
    assert second is not None
    w2 = _matrix(second, f"{layers.second}.weight")
    channels, columns = len(w2), None
    if is_wide(first):
        w1, columns = dense_columns(first, f"{layers.first}.weight", channels)
    else:
        w1 = _matrix(first, f"{layers.first}.weight")
    if w2.shape[1] != len(w1):
        raise NCAError(
            f"the shapes do not fit: {layers.first}.weight is {w1.shape} and {layers.second}.weight {w2.shape}; "
            "they must be (hidden, inputs) and (channels, hidden)."
        )
    b1, b2 = account.use(f"{layers.first}.bias"), account.use(f"{layers.second}.bias")
    b1 = np.zeros(len(w1), np.float32) if b1 is None else b1
    found = Perception(columns, ()) if columns else None
    if found is None:
        w1, b1, found = _perceived(account, layers, w1, b1, channels, hints)
    account.use("noise_level")
    notes = [unfit(account), account.close(layers)]
    return Dense(w1, b1, w2, b2, found, tuple(filter(None, notes)))


def _perceived(
    account: Account, layers: Layers, w1: F32, b1: F32, channels: int, hints: Hints
) -> tuple[F32, F32, Perception | None]:
    """Return w1, b1 and what their inputs are by the file's filters: those of a learned perception are in w1 then."""
    found = find_perception(account, layers, w1.shape[1], channels, hints.order or None)
    if found is None:
        return _behind_wide(account, layers, w1, b1, channels)
    columns = len(found.columns)
    for name in found.names:
        bias = account.unused().get(f"{name.removesuffix('.weight')}.bias")
        if bias is not None and len(bias) in (columns, columns - channels):  # of a convolution in groups
            account.use(f"{name.removesuffix('.weight')}.bias")
            b1 = b1 + w1[:, columns - len(bias) : columns] @ bias
    return w1, b1, found


def _behind_wide(
    account: Account, layers: Layers, w1: F32, b1: F32, channels: int
) -> tuple[F32, F32, Perception | None]:
    """Return w1, b1 and what their inputs are behind convolutions over all channels, perhaps after the channels."""
    wide = {
        name: a
        for name, a in account.unused().items()
        if is_wide(a) and a.shape[1] == channels and not are_apart(name.removesuffix(".weight"), layers.first)
    }
    before = w1.shape[1] - sum(map(len, wide.values()))
    if not wide or before not in (0, channels) or len({a.shape[2] for a in wide.values()}) > 1:
        return w1, b1, None
    filters, columns = dense_columns(np.concatenate([*wide.values()]), next(iter(wide)), channels)
    biases = []
    for name, array in wide.items():
        account.use(name)
        bias = account.use(f"{name.removesuffix('.weight')}.bias")
        biases.append(np.zeros(len(array), np.float32) if bias is None else bias)
    w1, seen = w1[:, :before], w1[:, before:]
    b1 = (b1 + seen @ np.concatenate(biases)).astype(np.float32)
    own = tuple((IDENTITY, channel) for channel in range(before))
    return np.concatenate([w1, seen @ filters], 1), b1, Perception((*own, *columns), tuple(wide))


def _matrix(array: F32, key: str) -> F32:
    """Return the weights of a linear layer or of a 1x1 convolution as a matrix."""
    dimensions = array.ndim - 2
    if dimensions in (1, 3) and array.shape[2:] == (1,) * dimensions:
        count = "one dimension" if dimensions == 1 else "three dimensions"
        raise NCAError(f"{key} has shape {array.shape}, of a convolution in {count}; ncaengine runs automata of two.")
    if dimensions not in (0, 2) or not array.size or array.shape[2:] != (1,) * dimensions:
        stack = "; if it holds several nets, save each by itself" if dimensions in (1, 3) else ""
        raise NCAError(
            f"{key} has shape {array.shape}; it must be (outputs, inputs, 1, 1) or (outputs, inputs){stack}."
        )
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
