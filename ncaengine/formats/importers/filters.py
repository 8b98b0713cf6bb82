"""The filters that a state dict holds, and which input of the net each of them makes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_INPUTS, Feature, Weights
from ncaengine.core.stencils import as_weights
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Order, listed
from ncaengine.formats.importers.state_dicts import Account, Layers, is_filter

MAX_FEATURES = 1024
"""The most features of a Config."""
S = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
KNOWN: dict[str, F32] = {
    "identity": np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32),
    "gradient_x": (S / 8).astype(np.float32),
    "gradient_y": (S.T / 8).astype(np.float32),
    "laplacian": np.array([[0.25, 0.5, 0.25], [0.5, -3, 0.5], [0.25, 0.5, 0.25]], np.float32),
}
"""A kernel's own stencils on the square lattice."""
Key = tuple[str, float] | Weights
"""A filter: one of KNOWN with its gain, or its weights."""
Column = tuple[Key, int]
"""What an input of the net is: a filter of a channel."""
IDENTITY: Key = ("identity", 1.0)


@dataclass(frozen=True)
class Perception:
    """What the net's inputs are, from the filters in its file."""

    columns: tuple[Column, ...]
    """Of each input, in the order of the file's first layer."""
    names: tuple[str, ...]
    """The tensors that say it."""
    guessed: str = ""
    """What the file does not say about it; '' for nothing."""
    order: Order | None = None
    """The order that was guessed, if it was."""

    def features(self) -> tuple[tuple[Feature, ...], dict[str, Weights], list[int]]:
        """Return the features, the stencils that no kernel has, and the place of each input among the file's inputs."""
        places: dict[Key, list[tuple[int, int]]] = {}
        for place, (key, channel) in enumerate(self.columns):
            places.setdefault(key, []).append((channel, place))
        channels = 1 + max(channel for _, channel in self.columns)
        if len(places) > MAX_FEATURES:
            raise NCAError(f"perceives through {len(places)} different filters; ncaengine runs {MAX_FEATURES}.")
        features, own, order = list[Feature](), dict[str, Weights](), list[int]()
        for key, found in places.items():
            seen = tuple(channel for channel, _ in found)
            name, gain = key if isinstance(key[0], str) else (f"own{len(own) + 1}", 1.0)
            if not isinstance(key[0], str):
                own[name] = key
            features.append(Feature(str(name), float(gain), None if seen == tuple(range(channels)) else seen))
            order += [place for _, place in found]
        return tuple(features), own, order


def key_of(filter_: F32) -> Key:
    """Return a filter, (side, side) float32, as a multiple of a kernel's own stencil, or its weights.

    Raises NCAError if it is not finite.
    """
    if not np.isfinite(filter_).all():
        raise NCAError("its filters hold NaN or infinity.")
    return _key_of(np.ascontiguousarray(filter_, np.float32).tobytes(), len(filter_))


