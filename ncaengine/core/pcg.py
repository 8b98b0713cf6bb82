"""PCG4D, the integer hash behind every random choice (Jarzynski & Olano, JCGT 9(3), 2020).

shaders/include/pcg4d.glsl computes the same; both agree bit for bit, so all devices fire the same cells and seed the
same noise. Seeds and numbers are taken modulo 2**32; for more steps than that see `clock`.
"""

import numpy as np

from ncaengine.core.types import F32, I32, U32, Bools

LAP = 2**31
"""Steps after which the masks go on with another seed: the hash has 32 bits for a step."""
ALWAYS = 0xFFFFFFFF
"""The threshold at which every cell fires, whatever its hash."""
CHANNELS_SEED = 0x9E3779B9
"""Added to rng_seed for every four channels that fire independently."""
UNIFORM, EDIT = 0xA0000000, 0xB0000000
"""Added to the channel that is hashed for noise. No step's number is as large, so noise and the fire masks of the same
rng_seed are independent."""


def pcg4d(x: U32, y: U32, z: U32, w: U32) -> tuple[U32, U32, U32, U32]:
    """Hash four uint32 arrays, broadcast together, into four."""
    v = [np.array(a, np.uint32) for a in np.broadcast_arrays(x, y, z, w)]
    v = [a * np.uint32(1664525) + np.uint32(1013904223) for a in v]
    for turn in range(2):
        v[0] += v[1] * v[3]
        v[1] += v[2] * v[0]
        v[2] += v[0] * v[1]
        v[3] += v[1] * v[2]
        if turn == 0:
            v = [a ^ (a >> np.uint32(16)) for a in v]
    return v[0], v[1], v[2], v[3]


def clock(step: int, rng_seed: int) -> tuple[int, int]:
    """Return the step, less than LAP, and the seed that decide which cells fire in a step.

    Both stay as they are in the first lap; in each further one the seed is another, so that no mask comes again.
    """
    lap, number = divmod(step, LAP)
    if lap == 0:
        return number, rng_seed
    words = (lap & ALWAYS, lap >> 32 & ALWAYS, rng_seed & ALWAYS, ALWAYS)
    return number, int(pcg4d(*(np.array([word], np.uint32) for word in words))[0][0])


def fire_threshold(fire_rate: float) -> int:
    """Return the uint32 below which a cell's hash must be for the cell to fire; ALWAYS means that all cells fire.

    fire_rate: a chance per step, 0 to 1.
    """
    return min(round(fire_rate * 2.0**32), ALWAYS)


def pair_offset(width: int, height: int, fire_rate: float, rates: bool = False) -> tuple[int, int] | None:
    """Return (columns, rows) between the two cells of a pair, of which exactly one fires under an antithetic mask.

    It is half the height or, if that is odd, half the width: windows smaller than half the grid see independent coin
    flips. None where there are no pairs: they need a fire rate of ½, and no cell with a rate other than 1 (`rates`).
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
) -> Bools:
    """Return which cells fire: (height, width) bool.

    rate: (height, width) float32, by which each cell multiplies fire_rate. A cell of rate 1 compares its whole hash, as
        without rates. Others compare the upper 24 bits, which float32 holds exactly, so all devices compare the same
        numbers.
    antithetic: if there is a `pair_offset`, the second cell of each pair fires when the first doesn't.
    """
    if antithetic and (pair := pair_offset(width, height, fire_rate, rate is not None and bool((rate != 1).any()))):
        first = fire_mask(width - pair[0], height - pair[1], step, rng_seed, fire_rate, antithetic=False)
        return np.concatenate([first, ~first], 0 if pair[1] else 1)
    if fire_threshold(fire_rate) == ALWAYS and rate is None:
        return np.ones((height, width), np.bool_)
    return _fires(_hash_cells(width, height, step, rng_seed)[0], fire_rate, rate)


def fire_masks(
    width: int, height: int, step: int, rng_seed: int, fire_rate: float, channels: int, rate: F32 | None = None
) -> Bools:
    """Return which channels of which cells fire, each independently: (height, width, channels) bool.

    rate: (height, width) float32, see fire_mask.
    """
    words: list[U32] = []
    for layer in range(-(-channels // 4)):
        words += _hash_cells(width, height, step, rng_seed + layer * CHANNELS_SEED)
    return _fires(np.stack(words[:channels], -1), fire_rate, None if rate is None else rate[..., None])


def _hash_cells(width: int, height: int, step: int, rng_seed: int) -> tuple[U32, U32, U32, U32]:
    """Return the hash of every cell in a step: four (height, width) uint32."""
    column = np.arange(width, dtype=np.uint32)[None, :]
    row = np.arange(height, dtype=np.uint32)[:, None]
    return pcg4d(column, row, np.uint32(step & ALWAYS), np.uint32(rng_seed & ALWAYS))  # type: ignore[arg-type]


def _fires(word: U32, fire_rate: float, rate: F32 | None) -> Bools:
    threshold = fire_threshold(fire_rate)
    fires: Bools = np.logical_or(word < np.uint32(threshold), threshold == ALWAYS)
    return fires if rate is None else np.where(rate == 1, fires, _fraction(word) < np.float32(fire_rate) * rate)


def uniform_noise(width: int, height: int, channels: int, rng_seed: int, first: int = 0) -> F32:
    """Return a seed's noise, from the row `first` on: (height, width, channels) float32 in [-0.5, 0.5)."""
    column = np.arange(width, dtype=np.uint32)[None, :, None]
    row = np.arange(first, first + height, dtype=np.uint32)[:, None, None]
    return _noise(column, row, channels, UNIFORM, rng_seed)


def uniform_noise_at(cells: I32, channels: int, rng_seed: int) -> F32:
    """Return `uniform_noise` of some cells, (n, 2) int32 (column, row): (n, channels) float32."""
    column, row = cells.astype(np.uint32).T[..., None]
    return _noise(column, row, channels, UNIFORM, rng_seed)


def edit_noise_at(cells: I32, channels: int, number: int, rng_seed: int) -> F32:
    """Return the noise of one edit at some cells, (n, 2) int32 (column, row): (n, channels) float32 in [-1, 1).

    number: counts the edits. It is hashed with `rng_seed` into one word first, so every edit of every seed has its own
    noise, which doesn't depend on the grid's size.
    """
    both = pcg4d(*(np.array([word & ALWAYS], np.uint32) for word in (number, rng_seed, EDIT, 0)))
    column, row = cells.astype(np.uint32).T[..., None]
    return _noise(column, row, channels, EDIT, int(both[0][0])) * np.float32(2)


def _noise(column: U32, row: U32, channels: int, offset: int, rng_seed: int) -> F32:
    """Return noise of coordinates (…, 1): (…, channels) float32 in [-0.5, 0.5).

    offset: UNIFORM or EDIT.
    """
    channel = np.arange(channels, dtype=np.uint32) + np.uint32(offset)
    word = pcg4d(column, row, channel, np.uint32(rng_seed & ALWAYS))[1]  # type: ignore[arg-type]
    return _fraction(word) - np.float32(0.5)


def _fraction(word: U32) -> F32:
    """Return the upper 24 bits as a float in [0, 1), without rounding."""
    fraction: F32 = (word >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return fraction
