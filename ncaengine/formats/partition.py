"""Which of a file's tensors are models: one or several, perhaps beside a loss net, an optimiser and other data.

Tensors form a tree, by the keys of the containers around them and the dots in their names. The smallest branches that
some family reads are the models. What lies beside one in its own container stays with it, such as its filters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, file_names
from ncaengine.formats.pickle.holders import Keys, Tensor, as_float32
from ncaengine.formats.pickle.tensors import LargeTensor, is_large

TRAINING = re.compile(
    r"\w*optim\w*|opts?|adam\w*|\w*sched\w*|\w*scaler|rng\w*|random\w*|\w*losse?s?(_\w+)?|histor\w+|exp_avg\w*|moments?"
    r"|target(_\w+)?|(sample_)?pool(_\w+)?|replay\w*",
    re.IGNORECASE,
)
"""Names of what only training needs."""
LOSS_NET = re.compile(
    r"\w*(vgg|lpips|discriminator|critic|clip|percep\w*_?loss|inception|resnet|alexnet)\w*|disc|D", re.IGNORECASE
)
"""Names of nets that only judge pictures."""
COPIES = re.compile(r"\w*(ema|best|swa|avg|averag|shadow|target|old|init|prev|backup|copy)\w*", re.IGNORECASE)
"""Names of a checkpoint's other weights of the same model."""
MAX_NAMED = 4
"""Names in a note."""

Fits = Callable[[dict[str, F32]], bool]


@dataclass(frozen=True, eq=False)
class _Leaf:
    array: F32
    container: Keys
    """Keys of the containers around it."""


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


def split(tensors: Mapping[Keys, Tensor], name: str, fits: Fits, unread: str = "") -> list[Decoded]:
    """Return the models of a file, at least one, each with a name of its own.

    tensors: by the keys of the containers around each and its name, as `holders.find_tensors` returns them.
    name: of the file, without folder and ending.
    fits: whether tensors by name are those of a model.
    unread: what of the file can't be read; see Decoded.

    Raises NCAError for complex or too many numbers.
    """
    plain = {k: v for k, v in tensors.items() if not isinstance(v, LargeTensor) and not is_large(v.shape)}
    found = as_float32(plain)
    leaves = {_way(keys): _Leaf(array, keys[:-1]) for keys, array in found.items()}
    own = {keys: leaf for keys, leaf in leaves.items() if not any(_is_beside(part) for part in keys)}
    own = _without_loss_nets(own)
    parts = _search(_tree(own), (), fits) or _search(_tree(leaves), (), fits) or [_first(own or leaves)]
    used = {keys for _, part in parts for keys in part}
    left = [way for way in (*leaves, *(_way(keys) for keys in tensors if keys not in plain)) if way not in used]
    odd = [way for way in left if way in own]
    known = _listed([way for way in left if way not in own])
    notes = (known,) if known else ()
    strange = f"left out, because its meaning is not known: {_listed(odd)}" if odd else ""
    unread = "; ".join(filter(None, (unread, strange)))
    names = _names([keys for keys, _ in parts], name)
    main = [not keys or not COPIES.fullmatch(keys[-1]) for keys, _ in parts]
    default = names[main.index(True)] if sum(main) == 1 < len(main) else ""
    models = [Decoded("tensors", _named(*part), each, notes, unread) for part, each in zip(parts, names, strict=True)]
    others = ", ".join(each for each in names[: MAX_NAMED + 1] if each != default)
    said = "; ".join(filter(None, (unread, f"the file's other weights, which FILE:NAME opens: {others}")))
    return [replace(part, unread=said, default=True) if part.name == default else part for part in models]


def _way(keys: Keys) -> Keys:
    return *keys[:-1], *keys[-1].split(".")


def _is_beside(part: str) -> bool:
    return bool(TRAINING.fullmatch(part) or LOSS_NET.fullmatch(part))


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
    if numbered and together and fits(_named(keys, node.leaves)):
        return [(keys, node.leaves)]
    if rest and fits(_named(keys, rest)):
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


def _named(keys: Keys, leaves: Leaves) -> dict[str, F32]:
    """Return the tensors of a branch by their names in it; those beside it by their whole names."""
    return {".".join(way[len(keys) :] if way[: len(keys)] == keys else way): leaf.array for way, leaf in leaves.items()}


def _names(ways: Sequence[Keys], stem: str) -> list[str]:
    """Return the models' names: what differs in the ways to them."""
    if len(ways) == 1:
        return [stem]
    while all(ways) and len({way[0] for way in ways}) == 1:
        ways = [way[1:] for way in ways]
    while all(len(way) > 1 for way in ways) and len({way[-1] for way in ways}) == 1:
        ways = [way[:-1] for way in ways]
    return file_names(["-".join(way) for way in ways], stem)


def _listed(ways: Sequence[Keys]) -> str:
    """Return what tensors belong to, for a message."""
    groups = list(dict.fromkeys(_group(way) for way in ways))
    return ", ".join(groups[:MAX_NAMED]) + (", …" if len(groups) > MAX_NAMED else "")


def _group(way: Keys) -> str:
    """Return the shortest name of what a tensor belongs to."""
    end = next((n + 1 for n, part in enumerate(way) if _is_beside(part)), max(1, len(way) - 2))
    return ".".join(part[:40] for part in way[:end])
