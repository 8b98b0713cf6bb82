"""What was measured of a model, as a fact in its file."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Model
from ncaengine.formats import model_files

if TYPE_CHECKING:
    from ncaengine.training.evaluation import EvaluationPlan, EvaluationResult


def check_notable(name: Path) -> None:
    """Raise NCAError if facts can't be written into a model's file: only into a file of ncaengine with one model."""
    path, part = model_files.split_path(model_files.find_file(name))
    if part or model_files.open_file(path).family:
        raise NCAError(
            f"{name}: --note writes only into a .pt or .safetensors file of ncaengine; "
            "make one with `ncaengine import`, or leave --note out."
        )
    if path in model_files.shipped_models() and path != name:
        raise NCAError(f"{name}: is a model of ncaengine itself, at {path}; to write into that file, name its path.")
    files.check_place(path)


def note_losses(
    model: Model, path: Path, target: str, loss: str, plan: "EvaluationPlan", result: "EvaluationResult"
) -> None:
    """Write the mean losses of an evaluation into the file of its model.

    target: the name of what the model was compared with.
    loss: transport or gram.

    Raises NCAError if the file can't be written, holds other weights by now, or if a loss is no number.
    """
    if not np.isfinite(result.losses).all():
        raise NCAError(f"{path}: has diverged, so its losses are not written.")
    now = model_files.load(path).arrays()
    if any(not np.array_equal(now[name], array) for name, array in model.arrays().items()):
        raise NCAError(f"{path}: has changed since it was opened, so its losses are not written; evaluate it again.")
    losses = ", ".join(
        f"{mean:.3g} at {moment}" for mean, moment in zip(result.losses.mean(0), plan.moments, strict=True)
    )
    width, height = plan.size
    text = f"{losses}; {loss} against {target}, mean of {plan.rollouts} of {width}x{height} cells"
    facts = {**model.config.attribution, f"loss on {plan.kernel}": text}
    model_files.save(dataclasses.replace(model, config=structs.replace(model.config, attribution=facts)), path)
