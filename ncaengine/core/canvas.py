"""Pictures of a grid in NumPy; shaders/canvas.comp draws the same.

Each cell gets its colour once, and each pixel a weighted sum of a few colours. The weights of rectangular cells are
products of two numbers, one for the pixel's row and one for its column. Those of other cells are costly; they depend
only on the lattice and the view, and are kept while these stay. There, sums are integers: a cell's red, green and blue
lie in one number of 64 bits, and one multiplication weighs all three.
"""

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View, left_column, nearest_four, on_torus
from ncaengine.core.looks import RGB, Look, quantise, shade
from ncaengine.core.model import Colour
from ncaengine.core.types import F32, F64, I32, I64, U8, Size

U16 = npt.NDArray[np.uint16]
U64 = npt.NDArray[np.uint64]

LANE, STEPS, ONE = 21, 1020, 2**11
"""Bits of a colour in a packed number; the largest colour; the weight 1. No sum of weights up to 1 leaves its lane."""
BYTE = 13
"""Bits of a sum below its rounded byte: STEPS * ONE is 255 * 2**BYTE."""
BLOCK = 2**15
"""Pixels of a strip, so that its sums stay in the processor's cache."""
MOST_KEPT = 2**27
"""Bytes of the strips that are kept, unless the state itself takes more."""


