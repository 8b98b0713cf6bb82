"""Addresses of commands, as other programs send them: /set/fire_rate 0.5, /paint/erase 40 30, /grid/2/resize 256 192.

All are made from the commands' own declarations: the command's name; if its first field is one of a few words, or the
name of a setting, an address for each; then a value for each number and text of its other fields, in their order. A
command to one grid may begin with /grid/N, or with /grid/* for all.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.inspect import (
    BoolType,
    DictType,
    Field,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StructType,
    TupleType,
    Type,
    UnionType,
    VarTupleType,
)  # fmt: skip

from ncaengine.core.errors import NCAError
from ncaengine.core.names import did_you_mean
from ncaengine.core.settings import SETTINGS
from ncaengine.core.validation import explain_invalid, shortened
from ncaengine.simulation.commands import FORMS, AnyCommand, Command, OnGrid, Set

MOST_TOLD = 1e5
"""Bounds of larger numbers are not worth telling."""
PARTS = {"path": ("x", "y"), "at": ("x", "y"), "size": ("width", "height")}
"""Names of the values of fields that have several; others are numbered."""
_ON_GRID = re.compile(r"/grid/(\d{1,10}|\*)(/.*)", re.DOTALL)
Plain = int | float | bool | str
"""A value of a message."""


@dataclass(frozen=True)
class Value:
    """A number or a text of a message."""

    name: str
    type: Type
    needed: bool
    default: Any = None

    def __str__(self) -> str:
        told = not self.needed and self.default not in (msgspec.NODEFAULT, None, "")
        default = f", default {_plain(self.default)}" if told else ""
        left_out = "" if told or self.needed else ", may be left out"
        return f"{self.name}: {_in_words(self.type)}{default}{left_out}"


@dataclass(frozen=True)
class Address:
    """What a message to an address means."""

    path: str
    """As /paint/erase."""
    form: type[Command]
    fields: tuple[Field, ...]
    """The form's fields without the grid, in order."""
    chosen: str
    """The field whose value the address names, '' for none."""
    choice: str
    """That value."""
    values: tuple[Value, ...]
    help: str
    """One sentence."""


def commands_of(path: str, values: Sequence[Plain], grids: Sequence[int], every: Iterable[int]) -> list[AnyCommand]:
    """Return the commands of a message: one, or one for each grid that it is for. Raises NCAError.

    grids: the grids that are meant where the address names none.
    every: those that /grid/* means.
    """
    found = _ON_GRID.fullmatch(path)
    path = found[2] if found else path
    if not path.startswith("/"):
        raise NCAError("a packet is not a valid OSC message.")
    if path not in ADDRESSES:
        raise NCAError(f"There is no address {shortened(path)!r}{did_you_mean(path, ADDRESSES)}.")
    address = ADDRESSES[path]
    content = _content(address, values)
    if not issubclass(address.form, OnGrid):
        if found:
            raise NCAError(f"{path} is not for one grid; leave out /grid/{found[1]}.")
        return [_made(address, content)]
    if found:
        grids = list(every) if found[1] == "*" else [int(found[1])]
    if not grids:
        raise NCAError(f"{path}: there is no grid.")
    return [_made(address, {"grid": number, **content}) for number in grids]


def _made(address: Address, content: dict[str, Any]) -> Any:
    try:
        return msgspec.convert(content, address.form, strict=False)
    except msgspec.ValidationError as error:
        raise NCAError(f"{address.path}: {explain_invalid(error, address.form)}") from None


def _content(address: Address, values: Sequence[Plain]) -> dict[str, Any]:
    """Return the fields of a command, without its grid. Raises NCAError if there are too many values or too few."""
    most, least = len(address.values), sum(value.needed for value in address.values)
    if not least <= len(values) <= most:
        names = ", ".join(value.name for value in address.values)
        count = f"{least} to {most}" if least < most else f"{most or 'no'}"
        takes = f"{count} value{'' if count == '1' else 's'}{f' ({names})' if names else ''}"
        raise NCAError(f"{address.path} takes {takes}, not {len(values)}.")
    sent = [
        bool(given) if isinstance(value.type, BoolType) and given in (0, 1) else given  # controllers send numbers
        for given, value in zip(values, address.values, strict=False)
    ]
    return _filled(address, address.fields, sent)


