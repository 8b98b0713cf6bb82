"""A flag that would have no effect is refused, or named where a folder of files is read; nothing has grown by then."""

import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from cli_calls import problem
from exporting import CONVERTED
from helpers import NOTEBOOK_CONFIG, random_model, small
from PIL import Image

from ncaengine.cli import COMMANDS, load_command, main
from ncaengine.cli.shared.flag_effects import given_flag
from ncaengine.formats import model_files

FILL = "fill p.png --mask p.png --texture m.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model and a picture; nothing in it can be grown."""
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name="m")), tmp_path / "m.safetensors")
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(tmp_path / "p.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ncaengine.simulation.simulation.Simulation.add", lambda *_, **__: pytest.fail("grew"))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("record --session p.png -o a.mp4 --steps 5", "--steps works only with a model"),
        ("record --session p.png -o a.mp4 --seed 5", "--seed works only with a model"),
        ("record --script a.toml -o a.mp4 --kernel hexagonal", "--kernel works only with a model"),
        ("record --script a.toml -o a.mp4 --size 9", "--size works only with a model"),
        ("record --script a.toml -o a.mp4 --steps-per-frame 9", "--steps-per-frame works only with a model"),
        ("record --script a.toml -o a.mp4 --seconds 2", "--seconds does not work with --script"),
        ("record m.safetensors -o a.mp4 --grids 1", "--grids works only with a session or a script"),
        ("record m.safetensors -o a.png --fps 25", "--fps works only with a video"),
        ("record m.safetensors -o a.mp4 --raw --scale 3", "--scale does not work with --raw"),
        ("record m.safetensors -o a.png --maps-from red", "--maps-from works only with --maps"),
        ("tile m.safetensors -o a.png --maps-directx", "--maps-directx works only with --maps"),
        (f"{FILL} -o a.png --fps 25", "--fps works only with a video"),
        (f"{FILL} -o a.png --steps-per-frame 5", "--steps-per-frame works only with a video"),
        (f"{FILL} -o a.png --budget 2h", "--budget works only with a texture that is learnt"),
        (f"{FILL} -o a.png --from zebra", "--from works only with a texture that is learnt"),
        (f"{FILL} -o a.png --until-settled --steps 9", "--steps does not work with --until-settled"),
        ("sheet m.safetensors -o a.png --steps 1 2 --columns 2", "--columns works only with one picture"),
        ("view a.nca --seed 3", "--seed works only with models"),
        ("evaluate m.safetensors --target p.png --heal-steps 9", "--heal-steps works only with --heal or --report"),
        ("export m.safetensors -o a.html --kernel hexagonal", "--kernel does not work with a page"),
        ("export m.safetensors -o a.glsl --kernels square", "--kernels works only with a page"),
        ("export m.safetensors -o a.pt --size 9", "--size works only with a page"),
        ("export m.safetensors -o a.json --open", "--open works only with a page"),
        ("export m.safetensors -o a.pt --kernel hexagonal", "--kernel works only with a page, an atlas or GLSL"),
        ("train p.png -o a.pt --format safetensors", "--format works only with several models"),
        ("train p.png -o a.pt --gpus 1", "--gpus works only with --ray"),
        ("train p.png -o a.pt --ray --watch", "--watch does not work with --ray"),
        ("train p.png p.png -o a.pt --together --sweep hidden=8,9", "--sweep does not work with --together"),
    ],
)
def test_a_flag_without_effect_is_refused(
    capsys: pytest.CaptureFixture[str], folder: Path, command: str, said: str
) -> None:
    assert said in problem(capsys, *command.split())
    assert not (folder / command.rsplit("-o ", maxsplit=1)[-1].split(maxsplit=1)[0]).exists()


@pytest.mark.parametrize("name", [name for name in COMMANDS if hasattr(load_command(name), "no_effects")])
def test_every_flag_that_may_be_idle_exists(name: str) -> None:
    command = load_command(name)
    output = "a.mp4" if name in ("record", "fill") else Path("a.png")
    required = {"picture": Path("p"), "output": output, "model": Path("m"), "target": "t"}
    made = command(**{key: value for key, value in required.items() if key in command.__dataclass_fields__})
    for each in made.no_effects():
        assert all(isinstance(given_flag(made, field), str) for field in each.fields.split())


def test_maps_are_not_written_over_what_is_read(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    shutil.copy(folder / "p.png", folder / "a_normal.png")
    said = problem(capsys, "record", "--session", "a_normal.png", "-o", "a.png", "--maps", "normal")
    assert "a_normal.png: this command reads it" in said


def test_a_session_is_not_written_under_another_ending(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "a.jsonl").touch()
    for name in ("a.mp4", "m.safetensors"):
        assert "a session's name ends in .nca" in problem(capsys, "replay", "a.jsonl", "-o", name)


class TestImport:
    """A file that says itself what a flag says."""

    def told(self, capsys: pytest.CaptureFixture[str], *words: object) -> str:
        assert main(["import", *map(str, words), "-o", "out"]) == 0
        return capsys.readouterr().err

    def test_a_model_of_ncaengine_says_all(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        said = self.told(capsys, "m.safetensors", "--order", "filter", "--padding", "zero", "--family", "monash")
        assert "--family, --order, --padding have no effect: the file already states them" in said

    def test_what_changes_a_file_is_taken_and_the_rest_is_named(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        clipped = msgspec.structs.replace(CONVERTED["clips of its own"], name="m")  # no ranges need measuring
        model_files.save(random_model(clipped), folder / "c.safetensors")
        assert main(["export", "c.safetensors", "-o", "a.json"]) == 0
        said = self.told(capsys, "a.json", "--hidden", "7", "--padding", "zero")
        assert "a.json: --hidden has no effect: the file already states it" in said
        assert "padding" not in said
        assert model_files.load("out/m.pt").config.padding == "zero"

    def test_bare_weights_take_them(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        assert main(["export", "m.safetensors", "-o", "bare.pt"]) == 0
        capsys.readouterr()
        said = self.told(capsys, "bare.pt", "--order", "filter", "--offset", "0.5", "--fire-rate", "0.5")
        assert "no effect" not in said
