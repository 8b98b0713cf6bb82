"""What a training takes of an image: scale, crop, light and tiles, and what it says about it."""

import contextlib
import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from ncaengine.cli import main
from ncaengine.core.errors import NCAError
from ncaengine.training import checkpoint, config, targets
from ncaengine.training.config import TrainingSettings, merge_settings, parse_crop
from ncaengine.training.patterns import PATTERNS


def prepared(path: Path, **settings: object) -> targets.Target:
    return targets.prepare(str(path), TrainingSettings(**settings))  # type: ignore[arg-type]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A texture of 320x320 in the lower right of a plain page of 480x400 pixels."""
    page = np.ones((400, 480, 3), np.float32)
    small = Image.fromarray((PATTERNS["coral"](128) * 255).astype(np.uint8))
    page[80:, 160:] = np.asarray(small.resize((320, 320), Image.Resampling.BICUBIC), np.float32) / 255
    path = tmp_path / "photo.png"
    Image.fromarray((page * 255).astype(np.uint8)).save(path)
    return path


def test_without_flags_a_target_is_what_it_was(photo: Path) -> None:
    found = prepared(photo)
    assert np.array_equal(found.picture, targets.load_target(str(photo), 128).picture)
    assert found.taken == ""
    assert np.array_equal(targets.prepare("coral", TrainingSettings()).picture, PATTERNS["coral"](128))


def test_a_crop_is_in_the_images_pixels(photo: Path) -> None:
    found = prepared(photo, crop="160,80,320,320")
    assert found.picture.shape == (128, 128, 3)
    assert np.abs(found.picture - PATTERNS["coral"](128)).mean() < 0.03
    assert found.taken == "320x320 of 480x400 pixels at 160,80, scaled by 0.4 to 128x128 cells"


def test_a_number_scales_and_the_most_even_part_is_taken(photo: Path) -> None:
    found = prepared(photo, scale=0.5)
    assert found.picture.shape == (128, 128, 3)
    assert found.picture.mean() < 0.8  # no plain page
    assert "256x256 of 480x400 pixels at " in found.taken
    assert "the most even part, scaled by 0.5 to 128x128 cells" in found.taken
    small = prepared(photo, scale=0.25)
    assert small.picture.shape == (100, 120, 3)
    assert "even" not in small.taken


def test_auto_finds_scale_and_part(photo: Path) -> None:
    found = prepared(photo, scale="auto", crop="160,80,320,320")
    share = float(found.taken.split("scaled by ")[1].split(" (found)")[0])
    assert share == pytest.approx(0.4 * 4 / 3.97, rel=0.1)  # the pattern's own length is 3.97
    share = float(prepared(photo, scale="auto").taken.split("scaled by ")[1].split(" (found)")[0])
    assert share == pytest.approx(0.4 * 4 / 3.97, rel=0.2)  # a plain border makes no difference
    whole = prepared(photo, crop="auto")
    assert "the most even part" in whole.taken
    assert whole.picture.mean() < 0.8


def test_tiles_are_taken_whole(tmp_path: Path) -> None:
    wall = np.roll(np.tile(PATTERNS["giraffe"](64)[:50, :60], (5, 4, 1)), 13, (0, 1))
    path = tmp_path / "wall.png"
    Image.fromarray((wall * 255).astype(np.uint8)).save(path)
    found = prepared(path, scale=1)
    assert "of the tiles of 60x50 that it repeats" in found.taken
    assert found.picture.shape == (100, 120, 3)
    Image.fromarray((PATTERNS["coral"](200) * 255).astype(np.uint8)).save(path)
    assert "whole, as its edges meet" in prepared(path, crop="auto").taken


@pytest.mark.parametrize("grey", [0, 1])
@pytest.mark.parametrize("name", ["coral", "zebra"])
def test_a_border_is_neither_taken_nor_measured(tmp_path: Path, name: str, grey: float) -> None:
    """The patterns tile, so their edges meet, and so do those of any border."""
    path, bare = tmp_path / "framed.png", tmp_path / "bare.png"
    texture = 0.1 + 0.8 * PATTERNS[name](400)
    page = np.pad(texture, ((30, 30), (30, 30), (0, 0)), constant_values=grey)
    for file, picture in ((path, page), (bare, texture)):
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(file)
    found = prepared(path, crop="auto")
    assert found.taken.startswith("400x400 of 460x460 pixels at 30,30, inside of its border, as its edges meet")
    assert np.array_equal(found.picture, prepared(bare, crop="auto").picture)
    alone, want = (prepared(file, scale="auto").taken.split("scaled by ")[1].split(" to")[0] for file in (path, bare))
    assert alone == want


