"""`ncaengine info` as a user calls it."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_calls import problem, run
from helpers import NOTEBOOK_CONFIG, random_model, small
from published_forms import growing
from rich.console import Console

from ncaengine.cli import info
from ncaengine.cli.shared import model_summary, output
from ncaengine.core.model import Colour, Config
from ncaengine.formats import model_files


def test_info_describes_a_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model_files.save(random_model(NOTEBOOK_CONFIG), tmp_path / "m.safetensors")
    printed = run(capsys, "info", tmp_path / "m.safetensors")
    for part in ("parameters", "5,868", "gradient_x ×8", "w2: mean"):
        assert part in printed
    summary = json.loads(run(capsys, "info", tmp_path / "m.safetensors", "--json"))
    assert (summary["hidden"], summary["parameters"]) == (96, 5868)
    assert set(summary["statistics"]["w1"]) == {"mean", "deviation", "largest"}


def test_info_names_the_family_and_the_reason(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(growing()))
    printed = " ".join(run(capsys, "info", tmp_path / "m.json").split())
    assert "growing, because it is a list of layers" in printed
    assert "where channel 3 near a cell exceeds 0.1" in printed
    assert "CC BY 4.0" in printed


def test_info_describes_what_a_model_computes(capsys: pytest.CaptureFixture[str], atlas: Path) -> None:
    printed = run(capsys, "info", f"{atlas}:x")
    assert "relu, at most" in printed
    assert "hidden 0…" in printed
    assert "RGB = state · 0.5 + 0.5" in printed
    assert "-0…" not in printed


@pytest.mark.parametrize(
    ("colour", "text"),
    [((1.0, 0.0), "RGB = state"), ((1.0, 0.5), "RGB = state + 0.5"), ((2.0, -0.5), "RGB = state · 2 - 0.5")],
)
def test_colours_are_described_without_neutral_terms(colour: tuple[float, float], text: str) -> None:
    assert dict(model_summary.rows(random_model(Config(colour=Colour(*colour))), ""))["colour"] == text


def test_info_lists_the_files_of_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/lizard.json").write_text(json.dumps(growing()))
    (tmp_path / "torn.json").write_text("{")
    for name in ("notes.json", "list.json"):
        (tmp_path / name).write_text('{"colour": "red"}')
    first, second, third, others = run(capsys, "info", tmp_path).splitlines()
    assert first.split()[:3] == ["atlas.json", "selforg-textures", "3"]
    assert second.split()[:3] == ["deep/lizard.json", "growing", "1"]
    assert "CC BY 4.0, if published by the project" in second
    assert "is not JSON" in third
    assert others == "No model in 2 other files: list.json, notes.json"
    printed = json.loads(run(capsys, "info", tmp_path, "--json"))
    assert [file.get("models") for file in printed["files"]] == [3, 1, None, None, None]
    assert [file["recognised"] for file in printed["files"]] == [True, True, False, False, True]
    (tmp_path / "none").mkdir()
    assert "holds no file that could be a model" in problem(capsys, "info", tmp_path / "none")


def test_info_lists_the_models_of_an_atlas(capsys: pytest.CaptureFixture[str], atlas: Path) -> None:
    printed = run(capsys, "info", atlas)
    assert "3 models of the family selforg-textures" in printed
    assert "hidden_name" in printed
    assert f"ncaengine info {atlas}:x" in printed
    text = " ".join(printed.replace("│", " ").split())
    for fact in ("square and hexagonal-distill", "Apache-2.0, if published by the project", "unknown: ask who"):
        assert fact in text
    assert "Niklasson" not in text, "anybody may have made a file of this form"
    listed = json.loads(run(capsys, "info", atlas, "--json"))
    assert listed["models"] == [each["name"] for each in listed["of_each"]] == ["x", "x-2", "hidden_name"]
    assert listed["of_each"][0]["kernels"] == ["square", "hexagonal-distill"]
    assert "hidden_name" in run(capsys, "info", f"{atlas}:hidden_name")
    assert "holds no model 'y'" in problem(capsys, "info", f"{atlas}:y")


def test_a_picture_in_a_terminal_has_two_pixels_per_character(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr("rich.console.Console", lambda file: Console(file=file, force_terminal=True, width=80))
    picture = np.zeros((4, 3, 3), np.uint8)
    picture[1, 2] = (255, 128, 7)
    info.print_picture(picture)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert [line.count("▀") for line in lines] == [3, 3]
    assert "48;2;255;128;7" in lines[0]
    assert "255" not in lines[1]


def test_what_a_model_is_called_is_shown_without_controlling_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "a\x1b]0;b[/c]\n"
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name=name)), tmp_path / "m.pt")
    (tmp_path / "m.pt").rename(tmp_path / "\x1b[2J.pt")
    assert "a ]0;b[/c]" in (printed := run(capsys, "info", tmp_path / "\x1b[2J.pt"))
    assert "\x1b" not in printed + run(capsys, "info", tmp_path)


def test_a_progress_bar_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    with output.progress_bar("{task.fields[loss]}") as bar:
        bar.add_task("[/red]\x1b]0;b", loss="[/]")
    assert "[/red] ]0;b" in shown.getvalue()
