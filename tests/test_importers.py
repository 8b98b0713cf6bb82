"""Published weights: the atlases of hexells and the notebook's state dicts."""

import base64
import copy
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG
from PIL import Image

from ncaengine import files
from ncaengine.errors import NCAError
from ncaengine.importers import notebook, selforg
from ncaengine.model import WEIGHTS, Colour, Model

ATLAS = "published/selforg-textures/hexells.json"


@pytest.fixture(scope="session")
def atlas(shared: Path) -> dict[str, Any]:
    return json.loads((shared / ATLAS).read_text("utf-8"))


def decoded(layer: dict[str, Any], index: int) -> np.ndarray:
    """One model's (inputs + 1, outputs) of a layer, pixel by pixel after the table of data/README.md."""
    rows, outputs = json.loads(layer["shape"]) if isinstance(layer["shape"], str) else layer["shape"]
    across = (json.loads(layer["layout"]) if isinstance(layer["layout"], str) else layer["layout"])[0]
    picture = Image.open(io.BytesIO(base64.b64decode(layer["data"].split(",")[1]))).convert("RGBA")
    left, top = index % across * (outputs // 4), index // across * rows
    out = np.zeros((rows, outputs))
    for row in range(rows):
        for quad in range(outputs // 4):
            for k, byte in enumerate(picture.getpixel((left + quad, top + row))):
                out[row, 4 * quad + k] = (byte / 255 - 127 / 255) * layer["scale"]
    return out


def test_all_173_models_import_under_names_of_their_own(hexells: dict[str, Model], atlas: dict[str, Any]) -> None:
    assert len(hexells) == len(atlas["model_names"]) == 173
    assert {"dots", "bubbly_0101"} <= set(hexells)
    for name, model in hexells.items():
        assert model.config.name == name
        assert not set('/\\:*?"<>| ') & set(name)
        assert not name.startswith(".")
        assert (model.config.channels, model.config.hidden, model.config.inputs) == (12, 96, 48)


def test_the_models_differ(hexells: dict[str, Model]) -> None:
    assert len({m.w1.tobytes() for m in hexells.values()}) > 165  # a few were published twice


@pytest.mark.parametrize("name", ["dots", "bubbly_0101"])
def test_weights_are_those_of_an_independent_decode(
    hexells: dict[str, Model], atlas: dict[str, Any], name: str
) -> None:
    index = [n.split("/")[-1] for n in atlas["model_names"]].index(name)
    first, second = (decoded(layer, index) for layer in atlas["layers"])
    found = hexells[name]
    np.testing.assert_allclose(found.w1, first[:-1].T, atol=1e-6)
    np.testing.assert_allclose(found.b1, first[-1], atol=1e-6)
    np.testing.assert_allclose(found.w2, second[:-1].T, atol=1e-6)
    np.testing.assert_allclose(found.b2, second[-1], atol=1e-6)
    assert np.abs(found.w1).max() > 0.1


def test_conventions_of_the_atlas(hexells: dict[str, Model]) -> None:
    c = hexells["dots"].config
    assert [(f.stencil, f.gain) for f in c.features] == [
        ("identity", 1.0), ("gradient_x", 1.0), ("gradient_y", 1.0), ("laplacian", 0.5),
    ]  # fmt: skip
    assert c.activation == "linear"
    assert (c.clips.perception, c.clips.hidden, c.clips.update, c.clips.state) == ((-2, 2), (0, 2), (-2, 2), (-2, 2))
    assert (c.padding, c.fire_rate, c.seed.kind) == ("circular", 0.5, "zeros")
    assert c.colour == Colour(0.5, 0.5)
    assert c.family == "selforg-textures"


def small_atlas() -> dict[str, Any]:
    """Three models of 4 channels and 8 hidden units in 2 x 2 tiles of noise."""
    rng = np.random.default_rng(0)

    def layer(rows: int, outputs: int) -> dict[str, Any]:
        pixels = rng.integers(0, 256, (2 * rows, 2 * outputs // 4, 4), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "png")
        data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        return {"scale": 2.0, "shape": [rows, outputs], "layout": [2, 2], "data": data}

    return {"model_names": ["a/x", "b/x", ".hidden name"], "layers": [layer(17, 8), layer(9, 4)]}


def test_a_small_atlas_imports_with_names_fit_for_files() -> None:
    made = small_atlas()
    found = list(selforg.models(made))
    assert [m.config.name for m in found] == ["x", "x-2", "hidden_name"]
    for index, model in enumerate(found):
        np.testing.assert_allclose(model.w1, decoded(made["layers"][0], index)[:-1].T, atol=1e-6)
        np.testing.assert_allclose(model.b2, decoded(made["layers"][1], index)[-1], atol=1e-6)


def no_png(d: dict[str, Any]) -> None:
    d["layers"][0]["data"] = base64.b64encode(b"not a picture").decode()


def cut_png(d: dict[str, Any]) -> None:
    whole = base64.b64decode(d["layers"][0]["data"].split(",")[1])
    d["layers"][0]["data"] = base64.b64encode(whole[: len(whole) // 2]).decode()


def huge_png(d: dict[str, Any], side: int) -> None:
    whole = bytearray(base64.b64decode(d["layers"][0]["data"].split(",")[1]))
    whole[16:24] = side.to_bytes(4, "big") * 2
    whole[29:33] = zlib.crc32(bytes(whole[12:29])).to_bytes(4, "big")
    d["layers"][0]["data"] = base64.b64encode(whole).decode()


def no_base64(d: dict[str, Any]) -> None:
    d["layers"][0]["data"] = "§§§"


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "names are no list": lambda d: d.update(model_names="abc"),
    "a name is no text": lambda d: d.update(model_names=["a", 3]),
    "one layer": lambda d: d["layers"].pop(),
    "three layers": lambda d: d["layers"].append(d["layers"][0]),
    "a layer is no table": lambda d: d["layers"].__setitem__(0, 5),
    "layers that do not fit": lambda d: d["layers"].reverse(),
    "more names than tiles": lambda d: d.update(model_names=list("abcde")),
    "no scale": lambda d: d["layers"][0].pop("scale"),
    "scale of text": lambda d: d["layers"][0].update(scale="big"),
    "scale not finite": lambda d: d["layers"][0].update(scale=float("nan")),
    "scale that overflows": lambda d: d["layers"][0].update(scale=1e300),
    "no shape": lambda d: d["layers"][0].pop("shape"),
    "shape of three": lambda d: d["layers"][0].update(shape=[1, 2, 3]),
    "shape of text": lambda d: d["layers"][0].update(shape="[17, "),
    "shape of another picture": lambda d: d["layers"][0].update(shape=[18, 8]),
    "outputs not by four": lambda d: d["layers"][0].update(shape=[17, 7]),
    "shape 0": lambda d: d["layers"][0].update(shape=[0, 8]),
    "shape negative": lambda d: d["layers"][0].update(shape=[-17, -8]),
    "shape huge": lambda d: d["layers"][0].update(shape=[10**9, 10**9]),
    "shape infinite": lambda d: d["layers"][0].update(shape=[17, float("inf")]),
    "layout 0": lambda d: d["layers"][0].update(layout=[0, 2]),
    "no data": lambda d: d["layers"][0].pop("data"),
    "data is no text": lambda d: d["layers"][0].update(data=5),
    "data is no base64": no_base64,
    "data is no picture": no_png,
    "a truncated picture": cut_png,
    "a picture that claims to be large": lambda d: huge_png(d, 12_000),
    "a picture that claims to be huge": lambda d: huge_png(d, 60_000),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_atlas_is_refused(tmp_path: Path, case: str) -> None:
    made = copy.deepcopy(small_atlas())
    DAMAGE[case](made)
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(made))
    with pytest.raises(NCAError) as caught:
        list(files.published(path))
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", '{"a": 1}', "\x00", "[" * 100_000, '{"model_names": [], "layers": 3}']
)
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "atlas.json"
    path.write_text(text)
    with pytest.raises(NCAError) as caught:
        list(files.published(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_published_takes_model_files_too(tmp_path: Path) -> None:
    from helpers import random_model

    made = random_model(NOTEBOOK_CONFIG)
    files.save(made, tmp_path / "m.safetensors")
    (found,) = files.published(tmp_path / "m.safetensors")
    assert all(np.array_equal(getattr(found, n), getattr(made, n)) for n in WEIGHTS)


def test_channel_major_weights_are_reordered() -> None:
    channels, hidden = 3, 2
    # w1 of input (channel c, filter f) holds 10·c + f
    w1 = np.array([[10 * c + f for c in range(channels) for f in range(4)]] * hidden, np.float32)
    w2 = np.zeros((channels, hidden), np.float32)
    made = notebook.from_state_dict(
        {"w1.weight": w1[:, :, None, None], "w1.bias": np.zeros(hidden, np.float32), "w2.weight": w2}, "m"
    )
    assert made.w1[0].tolist() == [10 * c + f for f in range(4) for c in range(channels)]
    assert not made.b2.any()
