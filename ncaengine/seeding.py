"""States as arrays: how a grid starts, and what a resize keeps. All are (height, width, channels) float32."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from ncaengine import pcg
from ncaengine.errors import NCAError
from ncaengine.model import F32, Config

Size = tuple[int, int]
"""(width, height) in cells, as in pictures."""
Keep = Literal["centre", "tile", "nothing"]

MAX_SIDE = 16384


def check_size(size: Size, max_side: int = MAX_SIDE) -> None:
    """Raises NCAError unless both sides lie in 1 … `max_side` and one state stays under 4 GiB at 16 channels."""
    width, height = size
    if not (1 <= width <= max_side and 1 <= height <= max_side):
        raise NCAError(f"A grid of {width}x{height} cells is not possible; each side must be from 1 to {max_side}.")
    if width * height > 2**26:
        raise NCAError(
            f"A grid of {width}x{height} cells needs too much memory; the most is 67 million cells (8192x8192)."
        )


def initial(config: Config, size: Size, rng_seed: int) -> F32:
    """The model's initial state for a number `rng_seed`."""
    width, height = size
    if config.seed.kind == "noise":
        return pcg.uniform(width, height, config.channels, rng_seed) * np.float32(config.seed.level)
    return np.zeros((height, width, config.channels), np.float32)


def resized(state: F32, fresh: F32, keep: Keep) -> F32:
    """`state` brought to the size of `fresh`, whose cells fill what the old content does not reach.

    centre: cropped or extended about the centre; tile: repeated from the centre outwards, on the
    torus; nothing: `fresh` as it is.
    """
    if keep == "nothing":
        return fresh
    height, width = fresh.shape[:2]
    rows, columns = _places(state.shape[0], height), _places(state.shape[1], width)
    if keep == "tile":
        picked = state[np.ix_(rows % state.shape[0], columns % state.shape[1])]
        return np.ascontiguousarray(picked)
    out = fresh.copy()
    row_in = np.flatnonzero((rows >= 0) & (rows < state.shape[0]))
    column_in = np.flatnonzero((columns >= 0) & (columns < state.shape[1]))
    out[np.ix_(row_in, column_in)] = state[np.ix_(rows[row_in], columns[column_in])]
    return out


def _places(old: int, new: int) -> npt.NDArray[np.int64]:
    """For each new index the old one that lands there when centres coincide."""
    return np.arange(new) + (old - new) // 2


def with_channels(state: F32, channels: int) -> F32:
    """The same cells for a model of another number of channels: surplus ones dropped, new ones 0."""
    if state.shape[2] == channels:
        return state
    out = np.zeros((*state.shape[:2], channels), np.float32)
    n = min(channels, state.shape[2])
    out[..., :n] = state[..., :n]
    return out
