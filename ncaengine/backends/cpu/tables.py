"""Tables that find a cell's neighbours under each padding, and the cells between which a resampled cell lies.

They work at every size, also where a stencil is wider than the grid.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Padding
from ncaengine.core.types import F32, I32


class Near(NamedTuple):
    """Tables that find neighbours, for offsets of up to `reach` cells.

    The neighbour at (row + i, column + j) has the flat number rows[r] + columns[column + j + reach + shifts[r]], with
    r = row + i + reach; or, if that is larger, the number of cells, where the state holds a cell of zeros.
    """

    rows: I32
    """(height + 2·reach,): the number of each row's first cell."""
    shifts: I32
    """(height + 2·reach,): columns by which a row beyond the edge is shifted, 0 to width - 1."""
    columns: I32
    """(2·width + 2·reach,)."""


def near(width: int, height: int, padding: Padding, kernel: Kernel, reach: int) -> Near:
    """Return the tables of a grid for offsets of up to `reach` cells; see reference.pad."""
    row, column = np.arange(-reach, height + reach), np.arange(-reach, 2 * width + reach)
    shifts, cells = np.zeros_like(row), width * height
    if padding == "circular":
        shifts = (row // height * kernel.row_shift(height)) % width
        row, column = row % height, column % width
    elif padding == "replicate":
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
    first = row * width
    if padding == "zero":
        first = np.where((row < 0) | (row >= height), cells, first)
        column = np.where((column < 0) | (column >= width), cells, column)
    return Near(*(np.ascontiguousarray(table, np.int32) for table in (first, shifts, column)))


class Sample(NamedTuple):
    """Where the cells of a grid of another size lie, for bilinear interpolation with corners not aligned."""

    low_rows: I32
    """By row: one more than the upper of the two rows between which it lies, as an index of Near of reach 1."""
    part_rows: F32
    """How far it lies towards the lower one, 0 to 1."""
    low_columns: I32
    """The same by column."""
    part_columns: F32
    """How far it lies towards the right one, 0 to 1."""


def sample(width: int, height: int, new_width: int, new_height: int) -> Sample:
    """Return where the cells of a new grid lie in the old one."""
    return Sample(*_along(height, new_height), *_along(width, new_width))


def _along(old: int, new: int) -> tuple[I32, F32]:
    at = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * np.float32(old / new) - np.float32(0.5)
    low = np.floor(at)
    return low.astype(np.int32) + 1, (at - low).astype(np.float32)


def places(width: int, height: int, kernel: Kernel) -> tuple[F32, F32]:
    """Return two tables by row, for a cell's place on the screen.

    Returns the rows' places from -1 to 1, and the columns by which the rows are shifted on the screen; both float32.
    """
    (pitch, _), (skew, _) = kernel.basis
    row = np.arange(height, dtype=np.float32)
    across: npt.NDArray[np.float32] = np.float32(2) * (row + np.float32(0.5)) / np.float32(height) - np.float32(1)
    return across, row * np.float32(skew / pitch)
