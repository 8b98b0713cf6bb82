"""What a caller gives, of any type, checked before anything is done with it."""

import math
import os
from numbers import Real
from pathlib import Path
from typing import Any

from ncaengine.core.errors import NCAError
from ncaengine.core.validation import shown


def number(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number. Raises NCAError that begins with `what` unless it is one from `low` to `high`."""
    if _is_number(value) and low <= value <= high:
        return float(value)
    raise NCAError(f"{what} must be a number{_range(low, high)}, not {shown(value)}.")


def whole(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> int:
    """Return a whole number, which 2.0 is, too. Raises NCAError that begins with `what` if it isn't one."""
    if _is_number(value) and low <= value <= high and value % 1 == 0:
        return int(value)
    raise NCAError(f"{what} must be a whole number{_range(low, high)}, not {shown(value)}.")


def path(value: object, what: str) -> Path:
    """Return a path. Raises NCAError that begins with `what` if it is none."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise NCAError(f"{what} is the path of a file, not {shown(value)}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _range(low: float, high: float) -> str:
    """Return the range in words. Infinite ends are none."""
    if math.isinf(high):
        return "" if math.isinf(low) else f" of at least {low:,}"
    return f" from {low:,} to {high:,}" if math.isfinite(low) else f" of at most {high:,}"
