"""Flags that several commands share."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from rich.progress import Progress

    from ncaengine.core.kernels import Catalogue
    from ncaengine.core.model import Model

HALF = """Keep states as 16-bit floats, in half the device's memory; steps compute with 32 bits as ever. New values are
rounded to 11 bits, by at most 0.05%: a run parts from one without this, and its texture stays the same in the mean.
Neither sessions nor journals tell of it."""
Plugins = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR [DIR ...]", help_behavior_hint="(default: none)")]
Half = Annotated[bool, tyro.conf.arg(help=HALF)]
SizeText = Annotated[str, tyro.conf.arg(metavar="WxH")]


def say(line: str) -> None:
    """A line for people, beside what a command prints."""
    print(f"ncaengine: {line}", file=sys.stderr)


def plural(count: int, word: str) -> str:
    """'1 frame', '2 frames'."""
    return f"{count} {word}{'s' * (count != 1)}"


def find_kernels(plugins: Sequence[Path], wanted: str, models: "Sequence[Model]") -> "Catalogue":
    """The kernels; says which plugins are broken, and which models were not made for the one wanted.

    Raises NCAError if there is no such kernel.
    """
    from ncaengine.core import kernels

    catalogue = kernels.discover(plugins)
    catalogue.get(wanted)
    for path, reason in catalogue.broken.items():
        say(f"left out a broken plugin, {path}: {reason}")
    for config in (model.config for model in models):
        if wanted not in config.kernels:
            say(f"{config.name} was made for {' and '.join(config.kernels)}; on {wanted} it may not grow its texture.")
    return catalogue


def check_seed(seed: int) -> None:
    """Raises NCAError unless the number is one that the hash can tell from others."""
    if not 0 <= seed < 2**32:
        raise NCAError(f"--seed is {seed}; it must be from 0 to {2**32 - 1}.")


def parse_size(text: str) -> tuple[int, int]:
    """'256x192' or '256' -> (width, height). Raises NCAError."""
    match = re.fullmatch(r"(-?\d{1,18})(?:[x×](-?\d{1,18}))?", text.strip())
    if not match:
        raise NCAError(f"The size {text!r} cannot be read; write it as 256x192 (width x height, in cells) or 256.")
    return int(match[1]), int(match[2] or match[1])


def progress_bar(unit: str) -> "Progress":
    """A bar with count and time left on stderr, for `with`; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*parts, console=console, transient=True, disable=not console.is_terminal)
