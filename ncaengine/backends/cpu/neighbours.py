"""Emit the access to a cell's neighbours, and to grids of another size."""

from ncaengine.backends.cpu.product import chunks
from ncaengine.backends.cpu.records import NEAR, Record
from ncaengine.backends.cpu.values import F32, I32, I64, Array, Value
from ncaengine.core import stencils
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config

Run = tuple[int, int]
"""Neighbouring channels: (first, how many)."""


def reach(config: Config, kernel: Kernel) -> int:
    """Return for offsets of how many cells the tables of tables.near are made."""
    return max(stencils.radius(config, kernel), 1)


def runs(channels: tuple[int, ...], lanes: int) -> list[tuple[int, Run]]:
    """Divide channels into runs of neighbours that fit into a vector: (place among the channels, run)."""
    found, at = [], 0
    while at < len(channels):
        length = 1
        while at + length < len(channels) and channels[at + length] == channels[at] + length:
            length += 1
        found += [(at + first, (channels[at] + first, count)) for first, count in chunks(length, lanes)]
        at += length
    return found


class Neighbours:
    """The flat numbers of the cells around one cell, by tables.near."""

    def __init__(self, near: Record, reach: Value | int, x: Value, y: Value, cells: Value | None = None) -> None:
        """Take the tables from a record that holds NEAR.

        reach: for offsets of how many cells the tables are made.
        x, y: the cell's column and row, as int64.
        cells: the number of cells, if neighbours beyond the edge are zeros.
        """
        self._rows, self._shifts, self._columns = (near.array(name, I32) for name in NEAR)
        self._x, self._y, self._cells = x + reach, y + reach, cells
        self._known: dict[tuple[int, int], Value] = {}
        self._starts: dict[int, tuple[Value, Value]] = {}

    def at(self, row: int, column: int) -> Value:
        """Return the number of the cell at an offset."""
        if row not in self._starts:
            shift = self._shifts[self._y + row].to(I64)
            self._starts[row] = self._rows[self._y + row].to(I64), self._x + shift
        if (row, column) not in self._known:
            first, start = self._starts[row]
            number = first + self._columns[start + column].to(I64)
            self._known[row, column] = number if self._cells is None else number.at_most(self._cells)
        return self._known[row, column]


class State:
    """The state around one cell. Each vector is loaded once."""

    def __init__(self, array: Array, channels: int, around: Neighbours) -> None:
        self._array, self._channels, self._around = array, channels, around
        self._known: dict[tuple[int, int, Run], Value] = {}

    def load(self, row: int, column: int, run: Run) -> Value:
        """Load channels of the cell at an offset."""
        key = row, column, run
        if key not in self._known:
            start = self._around.at(row, column) * self._channels
            self._known[key] = self._array.load(start + run[0], run[1])
        return self._known[key]

    def filtered(self, taps: tuple[tuple[int, int, float], ...], run: Run) -> Value:
        """Return a stencil's sum of weighted neighbours; those of one weight are added up first."""
        if not taps:
            return self.load(0, 0, run) * 0.0
        by_size: dict[float, list[tuple[int, int, float]]] = {}
        for tap in taps:
            by_size.setdefault(abs(tap[2]), []).append(tap)
        total = None
        for size, some in by_size.items():
            (row, column, first), *others = sorted(some, key=lambda tap: -tap[2])
            part = self.load(row, column, run)
            for row, column, weight in others:
                value = self.load(row, column, run)
                part = part + value if weight * first > 0 else part - value
            factor = size if first > 0 else -size
            total = part * factor if total is None else part.times_plus(factor, total)
        assert total is not None
        return total


class Resampled:
    """A grid of another size, interpolated at one cell by tables.sample."""

    def __init__(self, sample: Record, x: Value, y: Value) -> None:
        low_x, low_y = (sample.array(name, I32)[at].to(I64) for name, at in (("low_columns", x), ("low_rows", y)))
        around = Neighbours(sample, 0, low_x, low_y)
        self._corners = [[around.at(row, column) for column in (0, 1)] for row in (0, 1)]
        self._right = sample.array("part_columns", F32)[x]
        self._down = sample.array("part_rows", F32)[y]

    def load(self, array: Array, stride: int, first: int, count: int) -> Value:
        """Return `count` numbers from `first` on of the `stride` numbers that each cell has in an array."""
        sides = []
        for side in (0, 1):
            top, bottom = (array.load(row[side] * stride + first, count) for row in self._corners)
            sides.append(_between(top, bottom, self._down))
        return _between(sides[0], sides[1], self._right)


def _between(a: Value, b: Value, part: Value) -> Value:
    return a * (part * -1.0 + 1.0) + b * part


def zero_beyond(config: Config, cells: Value) -> Value | None:
    """Return the number of cells if neighbours beyond the edge are zeros, for Neighbours."""
    return cells if config.padding == "zero" else None


def coarse_scales(config: Config) -> list[int]:
    """Return the scales of the perception that are not the state's own, in the order of their records."""
    return [scale for scale in config.scales if scale]