def test_light_is_evened_inside_of_a_border(tmp_path: Path) -> None:
    texture = 0.1 + 0.7 * PATTERNS["coral"](128)
    page = np.pad(texture * np.linspace(0.4, 1, 128)[None, :, None], ((16, 16), (16, 16), (0, 0)), constant_values=1)
    Image.fromarray((page * 255).round().astype(np.uint8)).save(tmp_path / "a.png")
    found = prepared(tmp_path / "a.png", scale=1, even_light=True, target_size=160).picture
    assert (found[:16] == 1).all()
    assert (found[:, -16:] == 1).all()
    left, right = found[16:-16, 16:56].mean(), found[16:-16, -56:-16].mean()
    assert left == pytest.approx(right, rel=0.15)


def test_a_speck_on_a_plain_page_is_no_texture(tmp_path: Path) -> None:
    page = np.full((100, 100, 3), 255, np.uint8)
    page[40:44, 50:53] = 0
    Image.fromarray(page).save(tmp_path / "speck.png")
    assert prepared(tmp_path / "speck.png", scale="auto", even_light=True).picture.shape == (100, 100, 3)


def test_less_than_a_tile_is_no_tile(tmp_path: Path) -> None:
    """Of one that fits only along one side, whole tiles are taken along that side."""
    wall = np.tile(PATTERNS["giraffe"](128)[:110, :40], (3, 8, 1))
    Image.fromarray((wall * 255).astype(np.uint8)).save(tmp_path / "wall.png")
    found = prepared(tmp_path / "wall.png", scale=1, target_size=100)
    assert "2 of the tiles that it repeats across, each 40 wide, scaled" in found.taken
    assert found.picture.shape == (100, 80, 3)
    assert "the most even part, scaled" in prepared(tmp_path / "wall.png", scale=1, target_size=36).taken


def test_light_is_evened_and_turned_photographs_keep_their_pixels(tmp_path: Path) -> None:
    picture = PATTERNS["leopard"](128)[:, :96] * np.linspace(1, 0.4, 128)[:, None, None]
    exif, path = Image.Exif(), tmp_path / "a.png"
    exif[0x0112] = 6  # held upright: the file lies on its side
    Image.fromarray((picture * 255).astype(np.uint8)).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    plain, evened = prepared(path, crop="0,0,96,128"), prepared(path, crop="0,0,96,128", even_light=True)
    assert plain.picture.shape == (128, 96, 3)
    assert plain.picture[:40].mean() > 1.5 * plain.picture[-40:].mean()
    assert evened.picture[:40].mean() == pytest.approx(evened.picture[-40:].mean(), rel=0.25)
    assert evened.taken.endswith(", light evened")


def test_a_scale_that_is_not_found_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    coarse = PATTERNS["coral"](64).repeat(16, 0).repeat(16, 1)
    Image.fromarray((coarse * 255).astype(np.uint8)).save(path)
    found = prepared(path, scale="auto")
    assert "scaled by 0.0625 (no less, to leave 64 cells) to 64x64 cells" in found.taken
    coarser = coarse[:256, :256].repeat(4, 0).repeat(4, 1)
    Image.fromarray((coarser * 255).astype(np.uint8)).save(path)
    found = prepared(path, scale="auto")
    assert "(no less, to leave 64 cells)" in found.taken
    assert "coarse for cells at this size, which may not be learnt; try a smaller --scale, or an image" in found.advice
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    Image.fromarray(noise).save(path)
    found = prepared(path, scale="auto")
    assert "scaled by 1 (no more, as its pixels are cells then)" in found.taken
    assert found.advice.endswith("finer than cells can show at this size; try a larger --scale.")


