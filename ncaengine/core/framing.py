"""Pictures whose size is given in pixels: how many cells they show, and how large."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import MAX_PIXELS, MAX_SCALE, View, corner, extent, on_torus, whole_rows
from ncaengine.core.types import F32, F64, U8, Size

MOST_CELLS = 2**19
"""About how many cells a picture gets at most by default: 960x540 for 3840x2160 pixels, and for 1920x1080."""
REACHES = (0.05, 0.2, 0.5)
"""How far the pixels per cell may be from those that are wanted, as a share; the first that has a solution counts."""
MISFIT = 0.5
"""By how many pixels the torus may be larger or smaller than the picture, so that its edges still meet."""
ROWS = 64
"""Rows of pixels that are smoothed at a time."""


def cells_for(kernel: Kernel, pixels: Size, scale: float | None = None) -> Size:
    """Return (width, height) in cells of a grid that fills a picture of exactly these pixels, and no more.

    The picture has the lattice's true shape and tiles: its edges meet to within MISFIT pixels, if any number of cells
    near the wanted one makes that possible. `view_filled` returns its view.

    pixels: (width, height) of the picture.
    scale: Pixels per cell; the solution may differ a little. None takes the least whole number that makes at most
        MOST_CELLS cells.

    Raises NCAError if there is no such picture.
    """
    _check(pixels)
    if scale is None:
        scale = min(max(1, math.ceil(math.sqrt(pixels[0] * pixels[1] / MOST_CELLS))), *pixels)
    if not 1 <= scale <= MAX_SCALE:
        raise NCAError(f"A scale of {scale:g} pixels per cell is not possible; use 1 to {MAX_SCALE}.")
    for reach in REACHES:
        found = list(_near(kernel, pixels, scale, reach))
        if any(misfit <= MISFIT for *_, misfit in found):
            break
    # Of those that fit equally well to a tenth of a pixel, the one nearest to the wanted scale.
    columns, rows, *_ = min(found, key=lambda one: (one[3] > MISFIT, round(one[3], 1), abs(math.log(one[2] / scale))))
    return columns, rows


def _near(kernel: Kernel, pixels: Size, scale: float, reach: float) -> Iterator[tuple[int, int, float, float]]:
    """Yield the sizes near a scale: columns, rows, pixels per cell, and by how many pixels the height is wrong."""
    (width, height), (ax, by) = pixels, extent(kernel, (1, 1))
    wanted = max(1, round(width / (scale * ax)))
    for columns in range(math.ceil(wanted / (1 + reach)), math.floor(wanted * (1 + reach)) + 1):
        true = width / (columns * ax)
        rows = whole_rows(kernel, height / (true * by))
        yield columns, rows, true, abs(rows * by * true - height)


def tile(kernel: Kernel, pixels: Size, scale: float) -> tuple[Kernel, Size, View]:
    """Return how to draw a picture whose edges meet exactly, also where MISFIT pixels are missing.

    Returns the lattice to draw with, the grid's size in cells as from `cells_for`, and the view. The lattice is
    stretched so that the torus covers the picture, and sheared so that it closes as a rectangle, both hardly: copies of
    the picture side by side are the endless plane.

    scale: Pixels per cell, about.
    Raises NCAError if there is no such picture.
    """
    columns, rows = size = cells_for(kernel, pixels, scale)
    width, height = (side / scale for side in pixels)
    basis = (width / columns, 0.0), (width / columns * kernel.row_shift(rows) / rows, height / rows)
    stretched = replace(kernel, basis=basis)
    return stretched, size, View(*pixels, scale, *corner(stretched))


def view_filled(kernel: Kernel, size: Size, pixels: Size) -> View:
    """Return the view of a grid's middle that fills a picture; what doesn't fit is cut off at two sides.

    Raises NCAError if there is no such picture.
    """
    _check(pixels)
    across = extent(kernel, size)
    scale = max(most / length for most, length in zip(pixels, across, strict=True))
    x, y = (
        start + (length - most / scale) / 2
        for start, length, most in zip(corner(kernel), across, pixels, strict=True)
    )  # fmt: skip
    return View(*pixels, scale, x, y)


def size_of_shape(kernel: Kernel, width: int, shape: tuple[int, int]) -> Size:
    """Return the size in cells of a grid whose picture has a shape, such as (16, 9), with a width in cells."""
    ax, by = extent(kernel, (1, 1))
    return width, whole_rows(kernel, width * ax / by * shape[1] / shape[0])


def _check(pixels: Size) -> None:
    if min(pixels) < 1 or pixels[0] * pixels[1] > MAX_PIXELS:
        raise NCAError(f"A picture can't have {pixels[0]}x{pixels[1]} pixels; use at most {MAX_PIXELS:,} in all.")


def smooth(rgb: F32, kernel: Kernel, view: View) -> U8:
    """Return the picture of a view whose cells blend into each other: (height, width, 3) uint8.

    rgb: what each cell shows, (rows, columns, 3) float32, 0 to 1.
    """
    picture = np.empty((view.height, view.width, 3), np.uint8)
    for top, part in _blended(rgb, kernel, view):
        picture[top : top + ROWS] = np.clip(part * 255 + 0.5, 0, 255)
    return picture


def blend(values: F32, kernel: Kernel, view: View) -> F32:
    """Return a number of each cell at each pixel of a view: (height, width) float32.

    values: (rows, columns) float32.
    """
    return np.concatenate([part[..., 0] for _, part in _blended(values[..., None], kernel, view)])


def _blended(values: F32, kernel: Kernel, view: View) -> Iterator[tuple[int, F32]]:
    """Yield what `values` (rows, columns, n) are at the pixels of a view, ROWS rows at a time, with the first's number.

    They follow a cubic B-spline, along the rows of cells, then between them: curves that go through the cells' own
    values have kinks in their slopes, which edges of hexagonal grids show as beads.
    """
    (ax, _), (bx, by) = kernel.basis
    x = (np.arange(view.width) + 0.5) / view.scale + view.x
    y = ((np.arange(view.height) + 0.5) / view.scale + view.y) / by
    first, last = math.floor(y[0]) - 1, math.floor(y[-1]) + 2
    lines = np.arange(first, last + 1)[:, None]
    place = x / ax - lines * (bx / ax)
    column = np.floor(place).astype(np.int64)
    size = values.shape[1], values.shape[0]
    across = np.zeros((len(lines), view.width, values.shape[2]), np.float32)
    for offset, share in enumerate(_b_spline(place - column), -1):
        stored, row = on_torus(kernel, size, column + offset, lines + 0 * column)
        across += values[row, stored] * share[..., None].astype(np.float32)
    for top in range(0, view.height, ROWS):
        part = y[top : top + ROWS]
        row = np.floor(part).astype(np.int64)
        out = np.zeros((len(part), *across.shape[1:]), np.float32)
        for offset, share in enumerate(_b_spline(part - row), -1):
            out += across[row + offset - first] * share[:, None, None].astype(np.float32)
        yield top, out


def _b_spline(t: F64) -> tuple[F64, ...]:
    """Return the shares of the four points around a place that lies `t`, 0 to 1, after the second."""
    return (1 - t) ** 3 / 6, ((3 * t - 6) * t * t + 4) / 6, (((3 - 3 * t) * t + 3) * t + 1) / 6, t**3 / 6
