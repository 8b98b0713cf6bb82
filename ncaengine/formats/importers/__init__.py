"""Published weights -> Model. Each module reads one family of files; FAMILIES lists them all."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError, UnknownFamilyError
from ncaengine.core.model import Model, equal_models
from ncaengine.core.names import choices
from ncaengine.core.texts import flag_of
from ncaengine.core.types import F32
from ncaengine.formats.importers import (
    dense,
    dynca,
    graphs,
    growing,
    growing_tf,
    growing_torch,
    monash,
    munca,
    noise,
    notebook,
    reaction,
    selforg,
)
from ncaengine.formats.importers.adjust import adjusted
from ncaengine.formats.importers.base import ASK, Choice, Decoded, Family, Hints, Makers, quoted
from ncaengine.formats.importers.state_dicts import tidy
from ncaengine.formats.importers.statements import Stated, read_statements

FAMILIES: tuple[Family, ...] = (
    selforg.FAMILY,
    dynca.FAMILY,
    noise.FAMILY,
    growing.FAMILY,
    growing_tf.FAMILY,
    growing_torch.FAMILY,
    reaction.FAMILY,
    munca.FAMILY,
    graphs.FAMILY,
    monash.FAMILY,
    notebook.FAMILY,
)
"""In this order: a file belongs to the first family that recognises it."""

_CHOICES: dict[Choice, tuple[str | float, ...]] = {
    "order": ("channel", "filter"),
    "filters": tuple(dense.GAINS),
    "offset": (0.5, 0.0),
    "gradient_sign": ("down", "up"),
    "padding": ("circular", "zero", "replicate"),
    "seed_form": ("zeros", "noise", "point", "opaque"),
    "alive": ("none", "both", "after", "before"),
    "fire_rate": (0.5, 1.0),
    "integrator": ("euler", "heun", "rk4", "implicit"),
    "state_clip": (1.0,),
}
"""What is tried for each choice."""
COMBINED: tuple[Choice, ...] = ("order", "filters", "offset", "gradient_sign")
"""Choices that are tried in all combinations; the others only where none of these settles."""
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
    also: tuple[str, ...] = ()
    """The names of other families that recognise the file, too."""
    stated: Stated = field(default_factory=Stated)
    """What the file says about a step beside its layers; `hints` has what it shares with the user's."""

    def makers(self) -> Makers:
        """Return functions that make the models, each with its attribution, by the model's name.

        Raises NCAError if the file is damaged; so does each function if the weights of its model are.
        """
        try:
            makers = self.family.open_models(self.decoded, self.hints)
        except NCAError as error:
            if not self.doubt:
                raise
            raise NCAError(f"{str(error).rstrip('.')}; {self.doubt}. Leave out --family, or correct it.") from None
        return {name: functools.partial(self._attributed, make) for name, make in makers.items()}

    def _attributed(self, make: Callable[[], Model]) -> Model:
        model, family = adjusted(self.stated.applied(make(), self.hints), self.hints), self.family
        own = model.config.attribution  # some files name the authors of what is in them
        usual = {"authors": family.authors, "source": family.source, "licence": family.licence}
        if not family.owned(self.decoded):
            usual = {"authors": ASK, "source": _after(family.source), "licence": _unknown(family.licence)}
        known = {} if own.keys() & {"authors", "author", "licence"} else usual
        facts = {"not needed": "; ".join(self.decoded.notes)} if self.decoded.notes else {}
        if self.also and own.get("reading", "").startswith("a guess"):
            facts["reading"] = f"{own['reading']}; it may also be of the family {' or '.join(self.also)}"
        if unread := "; ".join(filter(None, (own.get("left out"), self.decoded.unread))):
            facts["left out"] = unread
        attribution = {"recognised": self.reason, **known, **own, **facts}
        config = msgspec.structs.replace(model.config, family=family.name, attribution=attribution)
        return dataclasses.replace(model, config=config)

    def without_effect(self, given: Hints) -> tuple[str, ...]:
        """Return the names of hints that change nothing in this file, whatever their value.

        given: The user's; `hints` has what the file says, too.
        """

        def has_none(name: str) -> bool:
            if name in ("channels", "hidden"):
                return self.decoded.form != "floats"
            if name not in _CHOICES:
                return False
            values = (getattr(_NO_HINTS, name), *_CHOICES[name])
            try:
                first, *others = (self._first(dataclasses.replace(self.hints, **{name: value})) for value in values)
            except NCAError:  # such as a seed that needs more channels
                return False
            return all(_same_step(first, other) for other in others)

        return tuple(filter(has_none, given.given()))

    def candidates(self, flags: str | None = None) -> list[tuple[str, Model]]:
        """Return what bare weights may be, each with the flags that choose it, the family's usual choice first.

        flags: of a candidate, whose further readings are asked for; None for the first candidates.

        Empty if the file's form leaves no choice, or if the hints have made all choices. Raises NCAError as `makers`
        does.
        """
        choices = [choice for choice in self.family.ambiguous if getattr(self.hints, choice) in ("", None)]
        if self.decoded.form not in ("tensors", "floats") or not choices:
            return []
        net = dense.read_net(self.decoded, self.hints)
        if net.perception:  # the file's own filters leave little open
            known = ("filters", "gradient_sign", *(["order"] * (not net.perception.guessed)))
            choices = [each for each in choices if each not in known]
        elif not net.placed:  # the mirror image settles alike
            choices = [each for each in choices if each != "gradient_sign"]
        if flags is not None:
            return self._further(flags, [each for each in choices if each not in COMBINED])
        usual, combined = self._first(self.hints), [each for each in choices if each in COMBINED]
        every = itertools.product(*(_CHOICES[choice] for choice in combined))
        tried = [self._candidate(dict(zip(combined, values, strict=True))) for values in every]
        return sorted(tried, key=lambda each: not _same_step(each[1], usual))

    def _further(self, flags: str, choices: list[Choice]) -> list[tuple[str, Model]]:
        """Return readings that differ from a candidate in one further choice, then those that differ in two."""
        base = _chosen(flags)
        single = [{choice: value} for choice in choices for value in _CHOICES[choice]]
        double = [a | b for a, b in itertools.combinations(single, 2) if a.keys() != b.keys()]
        usual = self._candidate(base)[1]
        tried = list[tuple[str, Model]]()
        for chosen in (*single, *double):
            try:
                flags, model = self._candidate(base | chosen)
            except NCAError:  # such as a seed that needs more channels
                continue
            if not any(_same_step(model, other) for other in (usual, *(model for _, model in tried))):
                tried.append((flags, model))
        return tried

    def _candidate(self, chosen: dict[Choice, str | float]) -> tuple[str, Model]:
        flags = " ".join(f"{flag_of(choice)} {_typed(value)}" for choice, value in chosen.items())
        changes: dict[str, Any] = {str(choice): value for choice, value in chosen.items()}
        return flags, self._first(dataclasses.replace(self.hints, **changes))

    def _first(self, hints: Hints) -> Model:
        return next(iter(dataclasses.replace(self, hints=hints).makers().values()))()


