"""What the generators share: points, cells, fields, light, and the way down from the oversampled picture.

Everything lives on the unit torus, x to the right and y down. Pictures are drawn OVERSAMPLING times
too large and averaged in `finish`, so no edge needs anti-aliasing of its own.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ncaengine.core.types import F32

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

OVERSAMPLING = 4
LIGHT = np.array([-0.48, -0.62, 0.62])  # from the top left; x right, y down, z to the eye


class VoronoiCells(NamedTuple):
    """Voronoi cells over a picture, lengths in units of the points' mean distance."""

    owner: I64
    """The number of the nearest point."""
    edges: F64
    """Distances to the nearest seven edges of the cell, on the last axis."""
    x: F64
    """Where the pixel lies, seen from its point."""
    y: F64

    def edge(self, sharpness: float) -> F64:
        """Distance to the cell's border, its corners the rounder the smaller the sharpness."""
        return np.asarray(-np.log(np.exp(-sharpness * self.edges).sum(2)) / sharpness)


def axis(n: int) -> F64:
    """The middles of n pixels that fill the unit length."""
    return (np.arange(n) + 0.5) / n


def wrapped(offset: F64) -> F64:
    """The shortest of the offsets that mean the same on the torus."""
    return offset - np.round(offset)


def smoothstep(x: F64) -> F64:
    """From 0 to 1, level at both ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def bump(x: F64, centre: float, width: float) -> F64:
    """A Gaussian bell of height 1."""
    return np.asarray(np.exp(-(((x - centre) / width) ** 2)))


def ramp(x: F64, *stops: tuple[float, tuple[float, float, float]]) -> F64:
    """Colours for values: straight between (value, colour) stops, constant beyond the outer ones."""
    at = [stop for stop, _ in stops]
    return np.stack([np.interp(x, at, [colour[k] for _, colour in stops]) for k in range(3)], -1)


def mixed(a: Any, b: Any, share: F64) -> F64:
    """Colours `a` where the share is 0, `b` where it is 1."""
    return np.asarray(a + (np.asarray(b) - a) * share[..., None])


def spread(rng: np.random.Generator, count: int, rounds: int = 6) -> F64:
    """(count, 2) points on the unit torus, evened out by Lloyd's relaxation (1982) on random samples."""
    points = rng.random((count, 2))
    for _ in range(rounds):
        samples = rng.random((count * 120, 2))
        offsets = wrapped(samples[:, None] - points)
        owner = (offsets**2).sum(2).argmin(1)
        total = np.zeros((count, 2))
        np.add.at(total, owner, offsets[np.arange(len(samples)), owner])
        points = (points + total / np.maximum(np.bincount(owner, minlength=count), 1)[:, None]) % 1
    return points


def cells(x: F64, y: F64, points: F64) -> VoronoiCells:
    """The Voronoi cells of (count, 2) points at the places (x, y), two arrays that broadcast to the picture."""
    scale = np.sqrt(len(points))
    offsets = wrapped(x[..., None] - points[:, 0]) * scale, wrapped(y[..., None] - points[:, 1]) * scale
    squared = offsets[0] ** 2 + offsets[1] ** 2
    order = np.argpartition(squared, min(8, len(points) - 1), axis=2)[..., :8]
    order = np.take_along_axis(order, np.argsort(np.take_along_axis(squared, order, 2), 2), 2)
    near = np.take_along_axis(squared, order, 2)
    gaps = wrapped(points[order[..., 1:]] - points[order[..., :1]]) * scale
    edges = (near[..., 1:] - near[..., :1]) / (2 * np.hypot(gaps[..., 0], gaps[..., 1]))
    owner = order[..., 0]
    return VoronoiCells(owner, edges, wrapped(x - points[owner, 0]) * scale, wrapped(y - points[owner, 1]) * scale)


class Shingles(NamedTuple):
    """Overlapping discs in staggered rows, lengths in units of a column's width."""

    x: F64
    """Where the pixel lies, seen from the middle of the disc on top there."""
    y: F64
    number: I64


