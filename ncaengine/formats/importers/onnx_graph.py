"""Follows an ONNX graph of one step from the state to the new state, or refuses it (see `graphs`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Activation, Alive, Clips
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import quoted
from ncaengine.formats.onnx import Graph, Node
from ncaengine.formats.pickle.tensors import Array

PADDINGS: dict[str, Literal["zero", "circular", "replicate"]] = {
    "constant": "zero", "wrap": "circular", "edge": "replicate",
}  # fmt: skip
ACTIVATIONS: dict[str, Activation] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
SAME = ("Identity", "Cast", "Dropout", "Transpose", "Contiguous")
"""Operations that leave values as they are; channels may come first or last."""
COMPARED = {"Greater": 1, "GreaterOrEqual": 1, "Less": -1, "LessOrEqual": -1}
SIZES = ("Shape", "Gather", "Unsqueeze", "Squeeze", "ConstantOfShape", "Range", "Expand", "Slice", "Concat", "Size")
"""Operations that only compute sizes if no state goes in."""
NO_RATE = "which cells fire is an input of the graph; half of them are assumed"
IDENTITY = np.pad(np.ones((1, 1), np.float32), 1)


@dataclass(frozen=True, eq=False)
class Seen:
    """The state, or what a cell perceives of it."""

    columns: tuple[tuple[Array, int], ...] = ()
    """Filter and channel of each value; empty for the state itself."""
    alone: tuple[Array, ...] = ()
    """Filters of each channel while the channels are apart, one picture each."""
    apart: bool = False
    padding: str = ""
    """How the state is continued beyond its edges, once it is."""
    wrapping: str = ""
    """The edge that a slice took: first or last."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A value behind the perception."""

    kind: Literal["sum1", "hidden", "update", "state", "random", "mask", "opacity", "life", "outside"]
    rate: float | None = None
    """mask: the share of cells that fire. random: what was added. outside: an input of the graph beside the state."""
    channel: int = 3
    when: Literal["before", "after", "both"] = "before"
    pooled: bool = False
    """Whether an opacity is the largest of the neighbours'."""
    masked: bool = False
    """Whether an update was masked."""


