"""ONNX graphs that differ from a model in one place: the step is the same, or the graph is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import plain_nca as plain
import pytest
from onnx_files import OnnxFile
from onnx_parts import B1, B2, FILTERS, W1, W2, C, gradients, layers, opened, stacked, updated
from plain_nca import S, channel_major, filtered, net
from torch_files import refused

from ncaengine.formats import model_files

Array = np.ndarray


def sliced(file: OnnxFile, x: str, start: int, end: int, axis: int) -> str:
    return file.op("Slice", x, *(file.const([n]) for n in (start, end, axis, 1)))


def living(file: OnnxFile, state: str, pads: int = 1, threshold: float = 0.1) -> str:
    near = file.op("MaxPool", sliced(file, state, 3, 4, 1), kernel_shape=[3, 3], pads=[pads] * 4, strides=[1, 1])
    return file.op("Cast", file.op("Greater", near, file.const(threshold)), to=1)


def firing(file: OnnxFile, drawn: str, share: float = 0.5) -> str:
    fires = file.op("Cast", file.op("Less", drawn, file.const(share)), to=1)
    return file.op("Add", "x", file.op("Mul", updated(file), fires))


def test_a_filter_of_the_turned_picture_is_the_other_gradient(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file, sobel = OnnxFile("x"), stacked([S / 8], C)
    turned = file.conv(file.op("Transpose", "x", perm=[0, 1, 3, 2]), sobel, C, pad=1)
    parts = ("x", file.conv("x", sobel, C, pad=1), file.op("Transpose", turned, perm=[0, 1, 3, 2]))
    update = layers(file, file.op("Concat", *parts, axis=1))
    agrees(opened(tmp_path / "m.onnx", file, file.op("Add", "x", update)), gradients)


def test_a_picture_that_is_turned_throughout(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    x = file.op("Transpose", "x", perm=[0, 3, 2, 1])  # (pictures, rows, columns, channels) before
    new = file.op("Add", x, updated(file, x))
    model = opened(tmp_path / "m.onnx", file, file.op("Transpose", new, perm=[0, 3, 2, 1]))
    agrees(model, lambda x: gradients(x.transpose(1, 0, 2)).transpose(1, 0, 2))


def test_a_stack_that_is_turned_is_in_the_other_order(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    parts = ["x", *(file.conv("x", stacked([f], C), C, pad=1) for f in FILTERS[1:])]
    stack = file.op("Concat", *(file.op("Unsqueeze", part, file.const([1])) for part in parts), axis=1)
    flat = file.op("Reshape", file.op("Transpose", stack, perm=[0, 2, 1, 3, 4]), file.const([1, 3 * C, 6, 5]))
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", layers(file, flat)))
    agrees(model, lambda x: x + net(channel_major([filtered(x, f, "zero") for f in FILTERS]), W1, B1, W2, B2))


def test_limits_of_the_update_are_scaled_with_it(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    limited = file.op("Clip", updated(file), file.const(-0.2), file.const(0.6))
    model = opened(tmp_path / "m.onnx", file, file.op("Add", "x", file.op("Mul", limited, file.const(-0.5))))
    agrees(model, lambda x: x - 0.5 * (gradients(x) - x).clip(-0.2, 0.6))


def test_what_the_new_state_does_not_depend_on_says_nothing(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    new = file.op("Add", "x", updated(file))
    file.op("Mul", file.op("Clip", new, file.const(0.0), file.const(0.1)), living(file, "x"))
    model = opened(tmp_path / "m.onnx", file, new)
    agrees(model, gradients)
    assert model.config.alive is None


def test_limits_after_life_that_let_the_dead_be(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    new = file.op("Mul", file.op("Add", "x", updated(file)), living(file, "x", threshold=-9.0))
    path = tmp_path / "m.onnx"
    path.write_bytes(file.data(file.op("Clip", new, file.const(-0.3), file.const(0.3))))
    assert "operation 'Mul' of the new state and the mask of living cells" in refused(path)  # beyond the edges is 0
    file = OnnxFile("x")
    new = file.op("Mul", file.op("Add", "x", updated(file)), living(file, "x", threshold=0.0))
    model = opened(path, file, file.op("Clip", new, file.const(-0.3), file.const(0.3)))
    around = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]

    def step(x: Array) -> Array:
        near = [
            [max(plain.seen(x, i + a, j + b, "zero")[3] for a, b in around) > 0 for j in range(5)] for i in range(6)
        ]
        return gradients(x).clip(-0.3, 0.3) * np.array(near)[..., None]

    agrees(model, step)


def test_life_across_the_edges(tmp_path: Path, agrees: Callable[..., None]) -> None:
    file = OnnxFile("x")
    around = file.circular("x")
    parts = [file.conv(around, stacked([f], C), C) for f in FILTERS[1:]]
    new = file.op("Add", "x", layers(file, file.op("Concat", "x", *parts, axis=1)))
    model = opened(tmp_path / "m.onnx", file, file.op("Mul", new, living(file, around, 0, 0.5)))
    near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    agrees(
        model,
        lambda x: (
            gradients(x, "circular")
            * (np.max([np.roll(x[..., 3], shift, (0, 1)) for shift in near], 0) > 0.5)[..., None]
        ),
    )


DRAWS: dict[str, tuple[Callable[[OnnxFile], str], float, str]] = {
    "for each channel": (lambda f: firing(f, f.op("RandomUniformLike", "x")), 0.5, "channel"),
    "for each cell": (lambda f: firing(f, f.op("RandomUniformLike", sliced(f, "x", 0, 1, 1)), 0.25), 0.25, "cell"),
    "of fixed sizes": (lambda f: firing(f, f.op("RandomUniform", shape=[1, 1, 6, 5]), 0.25), 0.25, "cell"),
    "of sizes that follow the state's": (
        lambda f: firing(f, f.op("RandomUniformLike", f.op("ConstantOfShape", f.op(
            "Concat", f.const([1]), f.const([1]), f.op("Unsqueeze", f.op("Gather", f.op("Shape", "x"), f.const(2))),
            f.op("Unsqueeze", f.op("Gather", f.op("Shape", "x"), f.const(3))), axis=0)))), 0.5, "cell",
    ),
    "with a probability": (
        lambda f: f.op("Add", "x", f.op("Mul", updated(f), f.op("Bernoulli", f.op(
            "ConstantOfShape", f.op("Shape", "x"), value=np.full(1, 0.25, np.float32))))), 0.25, "channel",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRAWS)
def test_which_cells_and_channels_fire(tmp_path: Path, case: str) -> None:
    make, rate, by = DRAWS[case]
    file = OnnxFile("x")
    config = opened(tmp_path / "m.onnx", file, make(file)).config
    assert (config.fire_rate, config.firing) == (rate, by)
    assert config.attribution["reading"] == "sure: the graph says what a step computes; not in the graph: colours, seed"


def test_an_input_beside_the_state_is_a_guess_or_refused(tmp_path: Path) -> None:
    for sizes, by in (((1, 1, "h", "w"), "cell"), ((1, C, "h", "w"), "channel"), (("n", C, 6, 5), "channel")):
        file = OnnxFile("x", "mask", mask=sizes)
        config = opened(tmp_path / "m.onnx", file, file.op("Add", "x", file.op("Mul", updated(file), "mask"))).config
        assert config.firing == by
        assert "a guess: that its input 'mask' says which cells fire; that half of the cells fire;" in config.notes[0]
    for sizes in ((), (1,), (1, C, 1, 1)):
        file = OnnxFile("x", "dt", dt=sizes)
        file_data = file.data(file.op("Add", "x", file.op("Mul", updated(file), "dt")))
        (tmp_path / "m.onnx").write_bytes(file_data)
        assert "multiplies the update by its input 'dt', which the file does not have" in refused(tmp_path / "m.onnx")


def cylinder(file: OnnxFile) -> str:
    x = file.op("Concat", sliced(file, "x", -1, 2**63 - 1, 3), "x", sliced(file, "x", 0, 1, 3), axis=3)
    weights = file.weights("w", stacked(FILTERS, C))
    return file.op("Add", "x", layers(file, file.op("Conv", x, weights, group=C, pads=[1, 0, 1, 0])))


def circular_with_plain_life(file: OnnxFile) -> str:
    parts = [file.conv(file.circular("x"), stacked([f], C), C) for f in FILTERS[1:]]
    new = file.op("Add", "x", layers(file, file.op("Concat", "x", *parts, axis=1)))
    return file.op("Mul", new, living(file, "x"))


def reversed_life(file: OnnxFile) -> str:
    near = file.op("MaxPool", sliced(file, "x", 3, 4, 1), kernel_shape=[3, 3], pads=[1] * 4)
    return file.op("Mul", file.op("Add", "x", updated(file)), file.op("Greater", file.const(0.1), near))


def limited_life(file: OnnxFile) -> str:
    new = file.op("Mul", file.op("Add", "x", updated(file)), living(file, "x"))
    return file.op("Clip", new, file.const(0.2), file.const(1.0))


def two_rules_of_life(file: OnnxFile) -> str:
    new = file.op("Add", "x", updated(file))
    return file.op("Mul", new, file.op("Mul", living(file, "x"), living(file, new, threshold=0.2)))


def life_of_another_state(file: OnnxFile) -> str:
    new = file.op("Add", "x", updated(file))
    return file.op("Mul", file.op("Clip", new, file.const(0.0), file.const(0.05)), living(file, new))


INEXACT: dict[str, tuple[Callable[[OnnxFile], str], str]] = {
    "edges that differ": (cylinder, "operation 'Conv' of the state"),
    "life within the edges": (circular_with_plain_life, "its filters wrap around the edges, but its mask"),
    "life of what is low": (reversed_life, "operation 'Greater' of numbers and the opacity"),
    "limits that revive": (limited_life, "operation 'Clip' of the new state"),
    "two thresholds": (two_rules_of_life, "operation 'Mul' of the mask of living cells"),
    "life of another state": (life_of_another_state, "operation 'Mul' of the new state"),
    "numbers to 2": (lambda f: firing(f, f.op("RandomUniformLike", "x", high=2.0)), "random numbers from 0.0 to 2.0"),
    "one draw for all": (
        lambda f: f.op("Add", "x", f.op("Mul", updated(f), f.op("Bernoulli", f.const(0.25)))), "fire at once",
    ),
    "drawn probabilities": (
        lambda f: f.op("Add", "x", f.op("Mul", updated(f), f.op("Bernoulli", f.op("RandomUniformLike", "x")))),
        "with a probability that is not one number",
    ),
    "limits of what is masked": (
        lambda f: f.op("Add", "x", f.op("Clip", f.op("Mul", updated(f), f.op("Round", f.op("RandomUniformLike", "x"))),
                                        f.const(0.1), f.const(0.2))), "operation 'Clip' of the update",
    ),
    "a bias along a row": (
        lambda f: f.op("Add", "x", f.op("Add", updated(f), f.weights("b", B2))), "operation 'Add' of the update",
    ),
    "a whole number": (lambda f: f.op("Add", "x", f.op("Cast", updated(f), to=7)), "operation 'Cast' of the update"),
}  # fmt: skip


@pytest.mark.parametrize("case", INEXACT)
def test_what_a_model_can_not_do_exactly_is_refused(tmp_path: Path, case: str) -> None:
    make, message = INEXACT[case]
    file = OnnxFile("x")
    (tmp_path / "m.onnx").write_bytes(file.data(make(file)))
    assert message in refused(tmp_path / "m.onnx")


def test_several_new_states_are_refused_and_other_outputs_are_named(tmp_path: Path) -> None:
    file = OnnxFile("x")
    update = updated(file)
    new = file.op("Add", "x", update)
    limited = file.op("Clip", new, file.const(0.0), file.const(1.0))
    path = tmp_path / "m.onnx"
    path.write_bytes(file.data(new, limited))
    assert "gives several new states" in refused(path)
    path.write_bytes(file.data(new, update))
    assert f"left out: the graph's other outputs, {update}" in model_files.open_file(path).model().config.notes
