"""Looking at a lattice: which part of the plane a picture shows, and where each pixel falls.

Screen coordinates are in cell widths, y downwards; cell (column, row) has its middle at
column·basis[0] + row·basis[1]. On the torus the plane repeats without end.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ncaengine.errors import NCAError
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Colour
from ncaengine.seeding import Size

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

MAX_SCALE = 64
MAX_PIXELS = 2**28


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

    def samples(self, kernel: Kernel) -> int:
        """Points a pixel side at which the lattice is looked at: several where cells are small."""
        smallest = self.scale * min(kernel.basis[0][0], kernel.basis[1][1])
        return 1 if smallest >= 2 or self.aligned(kernel) else min(max(math.ceil(4 / smallest), 3), 6)


def extent(kernel: Kernel, size: Size) -> tuple[float, float]:
    """Width and height in cell widths of the rectangle that the torus covers on the screen."""
    (ax, _), (_, by) = kernel.basis
    return size[0] * ax, size[1] * by


def corner(kernel: Kernel) -> tuple[float, float]:
    """The upper left corner of that rectangle: half a cell before the middle of cell (0, 0)."""
    (ax, _), (_, by) = kernel.basis
    return -ax / 2, -by / 2


def whole(kernel: Kernel, size: Size, scale: int = 1, even: bool = False) -> View:
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


def around(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64, F64]:
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


def nearest(kernel: Kernel, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[I64, I64]:
    """(column, row) on the unrolled plane of the cell nearest to each point."""
    columns, rows, inside = around(kernel, x, y)
    first = inside.argmax(0)[None]
    return np.take_along_axis(columns, first, 0)[0], np.take_along_axis(rows, first, 0)[0]


def on_torus(kernel: Kernel, size: Size, column: I64, row: I64) -> tuple[I64, I64]:
    """The storage place (column, row) of cells of the unrolled plane."""
    width, height = size
    wraps = row // height
    return (column + wraps * kernel.row_shift(height)) % width, row - wraps * height


def cell_at(kernel: Kernel, size: Size, view: View, pixel_x: float, pixel_y: float) -> tuple[int, int]:
    """The storage place (column, row) of the cell under a place in the picture."""
    column, row = on_torus(kernel, size, *nearest(kernel, *view.point(pixel_x, pixel_y)))
    return int(column), int(row)


def to_rgb(state: F32, colour: Colour) -> F32:
    """The RGB of each cell in [0, 1]: (…, 3) float32 from (…, channels)."""
    rgb: F32 = np.clip(state[..., :3] * np.float32(colour.scale) + np.float32(colour.offset), 0, 1)
    return rgb


def draw(state: F32, kernel: Kernel, colour: Colour, view: View) -> U8:
    """The picture in NumPy: (height, width, 3) uint8; what shaders/canvas.frag draws."""
    size = (state.shape[1], state.shape[0])
    rgb, n = to_rgb(state, colour), view.samples(kernel)
    total = np.zeros((view.height, view.width, 3), np.float32)
    for j in range(n):
        for i in range(n):
            x = (np.arange(view.width) + (i + 0.5) / n) / view.scale + view.x
            y = (np.arange(view.height) + (j + 0.5) / n) / view.scale + view.y
            columns, rows, inside = around(kernel, *np.meshgrid(x, y))
            column, row = on_torus(kernel, size, columns, rows)
            weight = np.clip(0.5 + inside * view.scale * n, 0, 1).astype(np.float32)[..., None]
            total += (weight * rgb[row, column]).sum(0) / weight.sum(0)
    return quantise(total / np.float32(n * n))


def quantise(rgb: F32) -> U8:
    """[0, 1] to uint8, rounded to nearest."""
    out: U8 = (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
    return out


def raw(state: F32, colour: Colour) -> U8:
    """One cell one pixel in storage order: (height, width, 3) uint8."""
    return quantise(to_rgb(state, colour))