class Reader:
    """Follows a graph from the state to the new state."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.known = graph, dict(graph.constants)
        self.values: dict[str, Any] = {name: Stage("outside") for name in graph.inputs if name not in self.known}
        self.layers: list[tuple[F32, F32 | None]] = []
        self.columns: tuple[tuple[Array, int], ...] = ()
        self.padding = ""
        self.activation: Activation = "linear"
        self.rate: float | None = 1.0
        """The share of cells that fire; None if an input of the graph says it."""
        self.alive: Alive | None = None
        self.clips = Clips()
        self.channels = self._channels()
        inputs = [name for name in graph.inputs if name not in self.known]
        if not inputs:
            raise NCAError("its graph has no input.")
        self.values[inputs[0]] = Seen()
        for node in graph.nodes:
            self._follow(node)

    def _channels(self) -> int:
        """Return the outputs of the last of the two layers."""
        found = [layer for node in self.graph.nodes if (layer := self._layer(node)) is not None]
        if len(found) != 2:
            raise NCAError(f"its graph has {len(found)} layers of single cells; ncaengine runs automata of two.")
        return len(found[1])

    def _layer(self, node: Node) -> F32 | None:
        """Return the weights of a layer of single cells, (outputs, inputs), or None if a node is not one."""
        if node.op == "Constant" and node.outputs and isinstance(value := node.attributes.get("value"), np.ndarray):
            self.known[node.outputs[0]] = value
        at = next((self.known[name] for name in node.inputs[1:2] if name in self.known), None)
        if at is None or node.op not in ("Conv", "MatMul", "Gemm"):
            return None
        if node.op == "Conv" and at.ndim == 4 and at.shape[2:] == (1, 1) and node.attributes.get("group", 1) == 1:
            return at.reshape(at.shape[:2])
        if node.op == "Conv" or at.ndim != 2:
            return None
        return at if node.op == "Gemm" and node.attributes.get("transB") else at.T

    def _follow(self, node: Node) -> None:
        if not node.outputs or node.op == "Constant":
            self.known |= {o: v for o, v in _numbers_of(node) if o not in self.known}
            return
        values = [self.values.get(name, self.known.get(name)) for name in node.inputs]
        if node.op in ("RandomUniform", "RandomUniformLike") and not node.attributes.get("low"):
            self.values[node.outputs[0]] = Stage("random", 0.0)
        elif node.op == "Bernoulli":
            self.values[node.outputs[0]] = Stage("mask")
        elif all(not isinstance(value, (Seen, Stage)) for value in values):
            self._compute(node, values)
        elif node.op == "Shape":
            return  # of the state: a size, which nothing here needs
        else:
            result = self._result(node, values)
            if result is None:
                shown = ", ".join(type(v).__name__ if not isinstance(v, Stage) else v.kind for v in values[:3])
                raise NCAError(
                    f"its graph has the operation {quoted(node.op)} where it is not understood (of {shown})."
                )
            self.values[node.outputs[0]] = result

    def _compute(self, node: Node, values: list[Any]) -> None:
        """Keep numbers that only change their form; what depends on sizes stays unknown."""
        first = values[0] if values else None
        if node.op in ("Identity", "Cast", "Unsqueeze", "Squeeze") and isinstance(first, np.ndarray):
            self.known[node.outputs[0]] = first

    def _result(self, node: Node, values: list[Any]) -> Any:
        """Return what an operation on the state or on what follows it gives; None if it is not understood."""
        first = next(value for value in values if isinstance(value, (Seen, Stage)))
        layer = self._layer(node)
        if layer is not None and node.op != "Conv" and isinstance(first, (Seen, Stage)):
            bias = values[2] if len(values) > 2 else None
            return self._dense(layer, bias, first)
        if node.op in SAME:
            return first
        if layer is not None:
            return self._dense(layer, values[2] if len(values) > 2 else None, first)
        if isinstance(first, Seen) and node.op in ("Reshape", "Pad", "Conv", "Slice", "Concat", "Unsqueeze"):
            return self._perceive(node, values)
        if isinstance(first, Stage) and first.kind in ("state", "outside") and node.op == "Slice":
            return self._opacity(node, values, "after" if first.kind == "state" else "before")
        if node.op in ("Clip", "Min", "Max"):
            return self._clip(node, first, values)
        if isinstance(first, Stage):
            return self._staged(node, first, values)
        return self._joined(node.op, values) if node.op in ("Add", "Mul") else None

    def _dense(self, layer: F32, bias: Any, value: Any) -> Stage | None:
        if isinstance(value, Seen) and not value.apart and not self.layers:
            self.columns = value.columns or tuple((IDENTITY, channel) for channel in range(self.channels))
            self.padding = value.padding
            kind: Literal["sum1", "update"] = "sum1"
        elif isinstance(value, Stage) and value.kind in ("sum1", "hidden") and len(self.layers) == 1:
            kind = "update"
        else:
            return None
        self.layers.append((layer, bias))
        return Stage(kind)

    # Perception

    def _perceive(self, node: Node, values: list[Any]) -> Any:
        seen = next(value for value in values if isinstance(value, Seen))
        match node.op:
            case "Reshape":
                if not seen.apart:
                    return replace(seen, apart=True) if not seen.columns else None
                every = tuple((f, channel) for channel in range(self.channels) for f in seen.alone)
                return Seen(every, padding=seen.padding)
            case "Pad":
                mode = PADDINGS.get(node.attributes.get("mode", "constant"))
                return replace(seen, padding=mode) if mode and not seen.padding and not seen.columns else None
            case "Conv":
                return self._convolved(node, seen, values)
            case "Slice":
                return self._sliced(node, seen, values)
            case "Concat":
                return self._concatenated(node, values)
        return None

    def _convolved(self, node: Node, seen: Seen, values: list[Any]) -> Seen | None:
        filters, pads = values[1] if len(values) > 1 else None, node.attributes.get("pads") or [0]
        if not isinstance(filters, np.ndarray) or filters.ndim != 4 or seen.columns or seen.alone or len(values) > 2:
            return None
        side, group = filters.shape[-1], node.attributes.get("group", 1)
        padding = seen.padding or ("zero" if set(pads) == {side // 2} else "")
        steps = {*(node.attributes.get("strides") or [1]), *(node.attributes.get("dilations") or [1])}
        if filters.shape[1] != 1 or filters.shape[2] != side or not padding or steps != {1} or side % 2 == 0:
            return None
        if seen.apart and group == 1:
            return replace(seen, alone=tuple(filters[:, 0]), padding=padding)
        if seen.apart or group != self.channels or len(filters) % group:
            return None
        each = len(filters) // group
        return Seen(tuple((filters[o, 0], o // each) for o in range(len(filters))), padding=padding)

    def _sliced(self, node: Node, seen: Seen, values: list[Any]) -> Any:
        starts, ends, axes = (_ints(v) for v in (*values[1:4], None, None, None)[:3])
        if starts is None or axes is None or ends is None or len(starts) != 1 or seen.columns:
            return None
        if axes[0] in (1, -3) or (ends[0] - starts[0] == 1 and axes[0] in (3, -1) and starts[0] > 0):
            return self._opacity(node, values, "before")
        return replace(seen, wrapping="last" if starts[0] == -1 else "first" if (starts[0], ends[0]) == (0, 1) else "?")

    def _concatenated(self, node: Node, values: list[Any]) -> Seen | None:
        if not all(isinstance(value, Seen) for value in values):
            return None
        if any(value.wrapping for value in values):
            circular = [value.wrapping for value in values] == ["last", "", "first"]
            return replace(values[1], padding="circular") if circular else None
        if any(value.apart or value.alone for value in values) or node.attributes.get("axis") not in (1, 3, -1, -3):
            return None
        paddings = {value.padding for value in values if value.padding}
        columns: list[tuple[Array, int]] = []
        for value in values:
            columns += value.columns or ((IDENTITY, channel) for channel in range(self.channels))
        return Seen(tuple(columns), padding=paddings.pop()) if len(paddings) == 1 else None

    # Behind it

    def _staged(self, node: Node, first: Stage, values: list[Any]) -> Any:
        other = next((v for v in values if v is not first), None)
        number = float(other.flat[0]) if isinstance(other, np.ndarray) and other.size == 1 else None
        if first.kind == "sum1" and node.op in ACTIVATIONS:
            self.activation = ACTIVATIONS[node.op]
            return Stage("hidden")
        if first.kind in ("sum1", "update") and node.op == "Add" and isinstance(other, np.ndarray) and other.ndim == 1:
            weights, bias = self.layers[-1]
            self.layers[-1] = weights, other if bias is None else bias + other
            return first if len(other) == len(weights) else None
        if first.kind == "random":
            return self._drawn(node, first, number, values[0] is first)
        if first.kind == "mask" and node.op == "Not":
            return replace(first, rate=None if first.rate is None else 1 - first.rate)
        if first.kind == "opacity" and node.op == "MaxPool":
            sizes = node.attributes.get("kernel_shape")
            return (
                replace(first, pooled=True)
                if sizes == [3, 3] and node.attributes.get("strides", [1, 1]) == [1, 1]
                else None
            )
        if first.kind == "opacity" and node.op in ("Greater", "GreaterOrEqual") and first.pooled and number is not None:
            self.alive = Alive(first.channel, number, first.when)
            return replace(first, kind="life")
        if node.op == "Where" and len(values) == 3 and isinstance(values[2], np.ndarray) and not values[2].any():
            if isinstance(values[1], np.ndarray):
                return first if (values[1] == 1).all() else None
            return self._joined("Mul", values[:2])
        if node.op in ("Add", "Mul", "And") and len(values) == 2:
            return self._joined(node.op, values) if number is None else self._scaled(node.op, first, number)
        return None

    def _scaled(self, op: str, value: Stage, number: float) -> Stage | None:
        if value.kind != "update" or op != "Mul":
            return None
        (w, b) = self.layers[-1]
        self.layers[-1] = w * np.float32(number), None if b is None else b * np.float32(number)
        return value

    def _drawn(self, node: Node, value: Stage, number: float | None, left: bool) -> Stage | None:
        if node.op == "Add" and number is not None:
            return replace(value, rate=number)
        if node.op == "Floor" and value.rate:
            return replace(value, kind="mask")
        if node.op in COMPARED and number is not None and not value.rate:
            above = (COMPARED[node.op] == 1) == left
            return replace(value, kind="mask", rate=1 - number if above else number)
        return replace(value, kind="mask", rate=0.5) if node.op == "Round" and not value.rate else None

    def _joined(self, op: str, values: Sequence[Any]) -> Any:
        kinds = {value.kind: value for value in values if isinstance(value, Stage)}
        plain = any(isinstance(value, Seen) and not (value.columns or value.apart or value.padding) for value in values)
        if op == "Add" and plain and "update" in kinds:
            return Stage("state")
        if op == "Mul" and "update" in kinds and not kinds["update"].masked and ({"mask", "outside"} & kinds.keys()):
            self.rate = kinds["mask"].rate if "mask" in kinds else None
            return replace(kinds["update"], masked=True)
        if op == "Mul" and kinds.keys() == {"state", "life"}:
            assert self.alive is not None
            self.alive = msgspec.structs.replace(self.alive, when=kinds["life"].when)
            return kinds["state"]
        lives = [value for value in values if isinstance(value, Stage) and value.kind == "life"]
        if op in ("And", "Mul") and len(lives) == 2:
            return replace(lives[0], when="both" if lives[0].when != lives[1].when else lives[0].when)
        return None

    def _opacity(self, node: Node, values: list[Any], when: Literal["before", "after"]) -> Stage | None:
        starts, ends = (_ints(v) for v in (*values[1:3], None, None)[:2])
        if not starts or not ends:
            return None
        return Stage("opacity", channel=starts[0], when=when) if ends[0] == starts[0] + 1 and starts[0] >= 0 else None

    def _clip(self, node: Node, value: Any, values: list[Any]) -> Any:
        bounds = [float(v.flat[0]) if isinstance(v, np.ndarray) and v.size == 1 else None for v in (*values, None)[1:3]]
        bounds = [node.attributes.get(name, bound) for name, bound in zip(("min", "max"), bounds, strict=True)]
        stages = {"hidden": "hidden", "update": "update", "state": "state"}
        if node.op != "Clip" or None in bounds or not isinstance(value, Stage) or value.kind not in stages:
            return None
        self.clips = msgspec.structs.replace(self.clips, **{stages[value.kind]: tuple(bounds)})
        return value


def _numbers_of(node: Node) -> list[tuple[str, Array]]:
    found = [v for name, v in node.attributes.items() if name.startswith("value") and v is not None]
    return [(o, np.asarray(v)) for o in node.outputs for v in found[:1] if not isinstance(v, str)]


def _ints(value: Any) -> list[int] | None:
    return [int(n) for n in value.ravel()[:8]] if isinstance(value, np.ndarray) and value.dtype.kind in "iu" else None
