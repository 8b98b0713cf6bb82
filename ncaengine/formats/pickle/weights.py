"""What torch.save, pickle.dump and numpy.save wrote, read without torch and without running anything.

A broken or malicious file costs at most MAX_STEPS, MAX_NUMBERS and about its own size in memory.
"""

import functools
import io
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.formats.pickle.machine import Foreign
from ncaengine.formats.pickle.tensors import Array, Reader, plain_dtype, too_many

MAX_TENSORS = 1000
MAX_DEPTH = 16
"""Of modules within modules; and of a checkpoint around weights a quarter of it."""

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
NPY_HEAD = re.compile(rb"\{'descr': (.{1,200}?), 'fortran_order': (True|False), 'shape': \(([\dL, ]*)\),? *\} *\n?")
LIKELY = ("state_dict", "model_state_dict", "model", "ca", "nca", "net", "params", "weights")
"""Where a checkpoint keeps its weights."""
WRAPPERS = ("module", "_orig_mod", "model", "ca", "nca")
"""Modules around the automaton, whose names are dropped."""


class DamagedError(NCAError):
    """A file is no pickle at all, or only part of one."""


def read_torch(path: Path) -> object:
    """What torch.save (new or old form) or pickle.dump wrote: containers, arrays for tensors, Foreign for objects.

    Parameters are arrays too, bfloat16 is float32. Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _told("torch.save"):
        if data.startswith(b"PK\3\4"):
            return _zipped(data)
        stream = io.BytesIO(data)
        found = Reader(len(data)).run(stream)
        return _legacy(stream, len(data)) if type(found) is int and found == MAGIC else found


def read_npy(path: Path) -> object:
    """What numpy.save wrote: an array of numbers, or for an array of objects a nested list of them.

    Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _told("numpy.save"):
        start = 8 + {(b"\x93NUMPY", 1): 2, (b"\x93NUMPY", 2): 4, (b"\x93NUMPY", 3): 4}[data[:6], data[6]]
        end = start + int.from_bytes(data[8:start], "little")
        head = NPY_HEAD.fullmatch(data, start, min(end, start + 10_000))
        if head is None:
            raise ValueError("no head")
        descr, fortran, sizes = head.groups()
        dtype = plain_dtype(descr.decode("latin1").strip("'"))
        if dtype.hasobject:
            return Reader(len(data)).run(io.BytesIO(data[end:]))
        shape = tuple(int(n.strip(b" L")) for n in sizes.split(b",") if n.strip())
        return Reader(len(data)).array(shape, dtype, fortran == b"True", memoryview(data)[end:])


@contextmanager
def _told(writer: str) -> Iterator[None]:
    try:
        yield
    except (NCAError, MemoryError):
        raise
    except Exception:  # a damaged file can make zipfile, pickletools and NumPy raise nearly anything
        raise DamagedError(f"is damaged or was not written by {writer}; copy or save it again.") from None


def _zipped(data: bytes) -> object:
    if data.count(b"PK\1\2") > MAX_TENSORS + 20:  # before zipfile makes an object of each entry
        raise too_many("a thousand tensors")
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > len(data):
        raise ValueError("torch.save neither compresses nor overlaps")
    names = [e.filename for e in entries]
    root = next(n.removesuffix("data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl"))
    record = functools.cache(lambda key: archive.read(f"{root}data/{key}"))
    big = f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big"
    pickle = archive.read(f"{root}data.pkl")
    return Reader(len(pickle), lambda key, _: record(key), ">" if big else "<").run(io.BytesIO(pickle))


def _legacy(stream: io.BytesIO, size: int) -> object:
    """The form before torch 1.6: pickles, then the storages, whose sizes only the pickle before them tells."""
    if Reader(size).run(stream) != PROTOCOL:
        raise ValueError("another protocol")
    Reader(size).run(stream)  # about the machine that wrote it; the numbers are little-endian on any
    start = stream.tell()
    widths: dict[str, int] = {}
    Reader(size, widths.__setitem__).run(stream)
    keys = Reader(size).run(stream)
    content: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        (count,) = struct.unpack("<Q", stream.read(8))
        content[key] = stream.read(count * widths[key])
    stream.seek(start)
    return Reader(size, lambda key, _: content[key]).run(stream)


def tensors(found: object) -> dict[str, npt.NDArray[np.float32]]:
    """The weights in what `read_torch` gave, by their dotted names: float32, C-contiguous; empty if there are none.

    They may lie in a state dict, in a module, or in a checkpoint around either. Names lose WRAPPERS that all share.
    Raises NCAError for complex or too many numbers.
    """
    named: dict[str, Array] = {}
    for holder in _holders(found):
        named = named or holder
        # A checkpoint's own arrays, as of its losses, are no weights: those have at least one matrix.
        if any(array.ndim > 1 for array in holder.values()):
            named = holder
            break
    if sum(a.size for a in named.values()) > MAX_NUMBERS:
        raise too_many()
    if any(a.dtype.kind == "c" for a in named.values()):
        raise NCAError("holds complex numbers; weights are real.")
    while shared := next((w for w in WRAPPERS if named and all(n.startswith(f"{w}.") for n in named)), None):
        named = {name.removeprefix(f"{shared}."): array for name, array in named.items()}
    with np.errstate(over="ignore"):
        return {name: np.asarray(array, np.float32, order="C") for name, array in named.items()}


def _holders(found: object) -> Iterator[dict[str, Array]]:
    """The arrays in a mapping or module, then in those in it, and so on; each is looked at once, so loops end."""
    seen: set[int] = set()
    walked: set[int] = set()
    level = [found]
    for _ in range(MAX_DEPTH // 4 + 1):
        below: list[object] = []
        for holder in level:
            inside = _fresh(holder, seen)
            yield _module(holder, walked) if isinstance(holder, Foreign) else _arrays(inside)
            likely_first = sorted(inside.items(), key=lambda item: item[0] not in LIKELY)
            below += [value for _, value in likely_first if isinstance(value, (Mapping, Foreign))]
        level = below


def _fresh(what: object, seen: set[int]) -> Mapping[Any, Any]:
    """A mapping or an object's attributes; empty for all else and for those that were seen before."""
    inside = what.state if isinstance(what, Foreign) else what
    if not isinstance(inside, Mapping) or id(inside) in seen:
        return {}
    seen.add(id(inside))
    return inside


def _arrays(mapping: Mapping[Any, Any], prefix: str = "") -> dict[str, Array]:
    return {
        prefix + name: value
        for name, value in mapping.items()
        if isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"
    }


def _module(root: Foreign, seen: set[int]) -> dict[str, Array]:
    """Parameters and buffers of a torch.nn.Module as its state_dict() names them."""
    named: dict[str, Array] = {}
    todo: list[tuple[str, object, int]] = [("", root, MAX_DEPTH)]
    while todo:
        prefix, module, depth = todo.pop()
        state = _fresh(module, seen)
        parameters, buffers, modules = (_fresh(state.get(n), seen) for n in ("_parameters", "_buffers", "_modules"))
        # Each of their names may be thousands of letters long.
        if len(named) + len(todo) + len(parameters) + len(buffers) + len(modules) > MAX_TENSORS:
            raise too_many("a thousand tensors")
        named |= _arrays(parameters, prefix) | _arrays(buffers, prefix)
        children = [(f"{prefix}{name}.", child, depth - 1) for name, child in modules.items() if isinstance(name, str)]
        todo += reversed(children if depth else [])
    return named
