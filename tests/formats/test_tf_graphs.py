"""Graphs of TensorFlow.js: what they state themselves is read, and what the Growing-CA Colab's lack is refused."""

import contextlib
import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from published_forms import decoded, graph_model, imported, numbers, tensor

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model

W1, B1, W2, B2 = (numbers(*size, seed=n, spread=0.1) for n, size in enumerate(((15, 8), (8,), (8, 5), (5,))))
SOBEL = np.outer([1, 2, 1], [-1, 0, 1]) / 8
FILTERS = np.stack([np.pad(np.ones((1, 1)), 1), SOBEL, SOBEL.T], -1)
Edit = Callable[[dict[str, dict[str, Any]]], Any]
MADE = graph_model()


def changed(*edits: Edit) -> dict[str, Any]:
    """Return a graph after changes of its nodes, which are a dict by name."""
    graph = copy.deepcopy(MADE)
    nodes = {node["name"]: node for node in graph["modelTopology"]["node"]}
    for edit in edits:
        edit(nodes)
    graph["modelTopology"]["node"] = list(nodes.values())
    return graph


def read(*edits: Edit) -> Model:
    [model] = imported(decoded("json", changed(*edits)))
    return model


def node(name: str, op: str, inputs: str = "", **attr: Any) -> Edit:
    """Return a change that sets or adds a node."""
    return lambda nodes: nodes.__setitem__(name, {"name": name, "op": op, "input": inputs.split(), "attr": attr})


def op(name: str, other: str) -> Edit:
    return lambda nodes: nodes[name].update(op=other)


def inputs(name: str, *names: str) -> Edit:
    return lambda nodes: nodes[name].update(input=names)


def constant(name: str, values: Any) -> Edit:
    return lambda nodes: nodes.__setitem__(name, {"name": name, "op": "Const", "attr": tensor(values)})


def integers(name: str, values: Any) -> Edit:
    return lambda nodes: nodes.__setitem__(name, {"name": name, "op": "Const", "attr": tensor(values, "DT_INT32")})


def attribute(name: str, key: str, **value: Any) -> Edit:
    return lambda nodes: nodes[name]["attr"].update({key: value})


def test_inputs_of_a_graph_are_said_to_be_assumed() -> None:
    model = read()
    assert (model.config.fire_rate, model.config.activation, model.config.padding) == (0.5, "relu", "zero")
    assert model.config.attribution["left out"] == (
        "the values of the graph's inputs; the Colab's are used: fire rate 0.5, step size 1, angle 0"
    )
    for array, expected in ((model.w1, W1.T), (model.b1, B1), (model.w2, W2.T), (model.b2, B2)):
        np.testing.assert_array_equal(np.sort(array, None), np.sort(expected, None))


def test_what_a_graph_states_is_read() -> None:
    own = [constant("fire_rate", 0.25), constant("step_size", 0.5), constant("alive", 0.2), constant("angle", 0.0)]
    model = read(*own)
    assert model.config.fire_rate == 0.25
    assert model.config.alive is not None
    assert (model.config.alive.channel, model.config.alive.threshold, model.config.alive.when) == (3, 0.2, "both")
    np.testing.assert_array_equal(model.w2, W2.T / 2)
    np.testing.assert_array_equal(model.b2, B2 / 2)
    assert "left out" not in model.config.attribution
    always = read(inputs("new", "x", "sized"), lambda nodes: nodes.pop("dx_"))  # without a mask
    assert always.config.fire_rate == 1


def test_filters_that_are_a_constant() -> None:
    values = FILTERS[:, :, None].repeat(5, 2)
    np.testing.assert_array_equal(read(constant("kernel", values)).w1, read().w1)
    others = [2 * values, values[..., ::-1], values[:2], values[..., :2], numbers(3, 3, 5, 3)]
    for other in others:
        with pytest.raises(NCAError, match="other filters than the Growing-CA Colab's"):
            read(constant("kernel", other))


def test_random_numbers_may_be_scaled_by_1() -> None:
    scaled = [constant("one", 1.0), constant("zero", 0.0), node("range", "Sub", "one zero")]
    scaled += [node("u1", "Mul", "u range"), node("u2", "AddV2", "u1 zero"), inputs("fires", "u2", "fire_rate")]
    assert read(*scaled).config.fire_rate == 0.5
    with pytest.raises(NCAError, match="has the operation Mul in its random numbers"):
        read(*scaled, constant("one", 2.0))


