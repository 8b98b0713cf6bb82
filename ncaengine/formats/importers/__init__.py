"""Published weights -> Model. Each module reads one family of files; FAMILIES lists them all."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model, equal_models
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
from ncaengine.formats.importers.base import Decoded, Family, Hints, Makers, quoted

FAMILIES: tuple[Family, ...] = (
    selforg.FAMILY,
    dynca.FAMILY,
    noise.FAMILY,
    growing.FAMILY,
    growing_torch.FAMILY,
    reaction.FAMILY,
    munca.FAMILY,
    monash.FAMILY,
    notebook.FAMILY,
)
"""In this order: a file belongs to the first family that recognises it."""

_CHOICES = {"order": ("channel", "filter"), "filters": tuple(dense.GAINS), "offset": (0.5, 0.0)}
_NO_HINTS = Hints()


@dataclass(frozen=True, eq=False)
class Identified:
    """A file whose family is known."""

    decoded: Decoded
    hints: Hints
    family: Family
    reason: str
    """Why the file is of this family, a short clause."""
    doubt: str = ""
    """What speaks against the family that the hints name; '' if nothing does."""

    def makers(self) -> Makers:
        """Return functions that make the models, each with its attribution, by the model's name.

        Raises NCAError if the file is damaged; so does each function if the weights of its model are.
        """
        try:
            makers = self.family.open_models(self.decoded, self.hints)
        except NCAError as error:
            if not self.doubt:
                raise
            raise NCAError(f"{str(error).rstrip('.')}; {self.doubt}.") from None
        return {name: functools.partial(self._attributed, make) for name, make in makers.items()}

    def _attributed(self, make: Callable[[], Model]) -> Model:
        model, family = make(), self.family
        own = model.config.attribution  # some files name the authors of what is in them
        usual = {"authors": family.authors, "source": family.source, "licence": family.licence}
        known = {} if own.keys() & {"authors", "author", "licence"} else usual
        attribution = {"recognised": self.reason, **known, **own}
        config = msgspec.structs.replace(model.config, family=family.name, attribution=attribution)
        return dataclasses.replace(model, config=config)

    def candidates(self) -> list[tuple[str, Model]]:
        """Return what bare weights may be, each with the flags that choose it, the family's usual choice first.

        Empty if the file's form leaves no choice, or if the hints have made all choices. Raises NCAError as `makers`
        does.
        """
        choices = [choice for choice in self.family.ambiguous if getattr(self.hints, choice) in ("", None)]
        if self.decoded.form not in ("tensors", "floats") or not choices:
            return []
        usual = self._first(self.hints)
        tried = []
        for values in itertools.product(*(_CHOICES[choice] for choice in choices)):
            chosen: dict[str, Any] = dict(zip(choices, values, strict=True))
            flags = " ".join(f"--{choice} {_flag(value)}" for choice, value in chosen.items())
            tried.append((flags, self._first(dataclasses.replace(self.hints, **chosen))))
        return sorted(tried, key=lambda each: not equal_models(each[1], usual))

    def _first(self, hints: Hints) -> Model:
        return next(iter(dataclasses.replace(self, hints=hints).makers().values()))()


def identify(decoded: Decoded, hints: Hints = _NO_HINTS) -> Identified:
    """Find the family of a file; the one that the hints name, if they name one.

    Raises NCAError saying what the file holds if no family fits, or which families there are if the hints name none of
    them.
    """
    recognised = ((family, reason) for family in FAMILIES if (reason := family.recognise(decoded, hints)))
    if hints.family:
        by_name = {family.name: family for family in FAMILIES}
        if hints.family not in by_name:
            raise NCAError(f"There is no family {hints.family!r}; choose from: {', '.join(by_name)}.")
        named = by_name[hints.family]
        if reason := named.recognise(decoded, hints):
            return Identified(decoded, hints, named, reason)
        other, reason = next(recognised, (None, ""))
        doubt = f"it looks like {other.name}: {reason}; read as {named.name}, as given" if other else ""
        return Identified(decoded, hints, named, "its family was given", doubt)
    for family, reason in recognised:
        return Identified(decoded, hints, family, reason)
    if decoded.form == "floats":
        dense.read_net(decoded, hints)  # raises NCAError that says which hints are missing
    raise NCAError(f"is none of {', '.join(f.name for f in FAMILIES)}: it holds {_described(decoded)}.")


def _described(decoded: Decoded) -> str:
    """Say what a file holds, for a message."""
    data = decoded.data
    if decoded.form == "text":
        return "a text"
    if isinstance(data, dict):
        kind = "a table of" if decoded.form == "json" else "tensors called"
        first = ", ".join(quoted(key) for key in itertools.islice(data, 4))
        return f"{kind} {first}{', …' if len(data) > 4 else ''}" if data else "no weights"
    if isinstance(data, list):
        return f"a list of {len(data)}"
    shape = getattr(data, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"only {str(data)[:40]!r}"


def _flag(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
