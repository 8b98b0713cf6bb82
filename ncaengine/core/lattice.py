"""The geometry of a grid on the screen: which part of the plane a picture shows, and where pixels and cells lie.

Screen coordinates are in cell widths, y downwards; the middle of cell (column, row) is at
column·basis[0] + row·basis[1]. On the torus, the plane repeats endlessly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.types import F64, I32, I64, Size

MAX_SCALE = 64
"""Pixels per cell."""
MAX_PIXELS = 2**28
"""Of a picture."""

Integers = TypeVar("Integers", I32, I64)
Raster = Literal["aligned", "boxed", "sampled"]
"""How cells become pixels.
aligned: cells are rectangles of whole pixels, and no pixel touches two cells.
boxed: each pixel is the mean of rectangular cells, weighted by area.
sampled: each pixel is the mean of the cells nearest to some points."""


@dataclass(frozen=True)
class View:
    """The part of the plane that a picture shows."""

    width: int
    """Of the picture, in pixels."""
    height: int
    """Of the picture, in pixels."""
    scale: float
    """Pixels per cell width."""
    x: float
    """The picture's left edge, in cell widths."""
    y: float
    """The picture's upper edge, in cell widths."""
    smooth: bool = False
    """Whether cells that are larger than a pixel blend into each other; Grid.picture and canvas.draw see to it."""

    def point(self, pixel_x: float, pixel_y: float) -> tuple[float, float]:
        """Return the point of the plane at a place in the picture, given in pixels from its upper left corner."""
        return pixel_x / self.scale + self.x, pixel_y / self.scale + self.y

    def aligned(self, kernel: Kernel) -> bool:
        """Return whether every pixel lies inside one cell: the cells are rectangles of whole pixels."""
        (ax, _), (bx, by) = kernel.basis
        places = self.scale * ax, self.scale * by, (self.x + ax / 2) * self.scale, (self.y + by / 2) * self.scale
        return bx == 0 and all(math.isclose(place, round(place), abs_tol=1e-6) for place in places)

    def raster(self, kernel: Kernel) -> "Raster":
        """Return how the lattice becomes pixels; see Raster."""
        if kernel.basis[1][0] == 0 and self._smallest(kernel) >= 0.5:
            return "aligned" if self.aligned(kernel) else "boxed"
        return "sampled"

    def _smallest(self, kernel: Kernel) -> float:
        return self.scale * min(kernel.basis[0][0], kernel.basis[1][1])

    def samples(self, kernel: Kernel) -> int:
        """Return the number of sample points a pixel's side; if boxed, how many cells a pixel's side may touch."""
        smallest, raster = self._smallest(kernel), self.raster(kernel)
        if raster == "boxed":
            return 2 if smallest >= 1 else 3
        return 1 if smallest >= 2 or raster == "aligned" else min(max(math.ceil(4 / smallest), 3), 6)


def extent(kernel: Kernel, size: Size) -> tuple[float, float]:
    """Return the width and height of the rectangle that the torus covers on the screen, in cell widths."""
    (ax, _), (_, by) = kernel.basis
    return size[0] * ax, size[1] * by


def corner(kernel: Kernel) -> tuple[float, float]:
    """Return the upper left corner of that rectangle: half a cell before the middle of cell (0, 0)."""
    (ax, _), (_, by) = kernel.basis
    return -ax / 2, -by / 2


def whole_rows(kernel: Kernel, rows: float, whole: Callable[[float], int] = round) -> int:
    """Return a number of rows near `rows`, at least 1, that closes the torus as `extent` says.

    Rows of a skewed lattice meet over the edge in pairs, so there it is even.

    whole: Makes a whole number.
    """
    step = 2 if kernel.basis[1][0] else 1
    return max(1, whole(rows / step)) * step


def whole_view(kernel: Kernel, size: Size, scale: int = 1, even: bool = False) -> View:
    """Return the view of a whole grid at `scale` pixels per cell, at least 1x1 pixel.

    even: make both sides even, as video codecs need; the torus is drawn one pixel further.
    Raises NCAError unless `scale` is 1 … MAX_SCALE and the picture has at most MAX_PIXELS.
    """
    if not isinstance(scale, Real):
        raise NCAError(f"A scale is a number of pixels per cell, not {scale!r:.60}.")
    if not 1 <= scale <= MAX_SCALE:
        raise NCAError(f"A scale of {scale} pixels per cell is not possible; use 1 to {MAX_SCALE}.")
    width, height = (max(1, round(side * scale)) for side in extent(kernel, size))
    if even:
        width, height = width + width % 2, height + height % 2
    if width * height > MAX_PIXELS:
        raise NCAError(f"Pictures of {width}x{height} pixels are too large; use a smaller scale.")
    return View(width, height, float(scale), *corner(kernel))


