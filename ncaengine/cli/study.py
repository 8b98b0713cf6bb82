"""`ncaengine study`."""

import csv
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import say
from ncaengine.cli.training_runs import run_all
from ncaengine.core.errors import NCAError
from ncaengine.training.config import Device, TrainingSettings

if TYPE_CHECKING:
    from ncaengine.training.run import TrainingJob


@dataclass(frozen=True)
class Study:
    """Train a texture with more and fewer channels, and write a report that compares the models."""

    subject: tyro.conf.Positional[Literal["channels"]]
    """What varies."""
    image: tyro.conf.Positional[str]
    """An image file, or the name of a pattern."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")]
    """The folder for report.md, its pictures and the models."""
    channels: str = "4,8,12,16,24"
    """Numbers of channels, with commas between."""
    iterations: int = 1000
    """Of each training."""
    size: int = 64
    """Side of the grids that are trained, in cells."""
    batch: int = 2
    """Grids an iteration."""
    kernels: tuple[str, ...] = ("square",)
    """Neighbourhoods that are trained in turn."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET|FILE [...]")] = ("auto",)
    """What pictures are compared by, as for `ncaengine train`."""
    resume: bool = False
    """Go on with a study that was stopped; trainings that were finished are kept."""
    seed: int = 0
    """The same number gives the same models on the same machine."""
    device: Device = "auto"
    """Where to train."""
    threads: int = 0
    """CPU threads; 0 lets torch choose."""
    compile: bool = True
    """As for `ncaengine train`."""

    def run(self) -> None:
        """Train what is not there yet, compare, and say where the report is."""
        settings = TrainingSettings(
            iterations=self.iterations, size=self.size, batch=self.batch, pool=64, kernels=self.kernels, seed=self.seed
        )
        counts = self._counts()
        for count in counts:
            dataclasses.replace(settings, channels=count).check()
        from ncaengine.training import study
        from ncaengine.training.run import TrainingJob

        base = TrainingJob(self.image, self.output, settings, self.features, device=self.device, compiled=self.compile)
        jobs = study.study_jobs(base, counts)
        run_all(jobs, self.resume, self.threads)
        curves = {f"{c} channels": _losses(job.folder / "loss.csv") for c, job in zip(counts, jobs, strict=True)}
        report = self._compare(base, jobs, curves)
        print(f"{report}: the report, with pictures.png, loss.png and report.json beside it")

    def _counts(self) -> list[int]:
        words = self.channels.split(",")
        if not all(word.strip().isdecimal() for word in words) or len({int(word) for word in words}) < len(words):
            raise NCAError(f"--channels is {self.channels!r}; write different numbers with commas between: 4,8,12.")
        return [int(word) for word in words]

    def _compare(self, base: "TrainingJob", jobs: "list[TrainingJob]", curves: dict[str, list[float]]) -> Path:
        import numpy as np
        import torch
        from rich.console import Console

        from ncaengine.backends import open_backend
        from ncaengine.core.looks import quantise
        from ncaengine.formats import model_files
        from ncaengine.io.contact_sheets import Tile
        from ncaengine.simulation import simulation
        from ncaengine.training import losses, study, targets
        from ncaengine.training.features import extractor

        models = [model_files.load(job.output) for job in jobs]
        picture = np.ascontiguousarray(targets.load_target(self.image, base.settings.target_size))
        net = extractor.open_nets(self.features)[0]
        loss = losses.make_loss("transport", net, torch.from_numpy(picture).permute(2, 0, 1)[None], directions=128)
        backend, notice = open_backend("auto")
        if notice:
            say(notice)
        with simulation.Simulation(backend, history=0) as sim, Console(stderr=True).status("comparing the models"):
            rows = study.compare_models(sim, models, list(curves.values()), loss)
            tiles = study.grow_pictures(sim, models, Tile(quantise(picture), "target"))
        return study.write_report(base, rows, tiles, curves, backend.description)


def _losses(path: Path) -> list[float]:
    """The second column of a run's loss.csv."""
    try:
        with open(path, newline="") as file:
            return [float(row["loss"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):
        raise NCAError(f"{path}: is not the loss curve of a training; train that model anew.") from None
