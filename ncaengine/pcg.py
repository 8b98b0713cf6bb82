"""PCG4D, the integer hash behind every random choice (Jarzynski & Olano, JCGT 9(3), 2020).

The same arithmetic stands in shaders/include/pcg4d.glsl and in reference.py; the three agree bit
for bit, so a shader, NumPy and torch fire the same cells and seed the same noise.
"""

import numpy as np
import numpy.typing as npt

U32 = npt.NDArray[np.uint32]
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


def fire_mask(width: int, height: int, step: int, rng_seed: int, fire_rate: float) -> npt.NDArray[np.bool_]:
    """Which cells fire: (height, width) bool. `step` and `rng_seed` are taken modulo 2**32."""
    threshold = fire_threshold(fire_rate)
    if threshold == ALWAYS:
        return np.ones((height, width), np.bool_)
    column = np.arange(width, dtype=np.uint32)[None, :]
    row = np.arange(height, dtype=np.uint32)[:, None]
    word = pcg4d(column, row, np.uint32(step & ALWAYS), np.uint32(rng_seed & ALWAYS))[0]  # type: ignore[arg-type]
    return word < np.uint32(threshold)


def uniform(width: int, height: int, channels: int, rng_seed: int) -> npt.NDArray[np.float32]:
    """Noise of a seed: (height, width, channels) float32 in [-0.5, 0.5)."""
    column = np.arange(width, dtype=np.uint32)[None, :, None]
    row = np.arange(height, dtype=np.uint32)[:, None, None]
    # The high half of the third coordinate is never reached by a step, so that a seed's noise and
    # the first fire masks of the same rng_seed have nothing in common.
    channel = np.arange(channels, dtype=np.uint32)[None, None, :] + np.uint32(0xA0000000)
    word = pcg4d(column, row, channel, np.uint32(rng_seed & ALWAYS))[1]  # type: ignore[arg-type]
    return ((word >> np.uint32(8)).astype(np.float32) / np.float32(1 << 24)) - np.float32(0.5)
