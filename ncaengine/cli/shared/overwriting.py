"""No command writes over a file that it reads."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from ncaengine.cli.shared.relief_flags import MapFlags
from ncaengine.core.errors import NCAError

WRITTEN = ("output", "report")
"""Fields of commands that name what is written."""
CONTINUED = ("start",)
"""Fields that may name the same file: a model that is trained further."""


def check_inputs_kept(command: object) -> None:
    """Raise NCAError if a file that a command writes is one that it reads. Folders may be the same."""
    read = [*_read(command)]
    for written in _written(command):
        check_kept(written, read)


def check_kept(written: str | Path, read: Iterable[str | Path]) -> None:
    """Raise NCAError if a file that is to be written is one of those that are read."""
    for name in read if os.path.isfile(written) else ():
        with suppress(OSError, ValueError):  # it does not exist, or is no name that a file can have
            if os.path.samefile(written, name):
                raise NCAError(f"{written}: this command reads it, so it would be lost; choose another name or folder.")


def _written(command: object) -> Iterator[str]:
    """Yield the files that a command writes, as far as their names are flags."""
    for name in WRITTEN:
        if value := getattr(command, name, None):
            yield str(value)
            if name == "report" and Path(value).name:  # its numbers
                yield str(Path(value).with_suffix(".json"))
    output = getattr(command, "output", None)
    if output and Path(output).name and isinstance(maps := getattr(command, "maps", None), MapFlags):
        yield from map(str, maps.paths(Path(output)))


def _read(command: object) -> Iterator[str]:
    """Yield the texts of flags that may name a file: as FILE, FILE:NAME, COLOUR=FILE or COLOUR=FILE:NAME."""
    for field in dataclasses.fields(command):  # type: ignore[arg-type]
        if field.name in WRITTEN + CONTINUED:
            continue
        value = getattr(command, field.name)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str | Path):
                for whole in (str(text), str(text).partition("=")[2]):
                    yield from (whole, whole.rpartition(":")[0])
