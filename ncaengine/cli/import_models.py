"""`ncaengine import`."""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.detection_table import settled
from ncaengine.cli.options import plural, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.core.model import Model

FAMILY = tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: as recognised)")
FAMILYS = "(default: the family's)"
ORDER = tyro.conf.arg(metavar="{channel,filter}", help_behavior_hint=FAMILYS)
FILTERS = tyro.conf.arg(metavar="{undivided,eighths,unit}", help_behavior_hint=FAMILYS)
OFFSET = tyro.conf.arg(metavar="FLOAT", help_behavior_hint=FAMILYS)
NUMBER = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: from the file)")
TEXT = tyro.conf.arg(metavar="TEXT", help_behavior_hint=FAMILYS)


@dataclass(frozen=True)
class Import:
    """Turn published weights into model files, one a model; files of the same names are overwritten.

    Example: ncaengine import hexells.json --name 'dots*' -o models. `ncaengine info FILE` tells what a file is.
    """

    source: tyro.conf.Positional[Path]
    """A file of any published family, FILE:NAME for one model of several in it, or a folder of such files, looked
    through with all folders in it."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR")] = Path("models")
    """The folder to write to; it is made if need be."""
    name: Annotated[str, tyro.conf.arg(metavar="GLOB")] = "*"
    """Only models whose name in the file fits, as 'dots*'."""
    format: Literal["pt", "safetensors"] = "pt"
    """.pt for torch users; .safetensors opens faster."""
    family: Annotated[str, FAMILY] = ""
    """What to take the file for: selforg-textures, dynca, noise-nca, growing, growing-torch, reaction-diffusion,
    mu-nca, monash or notebook."""
    order: Annotated[Literal["channel", "filter"] | None, ORDER] = None
    """Order of the perception in bare weights: all filters of channel 0, then of channel 1 and so on; or all channels
    of the first filter, then of the second and so on. The wrong one gives noise."""
    filters: Annotated[Literal["undivided", "eighths", "unit"] | None, FILTERS] = None
    """What bare weights were trained with: Sobel and the 3x3 Laplacian as they are; both over 8; or over 8 and 4."""
    offset: Annotated[float | None, OFFSET] = None
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
        """Write the models; say of each file what it gave, and of all how many there are and of what kind.

        Raises NCAError at the end if files of a folder were left out.
        """
        from ncaengine.formats import model_files

        source, name = model_files.split_path(self.source)
        written, broken, paths = _Written(self.output, self.format), 0, self._paths(source)
        for path in paths:
            try:
                models = list(self._models(path, name))
            except NCAError as error:
                if not source.is_dir():
                    raise
                say(f"left out {error}")
                broken += 1
                continue
            for model in models:
                written.add(self._credited(model, path))
            if models:
                print(f"{path}: {plural(len(models), 'model')} of the family {models[0].config.family}")
        if broken == len(paths):
            raise NCAError(f"{self.source}: no file in it could be imported.")
        if not written.names:
            raise NCAError(f"{self.source}: no model's name fits {self.name!r}.")
        written.tell()
        if broken:
            raise NCAError(f"{self.source}: {plural(broken, 'file')} of {len(paths)} left out, as said above.")

    def _paths(self, source: Path) -> list[Path]:
        """The file itself, or of a folder all files whose ending may be a model's."""
        from ncaengine.formats import model_files

        if not source.is_dir():
            return [source]
        if self.detect:
            raise NCAError("--detect looks at one file; name one.")
        paths = model_files.find_files(source)
        others = sum(path.is_file() for path in source.rglob("*")) - len(paths)
        if others:
            say(f"{source}: {plural(others, 'file')} of other endings passed over")
        return paths

    def _models(self, path: Path, name: str) -> "Iterator[Model]":
        """Those of a file that are wanted; `name` is that of one of them, or ''. Raises NCAError."""
        from ncaengine.formats import model_files
        from ncaengine.formats.importers.base import Hints

        hints = Hints(self.family, self.order or "", self.filters or "", self.channels, self.hidden, self.offset)
        opened = model_files.open_file(path, hints)
        if opened.doubt:
            say(f"{path}: {opened.doubt}")
        one = opened.find_name(name) if name else ""
        wanted = [each for each in opened.models if fnmatch(each, self.name) and one in ("", each)]
        readings = opened.candidates() if self.detect and wanted else []
        if readings:
            yield settled(path, readings)
            return
        if self.detect:
            say(f"{path}: there is nothing to detect; its form, or the flags, tell all.")
        yield from map(opened.model, wanted)

    def _credited(self, model: "Model", path: Path) -> "Model":
        import dataclasses

        import msgspec

        said = {"authors": self.author, "licence": self.licence, "file": path.name}
        attribution = {**model.config.attribution, **{key: value for key, value in said.items() if value}}
        return dataclasses.replace(model, config=msgspec.structs.replace(model.config, attribution=attribution))


class _Written:
    """The model files of one import: each name but once, which the model has too."""

    def __init__(self, folder: Path, ending: str) -> None:
        self.folder, self.ending = folder, ending
        self.names: dict[str, None] = {}
        self.numbered = self.non_commercial = 0

    def add(self, model: "Model") -> None:
        """Save a model. Raises NCAError."""
        import dataclasses

        import msgspec

        from ncaengine.formats import model_files

        if not self.names:
            _make_folder(self.folder)
        name, number = model.config.name, 1
        while name in self.names:  # of models of two files
            number += 1
            name = f"{model.config.name}-{number}"
        self.names[name] = None
        self.numbered += number > 1
        self.non_commercial += model.config.non_commercial
        model = dataclasses.replace(model, config=msgspec.structs.replace(model.config, name=name))
        model_files.save(model, self.folder / f"{name}.{self.ending}")

    def tell(self) -> None:
        """How many there are, and what is to be known of some."""
        first = next(iter(self.names))
        print(f"{plural(len(self.names), 'model')} in {self.folder}, the first as {first}.{self.ending}")
        if self.numbered:
            say(f"{plural(self.numbered, 'model')} had the name of one before and got a number, as -2")
        if self.non_commercial:
            say(f"{plural(self.non_commercial, 'model')} may not be used commercially; `ncaengine info` tells which")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NCAError(f"{folder}: cannot be made a folder ({error.strerror}).") from None
