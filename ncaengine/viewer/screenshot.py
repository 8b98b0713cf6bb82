"""A picture of the window, which needs no display."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ncaengine.core import files
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.io.stills import png
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.window import Window


def screenshot(
    models: Sequence[Model],
    options: Options,
    catalogue: Catalogue,
    path: str | Path,
    size: tuple[int, int] = (1280, 800),
    seconds: float = 2.0,
    prepare: Callable[[App], object] | None = None,
) -> None:
    """Run a hidden window for some seconds and save a PNG of it. On Linux, no display is needed.

    prepare: may change the App before that, such as to pause a grid.
    Raises NCAError if the window can't be opened or the file can't be written.
    """
    from PIL import Image

    with Window(models, options, catalogue, size, hidden=True) as window:
        if prepare:
            prepare(window.app)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            window.frame()
        for _ in range(3):
            window.frame()
        picture = Image.fromarray(window.pixels())
    files.replace_file(Path(path), png(picture))