@functools.lru_cache(maxsize=8192)
def _key_of(data: bytes, side: int) -> Key:
    filter_ = np.frombuffer(data, np.float32).reshape(side, side)
    middle = slice(side // 2 - 1, side // 2 + 2)
    around = filter_.astype(np.float64)
    part = around[middle, middle].copy()
    around[middle, middle] = 0
    for name, known in KNOWN.items():
        gain = float((part * known).sum() / (known.astype(np.float64) ** 2).sum())
        if gain and not around.any() and np.allclose(part, gain * known, rtol=1e-5, atol=1e-6 * abs(gain)):
            return name, float(np.float32(gain)) if abs(gain - round(gain)) > 1e-6 else float(round(gain))
    return as_weights(filter_)


def find_perception(
    account: Account, layers: Layers, inputs: int, channels: int, order: Order | None
) -> Perception | None:
    """Return what the filters in a state dict say about the net's inputs; None if it has none that fit their number.

    order: of filters that all channels share, as given by hand; None for what programs with such tensors do.
    """
    found = {
        name: array for name, array in account.unused().items()
        if is_filter(array) and name.removesuffix(".weight") not in layers and len(array) <= MAX_INPUTS
    }  # fmt: skip
    # Beside others, only a stack that begins with the identity is surely the perception.
    stacks = [{n: a} for n, a in found.items() if a.ndim > 2 and key_of(a.reshape(-1, *a.shape[-2:])[0]) == IDENTITY]
    for some in [found, *stacks] if found else []:
        perception = _of_groups(some, inputs, channels) if len(some) == 1 else None
        perception = perception or _shared(some, layers, inputs, channels, order)
        if perception is not None:
            for name in perception.names:
                account.use(name)
            return perception
    return None


def _of_groups(found: Mapping[str, F32], inputs: int, channels: int) -> Perception | None:
    """Read the filters of a convolution in groups, (channels · n, 1, side, side), n of each channel in turn."""
    [(name, array)] = found.items()
    if array.ndim != 4 or len(array) % channels or len(array) <= channels:
        return None
    each = len(array) // channels
    columns = tuple((key_of(array[o, 0]), o // each) for o in range(len(array)))
    guessed = ""
    if inputs - len(columns) in (channels, channels + 2):
        columns = (*((IDENTITY, c) for c in range(channels)), *columns)
        guessed = "that the channels themselves come before what the filters give"
    return Perception(columns, (name,), guessed) if inputs - len(columns) in (0, 2) else None


def _shared(
    found: Mapping[str, F32], layers: Layers, inputs: int, channels: int, order: Order | None
) -> Perception | None:
    """Read filters that all channels share: in one tensor, or each in a tensor of its own.

    A net with one more input for each channel sees the channels themselves first; one with a gradient along x alone
    sees its transpose, too.
    """
    keys: list[Key] = []
    for array in found.values():
        each = array.reshape(-1, *array.shape[-2:])
        if len(each) == channels and (each == each[0]).all():
            each = each[:1]
        keys += [key_of(one) for one in each]
    count, apart = inputs // channels, len(found) > 1
    if inputs % channels not in (0, 2):
        return None
    places = [_usual_place(key) for key in keys]
    if count > len(keys) and places.count(1) == 1 and 2 not in places:
        keys.insert(places.index(1) + 1, _transposed(keys[places.index(1)]))
    stacked = sorted(keys, key=_usual_place) if apart else keys
    moved, keys = stacked != keys, stacked
    before = [IDENTITY] if count - len(keys) == 1 and IDENTITY not in keys else []
    if len(before) + len(keys) != count:
        return None
    # A filter with four axes is convolved alone; the results are put behind each other. Plain matrices are stacked.
    alone = apart and any(array.ndim == 4 for array in found.values())
    chosen = order or ("filter" if alone or (apart and layers.first != "w1") else "channel")
    inner = [(key, c) for key in keys for c in range(channels)]
    by_channel = [(key, c) for c in range(channels) for key in [*before, *keys]]
    if chosen == "filter":
        columns = [*((key, c) for key in before for c in range(channels)), *inner]
    elif before and not apart and order is None:
        columns = [(IDENTITY, c) for c in range(channels)] + [(key, c) for c in range(channels) for key in keys]
    else:
        columns = by_channel
    guessed = "" if order else f"the order of the inputs ({chosen})"
    if moved:  # no program is known that stacks them as the file lists them
        guessed = " and ".join(filter(None, (guessed, "the order of the filters")))
    return Perception(tuple(columns), tuple(found), guessed, None if order or moved else chosen)


def _transposed(key: Key) -> Key:
    if isinstance(key[0], str):
        return "gradient_y", float(key[1])
    return as_weights(np.array(key).T)


def _usual_place(key: Key) -> int:
    """Return where programs put a filter that has a tensor of its own."""
    names = list(KNOWN)
    if isinstance(key[0], str):
        return names.index(key[0])
    weights = np.array(key)
    if abs(weights.sum()) > 1e-4 * np.abs(weights).sum():
        return 0
    across = np.abs((weights * np.sign(np.arange(len(weights)) - len(weights) // 2)).sum())
    down = np.abs((weights.T * np.sign(np.arange(len(weights)) - len(weights) // 2)).sum())
    return 3 if max(across, down) < 1e-4 * np.abs(weights).sum() else 1 if across >= down else 2


def split_dense(filters: F32) -> tuple[F32 | None, tuple[tuple[F32, int], ...]]:
    """Take a convolution over all channels apart, (outputs, channels, side, side).

    Returns how much of each column is in each output, None if the columns are the outputs; and the columns, each a
    filter of a channel: the outputs' own if each sees one channel, else those that shift the state.
    """
    used = filters.any((2, 3))
    if (used.sum(1) <= 1).all():
        return None, tuple((one[c], int(c)) for one, c in zip(filters, used.argmax(1), strict=True))
    outputs, channels, side, _ = filters.shape
    shifts = np.eye(side * side, dtype=np.float32).reshape(-1, side, side)
    columns = tuple((shift, channel) for shift in shifts for channel in range(channels))
    return filters.transpose(0, 2, 3, 1).reshape(outputs, -1), columns


def dense_columns(array: F32, name: str, channels: int) -> tuple[F32, tuple[Column, ...]]:
    """Read a convolution over all channels, (outputs, channels, side, side), as a layer over filtered channels.

    Returns (outputs, columns) weights, and the columns, which are the layer's inputs.
    """
    if array.shape[1] != channels:
        raise NCAError(f"{name} has shape {array.shape}; a convolution of {channels} channels has {channels} inputs.")
    mix, columns = split_dense(array)
    keys = tuple((key_of(filter_), channel) for filter_, channel in columns)
    return np.eye(len(keys), dtype=np.float32) if mix is None else mix, keys


def unfit(account: Account) -> str:
    """Return a sentence about filters in a file that fit nothing, which is all that is said of them; '' if none."""
    rest = [name for name, array in account.unused().items() if is_filter(array) and not name.endswith("weight")]
    for name in rest:
        account.use(name)
    return f"left out, because they do not fit the net's inputs: the filters {listed(rest)}" if rest else ""
