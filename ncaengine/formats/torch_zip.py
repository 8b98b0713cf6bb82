"""Writes .pt files as torch.save does, without torch."""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ncaengine.core.types import F32

ALIGNMENT = 64
"""Bytes; torch can then map tensors from the file into memory."""


def as_pt(content: Mapping[str, Any]) -> bytes:
    """Return a .pt file that torch.load opens, also with weights_only and mmap.

    content: strings, numbers, lists, and dictionaries of them; an array in it, float32, becomes a tensor.
    """
    arrays: list[F32] = []
    program = b"\x80\x02" + _value(content, arrays) + b"."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        _write(file, archive, "data.pkl", program)
        _write(file, archive, "byteorder", b"little")
        for number, array in enumerate(arrays):
            _write(file, archive, f"data/{number}", array.astype("<f4").tobytes())
        _write(file, archive, "version", b"3\n")
    return file.getvalue()


def _write(file: io.BytesIO, archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add an entry whose data starts at a multiple of ALIGNMENT."""
    entry = zipfile.ZipInfo(f"archive/{name}")
    padding = -(file.tell() + 30 + len(entry.filename) + 4) % ALIGNMENT  # after the entry's header
    entry.extra = b"FB" + struct.pack("<H", padding) + bytes(padding)
    archive.writestr(entry, data)


def _value(value: Any, arrays: list[F32]) -> bytes:
    """Return the part of a pickle that makes a value; append its arrays, which lie outside the pickle."""
    if isinstance(value, Mapping):
        items = b"".join(_value(key, arrays) + _value(each, arrays) for key, each in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return _tensor(value, len(arrays) - 1)
    return pickle.dumps(value, 2)[2:-1]  # without the first bytes, that name the protocol, and the last, that ends it


def _tensor(array: F32, number: int) -> bytes:
    """Return the call that makes a tensor of a storage of its own, as torch.save writes it."""
    strides = tuple(math.prod(array.shape[axis + 1 :]) for axis in range(array.ndim))
    where = [_value(each, []) for each in (str(number), "cpu", array.size)]
    storage = b"(" + _value("storage", []) + b"ctorch\nFloatStorage\n" + b"".join(where) + b"tQ"
    shape = _value(0, []) + _value(array.shape, []) + _value(strides, [])
    no_hooks = b"\x89ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + shape + no_hooks + b"tR"
