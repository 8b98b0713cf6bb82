"""`ncaengine export`: what it writes and what it refuses."""

import base64
import dataclasses
import io
import itertools
import json
import webbrowser
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import platformdirs
import pytest
import torch
from cli_calls import problem, run
from exporting import REFUSED_BY_BOTH, shipped
from PIL import Image

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.cli import export
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import WEIGHTS, Model
from ncaengine.formats import model_files
from ncaengine.formats.exporters import atlas, shadertoy
from ncaengine.io import pages


@pytest.fixture
def command() -> Any:
    """`ncaengine export` of the arguments."""
    import tyro

    from ncaengine.cli.export import Export

    def run(*arguments: object) -> None:
        tyro.cli(Export, args=[str(a) for a in arguments]).run()

    return run


def test_the_command_writes_an_atlas(tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "models.json"
    command("zebra", "weave", "-o", path)
    assert capsys.readouterr().out == f"2 models in {path}, the first is zebra\n"
    assert [(m.config.name, m.config.credit) for m in model_files.open_file(path).models.values()] == [
        (name, "the ncaengine authors · Apache-2.0") for name in ("zebra", "weave")
    ]


def test_equal_models_are_measured_once(tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def measure(model: Model, kernel: Kernel, states: Iterator[np.ndarray]) -> atlas.Ranges:
        ran.append(model.config.name)
        return measured_before(model, kernel, [next(states)])

    measured_before = atlas.measure
    monkeypatch.setattr(atlas, "measure", measure)
    command("zebra", "weave", "zebra", "-o", tmp_path / "a.json")
    assert ran == ["zebra", "weave"]
    assert len(list(model_files.open_file(tmp_path / "a.json").models.values())) == 3


def test_both_backends_measure_the_same_ranges(catalogue: Catalogue, gl: GLBackend, simulate) -> None:
    model, kernel = shipped("zebra"), catalogue.get("square")
    ours, truth = (
        atlas.measure(model, kernel, itertools.islice(export.states_of_rollout(sim, model, "square"), 4))
        for sim in (simulate(gl), simulate(TorchBackend()))
    )
    np.testing.assert_allclose(ours.hidden, truth.hidden, atol=1e-3)
    np.testing.assert_allclose(ours.channels, truth.channels, atol=1e-3)


def test_an_exported_state_dict_opens_as_the_model(
    tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "zebra.pt"
    command("zebra", "-o", path)
    printed = capsys.readouterr().err
    assert "it has w2.bias" in printed
    credit = "the ncaengine authors · Apache-2.0"
    assert f"record separately that it is zebra, for square and hexagonal, by {credit}" in printed
    model, found = shipped("zebra"), model_files.load(path)
    assert all(np.array_equal(getattr(found, name), getattr(model, name)) for name in WEIGHTS)
    for name in ("features", "clips", "activation", "colour", "fire_rate", "seed", "padding"):
        assert getattr(found.config, name) == getattr(model.config, name)


def test_the_command_writes_glsl(tmp_path: Path, command: Any, catalogue: Catalogue) -> None:
    for name in ("zebra.glsl", "zebra.frag"):
        command("zebra", "-o", tmp_path / name, "--kernel", "hexagonal")
        text = (tmp_path / name).read_text("utf-8")
        assert text == shadertoy.source(shipped("zebra"), catalogue.get("hexagonal"))


def test_the_command_writes_a_page_and_opens_it(
    tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STEPS", 5)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    path = tmp_path / "a.html"
    command("zebra", "weave", "-o", path, "--kernels", "hexagonal", "--size", "40x30", "--seed", "9", "--open")
    assert capsys.readouterr().out == f"2 models in {path}, the first is zebra\n"
    assert opened == [path.as_uri()]
    text = path.read_text("utf-8")
    assert "<title>zebra, weave" in text
    data = unpacked(text)
    assert data["start"] == {"seed": 9, "size": "40x30"}
    assert list(data["kernels"]) == ["hexagonal"]
    assert [(m["name"], m["kernels"], m["weights"]) for m in data["models"]] == [
        (name, ["hexagonal"], shipped(name).parameters) for name in ("zebra", "weave")
    ]
    for model in data["models"]:
        kind, picture = model["picture"].split(",")
        assert kind == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (96, 83)  # as high as the hexagons' rows
        assert len(picture) < 4000


def test_models_of_one_name_are_told_apart(
    tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STEPS", 1)
    command("zebra", "zebra", "-o", tmp_path / "a.html")
    data = unpacked((tmp_path / "a.html").read_text("utf-8"))
    assert [(model["name"], model["title"]) for model in data["models"]] == [(n, n) for n in ("zebra", "zebra-2")]

    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_: tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda address: True)
    model_files.save(shipped("zebra"), tmp_path / "zebra.pt")
    run(capsys, "view", "zebra", tmp_path / "zebra.pt", "--browser")
    data = unpacked((tmp_path / "pages" / "zebra-zebra.html").read_text("utf-8"))
    assert [grid["model"] for grid in data["start"]["grids"]] == ["zebra-2"]


def unpacked(text: str) -> Any:
    """Read the data of a page as assets/page/data.js does."""
    digits = text.split('id="data">')[1].split("<", maxsplit=1)[0].translate(str.maketrans(".,:", "&<>"))
    packed = base64.b85decode(digits)
    data = zlib.decompress(packed[4 : 4 + int.from_bytes(packed[:4], "big")])
    return json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])


def test_a_page_offers_the_kernels_that_its_models_were_made_for(
    tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "STEPS", 1)
    command("zebra", "-o", tmp_path / "a.html")
    data = unpacked((tmp_path / "a.html").read_text("utf-8"))
    assert list(data["kernels"]) == list(shipped("zebra").config.kernels)
    assert data["start"] == {"seed": 0}


def test_a_name_cannot_control_the_terminal(tmp_path: Path, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    odd = msgspec.structs.replace(shipped("zebra").config, name="red\x1b[31m\nline")
    model_files.save(dataclasses.replace(shipped("zebra"), config=odd), tmp_path / "odd.safetensors")
    command(tmp_path / "odd.safetensors", "-o", tmp_path / "a.glsl")
    assert capsys.readouterr().out.splitlines() == [f"1 model in {tmp_path / 'a.glsl'}: red [31m line"]


def test_the_command_takes_the_form_given(tmp_path: Path, command: Any) -> None:
    command("zebra", "-o", tmp_path / "zebra.txt", "--form", "glsl")
    assert (tmp_path / "zebra.txt").read_text("utf-8").startswith("// zebra")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["zebra", "-o", "zebra.txt"], "this ending is not known"),
        (["-o", "a.json"], "Name a model"),
        (["zebra", "weave", "-o", "a.glsl"], "holds one model, not 2"),
        (["zebra", "weave", "-o", "a.pt"], "holds one model, not 2"),
        (["zebra", "-o", "a.glsl", "--kernel", "no"], "no kernel 'no'"),
        (["zebra", "-o", "a.html", "--kernels", "square", "no"], "no kernel 'no'"),
        (["zebra", "-o", "a.html", "--size", "4x40"], "use from 8 to 4096"),
        (["nothing", "-o", "a.glsl"], "neither a file nor a shipped model"),
        (["zebra", "-o", "no/a.glsl"], "its folder does not exist"),
        (["zebra", "-o", "-", "--form", "page"], "name a file"),
    ],
)
def test_refused_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NCAError, match=message):
        command(*arguments)
    assert not list(tmp_path.iterdir())


def test_a_refused_model_leaves_the_file_unchanged(tmp_path: Path, command: Any) -> None:
    model_files.save(REFUSED_BY_BOTH["alive"][0], tmp_path / "m.safetensors")
    (tmp_path / "a.json").write_text("before")
    with pytest.raises(NCAError, match="lets cells die"):
        command(tmp_path / "m.safetensors", "-o", tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "before"


def test_export_chooses_the_form_by_the_ending(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, start in (("a.json", '{"model_names"'), ("a.glsl", "//")):
        run(capsys, "export", "zebra", "-o", tmp_path / name)
        assert (tmp_path / name).read_text().lstrip().startswith(start)
    run(capsys, "export", "zebra", "-o", tmp_path / "a.pt")
    assert set(torch.load(tmp_path / "a.pt", weights_only=True)) >= {"w1.weight", "w1.bias", "w2.weight"}
    assert "a.xyz" in problem(capsys, "export", "zebra", "-o", tmp_path / "a.xyz")
