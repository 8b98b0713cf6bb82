"""Targets: every kind of image file gets the right colours, and unusable files are reported."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.training import targets
from ncaengine.training.config import TrainingSettings
from ncaengine.training.patterns import PATTERNS

RAMP = np.arange(256, dtype=np.uint8).reshape(1, 256).repeat(32, 0)
"""All greys from left to right, (32, 256)."""


def colours(height: int = 32, width: int = 48) -> Image.Image:
    """A smooth picture, so that lossy files stay close."""
    y, x = np.mgrid[:height, :width] / (height, width)[0]
    return Image.fromarray((np.stack([x / x.max(), y / y.max(), 0.5 * x / x.max()], -1) * 255).astype(np.uint8))


def near(found: Any, image: Image.Image, atol: float = 1 / 255) -> bool:
    return np.allclose(found, np.asarray(image.convert("RGB"), np.float32) / 255, atol=atol + 1e-6)


@pytest.mark.parametrize("name", ["pebbles", "waves"])
def test_patterns_go_by_name(name: str) -> None:
    picture = targets.load_target(name, 32).picture
    assert picture.dtype == np.float32
    assert np.array_equal(picture, PATTERNS[name](32))


@pytest.mark.parametrize(
    ("ending", "atol"), [("png", 0), ("bmp", 0), ("tif", 0), ("ppm", 0), ("tga", 0), ("jpg", 0.03), ("webp", 0.06)]
)
def test_colour_files(tmp_path: Path, ending: str, atol: float) -> None:
    path = tmp_path / f"a.{ending}"
    colours().save(path, quality=95)
    picture = targets.load_target(str(path)).picture
    assert picture.shape == (32, 48, 3)
    assert picture.dtype == np.float32
    assert near(picture, colours(), atol)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK"])
def test_pillows_modes(tmp_path: Path, mode: str) -> None:
    image = colours().convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    assert near(targets.load_target(str(path)).picture, image)


def test_cmyk_jpegs_from_adobe_are_not_negatives(tmp_path: Path) -> None:
    colours().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert near(targets.load_target(str(tmp_path / "a.jpg")).picture, colours(), 0.05)


@given(st.integers(0, 65535), st.integers(0, 65535), st.sampled_from(["I;16", "I", "F"]))
def test_grey_of_many_bits_is_scaled_not_clipped(tmp_path: Path, low: int, high: int, mode: str) -> None:
    """A gradient of 16 bits or floats equals the one of 8 bits within one 8-bit step."""
    values = np.linspace(low, high, 64)[None].repeat(32, 0)
    whole = values.round().astype(np.uint16)
    made = {"I;16": whole, "I": whole.astype(np.int32), "F": (values / 65535).astype(np.float32)}[mode]
    Image.fromarray(made).save(tmp_path / "deep.tif")
    with Image.open(tmp_path / "deep.tif") as image:
        assert image.mode == mode
    Image.fromarray((values / 257).round().astype(np.uint8)).save(tmp_path / "plain.png")
    deep, plain = (targets.load_target(str(tmp_path / name)).picture for name in ("deep.tif", "plain.png"))
    assert np.allclose(deep, plain, atol=1 / 255)


def test_grey_of_16_bits_in_png(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "a.png")
    assert near(targets.load_target(str(tmp_path / "a.png"), 256).picture, Image.fromarray(RAMP), 0)


def test_values_beyond_white_are_scaled(tmp_path: Path) -> None:
    """Floats up to 255, as some programs write them."""
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "a.tif")
    assert near(targets.load_target(str(tmp_path / "a.tif"), 256).picture, Image.fromarray(RAMP), 0)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "tRNS"])
def test_transparent_pixels_are_white(tmp_path: Path, kind: str) -> None:
    rgba = np.zeros((32, 48, 4), np.uint8)
    rgba[:, 24:] = (0, 0, 0, 255)
    rgba[:, :24] = (200, 200, 200, 0)
    image, path = Image.fromarray(rgba), tmp_path / "a.png"
    if kind == "P":
        palette = Image.fromarray((rgba[..., 3] // 255).astype(np.uint8), "L").convert("P")
        palette.putpalette([200, 200, 200, 0, 0, 0])
        palette.save(path, transparency=0)
    elif kind == "tRNS":
        Image.fromarray(rgba[..., :3]).save(path, transparency=(200, 200, 200))
    else:
        image.convert(kind).save(path)
    picture = targets.load_target(str(path)).picture
    assert np.all(picture[:, :24] == 1)
    assert np.all(picture[:, 24:] == 0)


def test_half_transparent_pixels_blend_with_white_without_fringes(tmp_path: Path) -> None:
    """Scaled down, the colour hidden under full transparency does not show."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[...] = (255, 0, 0, 128)
    rgba[::2] = (0, 255, 0, 0)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    picture = targets.load_target(str(tmp_path / "a.png"), 16).picture
    assert np.allclose(picture[4:-4, 4:-4], (1, 0.75, 0.75), atol=0.02)


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    """As from a camera held upright, which writes the picture on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    colours().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "a.png", exif=exif)
    assert near(targets.load_target(str(tmp_path / "a.png")).picture, colours(), 0)


def test_an_animation_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = targets.load_target(str(tmp_path / "a.gif"))
    assert np.all(found.picture == (1, 0, 0))
    assert found.taken == "the first of its 2 pictures"


def test_what_is_damaged_behind_the_first_picture_does_no_harm(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) // 2])
    assert np.all(targets.load_target(str(tmp_path / "a.tif")).picture == (1, 0, 0))


def test_what_was_transparent_is_said(tmp_path: Path) -> None:
    rgba = np.full((64, 64, 4), 128, np.uint8)
    rgba[::2] = 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert targets.load_target(str(tmp_path / "a.png")).taken == "on white where it is transparent"
    cropped = targets.prepare(str(tmp_path / "a.png"), TrainingSettings(crop="0,0,32,32"))
    assert cropped.taken == (
        "on white where it is transparent, 32x32 of 64x64 pixels at 0,0, scaled by 1 to 32x32 cells"
    )


@given(st.integers(16, 300), st.integers(16, 300), st.integers(16, 128))
def test_the_longer_side_is_scaled_down_never_up(tmp_path: Path, width: int, height: int, longest: int) -> None:
    Image.new("RGB", (width, height), (10, 20, 30)).save(tmp_path / "a.bmp")
    scale = min(1, longest / max(width, height))
    if round(min(width, height) * scale) < 16:
        return
    found = targets.load_target(str(tmp_path / "a.bmp"), longest).picture
    assert max(found.shape) == min(longest, max(width, height))
    assert abs(found.shape[0] - height * scale) <= 1
    assert abs(found.shape[1] - width * scale) <= 1
    assert np.allclose(found, np.array([10, 20, 30]) / 255)


def test_a_huge_jpeg_is_decoded_small(tmp_path: Path) -> None:
    """Six megapixels; its colours are those of the picture scaled by Pillow alone."""
    colours(80, 120).resize((3000, 2000), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg", quality=90)
    with Image.open(tmp_path / "a.jpg") as image:
        want = image.convert("RGB").resize((96, 64), Image.Resampling.LANCZOS)
    assert near(targets.load_target(str(tmp_path / "a.jpg"), 96).picture, want, 0.02)


def _bomb(path: Path) -> None:
    """Write a header of 400 megapixels without data."""
    path.write_bytes(b"P6 20000 20000 255\n")


def _cut(path: Path) -> None:
    colours(200, 200).save(path, format="JPEG")
    path.write_bytes(path.read_bytes()[:1000])


def _not_finite(path: Path) -> None:
    Image.fromarray(np.full((32, 32), np.nan, np.float32)).save(path, format="TIFF")


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda p: None, "is neither an image file nor one of the patterns pebbles, coral"),
        (Path.mkdir, "is a folder; name an image in it"),
        (lambda p: p.write_text("hello"), "is not an image of a known format; save it as PNG or JPEG"),
        (lambda p: p.write_bytes(b""), "is empty; copy it again"),
        (_cut, r"cannot be read \(.*truncated.*copy it again"),
        (_bomb, "has too many pixels; scale it down to about 512"),
        (_not_finite, "has values that are not finite"),
        (lambda p: Image.new("RGB", (1, 1)).save(p, format="PNG"), "is 1x1 pixels.* at least 16"),
        (lambda p: Image.new("RGB", (15, 64)).save(p, format="PNG"), "is 15x64 pixels.* at least 16"),
        (
            lambda p: Image.new("RGB", (4000, 10)).save(p, format="PNG"),
            "is 4000x10 pixels.* Use a larger image",
        ),
        (lambda p: Image.new("RGB", (400, 40)).save(p, format="PNG"), "is 400x40 pixels, 128x13 .* Crop it"),
    ],
)
def test_an_unusable_target_is_reported(tmp_path: Path, write: Callable[[Path], object], sentence: str) -> None:
    path = tmp_path / "a.png"
    write(path)
    with pytest.raises(NCAError, match=f"^{re.escape(str(path))}: {sentence}"):
        targets.load_target(str(path))


@given(st.sampled_from(["png", "jpg", "gif", "tif"]), st.binary(max_size=400), st.integers(0, 3000))
def test_damaged_files_are_reported(tmp_path: Path, ending: str, garbage: bytes, where: int) -> None:
    """A damaged file loads or raises NCAError, and never another exception."""
    path = tmp_path / f"a.{ending}"
    colours().save(path)
    data = bytearray(path.read_bytes())
    where %= len(data)
    data[where : where + len(garbage)] = garbage
    path.write_bytes(data)
    with contextlib.suppress(NCAError):
        found = targets.load_target(str(path)).picture
        assert found.shape[2:] == (3,)
        assert 0 <= found.min() <= found.max() <= 1


def test_folders_give_their_images_sorted(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tiff", ".hidden.png", "._a.jpg"):
        colours().save(tmp_path / name, format="PNG")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "film.mpg").write_text("x")
    (tmp_path / "folder.png").mkdir()
    images = [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.tiff")]
    assert targets.collect_targets([str(tmp_path)]) == images
    assert targets.collect_targets(["coral", str(tmp_path), images[0]]) == ["coral", *images, images[0]]
    assert targets.collect_targets([]) == []


@pytest.mark.parametrize("name", ["nothing.png", "nothing", "x" * 5000, ""])
def test_collecting_missing_targets_is_reported(name: str) -> None:
    with pytest.raises(NCAError, match="neither an image file nor one of the patterns pebbles, coral"):
        targets.collect_targets(["coral", name])


def test_a_folder_without_images_is_reported(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(NCAError, match=f"^{re.escape(str(tmp_path))}: has no image files"):
        targets.collect_targets([str(tmp_path)])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(NCAError, match="neither an image file"):
        targets.load_target(str(tmp_path / "a.png"))
