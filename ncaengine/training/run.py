"""One training, from an image to a model file: start or resume it, train, and write the files."""

import csv
import dataclasses
import io
import math
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec import structs
from PIL import Image

from ncaengine.core import files, kernels
from ncaengine.core.canvas import draw
from ncaengine.core.errors import NCAError
from ncaengine.core.files import make_folder
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import whole_view
from ncaengine.core.looks import quantise
from ncaengine.core.model import Config, Model
from ncaengine.core.texts import flag_of
from ncaengine.core.types import F32
from ncaengine.formats import model_files
from ncaengine.io import charts, contact_sheets
from ncaengine.training import budget, checkpoint, losses, targets
from ncaengine.training.config import METHOD, TrainingSettings, differing, merge_settings, seconds_of
from ncaengine.training.curves import LOSSES
from ncaengine.training.devices import pick_device, pick_precision
from ncaengine.training.features import extractor
from ncaengine.training.job import NEAREST, NO_MODEL, TrainingJob, saved_run
from ncaengine.training.step import can_compile
from ncaengine.training.tensorboard import open_board
from ncaengine.training.trainer import Trainer, initial_model, rounded, widened

PICTURES_EVERY = 15.0
"""Seconds between two writes of the model with its pictures."""
PREVIEWED = 3
"""Grids of each kernel, or of each texture and kernel, in the preview."""

IterationReport = Callable[[int, float], None]
"""Called after each iteration with its number, from 1, and its loss."""