def nearest_four(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[list[F64], list[F64], list[F64]]:
    """Return four cells for each point, which include the nearest and those that it borders on there.

    They are the left and right cell of the row above, then of the row below. Returns their columns and rows on the
    unrolled plane, whole numbers, and how far inside each cell the point lies: the distance to the border with the
    nearest rival, in cell widths, negative outside. Each is a list of four arrays.
    """
    (ax, _), (_, by) = kernel.basis
    y = np.asarray(y, np.float64)
    upper: F64 = np.floor(y / by)
    places = [_along_row(kernel, x, upper), _along_row(kernel, x, upper + 1)]
    left, lower = (np.floor(place) for place in places)
    # How far right of the left cell of either row, in columns; and how far above the middle between the rows.
    u, w = places[0] - left, places[1] - lower
    middle = (0.5 - (y / by - upper)) * by * by
    apart, both = w - u, w + u

    def border(apart: F64, both: F64) -> F64:
        """Return the distance to the border between a cell above and one below, positive on the side of the first."""
        found: F64 = (ax * ax / 2 * apart * both + middle) / np.sqrt(ax * ax * apart * apart + by * by)
        return found

    ac, bd, ad, bc = (
        border(apart, both),
        border(apart, both - 2),
        border(apart - 1, both - 1),
        border(apart + 1, both - 1),
    )
    ab, cd = ax * (0.5 - u), ax * (0.5 - w)
    inside = [_least(ab, ac, ad), _least(-ab, bc, bd), _least(cd, -ac, -bc), _least(-cd, -ad, -bd)]
    return [left, left + 1, lower, lower + 1], [upper, upper, upper + 1, upper + 1], inside


def _along_row(kernel: Kernel, x: npt.ArrayLike, rows: F64) -> F64:
    """Return where places lie along rows of the unrolled plane, in columns."""
    (ax, _), (bx, _) = kernel.basis
    place: F64 = np.asarray(x, np.float64) / ax - rows * (bx / ax)
    return place


def _least(a: F64, b: F64, c: F64) -> F64:
    return np.minimum(np.minimum(a, b), c)


def nearest_cell(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64]:
    """Return (column, row) on the unrolled plane of the cell nearest to each point."""
    columns, rows, inside = (np.stack(np.broadcast_arrays(*each)) for each in nearest_four(kernel, x, y))
    columns, rows = np.broadcast_arrays(columns, rows)
    first = inside.argmax(0)[None]
    column, row = (np.take_along_axis(each, first, 0)[0].astype(np.int64) for each in (columns, rows))
    return column, row


def on_torus(kernel: Kernel, size: Size, column: Integers, row: Integers) -> tuple[Integers, Integers]:
    """Return where cells of the unrolled plane are stored: (column, row)."""
    width, height = size
    wraps = row // height
    return (column + wraps * kernel.row_shift(height)) % width, row - wraps * height


def cell_at(kernel: Kernel, size: Size, view: View, pixel_x: float, pixel_y: float) -> tuple[int, int]:
    """Return the stored (column, row) of the cell at a place in the picture, given in pixels."""
    column, row = on_torus(kernel, size, *nearest_cell(kernel, *view.point(pixel_x, pixel_y)))
    return int(column), int(row)


def visible_cells(kernel: Kernel, size: Size, view: View, most: int) -> tuple[I64, I64, F64, F64]:
    """Return the cells whose middles lie in a picture, each as often as the torus repeats it: columns, rows, x, y.

    Returns four arrays (n,), from the top row down and from left to right: stored columns and rows, and the middles in
    pixels from the picture's upper left corner. All are empty if there are more than `most` cells.
    """
    (ax, _), (bx, by) = kernel.basis
    across, down = view.width / view.scale, view.height / view.scale
    empty = np.zeros(0, np.int64)
    # Check the area before making arrays; a picture's rim may add a row and a column.
    if (across / ax - 1) * (down / by - 1) > most + 1:
        return empty, empty, empty.astype(np.float64), empty.astype(np.float64)
    rows = np.arange(math.ceil(view.y / by), math.ceil((view.y + down) / by))[:, None]
    columns = np.ceil((view.x - rows * bx) / ax).astype(np.int64) + np.arange(math.ceil(across / ax))
    rows = np.broadcast_to(rows, columns.shape)
    x, y = (columns * ax + rows * bx - view.x) * view.scale, (rows * by - view.y) * view.scale
    shown = (x < view.width) & (np.count_nonzero(x < view.width) <= most)
    return (*on_torus(kernel, size, columns[shown], rows[shown]), x[shown], y[shown])


def places_of_cell(kernel: Kernel, size: Size, view: View, column: int, row: int) -> tuple[F64, F64]:
    """Return the middles of one cell in a picture, as often as the torus repeats it: x, y as in `visible_cells`."""
    (ax, _), (bx, by) = kernel.basis
    width, height = size
    top, bottom = ((view.y + edge / view.scale) / by for edge in (0, view.height))
    turns = np.arange(math.ceil((top - row) / height), math.ceil((bottom - row) / height))[:, None]
    rows = row + turns * height
    first = column - turns * kernel.row_shift(height)
    start = np.ceil((view.x - rows * bx) / ax).astype(np.int64)  # as in `visible_cells`: both round alike
    rounds = np.arange(math.ceil(view.width / view.scale / ax / width) + 1)
    columns = first + width * (-((first - start) // width) + rounds)
    rows = np.broadcast_to(rows, columns.shape)
    x: F64 = (columns * ax + rows * bx - view.x) * view.scale
    y: F64 = (rows.astype(np.float64) * by - view.y) * view.scale
    shown = x < view.width
    return x[shown], y[shown]
