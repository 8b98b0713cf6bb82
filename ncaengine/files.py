"""Model files by their name's ending: .safetensors opens without torch, .pt through torch's safe reader."""

import io
import json
import os
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ncaengine import model as models
from ncaengine import resources
from ncaengine.errors import NCAError
from ncaengine.importers import notebook, selforg
from ncaengine.model import F32, Model

MAX_BYTES = 256 * 2**20
KEY = "ncaengine"


def load(path: str | Path) -> Model:
    """Open a model: .safetensors or .pt of ncaengine, or a state dict of the article's notebook (.pt, .pth).

    A bare name, as zebra, is that of a shipped model; see `resolved`. No code in a file is ever run.
    Raises NCAError with the file's name and what to do.
    """
    path = resolved(path)
    _check(path)
    try:
        match path.suffix.lower():
            case ".safetensors":
                return models.load_safetensors(path)
            case ".pt" | ".pth":
                return _from_torch(_read_torch(path), path)
            case ".json":
                raise NCAError(
                    f"holds published weights; turn them into models first: ncaengine import {path} -o models/"
                )
            case _:
                raise NCAError("is not a model file; models end in .safetensors, .pt or .pth.")
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    except (OSError, MemoryError) as error:
        raise NCAError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not enough memory'}).") from None


def resolved(name: str | Path, folder: Path = Path()) -> Path:
    """The file meant: a path, seen from `folder`; or by a bare name (no folder, no ending) a shipped model.

    Raises NCAError with the names that there are for a bare one that is neither.
    """
    name = Path(name)
    path = folder / name
    if name.suffix or len(name.parts) != 1 or os.path.isfile(path):
        return path
    models = {model.stem: model for model in sorted(resources.folder("assets").glob("*.safetensors"))}
    if name.name not in models and not os.path.exists(path):
        raise NCAError(f"{name}: is neither a file nor a shipped model; the shipped ones are: {', '.join(models)}.")
    return models.get(name.name, path)


def shipped() -> Path:
    """The model that opens when none is named. Raises NCAError if this installation has none."""
    path = resources.folder("assets") / "bubbles.safetensors"
    if not path.is_file():
        raise NCAError("This installation lacks the model that it ships; name a model file.")
    return path


def save(model: Model, path: Path) -> None:
    """Write a model as .pt or .safetensors, whole or not at all. Raises NCAError."""
    writers: dict[str, Callable[[Model, Path], None]] = {".safetensors": models.save_safetensors, ".pt": _save_torch}
    if path.suffix.lower() not in writers:
        raise NCAError(f"{path}: a model's name must end in .pt or .safetensors.")
    replace_file(path, lambda part: writers[path.suffix.lower()](model, part))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Have `write` make a file beside `path` and put it in its place: whole or not at all. Raises NCAError."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        if "inline_container" in reason:  # torch's words for a file that it could not write on
            reason = "is the disk full?"
        raise NCAError(f"{path}: cannot be written ({reason}).") from None
    finally:
        part.unlink(missing_ok=True)


def published(path: Path) -> Iterator[Model]:
    """The models in a file of published weights. Raises NCAError with the file's name."""
    if path.suffix.lower() != ".json":
        yield load(path)
        return
    _check(path)
    try:
        data = json.loads(path.read_text("utf-8"))
        if not selforg.matches(data):
            raise NCAError("is JSON, but not an atlas of texture NCAs (it lacks `model_names` and `layers`).")
        yield from selforg.models(data)
    except OSError as error:
        raise NCAError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise NCAError(f"{path}: is not JSON ({error}).") from None
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None


def _check(path: Path) -> None:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise NCAError(f"{path}: is a folder; give a model file.")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise NCAError(f"{path}: cannot be read ({getattr(error, 'strerror', error)}).") from None
    if size == 0:
        raise NCAError(f"{path}: is empty; copy or save it again.")
    if size > MAX_BYTES:
        raise NCAError(f"{path}: is {size / 2**20:.0f} MB, far larger than any texture NCA.")


def _read_torch(path: Path) -> object:
    import torch

    data = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings(action="ignore"):  # as of a pickle's version, which no user can act on
            return torch.load(data, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged files torch's reader raises nearly anything
        found = isinstance(error, pickle.UnpicklingError) and (
            re.search(r"GLOBAL ([\w.]+)", str(error)) or re.search(r"([\w]+\.[\w.]+) (?:was not|is not)", str(error))
        )
        if found:
            raise NCAError(
                f"asks for Python code ({found[1]}) and ncaengine runs none from model files; "
                "save its state_dict() with torch.save instead."
            ) from None
        raise NCAError("is damaged or was not written by torch.save; copy or save it again.") from None


def _from_torch(data: object, path: Path) -> Model:
    if not isinstance(data, Mapping):
        raise NCAError(f"holds a {type(data).__name__}, not a model or a state dict.")
    if KEY in data:
        head = data[KEY]
        if not isinstance(head, Mapping) or not isinstance(head.get("weights"), Mapping):
            raise NCAError("has ncaengine's mark but not its form; save it again.")
        return models.from_plain(head.get("config"), _arrays(head["weights"]))
    arrays = _arrays({k: v for k, v in data.items() if hasattr(v, "detach")})
    if notebook.matches(arrays):
        return notebook.from_state_dict(arrays, path.stem)
    keys = ", ".join(str(k)[:40] for k in list(data)[:4])
    raise NCAError(
        f"holds {keys or 'nothing'}{', …' if len(data) > 4 else ''}; that is neither a model of ncaengine nor "
        "a notebook's state dict (w1.weight, w1.bias, w2.weight)."
    )


def _arrays(tensors: Mapping[Any, Any]) -> dict[str, F32]:
    try:
        if sum(v.numel() for v in tensors.values()) > models.MAX_NUMBERS:
            raise NCAError("holds over ten million numbers, far more than any texture NCA.")
        if any(v.is_complex() for v in tensors.values()):
            raise NCAError("holds complex numbers; weights are real.")
        return {str(k): v.detach().to("cpu").float().numpy() for k, v in tensors.items()}
    except (AttributeError, RuntimeError, TypeError, NotImplementedError) as error:
        raise NCAError(f"holds weights that are not plain tensors ({str(error).splitlines()[0][:80]}).") from None


def _save_torch(model: Model, path: Path) -> None:
    import torch

    weights = {name: torch.from_numpy(array.copy()) for name, array in model.arrays().items()}
    head = {"version": models.FORMAT_VERSION, "config": models.to_plain(model.config), "weights": weights}
    torch.save({KEY: head}, path)
