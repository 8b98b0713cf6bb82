"""State dicts: names of any module, filters in the file, layers too many, and what is said of the rest.

Steps are compared with loops over cells that use the arrays of the file as its program does; see plain_nca.
"""

from pathlib import Path

import numpy as np
import plain_nca as plain
import pytest
import safetensors.numpy
from one_step import all_fired
from plain_nca import L9, S, channel_major, filter_major, filtered, net
from published_forms import decoded, hexells, numbers, state_dict

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Alive, Model, Seed, equal_models
from ncaengine.formats import model_files
from ncaengine.formats.importers import identify
from ncaengine.formats.importers.base import Hints

Array = np.ndarray
ONE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], np.float32)
CROSS = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]], np.float32) / 32
NOTEBOOK = state_dict(16)
CHANNELS = 4


def one(tensors: dict[str, Array], hints: Hints = Hints()) -> Model:  # noqa: B008
    (make,) = identify(decoded("tensors", tensors), hints).makers().values()
    return make()


def assert_steps(model: Model, perceived: object, w: tuple[Array, ...], catalogue: Catalogue) -> None:
    """Compare a step with a net over what `perceived` makes of a state. w: w1, b1, w2."""
    state = numbers(6, 5, model.config.channels, seed=7, spread=0.3)
    expected = state + net(perceived(state.astype(float)), *(a.astype(float) for a in w))  # type: ignore[operator]
    assert np.abs(expected - state).max() > 0.01
    np.testing.assert_allclose(all_fired(model, state, catalogue), expected, atol=1e-5)


def weights(tensors: dict[str, Array], first: str = "w1", second: str = "w2") -> tuple[Array, Array, Array]:
    w1, w2 = (tensors[f"{name}.weight"] for name in (first, second))
    return w1.reshape(w1.shape[:2]), tensors[f"{first}.bias"], w2.reshape(w2.shape[:2])


# Names


@pytest.mark.parametrize(
    "prefix", ["net.", "generator.", "_nca.", "_fsdp_wrapped_module.", "module.", "a.b.c.", "model._orig_mod.net."]
)
def test_any_prefix_goes(prefix: str) -> None:
    plain_model = one(NOTEBOOK)
    named = one({f"{prefix}{name}": array for name, array in NOTEBOOK.items()})
    assert equal_models(plain_model, named)
    inner = one({name.replace("w1.", "w1._fsdp_wrapped_module."): array for name, array in NOTEBOOK.items()})
    assert equal_models(plain_model, inner)


def test_a_prefix_goes_in_every_container(tmp_path: Path) -> None:
    safetensors.numpy.save_file({f"model.{n}": a for n, a in NOTEBOOK.items()}, tmp_path / "m.safetensors")
    model = model_files.load(tmp_path / "m.safetensors")
    assert model.config.family == "notebook"
    assert model.config.colour.offset == 0.5
    np.testing.assert_array_equal(model.w1, one(NOTEBOOK).w1)


def test_a_sequential_in_a_module_keeps_its_program() -> None:
    made = state_dict(12, names=("update_module.0", "update_module.2"))
    model = one({f"module.ca.{name}": array for name, array in made.items()})
    assert equal_models(model, one(made))
    assert (model.config.padding, model.config.seed) == ("zero", Seed("point", 1.0, first=3))
    assert [f.gain for f in model.config.features] == [1, 1, 1]
    assert not model.config.notes


def test_layers_of_other_names_are_found_by_their_shapes() -> None:
    made = state_dict(16, names=("to_hidden", "to_state"))
    model = one({"a.to_state.weight": made.pop("to_state.weight"), **{f"a.{n}": a for n, a in made.items()}})
    np.testing.assert_array_equal(model.w1, one(NOTEBOOK).w1)
    assert model.config.notes[0].startswith("a guess")
    assert "it may also be of the family notebook" in one(state_dict(16, names=("0", "2"))).config.notes[0]


def test_what_a_step_never_needs_is_named(catalogue: Catalogue) -> None:
    beside = {
        "n_averaged": np.array(500.0, np.float32), "loss.vgg.0.weight": numbers(8, 3, 3, 3),
        "loss.vgg.0.bias": numbers(8), "optimizer.exp_avg": numbers(6, 16),
    }  # fmt: skip
    model = one({**beside, **{f"nca.{n}": a for n, a in NOTEBOOK.items()}})
    assert not model.config.notes
    for name in beside:
        assert name in model.config.attribution["not needed"]
    np.testing.assert_array_equal(model.w1, one(NOTEBOOK).w1)


