"""Published weights -> Model. Each module knows one family's file forms; here the family of a file is found."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model, same
from ncaengine.formats.importers import (
    dense,
    dynca,
    growing,
    growing_torch,
    monash,
    munca,
    noise,
    notebook,
    reaction,
    selforg,
)
from ncaengine.formats.importers.base import Family, Found, Hints, Models, quoted

__all__ = ["FAMILIES", "Family", "Found", "Hints", "candidates", "doubt", "identify", "imported", "names"]

FAMILIES = (
    selforg.FAMILY, dynca.FAMILY, noise.FAMILY, growing.FAMILY, growing_torch.FAMILY, reaction.FAMILY, munca.FAMILY,
    monash.FAMILY, notebook.FAMILY,
)  # fmt: skip
"""The first that recognises a file has it."""

_CHOICES = {"order": ("channel", "filter"), "filters": tuple(dense.GAINS), "offset": (0.5, 0.0)}
_NO_HINTS = Hints()


def identify(found: Found, hints: Hints = _NO_HINTS) -> tuple[Family, str]:
    """The family of a file and why; that of the hints if they name one.

    Raises NCAError saying what the file holds if no family fits, or which families there are if that of the hints
    is none of them.
    """
    if hints.family:
        named = {family.name: family for family in FAMILIES}
        if hints.family not in named:
            raise NCAError(f"There is no family {hints.family!r}; there are: {', '.join(named)}.")
        family = named[hints.family]
        return family, family.recognise(found, hints) or "it was said to be"
    for family in FAMILIES:
        if why := family.recognise(found, hints):
            return family, why
    if found.form == "floats":
        dense.read(found, hints)  # says what is missing
    raise NCAError(f"is none of {', '.join(f.name for f in FAMILIES)}: it holds {_said(found)}.")


def doubt(found: Found, hints: Hints) -> str:
    """Another family that a file is recognised as, and why, where the one that the hints name does not know it; or ''.

    Raises NCAError as `identify` does.
    """
    if not hints.family or identify(found, hints)[0].recognise(found, hints):
        return ""
    for other in FAMILIES:
        if why := other.recognise(found, hints):
            return f"it looks like {other.name}: {why}; read as {hints.family}, as you said"
    return ""


def names(found: Found, hints: Hints = _NO_HINTS) -> list[str]:
    """Of all models in a file, without making one. Raises NCAError if the file is damaged."""
    return list(_models(found, hints)[2])


def imported(found: Found, hints: Hints = _NO_HINTS, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[Model]:
    """The models whose names are wanted, made one by one, each with its attribution. Raises NCAError."""
    family, why, made = _models(found, hints)
    usual = {"authors": family.authors, "source": family.source, "licence": family.licence}
    for name, make in made.items():
        if wanted(name):
            model = make()
            own = model.config.attribution  # of files that say themselves who made what is in them
            said = {"recognised": why, **({} if own.keys() & {"authors", "author", "licence"} else usual), **own}
            config = msgspec.structs.replace(model.config, family=family.name, attribution=said)
            yield dataclasses.replace(model, config=config)


def candidates(found: Found, hints: Hints = _NO_HINTS) -> list[tuple[str, Model]]:
    """What bare weights may be, each with the flags that choose it; what `imported` takes them for comes first.

    Of files whose form tells all, and of choices that the hints have made, there is nothing to try; the list is empty
    where none is left. Raises NCAError as `imported` does.
    """
    family, _ = identify(found, hints)
    open_ = [choice for choice in family.untold if getattr(hints, choice) in ("", None)]
    if found.form not in ("tensors", "floats") or not open_:
        return []
    usual = next(imported(found, hints))
    tried = []
    for values in itertools.product(*(_CHOICES[choice] for choice in open_)):
        chosen: dict[str, Any] = dict(zip(open_, values, strict=True))
        model = next(imported(found, dataclasses.replace(hints, **chosen)))
        tried.append((" ".join(f"--{choice} {_flag(value)}" for choice, value in chosen.items()), model))
    return sorted(tried, key=lambda each: not same(each[1], usual))


def _models(found: Found, hints: Hints) -> tuple[Family, str, Models]:
    family, why = identify(found, hints)
    return family, why, family.opened(found, hints)


def _said(found: Found) -> str:
    """What a file holds, for people."""
    data = found.data
    if found.form == "text":
        return "a text"
    if isinstance(data, dict):
        kind = "a table of" if found.form == "json" else "tensors called"
        first = ", ".join(quoted(key) for key in itertools.islice(data, 4))
        return f"{kind} {first}{', …' if len(data) > 4 else ''}" if data else "no weights"
    if isinstance(data, list):
        return f"a list of {len(data)}"
    shape = getattr(data, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"but {str(data)[:40]!r}"


def _flag(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
