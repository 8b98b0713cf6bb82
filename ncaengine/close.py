"""Looking closely: which cells a picture shows and where, for what is drawn upon them."""

import math

import numpy as np

from ncaengine.kernels import Kernel
from ncaengine.seeding import Size
from ncaengine.view import F64, I64, View, on_torus


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
