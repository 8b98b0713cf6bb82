"""Contact sheets: the places of pictures and captions, and `ncaengine sheet`."""

import os
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, ROOT, random_model, random_weights, small
from PIL import Image, ImageColor

from ncaengine.cli import main
from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour, Config, Seed
from ncaengine.formats import model_files
from ncaengine.io import contact_sheets, fonts
from ncaengine.io.contact_sheets import EMPTY, Tile, contact_sheet

RED, BLUE = (250, 10, 20), (10, 20, 250)


def plain(width: int, height: int, colour=RED, caption: str = "") -> Tile:
    return Tile(np.full((height, width, 3), colour, np.uint8), caption)


def boxes(page: Image.Image, colour) -> list[tuple[int, int, int, int]]:
    """Return left, top, right and bottom of each rectangle of a colour, row by row."""
    mask = (np.asarray(page) == colour).all(2)

    def runs(line):
        edges = np.flatnonzero(np.diff(np.r_[0, line, 0].astype(int))).tolist()
        return [*zip(edges[::2], edges[1::2], strict=True)]

    found = []
    for above, below in runs(mask.any(1)):
        for left, right in runs(mask[above:below].any(0)):
            ((top, bottom),) = runs(mask[above:below, left:right].any(1))
            found.append((left, above + top, right, above + bottom))
    return found


def test_tiles_lie_on_a_grid_with_even_gaps_and_do_not_overlap():
    rows = [[plain(40, 30, caption=f"{i}, {j}") for j in range(3)] for i in range(2)]
    found = boxes(contact_sheet(rows, "A title", ["one", "two"]), RED)
    assert len(found) == 6
    assert {(right - left, b - t) for left, t, right, b in found} == {(40, 30)}
    lefts = sorted({box[0] for box in found})
    assert len(lefts) == 3
    assert lefts[1] - lefts[0] == lefts[2] - lefts[1] > 40


def test_small_tiles_are_enlarged_by_whole_numbers_and_centred():
    checks = np.indices((7, 10)).sum(0)[..., None] % 2 * np.array(RED, np.uint8)
    page = contact_sheet([[Tile(checks.astype(np.uint8)), plain(33, 40, BLUE)]])
    ((left, top, _, bottom),) = boxes(page, BLUE)
    reds = np.asarray(page)[top:bottom, : left - 1]
    y, x = np.nonzero((reds == RED).all(2))
    assert (x.max() - x.min() + 1, y.max() - y.min() + 1) == (30, 21)  # three times as large, as 33 // 10 allows
    assert abs((y.max() + y.min() + 1) / 2 - (bottom - top) / 2) <= 1
    large = reds[y.min() : y.max() + 1, x.min() : x.max() + 1]
    assert np.array_equal(large, checks.repeat(3, 0).repeat(3, 1))


def test_a_caption_stays_in_its_place_and_long_ones_are_cut():
    short, long = (contact_sheet([[plain(20, 20, caption=c), plain(20, 20, BLUE)]]) for c in ("a", "wide " * 99))
    assert short.width < long.width < 700
    ((left, *_),) = boxes(long, BLUE)
    ink = (np.asarray(long) != ImageColor.getrgb(contact_sheets.BACK)).any(2)
    below = ink[boxes(long, RED)[0][3] :]
    assert below.any()
    assert not below[:, left:].any()
    assert not ink[[0, -1]].any()
    assert not ink[:, [0, -1]].any()


def test_a_page_is_as_wide_as_its_pictures_and_its_title():
    def width(*texts):
        return contact_sheet([[plain(90, 40)]], *texts).width

    assert width() == 90 + 4 * 17
    assert width("a title that is wider", ["x"]) > width("t", ["a wider heading"]) > width()


def test_names_in_other_scripts_have_their_letters(monkeypatch):
    usual = fonts.font_file("zebra")
    assert {fonts.font_file(text) for text in ("größe", "żółć", "Ёлка", "δέρμα", "±×")} == {usual}
    other = str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    monkeypatch.setattr(fonts, "_installed", lambda: (other,))
    assert fonts.font_file("עץ, square") == other
    assert fonts.font_file("\ue123") == usual


def test_rows_can_differ_in_length_and_places_can_stay_empty():
    page = contact_sheet([[EMPTY, plain(30, 30)], [plain(30, 30)], []])
    first, second = boxes(page, RED)
    assert second[0] < first[0]
    assert second[1] > first[3]
    assert contact_sheet([]).size > (0, 0)


def test_a_sheet_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(contact_sheets, "MAX_PIXELS", 1000)
    with pytest.raises(NCAError, match="too large"):
        contact_sheet([[plain(40, 40)]])


