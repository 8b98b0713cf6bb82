"""The geometry of a grid on the screen: which part of the plane a picture shows, and where each pixel and cell lies.

Screen coordinates are in cell widths, y downwards; cell (column, row) has its middle at
column·basis[0] + row·basis[1]. On the torus the plane repeats without end.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.types import F64, I64, Size

MAX_SCALE = 64
MAX_PIXELS = 2**28

Raster = Literal["aligned", "boxed", "sampled"]
"""How cells become pixels. aligned: rectangles of whole pixels, no pixel lies in two of them. boxed: each pixel is the
mean of rectangles, by the area that they cover. sampled: the mean of the cells nearest to some points, for all else."""


@dataclass(frozen=True)
class View:
    """A picture of `width`x`height` pixels, `scale` pixels a cell width.

    `x`, `y`: the point of the plane at the upper left corner of the picture, in cell widths.
    """

    width: int
    height: int
    scale: float
    x: float
    y: float

    def point(self, pixel_x: float, pixel_y: float) -> tuple[float, float]:
        """The point of the plane under a place in the picture (in pixels from its corner)."""
        return pixel_x / self.scale + self.x, pixel_y / self.scale + self.y

    def aligned(self, kernel: Kernel) -> bool:
        """Whether every pixel lies inside one cell: rectangular cells of whole pixels."""
        (ax, _), (bx, by) = kernel.basis
        places = self.scale * ax, self.scale * by, (self.x + ax / 2) * self.scale, (self.y + by / 2) * self.scale
        return bx == 0 and all(math.isclose(place, round(place), abs_tol=1e-6) for place in places)

    def raster(self, kernel: Kernel) -> "Raster":
        """How the lattice becomes pixels: see Raster."""
        if kernel.basis[1][0] == 0 and self._smallest(kernel) >= 0.5:
            return "aligned" if self.aligned(kernel) else "boxed"
        return "sampled"

    def _smallest(self, kernel: Kernel) -> float:
        return self.scale * min(kernel.basis[0][0], kernel.basis[1][1])

    def samples(self, kernel: Kernel) -> int:
        """Points a pixel side at which the lattice is looked at; if boxed, cells that a pixel's side may touch."""
        smallest, raster = self._smallest(kernel), self.raster(kernel)
        if raster == "boxed":
            return 2 if smallest >= 1 else 3
        return 1 if smallest >= 2 or raster == "aligned" else min(max(math.ceil(4 / smallest), 3), 6)


def extent(kernel: Kernel, size: Size) -> tuple[float, float]:
    """Width and height in cell widths of the rectangle that the torus covers on the screen."""
    (ax, _), (_, by) = kernel.basis
    return size[0] * ax, size[1] * by


def corner(kernel: Kernel) -> tuple[float, float]:
    """The upper left corner of that rectangle: half a cell before the middle of cell (0, 0)."""
    (ax, _), (_, by) = kernel.basis
    return -ax / 2, -by / 2


def whole_view(kernel: Kernel, size: Size, scale: int = 1, even: bool = False) -> View:
    """The picture of a whole grid at `scale` pixels a cell, at least 1x1 pixel.

    `even` makes both sides even, as video codecs need: the torus is drawn one pixel further. Raises
    NCAError unless `scale` is 1 … MAX_SCALE and the picture has at most MAX_PIXELS.
    """
    if not 1 <= scale <= MAX_SCALE:
        raise NCAError(f"A scale of {scale} pixels a cell is not possible; use 1 to {MAX_SCALE}.")
    width, height = (max(1, round(side * scale)) for side in extent(kernel, size))
    if even:
        width, height = width + width % 2, height + height % 2
    if width * height > MAX_PIXELS:
        raise NCAError(f"Pictures of {width}x{height} pixels are too large; use a smaller scale.")
    return View(width, height, float(scale), *corner(kernel))


