"""`ncaengine tile`: pictures that tile."""

from pathlib import Path

import numpy as np
import pytest
from cli_calls import problem, run
from helpers import random_model, small
from PIL import Image

from ncaengine.core.model import Config
from ncaengine.formats import model_files

ZEBRA = ("tile", "zebra", "--backend", "cpu", "--steps", 30)


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as read:
        return np.asarray(read.convert("RGB")).astype(int)


def test_square_cells_that_divide_the_picture_are_drawn_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiled, still = tmp_path / "t.png", tmp_path / "s.png"
    printed = run(capsys, *ZEBRA, "-o", tiled, "--pixels", "96x64", "--cell", 4, "--seed", 5, "--no-smooth")
    assert "96x64 pixels from 24x16 cells, step 30" in printed
    run(capsys, "record", "zebra", "-o", still, "--size", "24x16", "--scale", 4, "--steps", 30, "--seed", 5,
        "--backend", "cpu")  # fmt: skip
    assert np.array_equal(opened(tiled), opened(still))


@pytest.mark.parametrize(("pixels", "cell"), [("100x81", "3"), ("73", "2.5")])
def test_hexagonal_pictures_have_the_size_asked_for_and_no_seam(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, pixels: str, cell: str
) -> None:
    out = tmp_path / "t.tif"
    command = (*ZEBRA[:-1], 200, "--kernel", "hexagonal", "-o", out, "--pixels", pixels, "--cell", cell, "--dpi", 600)
    printed = run(capsys, *command)
    width, _, height = pixels.partition("x")
    assert opened(out).shape == (int(height or width), int(width), 3)
    with Image.open(out) as read:
        assert round(float(read.info["dpi"][0])) == 600
    assert "don't meet" not in printed
    assert "left and right edges differ " in printed
    assert "upper and lower edges differ " in printed


def test_what_cannot_tile_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    walled = tmp_path / "walled.safetensors"
    model_files.save(random_model(small(Config(padding="zero"))), walled)
    out = tmp_path / "t.png"
    assert "see nothing over the edge" in problem(capsys, "tile", walled, "-o", out)
    assert "in pixels" in problem(capsys, *ZEBRA, "-o", out, "--pixels", "4k")
    assert "can't have 100000x100000 pixels" in problem(capsys, *ZEBRA, "-o", out, "--pixels", 100_000)
    assert "--cell is 0.5" in problem(capsys, *ZEBRA, "-o", out, "--cell", 0.5)
    assert "ending" in problem(capsys, *ZEBRA, "-o", tmp_path / "t.mp4")
    assert not list(tmp_path.glob("t.*"))
