"""`ncaengine study`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared.engine import open_simulation
from ncaengine.cli.shared.options import OutputFolder, TrainingThreads
from ncaengine.cli.shared.output import print_line
from ncaengine.cli.shared.reports import against, measure
from ncaengine.cli.shared.training_runs import run_all
from ncaengine.core.errors import NCAError
from ncaengine.training.config import DeviceName, TrainingSettings
from ncaengine.training.curves import read_losses

if TYPE_CHECKING:
    from ncaengine.training.job import TrainingJob


@dataclass(frozen=True)
class Study:
    """Train a texture with different numbers of channels, and write a report that compares the models."""

    subject: tyro.conf.Positional[Literal["channels"]]
    """What to vary."""
    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
    """An image file, or the name of a pattern."""
    output: OutputFolder
    """The folder for report.md, its pictures and the models."""
    channels: Annotated[str, tyro.conf.arg(metavar="N,N,...")] = "4,8,12,16,24"
    """Numbers of channels, with commas between them."""
    iterations: int = 1000
    """Iterations of each training."""
    size: int = 64
    """Side of the square training grids, in cells."""
    batch: int = 2
    """Grids in each iteration."""
    kernels: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ("square",)
    """Neighbourhoods to train on, in turn."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET|FILE [...]")] = ("auto",)
    """The networks that compare pictures, as for `ncaengine train`."""
    resume: bool = False
    """Continue a study that was stopped; it keeps the finished trainings."""
    seed: int = 0
    """Random seed; the same number gives the same models on the same machine."""
    device: DeviceName = "auto"
    """What to train on."""
    threads: TrainingThreads = 0
    """CPU threads; 0 lets torch choose."""
    compile: bool = True
    """Compile the step, as for `ncaengine train`."""

    def run(self) -> None:
        """Train the models that do not exist yet, compare all, and print where the report is."""
        settings = TrainingSettings(
            iterations=self.iterations,
            size=self.size,
            batch=self.batch,
            pool=64,
            fresh=0.25,
            hidden=96,
            kernels=self.kernels,
            seed=self.seed,
        )
        if not (self.iterations and self.size and self.batch):
            raise NCAError("A study needs --iterations, --size and --batch of at least 1.")
        counts = self._channel_counts()
        for count in counts:
            dataclasses.replace(settings, channels=count).check()
        from ncaengine.training import study
        from ncaengine.training.job import TrainingJob

        base = TrainingJob(self.image, self.output, settings, self.features, device=self.device, compiled=self.compile)
        jobs = study.study_jobs(base, counts)
        run_all(jobs, self.resume, self.threads)
        for job in jobs:
            read_losses(job.output)  # raises before the models are measured
        report = self._write_report(base, jobs)
        print_line(f"Report: {report}, and report.html, with pictures.png, loss.png and report.json in the same folder")

    def _channel_counts(self) -> list[int]:
        words = self.channels.split(",")
        if not all(word.strip().isdecimal() for word in words) or len({int(word) for word in words}) < len(words):
            raise NCAError(
                f"--channels is {self.channels!r}; give different numbers with commas between them, for example 4,8,12."
            )
        return [int(word) for word in words]

    def _write_report(self, base: "TrainingJob", jobs: "list[TrainingJob]") -> Path:
        """Compare the trained models and write the report; return its path."""
        from ncaengine.formats import model_files
        from ncaengine.training import report_files, study, targets

        paths = [job.output for job in jobs]
        models = [model_files.load(path) for path in paths]
        picture = targets.load_target(self.image, base.settings.target_size).picture
        target = against(self.image, picture, "transport", self.features)
        with open_simulation() as sim, sim.engine.world.telling_once():
            report = measure(sim, models, paths, target, study.report_plan(base))
            rows = study.table_rows(sim, models, report)
        report_files.write_page(report, base.output / "report.html")
        return study.write_report(base, rows, report)
