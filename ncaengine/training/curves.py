"""Losses of a training as numbers to show; imports neither torch nor NumPy."""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.names import training_folder

LOSSES = "loss.csv"
"""The file of the losses, in the training's folder."""

MOST = 3.5e38
"""No loss of a training is larger, unless it is infinite: they are float32."""


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
        text = inputs.read_input(path, bounds.LOSSES_BYTES).decode()
        losses = [_loss(row["loss"]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (OSError, NCAError, KeyError, TypeError, ValueError, csv.Error):
        raise NCAError(f"{path}: is not the loss curve of a training; train that model again.") from None
    return losses


def _loss(text: str) -> float:
    loss = float(text)
    if MOST < abs(loss) < math.inf:
        raise ValueError(text)
    return loss
