"""Pictures of a grid in NumPy; shaders/canvas.glsl draws the same.

Each cell gets its colour once, and each pixel a weighted sum of a few colours. The weights of rectangular cells are
products of two numbers, one for the pixel's row and one for its column. Those of other cells are costly; the processor
has compiled code for them, see backends/cpu/drawing.py.
"""

from typing import TypeVar

import numpy as np

from ncaengine.core import framing
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View, nearest_four, on_torus
from ncaengine.core.looks import RGB, Look, quantise, shade
from ncaengine.core.model import Colour
from ncaengine.core.types import F32, F64, I64, U8, U32

Cells = TypeVar("Cells", U8, U32)
BLOCK = 2**15
"""Pixels that are drawn at a time, so that their sums stay in the processor's cache."""


def draw(
    state: F32,
    kernel: Kernel,
    colour: Colour,
    view: View,
    look: Look = RGB,
    before: F32 | None = None,
    fields: F32 | None = None,
    lines: float = 0.0,
) -> U8:
    """Draw a view: (height, width, 3) uint8. See looks.shade for the other arguments.

    lines: how dark the lines between cells are, 0 to 1.
    """
    rgb, raster = shade(look, state, kernel, colour, before, fields), view.raster(kernel)
    if view.smooth and view.scale > 1:
        return framing.smooth(np.fmax(rgb, 0), kernel, view)  # NaN becomes 0
    if raster == "aligned" and lines == 0:
        return aligned(quantise(rgb), kernel, view)
    rows_of = _sampled if raster == "sampled" else _boxed
    rgb = np.fmax(rgb, 0) * np.float32(255)
    picture = np.empty((view.height, view.width, 3), np.uint8)
    for pixel_rows in _blocks(view):
        picture[pixel_rows[0] : pixel_rows[-1] + 1] = rows_of(rgb, kernel, view, lines, pixel_rows)
    return picture


def _blocks(view: View) -> list[I64]:
    """Return the numbers of a picture's rows, some at a time."""
    high = max(1, BLOCK // view.width)
    return [np.arange(top, min(top + high, view.height)) for top in range(0, view.height, high)]


# Rectangular cells


def aligned(cells: Cells, kernel: Kernel, view: View) -> Cells:
    """Return what each pixel of an aligned view shows: (height, width, …).

    cells: what each cell shows, (rows, columns, …).
    """
    (ax, _), (_, by) = kernel.basis
    columns = np.floor(((np.arange(view.width) + 0.5) / view.scale + view.x) / ax + 0.5).astype(np.int64)
    rows = np.floor(((np.arange(view.height) + 0.5) / view.scale + view.y) / by + 0.5).astype(np.int64)
    picture: Cells = cells.take(columns % cells.shape[1], 1).take(rows % cells.shape[0], 0)
    return picture


def _boxed(rgb: F32, kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> U8:
    """Return the mean of the cells in each pixel of some rows, weighted by area.

    rgb: (height, width, 3) float32, 0 to 255.
    """
    pitch = kernel.basis[0][0], kernel.basis[1][1]
    most = max(view.samples(kernel), 2)  # of aligned pixels, too, whose edges are rounded
    columns, wide, x = shares(np.arange(view.width), view.x, view.scale, pitch[0], most)
    rows, high, y = shares(pixel_rows, view.y, view.scale, pitch[1], most)
    part = rgb.take(np.arange(rows[0, 0], rows[-1, -1] + 1) % rgb.shape[0], 0)
    across = np.zeros((len(part), view.width * 3), np.float32)
    for column, share in zip(columns % rgb.shape[1], wide, strict=True):
        across += part.take(column, 1).reshape(across.shape) * np.repeat(share, 3)
    picture = np.zeros((len(pixel_rows), view.width * 3), np.float32)
    for row, share in zip(rows - rows[0, 0], high, strict=True):
        picture += across.take(row, 0) * share[:, None]
    if lines:
        picture *= np.repeat(1 - _line(np.minimum(y[:, None], x), view.scale, lines), 3, 1)
    return (picture + np.float32(0.5)).astype(np.uint8).reshape(len(pixel_rows), view.width, 3)


def shares(pixels: I64, start: float, scale: float, pitch: float, most: int) -> tuple[I64, F32, F64]:
    """Return the cells that each pixel of a row may touch, their shares of it, and how far its middle is from a border.

    (most, pixels) int64 and float32, (pixels,) float64 in cell widths.
    """
    width = 1 / (scale * pitch)
    low = pixels * width + start / pitch + 0.5
    cells = np.floor(low) + np.arange(most)[:, None]
    shares = np.maximum(np.minimum(low + width, cells + 1) - np.maximum(low, cells), 0) / width
    middle = low + width / 2
    border = (0.5 - np.abs(middle - np.floor(middle) - 0.5)) * pitch
    return cells.astype(np.int64), shares.astype(np.float32), border


# Cells of any shape


def _sampled(rgb: F32, kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> U8:
    """Return the mean of the points in each pixel of some rows.

    rgb: (height, width, 3) float32, 0 to 255.
    """
    size, n = (rgb.shape[1], rgb.shape[0]), view.samples(kernel)
    numbers = rgb.ravel()
    sums = np.zeros((3, len(pixel_rows), view.width), np.float32)
    for down, right in np.ndindex(n, n):
        x = (np.arange(view.width) + (right + 0.5) / n) / view.scale + view.x
        y = (pixel_rows[:, None] + (down + 0.5) / n) / view.scale + view.y
        columns, rows, inside = nearest_four(kernel, x, y)
        weights = _weights(inside, view.scale, view.scale * n, lines)
        for column, row, weight in zip(columns, rows, weights, strict=True):
            stored_column, stored_row = on_torus(kernel, size, column.astype(np.int32), row.astype(np.int32))
            first, share = 3 * (stored_row * size[0] + stored_column), weight.astype(np.float32)
            for c in range(3):
                sums[c] += numbers.take(first + c) * share
    sums /= n * n
    return (sums + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0)


def _weights(inside: list[F64], scale: float, fine: float, lines: float) -> list[F64]:
    """Return the shares that cells have of points, 0 to 1, given how far inside each cell the points lie.

    fine: points a cell width.
    """
    weights = [np.minimum(np.maximum(each * fine + 0.5, 0), 1) for each in inside]
    total = weights[0] + weights[1] + weights[2] + weights[3]
    light = 1 / total
    if lines:
        light *= 1 - _line(np.max(inside, 0), scale, lines)
    return [weight * light for weight in weights]


def _line(border: F64, scale: float, lines: float) -> F64:
    """Return how dark a line is at a distance from the border, in cell widths."""
    t = np.clip(border * scale - 0.5, 0, 1)
    dark: F64 = lines * (1 - t * t * (3 - 2 * t))
    return dark
