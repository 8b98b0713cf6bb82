"""Pictures with all that belongs to them: 16 bits, opacity, orientation, profile, Exif."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from ncaengine.core.errors import NCAError
from ncaengine.io import deep_pictures, photos
from ncaengine.io.photos import Photo

NUMBERS = np.random.default_rng(0)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif(**tags: object) -> bytes:
    about = Image.Exif()
    about.update({0x0112: tags.get("turned", 1), 0x010F: "Maker", 0x0201: 7})
    about[0x8769] = {0x829A: 0.5, 0xA002: 9}
    return about.tobytes()


@pytest.mark.parametrize("ending", ["png", "tif", "jpg"])
def test_a_size_on_paper_is_kept_and_none_is_made_up(tmp_path: Path, ending: str) -> None:
    for dots in (None, 300.0):
        Image.new("RGB", (8, 8)).save(tmp_path / f"a.{ending}", **{"dpi": (dots, dots)} if dots else {})
        photos.read_photo(tmp_path / f"a.{ending}").write(tmp_path / "b.png")
        with Image.open(tmp_path / "b.png") as image:
            assert round(image.info.get("dpi", (0,))[0]) == (dots or 0)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bits_are_written_and_read_exactly(tmp_path: Path, ending: str, channels: int) -> None:
    numbers = NUMBERS.integers(0, 65536, (7, 5, channels), dtype=np.uint16)
    alpha = numbers[..., 3] if channels == 4 else None
    path = tmp_path / f"deep.{ending}"
    Photo(numbers[..., :3], alpha, exif(), PROFILE, 300.0).write(path)
    read = photos.read_photo(path)
    assert read.rgb.dtype == np.uint16
    assert np.array_equal(read.numbers, numbers)
    assert read.profile == PROFILE
    assert round(read.dpi or 0) == 300
    about = Image.Exif()
    about.load(read.exif)
    assert about[0x010F] == "Maker"
    # Another reader finds the same numbers.
    codec = av.CodecContext.create("png" if ending == "png" else "tiff", "r")
    [frame] = [*codec.decode(av.Packet(path.read_bytes())), *codec.decode(None)]
    assert np.array_equal(frame.reformat(format="rgba64le" if channels == 4 else "rgb48le").to_ndarray(), numbers)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_8_bits_stay_as_they_are_at_any_size(tmp_path: Path, ending: str, mode: str) -> None:
    picture = Image.fromarray(NUMBERS.integers(0, 256, (16, 160, len(mode)), np.uint8), mode)
    picture.save(tmp_path / f"plain.{ending}")
    read = photos.read_photo(tmp_path / f"plain.{ending}")
    assert read.rgb.dtype == np.uint8
    assert np.array_equal(read.numbers, np.asarray(picture.convert("RGB" if mode == "RGB" else "RGBA")))


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("turned", range(1, 9))
def test_pictures_are_turned_as_their_exif_says(tmp_path: Path, turned: int, deep: bool) -> None:
    path, upright = tmp_path / "turned.png", Image.fromarray(NUMBERS.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    back = {6: 8, 8: 6}.get(turned, turned)  # all others undo themselves
    methods = Image.Transpose
    ways = (None, None, methods.FLIP_LEFT_RIGHT, methods.ROTATE_180, methods.FLIP_TOP_BOTTOM, methods.TRANSPOSE,
            methods.ROTATE_270, methods.TRANSVERSE, methods.ROTATE_90)  # fmt: skip
    way = ways[back]
    stored = np.asarray(upright if way is None else upright.transpose(way))
    if deep:
        about = Image.Exif()
        about.load(exif(turned=turned))
        with path.open("wb") as file:
            deep_pictures.save(stored.astype(np.uint16) * 257, file, "PNG", exif=about)
    else:
        Image.fromarray(stored).save(path, exif=exif(turned=turned))
    read = photos.read_photo(path)
    assert read.size == (6, 4)
    assert np.array_equal(photos.to_8_bits(read.rgb), np.asarray(upright))
    about = Image.Exif()
    about.load(read.exif)
    assert about[0x010F] == "Maker"
    assert not {0x0112, 0x0201} & set(about)
    assert set(about.get_ifd(0x8769)) == {0x829A}


@pytest.mark.parametrize("ending", ["png", "tif", "jpg", "webp"])
def test_what_a_file_says_is_kept(tmp_path: Path, ending: str) -> None:
    path, out = tmp_path / "a.png", tmp_path / f"b.{ending}"
    picture = Image.fromarray(np.full((8, 8, 4), (200, 90, 30, 128), np.uint8))
    picture.save(path, exif=exif(), icc_profile=PROFILE, dpi=(150, 150))
    photos.read_photo(path).write(out)
    with Image.open(out) as read:
        assert read.info["icc_profile"] == PROFILE
        assert read.getexif()[0x010F] == "Maker"
        assert round(float(read.getexif().get(0x011A) or read.info["dpi"][0])) == 150
        if ending == "jpg":  # on white
            assert np.abs(np.asarray(read).astype(int) - (227, 172, 142)).max() <= 2
        else:
            assert np.array_equal(np.asarray(read), np.asarray(picture))


def test_grey_and_palettes_become_coloured(tmp_path: Path) -> None:
    grey = NUMBERS.integers(0, 65536, (4, 4), dtype=np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    read = photos.read_photo(tmp_path / "grey.png")
    assert np.array_equal(read.rgb, np.dstack([grey] * 3))
    Image.new("P", (3, 3)).save(tmp_path / "p.png", transparency=0)
    read = photos.read_photo(tmp_path / "p.png")
    assert read.alpha is not None
    assert not read.alpha.any()


MASK = np.array([[0, 255, 0], [255, 255, 0]], np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK", "opacity"])
def test_masks_of_any_mode(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.tif"
    if mode == "opacity":
        Image.fromarray(np.dstack([np.zeros((2, 3, 3), np.uint8), MASK])).save(path)
    elif mode in ("I;16", "I"):
        kind = np.uint16 if mode == "I;16" else np.int32
        Image.fromarray(MASK.astype(kind) * 257).save(path)
    elif mode == "F":
        Image.fromarray(MASK.astype(np.float32) / 255).save(path)
    else:
        Image.fromarray(MASK).convert(mode).save(path)
    assert np.array_equal(photos.read_mask(path, (3, 2), Path("photo.png")), MASK > 0)


def test_masks_that_mark_nothing_or_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.new("L", (3, 2)).save(path)
    with pytest.raises(NCAError, match=r"mask.png: marks nothing"):
        photos.read_mask(path, (3, 2), Path("photo.png"))
    with pytest.raises(NCAError, match=r"mask.png: has 3x2 pixels and photo.png 4x4"):
        photos.read_mask(path, (4, 4), Path("photo.png"))
