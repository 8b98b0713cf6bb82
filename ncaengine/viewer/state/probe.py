"""Cells that are looked at: the one under the pointer, and what became of those that are pinned. No imgui in here."""

import numpy as np

from ncaengine.core.fields import PLANE
from ncaengine.core.types import F32, F64
from ncaengine.simulation.grid import Grid

Cell = tuple[int, int]
"""(column, row)."""

PINS, KEPT = 8, 600
"""Cells that a grid can have pinned, and how many of the last values are kept of each."""
HUES = ("e69f00", "56b4e9", "cc79a7", "009e73", "d55e00", "f0e442", "0072b2", "b8b8b8")
"""A colour a pin: Okabe and Ito's, which stay apart for colour-blind eyes."""


class Trace:
    """The pinned cells of one grid and their values, a sample a frame in which the grid changed.

    cells: each pin's place by its number, 0 … PINS - 1. steps: (n,) float64, rising. values: (n, PINS,
    channels) float32, NaN where there was no such pin.
    """

    def __init__(self) -> None:
        self.cells: dict[int, Cell] = {}
        # Twice as long as what is kept, so that all of it lies in one piece and is moved but now and then.
        self._steps = np.zeros(2 * KEPT)
        self._values = np.zeros((2 * KEPT, PINS, 0), np.float32)
        self._part = slice(0, 0)
        self._changes = -1

    @property
    def steps(self) -> F64:
        """When the samples were taken."""
        return self._steps[self._part]

    @property
    def values(self) -> F32:
        """The samples."""
        return self._values[self._part]

    def toggle(self, cell: Cell) -> bool:
        """Pin a cell, or let it go; returns False if there are PINS already."""
        number = next((number for number, pinned in self.cells.items() if pinned == cell), None)
        if number is not None:
            self.drop(number)
            return True
        free = [number for number in range(PINS) if number not in self.cells]
        if free:
            self.cells[free[0]] = cell
            self._changes = -1
        return bool(free)

    def drop(self, number: int) -> None:
        """Let a pin go, and its values."""
        del self.cells[number]
        self._values[:, number] = np.nan
        if not self.cells:
            self._part = slice(0, 0)

    def sample(self, grid: Grid) -> None:
        """Note the pinned cells' values if the grid changed; what was noted of steps that lie ahead is dropped."""
        if not self.cells or grid.changes == self._changes:
            return
        for number in [n for n, (column, row) in self.cells.items() if column >= grid.size[0] or row >= grid.size[1]]:
            self.drop(number)
        if self.cells:
            found = grid.cells.read_cells(np.array(list(self.cells.values()), np.int32))
            self._note(grid.step, found)
        self._changes = grid.changes

    def _note(self, step: int, found: F32) -> None:
        if found.shape[1] != self._values.shape[2]:
            self._values = np.full((2 * KEPT, PINS, found.shape[1]), np.nan, np.float32)
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
        self._part = slice(max(first, end + 1 - KEPT), end + 1)


class Probe:
    """What is looked at closely.

    pointed: the cell under the pointer, or the last one that was, with its grid; live: it still is.
    detailed: how many cells each grid's picture shows in detail, by the grid's number.
    """

    def __init__(self) -> None:
        self.pointed: tuple[Grid, Cell] | None = None
        self.live = False
        self.detailed: dict[int, int] = {}
        self._traces: dict[Grid, Trace] = {}
        self._read: tuple[object, F32] | None = None

    def trace(self, grid: Grid) -> Trace:
        """A grid's pinned cells."""
        return self._traces.setdefault(grid, Trace())

    def prune(self, grids: dict[int, Grid]) -> None:
        """Forget the grids that are gone, and a cell that is."""
        there = set(grids.values())
        self._traces = {grid: trace for grid, trace in self._traces.items() if grid in there}
        if self.pointed:
            grid, (column, row) = self.pointed
            if grid not in there or column >= grid.size[0] or row >= grid.size[1]:
                self.pointed, self.live, self._read = None, False, None

    def values(self) -> F32:
        """The state of the cell pointed at: (channels,) float32."""
        assert self.pointed is not None
        grid, cell = self.pointed
        key = (grid, cell, grid.changes)
        if self._read is None or self._read[0] != key:
            self._read = key, grid.cells.read_cells(np.array([cell], np.int32))[0]
        return self._read[1]


def at(grid: Grid, cell: Cell) -> tuple[float, float, float, int]:
    """A cell's chance to fire in a step, its scale, its x axis's angle in degrees and which of the models it runs."""
    column, row = cell
    rate, scale, angle, model = 1.0, 1.0, 0.0, 0.0
    if grid.fields is not None:
        rate, scale, angle, model = (float(grid.fields[row, column, plane]) for plane in PLANE.values())
    settings = grid.settings
    slot = min(int(model + 0.5), len(grid.models) - 1)
    return min(settings.fire_rate * rate, 1.0), settings.scale * scale, settings.angle + angle, slot
