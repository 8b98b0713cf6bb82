"""`ncaengine import`."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ncaengine.cli.shared.detection_table import choose_reading
from ncaengine.cli.shared.options import Range
from ncaengine.cli.shared.output import print_line, print_notice
from ncaengine.cli.shared.overwriting import check_kept
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import flag_of, plural

if TYPE_CHECKING:
    from ncaengine.core.model import Model

FAMILY = tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: recognised from the file)")
FROM_FAMILY = "(default: the family's)"
ORDER = tyro.conf.arg(metavar="{channel,filter}", help_behavior_hint=FROM_FAMILY)
FILTERS = tyro.conf.arg(metavar="{undivided,eighths,unit}", help_behavior_hint=FROM_FAMILY)
PADDING = tyro.conf.arg(metavar="{circular,replicate,zero}", help_behavior_hint=FROM_FAMILY)
SEED_FORM = tyro.conf.arg(metavar="{zeros,noise,point,opaque}", help_behavior_hint=FROM_FAMILY)
GRADIENT_SIGN = tyro.conf.arg(metavar="{down,up}", help_behavior_hint=FROM_FAMILY)
ALIVE = tyro.conf.arg(metavar="{none,before,after,both}", help_behavior_hint=FROM_FAMILY)
INTEGRATOR = tyro.conf.arg(metavar="{euler,heun,rk4,implicit}", help_behavior_hint=FROM_FAMILY)
OFFSET = tyro.conf.arg(metavar="FLOAT", help_behavior_hint=FROM_FAMILY)
FROM_FILE = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: from the file)")
TEXT = tyro.conf.arg(metavar="TEXT", help_behavior_hint=FROM_FAMILY)


@dataclass(frozen=True)
class Import:
    """Convert published files to ncaengine's model files, one per model. Older files of the same name are replaced.

    Example: ncaengine import hexells.json --name 'dots*' -o models. `ncaengine info FILE` shows what a file holds.
    """

    source: tyro.conf.Positional[Path]
    """A file of a published family, FILE:NAME for one of several models in it, or a folder of such files; its
    subfolders are searched too."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="DIR|FILE")] = Path("models")
    """The folder to write to, which is created if it does not exist; or, for one model, a file, such as mine.pt."""
    name: Annotated[str, tyro.conf.arg(metavar="GLOB")] = "*"
    """Import only the models of a file whose names match, for example 'dots*'."""
    format: Literal["pt", "safetensors"] = "pt"
    """pt: for torch users. safetensors: opens faster."""
    family: Annotated[str, FAMILY] = ""
    """The family of the file: selforg-textures, dynca, noise-nca, growing, growing-tf, growing-torch,
    reaction-diffusion, mu-nca, onnx, monash or notebook."""
    order: Annotated[Literal["channel", "filter"] | None, ORDER] = None
    """For a file that holds only weights: the order of the network's inputs. channel: all filters of channel 0, then of
    channel 1, and so on; filter: all channels of the first filter, then of the second, and so on. The wrong order gives
    noise."""
    filters: Annotated[Literal["undivided", "eighths", "unit"] | None, FILTERS] = None
    """For a file that holds only weights: the filters that they were trained with. undivided: Sobel and the 3x3
    Laplacian; eighths: both divided by 8; unit: Sobel divided by 8, the Laplacian by 4."""
    offset: Annotated[float | None, OFFSET, Range(-1000, 1000)] = None
    """Number to add to a cell's first three channels to get its colour (RGB from 0 to 1)."""
    padding: Annotated[Literal["circular", "replicate", "zero"] | None, PADDING] = None
    """What cells at the edge of the grid see beyond it: the opposite edge, the edge itself, or zeros."""
    seed_form: Annotated[Literal["zeros", "noise", "point", "opaque"] | None, SEED_FORM] = None
    """The initial state. point: one cell whose channels from the fourth on are 1; opaque: only its fourth is."""
    gradient_sign: Annotated[Literal["down", "up"] | None, GRADIENT_SIGN] = None
    """Where the second gradient points. With the wrong sign, the picture is upside down."""
    alive: Annotated[Literal["none", "before", "after", "both"] | None, ALIVE] = None
    """When cells whose fourth channel (opacity) is at most 0.1 all around die: if it is so before the update, after it,
    or at either time (both: they must be alive at both times). none: no cell dies."""
    fire_rate: Annotated[float | None, OFFSET] = None
    """Share of the cells that update in a step, more than 0 and at most 1."""
    integrator: Annotated[Literal["euler", "heun", "rk4", "implicit"] | None, INTEGRATOR] = None
    """How a step follows the update. heun and rk4 (Runge and Kutta) take 2 and 4 updates a step, implicit (Euler, by
    fixed-point iterations) 11. Weights that were trained with one of them may run away with euler."""
    state_clip: Annotated[float | None, OFFSET] = None
    """The largest value of a state, in both directions; 0 for no limit."""
    channels: Annotated[int | None, FROM_FILE, Range(1, 256)] = None
    """Number of channels, if the file is only a row of float32 numbers."""
    hidden: Annotated[int | None, FROM_FILE, Range(1, 1024)] = None
    """Number of hidden units, if the file is only a row of float32 numbers."""
    detect: bool = False
    """For a file that holds only weights: run each possible --order, --filters and --offset for 300 steps, and import
    what settles to a texture or a picture. If nothing does, or you give all three, try each --padding, --seed-form,
    --alive, --fire-rate, --integrator and --state-clip too. What you give, and what lies in the file, is not varied.
    Nor is --gradient-sign, except for nets with a cell's place as an input: other pictures are the same upside down."""
    author: Annotated[str, TEXT] = ""
    """The models' author; stored in the files."""
    licence: Annotated[str, TEXT] = ""
    """The models' licence; stored in the files."""

    def run(self) -> None:
        """Write the models; print what each file held and a summary.

        Raises NCAError at the end if files of a folder were skipped.
        """
        from ncaengine.formats import model_files

        source, name = model_files.split_path(self.source)
        skipped, paths = 0, self._paths(source)
        output = _Output(self.output, self.format, paths, source.is_dir())
        for path in paths:
            try:
                models = list(self._models(path, name))
            except NCAError as error:
                if not source.is_dir():
                    raise
                print_notice(f"skipped {error}")
                skipped += 1
                continue
            output.add([self._with_attribution(model, path) for model in models])
            if models:
                print_line(f"{path}: {plural(len(models), 'model')} of the family {models[0].config.family}")
        if skipped == len(paths):
            raise NCAError(f"{self.source}: no file in it could be imported.")
        if not output.names:
            raise NCAError(f"{self.source}: no model's name matches {self.name!r}.")
        output.print_summary()
        if skipped:
            raise NCAError(f"{self.source}: skipped {skipped} of {plural(len(paths), 'file')}, for the reasons above.")

    def _paths(self, source: Path) -> list[Path]:
        """Return the file itself, or all possible model files of a folder."""
        from ncaengine.formats import model_files

        if not source.is_dir():
            return [source]
        if self.detect:
            raise NCAError("--detect works on one file; name a file, not a folder.")
        paths = model_files.find_files(source)
        others = sum(path.is_file() for path in source.rglob("*")) - len(paths)
        if others:
            print_notice(f"{source}: ignored {plural(others, 'file')} without models")
        return paths

    def _models(self, path: Path, name: str) -> "Iterator[Model]":
        """Yield the wanted models of a file; `name` is that of one of them, or ''. Raises NCAError."""
        from ncaengine.formats import model_files
        from ncaengine.formats.importers.base import Hints
        from ncaengine.simulation import settling

        hints = Hints(
            self.family, self.order or "", self.filters or "", self.channels or 0, self.hidden or 0, self.offset,
            self.padding or "", self.seed_form or "", self.gradient_sign or "", self.alive or "", self.fire_rate,
            self.integrator or "", self.state_clip,
        )  # fmt: skip
        opened = model_files.open_file(path, hints)
        if opened.doubt:
            print_notice(f"{path}: {opened.doubt}")
        if opened.without_effect:
            flags = ", ".join(map(flag_of, opened.without_effect))
            have, them = ("has", "it") if len(opened.without_effect) == 1 else ("have", "them")
            print_notice(f"{path}: {flags} {have} no effect: the file already states {them}.")
        one = opened.find_name(name) if name else ""
        wanted = [each for each in opened.models if fnmatch(each, self.name) and one in ("", each)]
        readings = opened.candidates(name=one) if self.detect and wanted else []
        if readings and len(opened.models) > 1 and not (one or opened.default):
            raise NCAError(f"{path}: holds {len(opened.models)} nets; --detect works on one, as FILE:NAME.")
        if readings:
            model = choose_reading(path, readings, lambda flags: opened.candidates(flags, one))
            if not self.gradient_sign and (sign := settling.other_way_up(model)):
                print_notice(
                    f"{path}: which way up the picture is cannot be told by trial, because its mirror image settles "
                    f"alike; if it is upside down, give --gradient-sign {sign}"
                )
            yield model
            return
        if self.detect:
            print_notice(f"{path}: nothing to detect; nothing is ambiguous.")
        for model in map(opened.model, wanted):
            for note in model.config.notes:
                print_notice(f"{path}: {note}")
            yield model

    def _with_attribution(self, model: "Model", path: Path) -> "Model":
        from ncaengine.core.files import as_text

        given = {"authors": as_text(self.author), "licence": as_text(self.licence), "file": as_text(path.name)}
        return _replaced(
            model, attribution={**model.config.attribution, **{key: value for key, value in given.items() if value}}
        )


