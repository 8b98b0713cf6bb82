"""Refuses flags that would have no effect."""

import dataclasses
from typing import Protocol

from ncaengine.core.errors import NCAError
from ncaengine.core.texts import flag_of

NAMES = {"start": "from"}
"""Flags by their fields, where the names differ."""


@dataclasses.dataclass(frozen=True)
class NoEffect:
    """Flags that a command can't use together with its others."""

    when: bool
    """Whether it is so."""
    fields: str
    """The flags' fields, with spaces between them."""
    why: str
    """What a message says after the flag's name, with what to do."""


class HasNoEffects(Protocol):
    """A command with flags that depend on others."""

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""


def only_with(what: str, has: bool, fields: str) -> NoEffect:
    """Return that some flags work only with something. has: whether the command has it."""
    return NoEffect(not has, fields, f"works only with {what}; leave it out.")


def check_effects(command: "HasNoEffects | object") -> None:
    """Raise NCAError if a flag has a value other than its default, and no effect."""
    for each in command.no_effects() if hasattr(command, "no_effects") else ():
        for name in each.fields.split() if each.when else ():
            if flag := given_flag(command, name):
                raise NCAError(f"{flag} {each.why}")


def given_flag(command: object, name: str) -> str:
    """Return a flag as it was given, '' if it has its default; it may be one of a group of flags."""
    groups = (getattr(command, field.name) for field in dataclasses.fields(command))  # type: ignore[arg-type]
    holder = next(each for each in (command, *groups) if name in getattr(each, "__dataclass_fields__", ()))
    value, default = getattr(holder, name), holder.__dataclass_fields__[name].default
    if value == default:
        return ""
    return flag_of("no_" * (value is False) + NAMES.get(name, name))
