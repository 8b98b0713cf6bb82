"""Growing pictures that the Colab of Growing Neural Cellular Automata (Distill 2020) exports for TensorFlow.js.

Files: JSON of a graph-model, whose weights are constants of the graph, in base64: kernels (1, 1, inputs, outputs) and
biases. Licence: unknown; anybody may have trained them.
Read as: perception channel-major through identity, S/8 and its transpose; zeros beyond the edge; ReLU; half of the
cells fire; cells live next to opacity above 0.1, before and after a step. The graph is followed from the state to the
new state: a factor of the update, the fire rate and the opacity are its own, and what else differs is refused.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Alive, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import ASK, Decoded, Family, Hints, Makers, converted, make_each
from ncaengine.formats.importers.filters import KNOWN
from ncaengine.formats.importers.growing import CONFIG
from ncaengine.formats.importers.tf_graph import ADDS, LONGEST, Graph, TfNode

CONVENTION = dense.Convention(msgspec.structs.replace(CONFIG, padding="zero"), "channel", "eighths", sure="likely")
FILTERS = np.stack([KNOWN[name] for name in dense.STENCILS[3]])
WINDOW = {"strides": ["1"] * 4, "dilations": ["1"] * 4, "ksize": ["1", "3", "3", "1"]}
"""Numbers that a convolution or a pooling must have, if it says them."""
SAME, CHANNELS_LAST = ("SAME", "U0FNRQ=="), ("NHWC", "TkhXQw==")
"""Padding with zeros, and the order of the axes, as text or in base64."""
SHAPING = ("StridedSlice", "ExpandDims", "Tile", "Reshape")
"""Operations that repeat the filters for all channels."""
OPACITY = 3
"""Channel whose neighbourhood says which cells live."""
INPUTS = "the values of the graph's inputs; the Colab's are used: fire rate 0.5, step size 1, angle 0"


class Topology(msgspec.Struct, frozen=True):
    """The graph."""

    node: tuple[TfNode, ...]


class GraphModel(msgspec.Struct, frozen=True):
    """The whole file."""

    topology: Topology = msgspec.field(name="modelTopology")
    elsewhere: Any = msgspec.field(default=None, name="weightsManifest")
    """Files that hold the weights, in other graphs than the Colab's."""


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    data = decoded.data
    if decoded.form != "json" or not isinstance(data, dict) or not isinstance(data.get("modelTopology"), dict):
        return ""
    return "it is a graph-model of TensorFlow.js" if isinstance(data["modelTopology"].get("node"), list) else ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    held = converted(decoded.data, GraphModel, "a graph-model of TensorFlow.js")
    if held.elsewhere:
        raise NCAError(
            "keeps its weights in other files (weightsManifest); ncaengine reads graphs that hold their own."
        )
    graph = Graph(held.topology.node)

    def make(_: int, name: str) -> Model:
        first, second = _layers(graph)
        state = _perceived(graph, graph.source(first[0].first), len(second[1]))
        b1 = _between(graph, *first, second[0])
        net, added, rate = _updated(graph, state, first[1], b1, *second)
        config = msgspec.structs.replace(
            CONVENTION.config, fire_rate=rate, alive=Alive(OPACITY, _threshold(graph, state, added))
        )
        return dense.build_model(net, dataclasses.replace(CONVENTION, config=config), hints, name)

    return make_each([decoded.name], make)


Layer = tuple[TfNode, F32]
"""An operation with its weights, (outputs, inputs)."""


def _layers(graph: Graph) -> tuple[Layer, Layer]:
    """Return the two layers in the order of their use, by their shapes."""
    found = list[Layer]()
    for node in graph.nodes.values():
        kernel = graph.constant(node.inputs[1]) if node.op == "Conv2D" and len(node.inputs) == 2 else None
        if kernel is None:
            continue
        if kernel.ndim != 4 or kernel.shape[:2] != (1, 1):
            raise NCAError(
                f"its layer {node.name[:40]!r} has weights of shape {kernel.shape}; they must be (1, 1, n, m)."
            )
        _check_window(node)
        found.append((node, np.ascontiguousarray(kernel[0, 0].T)))
    if len(found) != 2:
        raise NCAError(f"its graph has {len(found)} layers with weights; ncaengine runs automata of two.")
    first, second = found if found[1][1].shape[1] == len(found[0][1]) else found[::-1]
    if second[1].shape[1] != len(first[1]):
        raise NCAError(f"its layers have shapes {first[1].shape} and {second[1].shape}, which do not fit each other.")
    return first, second


