"""A picture that a grid lies on, and the areas of it in which cells grow textures. Only NumPy is used.

Places are in raster pixels, one per cell width, from the picture's upper left corner, whatever the lattice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.core import brushes, lattice, masks
from ncaengine.core.brushes import Point
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.types import F32, F64, I32, U8, Bools, Size

Numbers = npt.NDArray[Any]
MARGIN = 12
"""How many cells around an area grow its texture, too, so that it is whole at the area's edge."""
MOST_WORK = 2**30
"""The most pixels of a raster times points of a path: some seconds."""
MOST_TEXTURES = 255
"""Of one picture."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A picture under a grid, of its size, with its areas."""

    name: str
    """The registered name of the picture."""
    picture: U8
    """(height, width, 3)."""
    cell: float
    """Pixels of the picture a cell width, at least 1."""
    feather: float
    """Pixels over which an area fades into the picture, half of them on either side of its edge."""
    raster: U8
    """The picture with one pixel per cell width, (rows, columns, 3)."""
    labels: U8
    """Which area each pixel of the raster belongs to, counted from 1; 0 for none."""
    textures: tuple[str, ...] = ()
    """The names of the areas' textures, in the order of the labels."""

    @property
    def nbytes(self) -> int:
        """The memory that the areas and the raster take; the picture is the library's."""
        return self.labels.nbytes + (0 if self.raster is self.picture else self.raster.nbytes)

    @property
    def size(self) -> Size:
        """(width, height) of the picture in pixels."""
        return self.picture.shape[1], self.picture.shape[0]

    def share(self) -> F32:
        """Return how much of each pixel of the raster shows cells, 0 to 1: (rows, columns) float32."""
        return masks.faded(self.labels > 0, masks.fade_of(self.feather / self.cell))

    def seen(self, kernel: Kernel, size: Size, view: View) -> tuple[U8, F32]:
        """Return what a view of a grid shows of the picture, (height, width, 3), and of its areas, (height, width).

        The areas' numbers are their shares, 0 to 1. Around the grid, both repeat as its cells do.
        """
        left, top = lattice.corner(kernel)
        across, down = lattice.extent(kernel, size)
        x = np.asarray((view.x + (np.arange(view.width) + 0.5) / view.scale - left) % across, np.float64)
        y = np.asarray((view.y + (np.arange(view.height) + 0.5) / view.scale - top) % down, np.float64)
        fine = view.scale > 1  # a small view shows means of pixels
        source, scale = (self.picture, self.cell) if fine else (self.raster, 1.0)
        columns, rows = (
            np.minimum((place * scale).astype(np.int64), side - 1)
            for place, side in zip((x, y), source.shape[1::-1], strict=True)
        )
        return source[np.ix_(rows, columns)], _between(self.share(), x, y)

    def marked(self, area: Bools, texture: str) -> "Backdrop":
        """Return it with an area, (rows, columns) bool, that has a texture; '' takes the area away.

        Raises NCAError if there are too many textures.
        """
        textures = self.textures if texture in (*self.textures, "") else (*self.textures, texture)
        if len(textures) > MOST_TEXTURES:
            raise NCAError(f"A picture has at most {MOST_TEXTURES} textures; take some of its areas away first.")
        label = textures.index(texture) + 1 if texture else 0
        return replace(self, labels=np.where(area, np.uint8(label), self.labels), textures=textures)

    def cells(self, kernel: Kernel, size: Size) -> U8:
        """Return which area's texture each cell of a grid grows, 0 for none: (height, width) uint8."""
        grown = _grown(self.labels)
        return grown.reshape(-1)[_pixels(kernel, size, (grown.shape[1], grown.shape[0]))]


def backdrop(name: str, picture: U8, cell: float, feather: float) -> Backdrop:
    """Return a picture without areas, see Backdrop."""
    raster = reduced(picture, cell)
    return Backdrop(name, picture, cell, feather, raster, np.zeros(raster.shape[:2], np.uint8))


def grid_size(kernel: Kernel, picture: Size, cell: float) -> Size:
    """Return the (width, height) in cells of the smallest grid that covers a picture of (width, height) pixels."""
    ax, by = lattice.extent(kernel, (1, 1))
    return math.ceil(picture[0] / cell / ax), lattice.whole_rows(kernel, picture[1] / cell / by, math.ceil)


def reduced(picture: U8, cell: float) -> U8:
    """Return a picture with one pixel for each square of `cell` pixels, at least 1: their mean."""
    if cell == 1:
        return picture
    total, area = picture, np.ones((1, 1))
    for axis in (0, 1):
        side = picture.shape[axis]
        starts = np.floor(np.arange(np.ceil(side / cell)) * cell).clip(max=side - 1).astype(np.int64)  # rounding
        total = np.add.reduceat(total, starts, axis, np.uint32)
        area = area * np.expand_dims(np.diff(starts, append=side), 1 - axis)
    return np.round(total / area[..., None]).astype(np.uint8)


# Areas


