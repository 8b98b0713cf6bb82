"""States as arrays: how a grid starts, and what a resize keeps. All are (height, width, channels) float32."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from ncaengine.core import pcg, types
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Alive, Colour, Model
from ncaengine.core.types import F32, Size

Keep = Literal["centre", "corner", "tile", "nothing"]

MAX_SIDE = 16384
MAX_CELLS = 2**26
"""8192 x 8192. A state of 12 channels is then 3.2 GB; see memory for what is there."""


def check_size(size: Size, max_side: int = MAX_SIDE) -> None:
    """Raises NCAError unless both sides lie in 1 … `max_side` and there are at most MAX_CELLS cells."""
    width, height = size
    grid = f"A grid of {width}x{height} cells"
    if not (1 <= width <= max_side and 1 <= height <= max_side):
        raise NCAError(f"{grid} is not possible; each side must be from 1 to {max_side} cells.")
    if width * height > MAX_CELLS:
        raise NCAError(f"{grid} is too large; the most is 67 million cells, as 8192x8192.")


def check_models(models: Sequence[Model]) -> None:
    """Raises NCAError unless the cells of one grid can run these models beside each other."""
    if len(models) > MAX_MODELS:
        raise NCAError(f"A grid cannot run {len(models)} models; the most is {MAX_MODELS}.")
    first = models[0].config
    for other in (model.config for model in models[1:]):
        for what, ours, theirs in (
            ("channels", first.channels, other.channels),
            ("padding", first.padding, other.padding),
            ("colour convention", first.colour, other.colour),
            ("what keeps a cell alive", first.alive, other.alive),
        ):
            if ours != theirs:
                raise NCAError(
                    f"The models {first.name!r} and {other.name!r} cannot share a grid, because they differ in "
                    f"{what} ({_spoken(ours)} and {_spoken(theirs)}); choose one that agrees."
                )


def _spoken(value: object) -> str:
    if isinstance(value, Colour):
        return f"{value.scale:g}·state + {value.offset:g}{' with opacity' * value.alpha}"
    if isinstance(value, Alive):
        return f"channel {value.channel} above {value.threshold:g}"
    return "nothing" if value is None else str(value)


BAND = 2**18
"""Cells that get their noise at a time."""
BLOB_CELLS, BLOB_RADIUS = 14, 3.0
"""One spot of a seed of blobs on a square of so many cells a side, and its standard deviation in cells."""


def initial(model: Model, size: Size, rng_seed: int) -> F32:
    """The model's initial state for a number `rng_seed`; see model.Seed."""
    (width, height), config = size, model.config
    seed, state = config.seed, np.zeros((height, width, config.channels), np.float32)
    match seed.kind:
        case "noise":
            band = max(1, BAND // width)  # what the hash takes meanwhile would be several times the state
            for row in range(0, height, band):
                cells = state[row : row + band]
                cells[:] = pcg.uniform_noise(width, len(cells), config.channels, rng_seed, row)
                cells *= np.float32(seed.level)
        case "point":
            state[height // 2, width // 2, seed.first :] = seed.level
        case "blobs":
            _add_blobs(state, seed.level, rng_seed)
        case "image":
            assert model.seed is not None
            rows, columns, channels = model.seed.shape
            top, left = max(rows - height, 0) // 2, max(columns - width, 0) // 2
            image = model.seed[top : top + height, left : left + width]
            top, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
            state[top : top + image.shape[0], left : left + image.shape[1], :channels] = image
    return state


def _add_blobs(state: F32, level: float, rng_seed: int) -> None:
    """Gaussian spots on the torus, on the first three channels alike; the first of them in the middle."""
    height, width, _ = state.shape
    count = max(1, round(width * height / BLOB_CELLS**2))
    # Places from numbers that only `rng_seed` and the spot decide.
    chances = pcg.uniform_noise(count, 1, 2, rng_seed)[0] + np.float32(0.5)
    chances[0] = 0.5
    reach = np.arange(-4 * int(BLOB_RADIUS), 4 * int(BLOB_RADIUS) + 1)
    across = reach[np.abs(reach) <= (width - 1) // 2] if width < len(reach) else reach
    down = reach[np.abs(reach) <= (height - 1) // 2] if height < len(reach) else reach
    fall = [np.exp(-((places / BLOB_RADIUS) ** 2) / 2) for places in (down, across)]
    spot = (level * fall[0][:, None] * fall[1]).astype(np.float32)[..., None]
    for column, row in (chances * np.array([width, height])).astype(int):
        top, left = row + down[0], column + across[0]
        if 0 <= top <= height - len(down) and 0 <= left <= width - len(across):
            state[top : top + len(down), left : left + len(across), :3] += spot  # a slice is faster
        else:
            rows, columns = np.ix_((row + down) % height, (column + across) % width)
            state[rows, columns, :3] += spot


def initial_at(model: Model, size: Size, cells: types.I32, rng_seed: int) -> F32:
    """The initial state of some cells, that of `initial`: (n, channels) of (n, 2) int32 (column, row)."""
    seed = model.config.seed
    if seed.kind == "noise":
        return pcg.uniform_noise_at(cells, model.config.channels, rng_seed) * np.float32(seed.level)
    if seed.kind == "zeros":
        return np.zeros((len(cells), model.config.channels), np.float32)
    return initial(model, size, rng_seed)[cells[:, 1], cells[:, 0]]


def resized(state: F32, fresh: F32, keep: Keep, kernel: Kernel) -> F32:
    """`state` brought to the size of `fresh`, whose cells fill what the old content does not reach.

    centre: cropped or extended about the centre of the picture; corner: at its right and lower
    edges; tile: repeated from the centre without end, as on the torus; nothing: `fresh` as it is.
    Neighbours stay neighbours: on a skewed lattice, whose picture is a rectangle of rows pushed
    aside, the content moves by whole cells.
    """
    if keep == "nothing":
        return fresh
    (old_height, old_width), (height, width) = state.shape[:2], fresh.shape[:2]
    # Rounded towards 0, so that a resize there and back moves nothing.
    down, right = (0, 0) if keep == "corner" else (int((height - old_height) / 2), int((width - old_width) / 2))
    right -= kernel.row_shift(down) if down > 0 else -kernel.row_shift(-down)
    # Places of the new picture, row by row; then the cell of the unrolled plane that lies there.
    new_row = np.arange(height, dtype=np.int32)[:, None]
    new_column = np.arange(width, dtype=np.int32)[None, :] - _pushed(kernel, new_row)
    row, column = new_row - down, new_column - right
    out = fresh.copy()
    target = np.broadcast_to(new_row, (height, width)), new_column % width
    if keep == "tile":
        wraps = row // old_height
        out[target] = state[row % old_height, (column + wraps * kernel.row_shift(old_height)) % old_width]
        return out
    place = column + _pushed(kernel, row)
    # A width that stays is no edge: what a skewed lattice moves out on one side comes in on the other.
    within = (place >= 0) & (place < old_width) | (width == old_width)
    inside = (row >= 0) & (row < old_height) & within
    rows = np.broadcast_to(row, inside.shape)[inside]
    out[target[0][inside], target[1][inside]] = state[rows, column[inside] % old_width]
    return out


def _pushed(kernel: Kernel, row: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Columns by which the lattice pushes each row to the right on the screen, rounded down."""
    (pitch, _), (skew, _) = kernel.basis
    pushed: npt.NDArray[np.int32] = np.floor(row * (skew / pitch) + 1e-9).astype(np.int32)
    return pushed


def with_channels(state: F32, channels: int) -> F32:
    """The same cells for a model of another number of channels: surplus ones dropped, new ones 0."""
    if state.shape[2] == channels:
        return state
    out = np.zeros((*state.shape[:2], channels), np.float32)
    n = min(channels, state.shape[2])
    out[..., :n] = state[..., :n]
    return out
