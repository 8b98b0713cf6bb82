"""Encoders: written files can be read, and limits raise errors."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.io import encoders


def noise(height: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 24, 30, 60, 90]), st.integers(1, 9))
@settings(max_examples=25)
def test_a_webp_keeps_every_pixel_and_its_length(tmp_path, width, height, fps, count):
    pictures = [noise(height, width, seed) for seed in range(count)]
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", fps, width, height)
    for picture in pictures:
        sink.write(picture)
    sink.close()
    elapsed = 0
    with Image.open(tmp_path / "a.webp") as file:
        assert (file.n_frames, file.size, file.info["loop"]) == (count, (width, height), 0)
        for number, picture in enumerate(pictures):
            file.seek(number)
            assert np.array_equal(np.asarray(file.convert("RGB")), picture)
            elapsed += file.info["duration"]
    assert elapsed == round(count * 1000 / fps)


def test_an_unclosed_webp_plays(tmp_path):
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", 50, 7, 5)
    for seed in range(3):
        sink.write(noise(seed=seed))
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == 3
    sink.close()


def test_a_webp_stops_before_its_length_overflows(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "MAX_RIFF", 400)
    sink = encoders.open_encoder(f"{tmp_path}/a.webp", 50, 7, 5)
    count = 0
    with contextlib.suppress(OSError):
        while count < 9:
            sink.write(noise())
            count += 1
    with pytest.raises(OSError, match="4 GB"):
        sink.write(noise())
    sink.close()
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == count > 0
    assert (tmp_path / "a.webp").stat().st_size <= 400


@pytest.mark.parametrize("name", ["a.webp", "a.mp4", "a.mov", "a.gif", "a.png", "a/"])
def test_large_pictures_and_missing_folders_are_refused(tmp_path, name):
    with pytest.raises(NCAError, match="too large"):
        encoders.check_output(f"{tmp_path}/{name}", 50, 70000, 10)
    if not name.endswith("/"):
        with pytest.raises(NCAError, match="folder does not exist"):
            encoders.open_encoder(f"{tmp_path}/no/{name}", 50, 10, 10)
