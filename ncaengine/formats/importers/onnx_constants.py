"""Operations of an ONNX graph on its own numbers, such as the stacking of filters, computed while it is read."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ncaengine.formats.limits import LARGE
from ncaengine.formats.onnx import Node
from ncaengine.formats.pickle.tensors import Array

Operation = Callable[[Node, Sequence[Array]], Any]


def folded(node: Node, values: Sequence[Array | None]) -> Array | None:
    """Return what an operation gives for these numbers, at most LARGE of them.

    values: None for what is not known. Returns None if one is not, for operations that are not known, or if the numbers
    do not fit.
    """
    known = [value for value in values if value is not None]
    if node.op not in OPERATIONS or len(known) < len(values):
        return None
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(OPERATIONS[node.op](node, known))
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError, StopIteration):
        return None
    return result if result.size <= LARGE and result.dtype.kind in "fiub" else None


def integers(value: Any) -> list[int] | None:
    """Return a short list of integers from an array, or None if it is none."""
    known = isinstance(value, np.ndarray) and value.dtype.kind in "iu"
    return [int(number) for number in value.ravel()[:8]] if known else None


def whole(node: Node, name: str) -> list[int]:
    """Return the integers of an attribute; empty if there are none."""
    given = node.attributes.get(name)
    return given if isinstance(given, list) and all(isinstance(number, int) for number in given) else []


def setting(node: Node, values: Sequence[Any], name: str, place: int) -> list[int]:
    """Return integers that older graphs have as an attribute and newer ones as an input; empty if there are none."""
    given = node.attributes.get(name)
    if given is None and len(values) > place:
        return integers(values[place]) or []
    return [given] if isinstance(given, int) else whole(node, name)


def _bounded(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) > 8 or math.prod(shape) > LARGE or min(shape, default=0) < 0:
        raise ValueError("too large")
    return tuple(shape)


def _unsqueezed(node: Node, values: Sequence[Array]) -> Array:
    return np.expand_dims(values[0], tuple(setting(node, values, "axes", 1)))


def _squeezed(node: Node, values: Sequence[Array]) -> Array:
    axes = setting(node, values, "axes", 1)
    return np.squeeze(values[0], tuple(axes) if axes else None)


def _sliced(node: Node, values: Sequence[Array]) -> Array:
    starts, ends, axes, steps = (setting(node, values, n, p) for n, p in
                                 (("starts", 1), ("ends", 2), ("axes", 3), ("steps", 4)))  # fmt: skip
    parts = [slice(None)] * values[0].ndim
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        step = steps[place] if steps else 1
        parts[axes[place] if axes else place] = slice(start, end if end >= 0 or step > 0 else None, step)
    return values[0][tuple(parts)]


def _concatenated(node: Node, values: Sequence[Array]) -> Array:
    _bounded([sum(value.size for value in values)])
    return np.concatenate(values, node.attributes.get("axis", 0))


def _gathered(node: Node, values: Sequence[Array]) -> Array:
    array, places, axis = values[0], values[1], node.attributes.get("axis", 0)
    _bounded([array.size // max(1, array.shape[axis]), places.size])
    return np.take(array, places, axis)


def _tiled(_: Node, values: Sequence[Array]) -> Array:
    times = integers(values[1]) or []
    _bounded([side * n for side, n in zip(values[0].shape, times, strict=True)])
    return np.tile(values[0], times)


def _expanded(_: Node, values: Sequence[Array]) -> Array:
    shape = np.broadcast_shapes(values[0].shape, _bounded(integers(values[1]) or []))
    return np.broadcast_to(values[0], _bounded(shape))


def _reshaped(_: Node, values: Sequence[Array]) -> Array:
    shape = integers(values[1]) or []
    return values[0].reshape([values[0].shape[n] if side == 0 else side for n, side in enumerate(shape)])


def _filled(node: Node, values: Sequence[Array]) -> Array:
    value = node.attributes.get("value")
    return np.full(_bounded(integers(values[0]) or []), np.zeros(1, np.float32) if value is None else value)


def _arithmetic(function: Callable[..., Array]) -> Operation:
    def compute(_: Node, values: Sequence[Array]) -> Array:
        _bounded(np.broadcast_shapes(*(value.shape for value in values)))
        return function(*values)

    return compute


def _quotient(a: Array, b: Array) -> Array:
    return a // b if a.dtype.kind in "iu" else np.divide(a, b)


def _constant(node: Node, _: Sequence[Array]) -> Any:
    return next(value for name, value in node.attributes.items() if name.startswith("value") and value is not None)


OPERATIONS: dict[str, Operation] = {
    "Constant": _constant,
    **dict.fromkeys(("Identity", "Cast"), lambda _, values: values[0]),
    "Unsqueeze": _unsqueezed,
    "Squeeze": _squeezed,
    "Concat": _concatenated,
    "Transpose": lambda node, values: np.transpose(values[0], node.attributes.get("perm")),
    "Reshape": _reshaped,
    "Flatten": lambda node, values: values[0].reshape(math.prod(values[0].shape[: node.attributes.get("axis", 1)]), -1),
    "Slice": _sliced,
    "Gather": _gathered,
    "Tile": _tiled,
    "Expand": _expanded,
    "ConstantOfShape": _filled,
    "Shape": lambda _, values: np.array(values[0].shape, np.int64),
    "Neg": lambda _, values: -values[0],
    "Sin": _arithmetic(np.sin),
    "Cos": _arithmetic(np.cos),
    "Equal": _arithmetic(np.equal),
    "Where": _arithmetic(np.where),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(_quotient),
}