def test_what_is_not_known_is_said_to_be_left_out() -> None:
    model = one({**NOTEBOOK, "temperature": numbers(3)})
    assert model.config.notes == ["left out, because its meaning is not known: temperature"]


def test_weights_kept_as_length_and_direction() -> None:
    w1 = NOTEBOOK["w1.weight"]
    length = np.linalg.norm(w1.reshape(len(w1), -1), axis=1).reshape(-1, 1, 1, 1)
    rest = {name: array for name, array in NOTEBOOK.items() if name != "w1.weight"}
    new = tuple(f"parametrizations.weight.original{number}" for number in (0, 1))
    for size, direction in (("weight_g", "weight_v"), new):
        model = one({f"w1.{size}": length, f"w1.{direction}": w1 * 3, **rest})
        np.testing.assert_allclose(model.w1, one(NOTEBOOK).w1, rtol=1e-5)


def test_layers_of_other_libraries() -> None:
    w1, b1, w2 = weights(NOTEBOOK)
    flax = {
        "params.Conv_0.kernel": w1.T[None, None],
        "params.Conv_0.bias": b1,
        "params.Conv_1.kernel": w2.T[None, None],
    }
    forms = [
        {"w1": w1, "b1": b1, "w2": w2},
        {"w1": w1.T, "b1": b1[None], "w2": w2.T},
        {"Dense_0.kernel": w1.T, "Dense_0.bias": b1, "Dense_1.kernel": w2.T},
        flax,
    ]
    for form in forms:
        model = one({name: np.ascontiguousarray(array) for name, array in form.items()})
        np.testing.assert_array_equal(model.w1, one(NOTEBOOK).w1)
        np.testing.assert_array_equal(model.b1, b1)
        np.testing.assert_array_equal(model.w2, w2)
        assert model.config.notes[0].startswith("a guess")


# Layers


@pytest.mark.parametrize(
    "more",
    [
        {"w3.weight": numbers(4, 4, 1, 1), "w3.bias": numbers(4)},
        {"norm.weight": numbers(6), "norm.running_mean": numbers(6), "norm.num_batches_tracked": np.float32(5)},
        {"embed.weight": numbers(10, 7)},
        {"act.weight": numbers(1)},
    ],
)
def test_a_net_with_more_layers_is_refused(more: dict[str, Array]) -> None:
    for tensors in ({**NOTEBOOK, **more}, {f"net.{n}": a for n, a in {**NOTEBOOK, **more}.items()}):
        with pytest.raises(NCAError, match=f"more layers than ncaengine runs.*{next(iter(more))}"):
            one({name: np.asarray(array) for name, array in tensors.items()})


def test_a_sequential_of_three_layers_is_refused() -> None:
    made = state_dict(16, names=("net.0", "net.2"))
    with pytest.raises(NCAError, match=r"runs nets of two layers.*net.0.weight.*net.4.weight"):
        one({**made, "net.4.weight": numbers(4, 4, 1, 1)})


def test_numbers_of_a_sequential_show_what_lies_between_its_layers(catalogue: Catalogue) -> None:
    perceive = {"net.0.weight": numbers(12, CHANNELS, 3, 3, seed=3)}
    model = one({**perceive, **state_dict(12, names=("net.1", "net.3"))})
    assert_steps(model, lambda x: dense(x, perceive["net.0.weight"]), weights(state_dict(12)), catalogue)
    with pytest.raises(NCAError, match=r"more layers than ncaengine runs: beside net\.2 and net\.4 it holds "):
        one({**perceive, **state_dict(12, names=("net.2", "net.4"))})


def test_filters_that_the_file_lists_in_another_order_are_a_guess() -> None:
    net = state_dict(12, names=("fc0", "fc1"))
    usual = one({**net, "sobel_x": S / 8, "sobel_y": S.T / 8})
    assert usual.config.attribution["reading"].startswith("likely")
    reading = one({**net, "dx": S.T / 8, "dy": S / 8}).config.attribution["reading"]
    assert reading.startswith("a guess: ")
    assert "the order of the filters is guessed" in reading