@pytest.mark.parametrize("settings", [{}, {"scale": "auto"}, {"crop": "auto", "even_light": True}, {"scale": 0.5}])
def test_one_colour_is_no_texture(tmp_path: Path, settings: dict[str, object]) -> None:
    Image.new("RGB", (100, 80), "tan").save(tmp_path / "plain.png")
    Image.new("RGBA", (100, 80), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    with pytest.raises(NCAError, match=r"plain.png: is of one colour, so .*; use another image or part"):
        prepared(tmp_path / "plain.png", **settings)
    with pytest.raises(NCAError, match=r"clear.png: is of one colour \(on white where it is transparent\), so"):
        prepared(tmp_path / "clear.png", **settings)


def test_unfit_targets_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    y, x = np.mgrid[:128, :128] / 128
    Image.fromarray((np.stack([x, y, x * y], -1) * 255).astype(np.uint8)).save(path)
    assert "coarse" in prepared(path).advice
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)).save(path)
    assert "finer" in prepared(path).advice
    assert not prepared(Path("coral")).advice


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"crop": "0,0,481,10"}, "--crop 0,0,481,10 does not lie inside"),
        ({"crop": "0,0,0,10"}, "does not lie inside"),
        ({"crop": "10,10,20,200"}, "13x128 cells.*Use a larger --scale, or a less narrow --crop"),
        ({"crop": "0,0,300,1"}, "is 300x1 pixels; .* at least 16. Use a larger --crop or image"),
        ({"scale": 0.01}, "5x4 cells.*Use a larger --scale\\."),
        ({"crop": "1,2,3"}, "X,Y,WIDTH,HEIGHT"),
        ({"crop": "-1,2,3,4"}, "X,Y,WIDTH,HEIGHT"),
    ],
)
def test_what_cannot_be_taken_is_said(photo: Path, settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(NCAError, match=sentence):
        prepared(photo, **settings)
    with pytest.raises(NCAError, match="coral: is a pattern"):
        prepared(Path("coral"), scale=0.5)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (400, 1), (1, 30), (400, 2), (5, 5), (15, 40)])
@pytest.mark.parametrize(
    "settings",
    [
        {"scale": "auto"},
        {"scale": 16},
        {"crop": "auto"},
        {"even_light": True},
        {"scale": "auto", "crop": "auto", "even_light": True},
    ],
)
def test_small_images_are_refused_before_they_are_measured(
    tmp_path: Path, width: int, height: int, settings: dict[str, object]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "small.png")
    want = f"small.png: the part that is taken is {width}x{height} pixels; .* at least 16. Use a larger image."
    with pytest.raises(NCAError, match=want):
        prepared(tmp_path / "small.png", **settings)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (16, 500), (4000, 17), (9000, 20)])
def test_narrow_images_are_taken_or_refused(tmp_path: Path, width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "narrow.png")
    for settings in ({"scale": "auto", "crop": "auto", "even_light": True}, {"scale": 16}, {"crop": "auto"}):
        with contextlib.suppress(NCAError):
            assert min(prepared(tmp_path / "narrow.png", **settings).picture.shape[:2]) >= 16


@pytest.mark.parametrize(("text", "want"), [("", None), ("auto", None), ("1,2,3,4", (1, 2, 3, 4))])
def test_crops_are_parsed(text: str, want: tuple[int, ...] | None) -> None:
    assert parse_crop(text) == want


@pytest.mark.parametrize("scale", [0, 17, float("nan")])
def test_scales_are_checked(scale: float) -> None:
    with pytest.raises(NCAError, match="--scale is"):
        TrainingSettings(scale=scale).check()


def test_a_resume_keeps_what_was_taken() -> None:
    saved = TrainingSettings(scale="auto", crop="auto", even_light=True)
    assert merge_settings(saved, TrainingSettings()) == saved
    with pytest.raises(NCAError, match="--scale auto, which can't change"):
        merge_settings(saved, TrainingSettings(scale=0.5))
    for settings in (saved, TrainingSettings(scale=0.5)):
        plain = dataclasses.asdict(settings)
        assert msgspec.convert(plain, config.TrainingSettings, strict=False) == settings
        for new in ("scale", "crop", "even_light"):
            del plain[new]
        assert msgspec.convert(plain, TrainingSettings, strict=False).scale == "fit"  # a checkpoint of before
    assert checkpoint.VERSION == 1


def test_a_training_says_and_keeps_what_it_takes(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = photo.parent / "m.safetensors"
    flags = "--scale auto --crop auto --even-light --iterations 1 --size 48 --batch 1 --pool 4 --features random"
    assert main(["train", str(photo), "-o", str(output), *flags.split(), "--no-compile"]) == 0
    said = capsys.readouterr().err
    assert "the most even part, scaled by" in said
    assert "light evened" in said
    kept = targets.load_target(str(output.with_suffix(".training") / "target.png")).picture
    settings = TrainingSettings(scale="auto", crop="auto", even_light=True)
    assert np.abs(kept - targets.prepare(str(photo), settings).picture).max() < 1 / 255
