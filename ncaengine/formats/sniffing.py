"""Reads a file by its content: a model of ncaengine, or Decoded weights for the importers to identify."""

import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ncaengine.core import model as models
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.formats.exporters.tabs import MADE_BY
from ncaengine.formats.importers.base import Decoded, quoted
from ncaengine.formats.limits import MAX_TEXT_BYTES, too_large
from ncaengine.formats.pickle import weights
from ncaengine.formats.safetensors import read_safetensors

MAX_HEAD_LETTERS = 20_000
"""Letters at the start of a Shadertoy in which MADE_BY is searched."""
KEY = "ncaengine"
"""Key of a .pt file that holds a model of ncaengine."""
NUMBERS, TEXTS = (".bin", ".f32"), (".json", ".js", ".ts", ".glsl", ".txt")
ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".npy", *NUMBERS, *TEXTS)
"""Endings of files that may hold models."""


def read_file(path: Path) -> Model | Decoded:
    """Read a file's content; no code in it is ever run. Raises NCAError without its name, OSError or MemoryError."""
    if path.suffix.lower() not in ENDINGS:
        raise NCAError(f"is not a model file; models end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}.")
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x93NUMPY"):
        return Decoded("arrays", weights.read_npy(path), path.stem)
    if path.suffix.lower() == ".safetensors":
        found = read_safetensors(path)
        return found if isinstance(found, Model) else Decoded("tensors", found, path.stem)
    if path.suffix.lower() in TEXTS:
        return _read_text(path)
    if path.suffix.lower() in NUMBERS and not start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return _read_numbers(path)
    return _read_pickle(path)


def _read_pickle(path: Path) -> Model | Decoded:
    try:
        found = weights.read_torch(path)
    except weights.DamagedError:
        if _is_text(path):  # such as a web page or a git-lfs pointer in place of the file
            raise NCAError("holds text, not a file of torch.save; copy or save it again.") from None
        raise
    if isinstance(found, Mapping) and KEY in found:
        held = found[KEY]
        if not isinstance(held, Mapping) or not isinstance(held.get("weights"), Mapping):
            raise NCAError(f"has the key {KEY} but lacks its weights; save it again.")
        return models.model_from_dict(held.get("config"), weights.find_weights(held["weights"]))
    tensors = weights.find_weights(found)
    if tensors:
        return Decoded("tensors", tensors, path.stem)
    if not isinstance(found, Mapping):
        kind = "Tensor" if isinstance(found, np.ndarray) else type(found).__name__
        raise NCAError(f"holds a {kind}, not a model or a state dict.")
    keys = ", ".join(quoted(key) for key in list(found)[:4])
    raise NCAError(f"holds {keys or 'nothing'}{', …' if len(found) > 4 else ''}; it has no weights.")


def _is_text(path: Path) -> bool:
    """Return whether a file starts with at least 16 letters of UTF-8 text."""
    with path.open("rb") as file:
        start = file.read(256).decode("utf-8", "ignore")
    return len(start) >= 16 and all(c.isprintable() or c.isspace() for c in start)


def _read_text(path: Path) -> Decoded:
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise NCAError(f"is over {MAX_TEXT_BYTES // 2**20} MB of text, far larger than any texture NCA.")
    try:
        text = path.read_text("utf-8-sig")
        if f"// {MADE_BY} " in text[:MAX_HEAD_LETTERS]:
            raise NCAError("is a Shadertoy export, which can't be read back; open the model it was made from.")
        if path.suffix.lower() != ".json":
            return Decoded("text", text, path.stem)
        with _no_garbage_collection():
            return Decoded("json", json.loads(text), path.stem)
    except UnicodeDecodeError:
        raise NCAError("is not UTF-8 text; save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:  # JSONDecodeError is a ValueError
        raise NCAError(f"is not JSON ({error}); copy or save it again.") from None


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


def _read_numbers(path: Path) -> Decoded:
    data = path.read_bytes()
    if len(data) % 4:
        raise NCAError(f"has {len(data)} bytes, not a multiple of 4 as float32 numbers have; copy or save it again.")
    numbers = np.frombuffer(data, "<f4").astype(np.float32)
    if len(numbers) > models.MAX_NUMBERS:
        raise too_large()
    if not np.isfinite(numbers).all():
        raise NCAError("is not a row of finite float32 numbers; copy or save it again.")
    return Decoded("floats", numbers, path.stem)
