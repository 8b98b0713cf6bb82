"""What JSON files of weights and bare numbers say besides the keys of their form: applied, named, or refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_forms import B, W, atlas, growing, hexells, numbers
from torch_files import refused, saved

from ncaengine.cli.shared.model_summary import rows
from ncaengine.core.model import Model
from ncaengine.formats import model_files

WHOLE = np.array(W).reshape(16, 4).T


def written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


def load(path: Path, data: Any) -> Model:
    return model_files.load(written(path, data))


def reading(model: Model) -> str:
    return dict(rows(model, "of its form"))["reading"]


def test_settings_of_an_atlas_are_applied(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    plain = load(path, atlas())
    assert reading(plain) == "sure: files of this form say what a step computes"
    config = {"fire_rate": 0.25, "dt": 0.5, "state_clip": [-1, 2], "learning_rate": 0.1}
    for more in (config, {"config": config}):
        model = load(path, atlas(padding="zero", **more))
        assert (model.config.fire_rate, model.config.padding) == (0.25, "zero")
        assert model.config.clips.state == (-1, 2)
        np.testing.assert_allclose(model.w2, plain.w2 / 2)
        np.testing.assert_allclose(model.b2, plain.b2 / 2)
        assert "left out" not in model.config.attribution
    assert load(path, hexells() | {"model_names": ["a"], "fire_rate": 0.25}).config.fire_rate == 0.25


@pytest.mark.parametrize("data", [atlas(), growing(), hexells() | {"model_names": ["a"]}])
def test_unknown_keys_are_named(tmp_path: Path, data: Any) -> None:
    layers = data if isinstance(data, list) else data["layers"]
    layers[1] |= {"gain": 3, "note": [1], "name": "second"}
    expected = "layers.1.gain, layers.1.note"
    if isinstance(data, dict):
        data |= {"sharpness": 2, "fire_rate": 10**400, "author_name": "a"}
        expected = f"sharpness, fire_rate, {expected}"
    model = load(tmp_path / "m.json", data)
    assert model.config.attribution["left out"] == f"left out, because its meaning is not known: {expected}"
    assert reading(model) == "likely: files of this form say what a step computes; something was left out"


@pytest.mark.parametrize("data", [atlas(), growing(), hexells()])
def test_settings_of_a_single_layer_are_refused(tmp_path: Path, data: Any) -> None:
    (data if isinstance(data, list) else data["layers"])[0]["activation"] = "tanh"
    assert refused(written(tmp_path / "m.json", data)) == (
        "its layer 0 has the key 'activation', which is not of its form and may change the step; take it out if it "
        "says nothing new."
    )


def test_an_atlas_that_saturates_has_no_factor(tmp_path: Path) -> None:
    assert refused(written(tmp_path / "m.json", hexells() | {"dt": 0.1})) == (
        "says 'dt'; whether that comes before or after its activations saturate is not known."
    )


@pytest.mark.parametrize(
    ("more", "scale", "said"),
    [
        ({}, 1e-3, "a guess: the numbers are whole, so they are taken as thousandths, as the demo's"),
        ({"scale": 0.01}, 0.01, "sure: files of this form say what a step computes"),
        (
            {"Scale": 2, "x": [1]},
            2,
            "likely: files of this form say what a step computes; something was left out",
        ),
    ],
)
def test_the_scale_of_mu_nca_in_a_table(tmp_path: Path, more: dict[str, Any], scale: float, said: str) -> None:
    model = load(tmp_path / "m.json", {"W": W, "b": B, **more, "fire_rate": 0.25, "name": "a"})
    np.testing.assert_allclose(model.w2, WHOLE * scale, rtol=1e-6)
    np.testing.assert_allclose(model.b2, np.array(B) * scale, rtol=1e-6)
    assert model.config.fire_rate == 0.25
    assert reading(model) == said
    assert ("x" in model.config.attribution.get("left out", "")) == ("x" in more)


def test_bare_whole_numbers_are_a_guess_and_others_are_not(tmp_path: Path) -> None:
    assert reading(load(tmp_path / "m.json", [W, B])).startswith("a guess: the numbers are whole")
    model = load(tmp_path / "m.json", [[w / 512 for w in W], B])
    assert reading(model).startswith("sure")
    np.testing.assert_allclose(model.w2, WHOLE / 512)


def test_tensors_beside_mu_nca(tmp_path: Path) -> None:
    path, w = tmp_path / "m.pt", torch.from_numpy(numbers(4, 17, 1, 1))
    more = {"filters": torch.ones(3, 3, 3), "gain": torch.tensor(3.0), "w3": torch.ones(4, 4), "dt": torch.tensor(0.5)}
    model = model_files.load(saved(path, {"w": w, **more}))
    assert model.config.attribution["left out"].endswith("its meaning is not known: filters, gain, w3")
    np.testing.assert_allclose(model.w2, w[:, :16, 0, 0] / 2)
    norm = {"norm.running_mean": torch.zeros(4), "norm.running_var": torch.ones(4)}
    assert refused(saved(path, {"w": w, **norm})).startswith(
        "has more layers than ncaengine runs: beside w and its bias it holds 'norm.running_mean' (4,)"
    )
    assert refused(saved(path, {"w": w, "activation": "tanh"})) == "says 'activation', but a μNCA has no hidden units."
    np.savez(tmp_path / "m.npz", w=w.numpy(), scale=np.float32(2))
    assert model_files.load(tmp_path / "m.npz").config.attribution["left out"].endswith("not known: scale")


@pytest.mark.parametrize("scale", ["0.1", None, True, [1], float("nan")])
def test_a_scale_that_is_no_number_is_refused(tmp_path: Path, scale: Any) -> None:
    path = written(tmp_path / "m.json", {"W": W, "b": B, "scale": scale})
    if scale is None:
        assert model_files.load(path).config.family == "mu-nca"
    else:
        assert refused(path).startswith("its scale is ")