def _check_window(node: TfNode) -> None:
    """Raise NCAError if an operation over neighbours, or a layer, skips cells or pads otherwise than the Colab's."""
    for key, usual in WINDOW.items():
        held = node.attribute(key)
        places = held.get("i") if isinstance(held, dict) else held
        if held is not None and not (isinstance(places, list) and [*map(str, places)] == usual):
            raise node.odd(f"with other {key}")
    if node.op != "Conv2D" and node.attribute("padding") not in SAME:
        raise node.odd("with another padding")
    if node.attribute("data_format") not in (None, *CHANNELS_LAST):
        raise node.odd("with another data_format")


def _perceived(graph: Graph, node: TfNode, channels: int) -> TfNode:
    """Check what the first layer reads; return the state."""
    if node.op != "DepthwiseConv2dNative" or len(node.inputs) != 2:
        raise node.odd("before its layers")
    _check_window(node)
    state = graph.source(node.first)
    if state.op != "Placeholder":
        raise state.odd("before its filters")
    kernel = graph.constant(node.inputs[1])
    filters: Sequence[F32 | None] = ()
    if kernel is None:
        filters = _stacked(graph, graph.source(node.inputs[1]))
    elif kernel.shape == (3, 3, channels, 3):
        filters = list(kernel.reshape(3, 3, -1).transpose(2, 0, 1))
    for held, usual in itertools.zip_longest(filters, np.tile(FILTERS, (max(1, len(filters) // 3), 1, 1))):
        if held is None or usual is None or held.shape != (3, 3) or not np.allclose(held, usual, atol=1e-6):
            raise NCAError("its graph has other filters than the Growing-CA Colab's: identity, S/8 and its transpose.")
    return state


def _stacked(graph: Graph, node: TfNode) -> list[F32 | None]:
    """Return the filters that a graph computes, stacks and repeats for all channels."""
    for _ in range(len(SHAPING) + 2):
        if node.op == "Pack" and str(node.attribute("axis")) in ("-1", "2"):
            return [graph.number(name) for name in node.inputs]
        if node.op not in SHAPING or not node.inputs:
            break
        if node.op == "StridedSlice" and {*graph.integers(node.inputs[-1])} != {1}:
            break
        node = graph.source(node.first)
    raise node.odd("in its filters")


def _cut(graph: Graph, name: str, channel: int) -> TfNode:
    """Return the operation of whose result some channel is cut out. Raises NCAError if it is another, or several."""
    node = graph.source(name)
    begin, end, step = (
        (graph.integers(each)[-1:] for each in node.inputs[1:]) if len(node.inputs) == 4 else ([], [], [])
    )
    if node.op != "StridedSlice" or (begin, end, step) != ([channel], [channel + 1], [1]):
        raise node.odd(f"in place of channel {channel}")
    return graph.source(node.first)


def _between(graph: Graph, node: TfNode, w1: F32, second: TfNode) -> F32:
    """Return the bias of the first layer, behind which there must be nothing but that and ReLU."""
    bias: F32 | None = None
    active = False
    while True:
        node, other = graph.following(node)
        if node is second:
            break
        held = graph.bias(other, len(w1)) if node.op in ADDS else None
        if held is not None and bias is None and not active:
            bias = held
        elif node.op == "Relu" and not active:
            active = True
        else:
            raise node.odd("between its layers")
    if not active:
        raise NCAError("its graph has no Relu between its layers, where the step of the Growing-CA Colab has one.")
    return np.zeros(len(w1), np.float32) if bias is None else bias


def _updated(graph: Graph, state: TfNode, w1: F32, b1: F32, node: TfNode, w2: F32) -> tuple[dense.Dense, TfNode, float]:
    """Return the net, the operation that adds the update to the state, and the fire rate. node: the second layer."""
    bias: F32 | None = None
    factors, rates = list[float](), list[float | None]()
    for _ in range(LONGEST):
        node, other = graph.following(node)
        held, source = graph.constant(other), graph.source(other) if other else node
        if node.op in ADDS and source is state:
            break
        if node.op in ADDS and bias is None and not factors and (found := graph.bias(other, len(w2))) is not None:
            bias = found
        elif node.op == "Mul" and held is not None and held.size == 1:
            factors.append(float(held.flat[0]))
        elif node.op == "Mul" and source.op == "Cast" and source.inputs and not rates:
            rates.append(_rate(graph, graph.source(source.first)))
        elif node.op != "Mul" or source.op != "Placeholder" or source is state:
            raise node.odd("behind its layers")
    else:
        raise node.odd("too often behind its layers")
    given = any(each.op == "Placeholder" and each is not state for each in graph.nodes.values())
    notes = (INPUTS,) if given else ()
    with np.errstate(over="ignore", invalid="ignore"):  # Model refuses what is not finite
        factor = np.float32(math.prod(factors))
        w2, b2 = w2 * factor, None if bias is None else bias * factor
    rate = next(iter(rates), 1.0)
    return dense.Dense(w1, b1, w2, b2, notes=notes), node, 0.5 if rate is None else rate


def _rate(graph: Graph, node: TfNode) -> float | None:
    """Return the share of the cells that fire by a comparison with random numbers; None if it is an input."""
    if node.op not in ("Less", "LessEqual") or len(node.inputs) != 2:
        raise node.odd("where it chooses the cells that fire")
    name, limit = node.inputs
    for _ in range(LONGEST):
        random = graph.source(name)
        if random.op == "RandomUniform" and (shape := graph.source(random.first)).op == "Shape":
            _cut(graph, shape.first, 0)  # one number for all channels of a cell
            break
        numbers = {each: graph.number(each) for each in random.inputs}
        rest = [each for each, number in numbers.items() if number is None]
        neutral = [number == (random.op == "Mul") for number in numbers.values() if number is not None]
        if random.op not in ("Mul", "Add", "AddV2") or len(rest) != 1 or len(neutral) != 1 or not neutral[0].all():
            raise random.odd("in its random numbers")
        [name] = rest
    else:
        raise node.odd("where it chooses the cells that fire")
    held = graph.constant(limit)
    if held is None and graph.source(limit).op == "Placeholder":
        return None
    if held is None or held.size != 1 or not 0 < held.flat[0] <= 1:
        raise graph.source(limit).odd("as its fire rate")
    return float(str(held.flat[0]))  # 0.1, not the nearest float32


def _threshold(graph: Graph, state: TfNode, added: TfNode) -> float:
    """Return the opacity above which a cell lives, before and after a step; nothing else may be behind the update."""
    products = [(node, other) for node, other in graph.readers(added) if node.op == "Mul" and other]
    rest = [node for node, _ in graph.readers(added) if node.op not in ("Mul", "StridedSlice", "Shape")]
    if rest:
        raise rest[0].odd("behind its update")
    if len(products) != 1:
        raise NCAError("its graph lacks the mask of living cells that the step of the Growing-CA Colab has.")
    [(product, mask)] = products
    if after := graph.readers(product):
        raise after[0][0].odd("behind its mask of living cells")
    found: list[tuple[TfNode, float]] = []
    way = [graph.source(mask)]
    for op, count in (("Cast", 1), ("LogicalAnd", 2)):
        if way[0].op != op or len(way[0].inputs) != count:
            raise way[0].odd("in its mask of living cells")
        way = [graph.source(name) for name in way[0].inputs]
    for greater in way:
        pool = graph.source(greater.first) if greater.op == "Greater" and len(greater.inputs) == 2 else greater
        limit = graph.constant(greater.inputs[1]) if pool is not greater else None
        if pool.op != "MaxPool" or not pool.inputs or limit is None or limit.size != 1 or not np.isfinite(limit):
            raise pool.odd("in its mask of living cells")
        _check_window(pool)
        found.append((_cut(graph, pool.first, OPACITY), float(str(limit.flat[0]))))
    if {node.name for node, _ in found} != {state.name, added.name} or found[0][1] != found[1][1]:
        raise product.odd("with another mask of living cells")
    return found[0][1]


FAMILY = Family(
    "growing-tf",
    ASK,
    "in the form of the Colab of Growing Neural Cellular Automata, Distill 2020, doi:10.23915/distill.00023",
    ASK,
    recognise,
    open_models,
)
