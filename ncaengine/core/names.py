"""Names: those that are not taken yet, those of files, those that were probably meant; a training's folder."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from itertools import count
from pathlib import Path

TRAINING = ".training"
"""How the folder ends in which a training keeps its own files."""

_MOST_BYTES = 150
"""Of a name from somebody's file; a file's name may have 255, with an ending, a number and a kernel."""
_NOT_IN_NAMES = frozenset('/\\:*?"<>|')


def unique_name(base: str, taken: Callable[[str], bool], pattern: str = "{base}-{number}") -> str:
    """Return `base` if it isn't taken, else the first of base-2, base-3, … that isn't.

    taken: whether a name is in use.
    pattern: how a number is added, with {base} and {number}.
    """
    if not taken(base):
        return base
    numbered = (pattern.format(base=base, number=number) for number in count(2))
    return next(name for name in numbered if not taken(name))


def as_file_name(name: str) -> str:
    """Return a name that somebody's file states as that of a file, which then lies in the folder where it is put.

    It is neither hidden, too long nor like a flag.
    """
    kept = "".join("-" if c in _NOT_IN_NAMES or not c.isprintable() else c for c in name[:_MOST_BYTES])
    return kept.encode()[:_MOST_BYTES].decode(errors="ignore").lstrip(".-").strip() or "model"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to two of the known names that look like a mistyped one, the most similar first."""
    by_lower = {other.lower(): other for other in known}
    return [by_lower[found] for found in get_close_matches(name.lower(), by_lower, n=2, cutoff=0.65)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean zebra?)' for a mistyped name, '' if nothing is like it."""
    near = nearest(name, known)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def choices(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean zebra?); choose from: coral, zebra' for the end of a message; '' if there is no choice."""
    known = list(known)
    return f"{did_you_mean(name, known)}; choose from: {', '.join(known)}" if known else ""


def training_folder(model: Path) -> Path:
    """Return the folder of the training that writes a model: mine.training for mine.pt."""
    return model.with_suffix(TRAINING)
