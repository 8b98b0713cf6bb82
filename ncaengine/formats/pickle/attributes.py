"""Numbers and texts in what a pickle held: in dictionaries, and as attributes of modules, with their settings.

Classes are not loaded, but the names of torch's own say what a module does: how it pads, and which activation it is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ncaengine.formats.pickle.holders import Keys, all_holders, is_filter, is_script, modules_in
from ncaengine.formats.pickle.machine import GlobalName, UnloadedObject
from ncaengine.formats.pickle.tensors import Array
from ncaengine.formats.setting_texts import settings_in

Value = bool | int | float | str | tuple[float, ...] | Array
"""A number, a text or an array that is no parameter, which may say something about a step; see `statements`."""
MAX_PLAIN = 2000
"""Values that are looked at."""
MAX_LETTERS = 100
"""Letters of a name or a text."""
MAX_LEVELS = 3
"""Levels of dictionaries in an attribute."""
SILENT = re.compile(r"container|conv|linear|dropout|loss|flatten|distance|parallel|rnn|sparse|module")
"""Modules of torch.nn.modules whose classes do nothing besides what their parameters say, or nothing in a step."""


def find_plain(found: object) -> dict[Keys, Value]:
    """Return numbers, texts and arrays that are no parameters in what `read_torch` returned.

    By the keys of the containers around each and its name, as `holders.find_tensors` returns tensors. Classes of torch
    give `activation`, `other_activation`, `padding_mode`, and `class` for what does something else.
    """
    plain: dict[Keys, Value] = {}
    seen = set[int]()
    for keys, holder, inside, of_module in all_holders(found):
        for name, value in (
            _of_modules(holder) if of_module else _values(inside) if inside else _of_unknown(holder, seen)
        ):
            if len(plain) >= MAX_PLAIN:
                return plain
            plain[*keys, name] = value
    return plain


def _values(mapping: Mapping[Any, Any]) -> Iterator[tuple[str, Value]]:
    """Yield the numbers and texts of a mapping with their names, and the names of classes and functions."""
    for name, value in mapping.items():
        if not isinstance(name, str) or name.startswith("_") or len(name) > MAX_LETTERS:
            continue
        if isinstance(value, (list, tuple)) and len(value) == 2 and {*map(type, value)} <= {int, float}:
            yield name, (float(value[0]), float(value[1]))
        elif isinstance(value, str) and (settings := settings_in(value)):
            yield from ((f"{name}.{inner}", each) for inner, each in _attributes(settings, set()))
        elif isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= MAX_LETTERS):
            yield name, value
        elif text := _class_name(value):
            yield name, text


def _of_unknown(holder: object, seen: set[int]) -> Iterator[tuple[str, Value]]:
    """Yield the attributes of an object of an unknown class, which may keep a program's settings."""
    state = holder.state if isinstance(holder, UnloadedObject) and holder.foreign else None
    if isinstance(state, Mapping) and id(state) not in seen:
        seen.add(id(state))
        yield from _attributes(state, seen)


def _class_name(value: object) -> str:
    """Return the name of a class, a function, or an object of which nothing else is known; '' for anything else."""
    if isinstance(value, GlobalName):
        return value.name[:MAX_LETTERS]
    is_bare = isinstance(value, UnloadedObject) and (_kind(value) == "activation" or not (value.state or value.items))
    return value.name[:MAX_LETTERS] if is_bare else ""  # type: ignore[attr-defined]


def _attributes(state: Mapping[Any, Any], seen: set[int], levels: int = MAX_LEVELS) -> Iterator[tuple[str, Value]]:
    """Yield the values of a module's attributes, also those in dictionaries, and arrays besides filters.

    seen: ids of dictionaries that are left out; those that are looked into are added.
    """
    yield from _values(state)
    for name, value in state.items():
        if not isinstance(name, str) or name.startswith("_"):
            continue
        inside = value.state if isinstance(value, UnloadedObject) else value
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and not is_filter(value):
            yield name, value
        elif isinstance(inside, Mapping) and "_modules" not in inside and levels and id(inside) not in seen:
            seen.add(id(inside))
            yield from ((f"{name}.{inner}", each) for inner, each in _attributes(inside, seen, levels - 1))


def _of_modules(root: UnloadedObject) -> Iterator[tuple[str, Value]]:
    """Yield what a module and those in it say, by dotted names."""
    found, seen = modules_in(root, set()), set[int]()
    modules = [(prefix, _kind(module), module, state, own[0]) for prefix, module, state, own in found]
    layers = [prefix for prefix, *_, parameters in modules if any(each is not None for each in parameters.values())]
    activations = [prefix for prefix, kind, *_ in modules if kind == "activation"]
    for prefix, kind, module, state, _ in modules:
        name = module.name
        values: Iterable[tuple[str, Value]] = ()
        if not kind:
            values = _attributes(_of_script(state) if is_script(module) else state, seen)
        elif kind == "activation":
            values = [("activation" if _behind(prefix, layers) in (None, 1) else "other_activation", name)]
        elif kind == "padding":
            values = [("padding_mode", name.removesuffix("Pad2d"))]
        elif kind == "conv":
            values = _of_convolution(state)
        elif name == "Sequential" and _behind(f"{prefix}0.", layers) and not _children(prefix, activations):
            values = [("activation", "linear")]
        elif not SILENT.search(kind):
            values = [("class", name)]
        yield from ((prefix + name, value) for name, value in values)


def _of_script(state: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return what a module of TorchScript holds beside its parameters and modules, which lie among its attributes."""
    return {name: value for name, value in state.items() if not (isinstance(value, np.ndarray) or is_script(value))}


def _kind(module: UnloadedObject) -> str:
    """Return the last part of the place of a class of torch.nn, such as conv; '' for other classes."""
    place = re.sub(r"^__torch__\.|\.___torch_mangle_\d+", "", module.module)
    return place.rpartition(".")[2] if place.startswith("torch.nn.") else ""


def _children(prefix: str, modules: Iterable[str]) -> set[int]:
    """Return the numbers of the children of a Sequential that are, or hold, some of these modules."""
    inside = (each.removeprefix(prefix).partition(".")[0] for each in modules if each.startswith(prefix))
    return {int(number) for number in inside if number.isdecimal()}


def _behind(prefix: str, layers: Sequence[str]) -> int | None:
    """Return how many layers follow a module in its Sequential; None if that has fewer than two layers."""
    around, _, number = prefix.removesuffix(".").rpartition(".")
    places = _children(f"{around}." if around else "", layers) if number.isdecimal() else set()
    return sum(place > int(number) for place in places) if len(places) > 1 else None


def _of_convolution(state: Mapping[Any, Any]) -> Iterator[tuple[str, Value]]:
    """Yield how a convolution over several cells pads, and what ncaengine's lack."""
    sides = {"kernel_size": 1, "padding": 0, "stride": 1, "dilation": 1}
    wide, padded, strides, dilated = (str(state.get(name)) not in (f"({n}, {n})", "None") for name, n in sides.items())
    if wide and padded and isinstance(mode := state.get("padding_mode"), str):
        yield "padding_mode", mode[:MAX_LETTERS]
    grouped = not wide and state.get("groups") not in (1, None)
    for name, unusual in (("stride", strides), ("dilation", dilated), ("groups", grouped)):
        if unusual:
            yield name, str(state[name])[:MAX_LETTERS]
