"""Files of torch.save, pickle.dump and numpy.save, read without torch and without running any code.

A damaged or malicious file takes at most MAX_STEPS steps, MAX_NUMBERS numbers and about its own size in memory.
"""

import functools
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.formats.limits import MAX_PICKLE_BYTES, MAX_TENSORS, too_large
from ncaengine.formats.pickle.machine import UnloadedObject, code_refused
from ncaengine.formats.pickle.tensors import MAGIC, NUMBERS, TYPES, TensorMachine, plain_dtype

NPY_HEAD = re.compile(rb"\{'descr': (.{1,200}?), 'fortran_order': (True|False), 'shape': \(([\dL, ]*)\),? *\} *\n?")


class DamagedError(NCAError):
    """A file is not a pickle, or only part of one."""


@dataclass(frozen=True, eq=False)
class Script:
    """What a TorchScript file holds beside its program, which is not read."""

    module: object
    constants: list[object]
    """Tensors of the program, in the order of their use; of a frozen one, all weights."""

    def tensors(self) -> object:
        """Return the module with the constants that may be filters, or without weights of its own all constants."""
        arrays = [array for array in self.constants if isinstance(array, np.ndarray)]
        if isinstance(self.module, UnloadedObject) and not self.module.state:
            return in_order(arrays)
        if isinstance(self.module, UnloadedObject) and isinstance(self.module.state, dict):
            filters = {f"constant{n}": a for n, a in enumerate(arrays) if a.ndim > 1 and a.shape[-1] == a.shape[-2]}
            self.module.state.update({k: v for k, v in filters.items() if v.shape[-1] in (3, 5)})
        return self.module


def in_order(arrays: Sequence[Any]) -> dict[str, Any]:
    """Name arrays without names, in the order of their use: a matrix is a layer, a vector somewhere behind it its bias.

    Raises NCAError if a vector may be the bias of either layer.
    """
    named: dict[str, Any] = {}
    for number, array in enumerate(arrays):
        weights = [name for name in named if name.endswith(".weight")]
        if array.ndim > 1:
            plain = array.shape[2:] in ((), (1, 1))
            named[f"layers.{2 * len(weights)}.weight" if plain else f"filters{len(named) or ''}"] = array
            continue
        biases = [f"{name.removesuffix('weight')}bias" for name in weights if array.shape == named[name].shape[:1]]
        fit = [name for name in biases if name not in named]
        if len(fit) > sum(each.shape == array.shape for each in arrays[number:]):
            raise NCAError(
                f"holds arrays without names; its vector of {len(array)} numbers may be the bias of several layers; "
                "save a state dict instead."
            )
        named[fit[0] if fit else f"array{number}"] = array
    return named


def read_torch(path: Path) -> object:
    """Read a file of torch.save (new or old form) or pickle.dump.

    Returns containers, arrays for tensors and parameters (float32 for bfloat16), and UnloadedObject for other objects.
    Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _damage_reported("torch.save"):
        if data.startswith(b"PK\3\4"):
            found = _zipped(data)
        else:
            stream = io.BytesIO(data)
            found = TensorMachine(len(data)).run(stream)
            if type(found) is int and found == MAGIC:
                found = TensorMachine(len(data)).read_old(io.BytesIO(data), len(data))
    if isinstance(found, UnloadedObject) and found.foreign:
        raise code_refused(found)
    return found


def read_npy(path: Path) -> object:
    """Read a file of numpy.save: an array of numbers, or for an array of objects a nested list or what it holds.

    Raises NCAError without the file's name, or OSError.
    """
    data = path.read_bytes()
    with _damage_reported("numpy.save"):
        return _npy(data)


def read_npz(path: Path) -> object:
    """Read a file of numpy.savez: arrays by name, or a list of those that have none. Texts and truth values are plain.

    Raises NCAError without the file's name, or OSError.
    """
    with _damage_reported("numpy.savez"), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_TENSORS:
            raise too_large("a thousand tensors")
        if sum(e.file_size for e in entries) > MAX_PICKLE_BYTES:  # of all, before any is unpacked
            raise too_large("100 MB")
        arrays = {e.filename.removesuffix(".npy"): _npy(archive.read(e), TYPES) for e in entries}
    return list(arrays.values()) if all(re.fullmatch(r"arr_\d+", name) for name in arrays) else arrays


def zip_kind(path: Path) -> str:
    """Return what a zip archive is by the names in it: torch, script (of TorchScript), npz, keras; '' for another."""
    with _damage_reported("torch.save"):
        _check_entries(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    ends = {name.rsplit("/", 1)[-1] for name in names}
    if "data.pkl" in ends:
        return "script" if "constants.pkl" in ends else "torch"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "keras" if any(name.endswith("weights.h5") for name in names) else ""


def _check_entries(data: bytes) -> None:
    """Raise NCAError for a zip archive of too many entries, before zipfile makes an object for each."""
    if data.count(b"PK\1\2") > MAX_TENSORS + 100:
        raise too_large("a thousand tensors")


def _npy(data: bytes, types: re.Pattern[str] = NUMBERS) -> object:
    start = 8 + {(b"\x93NUMPY", 1): 2, (b"\x93NUMPY", 2): 4, (b"\x93NUMPY", 3): 4}[data[:6], data[6]]
    end = start + int.from_bytes(data[8:start], "little")
    head = NPY_HEAD.fullmatch(data, start, min(end, start + 10_000))
    if head is None:
        raise ValueError("no header")
    descr, fortran, sizes = head.groups()
    dtype = plain_dtype(descr.decode("latin1").strip("'"), types=types)
    if dtype.hasobject:
        return TensorMachine(len(data)).run(io.BytesIO(data[end:]))
    shape = tuple(int(n.strip(b" L")) for n in sizes.split(b",") if n.strip())
    found = TensorMachine(len(data)).array(shape, dtype, fortran == b"True", memoryview(data)[end:])
    return found.item() if types is TYPES and not shape and dtype.kind == "b" else found


@contextmanager
def _damage_reported(writer: str) -> Iterator[None]:
    try:
        yield
    except (NCAError, MemoryError):
        raise
    except Exception:  # on damaged files zipfile, pickletools and NumPy raise nearly anything
        raise DamagedError(f"is damaged or was not written by {writer}; copy or save it again.") from None


def _zipped(data: bytes) -> object:
    _check_entries(data)
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = [e for e in archive.infolist() if "/code/" not in e.filename]  # of TorchScript, never read
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > len(data):
        raise ValueError("torch.save writes entries uncompressed and apart")
    names = [e.filename for e in entries]
    root = next(n.removesuffix("data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl"))
    big = f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big"

    def run(pickle: str, storages: str) -> object:
        record = functools.cache(lambda key: archive.read(f"{root}{storages}/{key}"))
        content = archive.read(f"{root}{pickle}")
        return TensorMachine(len(content), lambda key, _: record(key), ">" if big else "<").run(io.BytesIO(content))

    found = run("data.pkl", "data")
    if f"{root}constants.pkl" not in names:
        return found
    constants = run("constants.pkl", "constants")
    return Script(found, list(constants) if isinstance(constants, tuple) else [])
