"""Files of Keras: layers by their names, what a configuration says, and damaged files."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdf5_files import hdf5_file
from plain_nca import S, channel_major, filtered, net
from published_forms import numbers
from torch_files import refused

from ncaengine.backends.torch import TorchCells
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files

pytest.importorskip("pyfive")

Array = np.ndarray
C, HIDDEN = 5, 7
IDENTITY = np.pad(np.ones((1, 1)), 1)
W1, B1, W2, B2 = numbers(3 * C, HIDDEN, seed=1), numbers(HIDDEN, seed=2), numbers(HIDDEN, C, seed=3), numbers(C, seed=4)
KERNELS: dict[str, tuple[Array, Array]] = {"conv2d": (W1[None, None], B1), "conv2d_1": (W2[None, None], B2)}
OLD = {name: {name: {"kernel:0": kernel, "bias:0": bias}} for name, (kernel, bias) in KERNELS.items()}
NEW = {"layers": {name: {"vars": {"0": kernel, "1": bias}} for name, (kernel, bias) in KERNELS.items()}}
CONFIG = {
    "class_name": "CAModel",
    "config": {
        "fire_rate": 0.25,
        "layers": [
            {"class_name": "Conv2D", "config": {"kernel_size": [1, 1], "activation": "tanh", "padding": "valid"}},
            {"class_name": "Conv2D", "config": {"kernel_size": [1, 1], "activation": "linear"}},
        ],
    },
}


def agrees(model: Model, perceived: Any, catalogue: Catalogue, g: Any = np.tanh) -> None:
    """Compare a step with a net over what `perceived` makes of a state in which all cells live."""
    state = numbers(6, 5, C, seed=7)
    state[..., 3] = 1
    cells = TorchCells()
    cells.specialise(model, catalogue.get("square"))
    cells.write(state)
    cells.step(0, 0, Settings(fire_rate=1.0))
    x = state.astype(float)
    expected = x + net(perceived(x), W1.T, B1, W2.T, B2, g)
    living = np.abs(cells.read()).sum(-1) > 0
    assert living.sum() > 20
    np.testing.assert_allclose(cells.read()[living], expected[living], atol=1e-5)


def growing(x: Array) -> Array:
    """Return what the Colab of growing pictures perceives."""
    return channel_major([filtered(x, f, "zero") for f in (IDENTITY, S / 8, S.T / 8)])


def keras_archive(weights: bytes, config: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.weights.h5", hdf5_file(NEW | {"optimizer": {"vars": {"0": np.zeros(())}}})),
        ("m.h5", hdf5_file(OLD)),
        ("m.h5", hdf5_file({"model_weights": OLD, "optimizer_weights": {"a": np.zeros(3)}})),
        ("m", hdf5_file({"layers": {"update": NEW}})),
    ],
)
def test_weights_of_a_growing_picture(tmp_path: Path, catalogue: Catalogue, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    model = model_files.load(tmp_path / name)
    assert (model.config.name, model.config.family, model.config.activation) == ("m", "growing-torch", "relu")
    assert "left out" not in model.config.attribution
    agrees(model, growing, catalogue, lambda y: np.maximum(y, 0))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("m.keras", keras_archive(hdf5_file(NEW), CONFIG)),
        ("m.h5", hdf5_file({"model_weights": OLD}, model_config=json.dumps(CONFIG))),
    ],
)
def test_a_models_configuration_is_read(tmp_path: Path, catalogue: Catalogue, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    model = model_files.load(tmp_path / name)
    assert model.config.fire_rate == 0.25
    agrees(model, growing, catalogue)


def test_other_activations_are_named(tmp_path: Path) -> None:
    first, second = ({"class_name": "Conv2D", "config": {"activation": name}} for name in ("gelu", "tanh"))
    (tmp_path / "m.keras").write_bytes(keras_archive(hdf5_file(NEW), [first, second]))
    [*_, note] = model_files.load(tmp_path / "m.keras").config.notes
    assert "does not apply config.activation gelu, config.other_activation tanh" in note


def keras_model(path: Path, *layers: dict[str, Any], weights: Any = NEW) -> Model:
    """Load a Sequential of layers, each a class_name and its config."""
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}
    path.write_bytes(keras_archive(hdf5_file(weights), config))
    return model_files.load(path)


def layer(class_name: str, **config: Any) -> dict[str, Any]:
    initializer = {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": None}}
    dtype = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
    name = {"name": class_name.lower(), "trainable": True, "dtype": dtype, "kernel_initializer": initializer}
    return {"class_name": class_name, "config": {**name, **config}}


def cells(**config: Any) -> dict[str, Any]:
    return layer("Conv2D", kernel_size=[1, 1], **{"activation": "linear", **config})


@pytest.mark.parametrize(
    ("between", "said"),
    [
        (layer("LeakyReLU", negative_slope=0.3), "class LeakyReLU"),
        (layer("ELU", alpha=1.0), "class ELU"),
        (layer("Softmax", axis=-1), "class Softmax"),
        (layer("ReLU", negative_slope=0.3, max_value=None), "activation ReLU {'negative_slope': 0.3}"),
        (layer("ReLU", max_value=0.1, threshold=0.0), "activation ReLU {'max_value': 0.1}"),
        (layer("Activation", activation=layer("ReLU", threshold=0.5)), "activation ReLU {'threshold': 0.5}"),
        (layer("Activation", activation="gelu"), "activation gelu"),
        (layer("Rescaling", scale=0.1, offset=0), "class Rescaling"),
        (
            layer("AveragePooling2D", padding="same", pool_size=[2, 2]) | {"module": "keras.layers"},
            "class AveragePooling2D",
        ),
        (layer("ZeroPadding2D", padding=[[1, 1], [1, 1]]), "class ZeroPadding2D"),
        (layer("LayerNormalization", center=False, scale=False), "class LayerNormalization"),
        (layer("UnitNormalization"), "class UnitNormalization"),
        (layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wE="}}), "class __lambda__"),
        (layer("TimeDistributed", layer=layer("Softmax")) | {"module": "keras.layers"}, "class TimeDistributed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_layers_that_are_not_run_are_named(tmp_path: Path, between: dict[str, Any], said: str) -> None:
    facts = keras_model(tmp_path / "m.keras", cells(), between, cells()).config.attribution
    assert f"does not apply config.{said}" in facts["left out"]
    assert "linear" not in facts.get("stated in the file", "")


def test_layers_that_do_nothing_after_the_training_are_not_named(tmp_path: Path, catalogue: Catalogue) -> None:
    inert = [layer("InputLayer", batch_shape=[None, None, None, C]), layer("Dropout", rate=0.5), layer("GaussianNoise")]
    model = keras_model(tmp_path / "m.keras", *inert, cells(), layer("ReLU"), layer("SpatialDropout2D"), cells())
    assert "left out" not in model.config.attribution
    assert model.config.attribution["stated in the file"] == "config.activation relu"
    agrees(model, growing, catalogue, lambda y: np.maximum(y, 0))
    model = keras_model(tmp_path / "m.keras", cells(), cells())
    agrees(model, growing, catalogue, lambda y: y)


@pytest.mark.parametrize(("key", "said"), [("dilation_rate", "dilation"), ("strides", "stride")])
def test_convolutions_with_gaps_are_named(tmp_path: Path, key: str, said: str) -> None:
    wide = {"conv2d_0": {"vars": {"0": numbers(3, 3, C, 3 * C, seed=9)}}}
    weights = {"layers": {**wide, **NEW["layers"]}}
    perceives: dict[str, Any] = {"kernel_size": [3, 3], "padding": "same", "activation": "linear"}
    for gap in ([1, 1], [2, 2]):
        perceive = layer("Conv2D", **perceives, **{key: gap})
        model = keras_model(tmp_path / "m.keras", perceive, cells(activation="relu"), cells(), weights=weights)
        assert (f"config.{said} [2, 2]" in model.config.attribution.get("left out", "")) == (gap == [2, 2])


def test_settings_of_a_programs_own_layers_are_read_and_those_that_differ_are_named(tmp_path: Path) -> None:
    own = layer("StochasticUpdate", fire_rate=0.25) | {"module": "nca.layers"}
    facts = keras_model(tmp_path / "m.keras", cells(activation="tanh"), layer("ReLU"), cells(), own).config.attribution
    assert "config.fire_rate 0.25" in facts["stated in the file"]
    assert "config.class StochasticUpdate" in facts["left out"]
    assert "config.relu.activation relu" in facts["left out"]


@pytest.mark.parametrize("names", [("gamma", "beta", "moving_mean", "moving_variance"), ("gamma",)])
def test_a_norm_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    norm = {"norm": {"norm": {f"{name}:0": B1 for name in names}}}
    (tmp_path / "m.weights.h5").write_bytes(hdf5_file(OLD | norm))
    assert refused(tmp_path / "m.weights.h5").startswith(
        "has more layers than ncaengine runs: beside conv2d and conv2d_1 it holds 'norm.weight' (7,)"
    )


def test_a_configuration_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(keras_archive(hdf5_file(NEW), [cells()] * 2000))
    assert refused(tmp_path / "m.keras") == "has a configuration of more parts than ncaengine reads."


def test_learned_filters_of_each_channel(tmp_path: Path, catalogue: Catalogue) -> None:
    filters = numbers(3, 3, C, 3, seed=9)
    (tmp_path / "m.h5").write_bytes(hdf5_file(OLD | {"perceive": {"perceive": {"depthwise_kernel:0": filters}}}))

    def see(x: Array) -> Array:
        each = [filtered(x[..., c : c + 1], filters[..., c, n], "zero") for c in range(C) for n in range(3)]
        return np.concatenate(each, -1)

    agrees(model_files.load(tmp_path / "m.h5"), see, catalogue, lambda y: np.maximum(y, 0))


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.h5"
    whole = hdf5_file(OLD)
    for data in (whole[:300], whole[:48], whole[:20] + bytes(200), whole[:48] + b"\xff" * 400, whole[:8] + bytes(99)):
        path.write_bytes(data)
        assert refused(path) == "is not a complete file of Keras (HDF5); copy or save it again."
    path.write_bytes(hdf5_file({"a": {"b": np.zeros(3)}}))
    assert "is none of" in refused(path)
    (tmp_path / "m.keras").write_bytes(keras_archive(whole[:300], CONFIG))
    assert "is not a complete file of Keras" in refused(tmp_path / "m.keras")
    path.write_bytes(whole)
    monkeypatch.setitem(sys.modules, "pyfive", None)
    assert refused(path).endswith("to read it, install pyfive: pip install pyfive.")
