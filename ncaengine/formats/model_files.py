"""Model files by their names: what they hold, opened and saved. Only saving a .pt needs torch."""

import difflib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ncaengine.core import model as models
from ncaengine.core import resources
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.model import Model
from ncaengine.formats import importers, sniffing
from ncaengine.formats.importers import Hints

SHOWN = 8
"""Names of models that a sentence lists."""
_NO_HINTS = Hints()


@dataclass(frozen=True)
class Contents:
    """What a model file was found to hold.

    family, why: of published weights, and by what they were recognised; '' for a model of ncaengine. names: of all
    its models. make: the models whose names are wanted, one by one; raises NCAError. doubt: what speaks against the
    family that the hints name, or ''.
    """

    family: str
    why: str
    names: list[str]
    make: Callable[[Callable[[str], bool]], Iterator[Model]]
    doubt: str = ""


def contents(path: Path, hints: Hints = _NO_HINTS) -> Contents:
    """Look into a model file, of ncaengine or of a published family. No code in it is ever run.

    Raises NCAError with the file's name and what to do.
    """
    with told(path):
        found = sniffing.read(path)
        if isinstance(found, Model):
            model, name = found, found.config.name
            return Contents("", "", [name], lambda wanted: iter([model] if wanted(name) else []))
        family, why = importers.identify(found, hints)
        doubt = importers.doubt(found, hints)
        try:
            names = importers.names(found, hints)
        except NCAError as error:
            raise NCAError(f"{str(error).rstrip('.')}; {doubt}." if doubt else str(error)) from None
    if not names:
        raise NCAError(f"{path}: holds no model.")

    def make(wanted: Callable[[str], bool]) -> Iterator[Model]:
        with told(path):
            yield from importers.imported(found, hints, wanted)

    return Contents(family.name, why, names, make, doubt)


def candidates(path: Path, hints: Hints = _NO_HINTS) -> list[tuple[str, Model]]:
    """What the bare weights in a file may be, each with the flags that choose it. Raises NCAError with its name."""
    with told(path):
        found = sniffing.read(path)
        return [] if isinstance(found, Model) else importers.candidates(found, hints)


def published(path: Path, hints: Hints = _NO_HINTS) -> Iterator[Model]:
    """All models in a file, one by one. Raises NCAError with the file's name."""
    return contents(path, hints).make(lambda _: True)


def load(path: str | Path, hints: Hints = _NO_HINTS) -> Model:
    """Open a model: a file of ncaengine, or one of a published family; FILE:NAME is one of several in a file.

    A bare name, as zebra, is that of a shipped model; see `resolved`. No code in a file is ever run.
    Raises NCAError with the file's name and what to do.
    """
    file, name = parted(resolved(path))
    inside = contents(file, hints)
    if not name and len(inside.names) > 1:
        some = ", ".join(inside.names[:SHOWN]) + (", …" if len(inside.names) > SHOWN else "")
        raise NCAError(
            f"{file}: holds {len(inside.names)} models; add the name of one, as {file}:{inside.names[0]}. "
            f"They are: {some}"
        )
    name = member(file, inside.names, name) if name else ""
    return next(inside.make(lambda each: each == name or not name))


def member(file: Path, names: Sequence[str], name: str) -> str:
    """The name in full of one of a file's models: the one given, or the only one that ends in it, as -circular.

    Raises NCAError with the nearest names if there is none.
    """
    ending = [each for each in names if each.endswith(f"-{name}")]
    if name in names or len(ending) == 1:
        return name if name in names else ending[0]
    within = [each for each in names if name.lower() in each.lower()]
    near = ending or within or difflib.get_close_matches(name, names, SHOWN)
    shown = near[:SHOWN] or names[:SHOWN]
    there = "the nearest are" if near else "there are, among others"
    if len(shown) == len(names):
        there = "there are" if len(names) > 1 else "there is only"
    raise NCAError(f"{file}: holds no model {name!r}; {there}: {', '.join(shown)}.")


def parted(path: Path) -> tuple[Path, str]:
    """A file, and the name of one of the models in it if the path ends in one, as hexells.json:dots, else ''."""
    file, colon, name = str(path).rpartition(":")
    if colon and not os.path.exists(path) and os.path.isfile(file):
        return Path(file), name
    return path, ""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What goes wrong with a file becomes an NCAError that starts with its name."""
    try:
        _check(path)
        yield
    except NCAError as error:
        said = str(error)
        raise NCAError(said if said.startswith(f"{path}: ") else f"{path}: {said}") from None
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


def _check(path: Path) -> None:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise NCAError(f"{path}: is a folder; give a model file.")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise NCAError(f"{path}: cannot be read ({getattr(error, 'strerror', error)}).") from None
    if size == 0:
        raise NCAError(f"{path}: is empty; copy or save it again.")
    if size > sniffing.MAX_BYTES:
        raise NCAError(f"{path}: is {size / 2**20:.0f} MB, far larger than any texture NCA.")


def _save_torch(model: Model, path: Path) -> None:
    import torch

    weights = {name: torch.from_numpy(array.copy()) for name, array in model.arrays().items()}
    head = {"version": models.FORMAT_VERSION, "config": models.to_plain(model.config), "weights": weights}
    torch.save({sniffing.KEY: head}, path)
