"""Stills: a written one can be read, and a damaged or hostile one raises NCAError."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from videos import noise

from ncaengine.core.errors import NCAError
from ncaengine.io import stills

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT = {"Model": "dots", "Size": "7 × 5 cells", "Seed": "-3", "Note": "日本"}


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, *chunks: bytes) -> Path:
    path.write_bytes(SIGNATURE + b"".join(chunks) + chunk(b"IEND"))
    return path


@pytest.mark.parametrize("blob", [None, b"", bytes(range(256)) * 999])
def test_a_still_comes_back_with_its_text_and_session(tmp_path, blob):
    path, picture = tmp_path / "a.png", noise()
    stills.save_still(path, picture, TEXT, blob)
    assert stills.read_still(path) == (TEXT, blob)
    with Image.open(path) as file:
        assert np.array_equal(np.asarray(file), picture)
        assert file.info["Model"] == "dots"
        assert file.text["Note"] == "日本"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_a_plain_png_has_no_session(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.png")
    assert stills.read_still(tmp_path / "a.png") == ({}, None)


def test_all_three_kinds_of_text_are_read(tmp_path):
    path = png(
        tmp_path / "a.png",
        chunk(b"tEXt", b"a\0caf\xe9"),
        chunk(b"zTXt", b"b\0\0" + zlib.compress(b"packed")),
        chunk(b"iTXt", b"c\0\0\0en\0\0" + "é日".encode()),
        chunk(b"iTXt", b"d\0\1\0\0\0" + zlib.compress("é日".encode())),
    )
    assert stills.read_still(path)[0] == {"a": "café", "b": "packed", "c": "é日", "d": "é日"}


@given(data=st.data())
@settings(max_examples=60)
def test_a_truncated_or_changed_still_raises_only_ncaerror(tmp_path, data):
    path = tmp_path / "a.png"
    stills.save_still(path, noise(), TEXT, b"session" * 20)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    with pytest.raises(NCAError, match=r"a\.png: (is damaged; save the still again|is not a PNG)"):
        stills.read_still(path)
    at, flip = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    try:
        text, blob = stills.read_still(path)
    except NCAError:
        return
    assert blob in (b"session" * 20, None)  # None where the chunk's own name was hit
    assert text.items() <= TEXT.items()


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"ncSs", b"IDAT"]), st.binary(max_size=30))))
@settings(max_examples=100)
def test_any_chunks_are_read_or_raise_ncaerror(tmp_path, chunks):
    path = png(tmp_path / "a.png", *(chunk(*one) for one in chunks))
    with contextlib.suppress(NCAError):
        stills.read_still(path)


def test_compression_bombs_are_refused_before_they_unpack(tmp_path, monkeypatch):
    monkeypatch.setattr(stills, "MAX_BLOB", 1000)
    monkeypatch.setattr(stills, "MAX_TEXT", 1000)
    path, bomb = tmp_path / "a.png", zlib.compress(bytes(10**6))
    texts = [chunk(b"zTXt", b"b\0\0" + zlib.compress(bytes(600)))] * 2
    for hostile in (
        [chunk(stills.SESSION, bomb)],
        [chunk(b"zTXt", b"b\0\0" + bomb)],
        [chunk(b"iTXt", b"b\0\1\0\0\0" + bomb)],
        [chunk(b"tEXt", b"b\0" + bytes(1001))],
        [chunk(b"tEXt", b"b\0" + bytes(9000))],
        [chunk(stills.SESSION, bytes(9000))],
        texts,
    ):
        with pytest.raises(NCAError, match="contains more than a still can"):
            stills.read_still(png(path, *hostile))
    with pytest.raises(NCAError, match="save it as a session"):
        stills.save_still(path, noise(), {}, bytes(1001))
    monkeypatch.setattr(stills, "MAX_PNG", 10)
    with pytest.raises(NCAError, match="too large for a still"):
        stills.read_still(path)


def test_a_chunk_longer_than_the_file_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(SIGNATURE + struct.pack(">I", 2**31 - 1) + b"ncSs" + bytes(50))
    with pytest.raises(NCAError, match="is damaged"):
        stills.read_still(path)


def test_files_that_are_not_pngs_or_cannot_be_opened_raise(tmp_path):
    (tmp_path / "a.png").write_bytes(b"GIF89a" + bytes(99))
    with pytest.raises(NCAError, match="is not a PNG"):
        stills.read_still(tmp_path / "a.png")
    for missing in (tmp_path / "no.png", tmp_path):
        with pytest.raises(NCAError, match="cannot be read"):
            stills.read_still(missing)
    with pytest.raises(NCAError, match="cannot be written"):
        stills.save_still(tmp_path / "no" / "a.png", noise(), {})
