"""Follows an ONNX graph of one step from the state to the new state, or refuses it (see `graphs`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS, Activation, Alive, Clips
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import quoted
from ncaengine.formats.importers.onnx_constants import folded, setting
from ncaengine.formats.importers.onnx_perception import Columns, Seen, perceived
from ncaengine.formats.limits import too_large
from ncaengine.formats.onnx import Graph, Node

ACTIVATIONS: dict[str, Activation] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
SAME = ("Identity", "Cast", "Dropout", "Transpose", "Contiguous")
"""Operations that leave values as they are; channels may come first or last."""
COMPARED = {"Greater": 1, "GreaterOrEqual": 1, "Less": -1, "LessOrEqual": -1}
MEANINGS = {
    "sum1": "the hidden units", "hidden": "the hidden units", "update": "the update", "state": "the new state",
    "random": "random numbers", "mask": "the mask of firing cells", "opacity": "the opacity",
    "life": "the mask of living cells", "outside": "another input",
}  # fmt: skip
"""What each kind of Stage is, for messages."""
PLAIN_GEMM = {"alpha": 1, "beta": 1, "transA": 0}
"""Attributes of a matrix product that only multiplies and adds."""
MAX_CHANNELS = 256
NO_RATE = "which cells fire is an input of the graph; half of them are assumed"


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
    """Follows a graph from the state to the new state.

    Raises NCAError if it has an operation that is not understood.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.known = graph, dict(graph.constants)
        inputs = [name for name in graph.inputs if name not in self.known]
        if not inputs:
            raise NCAError("its graph has no input.")
        self.values: dict[str, Any] = dict.fromkeys(inputs, Stage("outside")) | {inputs[0]: Seen()}
        self.layers: list[tuple[F32, F32 | None]] = []
        self.columns: Columns = ()
        self.padding = ""
        self.activation: Activation = "linear"
        self.rate: float | None = 1.0
        """The share of cells that fire; None if an input of the graph says it."""
        self.alive: Alive | None = None
        self.clips = Clips()
        self.left = MAX_NUMBERS
        """How many more numbers of the graph's own may be computed."""
        for node in graph.nodes:
            self._compute(node)
        self.single, self.channels = self._layers_of_single_cells()
        for node in graph.nodes:
            self._follow(node)

    def _compute(self, node: Node) -> None:
        """Keep what an operation on mere numbers gives; what depends on the state's size stays unknown."""
        result = folded(node, [self.known.get(name) for name in node.inputs if name])
        if node.outputs and result is not None:
            self.left -= result.size
            if self.left < 0:
                raise too_large()
            self.known.setdefault(node.outputs[0], result)

    def _layers_of_single_cells(self) -> tuple[int, int]:
        """Return how many there are, one or two, and the outputs of the last. One may follow a wide convolution."""
        found = [layer for node in self.graph.nodes if (layer := self._layer(node)) is not None]
        wide = [self.known.get(name) for node in self.graph.nodes if node.op == "Conv" for name in node.inputs[1:2]]
        one = len(found) == 1 and any(w is not None and w.shape[:2] == found[0].shape[::-1] for w in wide)
        if len(found) != 2 and not one:
            raise NCAError(f"its graph has {len(found)} layers of single cells; ncaengine runs automata of two.")
        if len(found[-1]) > MAX_CHANNELS:
            raise NCAError(f"has {len(found[-1])} channels; ncaengine runs at most {MAX_CHANNELS}.")
        return len(found), len(found[-1])

    def _layer(self, node: Node) -> F32 | None:
        """Return the weights of a layer of single cells, (outputs, inputs), or None if a node is not one."""
        at = next((self.known[name] for name in node.inputs[1:2] if name in self.known), None)
        if at is None or node.op not in ("Conv", "MatMul", "Gemm"):
            return None
        if node.op == "Conv" and at.ndim == 4 and at.shape[2:] == (1, 1) and node.attributes.get("group", 1) == 1:
            return at.reshape(at.shape[:2])
        if node.op == "Conv" or at.ndim != 2:
            return None
        if any(node.attributes.get(name, usual) != usual for name, usual in PLAIN_GEMM.items()):
            return None
        return at if node.op == "Gemm" and node.attributes.get("transB") else at.T

    def _follow(self, node: Node) -> None:
        values = [self.values.get(name, self.known.get(name)) for name in node.inputs]
        if not node.outputs or node.outputs[0] in self.known:
            return
        if node.op in ("RandomUniform", "RandomUniformLike") and not node.attributes.get("low"):
            self.values[node.outputs[0]] = Stage("random", 0.0)
        elif node.op == "Bernoulli":
            self.values[node.outputs[0]] = Stage("mask")
        elif node.op != "Shape" and any(isinstance(value, (Seen, Stage)) for value in values):
            result = self._result(node, values)
            if result is None:
                shown = " and ".join(map(_described, values[:3]))
                raise NCAError(f"its graph has the operation {quoted(node.op)} of {shown}, which is not understood.")
            self.values[node.outputs[0]] = result

    def _result(self, node: Node, values: list[Any]) -> Any:
        """Return what an operation on the state or on what follows it gives; None if it is not understood."""
        first = next(value for value in values if isinstance(value, (Seen, Stage)))
        layer = self._layer(node)
        if layer is not None:
            return self._dense(layer, values[2] if len(values) > 2 else None, first)
        if node.op in SAME:
            return first
        if isinstance(first, Seen):
            return self._of_the_state(node, first, values)
        if first.kind in ("state", "outside") and node.op == "Slice":
            return _opacity(node, values, "after" if first.kind == "state" else "before")
        if node.op in ("Clip", "Min", "Max"):
            return self._clip(node, first, values)
        return self._staged(node, first, values)

    def _of_the_state(self, node: Node, seen: Seen, values: list[Any]) -> Any:
        """Return what an operation makes of the state or of what is seen of it."""
        if node.op == "Slice" and seen.bare and (opacity := _opacity(node, values, "before")):
            return opacity
        if node.op in ACTIVATIONS and self.single == 1 and not self.layers and seen.columns:
            hidden = self._dense(*seen.as_layer(self.channels), replace(seen, mix=None, bias=None))
            self.activation = ACTIVATIONS[node.op]
            return hidden and Stage("hidden")
        return perceived(node, values, self.channels) or self._joined(node.op, values)

    def _dense(self, layer: F32, bias: Any, value: Seen | Stage) -> Stage | None:
        """Take over a layer, which follows the perception or the hidden units."""
        if isinstance(value, Seen):
            if value.apart or value.stack or value.wrapping or self.layers:
                return None
            self.columns, self.padding = value.all_columns(self.channels), value.padding
            count = len(self.columns if value.mix is None else value.mix)
            if layer.shape[1] != count:
                raise NCAError(f"its first layer has {layer.shape[1]} inputs, and a cell perceives {count} values.")
            with np.errstate(all="ignore"):  # Model refuses what is not finite
                if value.bias is not None:
                    bias = layer @ value.bias + (0 if bias is None else bias)
                self.layers.append((layer if value.mix is None else layer @ value.mix, bias))
            return Stage("sum1")
        if value.kind not in ("sum1", "hidden") or len(self.layers) != 1:
            return None
        self.layers.append((layer, bias))
        return Stage("update")

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
        if node.op == "Div" and number and values[0] is first:
            return self._scaled("Div", first, number)
        if node.op in ("Add", "Mul", "And") and len(values) == 2:
            return self._joined(node.op, values) if number is None else self._scaled(node.op, first, number)
        return None

    def _scaled(self, op: str, value: Stage, number: float) -> Stage | None:
        if value.kind != "update" or op not in ("Mul", "Div"):
            return None
        factor = np.float32(number if op == "Mul" else 1 / number)
        w, b = self.layers[-1]
        self.layers[-1] = w * factor, None if b is None else b * factor
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
        plain = any(isinstance(value, Seen) and value.bare and not value.padding for value in values)
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

    def _clip(self, node: Node, value: Any, values: list[Any]) -> Any:
        bounds = [float(v.flat[0]) if isinstance(v, np.ndarray) and v.size == 1 else None for v in (*values, None)[1:3]]
        bounds = [node.attributes.get(name, bound) for name, bound in zip(("min", "max"), bounds, strict=True)]
        stages = {"hidden": "hidden", "update": "update", "state": "state"}
        if node.op != "Clip" or None in bounds or not isinstance(value, Stage) or value.kind not in stages:
            return None
        self.clips = msgspec.structs.replace(self.clips, **{stages[value.kind]: tuple(bounds)})
        return value


def _opacity(node: Node, values: list[Any], when: Literal["before", "after"]) -> Stage | None:
    """Return a slice of one channel, which comes second or last; None if a slice is something else."""
    starts, ends, axes = (
        setting(node, values, name, place) for name, place in (("starts", 1), ("ends", 2), ("axes", 3))
    )
    if len(starts) != 1 or ends != [starts[0] + 1] or starts[0] < 0 or len(axes) != 1:
        return None
    known = axes[0] in (1, -3) or (axes[0] in (3, -1) and starts[0] > 0)
    return Stage("opacity", channel=starts[0], when=when) if known else None


def _described(value: Any) -> str:
    """Return what a value of the graph is, for a message."""
    if isinstance(value, Stage):
        return MEANINGS[value.kind]
    if isinstance(value, Seen):
        return "the state" if value.bare else "the perception"
    return "numbers" if isinstance(value, np.ndarray) else "a size"
