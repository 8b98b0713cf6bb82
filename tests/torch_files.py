"""Files that torch.save writes, and the message with which `load` refuses a file."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ncaengine.core.errors import NCAError
from ncaengine.formats import model_files

LEGACY = {"_use_new_zipfile_serialization": False}


def notebook(channels: int = 12, hidden: int = 96, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict as the article's notebook saves it."""
    rng = torch.Generator().manual_seed(seed)
    return {
        "w1.weight": torch.randn(hidden, 4 * channels, 1, 1, generator=rng) * 0.05,
        "w1.bias": torch.randn(hidden, generator=rng) * 0.1,
        "w2.weight": torch.randn(channels, hidden, 1, 1, generator=rng) * 0.02,
    }


def refused(path: Path) -> str:
    """What `load` says about a file, without its name; all that any refusal must hold is checked here."""
    with pytest.raises(NCAError) as caught:
        model_files.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert message.endswith((".", "models/"))
    return message.removeprefix(f"{path}: ")


def saved(path: Path, what: object, **options: Any) -> Path:
    torch.save(what, path, **options)
    return path
