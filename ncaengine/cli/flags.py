"""Flags that several commands share."""

import re
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.errors import NCAError

Plugins = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR [DIR ...]")]
SizeText = Annotated[str, tyro.conf.arg(metavar="WxH")]


def parse_size(text: str) -> tuple[int, int]:
    """'256x192' or '256' -> (width, height). Raises NCAError."""
    match = re.fullmatch(r"(-?\d{1,18})(?:[x×](-?\d{1,18}))?", text.strip())
    if not match:
        raise NCAError(f"The size {text!r} cannot be read; write it as 256x192 (width x height, in cells) or 256.")
    return int(match[1]), int(match[2] or match[1])
