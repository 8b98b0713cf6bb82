"""Reads a file by its content: a model of ncaengine, or Decoded weights for the importers to identify."""

import gc
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core import model as models
from ncaengine.core import model_dicts
from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text
from ncaengine.core.model import Model
from ncaengine.formats import hdf5
from ncaengine.formats.exporters.tabs import MADE_BY
from ncaengine.formats.importers.base import Decoded, quoted
from ncaengine.formats.importers.names import DICTIONARIES, kind_of
from ncaengine.formats.limits import MAX_TEXT_BYTES, too_large
from ncaengine.formats.onnx import looks_like_onnx, read_onnx
from ncaengine.formats.partition import Held
from ncaengine.formats.pickle import holders, weights
from ncaengine.formats.pickle.attributes import Value, find_plain
from ncaengine.formats.pickle.machine import UnloadedObject
from ncaengine.formats.safetensors import KEY, read_safetensors

MAX_HEAD_LETTERS = 20_000
"""Letters at the start of a Shadertoy in which MADE_BY is searched."""
OWN = {
    "ncaengine training": "is the checkpoint of a training, not a model; open the model next to its folder.",
    "ncaengine session": "is a session, not a model; open it with `ncaengine view` or `ncaengine record --session`.",
}
"""What to say of ncaengine's own files that hold no model, by the key that they have."""
PICKLES, ARRAYS = (".pt", ".pth", ".ckpt", ".pkl", ".pk", ".pickle"), (".npy", ".npz")
KERAS = (".keras", ".h5", ".hdf5")
NUMBERS, TEXTS = (".bin", ".f32"), (".json", ".js", ".ts", ".glsl", ".txt")
ENDINGS = (".safetensors", *PICKLES, *ARRAYS, ".onnx", *KERAS, *NUMBERS, *TEXTS)
"""Usual endings of files that hold models; what a file holds decides, if it can be told."""
PICKLED = (b"PK\3\4", *(b"\x80" + bytes([protocol]) for protocol in range(2, 6)))
"""How files of torch.save and pickle.dump start."""
SCRIPT = "the program of this TorchScript file, which may compute something else with these weights"


def may_hold_models(path: Path) -> bool:
    """Return whether a file's name or its first bytes are those of a model file; it may hold something else."""
    if path.suffix.lower() in ENDINGS:
        return path.is_file()
    try:
        with path.open("rb") if path.is_file() else io.BytesIO() as file:
            start = file.read(16)
    except OSError:
        return False
    return (
        start.startswith((*PICKLED[1:], b"\x93NUMPY", hdf5.MAGIC))
        or _is_safetensors(start)
        or _is_saved_by_torch(path, start)
    )


def _is_saved_by_torch(path: Path, start: bytes) -> bool:
    """Return whether a zip archive's first entry is that of torch.save; others are documents and the like."""
    if not start.startswith(b"PK\3\4"):
        return False
    with path.open("rb") as file:
        return b"/data.pkl" in file.read(200)


