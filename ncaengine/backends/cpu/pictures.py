"""Draws a grid of any shape with compiled code: what drawing.draw_rows reads, and who draws which rows."""

import ctypes
import math
from typing import Any

import numpy as np

from ncaengine.backends.cpu.drawing import INVERSES, VIEW
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.records import as_number, fill
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View, on_torus
from ncaengine.core.looks import quantise
from ncaengine.core.types import F32, F64, I64, U8, U32, Size

PART = 2**14
"""Pixels that a thread draws at a time."""
_DrawRows = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)


def draw(programs: Programs, workers: Workers, rgb: F32, kernel: Kernel, view: View, lines: float) -> U8:
    """Draw a view that is sampled, see lattice.Raster: (height, width, 3) uint8.

    rgb: of the cells, (height, width, 3) float32 in [0, 1]; NaN is drawn as 0.
    lines: how dark the lines between cells are, 0 to 1.
    """
    lanes, size = programs.width.lanes, (rgb.shape[1], rgb.shape[0])
    values = tables(kernel, size, view, lanes)
    across = values["across"]
    # A block's cells may lie right of the grid's last column, where the torus repeats itself.
    more = across + 2 + int(values["pixel"] * (lanes - 1))
    picture = np.empty((view.height, max(view.width, lanes), 3), np.uint8)
    record = np.zeros(len(VIEW), np.int64)
    colours = _packed(rgb, more)
    values["rows"] *= colours.shape[1]
    fill(
        record, VIEW, **values, picture=picture, width=picture.shape[1], columns=size[0], colours=colours,
        lines=float(lines),
    )  # fmt: skip
    draw_rows = _DrawRows(programs.draw_rows())
    high = max(1, PART // picture.shape[1])
    most = int((values["point_rows"][:, -1] - values["point_rows"][:, 0]).max()) + 2

    def draw_part(number: int) -> None:
        scratch = np.empty((most, across + 2, lanes), np.float32)
        first = number * high
        draw_rows(as_number(record), as_number(scratch), first, min(first + high, view.height))

    workers.share(draw_part, -(-view.height // high))
    return np.ascontiguousarray(picture[:, : view.width])


def _packed(rgb: F32, more: int) -> U32:
    """Return the colours as bytes, red lowest, and further columns of the torus: (height, width + more)."""
    height, width, _ = rgb.shape
    cells = np.zeros((height, width, 4), np.uint8)
    cells[..., :3] = quantise(rgb)
    packed: U32 = cells.view("<u4")[..., 0].take(np.arange(width + more) % width, 1)
    return packed


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
