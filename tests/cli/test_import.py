"""`ncaengine import` as a user calls it."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from cli_calls import problem, run
from helpers import NOTEBOOK_CONFIG, random_model, small
from published_forms import growing, reaction, state_dict

from ncaengine.cli import main
from ncaengine.cli.import_models import Import
from ncaengine.formats import model_files
from ncaengine.formats.importers import FAMILIES


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
    assert ignored.endswith("ignored 1 file without models")
    assert skipped.startswith(f"ncaengine: skipped {folder / 'broken.json'}: is not JSON")
    assert last.endswith("skipped 1 of 4 files, for the reasons above.")
    families = {model_files.load(path).config.family for path in (tmp_path / "out").iterdir()}
    assert families == {"growing", "reaction-diffusion", "selforg-textures"}


def test_models_with_equal_names_are_renamed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for folder, name in (("a", "m"), ("b", "m"), ("c", "M")):  # some systems take m and M for one file
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / f"{name}.json").write_text(json.dumps(growing()))
    assert main(["import", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    assert "2 models were renamed (-2) to avoid duplicates" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["M-3.pt", "m-2.pt", "m.pt"]
    assert model_files.load(tmp_path / "out/m-2.pt").config.name == "m-2"


def test_one_model_of_a_file_can_be_picked(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    run(capsys, "import", f"{atlas}:hidden_name", "-o", tmp_path / "one")
    assert main(["import", f"{atlas}:x-2", "--detect", "-o", str(tmp_path / "one")]) == 0
    assert "nothing to detect; nothing is ambiguous" in capsys.readouterr().err
    run(capsys, "import", atlas, "--detect", "--name", "x", "-o", tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["hidden_name.pt", "x-2.pt", "x.pt"]
    assert "holds no model 'hid'; the nearest are: hidden_name." in problem(capsys, "import", f"{atlas}:hid")
    assert "no model 'q'; choose from: x, x-2, hidden_name." in problem(capsys, "import", f"{atlas}:q")


def test_one_model_may_get_a_file_name(capsys: pytest.CaptureFixture[str], tmp_path: Path, atlas: Path) -> None:
    file = tmp_path / "new" / "mine.safetensors"
    assert main(["import", f"{atlas}:x", "-o", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(file)
    assert model_files.load(file).config.name == "mine"
    for words, said in (
        ([atlas, "-o", file], "models; name one as FILE:NAME, or a folder to write to."),
        ([atlas.parent, "-o", file], "is a file's name, but a folder is imported; name a folder to write to."),
        ([f"{atlas}:x", "-o", tmp_path / "a.pt", "--format", "safetensors"], "does not end in .safetensors"),
    ):
        assert main(["import", *map(str, words)]) == 1
        assert said in capsys.readouterr().err
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    (tmp_path / "folder.pt").mkdir()
    assert main(["import", f"{atlas}:x", "-o", str(tmp_path / "folder.pt")]) == 0
    assert (tmp_path / "folder.pt/x.pt").is_file()


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


def test_detect_varies_the_rest_where_all_else_is_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path
) -> None:
    flags = ("--order", "channel", "--filters", "undivided", "--offset", "0.5", "--detect", "--alive", "none",
             "--fire-rate", "1", "--integrator", "euler", "--state-clip", "1")  # fmt: skip
    main(["import", str(bare), "-o", str(tmp_path / "m"), *flags])
    printed = capsys.readouterr().out
    assert "as the form has it" in printed
    assert "--padding replicate" in printed
    assert "--seed-form noise" in printed
    assert "--fire-rate" not in printed


def test_detect_says_that_it_cannot_tell_which_way_up_a_picture_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(capsys, "export", "bubbles", "-o", tmp_path / "b.pt")
    flags = ("--order", "channel", "--filters", "undivided", "--detect", "-o", str(tmp_path / "m"))
    assert main(["import", str(tmp_path / "b.pt"), *flags]) == 0
    assert "cannot be told by trial" in (printed := capsys.readouterr().err)
    assert "give --gradient-sign up" in printed
    assert main(["import", str(tmp_path / "b.pt"), *flags, "--gradient-sign", "up"]) == 0
    assert "--gradient-sign" not in capsys.readouterr().err


def test_the_help_lists_every_family() -> None:
    [names] = re.findall(r"The family of the file: ([^.]+)\.", inspect.getsource(Import))
    assert re.split(r",\s+|\s+or\s+", names) == [family.name for family in FAMILIES]


def test_flags_say_what_a_file_does_not(capsys: pytest.CaptureFixture[str], tmp_path: Path, bare: Path) -> None:
    flags = ("--padding", "zero", "--seed-form", "opaque", "--gradient-sign", "up", "--alive", "after", "--fire-rate",
             "0.25", "--integrator", "rk4", "--state-clip", "2")  # fmt: skip
    run(capsys, "import", bare, "-o", tmp_path / "m", *flags)
    c = model_files.load(tmp_path / "m/bare.pt").config
    assert (c.padding, c.seed.kind, c.fire_rate, c.integrator) == ("zero", "image", 0.25, "rk4")
    assert (c.clips.state, c.features[2].gain) == ((-2, 2), -8)
    assert c.alive is not None
    assert c.alive.when == "after"
    assert "cannot fire at a rate of 7" in problem(capsys, "import", bare, "--fire-rate", "7")


def test_commands_say_what_is_a_guess_or_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from published_forms import state_dict

    tensors = {name: torch.from_numpy(array) for name, array in state_dict(16, names=("net.0", "net.2")).items()}
    torch.save({**tensors, "gain": torch.ones(4)}, tmp_path / "g.pt")
    for command in (("record", tmp_path / "g.pt", "-o", tmp_path / "a.png", "--size", 8, "--steps", 1),
                    ("import", tmp_path / "g.pt", "-o", tmp_path / "m")):  # fmt: skip
        assert main([str(word) for word in command]) == 0
        printed = capsys.readouterr().err
        assert f"{tmp_path / 'g.pt'}: a guess: " in printed
        assert "left out, because its meaning is not known: gain" in printed
    reading = json.loads(run(capsys, "info", tmp_path / "g.pt", "--json", "--no-picture"))["attribution"]["reading"]
    assert "--detect" in reading


def test_a_row_of_numbers_may_be_saved_by_numpy(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=5856).astype(np.float32)
    np.save(tmp_path / "row.npy", numbers)
    numbers.tofile(tmp_path / "row.f32")
    first, second = (model_files.load(tmp_path / name) for name in ("row.npy", "row.f32"))
    assert np.array_equal(first.w1, second.w1)
    assert np.array_equal(first.w2, second.w2)


def test_what_lies_beside_a_training_is_not_imported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "made"
    (folder / "a.training").mkdir(parents=True)
    (folder / "a.training/checkpoint.pt").write_bytes(b"PK")
    (folder / "s.nca").write_bytes(b"s")
    model_files.save(random_model(NOTEBOOK_CONFIG), folder / "a.pt")
    assert main(["import", str(folder), "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "1 model in" in printed.out
    assert "ignored 2 files without models" in printed.err


@pytest.mark.parametrize("source", ["w.pt", ".", "w.pt:w"])
def test_the_imported_file_is_not_written_over(capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str) -> None:
    torch.save({name: torch.from_numpy(array) for name, array in state_dict(12).items()}, tmp_path / "w.pt")
    before = (tmp_path / "w.pt").read_bytes()
    read = tmp_path if source == "." else tmp_path / source
    assert "reads it, so it would be lost" in problem(capsys, "import", str(read), "-o", str(tmp_path))
    assert (tmp_path / "w.pt").read_bytes() == before
    assert main(["import", str(read), "-o", str(tmp_path), "--format", "safetensors"]) == 0


@pytest.mark.parametrize(
    ("named", "file"),
    [("../out", "out.pt"), ("{}/out", "{}-out.pt"), (".\x1b[2J\n", "[2J-.pt"), ("-é" * 200, "é"), ("..", "model.pt")],
)
def test_a_model_is_imported_into_the_folder_whatever_it_is_called(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, named: str, file: str
) -> None:
    name = named.format(tmp_path)
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name=name)), tmp_path / "m.safetensors")
    printed = run(capsys, "import", tmp_path / "m.safetensors", "-o", tmp_path / "in")
    assert "\x1b" not in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "m.safetensors"]
    [written] = (tmp_path / "in").iterdir()
    assert written.name.startswith(file.format(str(tmp_path).replace("/", "-").lstrip("-")[:140])[:140])
    assert model_files.load(written).config.name == written.stem


def test_a_file_whose_name_is_not_utf8_is_written(tmp_path: Path) -> None:
    model_files.save(random_model(small(NOTEBOOK_CONFIG)), tmp_path / "m.safetensors")
    written = tmp_path / "\udcff.pt"
    assert main(["import", str(tmp_path / "m.safetensors"), "-o", str(written)]) == 0
    assert model_files.load(written).config.name == "\ufffd"
