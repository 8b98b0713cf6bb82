"""The perception in an ONNX graph: what each value is that a cell sees, as a sum of filters of channels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_INPUTS, MAX_NUMBERS
from ncaengine.formats.importers.filters import split_dense
from ncaengine.formats.importers.onnx_constants import integers, setting
from ncaengine.formats.limits import too_large
from ncaengine.formats.onnx import Node
from ncaengine.formats.pickle.tensors import Array

PADDINGS: dict[str, Literal["zero", "circular", "replicate"]] = {
    "constant": "zero", "wrap": "circular", "edge": "replicate",
}  # fmt: skip
IDENTITY = np.pad(np.ones((1, 1), np.float32), 1)
STACKED = {
    1: "filter",
    -4: "filter",
    3: "filter",
    -2: "filter",
    2: "channel",
    -3: "channel",
    4: "channel",
    -1: "channel",
}
"""The order that a reshape gives to what was stacked along a new axis, by that axis; channels come second or last."""

Columns = tuple[tuple[Array, int], ...]
"""Filters, each with the channel that it filters."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The state, or what a cell perceives of it."""

    columns: Columns = ()
    """What the values are sums of; empty for the state itself."""
    mix: Array | None = None
    """(values, columns): how much of each column is in a value; None if the columns are the values."""
    bias: Array | None = None
    """(values,), or None."""
    alone: tuple[Array, ...] = ()
    """Filters of each channel while the channels are apart, one picture each."""
    apart: bool = False
    padding: str = ""
    """How the state is continued beyond its edges, once it is."""
    wrapping: str = ""
    """The edge that a slice took: first or last."""
    stack: tuple[Columns, ...] = ()
    """The parts of a stack, while they lie along an axis of their own."""
    axis: int = 0
    """That axis."""

    @property
    def bare(self) -> bool:
        """Whether it is the state itself."""
        return not (self.columns or self.apart or self.alone or self.wrapping or self.stack)

    def all_columns(self, channels: int) -> Columns:
        """Return the columns; for the state itself, the identity of each channel."""
        return self.columns or tuple((IDENTITY, channel) for channel in range(channels))

    def as_layer(self, channels: int) -> tuple[Array, Array]:
        """Return `mix` and `bias`, whether they are there or not."""
        _check_count(len(self.all_columns(channels)))
        mix = np.eye(len(self.all_columns(channels)), dtype=np.float32) if self.mix is None else self.mix
        return mix, np.zeros(len(mix), np.float32) if self.bias is None else self.bias


def _check_count(count: int) -> None:
    """Raise NCAError if a cell perceives too many values. Parts of a graph may double each other's."""
    if count > MAX_INPUTS:
        raise NCAError(f"its graph lets a cell perceive {count} values; ncaengine runs {MAX_INPUTS}.")


def perceived(node: Node, values: Sequence[Any], channels: int) -> Seen | None:
    """Return what an operation makes of something seen; None if it is not understood."""
    seen = next(value for value in values if isinstance(value, Seen))
    match node.op:
        case "Reshape":
            return _reshaped(seen, channels)
        case "Unsqueeze":
            return _unsqueezed(seen, setting(node, values, "axes", 1), channels)
        case "Pad":
            mode = PADDINGS.get(node.attributes.get("mode", "constant"))
            return replace(seen, padding=mode) if mode and not (seen.padding or seen.columns or seen.stack) else None
        case "Conv":
            return _convolved(node, seen, values, channels)
        case "Slice":
            return _sliced(seen, values)
        case "Concat":
            return _concatenated(node, values, channels)
        case "Mul" | "Div":
            return _scaled(node.op, seen, values, channels)
    return None


def _reshaped(seen: Seen, channels: int) -> Seen | None:
    """Take the channels apart, put them together again, or lay what is stacked behind each other."""
    columns: list[tuple[Array, int]] = []
    if seen.stack:
        parts = list(zip(*seen.stack, strict=True)) if STACKED[seen.axis] == "channel" else list(seen.stack)
        columns = [column for part in parts for column in part]
    elif seen.apart:
        columns = [(each, channel) for channel in range(channels) for each in seen.alone]
    else:
        return replace(seen, apart=True) if not seen.columns else None
    return Seen(tuple(columns), padding=seen.padding)


