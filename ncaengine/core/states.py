"""States as arrays, (height, width, channels) float32: how a grid starts, and what a resize keeps."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ncaengine.core import bounds, pcg
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import MAX_MODELS
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Alive, Colour, Config, Model
from ncaengine.core.types import F32, I32, Size

Keep = Literal["centre", "corner", "tile", "nothing"]
"""What a resize keeps, see `resized`."""

MAX_SIDE, MAX_CELLS = int(bounds.SIDE.high), int(bounds.CELLS.high)
"""8192 x 8192: a state of 12 channels takes 3.2 GB. core.memory checks how much memory is free."""


def check_size(size: Size, max_side: int = MAX_SIDE) -> None:
    """Raise NCAError unless both sides are 1 … `max_side` and there are at most MAX_CELLS cells."""
    width, height = size
    grid = f"A grid of {width}x{height} cells"
    if not (1 <= width <= max_side and 1 <= height <= max_side):
        raise NCAError(f"{grid} is not possible; each side must be from 1 to {max_side} cells.")
    if width * height > MAX_CELLS:
        raise NCAError(f"{grid} is too large; the most is 67 million cells, as 8192x8192.")


def check_models(models: Sequence[Model]) -> None:
    """Raise NCAError unless the cells of one grid can run these models side by side."""
    if len(models) > MAX_MODELS:
        raise NCAError(f"A grid cannot run {len(models)} models; the most is {MAX_MODELS}.")
    first = models[0].config

    def limits(other: Config) -> list[tuple[str, object, object]]:  # the stages of integrators share one limit
        return [] if first.integrator == "euler" else [("limits of the state", first.clips.state, other.clips.state)]

    for other in (model.config for model in models[1:]):
        for what, ours, theirs in (
            ("channels", first.channels, other.channels),
            ("padding", first.padding, other.padding),
            ("colour convention", first.colour, other.colour),
            ("rule of life", first.alive, other.alive),
            ("integrator", first.integrator, other.integrator),
            *limits(other),
        ):
            if ours != theirs:
                raise NCAError(
                    f"The models {first.name!r} and {other.name!r} cannot share a grid, because they differ in "
                    f"{what} ({_describe(ours)} and {_describe(theirs)}); choose models that agree."
                )


def _describe(value: object) -> str:
    if isinstance(value, Colour):
        return f"{value.scale:g}·state + {value.offset:g}{' with opacity' * value.alpha}"
    if isinstance(value, Alive):
        return f"channel {value.channel} above {value.threshold:g}" + f" {value.when} the step" * (value.when != "both")
    return "none" if value is None else str(value)


BAND = 2**18
"""Cells whose noise is computed at a time."""
BLOB_CELLS, BLOB_RADIUS = 14, 3.0
"""A seed of blobs has one spot for every BLOB_CELLS² cells; BLOB_RADIUS is its standard deviation in cells."""


def initial(model: Model, size: Size, rng_seed: int) -> F32:
    """Return the model's initial state, (height, width, channels) float32; see model.Seed.

    rng_seed: decides the noise, or where blobs lie.
    """
    (width, height), config = size, model.config
    seed, state = config.seed, np.zeros((height, width, config.channels), np.float32)
    match seed.kind:
        case "noise":
            band = max(1, BAND // width)  # hashing all cells at once takes several times the state's memory
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
    """Add Gaussian spots on the torus, the same on the first three channels; the first spot is in the middle."""
    height, width, _ = state.shape
    count = max(1, round(width * height / BLOB_CELLS**2))
    # A spot's place depends only on `rng_seed` and the spot's number.
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


def initial_at(model: Model, size: Size, cells: I32, rng_seed: int) -> F32:
    """Return `initial` of some cells, (n, 2) int32 (column, row): (n, channels) float32."""
    seed = model.config.seed
    if seed.kind == "noise":
        return pcg.uniform_noise_at(cells, model.config.channels, rng_seed) * np.float32(seed.level)
    if seed.kind == "zeros":
        return np.zeros((len(cells), model.config.channels), np.float32)
    return initial(model, size, rng_seed)[cells[:, 1], cells[:, 0]]


def resized(state: F32, fresh: F32, keep: Keep, kernel: Kernel) -> F32:
    """Return `state` at the size of `fresh`, whose cells fill the places that the old content doesn't reach.

    keep:
        centre: crop or extend around the centre of the picture.
        corner: crop or extend at the right and lower edges.
        tile: repeat endlessly from the centre, as on the torus.
        nothing: return `fresh`.

    Neighbours stay neighbours: on a skewed lattice, whose rows are shifted in the picture, the content moves by whole
    cells.
    """
    if keep == "nothing":
        return fresh
    (old_height, old_width), (height, width) = state.shape[:2], fresh.shape[:2]
    # Rounded towards 0: a resize and its reverse then move nothing.
    down, right = (0, 0) if keep == "corner" else (int((height - old_height) / 2), int((width - old_width) / 2))
    right -= kernel.row_shift(down) if down > 0 else -kernel.row_shift(-down)
    # Places of the new picture, row by row; then the cell of the unrolled plane at each of them.
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
    # If the width stays, there is no edge: what a skewed lattice moves out on one side comes in on the other.
    within = (place >= 0) & (place < old_width) | (width == old_width)
    inside = (row >= 0) & (row < old_height) & within
    rows = np.broadcast_to(row, inside.shape)[inside]
    out[target[0][inside], target[1][inside]] = state[rows, column[inside] % old_width]
    return out


def _pushed(kernel: Kernel, row: I32) -> I32:
    """Return by how many columns the lattice shifts each row to the right on the screen, rounded down."""
    (pitch, _), (skew, _) = kernel.basis
    pushed: I32 = np.floor(row * (skew / pitch) + 1e-9).astype(np.int32)
    return pushed


def largest(state: F32) -> float:
    """Return the largest |number| of a state; NaN if one is NaN."""
    return float(np.maximum(-state.min(), state.max()))


@np.errstate(over="ignore", invalid="ignore")
def blended(old: F32, weight: F32, target: F32) -> F32:
    """Return states that target values are mixed into, see backends.base.Cells.blend; the arrays fit each other."""
    whole = (weight == 1) | (~np.isfinite(old) & (weight > 0))
    out: F32 = np.where(whole, target, old + weight * (target - old))
    return out


def with_channels(state: F32, channels: int) -> F32:
    """Return the state with another number of channels: surplus ones are dropped, new ones are 0."""
    if state.shape[2] == channels:
        return state
    out = np.zeros((*state.shape[:2], channels), np.float32)
    n = min(channels, state.shape[2])
    out[..., :n] = state[..., :n]
    return out
