"""Files of torch.save, pickle.dump and numpy.save, read without torch and without running any code.

A damaged or malicious file takes at most MAX_STEPS steps, MAX_NUMBERS numbers and about its own size in memory.
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
from ncaengine.formats.limits import too_large
from ncaengine.formats.pickle.machine import UnloadedObject
from ncaengine.formats.pickle.tensors import Array, TensorMachine, plain_dtype

MAX_TENSORS = 1000
MAX_DEPTH = 16
"""Levels of modules in modules; a quarter of it are the levels of a checkpoint around its weights."""

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
NPY_HEAD = re.compile(rb"\{'descr': (.{1,200}?), 'fortran_order': (True|False), 'shape': \(([\dL, ]*)\),? *\} *\n?")
LIKELY = ("state_dict", "model_state_dict", "model", "ca", "nca", "net", "params", "weights")
"""Keys under which checkpoints keep weights."""
WRAPPERS = ("module", "_orig_mod", "model", "ca", "nca")
"""Names of modules around the automaton; they are removed from the weights' names."""


class DamagedError(NCAError):
    """A file is not a pickle, or only part of one."""


def read_torch(path: Path) -> object:
    """Read a file of torch.save (new or old form) or pickle.dump.

    Returns containers, arrays for tensors and parameters (float32 for bfloat16), and UnloadedObject for other objects.
    Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _damage_reported("torch.save"):
        if data.startswith(b"PK\3\4"):
            return _zipped(data)
        stream = io.BytesIO(data)
        found = TensorMachine(len(data)).run(stream)
        return _legacy(stream, len(data)) if type(found) is int and found == MAGIC else found


def read_npy(path: Path) -> object:
    """Read a file of numpy.save: an array of numbers, or for an array of objects a nested list.

    Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _damage_reported("numpy.save"):
        start = 8 + {(b"\x93NUMPY", 1): 2, (b"\x93NUMPY", 2): 4, (b"\x93NUMPY", 3): 4}[data[:6], data[6]]
        end = start + int.from_bytes(data[8:start], "little")
        head = NPY_HEAD.fullmatch(data, start, min(end, start + 10_000))
        if head is None:
            raise ValueError("no header")
        descr, fortran, sizes = head.groups()
        dtype = plain_dtype(descr.decode("latin1").strip("'"))
        if dtype.hasobject:
            return TensorMachine(len(data)).run(io.BytesIO(data[end:]))
        shape = tuple(int(n.strip(b" L")) for n in sizes.split(b",") if n.strip())
        return TensorMachine(len(data)).array(shape, dtype, fortran == b"True", memoryview(data)[end:])


@contextmanager
def _damage_reported(writer: str) -> Iterator[None]:
    try:
        yield
    except (NCAError, MemoryError):
        raise
    except Exception:  # on damaged files zipfile, pickletools and NumPy raise nearly anything
        raise DamagedError(f"is damaged or was not written by {writer}; copy or save it again.") from None


def _zipped(data: bytes) -> object:
    if data.count(b"PK\1\2") > MAX_TENSORS + 20:  # before zipfile makes an object for each entry
        raise too_large("a thousand tensors")
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > len(data):
        raise ValueError("torch.save writes entries uncompressed and apart")
    names = [e.filename for e in entries]
    root = next(n.removesuffix("data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl"))
    record = functools.cache(lambda key: archive.read(f"{root}data/{key}"))
    big = f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big"
    pickle = archive.read(f"{root}data.pkl")
    return TensorMachine(len(pickle), lambda key, _: record(key), ">" if big else "<").run(io.BytesIO(pickle))


def _legacy(stream: io.BytesIO, size: int) -> object:
    """Read the form before torch 1.6: pickles, then the storages, whose sizes only the pickles give."""
    if TensorMachine(size).run(stream) != PROTOCOL:
        raise ValueError("wrong protocol")
    TensorMachine(size).run(stream)  # about the computer that wrote it; numbers are always little-endian
    start = stream.tell()
    widths: dict[str, int] = {}
    TensorMachine(size, widths.__setitem__).run(stream)
    keys = TensorMachine(size).run(stream)
    content: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        (count,) = struct.unpack("<Q", stream.read(8))
        content[key] = stream.read(count * widths[key])
    stream.seek(start)
    return TensorMachine(size, lambda key, _: content[key]).run(stream)


def find_weights(found: object) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights in what `read_torch` returned, float32 and C-contiguous, by dotted name; empty if none.

    They may be in a state dict, in a module, or in a checkpoint around either. WRAPPERS that all names start with are
    removed. Raises NCAError for complex or too many numbers.
    """
    named: dict[str, Array] = {}
    for holder in _holders(found):
        named = named or holder
        # Weights have at least one matrix; a checkpoint's other arrays, such as its losses, have none.
        if any(array.ndim > 1 for array in holder.values()):
            named = holder
            break
    if sum(a.size for a in named.values()) > MAX_NUMBERS:
        raise too_large()
    if any(a.dtype.kind == "c" for a in named.values()):
        raise NCAError("holds complex numbers; weights must be real.")
    while shared := next((w for w in WRAPPERS if named and all(n.startswith(f"{w}.") for n in named)), None):
        named = {name.removeprefix(f"{shared}."): array for name, array in named.items()}
    with np.errstate(over="ignore"):
        return {name: np.asarray(array, np.float32, order="C") for name, array in named.items()}


def _holders(found: object) -> Iterator[dict[str, Array]]:
    """Yield the arrays of a mapping or module, then of those in it, and so on; each only once, because of loops."""
    seen: set[int] = set()
    walked: set[int] = set()
    level = [found]
    for _ in range(MAX_DEPTH // 4 + 1):
        below: list[object] = []
        for holder in level:
            inside = _fresh(holder, seen)
            yield _module(holder, walked) if isinstance(holder, UnloadedObject) else _arrays(inside)
            likely_first = sorted(inside.items(), key=lambda item: item[0] not in LIKELY)
            below += [value for _, value in likely_first if isinstance(value, (Mapping, UnloadedObject))]
        level = below


def _fresh(what: object, seen: set[int]) -> Mapping[Any, Any]:
    """Return a mapping or an object's attributes; empty for anything else and for those seen before."""
    inside = what.state if isinstance(what, UnloadedObject) else what
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


def _module(root: UnloadedObject, seen: set[int]) -> dict[str, Array]:
    """Return parameters and buffers of a torch.nn.Module under the names of its state_dict()."""
    named: dict[str, Array] = {}
    todo: list[tuple[str, object, int]] = [("", root, MAX_DEPTH)]
    while todo:
        prefix, module, depth = todo.pop()
        state = _fresh(module, seen)
        parameters, buffers, modules = (_fresh(state.get(n), seen) for n in ("_parameters", "_buffers", "_modules"))
        # Limited, since each name may be thousands of letters long.
        if len(named) + len(todo) + len(parameters) + len(buffers) + len(modules) > MAX_TENSORS:
            raise too_large("a thousand tensors")
        named |= _arrays(parameters, prefix) | _arrays(buffers, prefix)
        children = [(f"{prefix}{name}.", child, depth - 1) for name, child in modules.items() if isinstance(name, str)]
        todo += reversed(children if depth else [])
    return named