def _replaced(model: "Model", **changes: Any) -> "Model":
    """Return the model with changes to its config."""
    import msgspec

    return dataclasses.replace(model, config=msgspec.structs.replace(model.config, **changes))


class _Output:
    """The folder or the file that one import writes; no two models get the same name."""

    def __init__(self, output: Path, ending: str, read: Sequence[Path], several: bool) -> None:
        """Say where to write. Raises NCAError.

        output: a file if it ends as one, otherwise a folder.
        read: the files that are read, which are kept.
        several: whether there may be more than one.
        """
        self.folder, self.ending, self._read, self._file = output, ending, read, ""
        if output.suffix.lower() in (".pt", ".safetensors") and not output.is_dir():
            if several:
                raise NCAError(f"{output}: is a file's name, but a folder is imported; name a folder to write to.")
            if ending not in ("pt", output.suffix[1:].lower()):
                raise NCAError(f"{output}: does not end in .{ending}, which --format asks for; leave one of them out.")
            self.folder, self.ending, self._file = output.parent, output.suffix[1:], output.stem
        self.names: list[str] = []
        self.renamed = self.non_commercial = 0

    def add(self, models: "Sequence[Model]") -> None:
        """Save models under names that are not taken yet. Raises NCAError."""
        from ncaengine.core.files import as_text, make_folder
        from ncaengine.core.names import as_file_name, unique_name
        from ncaengine.formats import model_files

        if self._file and len(models) > 1:
            raise NCAError(
                f"{self._read[0]}: holds {len(models)} models; name one as FILE:NAME, or a folder to write to."
            )
        for model in models:
            if not self.names:
                make_folder(self.folder)
            own = as_file_name(model.config.name)
            name = self._file or unique_name(own, self._is_taken)
            path = self.folder / f"{name}.{self.ending}"
            check_kept(path, self._read)
            self.names.append(name)
            self.renamed += name not in (own, self._file)
            self.non_commercial += model.config.non_commercial
            model_files.save(_replaced(model, name=as_text(name)), path)

    def _is_taken(self, name: str) -> bool:
        """Return whether a model has the name: those of a folder may, and Zebra is zebra on macOS and Windows."""
        return name.casefold() in {each.casefold() for each in self.names}

    def print_summary(self) -> None:
        """Print how many models were written, which were renamed, and which forbid commercial use."""
        first = f"{self.names[0]}.{self.ending}"
        print_line(
            str(self.folder / first)
            if self._file
            else f"{plural(len(self.names), 'model')} in {self.folder}, the first as {first}"
        )
        if self.renamed:
            verb = "was" if self.renamed == 1 else "were"
            print_notice(f"{plural(self.renamed, 'model')} {verb} renamed (-2) to avoid duplicates")
        if self.non_commercial:
            models = plural(self.non_commercial, "model")
            print_notice(f"{models} may not be used commercially; `ncaengine info {self.folder}` shows which")
