"""ONNX graphs: a step computes what the graph does, and a graph that is not understood is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import plain_nca as plain
import pytest
from onnx_files import OnnxFile, part, tensor
from onnx_parts import B1, B2, FILTERS, HIDDEN, IDENTITY, W1, W2, C, as_conv, layers, opened, stacked
from plain_nca import L9, S, channel_major, filter_major, filtered, net
from published_forms import numbers
from torch_files import refused

Array = np.ndarray


def notebook(padding: str) -> OnnxFile:
    """Return a graph that takes the channels apart, as the article's notebook does."""
    file = OnnxFile("x")
    apart = file.op("Reshape", "x", file.const([C, 1, 6, 5]))
    if padding == "circular":
        padded = file.circular(apart)
    else:
        mode = {"zero": "constant", "replicate": "edge"}[padding]
        padded = file.op("Pad", apart, file.const([0, 0, 1, 1, 0, 0, 1, 1]), mode=mode)
    seen = file.op("Reshape", file.conv(padded, stacked(FILTERS)), file.const([1, -1, 6, 5]))
    update = layers(file, seen)
    drawn = file.op("Floor", file.op("Add", file.op("RandomUniformLike", update), file.const(0.25)))
    file.output = file.op("Add", "x", file.op("Mul", update, drawn))  # type: ignore[attr-defined]
    return file


@pytest.mark.parametrize("padding", ["circular", "zero", "replicate"])
def test_channels_that_are_taken_apart(tmp_path: Path, agrees: Callable[..., None], padding: str) -> None:
    file = notebook(padding)
    model = opened(tmp_path / "m.onnx", file, file.output)  # type: ignore[attr-defined]
    agrees(model, lambda x: x + net(channel_major([filtered(x, f, padding) for f in FILTERS]), W1, B1, W2, B2))
    assert (model.config.fire_rate, model.config.padding) == (0.25, padding)


def seen_through(mixed: Array, bias: Array, padding: str) -> Callable[[Array], Array]:
    """Return a convolution over all channels, (outputs, channels, 3, 3), in loops."""

    def see(x: Array) -> Array:
        parts = [sum(filtered(x[..., c : c + 1], one[c], padding) for c in range(C)) for one in mixed]
        return np.concatenate(parts, -1) + bias

    return see


def test_a_learned_convolution_over_all_channels(tmp_path: Path, agrees: Callable[..., None]) -> None:
    dense, bias = numbers(2 * C, C, 3, 3, seed=11, spread=0.2), numbers(2 * C, seed=12)
    see = seen_through(dense, bias, "zero")
    file = OnnxFile("x")
    parts = file.op("Concat", "x", file.conv("x", dense, bias=bias, pad=1), axis=1)
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", layers(file, parts)))
    agrees(model, lambda x: x + net(np.concatenate([x, see(x)], -1), W1, B1, W2, B2))


def test_a_wide_convolution_as_the_first_layer(tmp_path: Path, agrees: Callable[..., None]) -> None:
    dense = numbers(HIDDEN, C, 3, 3, seed=11, spread=0.2)
    see = seen_through(dense, B1, "circular")
    file = OnnxFile("x")
    hidden = file.op("Tanh", file.conv(file.circular("x"), dense, bias=B1))
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", file.conv(hidden, as_conv(W2))))
    agrees(model, lambda x: x + np.tanh(see(x)) @ W2.T)


def test_a_fixed_convolution_over_all_channels_is_its_filters(tmp_path: Path, agrees: Callable[..., None]) -> None:
    dense = np.zeros((3 * C, C, 3, 3), np.float32)
    for channel in range(C):
        for number, one in enumerate(FILTERS):
            dense[number * C + channel, channel] = one
    file = OnnxFile("x")
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", layers(file, file.conv("x", dense, pad=1))))
    agrees(model, lambda x: x + net(filter_major([filtered(x, f, "zero") for f in FILTERS]), W1, B1, W2, B2))
    assert [f.stencil for f in model.config.features] == ["identity", "gradient_x", "gradient_y"]


