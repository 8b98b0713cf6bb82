"""Writes small HDF5 files (superblock 2, contiguous float32) after the format's specification."""

import struct
from typing import Any

import numpy as np

Array = np.ndarray
NOWHERE = 2**64 - 1


def message(kind: int, data: bytes) -> bytes:
    return struct.pack("<BHB", kind, len(data), 0) + data


def header(*messages: bytes) -> bytes:
    inside = b"".join(messages)
    return b"OHDR" + struct.pack("<BBI", 2, 2, len(inside)) + inside + bytes(4)


def space(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f"<BBBB{len(shape)}Q", 2, len(shape), 0, 1 if shape else 0, *shape)


FLOAT = bytes([0x11, 0x20, 0x1F, 0]) + struct.pack("<IHHBBBBI", 4, 0, 32, 23, 8, 0, 23, 127)


def text_attribute(name: str, text: str) -> bytes:
    kind = bytes([0x13, 0, 0, 0]) + struct.pack("<I", len(text) + 1)
    named, one = name.encode() + b"\0", space(())
    return message(12, struct.pack("<BBHHHB", 3, 0, len(named), len(kind), len(one), 0) + named + kind + one
                   + text.encode() + b"\0")  # fmt: skip


def hdf5_file(tree: dict[str, Any], **attributes: str) -> bytes:
    """Return a file of nested groups and arrays by name, with texts as attributes of the root."""
    out = bytearray(48)

    def place(data: bytes) -> int:
        out.extend(bytes(-len(out) % 8) + data)
        return len(out) - len(data)

    def write(held: Any, *more: bytes) -> int:
        if isinstance(held, dict):
            inside = [message(2, struct.pack("<BBQQ", 0, 0, NOWHERE, NOWHERE))]
            for name, each in held.items():
                inside.append(message(6, struct.pack("<BBB", 1, 0, len(name)) + name.encode()
                                      + struct.pack("<Q", write(each))))  # fmt: skip
            return place(header(*inside, *more))
        data = np.asarray(held, "<f4").tobytes()
        layout = struct.pack("<BBQQ", 3, 1, place(data), len(data))
        return place(
            header(message(1, space(np.shape(held))), message(3, FLOAT), message(5, b"\3\x0a"), message(8, layout))
        )

    root = write(tree, *(text_attribute(name, text) for name, text in attributes.items()))
    out[:48] = b"\x89HDF\r\n\x1a\n" + struct.pack("<BBBBQQQQI", 2, 8, 8, 0, 0, NOWHERE, len(out), root, 0)
    return bytes(out)
