"""`ncaengine info` and `ncaengine kernels`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from ncaengine.cli.options import Plugins, say

if TYPE_CHECKING:
    from rich.table import Table

    from ncaengine.core.kernels import Kernel
    from ncaengine.core.model import Model
    from ncaengine.core.types import U8
    from ncaengine.formats.opened import Opened


@dataclass(frozen=True)
class Info:
    """Tell what a model file holds: its family, what it computes, its weights, who made it, and how it looks."""

    model: tyro.conf.Positional[Path]
    """A file of ncaengine or of any published family; FILE:NAME is one model of several in a file. Of a folder, a line
    for each file in it."""
    json: bool = False
    """One JSON object instead of a table."""
    picture: bool = True
    """Grow a small picture, where the terminal can show colours."""

    def run(self) -> None:
        """Print a table and a picture, a list of the models in the file or the files in the folder, or JSON."""
        from ncaengine.formats import model_files

        path, name = model_files.split_path(model_files.find_file(self.model))
        if path.is_dir():
            self._list_folder(path)
            return
        opened = model_files.open_file(path)
        if not name and len(opened.models) > 1:
            self._list(opened)
        else:
            self._show(opened.model(name), opened.reason)

    def _show(self, model: "Model", reason: str) -> None:
        from rich.console import Console

        from ncaengine.cli import model_summary
        from ncaengine.core.model import to_plain

        if self.json:
            told = {"file": str(self.model), "parameters": model.parameters, "statistics": model_summary.numbers(model)}
            _print_json({**told, **to_plain(model.config)})
            return
        console = Console()
        console.print(_table(model.config.name, model_summary.rows(model, reason)))
        if model.config.non_commercial:
            console.print("Its licence does not allow commercial use.", style="yellow")
        if self.picture and console.is_terminal and console.color_system in ("truecolor", "256"):
            _print_picture(_grown(model))

    def _list(self, opened: "Opened") -> None:
        from rich.columns import Columns
        from rich.console import Console
        from rich.markup import escape

        from ncaengine.cli import model_summary

        names, models = list(opened.models), list(opened.models.values())
        if self.json:
            known = {"file": str(opened.path), "family": opened.family, "recognised": opened.reason, "models": names}
            _print_json({**known, "of_each": model_summary.of_each(models)})
            return
        console = Console(highlight=False)
        head = f"{escape(opened.path.name)}[/]: {len(names)} models of the family {opened.family}"
        console.print(f"[bold]{head}; {escape(opened.reason)}.")
        console.print(_table("", model_summary.shared(models)))
        console.print(Columns([escape(name) for name in names], padding=(0, 2)))
        some = sum(model.config.non_commercial for model in models)
        if some:
            console.print(f"The licence of {some} does not allow commercial use.", style="yellow")
        console.print(f"More of one: ncaengine info {escape(f'{opened.path}:{names[0]}')}", style="dim", soft_wrap=True)

    def _list_folder(self, folder: Path) -> None:
        from ncaengine.cli import model_summary

        found = list(model_summary.of_folder(folder))
        if self.json:
            _print_json({"folder": str(folder), "files": found})
            return
        wide, kind = (max(len(str(file.get(key, ""))) for file in found) for key in ("file", "family"))
        for file in found:
            told = file.get("problem") or f"{file['family']:{kind}}  {file['models']:4}  {file['licence']}"
            print(f"{file['file']:{wide}}  {told}")


def _table(title: str, rows: "Sequence[tuple[str, str]]") -> "Table":
    """Names and texts, which are taken as they are."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), show_header=False, title_justify="left", title_style="bold")
    for key, value in rows:
        table.add_row(escape(key), escape(value))
    return table


def _print_json(what: dict[str, Any]) -> None:
    import json

    print(json.dumps(what, indent=2))


def _grown(model: "Model") -> "U8":
    """A picture of the model, as the gallery's: (128, 128, 3) uint8."""
    from ncaengine.backends import open_backend
    from ncaengine.core import kernels
    from ncaengine.simulation import simulation

    backend, notice = open_backend("auto")
    if notice:
        say(notice)
    catalogue = kernels.discover()
    known = [name for name in model.config.kernels if name in catalogue.kernels]
    with simulation.Simulation(backend, catalogue, history=0) as sim:
        grid = sim.add(model, PICTURE, known[0] if known else "square")
        for _ in range(STEPS // 20):
            sim.step(20)
            backend.finish()
        return grid.image()


PICTURE, STEPS = 64, 300
"""Cells a side, and steps, of the picture."""


def _print_picture(picture: "U8") -> None:
    """Two rows of pixels in a line of the terminal, as the halves of its letters."""
    from rich.console import Console
    from rich.segment import Segment, Segments
    from rich.style import Style

    rows = []
    for upper, lower in zip(picture[::2], picture[1::2], strict=True):
        for top, bottom in zip(upper.tolist(), lower.tolist(), strict=True):
            rows.append(Segment("▀", Style.parse("rgb({},{},{}) on rgb({},{},{})".format(*top, *bottom))))
        rows.append(Segment.line())
    Console(file=sys.stdout).print(Segments(rows))


@dataclass(frozen=True)
class Kernels:
    """List the neighbourhood kernels, with the moment check of each."""

    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Print the kernels, then the broken plugins with their reasons."""
        from rich.console import Console
        from rich.markup import escape
        from rich.padding import Padding

        from ncaengine.core import kernels

        catalogue = kernels.discover(self.plugins)
        console = Console(highlight=False)
        for kernel in catalogue.kernels.values():
            head, *rest = _kernel_lines(kernel)
            console.print(head)
            for line in rest:
                console.print(Padding(escape(line), (0, 0, 0, 4)))
        for path, reason in catalogue.broken.items():
            console.print(f"[bold red]broken[/] {escape(f'{path}: {reason}')}", soft_wrap=True)


def _kernel_lines(kernel: "Kernel") -> list[str]:
    """A kernel in words; only the first line has markup."""
    seen = {tap[:2] for stencil in kernel.stencils.values() for tap in stencil.taps()} - {(0, 0)}
    gains = ", ".join(f"{gain:.3g}" for gain in kernel.gains())
    unmatched = kernel.unmatched()
    verdict = "[yellow]not matched[/]" if unmatched else "[green]matched[/]"
    first = f"[bold]{kernel.name:18}[/] {len(seen):2} neighbours, radius {kernel.radius}  gains {gains}  {verdict}"
    return [first, *filter(None, [kernel.description]), *unmatched]
