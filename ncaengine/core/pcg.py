"""PCG4D, the integer hash behind every random choice (Jarzynski & Olano, JCGT 9(3), 2020).

The same arithmetic stands in shaders/include/pcg4d.glsl and in reference.py; the three agree bit
for bit, so a shader, NumPy and torch fire the same cells and seed the same noise.
"""

import numpy as np
import numpy.typing as npt

from ncaengine.core.types import F32, I32, U32

ALWAYS = 0xFFFFFFFF
"""The threshold at which every cell fires, whatever its hash."""


def pcg4d(x: U32, y: U32, z: U32, w: U32) -> tuple[U32, U32, U32, U32]:
    """Hash four uint32 arrays (broadcast together) into four."""
    v = [np.array(a, np.uint32) for a in np.broadcast_arrays(x, y, z, w)]
    v = [a * np.uint32(1664525) + np.uint32(1013904223) for a in v]
    for _ in range(2):
        v[0] += v[1] * v[3]
        v[1] += v[2] * v[0]
        v[2] += v[0] * v[1]
        v[3] += v[1] * v[2]
        if _ == 0:
            v = [a ^ (a >> np.uint32(16)) for a in v]
    return v[0], v[1], v[2], v[3]


def fire_threshold(fire_rate: float) -> int:
    """The uint32 below which a cell's hash must lie for it to fire; ALWAYS means all fire.

    `fire_rate` is a chance per step in [0, 1].
    """
    return min(round(fire_rate * 2.0**32), ALWAYS)


CHANNELS_SEED = 0x9E3779B9
"""What rng_seed grows by for every four channels that fire by chances of their own."""


def fire_masks(
    width: int, height: int, step: int, rng_seed: int, fire_rate: float, channels: int
) -> npt.NDArray[np.bool_]:
    """Which channels of which cells fire, each by a chance of its own: (height, width, channels) bool."""
    threshold = fire_threshold(fire_rate)
    column = np.arange(width, dtype=np.uint32)[None, :]
    row = np.arange(height, dtype=np.uint32)[:, None]
    words: list[U32] = []
    for layer in range(-(-channels // 4)):
        seed = np.uint32((rng_seed + layer * CHANNELS_SEED) & ALWAYS)
        words += pcg4d(column, row, np.uint32(step & ALWAYS), seed)  # type: ignore[arg-type]
    fires: npt.NDArray[np.bool_] = (np.stack(words, -1) < np.uint32(threshold)) | (threshold == ALWAYS)
    return fires[..., :channels]


def pair_offset(width: int, height: int, fire_rate: float, rates: bool = False) -> tuple[int, int] | None:
    """(columns, rows) between two cells of which exactly one fires under an antithetic mask; None where there is none.

    Half the height, or where that is odd half the width: what a window of less than half the grid sees are
    independent coin flips. It takes a fire rate of ½ and no `rates` of cells other than 1.
    """
    if fire_rate != 0.5 or rates or width * height % 2:
        return None
    return (0, height // 2) if height % 2 == 0 else (width // 2, 0)


def fire_mask(
    width: int,
    height: int,
    step: int,
    rng_seed: int,
    fire_rate: float,
    rate: F32 | None = None,
    antithetic: bool = True,
) -> npt.NDArray[np.bool_]:
    """Which cells fire: (height, width) bool. `step` and `rng_seed` are taken modulo 2**32.

    rate: (height, width) float32, what each cell multiplies fire_rate by. A cell of rate 1 heeds the
    whole word, as without rates; of others the upper 24 bits count, which float32 holds exactly, so
    that all devices compare the same numbers.
    antithetic: where there is a `partner`, the coin of each pair's first cell, turned over for the other one.
    """
    if antithetic and (pair := pair_offset(width, height, fire_rate, rate is not None and bool((rate != 1).any()))):
        first = fire_mask(width - pair[0], height - pair[1], step, rng_seed, fire_rate, antithetic=False)
        return np.concatenate([first, ~first], 0 if pair[1] else 1)
    threshold = fire_threshold(fire_rate)
    if threshold == ALWAYS and rate is None:
        return np.ones((height, width), np.bool_)
    column = np.arange(width, dtype=np.uint32)[None, :]
    row = np.arange(height, dtype=np.uint32)[:, None]
    word = pcg4d(column, row, np.uint32(step & ALWAYS), np.uint32(rng_seed & ALWAYS))[0]  # type: ignore[arg-type]
    fires: npt.NDArray[np.bool_] = np.logical_or(word < np.uint32(threshold), threshold == ALWAYS)
    return fires if rate is None else np.where(rate == 1, fires, _share(word) < np.float32(fire_rate) * rate)


def uniform_noise(width: int, height: int, channels: int, rng_seed: int, first: int = 0) -> F32:
    """Noise of a seed, from the row `first` on: (height, width, channels) float32 in [-0.5, 0.5)."""
    column = np.arange(width, dtype=np.uint32)[None, :, None]
    row = np.arange(first, first + height, dtype=np.uint32)[:, None, None]
    return _noise(column, row, channels, 0xA0000000, rng_seed)


def uniform_noise_at(cells: I32, channels: int, rng_seed: int) -> F32:
    """The noise of a seed at (n, 2) int32 (column, row): (n, channels) float32, that of `uniform` there."""
    column, row = cells.astype(np.uint32).T[..., None]
    return _noise(column, row, channels, 0xA0000000, rng_seed)


def edit_noise_at(cells: I32, channels: int, number: int, rng_seed: int) -> F32:
    """Noise of the `number`-th edit at (n, 2) int32 (column, row): (n, channels) float32 in [-1, 1).

    `number` and `rng_seed` are taken modulo 2**32. They are hashed into one word first, so that every
    edit of every seed has noise of its own, alike whatever the grid's size.
    """
    both = pcg4d(*(np.array([word & ALWAYS], np.uint32) for word in (number, rng_seed, 0xB0000000, 0)))
    column, row = cells.astype(np.uint32).T[..., None]
    return _noise(column, row, channels, 0xB0000000, int(both[0][0])) * np.float32(2)


def _noise(column: U32, row: U32, channels: int, offset: int, rng_seed: int) -> F32:
    """(…, channels) float32 in [-0.5, 0.5) of coordinates (…, 1).

    `offset` lifts the channel, the hash's third coordinate, to where no step's number comes, so that
    the noise and the fire masks of the same rng_seed have nothing in common.
    """
    channel = np.arange(channels, dtype=np.uint32) + np.uint32(offset)
    word = pcg4d(column, row, channel, np.uint32(rng_seed & ALWAYS))[1]  # type: ignore[arg-type]
    return _share(word) - np.float32(0.5)


def _share(word: U32) -> F32:
    """The upper 24 bits as a float in [0, 1), without rounding."""
    share: F32 = (word >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return share
