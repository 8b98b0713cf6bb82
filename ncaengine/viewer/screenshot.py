"""A picture of the window, taken where no display is."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.pane import Options
from ncaengine.viewer.window import Window


def screenshot(
    models: Sequence[Model], options: Options, catalogue: Catalogue, path: str | Path,
    size: tuple[int, int] = (1280, 800), seconds: float = 2.0, prepare: Callable[[App], object] | None = None,
) -> None:  # fmt: skip
    """Run the window unseen for some seconds and save a PNG of it; needs no display on Linux.

    `prepare` may change the App before that, as to pause a grid. Raises NCAError.
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
    try:
        picture.save(path, format="png")
    except OSError as error:
        raise NCAError(f"{path}: cannot be written ({error.strerror}).") from None
