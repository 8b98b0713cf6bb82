"""Names that are not taken yet."""

from collections.abc import Callable
from itertools import count


def unique_name(base: str, taken: Callable[[str], bool], pattern: str = "{base}-{number}") -> str:
    """Return `base` if it isn't taken, else the first of base-2, base-3, … that isn't.

    taken: whether a name is in use.
    pattern: how a number is added, with {base} and {number}.
    """
    if not taken(base):
        return base
    numbered = (pattern.format(base=base, number=number) for number in count(2))
    return next(name for name in numbered if not taken(name))
