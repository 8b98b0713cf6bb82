"""Draws a grid of any shape with compiled code: what drawing.draw_rows reads, and who draws which rows."""

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ncaengine.backends.cpu.boxes import BOXES
from ncaengine.backends.cpu.drawing import INVERSES, VIEW
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.records import as_number, fill
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core.canvas import aligned, shares
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View, on_torus
from ncaengine.core.looks import quantise
from ncaengine.core.model import Colour
from ncaengine.core.types import F32, F64, I64, U8, U32, Size

PART = 2**14
"""Pixels that a thread draws at a time."""
_Draw = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)


def draw(programs: Programs, workers: Workers, colours: U32, kernel: Kernel, view: View, lines: float) -> U8:
    """Draw a view: (height, width, 3) uint8.

    colours: of the cells, (height, width) uint32, see `pack`.
    lines: how dark the lines between cells are, 0 to 1.
    """
    if view.raster(kernel) == "aligned" and lines == 0:
        pixels = aligned(colours, kernel, view).view(np.uint8).reshape(view.height, view.width, 4)
        return np.ascontiguousarray(pixels[..., :3])
    draw_cells = _draw_sampled if view.raster(kernel) == "sampled" else _draw_boxes
    return draw_cells(programs, workers, colours, kernel, view, lines)


