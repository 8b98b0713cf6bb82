"""No command writes over a file that it reads."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ncaengine.core.errors import NCAError

WRITTEN = ("output", "report")
"""Fields of commands that name what is written."""
CONTINUED = ("start",)
"""Fields that may name the same file: a model that is trained further."""


def check_apart(command: object) -> None:
    """Raise NCAError if a file that a command writes is one that it reads."""
    read = [*_read(command)]
    for written in _written(command):
        for name, place in read:
            with suppress(OSError, ValueError):  # it does not exist, or is no name that a file can have
                if os.path.samefile(written, place):
                    flag = "" if name == "models" else f" (--{name.replace('_', '-')})"
                    raise NCAError(f"{written}: is read, too{flag}, and would be lost; choose another name.")


def _written(command: object) -> Iterator[str]:
    """Yield the files that a command writes, as far as their names are flags."""
    for name in WRITTEN:
        if value := getattr(command, name, None):
            yield str(value)
            if name == "report":  # its numbers
                yield str(Path(value).with_suffix(".json"))


def _read(command: object) -> Iterator[tuple[str, str]]:
    """Yield each flag whose text may name a file, and the name: of FILE, FILE:NAME, COLOUR=FILE or COLOUR=FILE:NAME."""
    for field in dataclasses.fields(command):  # type: ignore[arg-type]
        value = getattr(command, field.name)
        if field.name in WRITTEN + CONTINUED:
            continue
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str | Path):
                for whole in (str(text), str(text).partition("=")[2]):
                    yield field.name, whole
                    yield field.name, whole.rpartition(":")[0]