def nearest_four(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64, F64]:
    """The four cells among which are the nearest to each point and those that it borders on there.

    (4, …) columns and rows on the unrolled plane, and how far inside each cell the point lies: its
    distance to the border with the nearest rival, in cell widths, below 0 outside.
    """
    (ax, _), (bx, by) = kernel.basis
    px, py = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    four = (4, *[1] * px.ndim)
    rows = np.floor(py / by) + np.array([0, 0, 1, 1]).reshape(four)
    columns = np.floor((px - rows * bx) / ax) + np.array([0, 1, 0, 1]).reshape(four)
    middle_x, middle_y = columns * ax + rows * bx, rows * by
    squared = (px - middle_x) ** 2 + (py - middle_y) ** 2
    inside = np.full(squared.shape, np.inf)
    for k in range(4):
        for j in set(range(4)) - {k}:
            apart = np.hypot(middle_x[j] - middle_x[k], middle_y[j] - middle_y[k])
            inside[k] = np.minimum(inside[k], (squared[j] - squared[k]) / (2 * apart))
    return columns.astype(np.int64), rows.astype(np.int64), inside


def nearest_cell(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64]:
    """(column, row) on the unrolled plane of the cell nearest to each point."""
    columns, rows, inside = nearest_four(kernel, x, y)
    first = inside.argmax(0)[None]
    return np.take_along_axis(columns, first, 0)[0], np.take_along_axis(rows, first, 0)[0]


def on_torus(kernel: Kernel, size: Size, column: I64, row: I64) -> tuple[I64, I64]:
    """The storage place (column, row) of cells of the unrolled plane."""
    width, height = size
    wraps = row // height
    return (column + wraps * kernel.row_shift(height)) % width, row - wraps * height


def cell_at(kernel: Kernel, size: Size, view: View, pixel_x: float, pixel_y: float) -> tuple[int, int]:
    """The storage place (column, row) of the cell under a place in the picture."""
    column, row = on_torus(kernel, size, *nearest_cell(kernel, *view.point(pixel_x, pixel_y)))
    return int(column), int(row)


def visible_cells(kernel: Kernel, size: Size, view: View, most: int) -> tuple[I64, I64, F64, F64]:
    """The cells whose middles lie in a picture, each as often as the torus repeats it: columns, rows, x, y.

    Four arrays (n,), rows from above and each from the left: storage places, and the middles in
    pixels from the picture's upper left corner. All are empty if there are more than `most`.
    """
    (ax, _), (bx, by) = kernel.basis
    across, down = view.width / view.scale, view.height / view.scale
    empty = np.zeros(0, np.int64)
    # Judged by area before any array is made; the rim of a picture may add a row and a column.
    if (across / ax - 1) * (down / by - 1) > most + 1:
        return empty, empty, empty.astype(np.float64), empty.astype(np.float64)
    rows = np.arange(math.ceil(view.y / by), math.ceil((view.y + down) / by))[:, None]
    columns = np.ceil((view.x - rows * bx) / ax).astype(np.int64) + np.arange(math.ceil(across / ax))
    rows = np.broadcast_to(rows, columns.shape)
    x, y = (columns * ax + rows * bx - view.x) * view.scale, (rows * by - view.y) * view.scale
    shown = (x < view.width) & (np.count_nonzero(x < view.width) <= most)
    return (*on_torus(kernel, size, columns[shown], rows[shown]), x[shown], y[shown])


def places_of_cell(kernel: Kernel, size: Size, view: View, column: int, row: int) -> tuple[F64, F64]:
    """The middles of one cell in a picture, as often as the torus repeats it: x, y, each (n,), as in `visible`."""
    (ax, _), (bx, by) = kernel.basis
    width, height = size
    top, bottom = ((view.y + edge / view.scale) / by for edge in (0, view.height))
    turns = np.arange(math.ceil((top - row) / height), math.ceil((bottom - row) / height))[:, None]
    rows = row + turns * height
    first = column - turns * kernel.row_shift(height)
    start = np.ceil((view.x - rows * bx) / ax).astype(np.int64)  # as in `visible`, so that both round alike
    rounds = np.arange(math.ceil(view.width / view.scale / ax / width) + 1)
    columns = first + width * (-((first - start) // width) + rounds)
    rows = np.broadcast_to(rows, columns.shape)
    x: F64 = (columns * ax + rows * bx - view.x) * view.scale
    y: F64 = (rows.astype(np.float64) * by - view.y) * view.scale
    shown = x < view.width
    return x[shown], y[shown]