def _unsqueezed(seen: Seen, axes: list[int], channels: int) -> Seen | None:
    plain = seen.mix is None and seen.bias is None and not (seen.apart or seen.stack or seen.wrapping)
    if not plain or len(axes) != 1 or axes[0] not in STACKED:
        return None
    return Seen(padding=seen.padding, stack=(seen.all_columns(channels),), axis=axes[0])


def _convolved(node: Node, seen: Seen, values: Sequence[Any], channels: int) -> Seen | None:
    filters, pads = values[1] if len(values) > 1 else None, node.attributes.get("pads") or [0]
    bias = values[2] if len(values) > 2 else None
    if not isinstance(filters, np.ndarray) or filters.ndim != 4 or seen.columns or seen.alone or seen.stack:
        return None
    side, group = filters.shape[-1], node.attributes.get("group", 1)
    same = {*pads} == {side // 2} or str(node.attributes.get("auto_pad")).startswith("SAME")
    padding = seen.padding or ("zero" if same else "")
    steps = {*(node.attributes.get("strides") or [1]), *(node.attributes.get("dilations") or [1])}
    if filters.shape[2] != side or not padding or steps != {1} or side % 2 == 0:
        return None
    if bias is not None and (not isinstance(bias, np.ndarray) or bias.shape != filters.shape[:1] or seen.apart):
        return None
    if seen.apart:
        single = group == 1 and filters.shape[1] == 1
        return replace(seen, alone=tuple(filters[:, 0]), padding=padding) if single else None
    if group == 1 and filters.shape[1] == channels:
        mix, columns = split_dense(filters)
        return Seen(columns, mix, bias, padding=padding)
    if group != channels or filters.shape[1] != 1 or len(filters) % group:
        return None
    each = len(filters) // group
    return Seen(tuple((one[0], o // each) for o, one in enumerate(filters)), bias=bias, padding=padding)


def _sliced(seen: Seen, values: Sequence[Any]) -> Seen | None:
    """Take an edge of the state, to wrap it around."""
    starts, ends = (integers(value) for value in (*values[1:3], None, None)[:2])
    if not starts or not ends or len(starts) != 1 or seen.columns or seen.stack:
        return None
    return replace(seen, wrapping="last" if starts[0] == -1 else "first" if (starts[0], ends[0]) == (0, 1) else "?")


def _concatenated(node: Node, values: Sequence[Any], channels: int) -> Seen | None:
    if not all(isinstance(value, Seen) for value in values):
        return None
    if any(value.wrapping for value in values):
        circular = [value.wrapping for value in values] == ["last", "", "first"]
        return replace(values[1], padding="circular") if circular else None
    paddings, axis = {value.padding for value in values if value.padding}, node.attributes.get("axis", 0)
    if any(value.apart or value.alone for value in values) or len(paddings) != 1:
        return None
    _check_count(sum(len(part) for value in values for part in value.stack or (value.all_columns(channels),)))
    if any(value.stack for value in values):
        same = all(value.stack and value.axis == axis for value in values)
        stack = tuple(part for value in values for part in value.stack)
        return Seen(padding=paddings.pop(), stack=stack, axis=axis) if same else None
    if axis not in (1, 3, -1, -3):
        return None
    columns = tuple(column for value in values for column in value.all_columns(channels))
    if all(value.mix is None and value.bias is None for value in values):
        return Seen(columns, padding=paddings.pop())
    layers = [value.as_layer(channels) for value in values]
    size = sum(len(mix) for mix, _ in layers), len(columns)
    if math.prod(size) > MAX_NUMBERS:
        raise too_large()
    mix = np.zeros(size, np.float32)
    row = column = 0
    for part, _ in layers:
        mix[row : row + len(part), column : column + part.shape[1]] = part
        row, column = row + len(part), column + part.shape[1]
    return Seen(columns, mix, np.concatenate([bias for _, bias in layers]), padding=paddings.pop())


def _scaled(op: str, seen: Seen, values: Sequence[Any], channels: int) -> Seen | None:
    """Multiply, or divide, what is seen by a number."""
    factor = next((value for value in values if isinstance(value, np.ndarray)), None)
    whole = not (seen.apart or seen.stack or seen.wrapping) and seen.mix is None and seen.bias is None
    if factor is None or factor.size != 1 or not whole or not factor.any() or (op == "Div" and values[0] is factor):
        return None
    number = float(factor.flat[0]) if op == "Mul" else 1 / float(factor.flat[0])
    return replace(seen, columns=tuple((each * number, channel) for each, channel in seen.all_columns(channels)))
