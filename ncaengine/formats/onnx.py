"""Graphs in .onnx files, read from the protobuf without its library: nodes, their attributes, and tensors of numbers.

A file takes at most about its own size in memory, and MAX_NODES nodes. Tensors outside of the file are refused.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.formats.limits import LARGE, MAX_PICKLE_BYTES, too_large
from ncaengine.formats.pickle.tensors import Array, from_bfloat16

MAX_NODES = 5000
DTYPES = {1: "<f4", 2: "u1", 3: "i1", 5: "<i2", 6: "<i4", 7: "<i8", 9: "u1", 10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8"}
"""NumPy's dtype by the format's number of a type."""


@dataclass(frozen=True, eq=False)
class Node:
    """An operation."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    """Numbers, texts, lists of these, and arrays, by name."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph of operations; each value has a name."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    sizes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of the inputs that state them; 0 for a size that is not fixed."""


def looks_like_onnx(start: bytes) -> bool:
    """Return whether a file starts as ONNX does: with its version, and then a producer or the next field."""
    return len(start) > 3 and start[0] == 8 and start[1] < 32 and start[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)


def read_onnx(path: Path) -> Graph:
    """Read the graph of a file. Raises NCAError without the file's name, or OSError."""
    data = path.read_bytes()
    if len(data) > MAX_PICKLE_BYTES:
        raise too_large("100 MB")
    try:
        [graph] = [value for number, value in _fields(memoryview(data)) if number == 7]
        return _graph(graph)
    except (ValueError, IndexError, struct.error, UnicodeDecodeError, OverflowError, TypeError):
        raise NCAError("is not a complete .onnx file; copy or save it again.") from None


def _graph(data: memoryview) -> Graph:
    found = Graph()
    for number, value in _fields(data):
        match number:
            case 1:
                found.nodes.append(_node(value))
            case 5:
                name, array = _tensor(value)
                found.constants[name] = array
            case 11 | 12:
                name = _text(_field(value, 1))
                (found.inputs if number == 11 else found.outputs).append(name)
                if number == 11 and (sizes := _sizes(_field(_field(value, 2), 1))) is not None:
                    found.sizes[name] = sizes
        if len(found.nodes) + len(found.constants) > MAX_NODES:
            raise too_large(f"{MAX_NODES} operations")
    return found


def _sizes(kind: memoryview) -> tuple[int, ...] | None:
    """Return the sizes in the type of an input, 0 for one that has a name; None if it has no shape."""
    shape = next((value for number, value in _fields(kind) if number == 2), None)
    if shape is None:
        return None
    sides = [[size for number, size in _fields(side) if number == 1] for number, side in _fields(shape) if number == 1]
    return tuple(side[0] if side else 0 for side in sides)


def _node(data: memoryview) -> Node:
    parts: dict[int, list[Any]] = {}
    for number, value in _fields(data):
        parts.setdefault(number, []).append(value)
    attributes = dict(_attribute(each) for each in parts.get(5, []))
    inputs, outputs = (tuple(map(_text, parts.get(number, []))) for number in (1, 2))
    return Node(_text(parts[4][-1]) if 4 in parts else "", inputs, outputs, attributes)


def _attribute(data: memoryview) -> tuple[str, Any]:
    name, value = "", None
    lists: list[Any] = []
    for number, held in _fields(data):
        match number:
            case 1:
                name = _text(held)
            case 2:
                (value,) = struct.unpack("<f", held)
            case 3:
                value = _signed(held)
            case 4:
                value = bytes(held).decode("utf-8", "replace")
            case 5:
                value = _tensor(held)[1]
            case 6 | 11:
                raise NCAError("has a graph inside its graph, such as a loop; export a graph of one step.")
            case 7:
                lists += _packed(held, "<f4")
            case 8:
                lists += [_signed(held)] if isinstance(held, int) else [_signed(n) for n in _varints(held)]
    return name, lists if value is None else value


def _tensor(data: memoryview) -> tuple[str, Array]:
    name, kind, raw = "", 0, None
    dims: list[int] = []
    values: list[Any] = []
    for number, held in _fields(data):
        match number:
            case 1:
                dims += [held] if isinstance(held, int) else _varints(held)
            case 2:
                kind = held
            case 4 | 10:
                values += _packed(held, "<f4" if number == 4 else "<f8")
            case 5 | 7 | 11:
                values += [_signed(n) for n in ([held] if isinstance(held, int) else _varints(held))]
            case 8:
                name = _text(held)
            case 9:
                raw = held
            case 13 | 14 if held:
                raise NCAError("keeps its weights in another file; save them within the .onnx.")
    return name, _array(kind, raw, values, dims)


def _array(kind: int, raw: memoryview | None, values: list[Any], dims: list[int]) -> Array:
    """Return a tensor from its bytes, or from the numbers that it lists; an empty one for texts and the like."""
    if len(dims) > 8 or math.prod(dims) > LARGE:
        raise NCAError(f"has a tensor of shape {tuple(dims[:8])}, far larger than any texture NCA's.")
    if kind not in DTYPES and kind != 16:
        return np.zeros(0, np.float32)
    if raw is None:
        array = np.array(values, "<u2" if kind in (10, 16) else DTYPES[kind])
        array = array.view("<f2") if kind == 10 else array
    else:
        array = np.frombuffer(raw, DTYPES.get(kind, "<u2"))
    if kind == 16:
        array = from_bfloat16(array)
    return array.reshape(dims).astype(array.dtype.newbyteorder("="))


# Protobuf


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Yield each field's number and value: an int, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, at = _varint(data, at)
        elif not size:
            raise ValueError("unknown kind of field")
        if at + size > len(data):
            raise ValueError("cut off")
        yield number, data[at : at + size]
        at += size


def _field(data: memoryview, number: int) -> memoryview:
    return next((value for found, value in _fields(data) if found == number), memoryview(b""))


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("not a number")


def _varints(data: memoryview) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _packed(data: memoryview, kind: str) -> list[float]:
    return [float(n) for n in np.frombuffer(data, kind)]


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _text(data: memoryview) -> str:
    return bytes(data[:500]).decode("utf-8")
