"""The perception in an ONNX graph: what each value is that a cell sees, as a sum of filters of channels.

Each value knows the order of its axes, one letter for each: b of pictures, c of channels, h of rows, w of columns, and
f of filters in a stack. So what turns or stacks values is followed exactly.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_INPUTS, MAX_NUMBERS
from ncaengine.formats.importers.filters import KNOWN, split_dense
from ncaengine.formats.importers.onnx_constants import integers, setting, whole
from ncaengine.formats.limits import too_large
from ncaengine.formats.onnx import Graph, Node
from ncaengine.formats.pickle.tensors import Array

PADDINGS: dict[str, Literal["zero", "circular", "replicate"]] = {
    "constant": "zero", "wrap": "circular", "edge": "replicate",
}  # fmt: skip
PICTURES = ("bchw", "bcwh")
"""Axes of what a convolution takes; in the second, rows and columns have changed places, and so must the filters'."""
FURTHEST = 2**31 - 1
"""From here on, the end of a slice is the last cell."""

Columns = tuple[tuple[Array, int], ...]
"""Filters, each with the channel that it filters."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The state, or what a cell perceives of it."""

    axes: str
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
    """How the state was continued beyond its edges, once it is filtered."""
    around: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """By axis, how the state is continued before it is filtered, and by how many cells at each end."""
    edge: tuple[str, int] | None = None
    """The axis along which a slice took the first cells, and how many; as a negative number, the last ones."""
    stack: tuple[Columns, ...] = ()
    """The parts of a stack, while they lie along an axis of their own."""

    @property
    def unfiltered(self) -> bool:
        """Whether it is the state itself, perhaps continued beyond its edges or with its channels apart."""
        return not (self.columns or self.alone or self.edge or self.stack)

    @property
    def bare(self) -> bool:
        """Whether it is the state itself."""
        return self.unfiltered and not (self.apart or self.around)

    def all_columns(self, channels: int) -> Columns:
        """Return the columns; for the state itself, the identity of each channel."""
        return self.columns or tuple((KNOWN["identity"], channel) for channel in range(channels))

    def as_layer(self, channels: int) -> tuple[Array, Array]:
        """Return `mix` and `bias`, whether they are there or not."""
        _check_count(len(self.all_columns(channels)))
        mix = np.eye(len(self.all_columns(channels)), dtype=np.float32) if self.mix is None else self.mix
        return mix, np.zeros(len(mix), np.float32) if self.bias is None else self.bias


def turned(node: Node, axes: str) -> str:
    """Return the order of axes behind a Transpose; '' if it has another number of them."""
    order = whole(node, "perm") or list(range(len(axes)))[::-1]
    return "".join(axes[place] for place in order) if sorted(order) == list(range(len(axes))) else ""


def sliced(node: Node, values: Sequence[Any], axes: str) -> tuple[str, int, int] | None:
    """Return the axis, the start and the end of a slice along one axis; None for any other."""
    starts, ends, along, steps = (
        setting(node, values, name, place) for place, name in enumerate(("starts", "ends", "axes", "steps"), 1)
    )
    if not len(starts) == len(ends) == len(along) == 1 or steps not in ([], [1]):
        return None
    return (axes[along[0]], starts[0], ends[0]) if -len(axes) <= along[0] < len(axes) else None


def input_axes(graph: Graph, name: str) -> str:
    """Return the axes of an input: channels come second, or last if the first convolution would not find them else."""
    axes = {name: "bchw"}
    for node in graph.nodes:
        given = next((axes[each] for each in node.inputs if each in axes), "")
        if given and node.op == "Conv":
            return "bchw" if given[1:2] == "c" else "bhwc"
        if given:
            axes.update(dict.fromkeys(node.outputs, (node.op == "Transpose" and turned(node, given)) or given))
    return "bchw"


def _check_count(count: int) -> None:
    """Raise NCAError if a cell perceives too many values. Parts of a graph may double each other's."""
    if count > MAX_INPUTS:
        raise NCAError(f"its graph lets a cell perceive {count} values; ncaengine runs {MAX_INPUTS}.")


