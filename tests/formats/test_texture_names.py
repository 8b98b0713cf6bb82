"""A texture of a model of several is opened, exported and described as an ordinary model."""

from pathlib import Path

import numpy as np
import pytest
from cli_calls import problem, run
from simulations import CODES, D

from ncaengine.core import embeddings
from ncaengine.core.errors import NCAError
from ncaengine.core.model import equal_models
from ncaengine.core.model_dicts import config_to_dict, model_from_dict
from ncaengine.formats import model_files


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.safetensors"
    model_files.save(D, path)
    return path


def test_a_file_keeps_the_textures(many: Path) -> None:
    found = model_files.load(many)
    assert equal_models(found, D)
    assert found.config.textures == CODES


def test_a_texture_opens_by_name(many: Path) -> None:
    green = model_files.load(f"{many}:green")
    assert equal_models(green, embeddings.texture(D, "green"))
    assert (green.config.name, green.config.textures, green.config.extra) == ("green", {}, ())
    assert np.allclose(green.b1, D.b1 + D.w1[:, -2:] @ np.float32(CODES["green"]), atol=1e-6)


def test_an_unknown_texture_is_told_with_the_names(many: Path) -> None:
    with pytest.raises(
        NCAError, match=r"many.safetensors: holds no texture 'gren' \(did you mean green\?\); choose from"
    ):
        model_files.load(f"{many}:gren")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"extra": ["embed_1", "embed_0"]}, "count up from embed_0"),
        ({"extra": ["row", "embed_0"]}, "2 numbers; the model reads 1"),
        ({"extra": ["row", "column"]}, "textures without inputs"),
        ({"textures": {}}, "without textures"),
        ({"textures": {"a": [1e300, 0]}}, "not finite"),
        ({"textures": {"": [1, 0]}}, "name of a texture"),
        ({"textures": {str(n): [1, 0] for n in range(33)}}, "length <= 32"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, object], said: str) -> None:
    with pytest.raises(NCAError, match=said):
        model_from_dict({**config_to_dict(D.config), **change}, D.arrays())


def test_info_names_the_textures(many: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "3: red, green, blue" in run(capsys, "info", many)


def test_exports_hold_each_texture_or_ask_for_one(many: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = many.with_suffix(".html")
    assert run(capsys, "export", many, "-o", page).startswith("3 models")
    assert "holds one, as" in problem(capsys, "export", many, "-o", page.with_suffix(".glsl"))
    assert "red" in run(capsys, "export", f"{many}:red", "-o", page.with_suffix(".glsl"))
