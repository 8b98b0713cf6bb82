"""Pictures of a grid in NumPy; shaders/canvas.comp draws the same.

Which cells a pixel shows, and with which weights, depends only on the lattice and the view. It is computed once and
kept while the view stays. Then each cell gets its colour once, and each pixel the weighted sum of a few colours.
Sums are integers: a cell's red, green and blue lie in one number of 64 bits, and one multiplication weighs all three.
"""

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
"""Bytes of the strips that are kept."""


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
    rgb = shade(look, state, kernel, colour, before, fields)
    if lines == 0 and view.raster(kernel) == "aligned":
        return _aligned(quantise(rgb), kernel, view)
    colours = _packed(rgb)
    picture = np.empty((view.width * view.height, 3), np.uint8)
    start = 0
    for strip in _strips(kernel, (width, height), view, lines):
        end = start + len(strip.order)
        gather(colours, strip, picture[start:end])
        start = end
    return picture.reshape(view.height, view.width, 3)


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


def _aligned(cells: U8, kernel: Kernel, view: View) -> U8:
    """Return the colours of cells that are rectangles of whole pixels."""
    (ax, _), (_, by) = kernel.basis
    columns = np.floor(((np.arange(view.width) + 0.5) / view.scale + view.x) / ax + 0.5).astype(np.int64)
    rows = np.floor(((np.arange(view.height) + 0.5) / view.scale + view.y) / by + 0.5).astype(np.int64)
    picture: U8 = cells.take(columns % cells.shape[1], 1).take(rows % cells.shape[0], 0)
    return picture


