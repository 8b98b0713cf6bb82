"""Swatches: small pictures of all textures that a grid makes, grown beside each other."""

import time
from collections.abc import Callable

import numpy as np

from ncaengine.backends.base import Backend, Cells
from ncaengine.core import brushes, lattice, states
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.lattice import View
from ncaengine.core.settings import Settings
from ncaengine.core.types import U8
from ncaengine.simulation.grid import Grid

SIDE, RIM, SCALE, STEPS, SLICE = 48, 6, 2, 240, 8
"""Cell widths of a swatch, and cut off around it; pixels per cell; steps in all, and between two pictures."""
MOST = 32
"""Textures that have a swatch."""


class Swatches:
    """The swatches of one grid's models. They have cells of their own, outside the Simulation.

    names: the textures, in order.
    pictures: (SCALE·SIDE, SCALE·SIDE, 3) uint8 each; none before the first steps.
    step: the number of steps made.
    """

    def __init__(self, backend: Backend, grid: Grid) -> None:
        self._backend, self._kernel, self._models = backend, grid.kernel, grid.models
        self.names = list(grid.textures)[:MOST]
        self.pictures: list[U8] = []
        self.step = 0
        self._settings = Settings(fire_rate=grid.model.config.fire_rate)
        self._cells: Cells | None = self._seeded(grid)

    def fits(self, grid: Grid) -> bool:
        """Return whether these are a grid's swatches."""
        return grid.models == self._models and grid.kernel is self._kernel

    def grow(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> bool:
        """Make steps for about `seconds`, at least a few. Return whether there are new pictures."""
        if self._cells is None:
            return False
        end = clock() + seconds
        while self.step < STEPS:
            for number in range(self.step, self.step + SLICE):
                self._cells.step(number, 0, self._settings)
            self.step += SLICE
            self._backend.finish()
            if clock() >= end:
                break
        self.pictures = [self._drawn(self._cells, place) for place in range(len(self.names))]
        if self.step >= STEPS:
            self.release()
        return True

    def _seeded(self, grid: Grid) -> Cells:
        """Return cells of which each square of SIDE and its rim make another texture."""
        ax, by = lattice.extent(self._kernel, (1, 1))
        side = SIDE + 2 * RIM
        size = round(side * len(self.names) / ax), 2 * round(side / by / 2)
        maps = grid.default_fields(*size)
        x, _ = brushes.places(self._kernel, size, *np.meshgrid(*(np.arange(n, dtype=np.int32) for n in size)))
        place = np.minimum((x / side).astype(np.int64), len(self.names) - 1)
        for number, name in enumerate(self.names):
            slot, code = grid.textures[name]
            maps[place == number, PLANE["model"]] = slot
            maps[place == number, len(FIELDS) :] = code
        cells = self._backend.cells()
        try:
            cells.specialise(self._models[0], self._kernel, self._models[1:])
            cells.write(states.initial(self._models[0], size, 0))
            cells.write_fields(maps)
        except BaseException:
            cells.release()
            raise
        return cells

    def _drawn(self, cells: Cells, place: int) -> U8:
        x, y = lattice.corner(self._kernel)
        left = x + place * (SIDE + 2 * RIM) + RIM
        return cells.draw(View(SIDE * SCALE, SIDE * SCALE, float(SCALE), left, y + RIM))

    def release(self) -> None:
        """Free the device's memory; the pictures stay."""
        if self._cells is not None:
            self._cells.release()
            self._cells = None
