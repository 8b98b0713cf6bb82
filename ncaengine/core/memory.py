"""What grids take of this machine's memory, and what there is."""

import math
import re
from pathlib import Path

from ncaengine.core.errors import NCAError
from ncaengine.core.types import Size


def free() -> float:
    """Bytes that may still be asked for; infinite where nothing tells."""
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", Path("/proc/meminfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return int(found[1]) * 1024 if found else float("inf")


def check(size: Size, bytes_a_cell: int) -> None:
    """Raises NCAError, with the largest square that fits, if a grid needs more memory than there is."""
    needed, there = size[0] * size[1] * bytes_a_cell, free()
    if needed > there:
        side = math.isqrt(int(there) // bytes_a_cell)
        raise NCAError(
            f"A grid of {size[0]}x{size[1]} cells needs {spoken(needed)} of memory here and {spoken(there)} are free; "
            f"the largest square that fits is {side}x{side} cells."
        )


def spoken(count: float) -> str:
    """Bytes, for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
