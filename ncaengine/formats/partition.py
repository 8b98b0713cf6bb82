"""Which of a file's tensors are models: one or several, perhaps beside a loss net, an optimiser and other data.

Tensors form a tree, by the keys of the containers around them and the dots in their names. The smallest branches that
some family reads are the models. What lies beside one in its own container stays with it, such as its filters.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, as_value, file_names, left_out, listed
from ncaengine.formats.importers.names import COPIES, DICTIONARIES, OUTSIDE, beside, kind_of
from ncaengine.formats.limits import LargeTensor, is_large
from ncaengine.formats.pickle.attributes import Value
from ncaengine.formats.pickle.holders import Keys, Tensor, as_float32, is_filter
from ncaengine.formats.pickle.tensors import Array

MAX_NAMED = 4
"""Names of other models in a note."""


@dataclass(frozen=True, eq=False)
class Held:
    """A file's tensors, of which some are models."""

    by_keys: Mapping[Keys, Tensor]
    """By the keys of the containers around each, and its name."""
    name: str
    """The file's name without folder and ending."""
    unread: str = ""
    """What of the file can't be read although it may matter; see Decoded."""
    plain: Mapping[Keys, Value] = field(default_factory=dict)
    """The file's other values, in the same way."""


_WEIGHTS = re.compile(r"(.*[._/])?(weights?|kernel|w|w\d|\d+)(:0)?")
"""Names of the matrices of layers."""
Fits = Callable[[dict[str, F32]], bool]


@dataclass(frozen=True, eq=False)
class _Leaf:
    array: F32
    container: Keys
    """Keys of the containers around it."""


class _Plain(NamedTuple):
    """A number, a text or the like, or a tensor that is no part of a model."""

    way: Keys
    value: Value
    container: Keys
    """Keys of the containers around it."""
    known: bool
    """Whether its name is one of those that state something about a step."""
    dictionary: int
    """The place in the way of a dictionary of settings; the length of the way if it is in none."""


Leaves = dict[Keys, _Leaf]
"""Tensors by all keys and parts of names that lead to them."""
Part = tuple[Keys, Leaves]
"""A branch that is a model: the way to it, and its tensors."""


@dataclass(frozen=True, eq=False)
class _Node:
    """A branch of the tree."""

    leaves: Leaves = field(default_factory=dict)
    """All tensors of the branch."""
    inside: "dict[str, _Node]" = field(default_factory=dict)


def split(held: Held, fits: Fits) -> list[Decoded]:
    """Return the models of a file, at least one, each with a name of its own.

    fits: whether tensors by name are those of a model.

    Raises NCAError for complex or too many numbers.
    """
    small = {k: v for k, v in held.by_keys.items() if not isinstance(v, LargeTensor) and not is_large(v.shape)}
    leaves = {_way(keys): _Leaf(array, keys[:-1]) for keys, array in as_float32(small).items()}
    own = _without_loss_nets({way: leaf for way, leaf in leaves.items() if not _is_beside(way)})
    parts = _search(_tree(own), (), fits) or _search(_tree(leaves), (), fits) or [_first(own or leaves)]
    used = {way for _, part in parts for way in part}
    _check_numbers(small, used)
    parts, again = _without_repeats(parts)
    plain = [_plain(_way(keys), value, keys[:-1]) for keys, value in held.plain.items()]
    numbers = [_plain(way, leaf.array, leaf.container) for way, leaf in leaves.items() if way not in used]
    stated = [_stated([*plain, *(each for each in numbers if each.known)], *part) for part in parts]
    accounted = used.union(*stated)
    left = [way for way in map(_way, held.by_keys) if way not in accounted]
    among = {leaf.container for _, part in parts for leaf in part.values()}
    odd = [w for w in left if w in own or (w in leaves and leaves[w].container in among and not _is_in_beside(w))]
    known = listed([*_groups(way for way in left if way not in odd), *again])
    unread = _joined(held.unread, left_out(_groups(odd)))
    names = _names([keys for keys, _ in parts], held.name)
    models = [
        Decoded(
            "tensors", _arrays_of(keys, part), name, (known,) * bool(known), unread, stated=_values_of(keys, values)
        )
        for (keys, part), name, values in zip(parts, names, stated, strict=True)
    ]
    return _with_default(models, [keys for keys, _ in parts])


