"""The types of flags that several commands share.

tyro parses a type as it says here; `check_ranges` then checks the numbers of a whole command.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, is_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_type_hints

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import flag_of

T = TypeVar("T")


@dataclass(frozen=True)
class Range:
    """The numbers that a flag accepts, given in the annotation of its type."""

    low: float
    """The smallest number."""
    high: float
    """The largest number."""
    above: bool = False
    """Whether `low` itself is excluded."""

    def __contains__(self, number: float) -> bool:
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    def __str__(self) -> str:
        if self.above:
            return f"above {self.low:g} and at most {self.high:g}"
        return f"from {self.low:.10g} to {self.high:.10g}"


def check_ranges(command: object) -> None:
    """Raise NCAError if a number in a command's flags lies outside its Range."""
    for name, hint in get_type_hints(type(command), include_extras=True).items():
        value = getattr(command, name)
        if is_dataclass(value):
            check_ranges(value)
        numbers = value if isinstance(value, tuple) else () if value is None else (value,)
        for allowed in (extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Range)):
            for number in numbers:
                if number not in allowed:
                    shown = number if isinstance(number, int) else f"{number:g}"
                    raise NCAError(f"{flag_of(name)} is {shown}; it must be {allowed}.")


def join_help_lines(command: type[T]) -> type[T]:
    """Give a command's flags, and those of settings in it, their docstrings as help, each on one line; return it.

    tyro would show the line breaks of the source, and '' where a text has no default.
    """
    from docstring_parser import parse_from_object

    hints = command.__annotations__
    for kind in get_type_hints(command).values():
        if is_dataclass(kind) and isinstance(kind, type):
            join_help_lines(kind)
    for field in parse_from_object(command).params:
        text, hint = " ".join((field.description or "").split()), hints[field.arg_name]
        if getattr(command, field.arg_name, None) == "":
            hint = Annotated[hint, tyro.conf.arg(help_behavior_hint="(default: none)")]
        hints[field.arg_name] = Annotated[hint, tyro.conf.arg(help=text)]
    return command


def parse_size(text: str, unit: str = "cells") -> tuple[int, int]:
    """Parse '256x192' or '256' into (width, height). Raises NCAError."""
    match = re.fullmatch(r"(-?\d{1,18})(?:[x×](-?\d{1,18}))?", text.strip())
    if not match:
        raise NCAError(f"The size {text!r} cannot be read; write it as 256x192 (width x height, in {unit}) or 256.")
    return int(match[1]), int(match[2] or match[1])


def size_text(size: tuple[int, int]) -> str:
    """Return '256x192'."""
    return f"{size[0]}x{size[1]}"


def parsed_by(parse: Callable[[str], T], show: Callable[[T], str], metavar: str) -> PrimitiveConstructorSpec[T]:
    """Let tyro parse a flag by a function, whose NCAError reaches the user as it is."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: parse(words[0]),
        is_instance=lambda value: value is None or not isinstance(value, str),
        str_from_instance=lambda value: [show(value) if value else ""],
    )


def bare_or_with(metavar: str, join: Callable[[Sequence[str]], str]) -> PrimitiveConstructorSpec[str]:
    """Let tyro parse a flag that needs no value, '' then. join: makes one text of the words after the flag."""
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar=metavar,
        instance_from_str=join,
        is_instance=lambda value: value is None or isinstance(value, str),
        str_from_instance=lambda value: [value or ""],
    )


SIZE = parsed_by(parse_size, size_text, "WxH")
PIXELS = parsed_by(partial(parse_size, unit="pixels"), size_text, "WxH")
SIZES = parsed_by(
    lambda text: tuple(dict.fromkeys(map(parse_size, text.split(",")))),
    lambda sizes: ",".join(map(size_text, sizes)),
    "WxH,WxH,...",
)

SIDES = Range(1, 100_000)
"""Of a picture, in pixels."""

Size = Annotated[tuple[int, int], SIZE]
"""Width and height in cells."""
Sizes = Annotated[tuple[tuple[int, int], ...], SIZES]
"""Different sizes, with commas between them."""
Pixels = Annotated[
    tuple[int, int] | None,
    PIXELS,
    tyro.conf.arg(help_behavior_hint="(default: from --size and --scale)"),
    SIDES,
]
"""Width and height of a picture in pixels."""
Smooth = Annotated[bool, tyro.conf.arg(help="Blend cells into each other, instead of drawing each in its own shape.")]
Count = Annotated[int, Range(1, bounds.COUNT.high)]
"""A number of things, at least 1."""
Steps = Annotated[int, Range(0, bounds.RUN.high)]
"""Steps of a run."""
FROM = tyro.conf.arg(name="from", metavar="MODEL|auto|none", help_behavior_hint="(default: see above)")
"""The model whose weights a training starts from."""
Seed = Annotated[int, Range(0, 2**32 - 1)]
"""A seed of random choices: a whole number of 32 bits."""
Models = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    tyro.conf.arg(metavar="MODEL [MODEL ...]", help_behavior_hint="(required)"),
]
"""One model file or more; a command checks that there is one."""
OutputFile = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
OutputFolder = Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")]
OptionalFile = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: none)")]
KernelName = Annotated[
    str, tyro.conf.arg(metavar="NAME", help="The neighbourhood; `ncaengine kernels` lists them all.")
]
BackendChoice = Annotated[
    Literal["auto", "gl", "fragment", "cpu", "torch"],
    tyro.conf.arg(
        help="What computes the steps. auto: a GPU through OpenGL (gl), or the processor (cpu) if there is no GPU. "
        "fragment: OpenGL without compute shaders, as on macOS; gl takes it by itself below OpenGL 4.3."
    ),
]
Threads = Annotated[
    int | None,
    tyro.conf.arg(
        metavar="N", help="Threads of the processor that compute steps.", help_behavior_hint="(default: one per core)"
    ),
    Range(1, 256),
]
TrainingThreads = Annotated[int, Range(0, 1024)]
Osc = Annotated[
    str | None,
    bare_or_with("[PORT]", " ".join),
    tyro.conf.arg(
        help="Take commands from other programs by Open Sound Control, on this port (9000 if none is given) from this "
        "machine alone, or on ADDRESS:PORT from others, too. Needs the extra osc.",
        help_behavior_hint="(default: off)",
    ),
]
"""Where to listen for OSC; '' is the default port, None not to listen."""
Half = Annotated[
    bool,
    tyro.conf.arg(
        help="Keep states as 16-bit floats, so that they take half as much memory on the device. Steps still compute "
        "with 32 bits, then round each new value to 11 bits (by at most 0.05%). The run differs from one without "
        "--half, but its texture stays the same on average. Sessions and journals do not store this choice."
    ),
]
Plugins = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(
        metavar="DIR [DIR ...]", help="Folders that contain kernels of your own.", help_behavior_hint="(default: none)"
    ),
]