def test_shapes_that_do_not_fit_say_so() -> None:
    with pytest.raises(NCAError, match="the first layer has 60 inputs"):
        one(state_dict(60, channels=16, names=("conv1", "conv2")))
    cubes = {name: a[..., None] if a.ndim == 4 else a for name, a in state_dict(16).items()}
    with pytest.raises(NCAError, match="three dimensions"):
        one(cubes)
    for names in (("w1", "w2"), ("fc0", "fc1"), ("net.0", "net.2")):
        rows = {name: a[..., 0] if a.ndim == 4 else a for name, a in state_dict(16, names=names).items()}
        with pytest.raises(NCAError, match="of a convolution in one dimension; ncaengine runs automata of two"):
            one(rows)
    with pytest.raises(NCAError, match=r"w2.weight has shape \(5, .*if it holds several nets, save each by itself"):
        one({name: np.stack([a] * 5) for name, a in state_dict(16).items()})


# Filters in the file


@pytest.mark.parametrize("name", ["filters", "filter._filters", "perception.filters", "perceive.weight"])
@pytest.mark.parametrize("shape", ["k33", "k133"])
def test_filters_that_all_channels_share(catalogue: Catalogue, name: str, shape: str) -> None:
    filters = np.stack([ONE, SCHARR, SCHARR.T, CROSS]).astype(np.float32)
    held = filters if shape == "k33" else filters[:, None]
    model = one({**NOTEBOOK, name: held})
    assert_steps(
        model, lambda x: channel_major([filtered(x, f, "circular") for f in filters]), weights(NOTEBOOK), catalogue
    )
    assert len(model.config.stencils) == 3
    assert "filters as in the file" in model.config.attribution["reading"]


@pytest.mark.parametrize(("ds", "dl"), [(8, 8), (8, 16), (1, 4), (1, 1)])
def test_multiples_of_the_kernels_stencils_are_gains(catalogue: Catalogue, ds: float, dl: float) -> None:
    filters = np.stack([ONE, S / ds, S.T / ds, L9 / dl]).astype(np.float32)
    model = one({**NOTEBOOK, "filters": filters})
    assert [(f.stencil, f.gain) for f in model.config.features] == [
        ("identity", 1), ("gradient_x", 8 / ds), ("gradient_y", 8 / ds), ("laplacian", 4 / dl),
    ]  # fmt: skip
    assert not model.config.stencils
    assert_steps(
        model, lambda x: channel_major([filtered(x, f, "circular") for f in filters]), weights(NOTEBOOK), catalogue
    )
    repeated = one({**NOTEBOOK, "conv.weight": np.tile(filters[:, None], (CHANNELS, 1, 1, 1))})
    assert repeated.config.features == model.config.features


@pytest.mark.parametrize("repeated", [False, True])
def test_buffers_for_each_gradient(catalogue: Catalogue, repeated: bool) -> None:
    """Programs apply each to all channels, and put the results behind the channels."""
    tensors = state_dict(12, names=("conv1", "conv2"))
    up = -S.T / 4
    held = {"sobel_y": up, "sobel_x": S / 4}
    shape = (CHANNELS if repeated else 1, 1, 1, 1)
    buffers = {name: np.tile(f[None, None].astype(np.float32), shape) for name, f in held.items()}
    model = one({**tensors, **buffers}, Hints(alive="none", padding="zero"))
    assert_steps(
        model, lambda x: filter_major([filtered(x, f, "zero") for f in (ONE, S / 4, up)]),
        weights(tensors, "conv1", "conv2"), catalogue,
    )  # fmt: skip
    assert "order of the inputs" in model.config.notes[0]


@pytest.mark.parametrize("held", ["ident sobel_x lap", "sobel_x lap", "lap sobel_x sobel_y ident"])
def test_plain_matrices_are_stacked_and_the_transpose_is_implied(catalogue: Catalogue, held: str) -> None:
    filters = {"ident": ONE, "sobel_x": S / 2, "sobel_y": S.T / 2, "lap": CROSS}
    model = one({**NOTEBOOK, **{name: filters[name].astype(np.float32) for name in held.split()}})
    assert_steps(
        model, lambda x: channel_major([filtered(x, f, "circular") for f in filters.values()]), weights(NOTEBOOK),
        catalogue,
    )  # fmt: skip


