"""What a command reads is never what it writes; bad numbers and files of pictures are refused before anything grows."""

import os
from pathlib import Path

import numpy as np
import pytest
from cli_calls import problem
from helpers import NOTEBOOK_CONFIG, random_model, small
from PIL import Image, TiffImagePlugin

from ncaengine.cli import main
from ncaengine.formats import model_files
from ncaengine.io import photos


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model, a picture, a mask and a model file of JSON; nothing in it can be grown."""
    model_files.save(random_model(small(NOTEBOOK_CONFIG, name="m")), tmp_path / "m.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "p.png")
    Image.fromarray(picture // 128 * 255).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    assert main(["export", "m.safetensors", "-o", "many.json"]) == 0
    monkeypatch.setattr("ncaengine.simulation.simulation.Simulation.add", lambda *_, **__: pytest.fail("grew"))
    return tmp_path


FILL = "fill p.png --mask mask.png --texture zebra"


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        ("fill p.png --mask mask.png --texture zebra -o p.png", "p.png"),
        ("fill p.png --mask mask.png --texture zebra -o ./mask.png", "mask.png"),
        ("fill p.png --labels mask.png --map white=p.png -o mask.png", "mask.png"),
        ("fill p.png --labels mask.png --map white=zebra --align p.png -o p.png", "p.png"),
        ("sheet m.safetensors --targets p.png -o p.png", "p.png"),
        ("export many.json:m -o many.json", "many.json"),
        ("export m.safetensors -o m.safetensors", "m.safetensors"),
        ("record --session p.png -o p.png", "p.png"),
        ("replay many.json -o many.json", "many.json"),
        ("evaluate many.json:m --target p.png --report many.html", "many.json"),
    ],
)
def test_an_input_is_not_written_over(
    capsys: pytest.CaptureFixture[str], folder: Path, command: str, lost: str
) -> None:
    before = (folder / lost).read_bytes()
    assert "reads it, so it would be lost" in problem(capsys, *command.split())
    assert (folder / lost).read_bytes() == before


def test_a_folder_may_be_read_and_written(folder: Path) -> None:
    (folder / "both").mkdir()
    (folder / "m.safetensors").rename(folder / "both/m.safetensors")
    assert main(["import", "both", "-o", "both"]) == 0


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("tile m.safetensors -o t.png --pixels -5", "--pixels is -5; it must be from 1"),
        ("sheet m.safetensors -o t.png --pixels 0x5", "--pixels is 0; it must be from 1"),
        ("sheet m.safetensors -o t.png --pixels 99999999x5", "--pixels is 99999999; it must be from 1"),
        ("tile m.safetensors -o t.png --maps normal --maps-from 99", "There is no channel '99'"),
        ("record m.safetensors -o t.png --maps height --maps-from alpha", "has no opacity"),
        ("record m.safetensors -o t.mp4 --fps 0.000001", "from 0.001 to 3600"),
        ("record m.safetensors -o f_%d_%d.png", "have one %d or %04d in their names"),
        ("record m.safetensors -o 50%_%03d.png", "have one %d or %04d in their names"),
        ("record m.safetensors --maps normal", "--maps are written beside a still picture"),
        ("sheet pipe.png -o t.png", "is a device or a pipe, not a file"),
        (f"{FILL} -o pipe.png", "is a device or a pipe, not a file"),
        ("fill infinite.tif --mask mask.png --texture zebra -o t.png", "has values that are not finite"),
        ("fill exif.png --mask mask.png --texture zebra -o t.jpg", "bytes of Exif"),
        ("fill thin.png --mask thin.png --texture zebra -o t.mp4", "needs 2x2 pixels or more"),
    ],
)
def test_bad_input_is_refused_before_anything_grows(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, expected: str
) -> None:
    os.mkfifo(folder / "pipe.png")
    numbers = np.full((40, 60), 0.5, np.float32)
    numbers[3, 4] = np.inf
    Image.fromarray(numbers).save(folder / "infinite.tif")
    exif = Image.Exif()
    exif[0x010E] = "d" * 70_000
    Image.open(folder / "p.png").save(folder / "exif.png", exif=exif)
    Image.fromarray(np.full((1, 9, 3), 255, np.uint8)).save(folder / "thin.png")
    if "thin" in command or "record" in command:  # told when the video is opened, after the grid
        monkeypatch.undo()
        monkeypatch.chdir(folder)
    assert expected in problem(capsys, *command.split())
    assert not [*folder.glob("t.*"), *folder.glob(".*.part"), *folder.glob(".*.lock")]


def test_a_percent_sign_in_the_name_of_a_folder_is_only_a_sign(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # grids may grow
    monkeypatch.chdir(folder)
    (folder / "50% off").mkdir()
    out = folder / "50% off" / "f_%02d.png"
    assert main(["record", "m.safetensors", "-o", str(out), "--size", "8", "--steps", "2", "--fps", "60"]) == 0
    assert (folder / "50% off" / "f_00.png").is_file()


def test_pixels_an_inch_that_are_no_number_are_left_out(folder: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[282] = tags[283] = TiffImagePlugin.IFDRational(0, 0)
    tags[296] = 2
    Image.open(folder / "p.png").save(folder / "t.tif", tiffinfo=tags)
    assert photos.read_photo(folder / "t.tif").dpi is None


def test_integers_of_32_bits_keep_their_order(folder: Path) -> None:
    Image.fromarray(np.array([[0, 50_000, 200_000]], np.int32)).save(folder / "i.tif")
    assert photos.read_photo(folder / "i.tif").rgb[0, :, 0].tolist() == [0, 16383, 65535]


def test_only_the_first_of_several_pictures_is_filled_and_that_is_said(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    first = Image.open("p.png").convert("RGB")
    first.save("moving.gif", save_all=True, append_images=[first.rotate(90)])
    assert main([*FILL.replace("p.png", "moving.gif").split(), "-o", "o.png", "--steps", "2", "--backend", "cpu"]) == 0
    assert "moving.gif: has 2 pictures; the first one is filled" in capsys.readouterr().err
