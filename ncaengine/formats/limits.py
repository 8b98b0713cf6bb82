"""Limits on model files, so that a hostile one can't take much memory, and the error for a file beyond one."""

from ncaengine.core import bounds
from ncaengine.core.errors import NCAError

MAX_FILE_BYTES = bounds.MODEL_BYTES
MAX_TEXT_BYTES = bounds.MODEL_TEXT_BYTES
"""Largest JSON or program. A byte may take 25 in memory; the largest published file has 1.5 MB."""
MAX_PICKLE_BYTES = bounds.MODEL_PICKLE_BYTES
"""Largest pickle. MAX_NUMBERS take up to 80 MB; a text in a pickle takes five times its size in memory."""

MAX_TENSORS = int(bounds.TENSORS.high)
"""Most tensors of a file."""


def too_large(what: str = "ten million numbers") -> NCAError:
    """Return the error for a file that holds more than `what`."""
    return NCAError(f"holds over {what}, far more than any texture NCA.")
