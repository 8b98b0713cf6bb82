"""A model file after it was read and identified: its family, the reason, and its models, made on request."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ncaengine.core import embeddings
from ncaengine.core.errors import NCAError
from ncaengine.core.files import errors_named
from ncaengine.core.model import Model
from ncaengine.core.names import choices

MAX_NAMES_SHOWN = 8
"""Names of models that a message lists."""

Version = tuple[int, int, int]
"""Identifies one version of a file: modification time in ns, size in bytes, inode."""


class LazyModels(Mapping[str, Model]):
    """The models of a file by name, each made when it is looked up.

    A lookup raises NCAError with the file's name if the model's weights are damaged.
    """

    def __init__(self, path: Path, makers: Mapping[str, Callable[[], Model]]) -> None:
        self._path, self._makers = path, makers

    def __getitem__(self, name: str) -> Model:
        make = self._makers[name]
        with errors_named(self._path):
            return make()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True, eq=False)
class Opened:
    """A model file that was read once."""

    path: Path
    version: Version
    """The file's version just before it was read."""
    family: str
    """Name of the published family; '' for a model of ncaengine."""
    reason: str
    """Why the file is of this family, a short clause; '' for a model of ncaengine."""
    doubt: str
    """What speaks against the family that the user named; '' if nothing does."""
    models: LazyModels
    """At least one."""
    _candidates: Mapping[str, Callable[[str | None], list[tuple[str, Model]]]]
    default: str = ""
    """Name of the model that opens if none is named; '' if the file has one model, or several of equal rank."""
    without_effect: tuple[str, ...] = ()
    """Names of the user's hints that changed nothing, because the file itself says what they say."""

    def candidates(self, flags: str | None = None, name: str = "") -> list[tuple[str, Model]]:
        """Return what bare weights may be, each with the flags that choose it; empty if nothing is ambiguous.

        flags: of a candidate, whose further readings are asked for, those of one more choice first; None for the
        first candidates.
        name: of the model; '' as in `model`.

        Raises NCAError with the file's name.
        """
        name = self.find_name(name) if name else self.default or next(iter(self.models))
        with errors_named(self.path):
            return self._candidates[name](flags) if name in self._candidates else []

    @property
    def paths(self) -> list[Path]:
        """The absolute path that opens each model, as hexells.json:dots."""
        return [Path(f"{self.path.absolute()}:{name}") for name in self.models]

    def model(self, name: str = "") -> Model:
        """Return the model called `name`, see `find_name`, or without a name the only or the default one.

        The name of a texture of the only model gives that as an ordinary model.

        Raises NCAError if there is no such model, or several and no name.
        """
        names = list(self.models)
        name = name or self.default
        if len(names) == 1 and name not in ("", names[0]) and (textures := self.models[names[0]].config.textures):
            if name in textures:
                return embeddings.texture(self.models[names[0]], name)
            raise NCAError(f"{self.path}: holds no texture {name[:100]!r}{choices(name, textures)}.")
        if not name and len(names) > 1:
            shown = ", ".join(names[:MAX_NAMES_SHOWN]) + (", …" if len(names) > MAX_NAMES_SHOWN else "")
            raise NCAError(
                f"{self.path}: holds {len(names)} models; add the name of one, for example {self.path}:{names[0]}. "
                f"They are: {shown}"
            )
        return self.models[self.find_name(name) if name else names[0]]

    def find_name(self, name: str) -> str:
        """Return a model's full name: `name` itself, or the only name that ends in it, as in -circular.

        Raises NCAError with the nearest names if there is none.
        """
        names = list(self.models)
        endings = [each for each in names if each.endswith(f"-{name}")]
        if name in names or len(endings) == 1:
            return name if name in names else endings[0]
        containing = [each for each in names if name.lower() in each.lower()]
        nearest = endings or containing or get_close_matches(name, names, MAX_NAMES_SHOWN)
        shown = nearest[:MAX_NAMES_SHOWN] or names[:MAX_NAMES_SHOWN]
        there = "the nearest are" if nearest else "some of them are"
        if len(shown) == len(names):
            there = "choose from" if len(names) > 1 else "its only model is"
        raise NCAError(f"{self.path}: holds no model {name!r}; {there}: {', '.join(shown)}.")
