"""What every importer shares: what was found in a file, what its user knows of it, and what a family is."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model

ARTICLE_KERNELS = ("square", "hexagonal-distill")
"""What models of the article were published to run on. On the moment-matched hexagonal kernel, whose
response to the finest detail is 1.5 times the square's, some of them turn to noise or die out."""

Order = Literal["channel", "filter"]
"""Of the perception: channel, all filters of channel 0, then of channel 1, …; filter, all channels of the first filter,
then of the second, …"""
Filters = Literal["undivided", "eighths", "unit"]
"""What a net was trained with: S and L9; S/8 and L9/8; S/8 and L9/4, which are the kernel's own.
S = [-1 0 1; -2 0 2; -1 0 1], L9 = [1 2 1; 2 -12 2; 1 2 1]."""

T = TypeVar("T")
Models = dict[str, Callable[[], Model]]
"""The models of a file by name, each made when it is called for."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a file holds, decoded but not understood.

    data: of json, what json.loads gives; of tensors, float32 arrays by name; of arrays, an array or a list of arrays;
    of floats, (n,) float32; of text, a str. name: of the file, without folder and ending; it only names models.
    """

    form: Literal["json", "tensors", "arrays", "floats", "text"]
    data: Any
    name: str


@dataclass(frozen=True)
class Hints:
    """What the user knows of a file; it goes before what its family is known for. Empty, 0 or None: nothing.

    channels, hidden: of a file that is a mere row of numbers. offset: RGB is state + offset.
    """

    family: str = ""
    order: Order | Literal[""] = ""
    filters: Filters | Literal[""] = ""
    channels: int = 0
    hidden: int = 0
    offset: float | None = None


@dataclass(frozen=True)
class Family:
    """Models that were published in one form.

    authors, source, licence: of what the project published. recognise: why a file is of this family, a short sentence,
    or ''. opened: the models of any file, recognised or not; it and what it gives raise NCAError without the file's
    name. untold: what a file of this family does not tell, see `candidates`.
    """

    name: str
    title: str
    authors: str
    source: str
    licence: str
    recognise: Callable[[Found, Hints], str]
    opened: Callable[[Found, Hints], Models]
    untold: tuple[Literal["order", "filters", "offset"], ...] = ()


ASK = "unknown: ask who trained it"
"""Authors and licence of weights that could be anybody's."""

MOST_FACTS, MOST_LETTERS = 16, 500
"""Of an attribution in an atlas, and of each of its facts."""


def bounded(facts: Mapping[Any, Any]) -> dict[str, str]:
    """An attribution as an atlas holds it: only texts, not too many nor too long, and nothing of the file it was in."""
    texts = {k[:40]: v[:MOST_LETTERS] for k, v in facts.items() if isinstance(k, str) and isinstance(v, str)}
    return {k: texts[k] for k in list(texts)[:MOST_FACTS] if k not in ("recognised", "file")}


def quoted(key: object) -> str:
    """A key of a file, told apart from the words around it."""
    return f"'{key[:40]}'" if isinstance(key, str) else str(key)[:40]


_BARE = re.compile(r"\d*|weights|model|checkpoint")
_KEPT = "-_."


def file_names(names: Sequence[str], stem: str, motion: re.Pattern[str] | None = None) -> list[str]:
    """Names out of a file, fit for files: without folders, each but once.

    Those that say nothing without the file's, which is `stem`, are put behind it or replaced by it: numbers, "weights"
    and the like, and what fits `motion`.
    """
    taken: set[str] = set()
    tried: dict[str, int] = {}
    given = []
    for name in names:
        base = name.rsplit("/", 1)[-1][:100]
        base = "".join(c if c.isalnum() or c in _KEPT or (c > "~" and c.isprintable()) else "_" for c in base)
        if _BARE.fullmatch(base) or (motion and motion.fullmatch(base)):
            base = stem if base in ("", "weights", "model", "checkpoint") else f"{stem}-{base}"
        base = base.lstrip(".") or "model"
        unique = base
        while unique in taken:
            tried[base] = tried.get(base, 1) + 1
            unique = f"{base}-{tried[base]}"
        taken.add(unique)
        given.append(unique)
    return given


def numbered(names: Sequence[str], make: Callable[[int, str], Model]) -> Models:
    """Models by name, of a function that makes one from its number and name."""
    return {name: functools.partial(make, number, name) for number, name in enumerate(names)}


def checked(data: Any, form: type[T], what: str) -> T:
    """`data` of a JSON file as a `form` of msgspec's. Raises NCAError saying where it is not as `what` is."""
    try:
        return msgspec.convert(data, form)
    except (msgspec.ValidationError, RecursionError) as error:
        raise NCAError(f"is not {what}: {_lower(str(error))[:200]}.") from None


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