@dataclass(frozen=True, eq=False)
class Strip:
    """Some rows of a picture: the cells that each pixel shows, and their weights.

    `cells` and `weights` hold the first cell of all pixels that show any, then the second cell of those that show two
    or more, and so on. Pixels with more cells come first, so that each of these parts belongs to the first pixels.
    """

    order: I32
    """(pixels,): the pixels, row by row from 0, as `cells` counts them."""
    counts: tuple[int, ...]
    """How many pixels show at least one cell, two cells, and so on."""
    cells: I32
    """(sum of counts,): row * width + column."""
    weights: U16
    """(sum of counts,): in parts of ONE."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return self.order.nbytes + self.cells.nbytes + self.weights.nbytes


_kept: OrderedDict[object, list[Strip]] = OrderedDict()
_kept_lock = Lock()


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
    height, width, _ = state.shape
    rgb, raster = shade(look, state, kernel, colour, before, fields), view.raster(kernel)
    if raster == "aligned" and lines == 0:
        return _aligned(quantise(rgb), kernel, view)
    picture = np.empty((view.height, view.width, 3), np.uint8)
    if raster != "sampled":
        rgb = np.fmax(rgb, 0) * np.float32(255)  # NaN becomes 0
        for pixel_rows in _blocks(view):
            picture[pixel_rows[0] : pixel_rows[-1] + 1] = _boxed(rgb, kernel, view, lines, pixel_rows)
        return picture
    colours, flat, start = _packed(rgb), picture.reshape(-1, 3), 0
    for strip in _strips(kernel, (width, height), view, lines, max(MOST_KEPT, state.nbytes)):
        gather(colours, strip, flat[start : start + len(strip.order)])
        start += len(strip.order)
    return picture


def _blocks(view: View) -> list[I64]:
    """Return the numbers of a picture's rows, some at a time."""
    high = max(1, BLOCK // view.width)
    return [np.arange(top, min(top + high, view.height)) for top in range(0, view.height, high)]


# Rectangular cells


def _aligned(cells: U8, kernel: Kernel, view: View) -> U8:
    """Return the colours of cells that are rectangles of whole pixels."""
    (ax, _), (_, by) = kernel.basis
    columns = np.floor(((np.arange(view.width) + 0.5) / view.scale + view.x) / ax + 0.5).astype(np.int64)
    rows = np.floor(((np.arange(view.height) + 0.5) / view.scale + view.y) / by + 0.5).astype(np.int64)
    picture: U8 = cells.take(columns % cells.shape[1], 1).take(rows % cells.shape[0], 0)
    return picture


def _boxed(rgb: F32, kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> U8:
    """Return the mean of the cells in each pixel of some rows, weighted by area.

    rgb: (height, width, 3) float32, 0 to 255.
    """
    pitch = kernel.basis[0][0], kernel.basis[1][1]
    most = max(view.samples(kernel), 2)  # of aligned pixels, too, whose edges are rounded
    columns, wide, x = _shares(np.arange(view.width), view.x, view.scale, pitch[0], most)
    rows, high, y = _shares(pixel_rows, view.y, view.scale, pitch[1], most)
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


def _shares(pixels: I64, start: float, scale: float, pitch: float, most: int) -> tuple[I64, F32, F64]:
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


def gather(colours: U64, strip: Strip, out: U8) -> None:
    """Write the weighted sums of colours: (pixels, 3) uint8.

    colours: (cells,) uint64, three lanes of LANE bits, each 0 to STEPS.
    """
    sums = np.full(len(out), sum(1 << (BYTE - 1 + LANE * c) for c in range(3)), np.uint64)  # a half, to round
    start = 0
    for count in strip.counts:
        part = slice(start, start + count)
        sums[:count] += colours.take(strip.cells[part]) * strip.weights[part]
        start += count
    placed = np.empty_like(sums)
    placed[strip.order] = sums
    for c in range(3):
        out[:, c] = placed >> np.uint64(BYTE + LANE * c)


def _packed(rgb: F32) -> U64:
    """Return each cell's colours in one number: (cells,)."""
    steps = np.rint(np.fmax(rgb, 0).reshape(-1, 3) * np.float32(STEPS))  # NaN becomes 0
    packed: U64 = (steps.astype(np.float64) @ [1.0, 2.0**LANE, 4.0**LANE]).astype(np.uint64)  # exact, below 2**53
    return packed


def _strips(kernel: Kernel, size: Size, view: View, lines: float, most: int) -> Iterator[Strip]:
    """Yield the strips of a view from the top. They are kept unless they take more than `most` bytes."""
    key = kernel.basis, kernel.row_shift(size[1]), size, view, lines
    with _kept_lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    if found is not None:
        yield from found
        return
    made: list[Strip] = []
    room = most
    for pixel_rows in _blocks(view):
        strip = _strip(kernel, size, view, lines, pixel_rows)
        yield strip
        room -= strip.nbytes
        made = [*made, strip] if room >= 0 else []
    if room >= 0:
        _keep(key, made, most)


def _keep(key: object, strips: list[Strip], most: int) -> None:
    """Keep the strips of a view, and forget the oldest ones beyond `most` bytes."""
    with _kept_lock:
        _kept[key] = strips
        while sum(strip.nbytes for each in _kept.values() for strip in each) > most:
            _kept.popitem(last=False)


def _strip(kernel: Kernel, size: Size, view: View, lines: float, pixel_rows: I64) -> Strip:
    """Return the strip of some rows of pixels."""
    make = _at_middle if view.samples(kernel) == 1 else _at_points
    columns, rows, shares = make(kernel, view, lines, pixel_rows)
    flat = shares.reshape(-1, shares.shape[2] * shares.shape[3])
    # A loop, because NumPy's cumsum along the first axis is slow.
    weights, ranks = np.empty(flat.shape, np.uint16), np.empty(flat.shape, np.int16)
    total, before, count = np.zeros(flat.shape[1]), np.zeros_like(weights[0]), np.zeros_like(ranks[0])
    for k, share in enumerate(flat):
        total += share
        rounded = (total * ONE + 0.5).astype(np.uint16)  # sums, not shares: so that a pixel's weights add up to ONE
        weights[k] = rounded - before
        count += weights[k] > 0
        ranks[k] = count
        before = rounded
    shown = weights > 0
    order = np.argsort(-count, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    counts = [int(np.count_nonzero(count > k)) for k in range(count.max())]
    starts = np.cumsum([0, 0, *counts])  # by rank, from 1
    at = starts[ranks[shown]] + np.broadcast_to(place, shown.shape)[shown]
    mask = shown.reshape(shares.shape)
    column, row = (np.broadcast_to(each, mask.shape)[mask].astype(np.int32) for each in (columns, rows))
    column, row = on_torus(kernel, size, column, row)
    cells, listed = np.empty(len(at), np.int32), np.empty(len(at), np.uint16)
    cells[at], listed[at] = row * size[0] + column, weights[shown]
    return Strip(order.astype(np.int32), tuple(counts), cells, listed)


# What pixels may show: columns, rows and shares of cells, which broadcast to (n, m, pixel rows, pixel columns)


def _at_middle(kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> tuple[F64, F64, F64]:
    """Return the cells near the middle of each pixel, and their shares of it."""
    x, y = (np.arange(view.width) + 0.5) / view.scale + view.x, (pixel_rows + 0.5) / view.scale + view.y
    columns, rows, inside = nearest_four(kernel, x, y[:, None])
    shape = 2, 2, len(pixel_rows), view.width
    shares = np.stack(_weights(inside, view.scale, view.scale, lines)).reshape(shape)
    return np.stack(columns).reshape(shape), np.stack(rows).reshape(2, 2, -1, 1), shares


def _at_points(kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> tuple[F64, F64, F64]:
    """Return the cells near each pixel, and how many of its points show them."""
    (ax, _), (_, by) = kernel.basis
    n = view.samples(kernel)
    points = (np.arange(n)[:, None] + 0.5) / n
    x = (np.arange(view.width) + points) / view.scale + view.x
    y = (pixel_rows + points) / view.scale + view.y
    # The window of cells that the points of a pixel may show.
    span = (n - 1) / n / view.scale
    high, wide = math.ceil(span / by) + 2, math.ceil(span / ax) + 2
    rows = np.floor(y[0] / by) + np.arange(high)[:, None]
    first = left_column(kernel, x[0], rows[..., None])  # (high, pixel rows, pixel columns)
    shape = high, wide, len(pixel_rows), view.width
    shares = np.zeros(math.prod(shape))
    pixels = shape[2] * shape[3]
    for j in range(n):
        upper = (np.floor(y[j] / by) - rows[0]).astype(np.int64)  # the window's row above the points
        pairs = [first[upper + k, np.arange(len(upper))] for k in (0, 1)]
        for i in range(n):
            columns, _, inside = nearest_four(kernel, x[i], y[j][:, None])
            for k, weight in enumerate(_weights(inside, view.scale, view.scale * n, lines)):
                hit = np.flatnonzero(weight)
                slot = (columns[k] - pairs[k // 2]).take(hit).astype(np.int64)
                slot += (upper + k // 2).take(hit // view.width) * wide
                shares[slot * pixels + hit] += weight.take(hit)  # no pixel is hit twice
    shares /= n * n
    return first[:, None] + np.arange(wide)[:, None, None], rows[:, None, :, None], shares.reshape(shape)


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
    if lines == 0:
        return np.zeros_like(border)
    t = np.clip(border * scale - 0.5, 0, 1)
    dark: F64 = lines * (1 - t * t * (3 - 2 * t))
    return dark
