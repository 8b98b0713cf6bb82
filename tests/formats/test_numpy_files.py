"""What .npy and .npz files and lists of arrays say besides weights: settings, texts, and biases without names."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from published_forms import state_dict
from torch_files import refused

from ncaengine.formats import model_files
from ncaengine.formats.pickle.weights import in_order, read_npz, read_torch

WEIGHTS = state_dict(16, channels=4, hidden=6, bias2=True)
W1, B1, W2, B2 = WEIGHTS.values()
SETTINGS = {"fire_rate": 0.25, "activation": "tanh", "dt": 0.5}


def written(path: Path, **held: Any) -> Path:
    """Write arrays and others by name as the ending of the path says."""
    match path.suffix:
        case ".npy":
            np.save(path, np.array(held, dtype=object), allow_pickle=True)
        case ".npz":
            np.savez(path, **held)
        case _:
            path.write_bytes(pickle.dumps(held))
    return path


@pytest.mark.parametrize(
    ("ending", "more"),
    [
        ("npy", SETTINGS),
        ("npz", SETTINGS),
        ("npz", {"config": np.array(SETTINGS, dtype=object)}),
        ("pkl", SETTINGS),
        ("pkl", {**SETTINGS, "activation": np.str_("tanh")}),
        ("pkl", {**SETTINGS, "activation": np.array("tanh")}),
        ("npy", {"config": {**SETTINGS, "activation": np.array(b"tanh")}}),
    ],
)
def test_settings_beside_arrays_are_read(tmp_path: Path, ending: str, more: dict[str, Any]) -> None:
    model = model_files.load(written(tmp_path / f"m.{ending}", **WEIGHTS, **more))
    assert (model.config.fire_rate, model.config.activation) == (0.25, "tanh")
    np.testing.assert_allclose(model.w2, W2[:, :, 0, 0] / 2)
    np.testing.assert_allclose(model.b2, B2 / 2)


def test_texts_and_truth_values_of_npz(tmp_path: Path) -> None:
    held = {"circular": np.array(True), "called": np.array(["a", "b"]), "w": np.ones((2, 2), bool)}
    found = read_npz(written(tmp_path / "m.npz", **held))
    assert isinstance(found, dict)
    assert found["circular"] is True
    assert found["called"] == "a, b"
    assert found["w"].shape == (2, 2)
    model = model_files.load(written(tmp_path / "n.npz", **WEIGHTS, padding="replicate", called=np.array(["a", "b"])))
    assert model.config.padding == "replicate"
    assert model.config.attribution["left out"] == "left out, because its meaning is not known: called"


def test_long_texts_are_cut(tmp_path: Path) -> None:
    written(tmp_path / "m.pkl", a=np.array(["x" * 1000] * 9), b=np.array("\ud800"))
    assert read_torch(tmp_path / "m.pkl") == {"a": "x" * 100, "b": "?"}


@pytest.mark.parametrize(
    "arrays",
    [[W1, B1, W2, B2], [W1, W2, B1, B2], [W1, W2, B2, B1], [W1, B1, W2], [W1, W2, B1], [W1, W2, B2], [W1, W2]],
)
def test_biases_of_a_list_belong_to_the_layers_that_they_fit(tmp_path: Path, arrays: list[Any]) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(arrays))
    model = model_files.load(tmp_path / "m.pkl")
    given = [id(array) for array in arrays]
    np.testing.assert_array_equal(model.b1, B1 if id(B1) in given else 0 * B1)
    np.testing.assert_array_equal(model.b2, B2 if id(B2) in given else 0 * B2)


def test_biases_of_equal_length_come_in_the_order_of_the_layers(tmp_path: Path) -> None:
    w1, w2, b1, b2 = np.ones((4, 16)), np.ones((4, 4)), np.full(4, 1.0), np.full(4, 2.0)
    for arrays in ([w1, w2, b1, b2], [w1, b1, w2, b2]):
        named = in_order(arrays)
        assert named["layers.0.bias"] is b1
        assert named["layers.2.bias"] is b2
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([w1, w2, b1]))
    assert refused(tmp_path / "m.pkl") == (
        "holds arrays without names; its vector of 4 numbers may be the bias of several layers; save a state dict "
        "instead."
    )


def test_arrays_of_a_list_that_fit_nothing_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([W1, B1, W2, B2, np.ones(9), np.array(0.5)]))
    left = model_files.load(tmp_path / "m.pkl").config.attribution["left out"]
    assert left == "left out, because its meaning is not known: array4, array5"
