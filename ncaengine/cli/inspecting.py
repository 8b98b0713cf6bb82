"""`ncaengine info` and `ncaengine kernels`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from ncaengine.cli.flags import Plugins

if TYPE_CHECKING:
    from ncaengine.kernels import Kernel
    from ncaengine.model import Model


@dataclass(frozen=True)
class Info:
    """Tell what a model file holds."""

    model: tyro.conf.Positional[Path]
    """Model file (.safetensors, .pt, or a notebook's state dict)."""
    json: bool = False
    """One JSON object instead of a table."""

    def run(self) -> None:
        """Print a table, or JSON."""
        from ncaengine import files

        model = files.load(self.model)
        if self.json:
            import json

            from ncaengine.model import to_plain

            print(
                json.dumps(
                    {"file": str(self.model), "parameters": model.parameters, **to_plain(model.config)}, indent=2
                )
            )
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(title=model.config.name, show_header=False, title_justify="left", title_style="bold")
        for key, value in _rows(model):
            table.add_row(key, value)
        Console().print(table)


def _rows(model: "Model") -> list[tuple[str, str]]:
    import numpy as np

    c = model.config
    clips = {name: getattr(c.clips, name) for name in c.clips.__struct_fields__}
    sizes = ", ".join(f"{w} {getattr(model, w).std():.3f}" for w in ("w1", "b1", "w2", "b2"))
    rows = [
        ("family", c.family),
        ("channels", str(c.channels)),
        ("features", ", ".join(f"{f.stencil} ×{f.gain:g}" for f in c.features)),
        ("hidden", f"{c.hidden}, {c.activation}"),
        ("clips", ", ".join(f"{k} {v[0]:g}…{v[1]:g}" for k, v in clips.items() if v) or "none"),
        ("kernels", ", ".join(c.kernels)),
        ("padding", c.padding),
        ("fire rate", f"{c.fire_rate:g}"),
        ("seed", c.seed.kind + (f" of level {c.seed.level:g}" if c.seed.kind == "noise" else "")),
        ("colour", f"RGB = state · {c.colour.scale:g} + {c.colour.offset:g}"),
        ("parameters", f"{model.parameters:,}"),
        ("deviation", sizes),
        ("largest weight", f"{max(float(np.abs(getattr(model, w)).max()) for w in ('w1', 'w2')):.3f}"),
    ]
    return rows + sorted(c.attribution.items())


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
