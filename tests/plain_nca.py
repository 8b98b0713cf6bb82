"""Parts of the published families' steps, in loops over cells, after shared/data/README.md: an independent check.

States are (height, width, channels) float64. Weights have the form of each family's own program.
"""

from collections.abc import Callable

import numpy as np

S = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float)
L9 = np.array([[1, 2, 1], [2, -12, 2], [1, 2, 1]], float)
Array = np.ndarray


def seen(x: Array, row: int, column: int, padding: str) -> Array:
    """Return the state of a cell; beyond the edge, the padding."""
    height, width, _ = x.shape
    if padding == "circular":
        return x[row % height, column % width]
    if padding == "replicate":
        return x[min(max(row, 0), height - 1), min(max(column, 0), width - 1)]
    inside = 0 <= row < height and 0 <= column < width
    return x[row, column] if inside else np.zeros_like(x[0, 0])


def filtered(x: Array, stencil: Array, padding: str) -> Array:
    """Correlate every channel with a square stencil of an odd side, as convolutions of neural nets do."""
    out, side = np.zeros_like(x), len(stencil)
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            for i in range(side):
                for j in range(side):
                    at = row + i - side // 2, column + j - side // 2
                    out[row, column] += stencil[i, j] * seen(x, *at, padding)
    return out


def resized(x: Array, height: int, width: int) -> Array:
    """Interpolate linearly between the four nearest cells; corners are not aligned and edges are replicated."""
    out = np.zeros((height, width, x.shape[2]))
    for row in range(height):
        for column in range(width):
            y = max((row + 0.5) * x.shape[0] / height - 0.5, 0.0)
            z = max((column + 0.5) * x.shape[1] / width - 0.5, 0.0)
            top, left = int(y), int(z)
            for i, share in ((top, 1 - (y - top)), (top + 1, y - top)):
                for j, part in ((left, 1 - (z - left)), (left + 1, z - left)):
                    out[row, column] += share * part * seen(x, i, j, "replicate")
    return out


def channel_major(parts: list[Array]) -> Array:
    """Return (height, width, channels·filters): all filters of channel 0, then of channel 1, …."""
    height, width, channels = parts[0].shape
    out = np.zeros((height, width, channels * len(parts)))
    for channel in range(channels):
        for number, part in enumerate(parts):
            out[..., channel * len(parts) + number] = part[..., channel]
    return out


def filter_major(parts: list[Array]) -> Array:
    return np.concatenate(parts, -1)


def places(x: Array) -> Array:
    """Return row and column from -1 to 1, as NoiseNCA's grid: (height, width, 2)."""
    height, width, _ = x.shape
    out = np.zeros((height, width, 2))
    for row in range(height):
        for column in range(width):
            out[row, column] = 2 * (row / height - 0.5 + 0.5 / height), 2 * (column / width - 0.5 + 0.5 / width)
    return out


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def net(
    z: Array, w1: Array, b1: Array, w2: Array, b2: Array | float = 0.0, g: Callable[[Array], Array] = relu
) -> Array:
    """Apply two layers to each cell: w1 (hidden, inputs), w2 (channels, hidden)."""
    out = np.zeros((*z.shape[:2], len(w2)))
    for row in range(z.shape[0]):
        for column in range(z.shape[1]):
            out[row, column] = w2 @ g(w1 @ z[row, column] + b1) + b2
    return out


def alive(x: Array, padding: str) -> Array:
    """Return whether the largest opacity of a cell and its neighbours is above 0.1: (height, width, 1)."""
    out = np.zeros((*x.shape[:2], 1))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            around = [seen(x, row + i, column + j, padding)[3] for i in (-1, 0, 1) for j in (-1, 0, 1)]
            out[row, column] = max(around) > 0.1
    return out
