"""Tensors in what a pickle held: in state dicts, modules, lists and other objects, and in checkpoints around them."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.core.types import F32
from ncaengine.formats.limits import MAX_TENSORS, LargeTensor, too_large
from ncaengine.formats.pickle.machine import UnloadedObject, code_refused
from ncaengine.formats.pickle.tensors import Array

MAX_DEPTH = 16
"""Levels of modules in modules; a quarter of it are the levels of a checkpoint around its weights."""
MAX_LOOKS, OBJECT_LOOKS = 200_000, 100
"""Items of containers that are looked at, those at several places each time; and for how many an object counts."""
LIKELY = ("state_dict", "model_state_dict", "model", "ca", "nca", "net", "params", "weights")
"""Keys under which checkpoints keep weights."""
WRAPPERS = ("module", "_orig_mod", "model", "ca", "nca")
"""Names of modules around the automaton; they are removed from the weights' names."""

T = TypeVar("T")
Keys = tuple[str, ...]
"""Keys of the containers around a tensor, and its name."""
Tensor = Array | LargeTensor
Own = tuple[Mapping[Any, Any], Mapping[Any, Any]]
"""A module's own parameters and buffers."""


def find_weights(found: object) -> dict[str, F32]:
    """Return the weights in what `read_torch` returned, float32 and C-contiguous, by dotted name; empty if none.

    They may be in a state dict, in a module, or in a container around either; of several, the first that holds a matrix
    is taken, those under LIKELY keys before others. WRAPPERS that all names start with are removed. Raises NCAError for
    complex or too many numbers.
    """
    named: dict[str, Array] = {}
    for _, _, inside, of_module in all_holders(found, lists=False):
        held = of_module or _arrays(inside)
        arrays = {name: value for name, value in held.items() if isinstance(value, np.ndarray)}
        named = named or arrays
        # Weights have at least one matrix; a checkpoint's other arrays, such as its losses, have none.
        if any(array.ndim > 1 for array in arrays.values()):
            named = arrays
            break
    while shared := next((w for w in WRAPPERS if named and all(n.startswith(f"{w}.") for n in named)), None):
        named = {name.removeprefix(f"{shared}."): array for name, array in named.items()}
    return as_float32(named)


def find_tensors(found: object) -> dict[Keys, Tensor]:
    """Return all tensors in what `read_torch` returned, in its containers, modules and other objects.

    By the keys of the containers around each, the last its name; those under LIKELY keys come first. Raises NCAError if
    there are too many, or if the only weights are inside an object of an unknown class.
    """
    tensors: dict[Keys, Tensor] = {}
    for keys, _, inside, of_module in all_holders(found):
        tensors |= {(*keys, name): value for name, value in (of_module or _arrays(inside)).items()}
        if len(tensors) > MAX_TENSORS:
            raise too_large("a thousand tensors")
    if not any(len(value.shape) > 1 for value in tensors.values()) and (odd := _foreign(found)):
        raise code_refused(odd)
    return tensors


def as_float32(named: Mapping[T, Array]) -> dict[T, F32]:
    """Return arrays as C-contiguous float32. Raises NCAError for complex or too many numbers."""
    if sum(a.size for a in named.values()) > MAX_NUMBERS:
        raise too_large()
    if any(a.dtype.kind == "c" for a in named.values()):
        raise NCAError("holds complex numbers; weights must be real.")
    with np.errstate(over="ignore"):
        return {name: np.asarray(array, np.float32, order="C") for name, array in named.items()}


