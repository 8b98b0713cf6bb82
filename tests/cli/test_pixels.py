"""Pictures whose size is given in pixels, on the command line."""

import av
import pytest
from cli_calls import problem, run
from helpers import SELFORG, random_model, small
from PIL import Image

from ncaengine.formats import model_files


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "small.safetensors"
    model_files.save(random_model(small(SELFORG, channels=4, hidden=4)), path)
    return path


def picture(path):
    with Image.open(path) as file:
        return file.copy()


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_a_recording_has_exactly_the_pixels_that_are_asked_for(capsys, tmp_path, model, kernel):
    still, video = tmp_path / "a.png", tmp_path / "a.mp4"
    flags = ("--kernel", kernel, "--backend", "cpu")
    said = run(capsys, "record", model, "-o", still, "--pixels", "161x91", "--scale", 4, "--steps", 2, *flags)
    assert "161x91 pixels from " in said
    assert picture(still).size == (161, 91)
    run(capsys, "record", model, "-o", video, "--pixels", "160x90", "--smooth", "--steps", 4, *flags)
    with av.open(str(video)) as file:
        assert {(frame.width, frame.height) for frame in file.decode(video=0)} == {(160, 90)}
    run(capsys, "record", model, "-o", still, "--pixels", "60x91", "--size", 16, "--steps", 2, *flags)
    assert picture(still).size == (60, 91)


def test_smooth_pictures_have_no_edges_of_cells(capsys, tmp_path, model):
    sizes = []
    for flag in ("--smooth", "--no-smooth"):
        path = tmp_path / f"{flag}.png"
        run(capsys, "record", model, "-o", path, "--size", 8, "--scale", 16, flag, "--steps", 30, "--backend", "cpu")
        sizes.append(len(picture(path).getcolors(2**16)))
    assert sizes[0] > 10 * sizes[1]


@pytest.mark.parametrize("flags", [[], ["--steps", 1, 2, "--kernels", "square", "hexagonal", "--smooth"]])
def test_a_sheet_has_exactly_the_pixels_that_are_asked_for(capsys, tmp_path, model, flags):
    sheet = tmp_path / "sheet.png"
    flags = ("--backend", "cpu", "--steps", 1, *flags)
    for pixels in ((641, 480), (480, 641)):
        run(capsys, "sheet", model, model, model, "-o", sheet, "--pixels", "{}x{}".format(*pixels), *flags)
        assert picture(sheet).size == pixels


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-o", "a.mp4", "--pixels", "161x91"], "even sides; use 162x92"),
        (["-o", "a.png", "--pixels", "160x90", "--raw"], "one pixel for each cell"),
        (["-o", "a.png", "--pixels", "160x90", "--size", 8, "--scale", 3], "leave out --scale"),
        (["-o", "a.png", "--pixels", "wide"], "in pixels"),
        (["-o", "a.png", "--pixels", "100000x100000"], "at most"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(capsys, tmp_path, monkeypatch, model, flags, said):
    monkeypatch.chdir(tmp_path)
    assert said in problem(capsys, "record", model, "--backend", "cpu", "--steps", 1, *flags)


def test_a_sheet_refuses_cells_and_pixels_and_a_page_without_room(capsys, tmp_path, model):
    sheet = tmp_path / "a.png"
    both = "--pixels", "640x480", "--size", 8
    assert "--size does not work with --pixels" in problem(capsys, "sheet", model, "-o", sheet, *both)
    assert "no room" in problem(capsys, "sheet", model, "-o", sheet, "--pixels", "100x40", "--backend", "cpu")
