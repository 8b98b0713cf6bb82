"""What each tensor of a state dict is: a layer of the net, one of its filters, or nothing that a step needs.

Programs wrap a net in modules of any name (`net.`, `module.`, `_fsdp_wrapped_module.`), save it beside the net of its
loss or the counters of an average, and call its two layers as they like. `tidy` gives the tensors the names that they
have in the net itself, and drops those that are known not to be needed; `find_layers` names the two layers.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import MAX_SHOWN, Decoded, as_value, left_out, listed, quoted
from ncaengine.formats.importers.names import COUNTERS, beside, kind_of
from ncaengine.formats.pickle.attributes import Value

PAIRS = (("w1", "w2"), ("fc0", "fc1"), ("conv1", "conv2"))
"""Names of the two layers in known programs. Those of a Sequential have numbers: layers.0 and layers.2."""
_PARAMETER = re.compile(r"(^|\.)(weight|bias|running_(mean|var)|weight_(orig|u|v|g)|in_proj_\w+)$")
"""Names of what a layer of torch computes with."""
_WRAPPED = re.compile(r"(?:(?<=\.)|^)(?:_fsdp_wrapped_module|_orig_mod|_checkpoint_wrapped_module)\.")
_NUMBERED = re.compile(r"((?:.{0,200}\.)?)(\d{1,3})")


class Layers(NamedTuple):
    """The names of a net's two layers."""

    first: str
    second: str


def tidy(decoded: Decoded) -> Decoded:
    """Return a state dict with the net's own names for its tensors; any other file as it is.

    What is known not to be needed is dropped, and said in the notes. What states something about a step is in `stated`.
    """
    if decoded.form != "tensors":
        return decoded
    tensors = {_WRAPPED.sub("", name): array for name, array in decoded.data.items()}
    if len(tensors) < len(decoded.data):
        tensors = dict(decoded.data)
    tensors, notes = _without_unneeded(_without_weight_norm(_as_torch_has_them(tensors)))
    tensors = _renamed(tensors, next(_prefixes(tensors), ""))
    stated = _stated(tensors)
    rest = {name: array for name, array in tensors.items() if name not in stated}
    return dataclasses.replace(decoded, data=rest, notes=(*decoded.notes, *notes), stated={**stated, **decoded.stated})


def _renamed(tensors: Mapping[str, F32], prefix: str) -> dict[str, F32]:
    """Remove a prefix from names; what lies outside keeps its name, after a slash if that is one of the net's own."""
    inside = {name.removeprefix(prefix) for name in tensors if name.startswith(prefix)}
    renamed = {}
    for name, array in tensors.items():
        if name.startswith(prefix):
            renamed[name.removeprefix(prefix)] = array
        else:
            renamed[f"/{name}" if name in inside else name] = array
    return renamed


def _prefixes(tensors: Mapping[str, F32]) -> Iterator[str]:
    """Yield what precedes the names of each net's layers, as "model.net."; '' if nothing does.

    A Sequential's own name stays: it tells the program.
    """
    arrays = dict(_layers(tensors))
    found = [
        name.removesuffix(first)
        for first, second in PAIRS
        for name in arrays
        if re.search(rf"(^|\.){first}$", name) and f"{name.removesuffix(first)}{second}" in arrays
    ]
    for prefix, group in _sequentials(tensors).items():
        first, second = (arrays[name] for name in group)
        if second.shape[1] == len(first) and first.shape[1] > len(second):
            found.append(prefix)
    layers = None if found else find_layers(tensors)
    if layers:
        around, beside = layers.first.split("."), layers.second.split(".")
        shared = 0
        while shared < len(around) - 1 and beside[: shared + 1] == around[: shared + 1]:
            shared += 1
        found.append("".join(f"{part}." for part in around[:shared]))
    yield from dict.fromkeys(found)


def find_layers(tensors: Mapping[str, F32]) -> Layers | None:
    """Return the names of a state dict's two layers; None if there are none, or if it can't be told which they are.

    They are one of PAIRS, those of a Sequential, or the only two matrices that fit together.
    """
    for first, second in PAIRS:
        weights = [tensors.get(f"{name}.weight") for name in (first, second)]
        if all(a is not None and (a.ndim > 1 or f"{first}.bias" in tensors) for a in weights):
            return Layers(first, second)
    for group in _sequentials(tensors).values():
        return Layers(*group)
    matrices = [(layer, array) for layer, array in _layers(tensors) if not is_filter(array)]
    narrow = [pair for pair in matrices if not is_wide(pair[1])]
    matrices = narrow if len(narrow) == 2 else matrices
    for (a, x), (b, y) in (matrices, matrices[::-1]) if len(matrices) == 2 else ():
        if y.shape[1] == len(x) and x.shape[1] * x[0, 0].size > len(y):
            return Layers(a, b)
    return None


