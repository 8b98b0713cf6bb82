"""`ncaengine train`."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import FROM, OutputFile, Plugins, Range, TrainingThreads, bare_or_with
from ncaengine.cli.shared.ray_runs import run_on_ray
from ncaengine.cli.shared.training_runs import run_all, write_report
from ncaengine.core.errors import NCAError
from ncaengine.training.config import TOGETHER, DeviceName, TrainingSettings

if TYPE_CHECKING:
    from ncaengine.training.job import TrainingJob
    from ncaengine.training.ray_driver import Outcome

IMAGES = tyro.conf.arg(metavar="IMAGE [IMAGE ...]", help_behavior_hint="(required, except for --loss excitation)")
TEXT = tyro.conf.arg(metavar="TEXT", help_behavior_hint="(default: none)")
SWEEP = tyro.conf.arg(metavar="NAME=VALUE,VALUE... [...]", help_behavior_hint="(default: none)")
ADDRESS = tyro.conf.arg(help_behavior_hint="(default: without Ray, one model after the other)")
GPUS = tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 1 where the cluster has any)")
LOGS = tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: none)")


def _one_address(words: Sequence[str]) -> str:
    """Return the address in the words after --ray, '' if there is none. Raises NCAError."""
    if len(words) > 1 or any(Path(word).exists() for word in words):
        raise NCAError("--ray takes at most one address, HOST:PORT; put the images before it.")
    return "".join(words)


RAY = bare_or_with("[ADDRESS]", _one_address)
FILES = (".pt", ".safetensors")
"""Endings of a model; any other output is a folder of several."""


@dataclass(frozen=True)
class Train:
    """Train a model to grow the texture of an image."""

    images: Annotated[tuple[str, ...], IMAGES, tyro.conf.Positional] = ()
    """Image files, folders of them, or names of the patterns that ncaengine draws itself, for example coral."""
    output: OutputFile = Path("model.pt")
    """The model to write, .pt or .safetensors; for several images, a folder. Next to it, a folder whose name
    ends in .training holds pictures of the training and the checkpoint for --resume."""
    together: bool = False
    """Train one model that makes the textures of all images, 2 to 32, instead of one model for each."""
    add: bool = False
    """Add the textures of the images to the model --from, which was trained with --together. It is trained on its own
    textures, too, so that it does not forget them; the folder .training next to it holds their targets."""
    resume: bool = False
    """Continue a training that was stopped, with the settings that it had."""
    start: Annotated[Path | None, FROM] = None
    """Start from the weights of another model, which saves most of the time if its texture is similar. auto takes the
    shipped model that is nearest to the image, none takes no model. The default is auto if --budget or its default sets
    the length, none if a number of iterations does."""
    watch: bool = False
    """Open a window that shows the model while it trains."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET|FILE [...]")] = ("auto",)
    """The networks that compare pictures: vgg16, vgg19 or googlenet (their weights are downloaded once), random (needs
    no weights), or files with the weights of such networks. auto: vgg19, or random if its weights cannot be
    downloaded."""
    sweep: Annotated[tuple[str, ...], SWEEP] = ()
    """Train a model for each combination of some settings, for example channels=8,12,16 learning_rate=0.001,0.002."""
    settings: Annotated[TrainingSettings, tyro.conf.arg(name="")] = field(default_factory=TrainingSettings)
    device: DeviceName = "auto"
    """What to train on."""
    threads: TrainingThreads = 0
    """CPU threads; 0 lets torch choose. With --ray, those of each training; 0 divides the cluster evenly."""
    compile: bool = True
    """Compile the step: the start is slower, all that follows faster. On CPUs this needs a C++ compiler."""
    format: Literal["pt", "safetensors"] = "pt"
    """File format of the models, if there are several images."""
    checkpoint_every: Annotated[float, Range(0.1, 86400)] = 90.0
    """Seconds between two checkpoints: what a crash can cost."""
    ray: Annotated[str | None, RAY, ADDRESS] = None
    """Train all models at the same time on a Ray cluster, whose address is HOST:PORT, or auto for that of this machine;
    without an address, on all cores of this machine. If a machine is lost, its trainings go on elsewhere."""
    gpus: Annotated[float | None, GPUS, Range(0, 64)] = None
    """GPUs of each training with --ray; 0.25 lets four trainings share one."""
    log_dir: Annotated[Path | None, LOGS] = None
    """Also write TensorBoard logs to this folder."""
    author: Annotated[str, TEXT] = ""
    """The model's author; stored in the file."""
    licence: Annotated[str, TEXT] = ""
    """The model's licence; stored in the file."""
    plugins: Plugins = ()

    @classmethod
    def defaults(cls, args: list[str]) -> "Train":
        """Return the command with the defaults that these flags leave it."""
        return cls(settings=TOGETHER) if {"--together", "--add"} & {*args} else cls()

    def run(self) -> None:
        """Train one model per image with a progress bar, and print what was written."""
        self.settings.check()
        self.settings.check_length()
        jobs, resume = self._jobs(), self.resume and not self._is_file
        if self.ray is None:
            run_all(jobs, resume, self.threads, self.plugins, self.watch)
            outcomes: Sequence[Outcome] = ()
        else:
            outcomes = run_on_ray(jobs, self.resume, self.ray, self.threads, self.gpus, self.plugins)
        if not self._is_file:
            write_report(self.output, jobs, outcomes)
        if any(outcome.problem for outcome in outcomes):
            raise NCAError("Some trainings failed; the same command with --resume tries them again.")

    @property
    def _is_file(self) -> bool:
        """Whether the output is one model's file, not a folder for several."""
        return bool(self.output.suffix) and not self.output.is_dir()

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        return (
            NoEffect(self.together or self.add, "ray sweep",
                 "does not work with --together or --add, which train one model; leave it out."),
            NoEffect(self.ray is not None, "watch log_dir", "does not work with --ray; leave it out."),
            only_with("--ray", self.ray is not None, "gpus"),
            only_with("several models, in a folder", not self._is_file, "format"),
            only_with("--together or --add", self.together or self.add, "embedding"),
            only_with("an image", bool(self.images), "scale crop even_light target_size"),
        )  # fmt: skip

    def _jobs(self) -> "list[TrainingJob]":
        """Return what to train. Raises NCAError if the images or the output don't fit the flags."""
        from ncaengine.training import sweeps, targets
        from ncaengine.training.job import NO_MODEL

        self._check_images()
        names = targets.collect_targets(self.images) if self.images else [""]
        if self.together or self.add:
            self._check_file()
            return [dataclasses.replace(self._job(), together=tuple(names), add=self.add)]
        variants, job = sweeps.combinations(self.sweep, self.settings), self._job()
        if self.start is None and len({(s.channels, s.hidden) for _, s in variants}) > 1:
            job = dataclasses.replace(job, start=NO_MODEL)  # or only the larger ones would start from a shipped model
        if len(names) == len(variants) == 1 and self.output.suffix in FILES:
            return [dataclasses.replace(job, target=names[0], settings=variants[0][1])]
        if names == [""] and not self.sweep:
            self._check_file()
        return self._in_folder(job, names, variants)

    def _check_images(self) -> None:
        if self.settings.loss == "excitation" and self.images:
            raise NCAError("--loss excitation takes no image; leave out the images.")
        if self.settings.loss != "excitation" and not self.images:
            raise NCAError("Name an image to train on.")

    def _check_file(self) -> None:
        if self.output.suffix not in FILES:
            raise NCAError(f"{self.output}: the name of the model must end in .pt or .safetensors.")

    def _job(self) -> "TrainingJob":
        """Return a job of no image yet."""
        from ncaengine.training.job import TrainingJob

        return TrainingJob(
            "", self.output, self.settings, nets=self.features, start=self.start, resume=self.resume,
            device=self.device, compiled=self.compile, log_dir=self.log_dir, attribution=self._credit(),
            checkpoint_every=self.checkpoint_every,
        )  # fmt: skip

    def _in_folder(
        self, job: "TrainingJob", names: Sequence[str], variants: "Sequence[tuple[str, TrainingSettings]]"
    ) -> "list[TrainingJob]":
        """Return a job for each image and variant of the settings, whose models lie in the folder `output`."""
        if self._is_file:
            raise NCAError(f"{self.output}: must end in .pt or .safetensors (one image), or be a folder (several).")
        jobs = [
            dataclasses.replace(
                job, target=name, settings=settings, resume=False,
                output=self.output / f"{'-'.join(filter(None, (Path(name).stem, label)))}.{self.format}",
            )
            for name in names
            for label, settings in variants
        ]  # fmt: skip
        taken: dict[Path, str] = {}
        for each in jobs:
            if each.output in taken:
                raise NCAError(
                    f"{taken[each.output]} and {each.target} would both be written to {each.output}; "
                    "rename one, or give it once."
                )
            taken[each.output] = each.target
        return jobs

    def _credit(self) -> tuple[tuple[str, str], ...]:
        return tuple((k, v) for k, v in (("author", self.author), ("licence", self.licence)) if v)