def _draw_boxes(programs: Programs, workers: Workers, colours: U32, kernel: Kernel, view: View, lines: float) -> U8:
    """Draw a view of rectangular cells, see canvas.shares."""
    height, width = colours.shape
    pitch, touched = (kernel.basis[0][0], kernel.basis[1][1]), max(view.samples(kernel), 2)
    columns, wide, x = shares(np.arange(view.width), view.x, view.scale, pitch[0], touched)
    rows, high, y = shares(np.arange(view.height), view.y, view.scale, pitch[1], touched)
    colours = _widened(colours, -width % max(programs.width.lanes // 4, 1))
    picture = np.empty((view.height, view.width * 3 + 1), np.uint8)
    record = np.zeros(len(BOXES), np.int64)
    cells = [np.ascontiguousarray(each.T) for each in (rows % height, high, columns % width, wide)]
    borders = [(border * view.scale).astype(np.float32) for border in (y, x)]
    fill(
        record, BOXES, picture=picture, stride=picture.shape[1], colours=colours, columns=colours.shape[1],
        width=view.width, touched=touched, cell_rows=cells[0], row_shares=cells[1], row_borders=borders[0],
        cell_columns=cells[2], column_shares=cells[3], column_borders=borders[1], lines=float(lines),
    )  # fmt: skip
    draw_boxes = _Draw(programs.draw_boxes())

    def draw_rows(first: int, last: int) -> None:
        scratch = np.empty((colours.shape[1], 4), np.float32)
        draw_boxes(as_number(record), as_number(scratch), first, last)

    _share_rows(workers, view, draw_rows)
    return np.ascontiguousarray(picture[:, :-1]).reshape(view.height, view.width, 3)


def _share_rows(workers: Workers, view: View, draw_rows: Callable[[int, int], None]) -> None:
    """Draw the rows of a picture on several threads: `draw_rows` gets the first row and the one after the last."""
    high = max(1, PART // view.width)
    workers.share(lambda n: draw_rows(n * high, min(n * high + high, view.height)), -(-view.height // high))


def _draw_sampled(programs: Programs, workers: Workers, colours: U32, kernel: Kernel, view: View, lines: float) -> U8:
    """Draw a view of cells of any shape."""
    lanes, size = programs.width.lanes, (colours.shape[1], colours.shape[0])
    values = tables(kernel, size, view, lanes)
    across = values["across"]
    # A block's cells may lie right of the grid's last column, where the torus repeats itself.
    more = across + 2 + int(values["pixel"] * (lanes - 1))
    picture = np.empty((view.height, max(view.width, lanes), 3), np.uint8)
    record = np.zeros(len(VIEW), np.int64)
    colours = _widened(colours, more)
    values["rows"] *= colours.shape[1]
    fill(
        record, VIEW, **values, picture=picture, width=picture.shape[1], columns=size[0], colours=colours,
        lines=float(lines),
    )  # fmt: skip
    function = _Draw(programs.draw_rows())
    most = int((values["point_rows"][:, -1] - values["point_rows"][:, 0]).max()) + 2

    def draw_rows(first: int, last: int) -> None:
        scratch = np.empty((most, across + 2, lanes), np.float32)
        function(as_number(record), as_number(scratch), first, last)

    _share_rows(workers, view, draw_rows)
    return np.ascontiguousarray(picture[:, : view.width])


def pack(rgb: F32) -> U32:
    """Return the colours of cells as bytes, red lowest: (height, width) uint32.

    rgb: (height, width, 3) float32 in [0, 1]; NaN becomes 0.
    """
    height, width, _ = rgb.shape
    cells = np.zeros((height, width, 4), np.uint8)
    cells[..., :3] = quantise(rgb)
    packed: U32 = cells.view("<u4")[..., 0]
    return packed


def pack_state(programs: Programs, states: F32, size: Size, colour: Colour) -> U32:
    """Return `pack` of a model's plain colours; it has no opacity.

    states: (cells + 1, channels) float32.
    """
    width, height = size
    colours = np.empty((height, width), np.uint32)
    scale, offset = (np.array([number], np.float32) for number in (colour.scale, colour.offset))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 6)(programs.pack_colours())
    function(as_number(states), as_number(colours), states.shape[1], width * height, *map(as_number, (scale, offset)))
    return colours


def _widened(colours: U32, more: int) -> U32:
    """Return colours with further columns of the torus."""
    width = colours.shape[1]
    wide: U32 = colours.take(np.arange(width + more) % width, 1) if more else np.ascontiguousarray(colours)
    return wide


def tables(kernel: Kernel, size: Size, view: View, lanes: int) -> dict[str, Any]:
    """Return what a VIEW record holds of a lattice and its view. Places are float64 until they are parts of a cell."""
    (ax, _), (bx, by) = kernel.basis
    n = view.samples(kernel)
    fine = view.scale * n  # points a cell width
    pixel, points = 1 / (view.scale * ax), (np.arange(n) + 0.5) / n
    y = ((np.arange(view.height)[:, None] + points) / view.scale + view.y) / by
    above = np.floor(y).astype(np.int64)
    rows: I64 = np.arange(above[0, 0], above[-1, -1] + 2)
    columns, row_parts = _split((points[0] / view.scale + view.x - rows * bx) / ax)
    row_columns, stored_rows = on_torus(kernel, size, columns, rows)
    # The last block ends with the row, above pixels of the one before it.
    starts = np.minimum(np.arange(0, view.width, lanes), max(view.width - lanes, 0))
    block_columns, block_parts = _split(starts * pixel)
    apart = -bx / ax % 1
    across = int(np.float32(n - 1) * np.float32(pixel / n)) + 3  # in float32, as it is compiled
    return {
        "blocks": len(starts), "block_pixels": starts, "block_columns": block_columns % size[0],
        "block_parts": block_parts, "rows": stored_rows, "row_columns": row_columns, "row_parts": row_parts,
        "point_rows": above - rows[0], "point_middles": ((0.5 - (y - above)) * by * by).astype(np.float32),
        "samples": n, "share": 1 / (n * n), "pixel": pixel, "step": pixel / n, "across": across,
        "pitch": ax * fine, "half_square": ax * ax / 2, "apart": apart,
        **{name: fine / math.hypot((apart + k) * ax, by) for k, name in enumerate(INVERSES, -2)},
        "point": 1 / n,
    }  # fmt: skip


def _split(places: F64) -> tuple[I64, F32]:
    """Return the whole numbers below places, and the parts beyond them."""
    whole = np.floor(places)
    return whole.astype(np.int64), (places - whole).astype(np.float32)