def _strips(kernel: Kernel, size: Size, view: View, lines: float) -> Iterator[Strip]:
    """Yield the strips of a view from the top. They are kept for the next time unless they are too large."""
    key = kernel.basis, kernel.row_shift(size[1]), size, view, lines
    with _kept_lock:
        found = _kept.get(key)
        if found is not None:
            _kept.move_to_end(key)
    if found is not None:
        yield from found
        return
    made: list[Strip] = []
    room = MOST_KEPT
    high = max(1, BLOCK // view.width)
    for top in range(0, view.height, high):
        strip = _strip(kernel, size, view, lines, np.arange(top, min(top + high, view.height)))
        yield strip
        room -= strip.nbytes
        made = [*made, strip] if room >= 0 else []
    if room >= 0:
        _keep(key, made)


def _keep(key: object, strips: list[Strip]) -> None:
    with _kept_lock:
        _kept[key] = strips
        while sum(strip.nbytes for each in _kept.values() for strip in each) > MOST_KEPT:
            _kept.popitem(last=False)


def _strip(kernel: Kernel, size: Size, view: View, lines: float, pixel_rows: I64) -> Strip:
    """Return the strip of some rows of pixels."""
    make = _sampled if view.raster(kernel) == "sampled" else _boxed
    columns, rows, shares = make(kernel, view, lines, pixel_rows)
    shape = shares.shape
    shares = shares.reshape(shape[0] * shape[1], -1)
    # Rounded sums, not rounded shares: so that the weights of a pixel add up to ONE.
    sums = np.rint(np.cumsum(shares, 1, dtype=np.float32) * np.float32(ONE)).astype(np.int32)
    weights = np.diff(sums, axis=1, prepend=0).astype(np.uint16)
    shown = weights > 0
    count = np.count_nonzero(shown, 1).astype(np.int16)
    order = np.argsort(-count, kind="stable").astype(np.int32)
    first = (np.cumsum(count, dtype=np.int64) - count)[order]
    counts = tuple(int(np.count_nonzero(count > k)) for k in range(count.max(initial=0)))
    listed = np.concatenate([first[:n] + k for k, n in enumerate(counts)] or [first[:0]])
    mask = shown.reshape(shape)
    column, row = on_torus(kernel, size, *(np.broadcast_to(each, shape)[mask] for each in (columns, rows)))
    return Strip(order, counts, (row * size[0] + column).astype(np.int32)[listed], weights[shown][listed])


# What pixels may show: columns, rows and shares of cells, which broadcast to (pixel rows, pixel columns, n, m)


def _boxed(kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> tuple[I64, I64, F64]:
    """Return the rectangular cells in each pixel, and how much of its area they take."""
    pitch = kernel.basis[0][0], kernel.basis[1][1]
    most = max(view.samples(kernel), 2)  # of aligned pixels, too, whose edges are rounded
    columns, wide, x = _shares(np.arange(view.width), view.x, view.scale, pitch[0], most)
    rows, high, y = _shares(pixel_rows, view.y, view.scale, pitch[1], most)
    light = 1 - _line(np.minimum(y[:, None], x), view.scale, lines)
    shares = high[:, None, :, None] * wide[None, :, None, :] * light[..., None, None]
    return columns[None, :, None, :], rows[:, None, :, None], shares


def _shares(pixels: I64, start: float, scale: float, pitch: float, most: int) -> tuple[I64, F64, F64]:
    """Return the cells that each pixel of a row may touch, their shares of it, and how far its middle is from a border.

    (pixels, most) int64 and float64, (pixels,) float64 in cell widths.
    """
    low = pixels / (scale * pitch) + start / pitch + 0.5
    width = 1 / (scale * pitch)
    cells = np.floor(low)[:, None] + np.arange(most)
    shares = np.clip(np.minimum(low[:, None] + width, cells + 1) - np.maximum(low[:, None], cells), 0, None) / width
    middle = low + width / 2
    return cells.astype(np.int64), shares, (0.5 - np.abs(middle - np.floor(middle) - 0.5)) * pitch


def _sampled(kernel: Kernel, view: View, lines: float, pixel_rows: I64) -> tuple[I64, I64, F64]:
    """Return the cells near each pixel, and how many of its points show them."""
    (ax, _), (_, by) = kernel.basis
    n = view.samples(kernel)
    points = (np.arange(n) + 0.5) / n
    x = ((np.arange(view.width)[:, None] + points) / view.scale + view.x)[None]
    y = ((pixel_rows[:, None] + points) / view.scale + view.y)[:, :, None, None]
    # The window of cells that the points of a pixel may show.
    span = (n - 1) / n / view.scale
    wide, high = int(np.ceil(span / ax)) + 2, int(np.ceil(span / by)) + 2
    rows = np.floor(y[:, 0] / by).astype(np.int64) + np.arange(high)  # (pixel rows, 1, high)
    columns = left_column(kernel, x[..., :1], rows).astype(np.int64)  # (pixel rows, pixel columns, high)
    pixel = np.arange(len(pixel_rows))[:, None] * view.width + np.arange(view.width)
    shares = np.zeros(pixel.size * high * wide)
    for j in range(n):
        column, row, inside = nearest_four(kernel, x, y[:, j])
        weight = np.clip(0.5 + inside * (view.scale * n), 0, 1)
        weight *= (1 - _line(inside.max(0), view.scale, lines)) / (weight.sum(0) * (n * n))
        for pair in (slice(0, 2), slice(2, 4)):  # of cells in one row
            down = row[pair.start, :, 0, 0] - rows[:, 0, 0]
            first = (pixel * high + down[:, None]) * wide - columns[np.arange(len(down)), :, down]
            shares += np.bincount((first[..., None] + column[pair]).ravel(), weight[pair].ravel(), shares.size)
    shape = len(pixel_rows), view.width, high, wide
    return columns[..., None] + np.arange(wide), rows[..., None], shares.reshape(shape)


def _line(border: F64, scale: float, lines: float) -> F64:
    """Return how dark a line is at a distance from the border, in cell widths."""
    if lines == 0:
        return np.zeros_like(border)
    t = np.clip(border * scale - 0.5, 0, 1)
    dark: F64 = lines * (1 - t * t * (3 - 2 * t))
    return dark