def depthwise(x: Array, filters: Array) -> Array:
    """Apply a convolution in groups, (channels · n, 1, side, side), as torch does: n outputs for each channel."""
    each = len(filters) // x.shape[2]
    out = [filtered(x[..., o // each : o // each + 1], f[0], "circular")[..., 0] for o, f in enumerate(filters)]
    return np.stack(out, -1)


@pytest.mark.parametrize("side", [3, 5])
def test_learned_filters_of_each_channel(catalogue: Catalogue, side: int) -> None:
    tensors, filters = state_dict(12), numbers(3 * CHANNELS, 1, side, side, seed=9)
    bias = numbers(3 * CHANNELS, seed=10)
    w1, b1, w2 = weights(tensors)
    model = one({**tensors, "perceive.weight": filters, "perceive.bias": bias})
    assert_steps(model, lambda x: depthwise(x, filters) + bias, (w1, b1, w2), catalogue)
    assert len(model.config.features) == 12


def test_learned_filters_behind_the_channels(catalogue: Catalogue) -> None:
    tensors, filters = state_dict(12), numbers(2 * CHANNELS, 1, 3, 3, seed=9)
    model = one({**tensors, "perceive.weight": filters})
    assert_steps(model, lambda x: np.concatenate([x, depthwise(x, filters)], -1), weights(tensors), catalogue)


def dense(x: Array, filters: Array) -> Array:
    """Apply a convolution over all channels, (outputs, channels, 3, 3)."""
    out = [sum(filtered(x[..., c : c + 1], f[c], "circular")[..., 0] for c in range(x.shape[2])) for f in filters]
    return np.stack(out, -1)


@pytest.mark.parametrize("in_sequence", [False, True])
def test_a_learned_perception_of_all_channels(catalogue: Catalogue, in_sequence: bool) -> None:
    names = ("net.1", "net.3") if in_sequence else ("w1", "w2")
    tensors, filters, bias = state_dict(12, names=names), numbers(12, CHANNELS, 3, 3, seed=9), numbers(12, seed=3)
    name = "net.0" if in_sequence else "perceive"
    model = one({f"{name}.weight": filters, f"{name}.bias": bias, **tensors}, Hints(alive="none", padding="circular"))
    assert_steps(model, lambda x: dense(x, filters) + bias, weights(tensors, *names), catalogue)


def test_several_learned_convolutions_behind_the_channels(catalogue: Catalogue) -> None:
    tensors = state_dict(12)
    parts = {f"p{n}": (numbers(CHANNELS, CHANNELS, 3, 3, seed=9 + n), numbers(CHANNELS, seed=n)) for n in (0, 1)}
    held = {
        f"{name}.{kind}": a for name, pair in parts.items() for kind, a in zip(("weight", "bias"), pair, strict=True)
    }
    model = one({**held, **tensors}, Hints(alive="none", padding="circular"))
    assert_steps(
        model, lambda x: np.concatenate([x, *(dense(x, f) + b for f, b in parts.values())], -1), weights(tensors),
        catalogue,
    )  # fmt: skip


def test_a_first_layer_of_three_by_three(catalogue: Catalogue) -> None:
    first = numbers(6, CHANNELS, 3, 3, seed=9)
    tensors = {**state_dict(12), "w1.weight": first}
    b1, w2 = tensors["w1.bias"], tensors["w2.weight"][:, :, 0, 0]
    model = one(tensors)
    identity = np.eye(6, dtype=np.float32)
    assert_steps(model, lambda x: dense(x, first), (identity, b1, w2), catalogue)


def test_of_several_filters_those_that_fit_are_used(catalogue: Catalogue) -> None:
    filters = np.stack([ONE, S, S.T, CROSS]).astype(np.float32)
    model = one({**NOTEBOOK, "blur": np.ones((7, 3, 3), np.float32), "filters": filters})
    assert_steps(
        model, lambda x: channel_major([filtered(x, f, "circular") for f in filters]), weights(NOTEBOOK), catalogue
    )
    assert model.config.notes == ["left out, because they do not fit the net's inputs: the filters blur"]


def test_filters_that_fit_nothing_are_told_of() -> None:
    model = one({**NOTEBOOK, "blur": np.ones((7, 3, 3), np.float32)})
    assert "do not fit" in model.config.notes[0]


def test_flags_win_over_filters_in_the_file() -> None:
    filters = np.stack([ONE, S, S.T, L9]).astype(np.float32)
    model = one({**NOTEBOOK, "filters": filters}, Hints(filters="eighths"))
    assert [f.gain for f in model.config.features] == [1, 1, 1, 0.5]
    readings = identify(decoded("tensors", {**NOTEBOOK, "filters": filters})).candidates()
    assert {label.split()[0] for label, _ in readings} == {"--order"}
    assert not any("--filters" in label for label, _ in readings)


def test_a_convolution_over_all_channels_that_sees_one_at_a_time_is_its_filters(catalogue: Catalogue) -> None:
    made = state_dict(16)
    dense = np.zeros((16, CHANNELS, 3, 3), np.float32)
    for number, stencil in enumerate((ONE, S / 8, S.T / 8, L9 / 16)):
        for channel in range(CHANNELS):
            dense[number * CHANNELS + channel, channel] = stencil
    bias = numbers(16, seed=12)
    model = one({**made, "perceive.weight": dense, "perceive.bias": bias})
    assert [f.stencil for f in model.config.features] == ["identity", "gradient_x", "gradient_y", "laplacian"]
    assert not model.config.stencils

    def see(x: Array) -> Array:
        return filter_major([filtered(x, f, "circular") for f in (ONE, S / 8, S.T / 8, L9 / 16)]) + bias

    assert_steps(model, see, weights(made), catalogue)


# Life, and what flags say


@pytest.mark.parametrize("when", ["before", "after", "both"])
def test_when_cells_must_be_alive(catalogue: Catalogue, when: str) -> None:
    tensors = state_dict(12)
    model = one(tensors, Hints(alive=when, filters="eighths", padding="zero"))  # type: ignore[arg-type]
    assert model.config.alive == Alive(3, 0.1, when)  # type: ignore[arg-type]
    state = numbers(6, 5, CHANNELS, seed=7, spread=0.1)
    x = state.astype(float)
    seen = channel_major([filtered(x, f, "zero") for f in (ONE, S / 8, S.T / 8)])
    y = x + net(seen, *(a.astype(float) for a in weights(tensors)))
    for state_of_life in {"before": [x], "after": [y], "both": [x, y]}[when]:
        y = y * plain.alive(state_of_life, "zero")
    assert 0 < (y == 0).mean() < 1
    np.testing.assert_allclose(all_fired(model, state, catalogue), y, atol=1e-5)


def test_flags_for_all_that_a_file_may_not_say() -> None:
    hints = Hints(
        padding="replicate", seed_form="opaque", gradient_sign="up", alive="after", fire_rate=0.25, state_clip=2.0
    )
    model = one(NOTEBOOK, hints)
    c = model.config
    assert (c.padding, c.seed.kind, c.fire_rate, c.clips.state) == ("replicate", "image", 0.25, (-2, 2))
    assert model.seed is not None
    assert model.seed.tolist() == [[[0, 0, 0, 1]]]
    assert [f.gain for f in c.features] == [1, 8, -8, 4]
    assert one(NOTEBOOK, Hints(seed_form="point", state_clip=0.0)).config.seed == Seed("point", 1.0, first=3)
    for wrong in (Hints(fire_rate=0.0), Hints(state_clip=-1.0)):
        with pytest.raises(NCAError):
            one(NOTEBOOK, wrong)


def test_the_files_own_fire_rate_is_used() -> None:
    assert one({**NOTEBOOK, "fire_rate": np.array(0.75, np.float32)}).config.fire_rate == 0.75


def test_numbers_of_the_file_are_used() -> None:
    made = state_dict(12, names=("fc0", "fc1"), conv=False)
    model = one({**made, "step_size": np.array([0.5], np.float32), "alive_threshold": np.array(0.25, np.float32)})
    assert model.config.alive == Alive(3, 0.25)
    np.testing.assert_array_equal(model.w2, 0.5 * made["fc1.weight"])
    assert not model.config.notes


def test_further_readings_change_one_choice_or_two() -> None:
    found = identify(decoded("tensors", NOTEBOOK))
    base = found.candidates()[3][0]
    labels = [label for label, _ in found.candidates(base)]
    assert all(label.startswith(base) for label in labels)
    added = [label.removeprefix(base).split()[::2] for label in labels]
    assert {len(flags) for flags in added} == {1, 2}
    assert {flag for flags in added for flag in flags} == {
        "--padding", "--seed-form", "--alive", "--fire-rate", "--integrator", "--state-clip",
    }  # fmt: skip


# Who made it


def test_only_what_the_project_published_is_by_its_authors() -> None:
    def credited(names: list[str]) -> dict[str, str]:
        file = {**hexells(), "model_names": names}
        return next(iter(identify(decoded("json", file)).makers().values()))().config.attribution

    assert "Niklasson" in credited(["texture/models/a", "texture/models/b", "texture/models/c"])["authors"]
    unknown = credited(["a", "b", "c"])
    assert unknown["authors"] == "unknown: ask who trained it"
    assert unknown["licence"].startswith("unknown")
    noise = one({**NOTEBOOK, "noise_level": numbers(1)}).config
    assert "NoiseNCA" in noise.attribution["source"]
    assert not noise.non_commercial
    assert "Pajouheshgar" not in str(noise.attribution)
