"""Thumbnails: small pictures of models, grown by the engine itself and kept in the user's cache. No imgui in here."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import platformdirs

from ncaengine.backends.base import Backend, Cells
from ncaengine.core import files, lattice, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import U8

SIDE, SCALE, STEPS = 128, 2, 300
"""Pixels of a thumbnail's side, pixels a cell, and steps from the seed."""
SLICE = 4
"""Steps between looks at the clock."""


def cache_folder() -> Path:
    """Where thumbnails are kept between runs. It need not exist."""
    return platformdirs.user_cache_path("ncaengine") / "thumbnails"


def default_kernel(model: Model, catalogue: Catalogue) -> Kernel:
    """The first kernel here that the model is known to grow on. Raises NCAError if there is none."""
    known = [name for name in model.config.kernels if name in catalogue.kernels]
    return catalogue.get(known[0] if known else next(iter(model.config.kernels), "square"))


def digest(model: Model) -> str:
    """What names a model's thumbnail: sha256 of its weights and configuration and of how the picture is made."""
    hashed = hashlib.sha256(f"{SIDE} {SCALE} {STEPS}".encode())
    hashed.update(msgspec.json.encode(model.config))
    for array in model.arrays().values():
        hashed.update(array.tobytes())
    return hashed.hexdigest()


class Thumbnail:
    """A model's picture as it grows.

    picture: (SIDE, SIDE, 3) uint8 as of now, None before the first steps. done: whether it is
    grown; step: how far. Its cells are its own: no Simulation knows of them.
    """

    def __init__(self, backend: Backend, model: Model, kernel: Kernel, folder: Path | None) -> None:
        self._backend, self._model, self._kernel = backend, model, kernel
        self._file = folder / f"{digest(model)}.png" if folder else None
        self._cells: Cells | None = None
        self.step = 0
        self.picture = _read(self._file) if self._file else None
        self.done = self.picture is not None

    def grow(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Grow on for about so long, a few steps at least. Raises NCAError if the device cannot run the model."""
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
        """Give the device's memory back."""
        if self._cells is not None:
            self._cells.release()
            self._cells = None
            self.step = STEPS if self.done else 0


def _read(path: Path) -> U8 | None:
    """A kept thumbnail; None if there is none that is whole, which then is made anew."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image).copy() if image.size == (SIDE, SIDE) and image.mode == "RGB" else None
    except (OSError, ValueError, SyntaxError):  # all that Pillow raises on damaged files
        return None


def _write(path: Path, picture: U8) -> None:
    """Keep a thumbnail, if that can be."""
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace_file(path, lambda part: Image.fromarray(picture).save(part, format="png"))
    except (OSError, NCAError):
        pass  # made again next time
