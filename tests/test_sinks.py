"""Files of frames and stills: what is written can be read, what is broken or hostile is told in a sentence."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ncaengine import sinks
from ncaengine.errors import NCAError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT = {"Model": "dots", "Size": "7 × 5 cells", "Seed": "-3", "Note": "日本"}


def noise(height: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, *chunks: bytes) -> Path:
    path.write_bytes(SIGNATURE + b"".join(chunks) + chunk(b"IEND"))
    return path


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 24, 30, 60, 90]), st.integers(1, 9))
@settings(max_examples=25)
def test_a_webp_keeps_every_pixel_at_any_size_and_its_time(tmp_path, width, height, fps, count):
    pictures = [noise(height, width, seed) for seed in range(count)]
    sink = sinks.open_sink(f"{tmp_path}/a.webp", fps, width, height)
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


def test_a_webp_that_was_never_closed_plays(tmp_path):
    sink = sinks.open_sink(f"{tmp_path}/a.webp", 50, 7, 5)
    for seed in range(3):
        sink.write(noise(seed=seed))
    with Image.open(tmp_path / "a.webp") as file:
        assert file.n_frames == 3
    sink.close()


def test_a_webp_beyond_what_its_header_can_tell_ends_before(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "MAX_RIFF", 400)
    sink = sinks.open_sink(f"{tmp_path}/a.webp", 50, 7, 5)
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


@pytest.mark.parametrize("name", ["a.webp", "a.mp4", "a.gif", "a.png", "a/"])
def test_too_large_pictures_and_missing_folders_are_told(tmp_path, name):
    with pytest.raises(NCAError, match="too large"):
        sinks.check(f"{tmp_path}/{name}", 50, 70000, 10)
    if not name.endswith("/"):
        with pytest.raises(NCAError, match="folder does not exist"):
            sinks.open_sink(f"{tmp_path}/no/{name}", 50, 10, 10)


@pytest.mark.parametrize("blob", [None, b"", bytes(range(256)) * 999])
def test_a_still_comes_back_with_its_text_and_session(tmp_path, blob):
    path, picture = tmp_path / "a.png", noise()
    sinks.save_png(path, picture, TEXT, blob)
    assert sinks.read_png(path) == (TEXT, blob)
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), picture)
        assert file.info["Model"] == "dots"
        assert file.text["Note"] == "日本"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_plain_png_has_no_session(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    assert sinks.read_png(tmp_path / "a.png") == ({}, None)


def test_all_three_kinds_of_text_are_read(tmp_path):
    path = png(
        tmp_path / "a.png",
        chunk(b"tEXt", b"a\0caf\xe9"),
        chunk(b"zTXt", b"b\0\0" + zlib.compress(b"packed")),
        chunk(b"iTXt", b"c\0\0\0en\0\0" + "é日".encode()),
        chunk(b"iTXt", b"d\0\1\0\0\0" + zlib.compress("é日".encode())),
    )
    assert sinks.read_png(path)[0] == {"a": "café", "b": "packed", "c": "é日", "d": "é日"}


@given(data=st.data())
@settings(max_examples=60)
def test_a_still_cut_short_or_scratched_is_told(tmp_path, data):
    path = tmp_path / "a.png"
    sinks.save_png(path, noise(), TEXT, b"session" * 20)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    with pytest.raises(NCAError, match=r"a\.png: (is broken; save the still again|is not a PNG)"):
        sinks.read_png(path)
    at, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    try:
        text, blob = sinks.read_png(path)
    except NCAError:
        return
    assert blob in (b"session" * 20, None)  # None where the chunk's own name was hit
    assert text.items() <= TEXT.items()


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"ncSs", b"IDAT"]), st.binary(max_size=30))))
@settings(max_examples=100)
def test_any_chunks_are_read_or_told(tmp_path, chunks):
    path = png(tmp_path / "a.png", *(chunk(*one) for one in chunks))
    with contextlib.suppress(NCAError):
        sinks.read_png(path)


def test_bombs_are_refused_before_they_unfold(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "MAX_BLOB", 1000)
    monkeypatch.setattr(sinks, "MAX_TEXT", 1000)
    path, bomb = tmp_path / "a.png", zlib.compress(bytes(10**6))
    texts = [chunk(b"zTXt", b"b\0\0" + zlib.compress(bytes(600)))] * 2
    for hostile in (
        [chunk(sinks.SESSION, bomb)],
        [chunk(b"zTXt", b"b\0\0" + bomb)],
        [chunk(b"iTXt", b"b\0\1\0\0\0" + bomb)],
        [chunk(b"tEXt", b"b\0" + bytes(1001))],
        [chunk(b"tEXt", b"b\0" + bytes(9000))],
        [chunk(sinks.SESSION, bytes(9000))],
        texts,
    ):
        with pytest.raises(NCAError, match="holds more than a still does"):
            sinks.read_png(png(path, *hostile))
    with pytest.raises(NCAError, match="save it as a session"):
        sinks.save_png(path, noise(), {}, bytes(1001))
    monkeypatch.setattr(sinks, "MAX_PNG", 10)
    with pytest.raises(NCAError, match="too large for a still"):
        sinks.read_png(path)


def test_a_length_beyond_the_file_is_not_believed(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(SIGNATURE + struct.pack(">I", 2**31 - 1) + b"ncSs" + bytes(50))
    with pytest.raises(NCAError, match="is broken"):
        sinks.read_png(path)


def test_what_is_no_png_is_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"GIF89a" + bytes(99))
    with pytest.raises(NCAError, match="is not a PNG"):
        sinks.read_png(tmp_path / "a.png")
    for missing in (tmp_path / "no.png", tmp_path):
        with pytest.raises(NCAError, match="cannot be read"):
            sinks.read_png(missing)
    with pytest.raises(NCAError, match="cannot be written"):
        sinks.save_png(tmp_path / "no" / "a.png", noise(), {})
