"""What to train, and where to write it."""

from dataclasses import dataclass, field
from pathlib import Path

from ncaengine.core.errors import NCAError
from ncaengine.core.names import training_folder
from ncaengine.training.checkpoint import Checkpoint, load_checkpoint
from ncaengine.training.config import TrainingSettings

NEAREST, NO_MODEL = CHOICES = Path("auto"), Path("none")
"""Instead of a model to start from: the shipped one that is nearest to the target, or none."""
CHECKPOINT_EVERY = 90.0
"""Seconds between two writes of the checkpoint, usually."""


@dataclass(frozen=True)
class TrainingJob:
    """What to train, and where to write it."""

    target: str
    """An image file or a pattern's name; '' if a neuron is excited instead."""
    output: Path
    """The model file to write."""
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    nets: tuple[str, ...] = ("auto",)
    """Feature nets, by name or weight file; see `extractor.open_nets`."""
    start: Path | None = None
    """A model whose weights the training starts from, or one of CHOICES; None chooses NEAREST if there is a budget."""
    resume: bool = False
    """Whether to continue a training that was stopped."""
    device: str = "auto"
    """auto, cpu, cuda or mps; see `pick_device`."""
    compiled: bool = True
    """Whether to compile the step, if that is possible here."""
    log_dir: Path | None = None
    """A folder for TensorBoard logs."""
    attribution: tuple[tuple[str, str], ...] = ()
    """Entries of the model's attribution, such as ("author", "…")."""
    together: tuple[str, ...] = ()
    """Image files or patterns for one model of many textures, instead of `target`; see `together_run`."""
    add: bool = False
    """Whether these are added to the textures of `start`."""
    checkpoint_every: float = CHECKPOINT_EVERY
    """Seconds between two writes of the checkpoint."""

    @property
    def folder(self) -> Path:
        """The folder of the run's own files: preview.png, loss.png, loss.csv, checkpoint.pt."""
        return training_folder(self.output)

    @property
    def checkpoint(self) -> Path:
        """The file that a run continues from; it is gone once the run is finished."""
        return self.folder / "checkpoint.pt"

    def check_fresh(self) -> None:
        """Raise NCAError if a new training would take the place of one that was stopped."""
        if not self.resume and self.checkpoint.exists():
            raise NCAError(
                f"{self.checkpoint}: belongs to a run that was stopped; add --resume to continue it, or delete it."
            )


def saved_run(job: TrainingJob) -> Checkpoint:
    """Return the checkpoint of a run that is continued. Raises NCAError if it was begun as another."""
    saved = load_checkpoint(job.checkpoint)
    if saved.output not in ("", job.output.name):
        raise NCAError(f"{job.checkpoint}: belongs to {saved.output}; name that, or another file for a new training.")
    if job.start and job.start != saved.start:
        began = f"with --from {saved.start}" if saved.start else "without --from"
        raise NCAError(f"{job.checkpoint}: this run began {began}, which can't change; leave --from out.")
    return saved
