"""`ncaengine import`, `info` and `export` as a user calls them."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import NOTEBOOK_CONFIG, random_model
from published_forms import growing, hexells, reaction
from rich.console import Console

from ncaengine.cli import info, main
from ncaengine.cli.shared import model_summary
from ncaengine.core.model import Colour, Config
from ncaengine.formats import model_files


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def problem(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(a) for a in arguments]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("ncaengine: ")
    assert "Traceback" not in printed
    return printed


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    path = tmp_path / "atlas.json"
    path.write_text(json.dumps(hexells()))
    return path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A state dict that does not record its order."""
    model = random_model(NOTEBOOK_CONFIG)
    w1 = model.w1.reshape(96, 4, 12).transpose(0, 2, 1).reshape(96, 48, 1, 1).copy()
    weights = {"w1.weight": w1, "w1.bias": model.b1.copy(), "w2.weight": model.w2[..., None, None].copy()}
    torch.save({key: torch.from_numpy(array) for key, array in weights.items()}, tmp_path / "bare.pt")
    return tmp_path / "bare.pt"


# import


def test_an_atlas_becomes_one_file_per_model(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    printed = run(capsys, "import", atlas, "-o", tmp_path / "all")
    assert f"{atlas}: 3 models of the family selforg-textures" in printed
    assert f"3 models in {tmp_path / 'all'}, the first as x.pt" in printed
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["hidden_name.pt", "x-2.pt", "x.pt"]
    run(capsys, "import", atlas, "-o", tmp_path / "some", "--name", "x*", "--format", "safetensors")
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == ["x-2.safetensors", "x.safetensors"]
    assert "no model's name" in problem(capsys, "import", atlas, "--name", "nothing like it", "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_attribution_is_kept_and_can_be_given(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    run(capsys, "import", atlas, "-o", tmp_path / "m", "--name", "x")
    found = model_files.load(tmp_path / "m/x.pt").config
    assert found.family == "selforg-textures"
    assert {"authors", "source", "licence", "recognised", "file"} <= set(found.attribution)
    run(capsys, "import", atlas, "-o", tmp_path / "m", "--name", "x", "--author", "Me", "--licence", "CC BY-NC 4.0")
    found = model_files.load(tmp_path / "m/x.pt").config
    assert found.credit == "Me · CC BY-NC 4.0"
    assert found.non_commercial


def test_a_folder_is_searched(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/lizard.json").write_text(json.dumps(growing()))
    (folder / "again.json").write_text(atlas.read_text())
    (folder / "broken.json").write_text("{")
    (folder / "picture.png").write_bytes(b"ignored")
    np.save(folder / "spots.npy", np.array(reaction(), dtype=object), allow_pickle=True)
    assert main(["import", str(folder), "-o", str(tmp_path / "out"), "--format", "safetensors"]) == 1
    printed = capsys.readouterr()
    assert "5 models in" in printed.out
    ignored, skipped, *_, last = printed.err.splitlines()
    assert ignored.endswith("ignored 1 file with other endings")
    assert skipped.startswith(f"ncaengine: skipped {folder / 'broken.json'}: is not JSON")
    assert last.endswith("skipped 1 of 4 files, for the reasons above.")
    families = {model_files.load(path).config.family for path in (tmp_path / "out").iterdir()}
    assert families == {"growing", "reaction-diffusion", "selforg-textures"}


def test_models_with_equal_names_are_renamed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "m.json").write_text(json.dumps(growing()))
    assert main(["import", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    assert "1 model was renamed (-2) to avoid duplicates" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["m-2.pt", "m.pt"]
    assert model_files.load(tmp_path / "out/m-2.pt").config.name == "m-2"


def test_one_model_of_a_file_can_be_picked(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    run(capsys, "import", f"{atlas}:hidden_name", "-o", tmp_path / "one")
    assert main(["import", f"{atlas}:x-2", "--detect", "-o", str(tmp_path / "one")]) == 0
    assert "nothing to detect; nothing is ambiguous" in capsys.readouterr().err
    run(capsys, "import", atlas, "--detect", "--name", "x", "-o", tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["hidden_name.pt", "x-2.pt", "x.pt"]
    assert "holds no model 'hid'; the nearest are: hidden_name." in problem(capsys, "import", f"{atlas}:hid")
    assert "no model 'q'; choose from: x, x-2, hidden_name." in problem(capsys, "import", f"{atlas}:q")


def test_detect_respects_the_name(capsys: pytest.CaptureFixture[str], bare: Path) -> None:
    assert "no model's name matches 'other'" in problem(capsys, "import", bare, "--detect", "--name", "other")


def test_a_doubtful_family_gives_a_notice(capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path) -> None:
    assert main(["import", str(bare), "--family", "monash", "-o", str(tmp_path / "m")]) == 0
    assert "it looks like notebook: its state dict has the notebook's keys; read as monash" in capsys.readouterr().err
    assert model_files.load(tmp_path / "m/bare.pt").config.family == "monash"
    printed = problem(capsys, "import", bare, "--family", "growing")
    assert "is not a growing picture: it must be a list of two layers; it looks like notebook: " in printed
    assert main(["import", str(bare), "--family", "notebook", "-o", str(tmp_path / "m")]) == 0
    assert "looks like" not in capsys.readouterr().err


def test_non_commercial_models_are_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path) -> None:
    assert main(["import", str(bare), "--licence", "CC BY-NC 4.0", "-o", str(tmp_path / "m")]) == 0
    assert "1 model may not be used commercially" in capsys.readouterr().err


def test_folders_without_models_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no file that could be a model" in problem(capsys, "import", tmp_path / "empty")
    (tmp_path / "empty/m.json").write_text("[]")
    assert "no file in it could be imported" in problem(capsys, "import", tmp_path / "empty")


def test_flags_supply_the_layout_of_bare_weights(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path
) -> None:
    flags = ("--order", "filter", "--filters", "eighths", "--offset", "0")
    run(capsys, "import", bare, "-o", tmp_path / "m", *flags)
    plain, chosen = model_files.load(bare), model_files.load(tmp_path / "m/bare.pt")
    assert [f.gain for f in chosen.config.features] == [1, 1, 1, 0.5]
    assert chosen.config.colour.offset == 0
    assert not np.array_equal(chosen.w1, plain.w1)


def test_a_row_of_numbers_needs_its_shape(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    channels, hidden = 4, 6
    count = hidden * 4 * channels + hidden + channels * hidden
    np.random.default_rng(0).normal(0, 0.1, count).astype("<f4").tofile(tmp_path / "m.bin")
    assert "give --channels" in problem(capsys, "import", tmp_path / "m.bin")
    run(capsys, "import", tmp_path / "m.bin", "--channels", 4, "--hidden", 6, "-o", tmp_path / "m")
    found = model_files.load(tmp_path / "m/m.pt").config
    assert (found.channels, found.hidden) == (4, 6)


def test_an_unknown_family_lists_the_known_ones(capsys: pytest.CaptureFixture[str], atlas: Path) -> None:
    printed = problem(capsys, "import", atlas, "--family", "unheard-of")
    assert "choose from: selforg-textures, dynca" in printed


def test_detect_with_nothing_to_detect_gives_a_notice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path
) -> None:
    (tmp_path / "one.json").write_text(json.dumps(growing()))
    assert main(["import", str(tmp_path / "one.json"), "--detect", "-o", str(tmp_path / "m")]) == 0
    assert "nothing to detect; nothing is ambiguous" in capsys.readouterr().err
    assert (tmp_path / "m/one.pt").is_file()
    assert "name a file, not a folder" in problem(capsys, "import", tmp_path, "--detect")


def test_detect_reports_every_reading(capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path) -> None:
    """Random weights settle in no reading; the message names the flags to choose one."""
    flags = ("--order", "channel", "--filters", "undivided", "--detect")
    assert main(["import", str(bare), "-o", str(tmp_path / "m"), *flags]) == 1
    printed = capsys.readouterr()
    assert "--offset" in printed.out
    assert "A reading settles" in printed.out
    assert "no reading settles to a texture; choose one with --offset." in printed.err
    assert max(map(len, printed.out.splitlines())) <= 80
    assert not (tmp_path / "m").exists()


# info


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
    first, second, third = run(capsys, "info", tmp_path).splitlines()
    assert first.split()[:3] == ["atlas.json", "selforg-textures", "3"]
    assert second.split()[:3] == ["deep/lizard.json", "growing", "1"]
    assert "CC BY 4.0, if published by the project" in second
    assert "is not JSON" in third
    printed = json.loads(run(capsys, "info", tmp_path, "--json"))
    assert [file.get("models") for file in printed["files"]] == [3, 1, None]
    (tmp_path / "none").mkdir()
    assert "holds no file that could be a model" in problem(capsys, "info", tmp_path / "none")


def test_info_lists_the_models_of_an_atlas(capsys: pytest.CaptureFixture[str], atlas: Path) -> None:
    printed = run(capsys, "info", atlas)
    assert "3 models of the family selforg-textures" in printed
    assert "hidden_name" in printed
    assert f"ncaengine info {atlas}:x" in printed
    for fact in ("square and hexagonal-distill", "Apache-2.0, if published by the project", "Eyvind Niklasson"):
        assert fact in printed
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


# export


def test_export_chooses_the_form_by_the_ending(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, start in (("a.json", '{"model_names"'), ("a.glsl", "//")):
        run(capsys, "export", "zebra", "-o", tmp_path / name)
        assert (tmp_path / name).read_text().lstrip().startswith(start)
    run(capsys, "export", "zebra", "-o", tmp_path / "a.pt")
    assert set(torch.load(tmp_path / "a.pt", weights_only=True)) >= {"w1.weight", "w1.bias", "w2.weight"}
    assert "a.xyz" in problem(capsys, "export", "zebra", "-o", tmp_path / "a.xyz")
