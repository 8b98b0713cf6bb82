"""What a run needs to go on: one file, read without running any code of it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from ncaengine.core import files, model
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.training.config import TrainingSettings

KEY = "ncaengine training"
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A run between two iterations."""

    settings: TrainingSettings
    config: Config
    state: dict[str, Any]
    """Of the trainer."""
    losses: list[float]
    """One an iteration, NaN where it was rolled back."""
    origin: str
    """Tells target and feature nets apart from others."""


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write it whole or not at all: where the disk is full, the older one stays. Raises NCAError."""
    plain = {
        KEY: VERSION,
        "settings": dataclasses.asdict(checkpoint.settings),
        "config": model.config_to_dict(checkpoint.config),
        "state": checkpoint.state,
        "losses": checkpoint.losses,
        "origin": checkpoint.origin,
    }
    files.replace_file(path, lambda part: torch.save(plain, part))


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises NCAError where there is none, or it is damaged or of another kind."""
    try:
        plain = torch.load(path, map_location="cpu", weights_only=True)
        if plain[KEY] != VERSION:
            raise NCAError(f"{path}: was written by another version of ncaengine; train anew without --resume.")
        return Checkpoint(
            msgspec.convert(plain["settings"], TrainingSettings, strict=False),
            msgspec.convert(plain["config"], Config, strict=False),
            dict(plain["state"]),
            list(plain["losses"]),
            str(plain["origin"]),
        )
    except FileNotFoundError:
        raise NCAError(
            f"{path}: is not there; this run was not begun, or it was finished; to train a finished model on, "
            "begin with it: --from MODEL."
        ) from None
    except NCAError:
        raise
    except Exception:  # on damaged files torch's reader raises nearly anything
        raise NCAError(f"{path}: is not a whole checkpoint; delete it and train anew without --resume.") from None
