"""`ncaengine train`."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import Plugins
from ncaengine.cli.training_runs import run_all
from ncaengine.core.errors import NCAError
from ncaengine.training.config import Device, TrainingSettings

if TYPE_CHECKING:
    from ncaengine.training.run import TrainingJob

FROM = tyro.conf.arg(name="from", metavar="MODEL", help_behavior_hint="(default: none)")
LOGS = tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: none)")


@dataclass(frozen=True)
class Train:
    """Train a model to grow the texture of an image."""

    images: Annotated[tuple[str, ...], tyro.conf.arg(metavar="IMAGE [IMAGE ...]"), tyro.conf.Positional] = ()
    """Image files or folders of them, or names of the patterns that ncaengine draws itself, as coral."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = Path("model.pt")
    """The model to write, .pt or .safetensors; for several images a folder. Pictures of the training and
    what --resume needs go beside it, into FILE's name with .training."""
    resume: bool = False
    """Go on with a run that was stopped, with its settings."""
    start: Annotated[Path | None, FROM] = None
    """Begin with the weights of another model: a few hundred iterations then do for a like texture."""
    watch: bool = False
    """Open a window on the model while it learns."""
    features: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NET|FILE [...]")] = ("auto",)
    """What pictures are compared by: vgg16, vgg19, googlenet (their weights are downloaded once), random
    (needs none), or weight files of such nets. auto: vgg19, or random where it cannot be had."""
    settings: Annotated[TrainingSettings, tyro.conf.arg(name="")] = field(default_factory=TrainingSettings)
    device: Device = "auto"
    """Where to train."""
    threads: int = 0
    """CPU threads; 0 lets torch choose."""
    compile: bool = True
    """Compile the step: faster after the first iterations; needs a C++ compiler on CPUs."""
    format: Literal["pt", "safetensors"] = "pt"
    """Of the models of several images."""
    log_dir: Annotated[Path | None, LOGS] = None
    """Write TensorBoard logs there, too."""
    author: str = ""
    """For the model's attribution."""
    licence: str = ""
    """For the model's attribution."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Train a model an image, with progress, and say what was written."""
        self.settings.check()
        jobs = self._jobs()
        run_all(jobs, self.resume and not self.output.suffix, self.threads, self.plugins, self.watch)

    def _jobs(self) -> "list[TrainingJob]":
        from ncaengine.training import targets
        from ncaengine.training.run import TrainingJob

        excited = self.settings.loss == "excitation"
        if excited == bool(self.images):
            raise NCAError("Excitation has no target image." if excited else "Name an image to train on.")
        names = targets.collect_targets(self.images) if self.images else [""]
        credit = tuple((k, v) for k, v in (("author", self.author), ("licence", self.licence)) if v)
        job = TrainingJob(
            names[0], self.output, self.settings, self.features, self.start, self.resume,
            self.device, self.compile, self.log_dir, credit,
        )  # fmt: skip
        if len(names) == 1 and self.output.suffix in (".pt", ".safetensors"):
            return [job]
        if excited:
            raise NCAError(f"{self.output}: name the model to write, ending in .pt or .safetensors.")
        if self.output.suffix:
            raise NCAError(f"{self.output}: must end in .pt or .safetensors for one image, or be a folder for several.")
        outputs = [self.output / f"{Path(name).stem}.{self.format}" for name in names]
        twice = sorted({str(path) for path in outputs if outputs.count(path) > 1})
        if twice:
            raise NCAError(f"Several images would become {', '.join(twice)}; rename some.")
        each = zip(names, outputs, strict=True)
        return [dataclasses.replace(job, target=name, output=path, resume=False) for name, path in each]