def read_file(path: Path) -> Model | Decoded | Held:
    """Read a file's content, whatever its name; no code in it is ever run.

    Raises NCAError without its name, OSError or MemoryError.
    """
    ending, stem = path.suffix.lower(), _stem(path)
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(b"\x93NUMPY"):
        return _read_npy(path, stem)
    if start.startswith(b"PK\3\4") and (kind := weights.zip_kind(path)) not in ("torch", "script"):
        if kind == "npz":
            return _from_arrays(weights.read_npz(path), stem)
        if kind == "keras":
            return hdf5.read_keras(path, stem)
        raise NCAError("is a zip archive without weights; unpack it and open what is in it.")
    if ending == ".safetensors" or _is_safetensors(start):
        found = read_safetensors(path)
        if isinstance(found, Model):
            return found
        tensors, metadata = found
        _check_foreign(metadata)
        return Held({(name,): v for name, v in tensors.items()}, stem, plain=find_plain({"metadata": metadata}))
    if start.startswith(hdf5.MAGIC):
        return hdf5.read_hdf5(path, stem)
    if looks_like_onnx(start) and ending not in (*PICKLES, *TEXTS, *NUMBERS):
        return Decoded("graph", read_onnx(path), stem)
    if ending in TEXTS or (ending not in PICKLES and start.lstrip()[:1] in (b"{", b"[") and _is_text(path)):
        return _read_text(path, stem)
    if ending in NUMBERS and not start.startswith((b"PK\3\4", b"\x80\2")):
        return _read_numbers(path, stem)
    if ending not in (*PICKLES, ".npy") and not start.startswith(PICKLED):
        if ending in ENDINGS:
            raise NCAError(f"is damaged, or not a {ending} file; copy or save it again.")
        raise NCAError(f"is not a model file; models end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    return _read_pickle(path, stem)


def _check_foreign(keys: Mapping[Any, Any]) -> None:
    """Raise NCAError for a file of ncaengine that is no model."""
    for key, sentence in OWN.items():
        if key in keys:
            raise NCAError(sentence)


def _stem(path: Path) -> str:
    """Return a file's name without its ending, or endings such as .pth.tar; in UTF-8, if the system names it so."""
    inner, before = Path(path.stem), {".tar": PICKLES, ".h5": (".weights",)}
    return as_text(inner.stem if inner.suffix.lower() in before.get(path.suffix.lower(), ()) else path.stem)


def _is_safetensors(start: bytes) -> bool:
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") < MAX_TEXT_BYTES


def _read_npy(path: Path, stem: str) -> Model | Decoded | Held:
    found = weights.read_npy(path)
    if isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind == "f":
        return _from_numbers(found, stem)
    return Decoded("arrays", found, stem) if isinstance(found, np.ndarray) else _from_arrays(found, stem)


def _from_arrays(found: object, stem: str) -> Decoded | Held:
    """Return what NumPy saved: a dict of weights, a list of arrays, or one array."""
    if isinstance(found, list) and all(isinstance(each, np.ndarray) for each in found):
        return Decoded("arrays", found[0] if len(found) == 1 else found, stem)
    tensors = holders.find_tensors(found)
    return Held(tensors, stem, plain=find_plain(found)) if tensors else Decoded("arrays", found, stem)


def _read_pickle(path: Path, stem: str) -> Model | Decoded | Held:
    try:
        found = weights.read_torch(path)
    except weights.DamagedError:
        if _is_text(path):  # such as a web page or a git-lfs pointer in place of the file
            raise NCAError("holds text, not a file of torch.save; copy or save it again.") from None
        raise
    if isinstance(found, Mapping):
        _check_foreign(found)
    if isinstance(found, Mapping) and KEY in found:
        held = found[KEY]
        if not isinstance(held, Mapping) or not isinstance(held.get("weights"), Mapping):
            raise NCAError(f"has the key {KEY} but lacks its weights; save it again.")
        return model_dicts.model_from_dict(held.get("config"), holders.find_weights(held["weights"]))
    if isinstance(found, weights.Script):
        held = found.tensors()
        return Held(holders.find_tensors(held), stem, SCRIPT, find_plain(held))
    if isinstance(found, (list, tuple)) and found and all(isinstance(each, np.ndarray) for each in found):
        found = weights.in_order(found)
    tensors = holders.find_tensors(found)
    if tensors:
        return Held(tensors, stem, plain=find_plain(found))
    if not isinstance(found, Mapping):
        kind = "Tensor" if isinstance(found, np.ndarray) else type(found).__name__
        kind = f"{found.module}.{found.name}"[:100] if isinstance(found, UnloadedObject) else kind
        raise NCAError(f"holds a {kind}, not a model or a state dict.")
    keys = ", ".join(quoted(key) for key in list(found)[:4])
    raise NCAError(f"holds {keys or 'nothing'}{', …' if len(found) > 4 else ''}; it has no weights.")


def _is_text(path: Path) -> bool:
    """Return whether a file starts with at least 16 letters of UTF-8 text."""
    with path.open("rb") as file:
        start = file.read(256).decode("utf-8", "ignore")
    return len(start) >= 16 and all(c.isprintable() or c.isspace() for c in start)


def _read_text(path: Path, stem: str) -> Decoded:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise NCAError(f"is over {MAX_TEXT_BYTES // 2**20} MB of text, far larger than any texture NCA.")
    try:
        text = path.read_text("utf-8-sig")
        if f"// {MADE_BY} " in text[:MAX_HEAD_LETTERS]:
            raise NCAError("is a Shadertoy export, which can't be read back; open the model it was made from.")
        if path.suffix.lower() in TEXTS[1:]:
            return Decoded("text", text, stem)
        with _no_garbage_collection():
            data = json.loads(text)
        return Decoded("json", data, stem, stated=_stated(data))
    except UnicodeDecodeError:
        raise NCAError("is not UTF-8 text; save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise NCAError(f"is not JSON ({error}); copy or save it again.") from None
    except (ValueError, RecursionError):
        raise NCAError("is not the JSON of a model: its numbers are too long, or its lists too deep.") from None


def _stated(data: object) -> dict[str, Value]:
    """Return the settings of a step in a table, and in its dictionaries of settings, by dotted names."""
    if not isinstance(data, dict):
        return {}
    return {
        ".".join(keys): value
        for keys, value in find_plain({k: v for k, v in data.items() if not isinstance(v, list) or len(v) == 2}).items()
        if kind_of(keys[-1]) and all(map(DICTIONARIES.fullmatch, keys[:-1]))
        and not (type(value) is int and abs(value) > 2**53)  # no float
    }  # fmt: skip


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the garbage collector, which would take most of the time for millions of new lists."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _read_numbers(path: Path, stem: str) -> Decoded:
    data = path.read_bytes()
    if len(data) % 4:
        raise NCAError(f"has {len(data)} bytes, not a multiple of 4 as float32 numbers have; copy or save it again.")
    return _from_numbers(np.frombuffer(data, "<f4"), stem)


def _from_numbers(found: np.ndarray[Any, Any], stem: str) -> Decoded:
    """Return the weights of a net as one row of numbers."""
    numbers = found.astype(np.float32)
    if len(numbers) > models.MAX_NUMBERS:
        raise too_large()
    if not np.isfinite(numbers).all():
        raise NCAError("is not a row of finite float32 numbers; copy or save it again.")
    return Decoded("floats", numbers, stem)