@pytest.mark.parametrize(("axis", "order"), [(1, filter_major), (2, channel_major), (-3, channel_major)])
def test_what_is_seen_may_be_stacked(
    tmp_path: Path, agrees: Callable[..., None], axis: int, order: Callable[[list[Array]], Array]
) -> None:
    file = OnnxFile("x")
    gradients = [file.op("Mul", file.conv("x", stacked([f], C), C, pad=1), file.const(0.125)) for f in (S, S.T)]
    apart = [file.op("Unsqueeze", each, file.const([axis])) for each in ("x", *gradients)]
    seen = file.op("Reshape", file.op("Concat", *apart, axis=axis), file.const([1, -1, 6, 5]))
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", layers(file, seen)))
    agrees(model, lambda x: x + net(order([filtered(x, f, "zero") for f in FILTERS]), W1, B1, W2, B2))


def test_filters_that_the_graph_makes_of_constants(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    sobel = file.op("Div", file.weights("sobel", S.astype(np.float32)), file.const(8.0))
    turned = file.op("Transpose", sobel, perm=[1, 0])
    rows = [file.op("Unsqueeze", each, file.const([0])) for each in
            (file.weights("one", IDENTITY.astype(np.float32)), sobel, turned)]  # fmt: skip
    three = file.op("Unsqueeze", file.op("Concat", *rows, axis=0), file.const([1]))
    filters = file.op("Tile", three, file.const([C, 1, 1, 1]))
    seen = file.op("Conv", "x", filters, group=C, pads=[1] * 4)
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", layers(file, seen)))
    agrees(model, lambda x: x + net(channel_major([filtered(x, f, "zero") for f in FILTERS]), W1, B1, W2, B2))


@pytest.mark.parametrize("when", ["before", "after", "both"])
def test_a_growing_picture(tmp_path: Path, agrees: Callable[..., None], when: str) -> None:
    file = OnnxFile("x")

    def life(state: str) -> str:
        opacity = file.op("Slice", state, file.const([3]), file.const([4]), file.const([1]), file.const([1]))
        near = file.op("MaxPool", opacity, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
        return file.op("Greater", near, file.const(0.2))

    before = life("x")
    parts = [file.conv("x", stacked([f], C), group=C, pad=1) for f in FILTERS[1:]]
    update = layers(file, file.op("Concat", "x", *parts, axis=1), "Tanh")
    fires = file.op("Cast", file.op("LessOrEqual", file.op("RandomUniformLike", "x"), file.const(0.75)), to=1)
    new = file.op("Add", "x", file.op("Mul", update, fires))
    after = life(new)
    alive = {"before": before, "after": after, "both": file.op("And", before, after)}[when]
    model = opened(tmp_path / "m.onnx", file, file.op("Mul", new, file.op("Cast", alive, to=1)))

    def near(x: Array) -> Array:
        out = np.zeros((*x.shape[:2], 1))
        for row in range(x.shape[0]):
            for column in range(x.shape[1]):
                around = [plain.seen(x, row + i, column + j, "zero")[3] for i in (-1, 0, 1) for j in (-1, 0, 1)]
                out[row, column] = max(around) > 0.2
        return out

    def step(x: Array) -> Array:
        y = x + net(filter_major([filtered(x, f, "zero") for f in FILTERS]), W1, B1, W2, B2, np.tanh)
        return y * {"before": near(x), "after": near(y), "both": near(x) * near(y)}[when]

    agrees(model, step)
    assert model.config.fire_rate == 0.75
    assert model.config.seed.kind == "point"


def test_learned_filters_of_each_channel_and_clips(tmp_path: Path, agrees: Callable[..., None]) -> None:
    filters = numbers(3 * C, 1, 3, 3, seed=9)
    file = OnnxFile("x", "mask")
    update = layers(file, file.conv(file.circular("x"), filters, group=C))
    new = file.op("Add", file.op("Mul", file.op("Mul", update, file.const(0.5)), "mask"), "x")
    model = opened(tmp_path / "m", file, file.op("Clip", new, file.const(-0.4), file.const(0.4)))

    def step(x: Array) -> Array:
        z = np.stack(
            [filtered(x[..., o // 3 : o // 3 + 1], filters[o, 0], "circular")[..., 0] for o in range(3 * C)], -1
        )
        return (x + 0.5 * net(z, W1, B1, W2, B2)).clip(-0.4, 0.4)

    agrees(model, step)
    assert model.config.notes[0].startswith("a guess: that its input 'mask' says which cells fire;")
    assert "half of the cells" in model.config.notes[0]


def test_linear_layers_with_channels_last(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    first = file.op("Transpose", "x", perm=[0, 3, 1, 2])
    parts = [file.conv(first, stacked([f], C), group=C, pad=1) for f in (S, L9)]
    seen = file.op("Transpose", file.op("Concat", first, *parts, axis=1), perm=[0, 2, 3, 1])
    first, second = file.weights("first", W1.T.copy()), file.weights("second", W2.T.copy())
    hidden = file.op("Relu", file.op("Add", file.weights("bias", B1), file.op("MatMul", seen, first)))
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", file.op("MatMul", hidden, second)))
    agrees(model, lambda x: x + net(filter_major([filtered(x, f, "zero") for f in (IDENTITY, S, L9)]), W1, B1, W2))
    assert model.config.fire_rate == 1


def third_layer(file: OnnxFile) -> str:
    return file.op("Add", "x", file.conv(layers(file, "x"), as_conv(np.eye(C, dtype=np.float32))))


def seen(file: OnnxFile, pad: int = 1) -> str:
    return file.conv("x", stacked(FILTERS, C), group=C, pad=pad)


REFUSED: dict[str, tuple[Callable[[OnnxFile], str], str]] = {
    "three layers": (third_layer, "3 layers of single cells"),
    "no state is added": (lambda f: layers(f, seen(f)), "does not give the next state"),
    "a norm": (lambda f: f.op("Add", "x", f.op("InstanceNormalization", layers(f, seen(f)))), "InstanceNormalization"),
    "a strange activation": (lambda f: layers(f, seen(f), "Erf"), "Erf"),
    "a smaller picture": (lambda f: layers(f, seen(f, pad=0)), "operation 'Conv'"),
    "a loop": (lambda f: f.op("Loop", "x", body=3), "0 layers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_graphs_that_are_not_understood_are_refused(tmp_path: Path, case: str) -> None:
    make, message = REFUSED[case]
    file = OnnxFile("x")
    (tmp_path / "m.onnx").write_bytes(file.data(make(file)))
    assert message in refused(tmp_path / "m.onnx")


def doubled(file: OnnxFile, x: str) -> str:
    for _ in range(60):
        x = file.op("Concat", x, x, axis=1)
    return file.conv(file.op("Relu", file.conv(x, as_conv(W1))), as_conv(W2))


REFUSED |= {
    "a perception that doubles": (lambda f: doubled(f, f.conv("x", stacked([S], C), C, pad=1)), "lets a cell perceive"),
    "stacks that double": (
        lambda f: doubled(f, f.op("Unsqueeze", f.conv("x", stacked([S], C), C, pad=1), f.const([1]))),
        "lets a cell perceive",
    ),
    "many channels": (
        lambda f: f.conv(f.conv("x", as_conv(W1)), np.zeros((1000, HIDDEN, 1, 1), np.float32)), "has 1000 channels",
    ),
    "a scaled product": (lambda f: f.op("Gemm", "x", f.weights("w", W1), alpha=2.0), "layers of single cells"),
    "numbers without end": (
        lambda f: [f.op("Expand", f.const(1.0), f.const([1000, 1000])) for _ in range(11)][-1], "ten million numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED)[-5:])
def test_graphs_that_would_take_much_memory_are_refused(tmp_path: Path, case: str) -> None:
    test_graphs_that_are_not_understood_are_refused(tmp_path, case)


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    huge = part(1, 2**40) + part(1, 2**40) + part(2, 1) + part(8, "w")
    outside = part(2, 1) + part(8, "w") + part(14, 1)
    branch = part(4, "If") + part(5, part(1, "then_branch") + part(6, b""))
    for content, message in (
        (part(1, 9) + part(7, part(5, huge)), "far larger than any texture NCA"),
        (part(1, 9) + part(7, part(5, outside)), "keeps its weights in another file"),
        (part(1, 9) + part(7, part(1, branch)), "a graph inside"),
        (part(1, 9) + part(7, part(1, b"") * 6000), "holds over 5000 operations"),
        (part(1, 9) + part(7, part(5, tensor("w", numbers(3, 3))[:-5])), "is not a complete .onnx file"),
        (part(1, 9) + part(2, "x") + part(7, b"\xff" * 99), "is not a complete .onnx file"),
        (part(1, 9) + part(2, "x"), "is not a complete .onnx file"),
    ):
        path.write_bytes(content)
        assert message in refused(path)