def perceived(node: Node, values: Sequence[Any], channels: int) -> Seen | None:
    """Return what an operation makes of something seen; None if it is not understood."""
    seen = next(value for value in values if isinstance(value, Seen))
    match node.op:
        case "Transpose":
            axes = turned(node, seen.axes)
            return replace(seen, axes=axes) if axes else None
        case "Reshape":
            return _reshaped(seen, values, channels)
        case "Unsqueeze":
            return _unsqueezed(seen, setting(node, values, "axes", 1), channels)
        case "Pad":
            return _padded(node, seen, values)
        case "Conv":
            return _convolved(node, seen, values, channels)
        case "Slice":
            return _edge(seen, sliced(node, values, seen.axes))
        case "Concat":
            return _concatenated(node, values, channels)
        case "Mul" | "Div":
            return _scaled(node.op, seen, values, channels)
    return None


def _reshaped(seen: Seen, values: Sequence[Any], channels: int) -> Seen | None:
    """Take the channels apart, put them together again, or lay what is stacked behind each other."""
    columns, axes = list[tuple[Array, int]](), seen.axes.replace("f", "")
    parts: Iterable[Columns]
    if seen.stack:
        if "fc" not in seen.axes and "cf" not in seen.axes:
            return None
        parts = seen.stack if "fc" in seen.axes else zip(*seen.stack, strict=True)
        columns = [column for part in parts for column in part]
    elif (not seen.unfiltered and not seen.alone) or axes not in PICTURES:
        return None
    elif seen.apart:
        columns = [(each, channel) for channel in range(channels) for each in seen.alone]
    count = 1 if not seen.stack and not seen.apart else len(columns) or channels
    shape = integers(values[1]) if len(values) > 1 else None  # None if it depends on the picture's size
    if shape is not None and (len(shape) != len(axes) or shape[axes.index("c")] not in (-1, count)):
        return None
    if not (seen.stack or seen.apart):
        return replace(seen, apart=True)
    return Seen(axes, tuple(columns), padding=seen.padding, around=seen.around)


def _unsqueezed(seen: Seen, places: list[int], channels: int) -> Seen | None:
    plain = seen.mix is None and seen.bias is None and (seen.columns or seen.bare) and not seen.stack
    size = len(seen.axes) + 1
    if not plain or len(places) != 1 or not -size <= places[0] < size:
        return None
    at = places[0] % size
    axes = f"{seen.axes[:at]}f{seen.axes[at:]}"
    return Seen(axes, padding=seen.padding, stack=(seen.all_columns(channels),))


def _padded(node: Node, seen: Seen, values: Sequence[Any]) -> Seen | None:
    """Continue the state by as many cells at each of its four edges."""
    mode, pads = PADDINGS.get(str(node.attributes.get("mode", "constant"))), setting(node, values, "pads", 1)
    along, (_, _, fill, places) = seen.axes, (*values, None, None, None)[:4]
    given = [bool(name) for name in (*node.inputs, "", "")[:4]]
    if given[3]:
        along = "".join(seen.axes[place] for place in integers(places) or [] if -4 <= place < 4)
    if mode is None or not seen.unfiltered or seen.around or len(pads) != 2 * len(along):
        return None
    filled = given[2] and (not isinstance(fill, np.ndarray) or fill.any())
    if mode == "zero" and (filled or node.attributes.get("value")):
        return None
    cells = {letter: {pads[place], pads[place + len(along)]} for place, letter in enumerate(along)}
    beyond = cells.get("h", {0})
    if beyond != cells.get("w") or len(beyond) > 1 or any(cells.get(letter, {0}) != {0} for letter in "bc"):
        return None
    [count] = beyond
    return replace(seen, around=dict.fromkeys("hw", (str(mode), count)))


