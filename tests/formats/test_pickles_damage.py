"""Archives that torch did not write, and damaged pickles: each opens or is refused, soon and within bounds."""

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pickle_parts import (
    ARRAYS,
    DAMAGED,
    FORMS,
    FOUR,
    NP,
    boxed,
    refusal,
    timed,
    weights,
    zipped,
)

from ncaengine.core.errors import NCAError
from ncaengine.formats.pickle.weights import read_npy, read_torch

# Archives


def lying(content: bytes, old: int, new: int) -> bytes:
    """Return a zip whose entries claim another size."""
    return content.replace(struct.pack("<II", old, old), struct.pack("<II", new, new))


def nested(pickle: bytes, count: int) -> bytes:
    """Return a zip in which each entry contains all later entries, with the pickle innermost."""
    names = ["a/data.pkl", *(f"a/data/{i}" for i in range(count))]
    content, heads = pickle, []
    for name in names:
        head = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0)
        heads.append((head, name.encode(), len(content)))
        content = b"PK\3\4" + head + name.encode() + content
    directory = b"".join(
        b"PK\1\2\x14\0" + head + struct.pack("<3H2I", 0, 0, 0, 0, len(content) - size - 30 - len(name)) + name
        for head, name, size in heads
    )
    ends = struct.pack("<4H2IH", 0, 0, len(names), len(names), len(directory), len(content), 0)
    return content + directory + b"PK\5\6" + ends


BOMBS: dict[str, Callable[[], bytes]] = {
    "compressed": lambda: zipped({"a/data.pkl": b"N" * 10**7 + b"."}, zipfile.ZIP_DEFLATED),
    "bzip2": lambda: zipped({"a/data.pkl": b"N."}, zipfile.ZIP_BZIP2),
    "a claim of gigabytes": lambda: lying(zipped({"a/data.pkl": b"N" * 1234 + b"."}), 1235, 2**31),
    "a claim of somewhat more": lambda: lying(zipped({"a/data.pkl": b"N" * 1234 + b"."}), 1235, 1300),
    "entries in entries": lambda: nested(b"N.", 100),
    "many entries": lambda: b"PK\3\4" + b"PK\1\2" * 10**6,
    "no pickle": lambda: zipped({"a/data/0": FOUR}),
    "a pickle too deep": lambda: zipped({"a/b/data.pkl": b"N."}),
    "nothing": lambda: b"PK\3\4",
    "encrypted": lambda: zipped({"a/data.pkl": b"N."}).replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_archives_of_other_programs_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.pt").write_bytes(BOMBS[name]())
    with pytest.raises(NCAError) as caught:
        timed(tmp_path / "m.pt")
    assert str(caught.value) == (
        "holds over a thousand tensors, far more than any texture NCA." if name == "many entries" else DAMAGED
    )


# Damage


def whole(kind: str) -> tuple[bytes, Callable[[bytes], bytes], Callable[[Path], object]]:
    """Return bytes to damage, a function that makes a file of them, and the file's reader."""
    file = io.BytesIO()
    if kind in ("zip", "legacy", "pickle of zip"):
        torch.save({"model": weights(), "step": [3, 0.5, {1}]}, file, **FORMS["legacy" if kind == "legacy" else "zip"])
    elif kind == "npy":
        np.save(file, boxed((3,), *NP.values()))
    else:
        pickle.dump(ARRAYS, file, protocol=int(kind[-1]))
    content = file.getvalue()
    if kind != "pickle of zip":
        return content, bytes, read_npy if kind == "npy" else read_torch
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return parts["archive/data.pkl"], lambda new: zipped(parts | {"archive/data.pkl": new}), read_torch


KINDS = ["zip", "pickle of zip", "legacy", "npy", "pickle 0", "pickle 2", "pickle 4", "pickle 5"]


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_files(tmp_path: Path, kind: str) -> None:
    content, made, read = whole(kind)
    path = tmp_path / "m"
    lengths = {*range(0, len(content), max(1, len(content) // 200)), *range(len(content) - 30, len(content))}
    for length in sorted(lengths):
        path.write_bytes(made(content[:length]))
        with pytest.raises(NCAError, match=r"is damaged or was not written by (torch|numpy)\.save"):
            read(path)
    path.write_bytes(made(content))
    read(path)


@settings(max_examples=150)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_open_or_are_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content, made, read = whole(kind)
    place = st.integers(0, len(content) - 1)
    opcodes = st.sampled_from(sorted(b"().0123INRbcdehjlopqrstu}]\x81\x85\x86\x87\x90\x92\x93\x94Q"))
    new = bytearray(content)
    for at, byte in data.draw(st.lists(st.tuples(place, opcodes | st.integers(0, 255)), max_size=8)):
        new[at] = byte
    a, b, to = data.draw(st.tuples(place, st.integers(0, 40), place))
    if data.draw(st.booleans()):
        new[to:to] = new[a : a + b]
    path = tmp_path / "m"
    path.write_bytes(made(bytes(new)))
    refusal(lambda: timed(path, read))
