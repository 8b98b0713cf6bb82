"""Sweeps: several trainings that differ in some settings."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any, get_type_hints

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.names import did_you_mean
from ncaengine.training.config import TrainingSettings

_TYPES = {name: kind for name, kind in get_type_hints(TrainingSettings).items() if kind in (int, float)}
SWEPT = tuple(_TYPES)
"""The settings that can be swept: those that are one number."""


def combinations(sweep: Iterable[str], settings: TrainingSettings) -> list[tuple[str, TrainingSettings]]:
    """Return each combination of swept settings, with a name such as "channels8-fresh0.5"; "" without a sweep.

    sweep: Texts such as "channels=8,12,16".
    Raises NCAError if one of them can't be read, or a value is out of range.
    """
    axes = [_parse(text) for text in sweep]
    names = [name for name, _ in axes]
    for name in names:
        if names.count(name) > 1:
            raise NCAError(f"--sweep names {name} twice; put all its values behind one {name}=.")
    found = []
    for values in itertools.product(*(values for _, values in axes)):
        changes = dict(zip(names, values, strict=True))
        changed = dataclasses.replace(settings, **changes)
        changed.check()
        found.append(("-".join(f"{name}{value}" for name, value in changes.items()), changed))
    return found


def _parse(text: str) -> tuple[str, list[Any]]:
    """Return the setting's name and its values."""
    name, _, values = text.partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    if name not in _TYPES:
        raise NCAError(
            f"--sweep {text}: there is no setting {name!r} that is one number{did_you_mean(name, SWEPT)}; "
            f"choose from {', '.join(SWEPT)}."
        )
    try:
        read = [msgspec.convert(value.strip(), _TYPES[name], strict=False) for value in values.split(",")]
    except msgspec.ValidationError:
        kind = "whole numbers" if _TYPES[name] is int else "numbers"
        raise NCAError(f"--sweep {text}: needs {kind} with commas between them, for example {name}=8,12.") from None
    if len(set(read)) < len(read):
        raise NCAError(f"--sweep {text}: names a value twice; leave one out.")
    return name, read
