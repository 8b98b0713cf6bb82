"""What a file holds, by its content: a model of ncaengine, or weights of a published family yet to be told."""

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
from ncaengine.formats.pickle import weights
from ncaengine.formats.safetensors import read_safetensors

MAX_BYTES = 256 * 2**20
MAX_TEXT = 16 * 2**20
"""Of JSON and programs, of which a byte may take 25 in memory; the largest that was published has 1.5 MB."""
MAX_HEAD = 20_000
"""Letters in which a Shadertoy says who made it."""
KEY = "ncaengine"
"""Of a .pt file, under which a model of ncaengine lies."""
NUMBERS, TEXTS = (".bin", ".f32"), (".json", ".js", ".ts", ".glsl", ".txt")
ENDINGS = (".safetensors", ".pt", ".pth", ".ckpt", ".pkl", ".npy", *NUMBERS, *TEXTS)
"""Of files that may hold models."""


def read_file(path: Path) -> Model | Decoded:
    """What a file holds. No code in it is ever run. Raises NCAError without its name, OSError and MemoryError."""
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
        return _of_text(path)
    if path.suffix.lower() in NUMBERS and not start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return _of_numbers(path)
    return _of_pickle(path)


def _of_pickle(path: Path) -> Model | Decoded:
    try:
        found = weights.read_torch(path)
    except weights.DamagedError:
        if _is_text(path):  # as what a web page or git-lfs gives in the place of a file
            raise NCAError("holds text, not what torch.save writes; copy or save it again.") from None
        raise
    if isinstance(found, Mapping) and KEY in found:
        head = found[KEY]
        if not isinstance(head, Mapping) or not isinstance(head.get("weights"), Mapping):
            raise NCAError("has ncaengine's mark but not its form; save it again.")
        return models.model_from_dict(head.get("config"), weights.tensors(head["weights"]))
    tensors = weights.tensors(found)
    if tensors:
        return Decoded("tensors", tensors, path.stem)
    if not isinstance(found, Mapping):
        kind = "Tensor" if isinstance(found, np.ndarray) else type(found).__name__
        raise NCAError(f"holds a {kind}, not a model or a state dict.")
    keys = ", ".join(quoted(key) for key in list(found)[:4])
    raise NCAError(f"holds {keys or 'nothing'}{', …' if len(found) > 4 else ''}; there are no weights in it.")


def _is_text(path: Path) -> bool:
    """Whether a file begins as UTF-8 text does, and is not just too short to tell."""
    with path.open("rb") as file:
        start = file.read(256).decode("utf-8", "ignore")
    return len(start) >= 16 and all(c.isprintable() or c.isspace() for c in start)


def _of_text(path: Path) -> Decoded:
    if path.stat().st_size > MAX_TEXT:
        raise NCAError(f"is over {MAX_TEXT // 2**20} MB of text, far larger than any texture NCA.")
    try:
        text = path.read_text("utf-8-sig")
        if f"// {MADE_BY} " in text[:MAX_HEAD]:
            raise NCAError("is a Shadertoy that ncaengine exported, which is not read back; open the model it is of.")
        if path.suffix.lower() != ".json":
            return Decoded("text", text, path.stem)
        with _uncollected():
            return Decoded("json", json.loads(text), path.stem)
    except UnicodeDecodeError:
        raise NCAError("is not UTF-8 text; save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:  # JSONDecodeError is a ValueError
        raise NCAError(f"is not JSON ({error}); copy or save it again.") from None


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage: over millions of new lists, of which none is, it would take most of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _of_numbers(path: Path) -> Decoded:
    data = path.read_bytes()
    if len(data) % 4:
        raise NCAError(f"is {len(data)} bytes, which are not whole float32 numbers; copy or save it again.")
    numbers = np.frombuffer(data, "<f4").astype(np.float32)
    if len(numbers) > models.MAX_NUMBERS:
        raise NCAError("holds over ten million numbers, far more than any texture NCA.")
    if not np.isfinite(numbers).all():
        raise NCAError("is not a row of finite float32 numbers.")
    return Decoded("floats", numbers, path.stem)
