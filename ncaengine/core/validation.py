"""msgspec's messages about data of a wrong form, turned into sentences that name the key and say what it takes."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, get_type_hints

import msgspec
from msgspec.inspect import Type

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text", "array": "a list",
          "object": "a table", "null": "none"}  # fmt: skip
_BOUNDS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}
_NUMERALS = {"2": "two", "3": "three"}
MAX_SHOWN = 100
"""Letters of a value or key that a message shows."""


def explain_invalid(error: msgspec.MsgspecError, form: Any, type_names: Iterable[str] = (), prefix: str = "") -> str:
    """Return what is wrong with a table, as a sentence that starts with the key.

    form: the type that the table was converted to.
    type_names: the values that a key `type` may have.
    prefix: the key of the table itself, where it is part of a larger one, as "stencils.laplacian".
    """
    message, _, where = str(error).partition(" - at ")
    path = re.findall(r"\w+|\[[\d.]*\]", where)
    inside = _type_at(msgspec.inspect.type_info(form), path)
    path = [*prefix.split("."), *path] if prefix else path
    key = _describe_path(path)
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", message, re.DOTALL):
        known = [field.encode_name for field in getattr(inside, "fields", ())]
        return f"{_describe_path([*path, shortened(found[1])])} is unknown{_choices(known) or '; remove it'}."
    if found := re.fullmatch(r"Object missing required field `(.*)`", message):
        cure = _choices(type_names) if found[1] == "type" else ""
        return f"{_describe_path([*path, found[1]])} is missing{cure or '; add it'}."
    if found := re.fullmatch(r"Invalid (?:enum )?value (.*)", message, re.DOTALL):
        return f"{key} is {shortened(found[1])}{_choices(type_names if path[-1:] == ['type'] else _values(inside))}."
    if found := re.fullmatch(r"Expected `array` of length (\d+), got \d+", message):
        return f"{key} needs {_NUMERALS.get(found[1], found[1])} {_plural(inside)}."
    if found := re.fullmatch(r"Expected `array` of length ([<>]=?) (\d+)", message):
        return f"{key} needs {_BOUNDS[found[1]]} {found[2]} {'entry' if found[2] == '1' else 'entries'}."
    if found := re.fullmatch(r"Expected `\w+` ([<>]=?) (\S+)", message):
        return f"{key} must be {_BOUNDS[found[1]]} {found[2].removesuffix('.0')}."
    if found := re.fullmatch(r"Expected `(.+)`, got `(\w+)`", message):
        kinds = " or ".join(_KINDS.get(kind, kind) for kind in found[1].split(" | "))
        return f"{key} must be {kinds}, not {_KINDS.get(found[2], found[2])}."
    return f"{key}: {message[:1].lower()}{message[1:]}." if path else f"{message}."


def valid_entries(table: Mapping[str, Any], form: type) -> dict[str, Any]:
    """Return the entries of a table that fields of `form` take; the others, of a newer version or damaged, are left."""
    valid = {}
    for name, type_ in get_type_hints(form, include_extras=True).items():
        with suppress(KeyError, msgspec.ValidationError):
            valid[name] = msgspec.convert(table[name], type_)
    return valid


def shown(value: object) -> str:
    """Return a value as Python writes it, cut so that a hostile one can't fill the message."""
    try:
        return shortened(repr(value))
    except ValueError:  # Python refuses to write numbers of thousands of digits
        return "a number of thousands of digits"


def shortened(text: str) -> str:
    """Return a text from a file, cut so that a hostile one can't fill the message."""
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _describe_path(path: list[str]) -> str:
    """Return a path of keys and indices in words: entry 2 of `path`."""
    words, names = "", list[str]()
    for part in path:
        if not part.startswith("["):
            names.append(part)
        elif part[1:-1].isdecimal():
            words = " of ".join(filter(None, [f"entry {int(part[1:-1]) + 1}", _join(names), words]))
            names = []
    return " of ".join(filter(None, [_join(names), words])) or "it"


def _join(names: list[str]) -> str:
    return f"`{'.'.join(names)}`" if names else ""


def _type_at(info: Type | None, path: list[str]) -> Type | None:
    """Return the type at the end of a path, None where it is not known."""
    for part in path:
        if isinstance(info, msgspec.inspect.StructType):
            info = next((field.type for field in info.fields if field.encode_name == part), None)
        else:
            info = getattr(info, "item_type", None) or next(iter(getattr(info, "item_types", ())), None)
    return info


def _values(info: Type | None) -> list[str]:
    """Return the values of a type that has only a few."""
    return [str(value) for part in getattr(info, "types", [info]) for value in getattr(part, "values", ())]


def _choices(values: Iterable[str]) -> str:
    values = list(filter(None, values))
    return f"; choose from: {', '.join(values)}" if values else ""


def _plural(info: Type | None) -> str:
    parts = getattr(info, "item_types", ())
    return (
        "numbers"
        if all(isinstance(p, msgspec.inspect.FloatType | msgspec.inspect.IntType) for p in parts)
        else "entries"
    )
