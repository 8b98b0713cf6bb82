"""The front door to model files: find, open, load and save them by name."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ncaengine.core import files, given, resources
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.core.model_dicts import FORMAT_VERSION, config_to_dict
from ncaengine.core.names import TRAINING, did_you_mean
from ncaengine.formats import importers, partition, sniffing
from ncaengine.formats.importers import Identified
from ncaengine.formats.importers.base import Hints
from ncaengine.formats.limits import MAX_FILE_BYTES
from ncaengine.formats.opened import LazyModels, Opened, Version
from ncaengine.formats.partition import Held
from ncaengine.formats.safetensors import KEY, as_safetensors
from ncaengine.formats.torch_zip import as_pt

_NO_HINTS = Hints()


def load(path: str | Path, hints: Hints = _NO_HINTS) -> Model:
    """Open a model: a file of ncaengine, or one of a published family.

    FILE:NAME is one of several models in a file, or one texture of a model of several, as an ordinary model.
    A bare name, as zebra, is that of a shipped model; see `find_file`. No code in a file is ever run.
    Raises NCAError with the file's name and what to do.
    """
    file, name = split_path(find_file(path))
    return open_file(file, hints).model(name)


def open_file(path: Path, hints: Hints = _NO_HINTS) -> Opened:
    """Read and identify a model file, of ncaengine or of a published family. No code in it is ever run.

    Raises NCAError with the file's name and what to do.
    """
    with files.errors_named(path):
        current = _version(_checked(path))
        content = sniffing.read_file(path)
        if isinstance(content, Model):
            models = LazyModels(path, {content.config.name: lambda: content})
            return Opened(path, current, "", "", "", models, {}, without_effect=hints.given())
        if isinstance(content, Held):
            parts = partition.split(content, lambda named: importers.fits(named, hints))
        else:
            parts = [content]
        opened = _opened(path, current, found := [importers.identify(part, hints) for part in parts])
        return replace(opened, without_effect=found[0].without_effect(hints))


def _opened(path: Path, version: Version, found: list[Identified]) -> Opened:
    """Return the models of a file, each of which has been identified. Raises NCAError without the file's name."""
    first, makers = found[0], {name: make for part in found for name, make in part.makers().items()}
    if not makers:
        raise NCAError("holds no model.")
    default = next((part.decoded.name for part in found if part.decoded.default), "")
    readings = {name: part.candidates for part in found for name in part.makers()}
    models = LazyModels(path, makers)
    doubt = first.doubt and f"{first.doubt}; read as {first.family.name}, as given"
    return Opened(path, version, first.family.name, first.reason, doubt, models, readings, default)


def file_version(path: Path) -> Version | None:
    """Return the version of a file, None while it is missing; for FILE:NAME, the file's."""
    try:
        return _version(split_path(path)[0].stat())
    except OSError:
        return None


def split_path(path: Path) -> tuple[Path, str]:
    """Split hexells.json:dots into the file and the name of the model in it, which is '' for any other path."""
    file, colon, name = str(path).rpartition(":")
    if colon and not os.path.exists(path) and os.path.isfile(file):
        return Path(file), name
    return path, ""


def find_file(name: str | Path, folder: Path = Path()) -> Path:
    """Return the path of a model: relative to `folder`, or of a shipped model for a bare name (no folder, no ending).

    Raises NCAError with the shipped models' names if a bare name is neither.
    """
    if not str(name):
        raise NCAError("The name of the model is empty; name a file or a shipped model.")
    name = given.path(name, "A model")
    path = folder / name
    if name.suffix or len(name.parts) != 1 or os.path.isfile(path):
        return path
    shipped = {model.stem: model for model in shipped_models()}
    stem, colon, texture = name.name.partition(":")
    if colon and stem in shipped and not os.path.exists(path):
        return Path(f"{shipped[stem]}:{texture}")
    if name.name not in shipped and not os.path.exists(path):
        guess, all_of_them = did_you_mean(name.name, shipped), ", ".join(shipped)
        raise NCAError(f"{name}: is neither a file nor a shipped model{guess}; the shipped ones are: {all_of_them}.")
    return shipped.get(name.name, path)


def find_files(folder: Path) -> list[Path]:
    """Return all files in a folder and in its subfolders that may hold models. Raises NCAError if there are none.

    Sessions and checkpoints of trainings are left out.
    """
    paths = [path for path in sorted(folder.rglob("*")) if sniffing.may_hold_models(path) and not _is_own(path)]
    if not paths:
        raise NCAError(f"{folder}: holds no file that could be a model ({', '.join(sniffing.ENDINGS)}).")
    return paths


def _is_own(path: Path) -> bool:
    """Return whether the name is that of a session, or of what lies beside a training."""
    return path.suffix.lower() == ".nca" or path.parent.suffix == TRAINING


def shipped_models() -> list[Path]:
    """Return the models that come with ncaengine."""
    try:
        return sorted(resources.folder("assets").glob("*.safetensors"))
    except FileNotFoundError:
        return []


def default_model() -> Path:
    """Return the model that opens when none is named. Raises NCAError if this installation has none."""
    path = resources.folder("assets") / "bubbles.safetensors"
    if not path.is_file():
        raise NCAError("The default model is missing from this installation; name a model file.")
    return path


def save(model: Model, path: str | Path) -> None:
    """Write a model as .pt or .safetensors, whole or not at all. Raises NCAError."""
    if not isinstance(model, Model):
        raise NCAError(f"Only a Model can be saved, not {model!r:.60}.")
    path = Path(path)
    writers: dict[str, Callable[[Model], bytes]] = {".safetensors": as_safetensors, ".pt": _as_torch}
    if path.suffix.lower() not in writers:
        raise NCAError(f"{path}: a model's name must end in .pt or .safetensors.")
    files.replace_file(path, writers[path.suffix.lower()](model))


def _version(found: os.stat_result) -> Version:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _checked(path: Path) -> os.stat_result:
    """Return what the system knows of a file that may be read. Raises NCAError without its name, or OSError."""
    try:
        found = path.stat()
    except ValueError as error:  # a name that no file can have
        raise NCAError(f"cannot be read ({error}).") from None
    if path.is_dir():
        raise NCAError("is a folder; give a model file.")
    if not stat.S_ISREG(found.st_mode):
        raise NCAError("is a device or a pipe, not a file; save what comes out of it as a file.")
    if found.st_size == 0:
        raise NCAError("is empty; copy or save it again.")
    if found.st_size > MAX_FILE_BYTES:
        raise NCAError(f"is {found.st_size / 2**20:.0f} MB, far larger than any texture NCA.")
    return found


def _as_torch(model: Model) -> bytes:
    return as_pt({KEY: {"version": FORMAT_VERSION, "config": config_to_dict(model.config), "weights": model.arrays()}})
