"""Read files that somebody else may have made: only real files, only so many bytes, TOML of a bounded depth.

A FIFO would hang, a device never ends, and neither says its size.
"""

import errno
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError

_KINDS = ((stat.S_ISFIFO, "FIFO"), (stat.S_ISSOCK, "socket"),
          (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"))  # fmt: skip
MAX_NESTED = 8
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_TOO_NESTED = re.compile(rf"(?m)(?:^[ \t]*+\[{{0,2}}|[{{,])[ \t]*+(?:{_PART}){{{MAX_NESTED}}}")
"""A TOML key of many parts: the parser takes memory by the square of their number."""


@contextmanager
def open_input(path: str | Path, most: float = math.inf) -> Iterator[BinaryIO]:
    """Open a file to read it. Raises NCAError without its name if it is none or has over `most` bytes, and OSError."""
    check_kind(os.stat(path))  # opening a device may already do something
    with os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    ) as file:
        found = os.fstat(file.fileno())
        check_kind(found)
        if found.st_size > most:
            raise _too_large(int(most))
        yield file


def read_input(path: str | Path, most: int) -> bytes:
    """Return a file's bytes. Raises NCAError without its name if it is none or has over `most` bytes, and OSError."""
    with open_input(path, most) as file:
        # It may have grown, or not say its size. Asked for all that is allowed, Python would allocate it at once.
        parts = [file.read(os.fstat(file.fileno()).st_size + 1)]
        left = most - len(parts[0])
        while parts[-1] and left >= 0:
            parts.append(file.read(bounds.MIB))
            left -= len(parts[-1])
    if left < 0:
        raise _too_large(most)
    return b"".join(parts) if parts[1:-1] else parts[0]


def check_kind(found: os.stat_result) -> None:
    """Raise NCAError, without a name, unless it is that of a real file; OSError if it is that of a folder."""
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    for is_kind, kind in _KINDS:
        if is_kind(found.st_mode):
            raise NCAError(f"is a {kind}, not a file; give a file.")


def parse_toml(data: bytes) -> dict[str, Any]:
    """Return the table in a TOML file. Raises NCAError, without a name, if it is none."""
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
        if _TOO_NESTED.search(text):
            raise NCAError(f"nests a key over {MAX_NESTED} deep; no file of ncaengine does.")
        return tomllib.loads(text)
    except UnicodeDecodeError:
        raise NCAError("is not TOML: it is not UTF-8 text; save it as UTF-8.") from None
    except RecursionError:
        raise NCAError("is not TOML that ncaengine reads: it nests too deep.") from None
    except tomllib.TOMLDecodeError as error:
        raise NCAError(f"is not TOML: {error}.") from None
    except ValueError:  # Python refuses to parse numbers of thousands of digits
        raise NCAError("is not TOML that ncaengine reads: it holds a number of thousands of digits.") from None


def _too_large(most: int) -> NCAError:
    return NCAError(f"is larger than {bounds.too_long(most)}, the limit for such a file.")