def brushed(shape: Sequence[int], path: Sequence[Point], radius: float) -> Bools:
    """Return the pixels of a raster within `radius` of a path: (rows, columns) bool. The nearest is always one.

    Raises NCAError if that is too much work at once.
    """
    if len(path) * min((2 * radius) ** 2, shape[0] * shape[1]) > MOST_WORK:
        raise NCAError(
            f"A stroke of {len(path):,} points is too long for so large a brush; use several, or a smaller one."
        )
    points = np.asarray(path, np.float64)
    starts = points[:-1] if len(points) > 1 else points
    out = np.zeros((shape[0], shape[1]), np.bool_)
    for start, along in zip(starts, points[1:] - starts if len(points) > 1 else [np.zeros(2)], strict=True):
        low, high = np.minimum(start, start + along) - radius - 1, np.maximum(start, start + along) + radius + 1
        left, top = np.clip(np.floor(low), 0, shape[1::-1]).astype(int)
        right, bottom = np.clip(np.ceil(high), 0, shape[1::-1]).astype(int)
        y, x = (axis + 0.5 for axis in np.ogrid[top:bottom, left:right])
        along_squared = max(float(along @ along), 1e-300)
        t = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / along_squared, 0, 1)
        away = (x - start[0] - t * along[0]) ** 2 + (y - start[1] - t * along[1]) ** 2
        out[top:bottom, left:right] |= away <= radius**2
    column, row = np.floor(points[-1]).astype(int)
    if 0 <= row < shape[0] and 0 <= column < shape[1]:
        out[row, column] = True
    return out


def enclosed(shape: Sequence[int], path: Sequence[Point]) -> Bools:
    """Return the pixels of a raster whose middles a closed path encloses an odd number of times: (rows, columns) bool.

    The path's last point is joined with its first.
    """
    points = np.asarray(path, np.float64)
    flips = np.zeros((shape[0], shape[1] + 1), np.int32)
    for (x, y), (u, v) in zip(points, np.roll(points, -1, 0), strict=True):
        # The rows whose middles lie between the ends, and where the line crosses each.
        top, bottom = np.clip(np.ceil(np.array(sorted((y, v))) - 0.5), 0, shape[0]).astype(int)
        rows = np.arange(top, bottom)
        crossing = x + (rows + 0.5 - y) * ((u - x) / (v - y) if v != y else 0.0)
        columns = np.clip(np.ceil(crossing - 0.5), 0, shape[1]).astype(int)
        np.add.at(flips, (rows, columns), 1)
    inside: Bools = flips[:, :-1].cumsum(1) % 2 == 1
    return inside


def joined(here: Backdrop, place: Point, tolerance: int) -> Bools:
    """Return what belongs together around a place: (rows, columns) bool.

    In an area it is this area. Elsewhere it is what is connected, in no area, and of a colour that differs by at most
    `tolerance`, of 255, from that of the place.
    """
    column, row = (int(np.floor(each)) for each in place)
    if not (0 <= row < here.labels.shape[0] and 0 <= column < here.labels.shape[1]):
        return np.zeros(here.labels.shape, np.bool_)
    alike = here.labels == here.labels[row, column]
    if not here.labels[row, column]:
        away = np.abs(here.raster.astype(np.int16) - here.raster[row, column].astype(np.int16)).max(2)
        alike &= away <= tolerance
    return masks.connected(alike, row, column)


# Pictures


def composed(rgb: Numbers, colours: F32, share: F32) -> Numbers:
    """Return a picture over which cells are drawn. Where their share is 0, it stays as it is, bit for bit.

    rgb: (height, width, 3), of 8 or 16 bits.
    colours: of the cells, 0 to 1, times their share: (height, width, 3).
    share: (height, width), 0 to 1.
    """
    white = np.float32(np.iinfo(rgb.dtype).max)
    filled = rgb / white * (1 - share[..., None]) + colours
    whole = np.round(filled.clip(0, 1) * white).astype(rgb.dtype)
    return np.where(share[..., None] > 0, whole, rgb)


def _between(values: F32, x: F64, y: F64) -> F32:
    """Return values, given for the middles of pixels, at places between them."""
    for axis, place in ((0, y), (1, x)):
        at = np.clip(place - 0.5, 0, values.shape[axis] - 1)
        low = np.minimum(at.astype(np.int64), max(values.shape[axis] - 2, 0))
        part = np.expand_dims((at - low).astype(np.float32), 1 - axis)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        values = values.take(low, axis) * (1 - part) + values.take(high, axis) * part
    return values


# Cells


def _grown(labels: U8) -> U8:
    """Return labels that reach MARGIN pixels further where there was none; at the edges, the picture repeats."""
    wide = np.pad(labels, MARGIN, "wrap")
    for _ in range(MARGIN):
        for axis in (0, 1):
            near = np.maximum(np.roll(wide, 1, axis), np.roll(wide, -1, axis))
            wide = np.where(wide, wide, near)
    return np.ascontiguousarray(wide[MARGIN:-MARGIN, MARGIN:-MARGIN])


@lru_cache(maxsize=4)
def _pixels(kernel: Kernel, size: Size, raster: Size) -> I32:
    """Return the pixel of a raster of (columns, rows) in which each cell lies, counted row by row: (height, width)."""
    x, y = brushes.places(kernel, size, *np.meshgrid(*(np.arange(side, dtype=np.int32) for side in size)))

    def within(place: F64, most: int) -> I32:
        return np.minimum(np.floor(place).astype(np.int32), most - 1)

    return within(y, raster[1]) * np.int32(raster[0]) + within(x, raster[0])
