"""Parts from which tests make pickles and archives, and helpers to read them."""

import io
import pickle
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ncaengine.core.errors import NCAError
from ncaengine.formats.pickle.holders import find_weights
from ncaengine.formats.pickle.weights import read_torch

FORMS: dict[str, dict[str, bool]] = {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}
DAMAGED = "is damaged or was not written by torch.save; copy or save it again."


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(
                zipfile.ZipInfo(name), content, compression
            )  # ZipInfo has a fixed date, so that files are the same at any time
    return file.getvalue()


def timed(path: Path, read: Callable[[Path], object] = read_torch) -> Any:
    start = time.process_time()
    try:
        found = read(path)
        find_weights(found)
        return found
    finally:
        assert time.process_time() - start < 3  # each takes less than one on an idle machine


def refusal(read: Callable[[], object]) -> str:
    """Return the message with which a file is refused; '' if it is not refused."""
    try:
        read()
    except NCAError as error:
        return str(error)
    return ""


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    shapes = {"w1.weight": (6, 12, 1, 1), "w1.bias": (6,), "w2.weight": (3, 6, 1, 1)}
    return {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}


NP = {name: tensor.numpy() for name, tensor in weights().items()}


ARRAYS = {
    "c": np.arange(6, dtype="f4").reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i2"),
    "bool": np.array([[True, False]]),
    "empty": np.zeros((0, 3), "f2"),
    "scalar": np.array(2.5),
    "view": np.arange(24).reshape(2, 3, 4)[:, ::2, 1:],
}


def boxed(shape: tuple[int, ...], *items: object) -> Any:
    box = np.empty(shape, object)
    for index, item in zip(np.ndindex(*shape), items, strict=True):
        box[index] = item
    return box


def npy(head: str, rest: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + rest


def text(letters: str) -> bytes:
    """Return the opcode that pushes a text."""
    return b"X" + struct.pack("<I", len(letters.encode())) + letters.encode()


def glob(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def legacy(content: bytes, keys: object = (), storages: bytes = b"") -> bytes:
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    return head + content + pickle.dumps(list(keys), 2) + storages  # type: ignore[call-overload]


REBUILD = glob("torch._utils", "_rebuild_tensor_v2")


def storage(count: int = 4, kind: str = "FloatStorage", key: str = "0") -> bytes:
    return b"(" + text("storage") + glob("torch", kind) + text(key) + text("cpu") + number(count) + b"tQ"


def number(n: int) -> bytes:
    return b"\x8a" + pickle.encode_long(n).join([bytes([len(pickle.encode_long(n))]), b""])


def numbers(*ns: int) -> bytes:
    return b"(" + b"".join(map(number, ns)) + b"t"


def tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...], memory: bytes | None = None) -> bytes:
    return (
        REBUILD + b"(" + (memory or storage()) + number(offset)
        + numbers(*size) + numbers(*stride) + b"\x89)tR"
    )  # fmt: skip


FOUR = struct.pack("<4f", 1, 2, 3, 4)