def identify(decoded: Decoded, hints: Hints = _NO_HINTS) -> Identified:
    """Find the family of a file; the one that the hints name, if they name one.

    Raises NCAError saying what the file holds if no family fits, or which families there are if the hints name none of
    them.
    """
    decoded = tidy(decoded)
    stated = read_statements(decoded.stated)
    hints = stated.under(hints)
    recognised = ((family, reason) for family in FAMILIES if (reason := family.recognise(decoded, hints)))
    if hints.family:
        by_name = {family.name: family for family in FAMILIES}
        if hints.family not in by_name:
            raise NCAError(f"There is no family {hints.family!r}{choices(hints.family, by_name)}.")
        named = by_name[hints.family]
        if reason := named.recognise(decoded, hints):
            return Identified(decoded, hints, named, reason, stated=stated)
        other, reason = next(recognised, (None, ""))
        doubt = f"it looks like {other.name}: {reason}" if other else ""
        return Identified(decoded, hints, named, "its family was given", doubt, stated=stated)
    for family, reason in recognised:
        return Identified(decoded, hints, family, reason, "", tuple(other.name for other, _ in recognised), stated)
    if decoded.form == "floats":
        dense.read_net(decoded, hints)  # raises NCAError that says which hints are missing
    families = ", ".join(family.name for family in FAMILIES)
    why = _why(decoded) or " If it is a model of one of these, save its weights as a state dict."
    raise UnknownFamilyError(f"is none of {families}: it holds {_described(decoded)}.{why}")


def fits(tensors: Mapping[str, F32], hints: Hints = _NO_HINTS) -> bool:
    """Return whether tensors by name are a model of some family, whatever their numbers are."""
    finite = {name: np.asarray(np.nan_to_num(array, posinf=1.0, neginf=1.0)) for name, array in tensors.items()}
    try:
        for make in identify(Decoded("tensors", finite, "model"), hints).makers().values():
            make()
    except NCAError:
        return False
    return True


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


def _why(decoded: Decoded) -> str:
    """Say why a state dict is not read, if it is a net of more than two layers; a sentence, or ''."""
    arrays = decoded.data.items() if decoded.form == "tensors" else ()
    layers = [f"{quoted(name)} {a.shape}" for name, a in arrays if name.endswith(".weight") and a.ndim > 1]
    if len(layers) < 3:
        return ""
    more = f" and {len(layers) - 3} more" if len(layers) > 3 else ""
    return f" ncaengine runs nets of two layers behind filters; this has {', '.join(layers[:3])}{more}."


def _same_step(a: Model, b: Model) -> bool:
    """Return whether two models differ in nothing but what is said of them."""
    plain = [dataclasses.replace(m, config=msgspec.structs.replace(m.config, attribution={})) for m in (a, b)]
    return equal_models(*plain)


def _after(source: str) -> str:
    return source if source.startswith(("in the form", "after ")) else f"in the form of {source}"


def _unknown(licence: str) -> str:
    return licence if licence == ASK else f"{ASK}; {licence}"


def _chosen(flags: str) -> dict[Choice, str | float]:
    """Return the choices that some flags make."""
    words = flags.split()
    found: dict[Choice, str | float] = {}
    for flag, word in zip(words[::2], words[1::2], strict=True):
        choice = next(choice for choice in _CHOICES if flag_of(choice) == flag)
        found[choice] = next(value for value in _CHOICES[choice] if _typed(value) == word)
    return found


def _typed(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