ODD: dict[str, tuple[list[Edit], str]] = {
    **{name: ([op("r", name)], f"has the operation {name} between its layers") for name in (
        "Relu6", "Selu", "Softplus", "Softsign", "Sin", "Sigmoid", "Tanh", "Elu", "LeakyRelu",
    )},
    "no activation": ([op("r", "Identity")], "has no Relu between its layers"),
    "two activations": ([node("r2", "Relu", "r"), inputs("c2", "r2", "k2")], "Relu between its layers"),
    "norm": ([node("n", "FusedBatchNormV3", "c1 b1"), inputs("a1", "n", "b1/read")], "FusedBatchNormV3 between"),
    "tanh of the update": ([node("t", "Tanh", "a2"), inputs("sized", "t", "step_size")], "Tanh behind its layers"),
    "two readers": ([node("t", "Mul", "a2 alive")], "reads what 'a2' gives in 2 places"),
    "square": ([inputs("sized", "a2", "a2")], "Mul behind its layers"),
    "mask by channel": ([inputs("shape", "x")], "Placeholder in place of channel 0"),
    "fires above": ([op("fires", "Greater")], "Greater where it chooses the cells that fire"),
    "fire rate 2": ([constant("fire_rate", 2.0)], "Const as its fire rate"),
    "another noise": ([op("u", "RandomStandardNormal")], "RandomStandardNormal in its random numbers"),
    "subtracted": ([op("new", "Sub")], "Sub behind its layers"),
    "clipped": ([node("clip", "Minimum", "y alive"), inputs("Identity", "clip")], "Minimum behind its mask"),
    "clipped before": ([node("clip", "Minimum", "new alive")], "Minimum behind its update"),
    "immortal": ([lambda nodes: nodes.pop("y"), inputs("Identity", "new")], "lacks the mask of living cells"),
    "mask of another channel": ([integers("fourth", [0, 0, 0, 2])], "StridedSlice in place of channel 3"),
    "mask of two channels": ([integers("fifth", [0, 0, 0, 5])], "StridedSlice in place of channel 3"),
    "mask by either": ([op("lives", "LogicalOr")], "LogicalOr in its mask of living cells"),
    "mask twice after": ([inputs("lives", "after", "after")], "another mask of living cells"),
    "mask of two thresholds": ([constant("t", 0.3), inputs("after", "near2", "t")], "another mask of living cells"),
    "mean of neighbours": ([op("near", "AvgPool")], "AvgPool in its mask of living cells"),
    "neighbours of 5": ([attribute("near", "ksize", list={"i": ["1", "5", "5", "1"]})], "MaxPool with other ksize"),
    "padded state": ([node("p", "MirrorPad", "x"), inputs("seen", "p", "kernel")], "MirrorPad before its filters"),
    "unpadded": ([attribute("seen", "padding", s="VkFMSUQ=")], "DepthwiseConv2dNative with another padding"),
    "dilated": ([attribute("seen", "dilations", list={"i": ["1", "2", "2", "1"]})], "with other dilations"),
    "strides": ([attribute("c1", "strides", list={"i": ["1", "2", "2", "1"]})], "Conv2D with other strides"),
    "channels first": ([attribute("seen", "data_format", s="TkNIVw==")], "with another data_format"),
    "pooled": ([node("p", "AvgPool", "seen"), inputs("c1", "p", "k1/read")], "AvgPool before its layers"),
    "larger filters": ([constant("dx", 8 * SOBEL)], "other filters"),
    "turned": ([constant("angle", 0.5)], "other filters"),
    "exchanged": ([inputs("stack", "identity", "across", "along")], "other filters"),
    "stacked otherwise": ([attribute("stack", "axis", i="0")], "Pack in its filters"),
    "backwards": ([integers("back", [-1, 1, 1, 1]), inputs("wide", "stack", "from", "from", "back")], "StridedSlice"),
    "scaled filters": ([node("kernel", "Mul", "wide alive")], "Mul in its filters"),
    "missing": ([lambda nodes: nodes.pop("a1")], "'c1' gives in 0 places"),
    "endless": ([inputs("seen/out", "seen/out")], "passes 'seen/out' on too often"),
    "in a loop": ([inputs("sized", "sized", "step_size"), inputs("dx_", "fire", "fire")], "'a2' gives in 0 places"),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_the_colabs_step_lacks_is_refused(case: str) -> None:
    edits, part = ODD[case]
    with pytest.raises(NCAError) as caught:
        read(*edits)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


JUNK = [None, -1, "x", ["x"], {"a": 1}, {"i": None}, {"list": {"i": 3}}]


def test_damaged_graphs_are_refused_soon() -> None:
    start = time.process_time()
    count = len(MADE["modelTopology"]["node"])
    for number in range(count):
        for key in ("name", "op", "input", "attr"):
            for junk in JUNK:
                data = copy.deepcopy(MADE)
                inside = data["modelTopology"]["node"][number]
                inside[key] = junk if key != "attr" else dict.fromkeys(inside.get("attr", {}), junk)
                with contextlib.suppress(NCAError):
                    list(imported(decoded("json", data)))
    assert time.process_time() - start < 10
