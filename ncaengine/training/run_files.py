"""The folder of a training, its TensorBoard logs, and the fingerprint in its checkpoint."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.model import WEIGHTS, Model
from ncaengine.core.types import F32


def fingerprint(pictures: Sequence[F32], net_names: Sequence[str], neuron: str) -> str:
    """Return a text that differs wherever the loss compares with something else."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(np.ascontiguousarray(picture).tobytes())
    return f"{digest.hexdigest()[:16]} {' '.join(net_names)} {neuron}".strip()


def rounded(model: Model) -> Model:
    """Return a model whose weights are what float16 can hold, so that a page with it is smaller.

    Weights beyond its range stay as they are.
    """
    with np.errstate(over="ignore"):
        short = {name: getattr(model, name).astype(np.float16).astype(np.float32) for name in WEIGHTS}
    return dataclasses.replace(model, **{name: each for name, each in short.items() if np.isfinite(each).all()})


def open_board(log_dir: Path | None, name: str) -> Any:
    """Return a TensorBoard writer, or None without `log_dir`. Raises NCAError if tensorboard is not installed."""
    if log_dir is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise NCAError("--log-dir needs tensorboard; install it with: pip install tensorboard") from None
    try:
        return SummaryWriter(log_dir / name)
    except OSError as error:
        raise files.unwritable(log_dir, error) from None
