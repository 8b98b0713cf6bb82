"""Encoders write a recording's frames; which one, the output's name says (see kinds)."""

import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32, U8
from ncaengine.io import kinds
from ncaengine.io.kinds import Job, Kind, Rate


class Encoder(Protocol):
    """Writes pictures of one size, (height, width, 3) uint8, or 4 with opacity; or states, if its kind holds these.

    One that keeps frames back has a method `saved`, too: how many are whole on the disk, once it is closed.
    """

    def __init__(self, job: Job) -> None:
        """Open the output. Raises OSError, or NCAError for what can't be written at all."""

    def write(self, picture: U8 | F32) -> None:
        """Add a frame. Raises OSError."""

    def close(self) -> None:
        """Finish the file. After an error, keep what is whole of it. Raises OSError."""


def check_output(output: str, fps: Rate, width: int = 1, height: int = 1, form: str = "") -> Kind:
    """Return an output's kind. Raise NCAError if the name, the rate or the size of the pictures can't be recorded."""
    kind = kinds.kind_of(output, form)
    kinds.check_rate(kind, fps)
    if max(width, height) > kind.side:
        raise NCAError(
            f"{output}: pictures of {width}x{height} are too large; a side can have at most {kind.side} pixels."
        )
    if not kind.piped and not output.endswith(("/", os.sep)):
        files.check_place(Path(output))
    return kind


def open_encoder(output: str, fps: Rate, width: int, height: int, options: Mapping[str, Any] | None = None) -> Encoder:
    """Open the output. Raises NCAError if it can't be written.

    options: values of `kinds.FLAGS`, the `format` of what goes to standard output, and `loop` if it is one.
    """
    given = dict(options or {})
    kind = check_output(output, fps, width, height, given.pop("format", ""))
    is_loop = given.pop("loop", False)
    job = Job(output, kind, fps, width, height, kinds.with_defaults(kind, given, is_loop), is_loop)
    encoder: type[Encoder] = pkgutil.resolve_name(f"ncaengine.io.{kind.encoder}")
    try:
        return encoder(job)
    except OSError as error:
        raise files.unwritable(output, error) from None