class TrainingRun:
    """A training that is ready to start or to resume; `train` runs it."""

    defaults = TrainingSettings()
    """The settings of a user who gives none."""

    def __init__(
        self, job: TrainingJob, catalogue: Catalogue | None = None, notify: Callable[[str], None] = lambda line: None
    ) -> None:
        """Open everything that the training needs, so that problems show before it starts. Raises NCAError.

        catalogue: the kernels to choose from; by default those that are installed.
        notify: called with lines for the user.
        """
        self.job, self.notify, began = job, notify, time.monotonic()
        job.check_fresh()
        path = job.checkpoint
        saved = saved_run(job) if job.resume else None
        self.settings = merge_settings(saved.settings, job.settings, self.defaults) if saved else job.settings
        if saved and job.settings.iterations and not job.settings.budget:
            self.settings = dataclasses.replace(self.settings, budget="")
        self.settings.check()
        if job.output.is_dir():
            raise NCAError(f"{job.output}: is a folder; choose another name for the model.")
        if saved and saved.state.get("iteration", 0) >= self.settings.iterations:
            raise NCAError(f"{path}: already has {len(saved.losses)} iterations; give a larger --iterations.")
        if saved and not saved.state:
            notify(f"{job.output}: was stopped before its first checkpoint; it starts again.")
            self.job = job = dataclasses.replace(job, start=job.start or saved.start)
            saved = None
            if self.settings.budget:  # which then chooses again
                self.settings = dataclasses.replace(self.settings, iterations=0)
        self.device = pick_device(job.device)
        self.taken: list[str] = []
        self.targets = self._load_targets()
        net, notice = open_nets(job.nets)
        if notice:
            notify(notice)
        self.catalogue = catalogue or kernels.discover()
        self.kernels = [self.catalogue.get(name) for name in self.settings.kernels]
        net.speed_up(pick_precision(self.settings.precision, self.device))
        self.net, self.start = net.to(self.device), job.start
        for name, target in self.targets.items():
            losses.target_maps(self.net, losses.picture_tensor(target).to(self.device), job.target or name)
        compiled = job.compiled and can_compile(self.device)
        if not saved:
            self._plan(began, compiled)
        self.clock: budget.Clock | None = None
        if self.settings.budget:
            self.clock = budget.Clock(self.settings.budget, saved.seconds if saved else 0.0, began)
        if compiled:
            notify("Compiling the step: the first iterations take up to a minute.")
        self.trainer = self._make_trainer(self._initial_model(saved), self.settings, compiled)
        self.losses: list[float] = saved.losses if saved else []
        self.origin = checkpoint.fingerprint([*self.targets.values()], net.names, self.settings.neuron)
        if saved:
            self._restore(saved, path)
            had = differing(self.settings, self.defaults)
            notify(
                f"{job.output}: resuming after iteration {self.trainer.iteration:,}{f', with {had}' if had else ''}."
            )
        make_folder(job.folder)
        files.check_place(job.checkpoint)
        self.board = open_board(job.log_dir, job.output.stem)

    def train(self, report: IterationReport | None = None, stopped: Callable[[], bool] = lambda: False) -> Model:
        """Train to the end, or until `stopped()` is true after an iteration; write the files and return the model.

        Raises NCAError if the files can't be written at the end, or if the training keeps diverging.
        """
        now = time.monotonic()
        every = {self._write_model: PICTURES_EVERY, self._write_checkpoint: self.job.checkpoint_every}
        due = {self._write_model: now, self._write_checkpoint: now + self.job.checkpoint_every}
        while not self.finished and not stopped():
            loss = self.trainer.iterate()
            self._record(loss)
            self._keep_to_budget()
            if report:
                report(self.trainer.iteration, loss)
            for write in [w for w, when in due.items() if time.monotonic() >= when]:
                self._try(write)
                due[write] = time.monotonic() + every[write]
        self._write_model()
        if self.finished:
            self.job.checkpoint.unlink(missing_ok=True)
        else:
            self._write_checkpoint()
        if self.board:
            self.board.close()
        return self.model()

    @property
    def finished(self) -> bool:
        """Whether all iterations are done."""
        return self.trainer.iteration >= self.settings.iterations

    def _load_targets(self) -> dict[str, F32]:
        """Return the pictures to learn from, by name; none if a neuron is excited."""
        name = self.job.target
        return {"target": self.prepared(name)} if name else {}

    def prepared(self, name: str) -> F32:
        """Return what is taken of an image, and say it."""
        target = targets.prepare(name, self.settings)
        if target.taken:
            self.notify(f"{name}: {target.taken}.")
            self.taken.append(target.taken)
        if target.advice:
            self.notify(target.advice)
        return target.picture

    def _plan(self, began: float, compiled: bool) -> None:
        """Choose what the settings leave open and the model to start from, and say what to expect."""
        asked, automatic = self.settings, self.start == NEAREST
        self.settings = budget.with_length(asked, self.device.type != "cpu")
        if self.start == NO_MODEL:
            self.start = None
        elif automatic or (self.settings.budget and not self.start):
            self.start = self._nearest()
            if automatic and not self.start:
                raise NCAError("--from auto finds no shipped model of this kind for this training; leave it out.")
        measured = compiled and self.device.type == "cpu"
        faster, compiling = (budget.COMPILED, budget.COMPILING) if measured else (1.0, 0.0)
        whole = seconds_of(self.settings.budget) if self.settings.budget else 0.0
        left = whole - (time.monotonic() - began) - compiling
        self.settings = budget.planned(self.settings, left, lambda settings: self._trial(settings) / faster)
        self.settings.check()
        if self.settings.budget:
            name = self.start.stem if self.start else ""
            self.notify(budget.expectation(self.settings, name, bool(asked.budget), len(self.targets)))

    def _trial(self, settings: TrainingSettings) -> float:
        """Return the seconds of an iteration with other settings, not compiled."""
        return budget.timed(self._make_trainer(initial_model(self._config(), 0), settings, compiled=False).iterate)

    def _nearest(self) -> Path | None:
        """Return the shipped model whose texture is nearest to the target; None if none is of this kind."""
        if not self.targets:
            return None
        return budget.nearest_model(self._loss(), self.device, self.settings, self.catalogue)

    def _keep_to_budget(self) -> None:
        """Choose the number of iterations that ends the training in time."""
        if self.clock:
            count = self.clock.iterations(self.trainer.iteration, self.settings.iterations)
            self.settings = self.trainer.settings = dataclasses.replace(self.settings, iterations=count)

    def _loss(self) -> losses.Loss:
        pictures = [losses.picture_tensor(target).to(self.device) for target in self.targets.values()]
        s = self.settings
        return losses.make_loss(s.loss, self.net, pictures[0] if pictures else None, neuron=s.neuron)

    def _make_trainer(self, start: Model, settings: TrainingSettings, compiled: bool) -> Trainer:
        return Trainer(start, self._loss(), settings, self.kernels, self.device, compiled)

    def _initial_model(self, saved: checkpoint.Checkpoint | None) -> Model:
        """Return the weights to start from; a checkpoint's own are restored afterwards."""
        job, s = self.job, self.settings
        if saved:
            return initial_model(saved.config, s.seed)
        if self.start:
            start = model_files.load(self.start)
            if self.start != job.start:  # the nearest one, which may be smaller
                start = widened(start, s.channels, s.hidden, s.seed)
            self._check_start(start.config)
            if start.config.textures and not job.together:
                raise NCAError(f"{self.start}: makes many textures; add --together, or start from one of them.")
            config = structs.replace(start.config, kernels=s.kernels, name=job.output.stem)
        else:
            config = self._config()
            start = initial_model(config, s.seed)
        credit = dict(job.attribution) | {"method": METHOD}
        if self.start:  # model() adds the rest
            credit["training"] = f"from the weights of {self.start.stem}"
        return dataclasses.replace(start, config=structs.replace(config, attribution=credit))

    def _check_start(self, config: Config) -> None:
        """Raise NCAError if settings ask for another network than that of the model to start from."""
        stencils = tuple(feature.stencil for feature in config.features)
        lengths = {len(numbers) for numbers in config.textures.values()} or {self.settings.embedding}
        has = {"channels": config.channels, "hidden": config.hidden, "stencils": stencils, "embedding": max(lengths)}
        for name, value in has.items():
            if getattr(self.settings, name) not in (value, getattr(self.defaults, name)):
                what = "hidden units" if name == "hidden" else name
                said = f"{name} {' '.join(value)}" if isinstance(value, tuple) else f"{value} {what}"
                raise NCAError(f"{self.start}: has {said}; leave out {flag_of(name)}, or start without --from.")

    def _config(self) -> Config:
        """Return the configuration of a new model."""
        return self.settings.model_config(self.job.output.stem)

    def _restore(self, saved: checkpoint.Checkpoint, path: Path) -> None:
        if saved.origin != self.origin:
            raise NCAError(
                f"{path}: this run began with another target or other feature nets; use the same ones, "
                "or start a new training without --resume."
            )
        try:
            self.trainer.restore(saved.state)
        except NCAError as error:
            raise NCAError(f"{path}: {error}") from None

    def _record(self, loss: float) -> None:
        """Keep an iteration's loss, and report if the iteration diverged."""
        self.losses.append(loss)
        t = self.trainer
        if math.isnan(loss):
            self.notify(
                f"Iteration {t.iteration} diverged; continuing from the last good weights with learning rate "
                f"{t.learning_rate:.2g}."
            )
        if self.board:
            self.board.add_scalar("loss", loss, t.iteration)
            self.board.add_scalar("learning rate", t.learning_rate, t.iteration)

    def _try(self, write: Callable[[], None]) -> None:
        """Write some files; if that fails, report it and go on, because a full disk may have room later."""
        try:
            write()
        except NCAError as error:
            self.notify(f"{error} The training continues.")

    def _write_model(self) -> None:
        if not (self.finished or self.job.checkpoint.exists()):
            self._write_checkpoint(begins=True)  # or a model without a checkpoint would look finished after a kill
        model_files.save(self.model(), self.job.output)
        folder, name = self.job.folder, self.job.output.stem
        make_folder(folder)
        preview = self.preview()
        contact_sheets.save_picture(preview, folder / "preview.png")
        contact_sheets.save_picture(charts.loss_chart({"loss": self.losses}, name), folder / "loss.png")
        if self.job.target and self.taken:  # for evaluate
            contact_sheets.save_picture(Image.fromarray(quantise(self.targets["target"])), folder / "target.png")
        else:
            (folder / "target.png").unlink(missing_ok=True)  # of an earlier run
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("iteration", "loss"), *enumerate(self.losses, 1)])
        files.replace_file(folder / LOSSES, text.getvalue().encode())
        if self.board:
            self.board.add_image("preview", np.asarray(preview), self.trainer.iteration, dataformats="HWC")

    def _write_checkpoint(self, begins: bool = False) -> None:
        make_folder(self.job.folder)
        t = self.trainer
        state, losses = ({}, []) if begins else (t.state(), self.losses)
        seconds = self.clock.spent if self.clock else 0.0
        saved = checkpoint.Checkpoint(
            self.settings, t.config, state, losses, self.origin, seconds, self.job.start, self.job.output.name
        )
        checkpoint.save_checkpoint(saved, self.job.checkpoint)

    def model(self) -> Model:
        """Return the model with the present weights, and with how it was trained."""
        model, s = rounded(self.trainer.model()), self.settings
        text = (
            f"{self.trainer.iteration:,} iterations, {s.batch} x {s.size}x{s.size} cells each, on "
            f"{' and '.join(s.kernels)}; loss: {s.loss} of {', '.join(self.net.names)}"
        )
        credit = dict(model.config.attribution) | dict(self.job.attribution)
        credit["training"] = "; ".join(filter(None, (text, credit.get("training"))))
        return dataclasses.replace(model, config=structs.replace(model.config, attribution=credit))

    def preview(self) -> Image.Image:
        """Draw the target and PREVIEWED grids of each kernel's pool, as they look on the screen."""
        t, side = self.trainer, self.settings.size
        scale, tiles = max(1, 256 // side), []
        for name, target in self.targets.items():
            tiles.append(contact_sheets.Tile(contact_sheets.frame_target(quantise(target), (side, side), scale), name))
        for kernel, pool in zip(t.kernels, t.pools, strict=True):
            states = pool[:PREVIEWED].permute(0, 2, 3, 1).cpu().numpy()
            view = whole_view(kernel, (side, side), scale)
            tiles += [contact_sheets.Tile(draw(state, kernel, t.config.colour, view), kernel.name) for state in states]
        return contact_sheets.contact_sheet([tiles], f"{self.job.output.stem}, iteration {t.iteration:,}", self.taken)


@lru_cache(maxsize=1)
def open_nets(names: tuple[str, ...]) -> tuple[extractor.Features, str | None]:
    """Open or download the feature nets, once for all images of a command."""
    return extractor.open_nets(names)


def check_target(job: TrainingJob) -> None:
    """Raise NCAError if an image can't be learnt, before other trainings start. Its net stays open for them."""
    picture = targets.prepare(job.target, job.settings).picture
    losses.target_maps(open_nets(job.nets)[0].cpu(), losses.picture_tensor(picture), job.target)
