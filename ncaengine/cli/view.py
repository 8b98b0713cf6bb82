"""`ncaengine view`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.cli.flags import Plugins, SizeText, parse_size


@dataclass(frozen=True)
class View:
    """Open a window on one model or several side by side."""

    models: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Model files (.safetensors, .pt, or a notebook's state dict); none opens one that ships."""
    size: SizeText | None = None
    """Cells of each grid; by default 256x256, or 128x128 where there is no GPU."""
    kernel: str = "square"
    """Neighbourhood at the start; K switches it in the window."""
    steps_per_second: Annotated[tuple[float, ...], tyro.conf.arg(aliases=["-r"], metavar="RATE [RATE ...]")] = (60.0,)
    """Pace of the grids: one for all, or one for each."""
    seed: int = 0
    """Decides the cells that fire, and a noise seed."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Open the window and return when it is closed."""
        from ncaengine import files, kernels, viewer

        paths = self.models or (files.shipped(),)
        models = [files.load(path) for path in paths]
        size = None if self.size is None else parse_size(self.size)
        options = viewer.Options(size, self.kernel, self.steps_per_second, self.seed)
        viewer.show(models, options, kernels.discover(self.plugins))
