"""`ncaengine view`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.cli.flags import Plugins, check_seed, find_kernels, parse_size


@dataclass(frozen=True)
class View:
    """Open a window on one model or several side by side."""

    models: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[MODEL ...]"), tyro.conf.Positional] = ()
    """Model files (.safetensors, .pt, or a notebook's state dict); none opens one that ships. A file that is
    written anew, as by a training, is loaded again and its grids run on."""
    size: Annotated[str, tyro.conf.arg(metavar="WxH", help_behavior_hint="(default: what the device can do)")] = ""
    """Cells of each grid, width x height: 256x256, or 128x128 where there is no GPU."""
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
        from ncaengine import files, viewer

        check_seed(self.seed)
        watch = viewer.Watch()
        models = [watch.open(path) for path in self.models or (files.shipped(),)]
        size = parse_size(self.size) if self.size else None
        options = viewer.Options(size, self.kernel, self.steps_per_second, self.seed)
        viewer.show(models, options, find_kernels(self.plugins, self.kernel, models), watch)
