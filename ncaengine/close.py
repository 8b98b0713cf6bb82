"""Looking closely: which cells a picture shows and where, for what is drawn upon them."""

import math
from collections.abc import Callable

import numpy as np

from ncaengine.kernels import Kernel
from ncaengine.model import F32, Colour
from ncaengine.seeding import Size
from ncaengine.view import F64, I32, I64, View, on_torus, to_rgb


def visible(kernel: Kernel, size: Size, view: View, most: int) -> tuple[I64, I64, F64, F64]:
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


def appearances(kernel: Kernel, size: Size, view: View, column: int, row: int) -> tuple[F64, F64]:
    """The middles of one cell in a picture, as often as the torus repeats it: x, y, each (n,), as in `visible`."""
    (ax, _), (bx, by) = kernel.basis
    width, height = size
    top, bottom = ((view.y + edge / view.scale) / by for edge in (0, view.height))
    turns = np.arange(math.ceil((top - row) / height), math.ceil((bottom - row) / height))[:, None]
    rows = row + turns * height
    first = column - turns * kernel.row_shift(height)
    left, right = ((view.x + edge / view.scale - rows * bx) / ax for edge in (0, view.width))
    rounds = np.arange(math.ceil(view.width / view.scale / ax / width) + 1)
    columns = first + width * (np.ceil((left - first) / width).astype(np.int64) + rounds)
    rows, right = np.broadcast_to(rows, columns.shape), np.broadcast_to(right, columns.shape)
    x: F64 = (columns * ax + rows * bx - view.x) * view.scale
    y: F64 = (rows.astype(np.float64) * by - view.y) * view.scale
    shown = columns < right
    return x[shown], y[shown]


def seen(
    kernel: Kernel, size: Size, columns: I64, rows: I64, colour: Colour, read: Callable[[I32], F32]
) -> tuple[F32, F32]:
    """What is to be seen at n cells: their state (n, channels) and the gradient of their brightness (n, 2).

    The brightness, 0 … 1, is the mean of red, green and blue; its gradient is that of the kernel's
    own stencils, on the torus, per cell width along x and y of the screen. `read` is Cells.read_cells.
    """
    taps = [list(kernel.stencils[name].taps()) for name in ("gradient_x", "gradient_y")]
    offsets = sorted({(0, 0)} | {(i, j) for one in taps for i, j, _ in one})
    weight = np.zeros((2, len(offsets)), np.float32)
    for axis, one in enumerate(taps):
        for i, j, value in one:
            weight[axis, offsets.index((i, j))] = value
    down, across = np.array(offsets)[..., None].transpose(1, 0, 2)
    column, row = on_torus(kernel, size, columns + across, rows + down)
    places, index = np.unique(row * size[0] + column, return_inverse=True)
    state = read(np.stack([places % size[0], places // size[0]], 1).astype(np.int32))
    index = index.reshape(column.shape)
    bright: F32 = to_rgb(state, colour).mean(-1)
    return state[index[offsets.index((0, 0))]], (weight @ bright[index]).T
