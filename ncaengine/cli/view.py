"""`ncaengine view`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.cli.options import Half, Plugins, check_seed, find_kernels, parse_size
from ncaengine.core.errors import NCAError

MODELS = tyro.conf.arg(metavar="[MODEL ...]", help_behavior_hint="(default: bubbles, which is shipped)")
SESSIONS = (".nca", ".png")


@dataclass(frozen=True)
class View:
    """Open a window on one model or several side by side, or on a session as it was saved."""

    models: Annotated[tuple[Path, ...], MODELS, tyro.conf.Positional] = ()
    """Model files, of ncaengine or of a published family, or names of shipped models, as zebra. Of a file with several
    models the first opens, under tiles of them all; FILE:NAME, as hexells.json:dots, is one of them. A file that is
    written anew, as by a training, is loaded again and its grids run on. Or one session (.nca), or a still that the
    window saved (.png)."""
    size: Annotated[str, tyro.conf.arg(metavar="WxH", help_behavior_hint="(default: what the device can do)")] = ""
    """Cells of each grid, width x height: 256x256, or 128x128 where there is no GPU."""
    kernel: str = "square"
    """Neighbourhood at the start; K switches it in the window."""
    steps_per_second: Annotated[tuple[float, ...], tyro.conf.arg(aliases=["-r"], metavar="RATE [RATE ...]")] = (60.0,)
    """Pace of the grids: one for all, or one for each."""
    seed: int = 0
    """Decides the cells that fire, and a noise seed."""
    half: Half = False
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Open the window and return when it is closed."""
        from ncaengine import viewer
        from ncaengine.formats import model_files
        from ncaengine.viewer.actions import open_files

        check_seed(self.seed)
        if any(path.suffix.lower() in SESSIONS for path in self.models):
            self._show_session()
            return
        watch = viewer.Watch(plugins=self.plugins)
        paths = [model_files.find_file(path) for path in self.models or (model_files.default_model(),)]
        firsts = [open_files.first(watch, path) for path in paths]
        models = [watch.open(path) for path in firsts]
        atlas = next((path for path, first in zip(paths, firsts, strict=True) if path != first), None)
        size = parse_size(self.size) if self.size else None
        options = viewer.Options(size, self.kernel, self.steps_per_second, self.seed, atlas, self.half)
        viewer.show(models, options, find_kernels(self.plugins, self.kernel, models), watch)

    def _show_session(self) -> None:
        from ncaengine import viewer
        from ncaengine.io import sessions

        if len(self.models) > 1:
            raise NCAError("A session opens alone, in place of everything; open models beside it in the window.")
        if self != View(self.models, plugins=self.plugins, half=self.half):
            raise NCAError("A session opens as it was saved; leave the flags for size, kernel, speed and seed away.")
        sessions.load(self.models[0])  # a broken one is told before there is a window
        catalogue = find_kernels(self.plugins, self.kernel, [])
        watch = viewer.Watch(plugins=self.plugins)
        viewer.show([], viewer.Options(half=self.half), catalogue, watch, self.models[0])