def _check_numbers(tensors: Mapping[Keys, Array], used: set[Keys]) -> None:
    """Raise NCAError if weights of a model are whole numbers: their scale may lie anywhere, or nowhere."""
    for keys, array in tensors.items():
        is_matrix = sum(side > 1 for side in array.shape) > 1 and not is_filter(array)
        if array.dtype.kind in "iu" and is_matrix and _WEIGHTS.fullmatch(keys[-1]) and _way(keys) in used:
            raise NCAError(
                f"its weights {keys[-1]} are whole numbers ({array.dtype}), as those of a quantised model; save them "
                "as float32."
            )


def _without_repeats(parts: Sequence[Part]) -> tuple[list[Part], list[str]]:
    """Return models without those that are another's weights under other names of one state dict, and what to say."""
    kept: list[Part] = []
    again = []
    for keys, part in parts:
        if any(_is_same(part, other) for _, other in kept):
            again.append(f"{'.'.join(keys)} (the same weights again)")
        else:
            kept.append((keys, part))
    return kept, again


def _is_same(a: Leaves, b: Leaves) -> bool:
    return len(a) == len(b) and all(
        x.container == y.container and np.array_equal(x.array, y.array)
        for x, y in zip(a.values(), b.values(), strict=True)
    )


def _with_default(models: list[Decoded], ways: Sequence[Keys]) -> list[Decoded]:
    """Mark the only model that is not a copy of another, if there is one. ways: to each of the models."""
    main = [model for keys, model in zip(ways, models, strict=True) if not keys or not COPIES.fullmatch(keys[-1])]
    if len(main) != 1 or len(models) == 1:
        return models
    [model] = main
    rest = ", ".join(each.name for each in models[: MAX_NAMED + 1] if each is not model)
    unread = _joined(model.unread, f"the file's other weights, which FILE:NAME opens: {rest}")
    return [replace(each, unread=unread, default=True) if each is model else each for each in models]


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def _plain(way: Keys, value: Value, container: Keys) -> _Plain:
    dictionary = next((n for n, part in enumerate(way[:-1]) if DICTIONARIES.fullmatch(part)), len(way))
    return _Plain(way, as_value(value), container, bool(kind_of(way[-1])), dictionary)


def _stated(others: Sequence[_Plain], keys: Keys, leaves: Leaves) -> dict[Keys, Value]:
    """Return what a file's other values say about a model, by the ways to them.

    That is all that lies in the model itself, and what has a known name around it and in dictionaries of settings
    beside it or around it, in this order. keys: the way to the model.
    """
    container = next((leaf.container for leaf in leaves.values()), ())
    own, around, settings = dict[Keys, Value](), dict[Keys, Value](), dict[Keys, Value]()
    for way, value, held_in, known, dictionary in others:
        holder = way[:-1]
        if dictionary < len(way):
            if known and keys[:dictionary] == holder[:dictionary]:
                settings[way] = value
        elif holder[: len(keys)] == keys and held_in == container and (known or not any(map(beside, way))):
            own[way] = value
        elif known and keys[: len(holder)] == holder:
            around[way] = value
    return {**own, **around, **settings}


def _arrays_of(keys: Keys, leaves: Leaves) -> dict[str, F32]:
    """Return the tensors of a branch by name."""
    return {_named(keys, way): leaf.array for way, leaf in leaves.items()}


def _values_of(keys: Keys, found: Mapping[Keys, Value]) -> dict[str, Value]:
    """Return values by name; the names of those outside the branch are after OUTSIDE."""
    return {OUTSIDE * (way[: len(keys)] != keys) + _named(keys, way): value for way, value in found.items()}


def _named(keys: Keys, way: Keys) -> str:
    """Return the name in a branch of what lies at some way; outside of it the whole name."""
    return ".".join(way[len(keys) :] if way[: len(keys)] == keys else way)


def _way(keys: Keys) -> Keys:
    return *keys[:-1], *keys[-1].split(".")