def test_a_failed_save_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    contact_sheets.save_picture(contact_sheet([[plain(9, 9)]]), path)
    before = path.read_bytes()

    def fail(call, *arguments):
        if call is os.write:
            raise OSError(28, "No space left on device")
        return call(*arguments)

    monkeypatch.setattr(files, "system", fail)
    with pytest.raises(NCAError, match=r"a\.png: cannot be written \(No space left"):
        contact_sheets.save_picture(contact_sheet([]), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.fixture
def models(tmp_path):
    for seed, name in enumerate("ab"):
        model_files.save(random_model(small(NOTEBOOK_CONFIG, name=name), seed), tmp_path / f"{name}.safetensors")
    return tmp_path / "a.safetensors", tmp_path / "b.safetensors"


def run(*arguments: object) -> int:
    return main(["sheet", *map(str, arguments), "--size", "12x10", "--backend", "torch"])


def opened(path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.copy()


def test_one_picture_per_model_makes_a_grid(tmp_path, models, capsys):
    out = tmp_path / "s.png"
    shapes = []
    for columns in (1, 3):
        assert run(*models, models[0], "-o", out, "--steps", 3, "--columns", columns) == 0
        assert "3 models, 3 pictures, " in capsys.readouterr().out
        shapes.append(opened(out).size)
    assert shapes[0][1] > shapes[1][1]


def test_each_model_has_a_row_that_begins_with_its_target(tmp_path, models):
    Image.new("RGB", (20, 20), RED).save(tmp_path / "a_target.png")
    out = tmp_path / "s.png"
    assert run(*models, "-o", out, "--steps", 0, "--kernels", "square", "hexagonal", "--scale", 3) == 0
    page = opened(out)
    ((*_, right, bottom),) = boxes(page, RED)
    seeds = boxes(page, (128, 128, 128))  # grey all over; b, which has no target, leaves its place free
    assert [(box[2] - box[0], box[3] - box[1]) for box in [*boxes(page, RED), *seeds]] == [
        (36, 30), (36, 30), (36, 26), (36, 30), (36, 26),
    ]  # fmt: skip
    assert right < seeds[0][0] == seeds[2][0] < seeds[1][0] == seeds[3][0]
    assert seeds[0][3] == bottom


def test_a_shipped_model_has_its_target_beside_it(tmp_path):
    named = ("--targets", ROOT / "assets/coral_target.png")
    for name, flags in (("a.png", ()), ("b.png", named)):
        assert run("coral", "-o", tmp_path / name, "--steps", 0, 1, "--size", 32, *flags) == 0
    assert opened(tmp_path / "a.png").tobytes() == opened(tmp_path / "b.png").tobytes()


def test_steps_ascend_and_targets_can_be_named(tmp_path, models, capsys):
    out = tmp_path / "s.png"
    assert run(*models, "-o", out, "--steps", 2, 0, 2) == 0
    assert "2 models, 4 pictures, " in capsys.readouterr().out
    Image.new("RGB", (20, 20), RED).save(tmp_path / "t.png")
    assert run(*models, "-o", out, "--steps", 1, "--targets", tmp_path / "t.png", tmp_path / "t.png") == 0
    assert "2 models, 4 pictures, " in capsys.readouterr().out


def test_the_same_arguments_make_the_same_sheet(tmp_path, models):
    outs = tmp_path / "1.png", tmp_path / "2.png", tmp_path / "3.png"
    for out, seed in zip(outs, (5, 5, 6), strict=True):
        assert run(*models, "-o", out, "--steps", 4, "--seed", seed) == 0
    first, second, third = (out.read_bytes() for out in outs)
    assert first == second != third


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a model"),
        (["a", "--steps", "-1"], "--steps"),
        (["a", "--columns", "0"], "--columns"),
        (["a", "--scale", "0"], "--scale is 0"),
        (["a", "--scale", "99"], "scale of 99"),
        (["a", "--seed=-1"], "--seed"),
        (["a", "--kernels", "square", "octagonal"], "octagonal"),
        (["a", "b", "--targets", "x.png"], "names 1 image for 2 models"),
        (["a", "--targets", "x.png"], "x.png"),
        (["missing"], "missing.safetensors"),
        (["a", "-o", "no/folder/s.png"], "folder does not exist"),
        (["a", "-o", "s.jpg"], "ends in .png"),
        (["a", "-o", "dir.png"], "is a folder"),
        (["a", "--size", "99999"], "grid of 99999x99999"),
        (["a", "--size=-3"], "grid of -3x-3"),
        (["a", "--size", "wide"], "wide"),
        (["a", "--size", "4000", "--scale", "6"], "too large"),
        (["a", "a", "--size", "4000", "--scale", "4", "--steps", "1", "2"], "too large for one sheet"),
    ],
)
def test_a_wrong_argument_is_reported_before_any_step(tmp_path, models, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ncaengine.simulation.rollout.run_to", lambda *_: pytest.fail("grew"))
    (tmp_path / "dir.png").mkdir()
    paths = [f"{word}.safetensors" if word in ("a", "b", "missing") else word for word in arguments]
    output = [] if "-o" in paths else ["-o", "s.png"]
    assert main(["sheet", *paths, *output, "--backend", "torch"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ncaengine: ")
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "s.png").exists()


def test_a_sheet_of_growing_models_keeps_opacity_or_takes_a_colour(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    growing = Config(channels=5, hidden=4, colour=Colour(1.0, 0.0, alpha=True), seed=Seed("point"))
    model_files.save(random_weights(growing), "growing.safetensors")
    model_files.save(random_model(small(NOTEBOOK_CONFIG)), "texture.safetensors")
    options = ["--size", "9x9", "--steps", "0", "--scale", "4", "--background"]
    sheet = ["sheet", "growing.safetensors", "texture.safetensors", "-o", "a.png", *options]
    assert main([*sheet, "transparent"]) == 0
    page = np.asarray(Image.open("a.png"))
    opacity = page[..., 3]
    assert page.shape[2] == 4
    assert not opacity[:10].any()
    assert not opacity[:, :10].any()
    assert (opacity == 255).sum() >= 36 * 36 + 16  # all of the texture, and the seed of the growing one
    assert (opacity == 0).mean() > 0.5
    assert main([*sheet, "#ff0000"]) == 0
    page = np.asarray(Image.open("a.png"))
    assert page.shape[2] == 3
    assert (page == [255, 0, 0]).all(-1).sum() == 36 * 36 - 16
    assert main(["sheet", "texture.safetensors", "-o", "b.png", *options, "black"]) == 1