def _sequentials(tensors: Mapping[str, F32]) -> dict[str, tuple[str, str]]:
    """Return the two layers of each Sequential that has two, by what precedes the Sequential's name."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for layer, array in _layers(tensors):
        if (match := _NUMBERED.fullmatch(layer)) and not is_filter(array):
            groups.setdefault(match[1], []).append((int(match[2]), layer))
    found = {}
    for name, group in groups.items():
        ordered = [layer for _, layer in sorted(group)]
        if len(ordered) == 3 and is_wide(tensors[f"{ordered[0]}.weight"]):
            ordered = ordered[1:]  # the first is the perception
        if len(ordered) == 2:
            found["".join(f"{part}." for part in name.split(".")[:-2])] = (ordered[0], ordered[1])
    return found


def are_apart(first: str, second: str) -> bool:
    """Return whether two layers lie in one Sequential with something between them that has no weights."""
    one, other = map(_NUMBERED.fullmatch, (first, second))
    return bool(one and other and one[1] == other[1] and int(other[2]) - int(one[2]) > 1)


def is_wide(array: F32) -> bool:
    """Return whether an array is a convolution over several cells and all channels, (outputs, inputs, side, side)."""
    return (
        array.ndim == 4 and array.shape[1] > 1 and array.shape[2] == array.shape[3] and array.shape[3] in (3, 5, 7, 9)
    )


def _layers(tensors: Mapping[str, F32]) -> Iterator[tuple[str, F32]]:
    """Yield the name of each layer, without ".weight", and its weights."""
    for name, array in tensors.items():
        if name.endswith(".weight") and array.ndim >= 2:
            yield name.removesuffix(".weight"), array


def is_filter(array: F32) -> bool:
    """Return whether an array may be filters, each of one channel: (…, 1, side, side) or (…, side, side), odd sides."""
    side = array.shape[-1] if array.ndim in (2, 3, 4) else 0
    flat = array.ndim < 4 or array.shape[1] == 1
    return 3 <= side <= 9 and side % 2 == 1 and array.shape[-2] == side and flat and array.size > 0


def _without_unneeded(tensors: Mapping[str, F32]) -> tuple[dict[str, F32], list[str]]:
    """Drop what a step never needs; return the rest, and a sentence about what was dropped."""
    kept, dropped = dict[str, F32](), dict[str, list[str]]()
    for name, array in tensors.items():
        *around, last = name.split(".")
        counter = array.size == 1 and COUNTERS.fullmatch(last.lower())
        unknown = "counters" if counter else "" if kind_of(name) else beside(last)
        if reason := next(filter(None, map(beside, around)), unknown):
            dropped.setdefault(reason, []).append(name)
        else:
            kept[name] = array
    return kept, [f"not needed, {reason}: {listed(names)}" for reason, names in dropped.items()]


def _stated(tensors: Mapping[str, F32]) -> dict[str, Value]:
    """Return the tensors that state something about a step, by name."""
    return {name: as_value(array) for name, array in tensors.items() if kind_of(name) and not is_filter(array)}


def _as_torch_has_them(tensors: Mapping[str, F32]) -> dict[str, F32]:
    """Return the layers of other libraries as torch has them, (outputs, inputs, …).

    Those are kernels (…, inputs, outputs) of flax and Keras, and arrays called w1, b1, w2 and b2 of either form.
    """
    out = dict[str, F32]()
    for name, array in tensors.items():
        if name.endswith(".kernel") and array.ndim in (2, 4):
            out[f"{name.removesuffix('kernel')}weight"] = array.T if array.ndim == 2 else array.transpose(3, 2, 0, 1)
        elif name.endswith(".depthwise_kernel") and array.ndim == 4:
            stem, (high, wide) = name.removesuffix("depthwise_kernel"), array.shape[:2]
            out[f"{stem}weight"] = array.transpose(2, 3, 0, 1).reshape(-1, 1, high, wide)
        else:
            out[name] = array
    first, second = out.get("w1"), out.get("w2")
    if first is None or second is None or not first.ndim == second.ndim == 2:
        return out
    turned = second.shape[1] != len(first)
    for old, new in (("w1", "weight"), ("w2", "weight"), ("b1", "bias"), ("b2", "bias")):
        if old in out:
            array = out.pop(old)
            out[f"array {old[1]}.{new}"] = (
                array.T if turned and new == "weight" else array.reshape(-1) if new == "bias" else array
            )
    return out


def _without_weight_norm(tensors: Mapping[str, F32]) -> dict[str, F32]:
    """Compute the weights of layers that torch's weight_norm keeps as length and direction."""
    out = dict(tensors)
    for length_end, direction_end in (
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ):
        for name in [name for name in out if name.endswith(length_end)]:
            stem = name.removesuffix(length_end)
            direction = out.get(stem + direction_end)
            if direction is None or direction.ndim < 2 or out[name].size not in (1, len(direction)):
                continue
            rows = direction.reshape(len(direction), -1)
            size = np.linalg.norm(rows if out[name].size > 1 else rows.reshape(1, -1), axis=1, keepdims=True)
            scaled = rows / np.maximum(size, 1e-12) * out[name].reshape(-1, 1)
            out[f"{stem}weight"] = scaled.reshape(direction.shape).astype(np.float32)
            del out[name], out[stem + direction_end]
    return out


class Account:
    """Which tensors of a state dict were used. What stays unused is said, or the file is refused."""

    def __init__(self, tensors: Mapping[str, F32]) -> None:
        self._tensors = tensors
        self._used: set[str] = set()

    def use(self, name: str) -> F32 | None:
        """Return a tensor, which counts as used; None if there is none of that name."""
        found = self._tensors.get(name)
        if found is not None:
            self._used.add(name)
        return found

    def unused(self) -> dict[str, F32]:
        """Return the tensors that nothing used."""
        return {name: array for name, array in self._tensors.items() if name not in self._used}

    def close(self, layers: Layers) -> str:
        """Return a sentence about what was left out; '' if nothing was.

        Raises NCAError if there are layers besides those two: tensors with the names of a layer's parameters.
        """
        rest = self.unused()
        within = [name for name in rest if _PARAMETER.search(name)]
        if within:
            shapes = ", ".join(f"{quoted(name)} {rest[name].shape}" for name in within[:MAX_SHOWN])
            more = f" and {len(within) - MAX_SHOWN} more" if len(within) > MAX_SHOWN else ""
            raise NCAError(
                f"has more layers than ncaengine runs: beside {layers.first} and {layers.second} it holds "
                f"{shapes}{more}. Without them it would compute something else; if they are not part of the "
                "automaton, save a state dict without them."
            )
        return left_out(rest)
