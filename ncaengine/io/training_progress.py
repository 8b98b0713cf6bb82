"""How far a training is: a small file beside the model, which the training writes and the window reads."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.names import training_folder
from ncaengine.core.texts import duration

STALE = 600.0
"""Seconds after which a training that wrote nothing counts as ended."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Progress(msgspec.Struct, frozen=True):
    """The file's contents."""

    iteration: Count
    total: Count
    loss: Annotated[str, msgspec.Meta(max_length=16)]
    seconds_left: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    written: float
    """In seconds since 1970."""


def path_for(model: Path) -> Path:
    """Return the file of the training that writes a model."""
    return training_folder(model) / "progress.json"


def write(model: Path, iteration: int, total: int, loss: str, seconds_left: float) -> None:
    """Write how far the training of a model is. A failure is no reason to stop it."""
    progress = Progress(iteration, total, loss, min(max(seconds_left, 0.0), 1e9), time.time())
    try:
        replace_file(path_for(model), msgspec.json.encode(progress))
    except (OSError, NCAError):
        return


def text_for(model: Path, now: Callable[[], float] = time.time) -> str:
    """Return how far the training of a model is, in a few words; '' if none runs."""
    try:
        data = inputs.read_input(path_for(model), bounds.PREFERENCES_BYTES)
        progress = msgspec.json.decode(data, type=Progress)
    except (OSError, ValueError, RecursionError, NCAError):
        return ""
    if not 0 <= now() - progress.written < STALE:
        return ""
    left = f"{duration(progress.seconds_left)} left"
    return f"training {progress.iteration} of {progress.total}, loss {progress.loss}, {left}"
