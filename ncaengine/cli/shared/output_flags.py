"""Flags of a recording's output, made from the declaration of its kinds in `io.kinds`, and the table of all kinds."""

import textwrap
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import tyro

from ncaengine.cli.shared.options import parsed_by
from ncaengine.io import kinds
from ncaengine.io.kinds import FLAGS, FORMATS, KINDS, PIPE, Rate

LAST = 38
"""Characters of the table's last column, which make it as wide as the flags' box."""


def _describe(name: str) -> str:
    """Return the help of a flag: what it does, and for which kinds."""
    takers = [(kind, kind.options[name]) for kind in (*KINDS, *FORMATS.values()) if name in kind.options]
    ranges = ", ".join(
        f"{kind.title}{'' if values.choices or not values.high else f' {values.low} to {values.high}'}"
        f"{'' if values.default is None else f' (usually {values.default})'}"
        for kind, values in takers
    )
    return f"{FLAGS[name].help} For {ranges}."


def _flag(name: str) -> Any:
    return Annotated[FLAGS[name].type, tyro.conf.arg(help=_describe(name), help_behavior_hint="")]


if TYPE_CHECKING:
    Given = dict[str, int | str]
else:
    Given = TypedDict("Given", {name: _flag(name) for name in FLAGS}, total=False)
OutputFlags = Annotated[Given, tyro.conf.arg(name="")]
"""The type of the one field that adds all flags of quality and size to a command."""
Fps = Annotated[
    Rate | None,
    parsed_by(kinds.parse_rate, str, "RATE"),
    tyro.conf.arg(help_behavior_hint="(default: 60; GIFs: 50)"),
]
"""Frames per second."""


def table() -> str:
    """Return a table of all kinds of outputs, as text."""
    rows = [(*row[:-2], row[-1]) for row in kinds.rows()]  # without the flags, which say for what they are
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    indent = sum(widths) + 2 * len(widths)
    lines = [f"Formats; MB is for a second of 512x512 pixels, or a picture; {PIPE} is standard output:"]
    for row in rows:
        start = "".join(f"{text:<{width}}  " for text, width in zip(row, widths, strict=False))
        lines += (start + textwrap.fill(row[-1], LAST).replace("\n", "\n" + " " * indent)).splitlines()
    return "\n".join(lines)
