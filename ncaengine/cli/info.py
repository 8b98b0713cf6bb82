"""`ncaengine info`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.engine import open_simulation
from ncaengine.cli.shared.output import as_markup, print_json, print_line
from ncaengine.core.texts import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ncaengine.core.model import Model
    from ncaengine.core.types import U8
    from ncaengine.formats.opened import Opened

PICTURE, STEPS = 64, 300
"""The picture in the terminal: cells per side, and steps."""


@dataclass(frozen=True)
class Info:
    """Show what a model file holds: its family, what it computes, its weights, its authors, and how it looks."""

    model: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """A model file, ncaengine's or published; FILE:NAME picks one of several models in a file. For a folder, one line
    is printed for each model file in it, and one that names the other files."""
    json: bool = False
    """Print one JSON object instead of a table."""
    picture: bool = True
    """Grow the texture and show a small picture, if the terminal can show colours."""

    def run(self) -> None:
        """Print a table and a picture, a list of the models in the file or the files in the folder, or JSON."""
        from ncaengine.formats import model_files

        path, name = model_files.split_path(model_files.find_file(self.model))
        if path.is_dir():
            self._list_folder(path)
            return
        opened = model_files.open_file(path)
        if not name and len(opened.models) > 1:
            self._list_file(opened)
        else:
            self._show_model(opened.model(name), opened.reason)

    def _show_model(self, model: "Model", reason: str) -> None:
        from rich.console import Console

        from ncaengine.cli.shared import model_summary
        from ncaengine.core.model_dicts import config_to_dict

        if self.json:
            print_json({
                "file": str(self.model),
                "parameters": model.parameters,
                "statistics": model_summary.statistics(model),
                **config_to_dict(model.config),
            })  # fmt: skip
            return
        console = Console()
        console.print(_table(model.config.name, model_summary.rows(model, reason)))
        if model.config.non_commercial:
            console.print("Its licence does not allow commercial use.", style="yellow")
        if self.picture and console.is_terminal and console.color_system in ("truecolor", "256"):
            print_picture(_grow_picture(model))

    def _list_file(self, opened: "Opened") -> None:
        from rich.columns import Columns
        from rich.console import Console

        from ncaengine.cli.shared import model_summary

        path, names, models = opened.path, list(opened.models), list(opened.models.values())
        if self.json:
            print_json({
                "file": str(path),
                "family": opened.family,
                "recognised": opened.reason,
                "models": names,
                "of_each": model_summary.of_each(models),
            })  # fmt: skip
            return
        console = Console(highlight=False)
        family = f"{len(names)} models of the family {opened.family}; {as_markup(opened.reason)}."
        console.print(f"[bold]{as_markup(path.name)}[/]: {family}")
        console.print(_table("", model_summary.shared(models)))
        console.print(Columns([as_markup(name) for name in names], padding=(0, 2)))
        if count := sum(model.config.non_commercial for model in models):
            console.print(f"The licence of {count} does not allow commercial use.", style="yellow")
        console.print(f"Details of one: ncaengine info {as_markup(f'{path}:{names[0]}')}", style="dim", soft_wrap=True)

    def _list_folder(self, folder: Path) -> None:
        from ncaengine.cli.shared import model_summary

        found = list(model_summary.of_folder(folder))
        if self.json:
            print_json({"folder": str(folder), "files": found})
            return
        shown = [file for file in found if file["recognised"]]
        names, families = (max((len(file.get(key, "")) for file in shown), default=0) for key in ("file", "family"))
        for file in shown:
            summary = file.get("problem") or f"{file['family']:{families}}  {file['models']:4}  {file['licence']}"
            print_line(f"{file['file']:{names}}  {summary}")
        if others := [file["file"] for file in found if not file["recognised"]]:
            print_line(f"No model in {plural(len(others), 'other file')}: {', '.join(others)}")


def _table(title: str, rows: "Sequence[tuple[str, str]]") -> "Table":
    """Return a table of names and values; their text is shown as it is, without markup."""
    from rich.table import Table

    table = Table(title=as_markup(title), show_header=False, title_justify="left", title_style="bold")
    for key, value in rows:
        table.add_row(as_markup(key), as_markup(value))
    return table


def _grow_picture(model: "Model") -> "U8":
    """Return a picture of the model after STEPS steps: (64, 64, 3) uint8."""
    from ncaengine.core import kernels
    from ncaengine.simulation.rollout import rollout

    catalogue = kernels.discover()
    kernel = catalogue.first(model.config.kernels)
    with open_simulation(catalogue) as sim:
        [picture] = [grid.image() for grid in rollout(sim, model, [STEPS], PICTURE, kernel.name)]
        return picture


def print_picture(picture: "U8") -> None:
    """Print a picture (height, width, 3), two rows of pixels per line: the upper and lower halves of characters."""
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    segments = []
    for upper, lower in zip(picture[::2], picture[1::2], strict=True):
        for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True):
            segments.append(Segment("▀", Style.parse("rgb({},{},{}) on rgb({},{},{})".format(*top, *bottom))))
        segments.append(Segment.line())
    Console(file=sys.stdout).print(Segments(segments))
