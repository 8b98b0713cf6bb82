"""Losses of a training as numbers to show; imports neither torch nor NumPy."""

import csv
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from ncaengine.core.errors import NCAError
from ncaengine.core.names import training_folder

LOSSES = "loss.csv"
"""The file of the losses, in the training's folder."""


def median_loss(losses: Sequence[float]) -> float:
    """Return the median of the finite losses, not a number if there are none."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    return statistics.median(finite) if finite else math.nan


def final_loss(losses: Sequence[float]) -> float:
    """Return the median loss of the last 50 iterations."""
    return median_loss(losses[-50:])


def read_losses(model: Path) -> list[float]:
    """Return the losses of the training that wrote a model, one per iteration. Raises NCAError if it can't be read."""
    path = training_folder(model) / LOSSES
    try:
        with open(path, newline="") as file:
            return [float(row["loss"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):
        raise NCAError(f"{path}: is not the loss curve of a training; train that model again.") from None
