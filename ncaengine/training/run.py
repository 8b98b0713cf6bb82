"""One run from an image to a model file: opens or resumes it, trains, and writes down what came of it."""

import csv
import dataclasses
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import structs
from PIL import Image

from ncaengine.core import files, kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import whole_view
from ncaengine.core.looks import draw, quantise
from ncaengine.core.model import Model
from ncaengine.core.types import F32
from ncaengine.formats import model_files
from ncaengine.io import charts, contact_sheets
from ncaengine.training import checkpoint, losses, targets
from ncaengine.training.config import METHOD, TrainingSettings, merge_settings
from ncaengine.training.features import extractor
from ncaengine.training.step import can_compile
from ncaengine.training.trainer import Trainer, initial_model

PICTURES_EVERY, CHECKPOINT_EVERY = 15.0, 90.0
"""Seconds between two writings of the model with its pictures, and of the checkpoint, which is larger."""


@dataclass(frozen=True)
class TrainingJob:
    """What to train and where to. `target` is an image file or a pattern's name, '' for an excited neuron."""

    target: str
    output: Path
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    nets: tuple[str, ...] = ("auto",)
    start: Path | None = None
    resume: bool = False
    device: str = "auto"
    compiled: bool = True
    log_dir: Path | None = None
    attribution: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        """Where the run's own files are: preview.png, loss.png, loss.csv, checkpoint.pt."""
        return self.output.with_suffix(".training")


Report = Callable[[int, float], None]
"""How a run tells how it fares: called with the number of each iteration, from 1, and its loss."""


