"""Growing pictures that the Colab of Growing Neural Cellular Automata (Distill 2020) exports for TensorFlow.js.

Files: JSON of a graph-model, whose weights are constants of the graph, in base64: kernels (1, 1, inputs, outputs) and
biases. Licence: unknown; anybody may have trained them.
Read as: perception channel-major through identity, S/8 and its transpose; zeros beyond the edge; ReLU; half of the
cells fire; cells live next to opacity above 0.1, before and after a step.
"""

import base64
import math
from typing import Annotated, Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import ASK, Decoded, Family, Hints, Makers, converted, make_each
from ncaengine.formats.importers.growing import CONFIG
from ncaengine.formats.limits import too_large

CONVENTION = dense.Convention(msgspec.structs.replace(CONFIG, padding="zero"), "channel", "eighths", sure="likely")
OTHER = ("Tanh", "Sigmoid", "Elu", "LeakyRelu", "FusedBatchNormV3", "MirrorPad", "Softmax", "AvgPool", "_FusedConv2D")
"""Operations that the Colab's step does not have."""


class Dim(msgspec.Struct, frozen=True):
    """One side of a shape."""

    size: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}$")] = "0"


class Shape(msgspec.Struct, frozen=True):
    """The sides of a tensor."""

    dim: tuple[Dim, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """A tensor: bytes in base64, or a list of its numbers."""

    dtype: str = ""
    shape: Shape = msgspec.field(default=Shape(), name="tensorShape")
    content: str = msgspec.field(default="", name="tensorContent")
    numbers: tuple[float, ...] = msgspec.field(default=(), name="floatVal")


class TfNode(msgspec.Struct, frozen=True):
    """An operation."""

    name: str
    op: str
    input: tuple[str, ...] = ()
    attr: dict[str, Any] = {}


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
    graph = converted(decoded.data, GraphModel, "a graph-model of TensorFlow.js")
    nodes = {node.name: node for node in graph.topology.node}
    if graph.elsewhere:
        raise NCAError(
            "keeps its weights in other files (weightsManifest); ncaengine reads graphs that hold their own."
        )
    if odd := next((node.op for node in nodes.values() if node.op in OTHER), ""):
        raise NCAError(f"its graph has the operation {odd}, which the step of the Growing-CA Colab lacks.")
    return make_each([decoded.name], lambda _, name: dense.build_model(_net(nodes), CONVENTION, hints, name))


def _net(nodes: dict[str, TfNode]) -> dense.Dense:
    layers = [
        (node, kernel) for node in nodes.values()
        if node.op in ("Conv2D", "MatMul") and len(node.input) > 1
        and (kernel := _constant(nodes, node.input[1])) is not None
    ]  # fmt: skip
    if len(layers) != 2:
        raise NCAError(f"its graph has {len(layers)} layers with weights; ncaengine runs automata of two.")
    found = []
    for node, kernel in layers:
        if kernel.ndim not in (2, 4) or kernel.shape[:-2] not in ((), (1, 1)):
            raise NCAError(
                f"its layer {node.name[:40]!r} has weights of shape {kernel.shape}; they must be (1, 1, n, m)."
            )
        weights = kernel.reshape(kernel.shape[-2:]).T
        adds = (each for each in nodes.values() if each.op in ("BiasAdd", "Add", "AddV2") and node.name in each.input)
        biases = (_constant(nodes, name) for each in adds for name in each.input)
        bias = next((b for b in biases if b is not None and b.shape == (len(weights),)), None)
        found.append((np.ascontiguousarray(weights), bias))
    (w1, b1), (w2, b2) = found if found[1][0].shape[1] == len(found[0][0]) else found[::-1]
    if w2.shape[1] != len(w1):
        raise NCAError(f"its layers have shapes {w1.shape} and {w2.shape}, which do not fit each other.")
    return dense.Dense(w1, np.zeros(len(w1), np.float32) if b1 is None else b1, w2, b2)


def _constant(nodes: dict[str, TfNode], name: str) -> F32 | None:
    """Return the numbers of a constant, also behind nodes that only pass it on; None if it is none."""
    for _ in range(8):
        node = nodes.get(name.removeprefix("^").partition(":")[0])
        if node is None or node.op == "Const":
            break
        if node.op not in ("Identity", "ReadVariableOp") or not node.input:
            return None
        name = node.input[0]
    else:
        return None
    value = node.attr.get("value") if node else None
    held = (
        converted(value["tensor"], Held, "a graph's constant")
        if isinstance(value, dict) and "tensor" in value
        else None
    )
    if held is None or held.dtype != "DT_FLOAT":
        return None
    shape = tuple(int(dim.size) for dim in held.shape.dim)
    if len(shape) > 4 or math.prod(shape) > MAX_NUMBERS:
        raise too_large()
    return _numbers(held, shape)


def _numbers(held: Held, shape: tuple[int, ...]) -> F32:
    try:
        packed = base64.b64decode(held.content, validate=True)
    except ValueError:
        raise NCAError("a constant's tensorContent is not base64.") from None
    numbers = np.frombuffer(packed[: len(packed) // 4 * 4], "<f4").astype(np.float32)
    if not packed:  # short tensors are lists; one number stands for all
        with np.errstate(over="ignore"):
            numbers = np.array(held.numbers, np.float32)
        numbers = np.repeat(numbers, math.prod(shape)) if len(numbers) == 1 else numbers
    if len(numbers) != math.prod(shape):
        raise NCAError(f"a constant holds {len(numbers)} numbers; its shape {shape} needs {math.prod(shape)}.")
    return numbers.reshape(shape)


FAMILY = Family(
    "growing-tf",
    ASK,
    "in the form of the Colab of Growing Neural Cellular Automata, Distill 2020, doi:10.23915/distill.00023",
    ASK,
    recognise,
    open_models,
)
