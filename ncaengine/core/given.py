"""Numbers that a caller gives, of any type, checked before anything is done with them."""

import math
from numbers import Real

from ncaengine.core.errors import NCAError


def number(value: object, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a number. Raises NCAError that begins with `what` unless it is one from `low` to `high`."""
    if isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise NCAError(f"{what} must be a number{_range(low, high)}, not {value!r:.60}.")


def whole(value: object, what: str, low: float = -math.inf, high: float = math.inf) -> int:
    """Return a whole number, which 2.0 is, too. Raises NCAError that begins with `what` if it isn't one."""
    if isinstance(value, Real) and low <= value <= high and value % 1 == 0:
        return int(value)
    raise NCAError(f"{what} must be a whole number{_range(low, high)}, not {value!r:.60}.")


def _range(low: float, high: float) -> str:
    """Return the range in words. Infinite ends are none."""
    if math.isinf(high):
        return "" if math.isinf(low) else f" of at least {low:,}"
    return f" from {low:,} to {high:,}"