def _is_beside(way: Keys) -> bool:
    return _is_in_beside(way) or bool(not kind_of(way[-1]) and beside(way[-1]))


def _is_in_beside(way: Keys) -> bool:
    """Return whether something lies in a module or dictionary that a step never needs."""
    return any(map(beside, way[:-1]))


def _without_loss_nets(leaves: Leaves) -> Leaves:
    """Return the tensors without those in branches that hold convolutions of pictures or several dense ones."""
    dense: dict[Keys, int] = {}
    for keys, leaf in leaves.items():
        shape = leaf.array.shape
        if len(shape) == 4 and shape[2] > 1 and shape[1] > 1:
            branch = next((keys[:n] for n in range(len(leaf.container) + 1, len(keys) - 1)), keys[:-1])
            dense[branch] = dense.get(branch, 0) + (2 if shape[1] == 3 and shape[0] >= 16 else 1)
    nets = [branch for branch, count in dense.items() if count > 1]
    return {keys: leaf for keys, leaf in leaves.items() if not any(keys[: len(net)] == net for net in nets)}


def _tree(leaves: Leaves) -> _Node:
    root = _Node(leaves)
    for keys, leaf in leaves.items():
        node = root
        for part in keys[:-1]:
            node = node.inside.setdefault(part, _Node())
            node.leaves[keys] = leaf
    return root


def _search(node: _Node, keys: Keys, fits: Fits) -> list[Part]:
    """Return the models in a branch. keys: the way to it."""
    parts = [part for name, child in node.inside.items() for part in _search(child, (*keys, name), fits)]
    if sum(leaf.array.ndim > 1 for leaf in node.leaves.values()) == 0:
        return []
    taken = {way for _, part in parts for way in part}
    rest = {way: leaf for way, leaf in node.leaves.items() if way not in taken}
    together = len({leaf.container for leaf in node.leaves.values()}) == 1
    # The name of a Sequential, as update_network of update_network.0, tells whose it is: it stays.
    numbered = len(parts) == 1 and all(way[len(parts[0][0])].isdecimal() for way in parts[0][1])
    if numbered and together and fits(_arrays_of(keys, node.leaves)):
        return [(keys, node.leaves)]
    if rest and fits(_arrays_of(keys, rest)):
        return [(keys, rest), *parts]
    return [(way, {**part, **_belonging(part, rest)}) for way, part in parts]


def _belonging(part: Leaves, rest: Leaves) -> Leaves:
    """Return which tensors beside a model may be its own: those of its container, and filters."""
    container = next(iter(part.values())).container
    return {
        keys: leaf
        for keys, leaf in rest.items()
        if leaf.container == container
        or (leaf.array.ndim > 1 and leaf.array.shape[-1] == leaf.array.shape[-2] in (3, 5) and leaf.array.size < 10**4)
    }


def _first(leaves: Leaves) -> Part:
    """Return the first container with a matrix, or else the first, for the message about what it holds."""
    containers: dict[Keys, Leaves] = {}
    for keys, leaf in leaves.items():
        containers.setdefault(leaf.container, {})[keys] = leaf
    with_matrix = (c for c in containers.items() if any(leaf.array.ndim > 1 for leaf in c[1].values()))
    return next(with_matrix, next(iter(containers.items()), ((), {})))


def _names(ways: Sequence[Keys], stem: str) -> list[str]:
    """Return the models' names: what differs in the ways to them."""
    if len(ways) == 1:
        return [stem]
    while all(ways) and len({way[0] for way in ways}) == 1:
        ways = [way[1:] for way in ways]
    while all(len(way) > 1 for way in ways) and len({way[-1] for way in ways}) == 1:
        ways = [way[:-1] for way in ways]
    return file_names(["-".join(way) for way in ways], stem)


def _groups(ways: Iterable[Keys]) -> list[str]:
    """Return what tensors belong to, for a message."""
    return list(dict.fromkeys(map(_group, ways)))


def _group(way: Keys) -> str:
    """Return the shortest name of what a tensor belongs to."""
    end = next((n + 1 for n, part in enumerate(way) if beside(part)), max(1, len(way) - 2))
    return ".".join(part[:40] for part in way[:end])
