"""Cells that are examined: the one under the pointer, and the pinned ones with their recent values."""

import numpy as np

from ncaengine.core.fields import PLANE
from ncaengine.core.types import F32, F64
from ncaengine.simulation.grid import Grid

Cell = tuple[int, int]
"""(column, row)."""

PINS, MOST_SAMPLES = 8, 600
"""How many cells a grid can have pinned, and how many of the latest values are stored of each."""
HUES = ("e69f00", "56b4e9", "cc79a7", "009e73", "d55e00", "f0e442", "0072b2", "b8b8b8")
"""The pins' colours: those of Okabe and Ito, which colour-blind people can tell apart."""


class Trace:
    """The pinned cells of one grid and their values: one sample for each frame in which the grid changed.

    cells: each pin's cell by its number, 0 … PINS - 1.
    """

    def __init__(self) -> None:
        self.cells: dict[int, Cell] = {}
        # Twice as long as what is stored, so that it lies in one piece and is rarely moved.
        self._steps = np.zeros(2 * MOST_SAMPLES)
        self._values = np.zeros((2 * MOST_SAMPLES, PINS, 0), np.float32)
        self._part = slice(0, 0)
        self._changes = -1

    @property
    def steps(self) -> F64:
        """The steps at which the samples were taken: (n,) float64, rising."""
        return self._steps[self._part]

    @property
    def values(self) -> F32:
        """The samples: (n, PINS, channels) float32, NaN where there was no such pin."""
        return self._values[self._part]

    def toggle(self, cell: Cell) -> bool:
        """Pin a cell, or unpin it. Return False if PINS are already pinned."""
        number = next((number for number, pinned in self.cells.items() if pinned == cell), None)
        if number is not None:
            self.unpin(number)
            return True
        free = [number for number in range(PINS) if number not in self.cells]
        if free:
            self.cells[free[0]] = cell
            self._changes = -1
        return bool(free)

    def unpin(self, number: int) -> None:
        """Remove a pin and its values."""
        del self.cells[number]
        self._values[:, number] = np.nan
        if not self.cells:
            self._part = slice(0, 0)

    def sample(self, grid: Grid) -> None:
        """Store the pinned cells' values if the grid changed. Samples of later steps are dropped."""
        if not self.cells or grid.changes == self._changes:
            return
        for number in [n for n, (column, row) in self.cells.items() if column >= grid.size[0] or row >= grid.size[1]]:
            self.unpin(number)
        if self.cells:
            found = grid.cells.read_cells(np.array(list(self.cells.values()), np.int32))
            self._store(grid.step, found)
        self._changes = grid.changes

    def _store(self, step: int, found: F32) -> None:
        if found.shape[1] != self._values.shape[2]:
            self._values = np.full((2 * MOST_SAMPLES, PINS, found.shape[1]), np.nan, np.float32)
            self._part = slice(0, 0)
        first = self._part.start
        end = first + int(np.searchsorted(self.steps, step))
        if end == len(self._steps):
            for array in (self._steps, self._values):
                array[: end - first] = array[first:end].copy()
            first, end = 0, end - first
        self._steps[end] = step
        self._values[end] = np.nan
        self._values[end, list(self.cells)] = found
        self._part = slice(max(first, end + 1 - MOST_SAMPLES), end + 1)


class Probe:
    """The examined cells of all grids.

    pointed: the cell under the pointer, or the last one that was, with its grid.
    live: whether the pointer is still on it.
    detailed: how many cells each grid's picture shows in detail, by the grid's number.
    """

    def __init__(self) -> None:
        self.pointed: tuple[Grid, Cell] | None = None
        self.live = False
        self.detailed: dict[int, int] = {}
        self._traces: dict[Grid, Trace] = {}
        self._read: tuple[object, F32] | None = None

    def trace(self, grid: Grid) -> Trace:
        """Return a grid's pinned cells."""
        return self._traces.setdefault(grid, Trace())

    def prune(self, grids: dict[int, Grid]) -> None:
        """Forget the grids, and a cell pointed at, that no longer exist."""
        existing = set(grids.values())
        self._traces = {grid: trace for grid, trace in self._traces.items() if grid in existing}
        if self.pointed:
            grid, (column, row) = self.pointed
            if grid not in existing or column >= grid.size[0] or row >= grid.size[1]:
                self.pointed, self.live, self._read = None, False, None

    def values(self) -> F32:
        """Return the state of the cell pointed at: (channels,) float32."""
        assert self.pointed is not None
        grid, cell = self.pointed
        key = (grid, cell, grid.changes)
        if self._read is None or self._read[0] != key:
            self._read = key, grid.cells.read_cells(np.array([cell], np.int32))[0]
        return self._read[1]


def settings_at(grid: Grid, cell: Cell) -> tuple[float, float, float, int]:
    """Return a cell's fire rate (0 … 1), its scale, its x axis's angle in degrees and its model's slot."""
    column, row = cell
    rate, scale, angle, model = 1.0, 1.0, 0.0, 0.0
    if grid.fields is not None:
        rate, scale, angle, model = (float(grid.fields[row, column, plane]) for plane in PLANE.values())
    settings = grid.settings
    slot = min(int(model + 0.5), len(grid.models) - 1)
    return min(settings.fire_rate * rate, 1.0), settings.scale * scale, settings.angle + angle, slot
