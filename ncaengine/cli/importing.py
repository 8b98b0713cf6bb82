"""`ncaengine import`."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.flags import plural, progress_bar, say
from ncaengine.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.importers import Hints
    from ncaengine.model import Model

FAMILY = tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: as recognised)")
KNOWN = tyro.conf.arg(help_behavior_hint="(default: the family's)")
NUMBER = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: from the file)")
TEXT = tyro.conf.arg(metavar="TEXT", help_behavior_hint="(default: the family's)")


@dataclass(frozen=True)
class Import:
    """Turn published weights into model files, one a model. `ncaengine info FILE` tells what a file is taken for."""

    source: tyro.conf.Positional[Path]
    """A file of any published family, or a folder of such files, looked through with all folders in it."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")] = Path("models")
    """The folder to write to; it is made if need be."""
    name: Annotated[str, tyro.conf.arg(metavar="GLOB")] = "*"
    """Only models whose name fits, as 'dots*'."""
    format: Literal["pt", "safetensors"] = "pt"
    """.pt for torch users; .safetensors opens faster."""
    family: Annotated[str, FAMILY] = ""
    """What to take the file for: selforg-textures, dynca, noise-nca, growing, growing-torch, reaction-diffusion,
    mu-nca, monash or notebook."""
    order: Annotated[Literal["channel", "filter"] | None, KNOWN] = None
    """Order of the perception in bare weights: all filters of channel 0, then of channel 1 and so on; or all channels
    of the first filter, then of the second and so on. The wrong one gives noise."""
    filters: Annotated[Literal["undivided", "eighths", "unit"] | None, KNOWN] = None
    """What bare weights were trained with: Sobel and the 3x3 Laplacian as they are; both over 8; or over 8 and 4."""
    offset: Annotated[float | None, KNOWN] = None
    """RGB is state + offset."""
    channels: Annotated[int, NUMBER] = 0
    """Channels of a file that is a mere row of float32 numbers."""
    hidden: Annotated[int, NUMBER] = 0
    """Its hidden units."""
    detect: bool = False
    """Run what bare weights may be, 300 steps each, and import the reading that settles to a texture. What the flags
    above say is not tried."""
    author: Annotated[str, TEXT] = ""
    """For the models' attribution."""
    licence: Annotated[str, TEXT] = ""
    """For the models' attribution."""

    def run(self) -> None:
        """Write the models and say how many."""
        from ncaengine import files

        names: list[str] = []
        for model in self._models(self._hints()):
            if not names:
                self._make_folder()
            name, n = model.config.name, 1
            while name in names:  # of models of two files
                n += 1
                name = f"{model.config.name}-{n}"
            names.append(name)
            files.save(self._credited(model), self.output / f"{name}.{self.format}")
        if not names:
            raise NCAError(f"{self.source}: no model's name fits {self.name!r}.")
        print(f"{self.output}: {plural(len(names), 'model')}, as {names[0]}.{self.format}")

    def _hints(self) -> "Hints":
        from ncaengine.importers import Hints

        return Hints(self.family, self.order or "", self.filters or "", self.channels, self.hidden, self.offset)

    def _models(self, hints: "Hints") -> "Iterator[Model]":
        """Those that are wanted, of the file or of all files in the folder that hold any."""
        from ncaengine import files, reading

        if self.detect:
            yield self._detected(hints)
            return
        if not self.source.is_dir():
            yield from files.contents(self.source, hints).make(self._wanted)
            return
        paths = [path for path in sorted(self.source.rglob("*")) if path.suffix.lower() in reading.ENDINGS]
        if not paths:
            raise NCAError(f"{self.source}: holds no file that could be a model ({', '.join(reading.ENDINGS)}).")
        problems = []
        for path in paths:
            try:
                yield from files.contents(path, hints).make(self._wanted)
            except NCAError as error:
                problems.append(str(error))
        for problem in problems:
            say(f"left out {problem}")
        if len(problems) == len(paths):
            raise NCAError(f"{self.source}: no file in it could be imported.")

    def _wanted(self, name: str) -> bool:
        return fnmatch(name, self.name)

    def _make_folder(self) -> None:
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NCAError(f"{self.output}: cannot be made a folder ({error.strerror}).") from None

    def _credited(self, model: "Model") -> "Model":
        import dataclasses

        import msgspec

        said = {"authors": self.author, "licence": self.licence, "file": self.source.name}
        attribution = {**model.config.attribution, **{key: value for key, value in said.items() if value}}
        return dataclasses.replace(model, config=msgspec.structs.replace(model.config, attribution=attribution))

    # Detecting

    def _detected(self, hints: "Hints") -> "Model":
        """What the runs told that the file is."""
        from ncaengine import files

        if self.source.is_dir():
            raise NCAError("--detect looks at one file; name one.")
        readings = files.candidates(self.source, hints)
        if readings:
            return self._settled(readings)
        say(f"{self.source}: there is nothing to detect; its form, or the flags, tell all.")
        return files.load(self.source, hints)

    def _settled(self, readings: "list[tuple[str, Model]]") -> "Model":
        """The reading that settles, after a table of all."""
        from rich.console import Console
        from rich.table import Table

        from ncaengine import detecting, simulation

        backend, notice = simulation.open_backend("auto")
        if notice:
            say(notice)
        with simulation.Simulation(backend, history=0) as sim, progress_bar("steps") as bar:
            task = bar.add_task("detecting", total=len(readings) * detecting.STEPS)
            trials = list(detecting.trials(sim, readings, lambda made: bar.advance(task, made)))
        chosen = detecting.best(trials)
        table = Table(title=f"{detecting.STEPS} steps of {self.source.name}", title_justify="left", title_style="bold")
        for flag in readings[0][0].split()[::2]:
            table.add_column(flag, no_wrap=True)
        for column in ("largest", "contrast", "clipped", "rough", "unrest"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        for trial in trials:
            verdict = "[bold green]chosen[/]" if trial is chosen else trial.failed or "settles"
            numbers = (trial.largest, trial.contrast, trial.clipped, trial.roughness, trial.unrest)
            table.add_row(*trial.label.split()[1::2], *(f"{number:.2g}" for number in numbers), verdict)
        console = Console()
        console.print(table)
        console.print(detecting.CRITERIA, style="dim")
        if chosen is None:
            raise NCAError(f"{self.source}: no reading settles to a texture; choose one by the flags of the table.")
        return chosen.model
