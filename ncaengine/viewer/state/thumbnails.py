"""Thumbnails: small pictures of models, grown by the engine and stored in the user's cache."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs

from ncaengine.backends.base import Backend, Cells
from ncaengine.core import files, inputs, lattice, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import U8
from ncaengine.io.sessions import weights_hash

SIDE, SCALE, STEPS = 128, 2, 300
"""Pixels of a thumbnail's side, pixels per cell, and steps from the seed."""
SLICE = 4
"""Steps between two checks of the clock."""


def cache_folder() -> Path:
    """Return the folder where thumbnails are stored. It need not exist."""
    return platformdirs.user_cache_path("ncaengine") / "thumbnails"


def digest(model: Model) -> str:
    """Return the name of a model's thumbnail: sha256 of its weights, its configuration and the picture's settings."""
    return hashlib.sha256(f"{SIDE} {SCALE} {STEPS} {weights_hash(model)}".encode()).hexdigest()


class Thumbnail:
    """A model's picture as it grows. It has cells of its own, outside the Simulation.

    picture: (SIDE, SIDE, 3) uint8; None before the first steps.
    step: the number of steps made.
    done: whether it is finished.
    """

    def __init__(self, backend: Backend, model: Model, kernel: Kernel, folder: Path | None) -> None:
        self._backend, self._model, self._kernel = backend, model, kernel
        self._file = folder / f"{digest(model)}.png" if folder else None
        self._cells: Cells | None = None
        self.step = 0
        self.picture = _read(self._file) if self._file else None
        self.done = self.picture is not None

    def grow(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Make steps for about `seconds`, at least a few. Raise NCAError if the device can't run the model."""
        if self.done:
            return
        start, cells = clock(), self._cells or self._seeded()
        settings = Settings(fire_rate=self._model.config.fire_rate)
        while self.step < STEPS:
            for number in range(self.step, min(self.step + SLICE, STEPS)):
                cells.step(number, 0, settings)
            self.step = min(self.step + SLICE, STEPS)
            self._backend.finish()
            if clock() - start >= seconds:
                break
        self.picture = cells.draw(View(SIDE, SIDE, float(SCALE), *lattice.corner(self._kernel)))
        if self.step == STEPS:
            self.done = True
            self.release()
            if self._file:
                _write(self._file, self.picture)

    def _seeded(self) -> Cells:
        cells = self._backend.cells()
        try:
            cells.specialise(self._model, self._kernel)
            cells.write(states.initial(self._model, (SIDE // SCALE, SIDE // SCALE), 0))
        except BaseException:
            cells.release()
            raise
        self._cells = cells
        return cells

    def release(self) -> None:
        """Free the device's memory."""
        if self._cells is not None:
            self._cells.release()
            self._cells = None
            self.step = STEPS if self.done else 0


def _read(path: Path) -> U8 | None:
    """Read a stored thumbnail. Return None if there is none or if it is damaged; it is then made again."""
    from PIL import Image

    try:
        with inputs.open_input(path) as file, Image.open(file, formats=["PNG"]) as image:
            return np.asarray(image).copy() if image.size == (SIDE, SIDE) and image.mode == "RGB" else None
    except (NCAError, OSError, ValueError, SyntaxError):  # everything that Pillow raises on damaged files
        return None


def _write(path: Path, picture: U8) -> None:
    """Store a thumbnail, if possible."""
    from PIL import Image

    from ncaengine.io.stills import png

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(path, png(Image.fromarray(picture)))
    except (OSError, NCAError):
        pass  # made again next time
