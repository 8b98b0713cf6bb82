"""Follows an ONNX graph of one step from the state to the new state, or refuses it (see `graphs`)."""

from dataclasses import replace
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import quoted
from ncaengine.formats.importers.onnx_constants import folded, whole
from ncaengine.formats.importers.onnx_perception import Seen, input_axes, perceived, sliced
from ncaengine.formats.importers.onnx_random import DRAWN, Draws
from ncaengine.formats.importers.onnx_stages import ACTIVATIONS, Net, Stage, followed, opacity_of, transposed
from ncaengine.formats.limits import too_large
from ncaengine.formats.onnx import Graph, Node

SAME = ("Identity", "Cast", "Dropout")
"""Operations that leave values as they are."""
FLOATS = (1, 10, 11, 16)
"""The format's numbers of types with fractions."""
MEANINGS = {
    "sum1": "the hidden units", "hidden": "the hidden units", "update": "the update", "state": "the new state",
    "random": "random numbers", "mask": "the mask of firing cells", "opacity": "the opacity",
    "life": "the mask of living cells", "outside": "another input",
}  # fmt: skip
"""What each kind of Stage is, for messages."""
PLAIN_GEMM = {"alpha": 1, "beta": 1, "transA": 0}
"""Attributes of a matrix product that only multiplies and adds."""
MAX_CHANNELS = 256


class Reader:
    """Follows a graph from the state to the new state.

    Raises NCAError if it has an operation that is not understood.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.known = graph, dict(graph.constants)
        inputs = [name for name in graph.inputs if name not in self.known]
        if not inputs:
            raise NCAError("its graph has no input.")
        others = {name: Stage("outside", sizes=graph.sizes.get(name), name=name) for name in inputs[1:]}
        self.values: dict[str, Any] = {**others, inputs[0]: Seen(input_axes(graph, inputs[0]))}
        self.left = MAX_NUMBERS
        """How many more numbers of the graph's own may be computed."""
        for node in graph.nodes:
            self._compute(node)
        self.single, self.channels = self._layers_of_single_cells()
        self._draws = Draws(self.channels)
        with np.errstate(all="ignore"):  # Model refuses what is not finite
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
        self._draws.follow(node, values)
        drawn = node.op in DRAWN
        if drawn or (node.op != "Shape" and any(isinstance(value, (Seen, Stage)) for value in values)):
            result = self._draws.drawn(node, values) if drawn else self._result(node, values)
            if result is None:
                shown = " and ".join(map(_described, values[:3]))
                raise NCAError(f"its graph has the operation {quoted(node.op)} of {shown}, which is not understood.")
            self.values[node.outputs[0]] = result

    def _result(self, node: Node, values: list[Any]) -> Any:
        """Return what an operation on the state or on what follows it gives; None if it is not understood."""
        first = next(value for value in values if isinstance(value, (Seen, Stage)))
        layer = self._layer(node)
        if layer is not None:
            return self._dense(node, layer, values)
        if node.op in SAME:
            return first if values[0] is first and _leaves(node, first, values) else None
        if node.op == "Slice" and not (isinstance(first, Stage) and first.kind != "state"):
            opacity = opacity_of(first, sliced(node, values, first.axes))
            if opacity or isinstance(first, Stage):
                return opacity
        if isinstance(first, Seen):
            return self._of_the_state(node, first, values)
        return transposed(node, first) if node.op == "Transpose" else followed(node, first, values, self.channels)

    def _of_the_state(self, node: Node, seen: Seen, values: list[Any]) -> Any:
        """Return what an operation makes of the state or of what is seen of it."""
        if node.op in ACTIVATIONS and self.single == 1 and seen.columns:
            columns, (layer, bias) = seen.all_columns(self.channels), seen.as_layer(self.channels)
            return Stage("hidden", seen.axes, Net(columns, seen.padding, ((layer, bias),), ACTIVATIONS[node.op]))
        update = next((v for v in values if isinstance(v, Stage)), None)
        return followed(node, update, values, self.channels) if update else perceived(node, values, self.channels)

    def _dense(self, node: Node, layer: F32, values: list[Any]) -> Stage | None:
        """Take over a layer, which follows the perception or the hidden units."""
        value, bias = values[0], values[2] if len(values) > 2 else None
        if not isinstance(value, (Seen, Stage)) or len(value.axes) != len("bchw"):
            return None
        if value.axes[1 if node.op == "Conv" else -1] != "c":
            return None
        moved = any(whole(node, "pads")) or not {*whole(node, "strides")} <= {1}
        biased = len(node.inputs) > 2 and node.inputs[2]
        if moved or (biased and (not isinstance(bias, np.ndarray) or bias.shape != layer.shape[:1])):
            return None
        if isinstance(value, Stage):
            if value.kind not in ("sum1", "hidden") or value.net is None or len(value.net.layers) != 1:
                return None
            return Stage("update", value.axes, replace(value.net, layers=(*value.net.layers, (layer, bias))))
        if value.apart or value.stack or value.edge or value.around:
            return None
        columns = value.all_columns(self.channels)
        count = len(columns if value.mix is None else value.mix)
        if layer.shape[1] != count:
            raise NCAError(f"its first layer has {layer.shape[1]} inputs, and a cell perceives {count} values.")
        if value.bias is not None:
            bias = layer @ value.bias + (0 if bias is None else bias)
        first = layer if value.mix is None else layer @ value.mix
        return Stage("sum1", value.axes, Net(columns, value.padding, ((first, bias),)))


def _leaves(node: Node, value: Seen | Stage, values: list[Any]) -> bool:
    """Return whether an operation leaves a value as it is."""
    if node.op == "Cast":
        return node.attributes.get("to") in FLOATS or (isinstance(value, Stage) and value.kind in ("mask", "life"))
    trains = values[2] if len(values) > 2 else None  # a Dropout that draws
    return len(node.inputs) < 3 or not node.inputs[2] or (isinstance(trains, np.ndarray) and not trains.any())


def _described(value: Any) -> str:
    """Return what a value of the graph is, for a message."""
    if isinstance(value, Stage):
        return MEANINGS[value.kind]
    if isinstance(value, Seen):
        return "the state" if value.unfiltered or value.edge else "the perception"
    return "numbers" if isinstance(value, np.ndarray) else "an unknown value"
