"""Limits on model files, so that a hostile one can't take much memory, and the error for a file beyond one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError

MAX_FILE_BYTES = bounds.MODEL_BYTES
MAX_TEXT_BYTES = bounds.MODEL_TEXT_BYTES
"""Largest JSON or program. A byte may take 25 in memory; the largest published file has 1.5 MB."""
MAX_PICKLE_BYTES = bounds.MODEL_PICKLE_BYTES
"""Largest pickle. MAX_NUMBERS take up to 80 MB; a text in a pickle takes five times its size in memory."""

MAX_TENSORS = int(bounds.TENSORS.high)
"""Most tensors of a file."""
LARGE, LARGE_FILTERS = 1_100_000, 200_000
"""Numbers of a tensor, and of one of 3x3 or larger filters, that are more than any layer of ncaengine's models has."""


@dataclass(frozen=True, slots=True)
class LargeTensor:
    """In place of a tensor that no texture NCA has, such as a layer of a loss net; its numbers are not read."""

    shape: tuple[int, ...]


def is_large(shape: Sequence[int]) -> bool:
    """Return whether no texture NCA has a tensor of this shape."""
    return math.prod(shape) > (LARGE_FILTERS if len(shape) == 4 and shape[2] > 1 else LARGE)


def too_large(what: str = "ten million numbers") -> NCAError:
    """Return the error for a file that holds more than `what`."""
    return NCAError(f"holds over {what}, far more than any texture NCA.")
