"""Pictures as PNG, TIFF, JPEG and WebP."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.io import picture_files

NOISE = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)


@pytest.mark.parametrize("ending", picture_files.FORMATS)
def test_a_picture_comes_back_with_its_size_on_paper(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    picture_files.write_picture(NOISE, path, 300)
    with Image.open(path) as read:
        assert read.format == picture_files.FORMATS[ending]
        told = read.info.get("dpi") or [read.getexif()[tag] for tag in (0x011A, 0x011B)]
        assert [round(float(number)) for number in told] == [300, 300]
        picture = np.asarray(read.convert("RGB")).astype(int)
    assert np.abs(picture - NOISE).max() <= (30 if read.format == "JPEG" else 0)


@pytest.mark.parametrize("ending", picture_files.FORMATS)
def test_without_dpi_none_is_stored(tmp_path: Path, ending: str) -> None:
    picture_files.write_picture(NOISE, tmp_path / f"a{ending}")
    with Image.open(tmp_path / f"a{ending}") as read:
        assert "exif" not in read.info
        assert round(float(read.info.get("dpi", (72, 72))[0])) in (1, 72)


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "f.png").mkdir()
    for name, size, words in (
        ("a.bmp", (1, 1), "choose one of these endings"),
        ("a.webp", (16_384, 1), "more than 16,383 pixels"),
        ("a.jpg", (1, 65_501), "more than 65,500 pixels"),
        ("f.png", (1, 1), "is a folder"),
        ("no/a.png", (1, 1), "create it first"),
    ):
        with pytest.raises(NCAError, match=words):
            picture_files.check_output(tmp_path / name, *size)
