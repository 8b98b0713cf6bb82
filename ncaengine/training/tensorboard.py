"""TensorBoard logs of a training."""

from pathlib import Path
from typing import Any

from ncaengine.core import files
from ncaengine.core.errors import NCAError


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
