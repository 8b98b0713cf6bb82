"""Which texture each cell of a training grid shall make: two textures, and a map of the second one's share."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ncaengine.core.kernels import Kernel
from ncaengine.core.types import F32

ONE, REGIONS = 0.61, 0.28
"""Of new maps, the share with one texture, and that with two regions; the others are even mixtures. With the grids that
are given another map while they run, this makes about 55, 25 and 10 percent of all, and 10 percent switched."""
WIDEST_BORDER = 8.0
"""The widest border between two regions, in cells."""
PURE = 0.02
"""Up to this share of another texture, a cell counts to a region."""


@dataclass(frozen=True)
class Part:
    """A part of a batch that shall look like one texture, or like a mixture of two."""

    entry: int
    """The grid's number in the batch."""
    shares: tuple[tuple[int, float], ...]
    """The textures' numbers and their shares, which sum to 1."""
    where: Tensor | None = None
    """The part's cells, (size, size) bool; None for all."""
    area: float = 1.0
    """The part's share of the grid, from 0 to 1."""


def draw_share(rng: np.random.Generator, size: int) -> F32:
    """Draw the second texture's share in each cell of a map, (size, size) float32 in [0, 1]."""
    kind = rng.random()
    if kind < ONE:
        return np.zeros((size, size), np.float32)
    if kind < ONE + REGIONS:
        distance = _strip(rng, size) if rng.random() < 0.5 else _blobs(rng, size)
        width = max(1e-3, float(rng.uniform(-2, WIDEST_BORDER)))  # a fifth of the borders are sharp
        return np.asarray(np.clip(0.5 + distance / width, 0, 1), np.float32)
    return np.full((size, size), rng.uniform(0.2, 0.8), np.float32)


def _strip(rng: np.random.Generator, size: int) -> F32:
    """Return each cell's signed distance from the borders of a strip as wide as half the grid; it fits the torus."""
    rows, columns = np.mgrid[:size, :size] / size
    x, y = [(0, 1), (1, 0), (1, 1), (1, -1)][rng.integers(4)]
    phase = (x * columns + y * rows + rng.random()) % 1
    return np.asarray((0.25 - np.abs(phase - 0.5)) * size / np.hypot(x, y), np.float32)


def _blobs(rng: np.random.Generator, size: int) -> F32:
    """Return each cell's signed distance, about, from the zero lines of smooth noise on the torus."""
    waves = np.fft.fftfreq(size, 1 / size)
    low = np.hypot(waves[:, None], waves[None]) <= rng.integers(2, 4)
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * low).real
    noise -= np.quantile(noise, rng.uniform(0.3, 0.7))
    down, right = (np.roll(noise, -1, axis) - np.roll(noise, 1, axis) for axis in (0, 1))
    return np.asarray(2 * noise / (np.hypot(down, right) + 1e-9 * np.abs(noise).max() + 1e-12), np.float32)


def parts(pairs: Tensor, shares: Tensor) -> list[Part]:
    """Return the parts of a batch of maps.

    pairs: the textures' numbers, (batch, 2) int64.
    shares: the share of each pair's second texture, (batch, size, size).
    """
    found = []
    for entry, (pair, share) in enumerate(zip(pairs.tolist(), shares, strict=True)):
        low, high = float(share.min()), float(share.max())
        if high <= PURE or pair[0] == pair[1]:
            found.append(Part(entry, ((pair[0], 1.0),)))
        elif high - low <= PURE:
            found.append(Part(entry, ((pair[0], 1 - low), (pair[1], low))))
        else:
            for texture, where in zip(pair, (share <= PURE, share >= 1 - PURE), strict=True):
                found.append(Part(entry, ((texture, 1.0),), where, float(where.float().mean())))
    return [part for part in found if part.area > 0]


def on_screen(where: Tensor, kernel: Kernel) -> Tensor:
    """Return a map (size, size) of cells as `losses.on_screen` shows them; each pixel is the nearest cell's."""
    (pitch, _), (skew, drop) = kernel.basis
    h, w = where.shape
    shifts = (torch.arange(h, device=where.device) * (skew / pitch)).round().long()
    columns = (torch.arange(w, device=where.device)[None] - shifts[:, None]) % w
    height = round(h * drop / pitch)
    rows = (torch.arange(height, device=where.device) * (h / height)).round().long() % h
    return where.gather(1, columns)[rows]