def all_holders(found: object, lists: bool = True) -> Iterator[tuple[Keys, Any, Mapping[Any, Any], dict[str, Tensor]]]:
    """Yield each container and module in what a pickle held; what is at two places comes twice.

    Yields the keys that lead to it, it, what is in it, and the tensors of a module, by dotted names. What is in a
    module with tensors is not yielded again.
    """
    level: list[tuple[Keys, object, set[int]]] = [((), found, set())]
    left = MAX_LOOKS
    for _ in range(MAX_DEPTH // 4 + 1):
        below: list[tuple[Keys, object, set[int]]] = []
        for keys, holder, above in level:
            seen = set(above)
            inside = _fresh(holder, seen, lists)
            module = holder if isinstance(holder, UnloadedObject) else None
            left -= len(inside) + (OBJECT_LOOKS if module else 1)
            if left < 0:
                return
            of_module = _module(module, set(above)) if module else {}
            yield keys, holder, inside, of_module
            if not of_module:
                below += [((*keys, str(k)[:100]), v, seen) for k, v in _likely_first(inside) if _is_holder(v)]
        level = below


def _likely_first(inside: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(inside.items(), key=lambda item: item[0] not in LIKELY)


def _is_holder(value: object) -> bool:
    return isinstance(value, (Mapping, UnloadedObject, list, tuple))


def _foreign(found: object) -> UnloadedObject | None:
    """Return the first object of an unknown class in the containers of a file, or None."""
    seen: set[int] = set()
    level = [found]
    for _ in range(MAX_DEPTH // 4 + 1):
        for holder in level:
            if isinstance(holder, UnloadedObject) and holder.foreign:
                return holder
        level = [v for h in level for v in _fresh(h, seen, True).values() if _is_holder(v)]
    return None


def _fresh(what: object, seen: set[int], lists: bool = False) -> Mapping[Any, Any]:
    """Return a mapping, or an object's attributes and items; empty for anything else and for those seen before.

    Objects of unknown classes count as empty: nobody knows what their attributes are.
    """
    inside = what
    if isinstance(what, UnloadedObject):
        inside = {} if what.foreign else what.state if isinstance(what.state, Mapping) else {}
        inside = {**inside, **what.items} if what.items and id(what) not in seen else inside
    if lists and isinstance(what, (list, tuple)) and len(what) <= MAX_TENSORS and id(what) not in seen:
        inside = {str(number): value for number, value in enumerate(what)}
    if not isinstance(inside, Mapping) or id(what) in seen:
        return {}
    seen.add(id(what))
    return inside


def _arrays(mapping: Mapping[Any, Any], prefix: str = "") -> dict[str, Tensor]:
    return {
        prefix + name: value
        for name, value in mapping.items()
        if isinstance(name, str)
        and (isinstance(value, LargeTensor) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"))
    }


def is_filter(array: Array) -> bool:
    """Return whether an array that a module keeps as an attribute may be filters: its last two sides are equal."""
    return array.ndim in (2, 3, 4) and array.shape[-1] == array.shape[-2] in (3, 5, 7) and array.size < 10**5


def _module(root: UnloadedObject, seen: set[int]) -> dict[str, Tensor]:
    """Return parameters and buffers of a torch.nn.Module, or of a TorchScript, under the names of its state_dict().

    Filters that it keeps as plain attributes are among them, under their names.
    """
    named: dict[str, Tensor] = {}
    for prefix, _, state, own in modules_in(root, seen):
        stacked = {name: _stacked(each) for name, each in state.items() if not str(name).startswith("_")}
        filters = {name: each for name, each in stacked.items() if isinstance(each, np.ndarray) and is_filter(each)}
        for arrays in (*own, filters):
            named |= _arrays(arrays, prefix)
    return named


def _stacked(value: object) -> object:
    """Return filters in a list or a dictionary as one array; anything else as it is."""
    parts = [*value.values()] if isinstance(value, Mapping) else value
    if not isinstance(parts, list | tuple) or not 1 < len(parts) <= MAX_TENSORS:
        return value
    arrays = [part for part in parts if isinstance(part, np.ndarray) and part.ndim == 2 and is_filter(part)]
    same = len(arrays) == len(parts) and len({array.shape for array in arrays}) == 1
    return np.stack(arrays) if same else value


def is_script(value: object) -> bool:
    """Return whether an object is a module of a TorchScript."""
    return isinstance(value, UnloadedObject) and value.module.startswith("__torch__")


def modules_in(root: UnloadedObject, seen: set[int]) -> Iterator[tuple[str, Any, Mapping[Any, Any], Own]]:
    """Yield a module and those in it, each with the prefix of its names, its attributes, parameters and buffers.

    seen: ids of modules that are left out; those yielded are added. Raises NCAError if there are too many.
    """
    count = 0
    todo: list[tuple[str, object, int]] = [("", root, MAX_DEPTH)]
    while todo:
        prefix, module, depth = todo.pop()
        state = _fresh(module, seen)
        parts = [_fresh(state.get(n), seen) for n in ("_parameters", "_buffers", "_modules")]
        if is_script(module):
            parts = [state, {}, {name: each for name, each in state.items() if isinstance(each, UnloadedObject)}]
        # Limited, since each name may be thousands of letters long.
        count += sum(map(len, parts))
        if count > MAX_TENSORS:
            raise too_large("a thousand tensors")
        yield prefix, module, state, (parts[0], parts[1])
        children = [(f"{prefix}{name}.", child, depth - 1) for name, child in parts[2].items() if isinstance(name, str)]
        todo += reversed(children if depth else [])
