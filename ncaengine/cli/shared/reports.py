"""Reports of models, with a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.shared.output import print_line, print_notice, progress_bar
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.core.model import Model
    from ncaengine.core.types import F32
    from ncaengine.simulation.simulation import Simulation
    from ncaengine.training.appraisal import Plan, Report
    from ncaengine.training.losses import Loss

DIRECTIONS = 128
"""Directions of sliced transport; more than in training, where later iterations take other directions."""


@dataclass(frozen=True)
class Against:
    """What models are compared with."""

    name: str
    picture: "F32"
    """(height, width, 3) in [0, 1]."""
    loss: "Loss"
    own_loss: float
    """Of the target itself."""
    kind: str
    """The loss's name."""
    features: Sequence[str]


def against(target: str, picture: "F32", kind: str, features: Sequence[str]) -> Against:
    """Open the networks and the loss with which models are compared with a target. Raises NCAError.

    target: The image file, or the name of a pattern.
    picture: What it shows: (height, width, 3) float32 in [0, 1].
    """
    from ncaengine.training import evaluation, losses
    from ncaengine.training.features import extractor

    net, notice = extractor.open_nets(features)
    if notice:
        print_notice("The weights of VGG-19 could not be downloaded; random filters compare the pictures instead.")
    tensor = losses.picture_tensor(picture)
    loss = losses.make_loss(kind, net, tensor, directions=DIRECTIONS)
    return Against(Path(target).stem, picture, loss, evaluation.picture_loss(tensor, loss), kind, net.names)


def make_report(
    sim: "Simulation", models: "Sequence[Model]", paths: Sequence[Path], against: Against, plan: "Plan", output: Path
) -> "Report":
    """Measure models, write a report of them, print where it is, and return it. Raises NCAError."""
    from ncaengine.training import report_files

    report = measure(sim, models, paths, against, plan)
    numbers = report_files.write_report(report, output)
    names = [subject.name for subject in report.subjects]
    what = " and ".join(names) if len(names) < 3 else f"{len(names)} models"
    print_line(f"{output}: a report of {what}; its numbers are in {numbers}")
    return report


def measure(
    sim: "Simulation", models: "Sequence[Model]", paths: Sequence[Path], against: Against, plan: "Plan"
) -> "Report":
    """Measure models with a progress bar, and return what a report shows. Raises NCAError."""
    from ncaengine.training import appraisal, measures

    names = _names(paths)
    with progress_bar("steps") as progress, sim.engine.world.telling_once():
        task = progress.add_task("", total=plan.total(models, sim))
        subjects = appraisal.appraise(
            sim, models, names, against.loss, plan,
            lambda steps: progress.advance(task, steps), lambda name: progress.update(task, description=name),
        )  # fmt: skip
    curves = map(_training_losses, paths)
    return appraisal.Report(
        against.name, against.picture, against.own_loss, measures.correlation_length(against.picture),
        measures.spectrum(against.picture), against.kind, tuple(against.features), sim.backend.description, plan,
        tuple(replace(subject, curve=curve) for subject, curve in zip(subjects, curves, strict=True)),
    )  # fmt: skip


def _names(paths: Sequence[Path]) -> list[str]:
    """Return short names of models: their own or their files' names, with the folders where these are equal."""
    from ncaengine.formats import model_files

    split = [model_files.split_path(path) for path in paths]
    names = [part or path.stem for path, part in split]
    return [n if names.count(n) == 1 else str(path.with_suffix("")) for n, path in zip(names, paths, strict=True)]


def _training_losses(path: Path) -> tuple[float, ...]:
    """Return the losses of a model's training, if its folder is still there."""
    from ncaengine.training.curves import read_losses

    try:
        return tuple(read_losses(path))
    except NCAError:
        return ()