def _filled(address: Address, fields: Iterable[Field], sent: list[Plain]) -> dict[str, Any]:
    """Return the content of fields, taken from the beginning of `sent`, until nothing is left."""
    content: dict[str, Any] = {}
    for each in fields:
        if each.name == address.chosen:
            content[each.name] = address.choice
        elif isinstance(each.type, StructType):
            content[each.name] = _filled(address, each.type.fields, sent)
        elif sent:
            width = len(_leaves(each.type))
            default = each.default if isinstance(each.default, tuple) else ()
            sent += default[len(sent) :]
            taken = [sent.pop(0) for _ in range(width)]
            several = isinstance(each.type, TupleType | VarTupleType)
            content[each.name] = [taken] if isinstance(each.type, VarTupleType) else taken if several else taken[0]
    return content


def _leaves(type_: Type) -> Sequence[Type]:
    """Return the types of the values that a field takes from a message; a stroke's path takes one point."""
    if isinstance(type_, VarTupleType):
        return _leaves(type_.item_type)
    return type_.item_types if isinstance(type_, TupleType) else [type_]


# The table


def _addresses() -> Iterator[Address]:
    for name, form in FORMS.items():
        path = "/" + re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()
        info = msgspec.inspect.type_info(form)
        assert isinstance(info, StructType)
        fields = tuple(each for each in info.fields if each.name != "grid")
        about = (form.__doc__ or "").partition("\n\n")[0].replace("\n", " ").partition("; see")[0].strip(".") + "."
        flat = _flat(fields)
        if form is Set:
            for key, setting in SETTINGS.items():
                kind = BoolType() if isinstance(setting.default, bool) else FloatType(ge=setting.low, le=setting.high)
                value = Value("value", kind, needed=True)
                yield Address(
                    f"{path}/{key}", form, fields, "setting", key, (value,), f"{setting.title}. {setting.help}"
                )
        elif flat and isinstance(flat[0].type, LiteralType):
            for word in map(str, flat[0].type.values):
                values = tuple(_values(flat[1:]))
                yield Address(f"{path}/{word}", form, fields, flat[0].name, word, values, about)
        else:
            yield Address(path, form, fields, "", "", tuple(_values(flat)), about)


def _flat(fields: Iterable[Field]) -> list[Field]:
    """Return fields, with those of tables inside instead of the tables."""
    return [
        leaf for each in fields for leaf in (_flat(each.type.fields) if isinstance(each.type, StructType) else [each])
    ]


def _values(fields: Iterable[Field]) -> Iterator[Value]:
    for each in fields:
        leaves = _leaves(each.type)
        numbered = [f"{each.name} {place}" for place in range(1, len(leaves) + 1)] if len(leaves) > 1 else [each.name]
        defaults = each.default if isinstance(each.default, tuple) else [each.default] * len(leaves)
        for name, leaf, default in zip(PARTS.get(each.name, numbered), leaves, defaults, strict=True):
            yield Value(name, leaf, each.required, default)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, bool | int | float) else str(value)


def _in_words(type_: Type) -> str:
    """Return what a value may be."""
    match type_:
        case BoolType():
            return "0 or 1"
        case IntType() | FloatType():
            low, high = (type_.ge if type_.gt is None else type_.gt), (type_.le if type_.lt is None else type_.lt - 1)
            kind = "whole number" if isinstance(type_, IntType) else "number"
            if low is None or high is None or max(abs(low), abs(high)) > MOST_TOLD:
                return f"a {kind}"
            first = f"{low:g} to" if type_.gt is None else f"above {low:g}, up to"
            return f"{first} {high:g}" + (", whole" if kind != "number" else "")
        case LiteralType():
            return ", ".join(filter(None, map(str, type_.values)))
        case UnionType():  # tables don't come in messages
            words = (_in_words(each) for each in type_.types if not isinstance(each, NoneType | DictType))
            return " or ".join(filter(None, words))
    return "a text"


ADDRESSES = {address.path: address for address in _addresses()}
"""All addresses, without /grid/N."""


def markdown() -> str:
    """Return the table of addresses as Markdown, as docs/osc.md shows it; those with the same values share a row."""
    rows = ["| address | values | what it does |", "|---|---|---|"]
    for (values, about), group in itertools.groupby(ADDRESSES.values(), lambda address: (address.values, address.help)):
        paths = ", ".join(f"`{address.path}`" for address in group)
        rows.append(f"| {paths} | {'; '.join(map(str, values)) or 'none'} | {about} |")
    return "\n".join(rows) + "\n"