class TrainingRun:
    """A run that is open: made, then `train`ed."""

    def __init__(
        self, job: TrainingJob, catalogue: Catalogue | None = None, say: Callable[[str], None] = lambda line: None
    ) -> None:
        """Opens everything that the run needs, so that what is wrong is told before it starts. Raises NCAError."""
        self.job, self.say = job, say
        path = job.folder / "checkpoint.pt"
        if path.exists() and not job.resume:
            raise NCAError(f"{path} is of a run that was stopped: add --resume to go on, or delete it to train anew.")
        saved = checkpoint.load_checkpoint(path) if job.resume else None
        self.settings = merge_settings(saved.settings, job.settings) if saved else job.settings
        self.settings.check()
        if job.output.is_dir():
            raise NCAError(f"{job.output}: is a folder; choose another name for the model.")
        if saved and saved.state.get("iteration", 0) >= self.settings.iterations:
            raise NCAError(f"{path}: has {len(saved.losses)} iterations already; give more than that to --iterations.")
        self.device = pick_device(job.device)
        self.target = targets.load_target(job.target, self.settings.target_size) if job.target else None
        net, notice = _nets(job.nets)
        if notice:
            say(notice)
        loss = losses.make_loss(self.settings.loss, net.to(self.device), self._picture(), neuron=self.settings.neuron)
        found = catalogue or kernels.discover()
        trained_on = [found.get(name) for name in self.settings.kernels]
        compiled = job.compiled and can_compile(self.device)
        if compiled:
            say("Compiling the step: the first iterations take up to a minute.")
        self.trainer = Trainer(self._start(saved), loss, self.settings, trained_on, self.device, compiled)
        self.losses: list[float] = saved.losses if saved else []
        self.origin = _origin(self.target, net.names, self.settings.neuron)
        if saved:
            self._restore(saved, path)
            say(f"{job.output}: going on after iteration {self.trainer.iteration:,}.")
        _make_folder(job.folder)
        self.board = _board(job.log_dir, job.output.stem)

    def train(self, report: Report | None = None, stopped: Callable[[], bool] = lambda: False) -> Model:
        """Train to the end, or until `stopped()` says so after an iteration; the files are written either way.

        Raises NCAError where the files cannot be written at the end, or the training diverges for good.
        """
        now = time.monotonic()
        due = {self._write_model: now, self._write_checkpoint: now + CHECKPOINT_EVERY}
        every = {self._write_model: PICTURES_EVERY, self._write_checkpoint: CHECKPOINT_EVERY}
        while not self.finished and not stopped():
            loss = self.trainer.iterate()
            self._note(loss)
            if report:
                report(self.trainer.iteration, loss)
            for write in [w for w, when in due.items() if time.monotonic() >= when]:
                self._try(write)
                due[write] = time.monotonic() + every[write]
        self._write_model()
        if self.finished:
            (self.job.folder / "checkpoint.pt").unlink(missing_ok=True)
        else:
            self._write_checkpoint()
        if self.board:
            self.board.close()
        return self.trainer.model()

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.trainer.iteration >= self.settings.iterations

    def _start(self, saved: checkpoint.Checkpoint | None) -> Model:
        job, s = self.job, self.settings
        if saved:
            return initial_model(saved.config, s.seed)
        if job.start:
            start = model_files.load(job.start)
            for name in ("channels", "hidden"):
                theirs = getattr(start.config, name)
                if getattr(s, name) not in (theirs, getattr(TrainingSettings(), name)):
                    raise NCAError(f"{job.start}: has {theirs} {name}; leave out --{name}, or begin without --from.")
            config = structs.replace(start.config, kernels=s.kernels, name=job.output.stem)
        else:
            config = s.model_config(job.output.stem)
            start = initial_model(config, s.seed)
        credit = dict(job.attribution) | {"method": METHOD}
        return dataclasses.replace(start, config=structs.replace(config, attribution=credit))

    def _restore(self, saved: checkpoint.Checkpoint, path: Path) -> None:
        if saved.origin != self.origin:
            raise NCAError(
                f"{path}: this run began with another target or other feature nets; name the same ones, "
                "or train anew without --resume."
            )
        try:
            self.trainer.restore(saved.state)
        except NCAError as error:
            raise NCAError(f"{path}: {error}") from None

    def _picture(self) -> torch.Tensor | None:
        if self.target is None:
            return None
        return torch.from_numpy(np.ascontiguousarray(self.target)).permute(2, 0, 1)[None].to(self.device)

    def _note(self, loss: float) -> None:
        self.losses.append(loss)
        t = self.trainer
        if math.isnan(loss):
            self.say(
                f"Iteration {t.iteration} diverged; back to the last good weights, learning rate now "
                f"{t.learning_rate:.2g}."
            )
        if self.board:
            self.board.add_scalar("loss", loss, t.iteration)
            self.board.add_scalar("learning rate", t.learning_rate, t.iteration)

    def _try(self, write: Callable[[], None]) -> None:
        """A disk that is full now may not be so later: the training goes on."""
        try:
            write()
        except NCAError as error:
            self.say(f"{error} The training goes on.")

    def _write_model(self) -> None:
        model_files.save(self.trainer.model(), self.job.output)
        folder, name = self.job.folder, self.job.output.stem
        _make_folder(folder)
        preview = self.preview()
        for file, picture in (
            ("preview.png", preview),
            ("loss.png", charts.loss_chart({"loss": self.losses}, name)),
        ):
            contact_sheets.save(picture, folder / file)
        files.replace_file(folder / "loss.csv", self._write_csv)
        if self.board:
            self.board.add_image("preview", np.asarray(preview), self.trainer.iteration, dataformats="HWC")

    def _write_csv(self, path: Path) -> None:
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([("iteration", "loss"), *enumerate(self.losses, 1)])

    def _write_checkpoint(self) -> None:
        _make_folder(self.job.folder)
        t = self.trainer
        saved = checkpoint.Checkpoint(self.settings, t.config, t.state(), self.losses, self.origin)
        checkpoint.save_checkpoint(saved, self.job.folder / "checkpoint.pt")

    def preview(self, count: int = 3) -> Image.Image:
        """The target beside grids of the pool, each kernel's in its own shape on the screen."""
        t, side = self.trainer, self.settings.size
        scale, tiles = max(1, 256 // side), []
        if self.target is not None:
            tiles.append(
                contact_sheets.Tile(contact_sheets.framed(quantise(self.target), (side, side), scale), "target")
            )
        for kernel, pool in zip(t.kernels, t.pools, strict=True):
            states = pool[:count].permute(0, 2, 3, 1).cpu().numpy()
            view = whole_view(kernel, (side, side), scale)
            tiles += [contact_sheets.Tile(draw(state, kernel, t.config.colour, view), kernel.name) for state in states]
        return contact_sheets.sheet([tiles], f"{self.job.output.stem}, iteration {t.iteration:,}")


@lru_cache(maxsize=1)
def _nets(names: tuple[str, ...]) -> tuple[extractor.Features, str | None]:
    """The feature nets, opened or downloaded once for all images of a command."""
    return extractor.open_nets(names)


def pick_device(name: str) -> torch.device:
    """'auto' is CUDA, else Apple's GPU, else the CPU. Raises NCAError where the one named is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(key for key, found in there.items() if found)
    if not there.get(name):
        raise NCAError(f"--device {name} is not there; there is {', '.join(k for k, found in there.items() if found)}.")
    return torch.device(name)


def _origin(target: F32 | None, names: Sequence[str], neuron: str) -> str:
    """A fingerprint of what the loss compares with."""
    digest = hashlib.sha256(b"" if target is None else np.ascontiguousarray(target).tobytes()).hexdigest()[:16]
    return f"{digest} {' '.join(names)} {neuron}".strip()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NCAError(f"{folder}: cannot be made a folder ({error.strerror}).") from None


def _board(log_dir: Path | None, name: str) -> Any:
    """A TensorBoard writer. Raises NCAError where tensorboard is not installed."""
    if log_dir is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise NCAError("--log-dir needs tensorboard: pip install tensorboard") from None
    try:
        return SummaryWriter(log_dir / name)
    except OSError as error:
        raise NCAError(f"{log_dir}: cannot be written ({error.strerror}).") from None
