"""Checkpoints: everything a training needs to resume, in one file. Reading it runs no code from it."""

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from ncaengine.core import bounds, files, inputs, model_dicts
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.core.types import F32
from ncaengine.training.config import TrainingSettings

KEY = "ncaengine training"
"""The file's key for its version; tells checkpoints from other files."""
VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A training between two iterations."""

    settings: TrainingSettings
    config: Config
    state: dict[str, Any]
    """The trainer's state, from `Trainer.state`; empty if the training has only begun."""
    losses: list[float]
    """The loss of each iteration; NaN where an iteration was rolled back."""
    origin: str
    """The `fingerprint` of the targets and the feature nets; a run resumes only with the same ones."""
    seconds: float = 0.0
    """How long the training took so far."""
    start: Path | None = None
    """The model that the training was told to start from."""
    output: str = ""
    """The file that the training writes, without its folder."""


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint whole or not at all: if the disk is full, the older file stays. Raises NCAError."""
    plain = {
        KEY: VERSION,
        "settings": dataclasses.asdict(checkpoint.settings),
        "config": model_dicts.config_to_dict(checkpoint.config),
        "state": checkpoint.state,
        "losses": checkpoint.losses,
        "origin": checkpoint.origin,
        "seconds": checkpoint.seconds,
        "start": str(checkpoint.start or ""),
        "output": checkpoint.output,
    }
    file = io.BytesIO()
    torch.save(plain, file)
    files.replace_file(path, file.getbuffer())


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises NCAError if it is missing, damaged or from another version."""
    try:
        with inputs.open_input(path, bounds.CHECKPOINT_BYTES) as file:
            with zipfile.ZipFile(file) as parts:
                if damaged := parts.testzip():  # torch doesn't look at the sums
                    raise ValueError(damaged)
            file.seek(0)
            plain = torch.load(file, map_location="cpu", weights_only=True)
        if plain[KEY] != VERSION:
            raise NCAError("was written by another version of ncaengine; start a new training without --resume.")
        return Checkpoint(
            msgspec.convert(plain["settings"], TrainingSettings, strict=False),
            msgspec.convert(plain["config"], Config, strict=False),
            dict(plain["state"]),
            list(plain["losses"]),
            str(plain["origin"]),
            float(plain.get("seconds", 0.0)),
            Path(start) if (start := str(plain.get("start", ""))) else None,
            str(plain.get("output", "")),
        )
    except FileNotFoundError:
        raise NCAError(
            f"{path}: does not exist: this run never started, or it has finished. To train a finished model further, "
            "start from it with --from MODEL."
        ) from None
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    except Exception:  # torch raises almost anything on damaged files
        raise NCAError(f"{path}: is not a complete checkpoint; delete it and train without --resume.") from None


def fingerprint(pictures: Sequence[F32], net_names: Sequence[str], neuron: str) -> str:
    """Return a text that differs wherever the loss compares with something else."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(np.ascontiguousarray(picture).tobytes())
    return f"{digest.hexdigest()[:16]} {' '.join(net_names)} {neuron}".strip()