def _continued(node: Node, seen: Seen, side: int) -> str:
    """Return how the state is continued for a convolution; '' if the picture's size changes or its edges differ."""
    pads, same = {*whole(node, "pads")} or {0}, str(node.attributes.get("auto_pad")).startswith("SAME")
    if not seen.around:
        return "zero" if same or pads == {side // 2} else ""
    [(mode, cells), *others] = {*seen.around.values()}
    fits = not others and seen.around.keys() == {*"hw"} and cells == side // 2 and pads == {0} and not same
    return mode if fits else ""


def _convolved(node: Node, seen: Seen, values: Sequence[Any], channels: int) -> Seen | None:
    filters, bias = values[1] if len(values) > 1 else None, values[2] if len(values) > 2 else None
    if not isinstance(filters, np.ndarray) or filters.ndim != 4 or not seen.unfiltered or seen.axes not in PICTURES:
        return None
    side, group = filters.shape[-1], node.attributes.get("group", 1)
    padding, steps = _continued(node, seen, side), {*whole(node, "strides"), *whole(node, "dilations")}
    if filters.shape[2] != side or not padding or not steps <= {1} or side % 2 == 0:
        return None
    biased = len(node.inputs) > 2 and node.inputs[2]
    if biased and (not isinstance(bias, np.ndarray) or bias.shape != filters.shape[:1] or seen.apart):
        return None
    if seen.axes == PICTURES[1]:
        filters = filters.swapaxes(2, 3)
    if seen.apart:
        single = group == 1 and filters.shape[1] == 1
        return replace(seen, alone=tuple(filters[:, 0]), padding=padding, around={}) if single else None
    if group == 1 and filters.shape[1] == channels:
        mix, columns = split_dense(filters)
        return Seen(seen.axes, columns, mix, bias, padding=padding)
    if group != channels or filters.shape[1] != 1 or len(filters) % group:
        return None
    each = len(filters) // group
    columns = tuple((one[0], o // each) for o, one in enumerate(filters))
    return Seen(seen.axes, columns, bias=bias, padding=padding)


def _edge(seen: Seen, taken: tuple[str, int, int] | None) -> Seen | None:
    """Take cells at an edge of the state, to wrap it around."""
    if taken is None or not seen.unfiltered or taken[0] not in "hw":
        return None
    axis, start, end = taken
    cells = start if start < 0 and end >= FURTHEST else end if start == 0 and 0 < end < FURTHEST else 0
    return replace(seen, edge=(axis, cells)) if cells else None


def _wrapped(values: Sequence[Any], letter: str) -> Seen | None:
    """Return the state between its last and its first cells along an axis, which so wraps around."""
    if len(values) != 3 or values[1].edge or not (values[0].edge and values[2].edge) or not values[1].unfiltered:
        return None
    seen, cells = values[1], values[2].edge[1]
    alike = all((v.axes, v.apart, dict(v.around)) == (seen.axes, seen.apart, dict(seen.around)) for v in values)
    if not alike or letter in seen.around or cells < 0:
        return None
    ends = [value.edge for value in (values[0], values[2])] == [(letter, -cells), (letter, cells)]
    return replace(seen, around={**seen.around, letter: ("circular", cells)}) if ends else None


def _concatenated(node: Node, values: Sequence[Any], channels: int) -> Seen | None:
    axis = node.attributes.get("axis", 0)
    if not all(isinstance(value, Seen) for value in values) or len({value.axes for value in values}) > 1:
        return None
    axes = values[0].axes
    letter = axes[axis] if isinstance(axis, int) and -len(axes) <= axis < len(axes) else ""
    if any(value.edge for value in values):
        return _wrapped(values, letter)
    paddings = {value.padding for value in values if value.padding}
    if any(value.apart or value.around for value in values) or len(paddings) != 1:
        return None
    _check_count(sum(len(part) for value in values for part in value.stack or (value.all_columns(channels),)))
    if "f" in axes:
        stack = tuple(part for value in values for part in value.stack)
        same = letter == "f" and len({*map(len, stack)}) == 1
        return Seen(axes, padding=paddings.pop(), stack=stack) if same else None
    if letter != "c":
        return None
    columns = tuple(column for value in values for column in value.all_columns(channels))
    if all(value.mix is None and value.bias is None for value in values):
        return Seen(axes, columns, padding=paddings.pop())
    layers = [value.as_layer(channels) for value in values]
    size = sum(len(mix) for mix, _ in layers), len(columns)
    if math.prod(size) > MAX_NUMBERS:
        raise too_large()
    mix = np.zeros(size, np.float32)
    row = column = 0
    for part, _ in layers:
        mix[row : row + len(part), column : column + part.shape[1]] = part
        row, column = row + len(part), column + part.shape[1]
    return Seen(axes, columns, mix, np.concatenate([bias for _, bias in layers]), padding=paddings.pop())


def _scaled(op: str, seen: Seen, values: Sequence[Any], channels: int) -> Seen | None:
    """Multiply, or divide, what is seen by a number."""
    factor = next((value for value in values if isinstance(value, np.ndarray)), None)
    alone = (seen.columns or seen.bare) and seen.mix is None and seen.bias is None
    if factor is None or factor.size != 1 or not alone or not factor.any() or (op == "Div" and values[0] is factor):
        return None
    number = float(factor.flat[0]) if op == "Mul" else 1 / float(factor.flat[0])
    return replace(seen, columns=tuple((each * number, channel) for each, channel in seen.all_columns(channels)))
