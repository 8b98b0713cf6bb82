"""How much memory grids need, and how much this machine has free."""

import math

import psutil

from ncaengine.core.errors import NCAError
from ncaengine.core.types import Size


def free_bytes() -> float:
    """Return how many bytes can still be allocated without swapping; infinity where the system doesn't say."""
    try:
        return float(psutil.virtual_memory().available)
    except (OSError, NotImplementedError, RuntimeError):
        return float("inf")


def check_fits(size: Size, bytes_a_cell: int) -> None:
    """Raise NCAError, with the largest square that fits, if a grid needs more memory than is free.

    size: (width, height) in cells.
    """
    needed, free = size[0] * size[1] * bytes_a_cell, free_bytes()
    if needed > free:
        side = math.isqrt(int(free) // bytes_a_cell)
        raise NCAError(
            f"A grid of {size[0]}x{size[1]} cells needs {format_bytes(needed)} of memory here and "
            f"{format_bytes(free)} are free; the largest square that fits is {side}x{side} cells."
        )


def format_bytes(count: float) -> str:
    """Return a number of bytes for people to read: 2.4 GB, 13.0 MB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