def shingles(n: int, columns: int, rows: int, radius: float) -> Shingles:
    """Discs like roof tiles, each row lying on the row below it; `rows` is even for the seam's sake."""
    u, v = np.broadcast_arrays(axis(n)[None] * columns, axis(n)[:, None] * rows)
    x, y, number = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n), np.int64)
    for up in range(-1, 1 + int(radius * rows / columns)):
        row = np.floor(v).astype(np.int64) - up
        shift = row % 2 / 2
        column = np.round(u - shift).astype(np.int64)
        across, down = u - shift - column, (v - row) * columns / rows
        inside = (np.hypot(across, down) < radius) | (up == -1)
        x[inside], y[inside] = across[inside], down[inside]
        number[inside] = (row % rows * columns + column % columns)[inside]
    return Shingles(x, y, number)


def band(side: int, wavelength: float, width: float) -> F64:
    """A ring in the frequency plane about `wavelength` pixels, Gaussian in the octave."""
    f = np.fft.fftfreq(side)
    radius = np.hypot(f[None], f[:, None])
    radius[0, 0] = 1e-9
    return np.asarray(np.exp(-0.5 * (np.log2(radius * wavelength) / width) ** 2))


def filtered(x: F64, band: F64) -> F64:
    """The field with its spectrum weighed."""
    return np.asarray(np.fft.ifft2(np.fft.fft2(x) * band).real)


def enlarged(field: F64) -> F64:
    """The field OVERSAMPLING times as large: zero-padding the spectrum enlarges without a seam."""
    side = field.shape[0]
    n = side * OVERSAMPLING
    spectrum = np.zeros((n, n), complex)
    keep = np.fft.fftfreq(side, 1 / side).astype(int)
    spectrum[np.ix_(keep, keep)] = np.fft.fft2(field)
    return np.asarray(np.fft.ifft2(spectrum).real)


def noise(rng: np.random.Generator, side: int, wavelength: float) -> F64:
    """Smooth noise of deviation 1 for an oversampled picture, band-limited about `wavelength` pixels."""
    field = enlarged(filtered(rng.standard_normal((side, side)), band(side, wavelength, 0.35)))
    return np.asarray(field / field.std())


def labyrinth(rng: np.random.Generator, band: F64) -> F64:
    """Stripes that wander and fork, some -1 to 1, for an oversampled picture.

    Noise in the band, sharpened by alternating the band-pass with a saturation (the labyrinths of
    Swift & Hohenberg 1977).
    """
    field = filtered(rng.standard_normal(band.shape), band)
    for _ in range(14):
        field = np.tanh(1.6 * field / field.std())
        field = filtered(field, band)
    field = enlarged(field)
    return np.asarray(field / np.sqrt(2) / field.std())


def normals(height: F64, unit: float) -> F64:
    """Unit normals of a height field whose lengths count `unit` pixels."""
    slope_x = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * unit / 2
    slope_y = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * unit / 2
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(normal)


def lit(height: F64, unit: float) -> F64:
    """Lambert's cosine, [0, 1], of a height field whose lengths count `unit` pixels."""
    return np.asarray(np.clip(normals(height, unit) @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1))


def glint(height: F64, unit: float, sharpness: float) -> F64:
    """The mirrored light of a glossy height field, [0, 1] (Blinn 1977)."""
    half = LIGHT / np.linalg.norm(LIGHT) + np.array([0, 0, 1])
    return np.asarray(np.clip(normals(height, unit) @ (half / np.linalg.norm(half)), 0, 1) ** sharpness)


def finish(colour: F64) -> F32:
    """Average the oversampled picture down and clip it."""
    n = colour.shape[0] // OVERSAMPLING
    small = colour.reshape(n, OVERSAMPLING, n, OVERSAMPLING, 3).mean((1, 3))
    return np.asarray(np.clip(small, 0, 1), np.float32)
