"""`ncaengine info` and `ncaengine kernels`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from ncaengine.cli.flags import Plugins, say

if TYPE_CHECKING:
    from ncaengine.files import Contents
    from ncaengine.kernels import Kernel
    from ncaengine.model import Config, Model
    from ncaengine.view import U8


@dataclass(frozen=True)
class Info:
    """Tell what a model file holds: its family, what it computes, its weights, who made it, and how it looks."""

    model: tyro.conf.Positional[Path]
    """A file of ncaengine or of any published family; FILE:NAME is one model of several in a file."""
    json: bool = False
    """One JSON object instead of a table."""
    picture: bool = True
    """Grow a small picture, where the terminal can show colours."""

    def run(self) -> None:
        """Print a table and a picture, a list of the models in the file, or JSON."""
        from ncaengine import files

        path, name = files.parted(files.resolved(self.model))
        inside = files.contents(path)
        if not name and len(inside.names) > 1:
            self._list(path, inside)
        else:
            self._tell(path, inside, files.load(self.model))

    def _tell(self, path: Path, inside: "Contents", model: "Model") -> None:
        from rich.console import Console
        from rich.table import Table

        from ncaengine.model import to_plain

        if self.json:
            facts = {"file": str(self.model), "parameters": model.parameters, "statistics": _numbers(model)}
            _print_json({**facts, **to_plain(model.config)})
            return
        console = Console()
        table = Table(title=model.config.name, show_header=False, title_justify="left", title_style="bold")
        for key, value in _rows(model, path, inside):
            table.add_row(key, value)
        console.print(table)
        if model.config.non_commercial:
            console.print("Its licence does not allow commercial use.", style="yellow")
        if self.picture and console.is_terminal and console.color_system in ("truecolor", "256"):
            _show(_grown(model))

    def _list(self, path: Path, inside: "Contents") -> None:
        from rich.columns import Columns
        from rich.console import Console

        if self.json:
            _print_json({"file": str(path), "family": inside.family, "recognised": inside.why, "models": inside.names})
            return
        console = Console(highlight=False)
        console.print(f"[bold]{path.name}[/]: {len(inside.names)} models of the family {inside.family}; {inside.why}.")
        console.print(Columns(inside.names, padding=(0, 2)))
        console.print(f"More of one: ncaengine info {path}:{inside.names[0]}", style="dim", soft_wrap=True)


def _print_json(what: dict[str, Any]) -> None:
    import json

    print(json.dumps(what, indent=2))


def _numbers(model: "Model") -> dict[str, dict[str, float]]:
    """Mean, standard deviation and largest size of each array of weights that has any."""
    import numpy as np

    return {
        name: {
            "mean": float(array.mean()), "deviation": float(array.std()), "largest": float(np.abs(array).max()),
        }
        for name, array in model.arrays().items() if array.size
    }  # fmt: skip


def _rows(model: "Model", path: Path, inside: "Contents") -> list[tuple[str, str]]:
    c = model.config
    clips = {name: getattr(c.clips, name) for name in c.clips.__struct_fields__}
    attribution = dict(c.attribution)
    recognised = inside.why or attribution.pop("recognised", "")
    attribution.pop("recognised", None)
    statistics = [
        f"{n}: mean {v['mean']:.3f}, deviation {v['deviation']:.3f}, largest {v['largest']:.3f}"
        for n, v in _numbers(model).items()
    ]
    rows = [
        ("family", c.family + (f", as {recognised}" if recognised else "")),
        ("channels", str(c.channels)),
        ("features", ", ".join(map(str, _features(c)))),
        ("hidden", f"{c.hidden}, {c.activation}" if c.hidden else "none"),
        ("clips", ", ".join(f"{k} {v[0]:g}…{v[1]:g}" for k, v in clips.items() if v) or "none"),
        *_oddities(c),
        ("kernels", ", ".join(c.kernels)),
        ("padding", c.padding),
        ("fire rate", f"{c.fire_rate:g}" + (", by channel" if c.firing == "channel" else "")),
        ("seed", c.seed.kind + (f" of level {c.seed.level:g}" if c.seed.kind in ("noise", "blobs") else "")),
        ("colour", f"RGB = state · {c.colour.scale:g} + {c.colour.offset:g}" + ", with opacity" * c.colour.alpha),
        ("parameters", f"{model.parameters:,}"),
        ("weights", "\n".join(statistics)),
    ]
    return rows + sorted(attribution.items())


def _features(c: "Config") -> list[str]:
    def said(channels: tuple[int, ...] | None) -> str:
        return "" if channels is None else f" of {', '.join(map(str, channels))}"

    found = [f"{f.stencil} ×{f.gain:g}{said(f.channels)}" for f in c.features]
    return [*found, *(["all their absolute values"] if c.absolute else []), *c.extra]


def _oddities(c: "Config") -> list[tuple[str, str]]:
    """What only some models have."""
    found = []
    if c.scales != (0,):
        found.append(("scales", "mean of " + ", ".join(f"1/{2**s}" if s else "1" for s in c.scales)))
    if c.diffusion:
        found.append(("diffusion", ", ".join(f"{rate:g}" for rate in dict.fromkeys(c.diffusion))))
    if c.alive:
        found.append(("alive", f"where channel {c.alive.channel} near a cell exceeds {c.alive.threshold:g}"))
    return found


def _grown(model: "Model") -> "U8":
    """A picture of the model, as the gallery's: (128, 128, 3) uint8."""
    from ncaengine import kernels, simulation

    backend, notice = simulation.open_backend("auto")
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


def _show(picture: "U8") -> None:
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

        from ncaengine import kernels

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
