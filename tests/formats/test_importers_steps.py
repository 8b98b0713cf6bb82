"""Imported models compute the step of their projects' programs, compared with loops over cells (see plain_nca)."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plain_nca as plain
import pytest
from plain_nca import L9, S, channel_major, filter_major, filtered, net, places
from published_forms import (
    B,
    W,
    decoded,
    decoded_layer,
    demo_text,
    exported,
    graph_model,
    growing,
    hexells,
    numbers,
    reaction,
    state_dict,
)

from ncaengine.backends.torch import TorchCells
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.formats.importers import identify
from ncaengine.formats.importers.base import Decoded, Hints
from ncaengine.formats.pickle import holders, weights

Array = np.ndarray
IDENTITY = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], float)
FULL = [IDENTITY, S, S.T, L9]


@pytest.fixture
def agrees(catalogue: Catalogue) -> Callable[..., None]:
    """Return a function that compares one step with all cells firing, on 6 x 5 cells."""

    def compare(model: Model, step: Callable[[Array], Array], spread: float = 0.5) -> None:
        state = numbers(6, 5, model.config.channels, seed=7, spread=spread)
        cells = TorchCells()
        cells.specialise(model, catalogue.get("square"))
        cells.write(state)
        cells.step(0, 0, Settings(fire_rate=1.0))
        expected = step(state.astype(float))
        assert np.abs(expected - state).max() > 0.01
        np.testing.assert_allclose(cells.read(), expected, rtol=1e-4, atol=1e-4)

    return compare


def one(file: Decoded, hints: Hints = Hints(), name: str | None = None) -> Model:  # noqa: B008
    makers = identify(file, hints).makers()
    if name is None:
        (name,) = makers
    return makers[name]()


def tensors(path: Path) -> Decoded:
    return decoded("tensors", holders.find_weights(weights.read_torch(path)), path.stem)


def matrix(array: Array) -> Array:
    return array.reshape(array.shape[:2]).astype(float)


def notebook_step(
    sd: dict[str, Array], stencils: list[Array] = FULL, padding: str = "circular"
) -> Callable[[Array], Array]:
    """Return the notebook's step, or PE-NCA's if there are two more inputs."""

    def step(x: Array) -> Array:
        z = channel_major([filtered(x, f, padding) for f in stencils])
        w1, w2 = matrix(sd["w1.weight"]), matrix(sd["w2.weight"])
        if w1.shape[1] != z.shape[2]:
            z = np.concatenate([z, places(x)], -1)
        return x + net(z, w1, sd["w1.bias"], w2, sd.get("w2.bias", 0.0))

    return step


@pytest.mark.parametrize("conv", [True, False])
@pytest.mark.parametrize("bias2", [True, False])
@pytest.mark.parametrize("stencils", [[IDENTITY, L9], [IDENTITY, S, S.T], FULL], ids=["2", "3", "4"])
def test_a_notebooks_state_dict(agrees: Callable[..., None], stencils: list[Array], bias2: bool, conv: bool) -> None:
    sd = state_dict(4 * len(stencils), bias2=bias2, conv=conv, spread=0.05)
    agrees(one(decoded("tensors", sd | {"lap": L9, "filters": numbers(4, 3, 3)})), notebook_step(sd, stencils))


@pytest.mark.parametrize("name", ["grafting/chess.pt", "noise-nca/Vanilla-NCA_bubbly_0101.pt",
                                  "noise-nca/Noise-NCA_dotted_0201.pt", "noise-nca/PE-NCA_bubbly_0101.pt"])  # fmt: skip
def test_published_state_dicts(agrees: Callable[..., None], shared: Path, name: str) -> None:
    file = tensors(shared / "published" / name)
    agrees(one(file), notebook_step(file.data))


@pytest.mark.parametrize("order", ["channel", "filter"])
@pytest.mark.parametrize(("filters", "gradient", "laplacian"), [("undivided", 1, 1), ("eighths", 8, 8), ("unit", 8, 4)])
def test_hints_choose_order_and_filters(
    agrees: Callable[..., None], order: Any, filters: Any, gradient: float, laplacian: float
) -> None:
    sd = state_dict(18)
    parts = [IDENTITY, S / gradient, S.T / gradient, L9 / laplacian]

    def step(x: Array) -> Array:
        ordered = {"channel": channel_major, "filter": filter_major}[order]([filtered(x, f, "circular") for f in parts])
        z = np.concatenate([ordered, places(x)], -1)
        return x + net(z, matrix(sd["w1.weight"]), sd["w1.bias"], matrix(sd["w2.weight"]))

    agrees(one(decoded("tensors", sd), Hints(order=order, filters=filters)), step)


def test_a_state_dict_of_pe_nca(agrees: Callable[..., None]) -> None:
    sd = state_dict(18, spread=0.05)
    agrees(one(decoded("tensors", sd)), notebook_step(sd))


def test_a_state_dict_of_dynca(agrees: Callable[..., None]) -> None:
    sd = state_dict(18, bias2=True, spread=0.05)

    def step(x: Array) -> Array:
        z = filter_major([*(filtered(x, f, "replicate") for f in FULL), places(x)])
        return x + net(z, matrix(sd["w1.weight"]), sd["w1.bias"], matrix(sd["w2.weight"]), sd["w2.bias"])

    agrees(one(decoded("tensors", sd)), step)


def atlas_matrix(layer: dict[str, Any], number: int) -> Array:
    """Read a model's (inputs + bias, outputs) from an atlas of numbers, one number at a time."""
    rows, outputs = layer["shape"]
    height, width, _ = layer["data_shape"]
    across = layer["layout"][0]
    assert height == rows * layer["layout"][1]
    left, top = number % across * (width // across), number // across * rows
    out = np.zeros((rows, outputs))
    for row in range(rows):
        for column in range(outputs):
            at = ((top + row) * width + left + column // 4) * 4 + column % 4
            out[row, column] = (layer["data_flatten"][at] - layer["center"]) * layer["scale"]
    return out


def dynca_step(data: dict[str, Any], number: int) -> Callable[[Array], Array]:
    first, second = (atlas_matrix(layer, number) for layer in data["layers"])
    scales = data.get("n_perception_scales", 1)

    def perceived(x: Array) -> Array:
        return filter_major([filtered(x, f, "replicate") for f in FULL])

    def step(x: Array) -> Array:
        height, width, _ = x.shape
        z = perceived(x)
        for scale in range(1, scales):
            small = plain.resized(x, height // 2**scale, width // 2**scale)
            z = z + plain.resized(perceived(small), height, width)
        z = np.concatenate([z / scales, places(x)], -1)
        return x + net(z, first[:-1].T, first[-1], second[:-1].T, second[-1])

    return step


@pytest.mark.parametrize("number", [0, 2, 4])
@pytest.mark.parametrize("scales", [1, 2])
def test_a_small_atlas_of_dynca(agrees: Callable[..., None], number: int, scales: int) -> None:
    data = exported(
        numbers(5, 4 * 8 + 3, 12, spread=0.03), numbers(5, 13, 8), list("abcde"), 2, pos_emb=True,
        n_perception_scales=scales,
    )  # fmt: skip
    agrees(one(decoded("json", data), name="abcde"[number]), dynca_step(data, number))


@pytest.mark.parametrize(("name", "model", "number"), [("vector_field_small_grid_0002", "-circular", 4),
                                                       ("vector_field_small_grid_0002", "-4block", 11),
                                                       ("video_small_escalator", "", 0)])  # fmt: skip
def test_published_atlases_of_dynca(
    agrees: Callable[..., None], shared: Path, name: str, model: str, number: int
) -> None:
    data = json.loads((shared / f"published/dynca/{name}.json").read_text())
    chosen = f"{name}{model}" if model else "escalator"
    agrees(one(decoded("json", data, name), name=chosen), dynca_step(data, number))


def noise_step(data: dict[str, Any], number: int) -> Callable[[Array], Array]:
    first, second = (atlas_matrix(layer, number) for layer in data["layers"])

    def step(x: Array) -> Array:
        z = filter_major([filtered(x, f, "circular") for f in FULL])
        return x + net(z, first[:-1].T, first[-1], second.T)

    return step


def test_atlases_of_noise_nca(agrees: Callable[..., None], shared: Path) -> None:
    data = json.loads((shared / "published/noise-nca/bubbly_0101.json").read_text())
    agrees(one(decoded("json", data)), noise_step(data, 0))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_small_atlas_of_noise_nca(agrees: Callable[..., None], number: int) -> None:
    first, second = numbers(3, 4 * 5 + 1, 8, spread=0.05), numbers(3, 8, 5)
    data = exported(first, second, list("abc"), 2, bias=False, noise_level=0.2)
    agrees(one(decoded("json", data), name="abc"[number]), noise_step(data, number))


@pytest.mark.parametrize("said", [[11, 8], "[11, 8]", [11, 6], [3, 30]])
def test_the_numbers_of_an_atlas_count_and_not_the_shape_that_it_says(agrees: Callable[..., None], said: Any) -> None:
    first, second = numbers(1, 4 * 5 + 1, 8, spread=0.05), numbers(1, 8, 5)
    data = exported(first, second, ["a"], bias=False, noise_level=0.2)
    step = noise_step(copy.deepcopy(data), 0)
    data["layers"][0]["shape"] = said
    agrees(one(decoded("json", data)), step)


def hexells_step(first: Array, second: Array) -> Callable[[Array], Array]:
    def step(x: Array) -> Array:
        z = filter_major([filtered(x, f, "circular") for f in (IDENTITY, S / 8, S.T / 8, L9 / 8)]).clip(-2, 2)
        update = net(z, first[:-1].T, first[-1], second[:-1].T, second[-1], lambda h: h.clip(0, 2))
        return (x + update.clip(-2, 2)).clip(-2, 2)

    return step


def test_hexells(agrees: Callable[..., None], shared: Path) -> None:
    data = json.loads((shared / "published/selforg-textures/hexells.json").read_text())
    layers = [decoded_layer(layer, 1) for layer in data["layers"]]
    agrees(one(decoded("json", data), name="dots"), hexells_step(*layers), 1.0)


def test_a_small_atlas_of_hexells(agrees: Callable[..., None]) -> None:
    data = hexells(channels=5, hidden=7)
    layers = [decoded_layer(layer, 1) for layer in data["layers"]]
    agrees(one(decoded("json", data), name="x-2"), hexells_step(*layers), 1.0)


def reaction_step(arrays: list[Array]) -> Callable[[Array], Array]:
    w1, b1, w2 = (a.astype(float).reshape(a.shape[-2:]) if a.ndim > 1 else a for a in arrays)
    rates = np.repeat([0.125, 0.25, 0.5, 1.0], len(w1) // 4)

    def g(y: Array) -> Array:
        return y / (1 + np.exp(-5 * y))

    return lambda x: x + rates * filtered(x, L9 / 16, "circular") + net(x, w1.T, b1, w2.T, 0.0, g)


@pytest.mark.parametrize("flat", [True, False])
def test_small_reactions(agrees: Callable[..., None], flat: bool) -> None:
    arrays = reaction(flat=flat)
    agrees(one(decoded("arrays", arrays)), reaction_step(arrays))


@pytest.mark.parametrize("name", ["grid_0135_20000", "polka-dotted_0121_20000"])
def test_published_reactions(agrees: Callable[..., None], shared: Path, name: str) -> None:
    arrays = weights.read_npy(shared / f"published/reaction-diffusion/{name}.npy")
    assert isinstance(arrays, list)
    agrees(one(decoded("arrays", arrays)), reaction_step(arrays))


def growing_step(layers: list[dict[str, Any]]) -> Callable[[Array], Array]:
    import base64

    parts = []
    for layer in layers:
        packed, outputs = base64.b64decode(layer["data_b64"]), layer["out_ch"]
        w = np.zeros((layer["in_ch"] + 1, outputs))
        for at, byte in enumerate(packed):
            last = at // outputs == layer["in_ch"]
            w[at // outputs, at % outputs] = (byte / 255 - 0.5) * layer["bias_scale" if last else "weight_scale"]
        parts.append(w)

    def step(x: Array) -> Array:
        z = filter_major([filtered(x, f, "circular") for f in (IDENTITY, S / 8, S.T / 8)]).clip(-10, 10)
        first, second = parts
        update = net(z, first[:-1].T, first[-1], second[:-1].T, second[-1], lambda h: h.clip(0, 10)).clip(-10, 10)
        y = (x + update).clip(-10, 10)
        return y * (plain.alive(x, "circular") * plain.alive(y, "circular"))

    return step


def test_small_growing_pictures(agrees: Callable[..., None]) -> None:
    layers = growing()
    agrees(one(decoded("json", layers)), growing_step(layers), 0.1)
    agrees(one(decoded("json", layers)), growing_step(layers), 30.0)


@pytest.mark.parametrize("name", ["ex3_lizard", "ex3_butterfly"])
def test_published_growing_pictures(agrees: Callable[..., None], shared: Path, name: str) -> None:
    layers = json.loads((shared / f"published/growing/{name}.json").read_text())
    agrees(one(decoded("json", layers, name)), growing_step(layers), 0.1)


@pytest.mark.parametrize("second_bias", [True, False])
def test_the_graph_of_the_colab_of_growing_pictures(agrees: Callable[..., None], second_bias: bool) -> None:
    sizes = (1, 1, 15, 8), (8,), (1, 1, 8, 5), (5,)
    w1, b1, w2, b2 = (numbers(*shape, seed=seed, spread=0.1) for seed, shape in enumerate(sizes))

    def step(x: Array) -> Array:
        z = channel_major([filtered(x, f, "zero") for f in (IDENTITY, S / 8, S.T / 8)])
        y = x + net(z, w1[0, 0].T, b1, w2[0, 0].T, b2 if second_bias else 0.0)
        return y * (plain.alive(x, "zero") * plain.alive(y, "zero"))

    model = one(decoded("json", graph_model(second_bias=second_bias)))
    agrees(model, step, 0.3)
    assert model.config.family == "growing-tf"


UP, DOWN, RIGHT = -S.T, S.T, S


@pytest.mark.parametrize(
    ("names", "conv", "order", "stencils", "padding", "times"),
    [
        # These programs convolve transposed pictures: their x runs down the rows.
        (("fc0", "fc1"), False, filter_major, [IDENTITY, DOWN / 8, RIGHT / 8], "zero", 2),
        (("conv1", "conv2"), True, channel_major, [IDENTITY, RIGHT / 8, UP / 8], "circular", 2),
        (("update_network.0", "update_network.2"), True, filter_major, [IDENTITY, RIGHT, UP], "circular", 1),
        (("update_step.0", "update_step.2"), True, channel_major, [IDENTITY, RIGHT / 8, DOWN / 8], "zero", 2),
        (("update_module.0", "update_module.2"), True, channel_major, [IDENTITY, RIGHT / 8, DOWN / 8], "zero", 2),
        (("layers.0", "layers.2"), True, channel_major, [IDENTITY, RIGHT, DOWN], "circular", 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
@pytest.mark.parametrize("bias2", [True, False])
def test_growing_pictures_of_pytorch_programs(
    agrees: Callable[..., None], names: tuple[str, str], conv: bool, order: Callable[[list[Array]], Array],
    stencils: list[Array], padding: str, times: int, bias2: bool,
) -> None:  # fmt: skip
    """times: how often a step asks whether a cell is alive; once is after the update."""
    sd = state_dict(15, channels=5, names=names, conv=conv, bias2=bias2)

    def step(x: Array) -> Array:
        z = order([filtered(x, f, padding) for f in stencils])
        weights = [matrix(sd[f"{name}.weight"]) for name in names]
        y = x + net(z, weights[0], sd[f"{names[0]}.bias"], weights[1], sd.get(f"{names[1]}.bias", 0.0))
        return y * plain.alive(y, padding) * (plain.alive(x, padding) if times == 2 else 1)

    model = one(decoded("tensors", sd))
    assert model.config.family == "growing-torch"
    agrees(model, step, 0.1)


def test_monashs_numbers_and_state_dict(agrees: Callable[..., None], shared: Path) -> None:
    row = np.fromfile(shared / "published/monash/texture-bubbles.bin", "<f4")
    w1, b1, w2 = row[:4608].reshape(96, 48), row[4608:4704], row[4704:].reshape(12, 96)
    agrees(one(decoded("floats", row)), notebook_step({"w1.weight": w1, "w1.bias": b1, "w2.weight": w2}))
    file = tensors(shared / "published/monash/texture.pth")
    keys = {"layers.0.weight": "w1.weight", "layers.0.bias": "w1.bias", "layers.2.weight": "w2.weight"}
    agrees(one(file), notebook_step({new: file.data[old] for old, new in keys.items()}))


@pytest.mark.parametrize("bias2", [True, False])
@pytest.mark.parametrize("inputs", [8, 12, 16, 18])
def test_rows_of_numbers_of_any_size(agrees: Callable[..., None], inputs: int, bias2: bool) -> None:
    sd = state_dict(inputs, bias2=bias2, spread=0.05)
    row = np.concatenate([a.ravel() for a in sd.values()])
    stencils = {8: [IDENTITY, L9], 12: [IDENTITY, S, S.T]}.get(inputs, FULL)
    family = "growing-torch" if inputs == 12 else "monash"
    model = one(decoded("floats", row), Hints(channels=4, hidden=6, family="monash"))
    agrees(model, notebook_step(sd, stencils))
    assert one(decoded("floats", row), Hints(channels=4, hidden=6)).config.family == family


def mu_step(w: Array, b: Array, stencils: list[Array], clip: float = np.inf) -> Callable[[Array], Array]:
    """Return the step of one layer over the state, one filter a channel, and the absolute values of both."""

    def step(x: Array) -> Array:
        p = np.stack([filtered(x[..., c : c + 1], f, "circular")[..., 0] for c, f in enumerate(stencils)], -1)
        z = np.concatenate([x, p, np.abs(x), np.abs(p)], -1)
        return (x + z @ w.T + b).clip(-clip, clip)

    return step


@pytest.mark.parametrize("counts", [(2, 1, 1), (2, 2, 2), (4, 2, 2), (4, 4, 4)])
@pytest.mark.parametrize("form", ["tensors", "arrays", "json"])
def test_mu_nca(agrees: Callable[..., None], counts: tuple[int, int, int], form: str) -> None:
    channels = sum(counts)
    w = numbers(channels, 4 * channels + 1, 1, 1, spread=0.05)
    stencils = [L9] * counts[0] + [S] * counts[1] + [S.T] * counts[2]
    data = {"tensors": {"w": w}, "arrays": w, "json": w[:, :, 0, 0].tolist()}[form]
    agrees(one(decoded(form, data)), mu_step(w[:, :-1, 0, 0], w[:, -1, 0, 0], stencils))


PARTS = [",".join(map(str, W[16 * k : 16 * k + 16])) for k in range(4)]
MAT4 = " + ".join(f"mat4({part})*{x}" for part, x in zip(PARTS, ("s", "p", "abs(s)", "abs(p)"), strict=True))
DEMOS = {
    "text": ("text", demo_text()),
    "typed text": ("text", demo_text(b=f"b: Float32Array = new Float32Array([\n{', '.join(map(str, B))},\n])")),
    "a shader": ("text", f"vec4 rule(vec4 s, vec4 p) {{ return 1e-3*(vec4({','.join(map(str, B))}.) + {MAT4}); }}"),
    "a list": ("json", W + B),
    "two lists": ("json", [W, B]),
    "matrices": ("json", [[W[16 * k : 16 * k + 16] for k in range(4)], B]),
    "named": ("json", {"W": W, "b": B}),
    "numbers": ("floats", np.array(W + B, np.float32)),
}


@pytest.mark.parametrize("case", DEMOS)
def test_swissgls_demo(agrees: Callable[..., None], case: str) -> None:
    form, data = DEMOS[case]
    w = np.zeros((4, 16))
    for k in range(4):  # uniform mat4 W[4]: column j of matrix k is at 16k + 4j
        for j in range(4):
            for i in range(4):
                w[i, 4 * k + j] = 1e-3 * W[16 * k + 4 * j + i]
    agrees(one(decoded(form, data)), mu_step(w, 1e-3 * np.array(B), [L9, L9, S, S.T], 0.5), 0.2)
