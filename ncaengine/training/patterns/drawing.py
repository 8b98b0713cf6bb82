"""Tools of the generators: points, cells, fields, light, and downsampling.

Everything is on the unit torus, x to the right and y down. Pictures are drawn OVERSAMPLING times too large and
averaged by `downsample`, so edges need no anti-aliasing.
"""

from typing import Any, NamedTuple

import numpy as np

from ncaengine.core.types import F32, F64, I64

OVERSAMPLING = 4
LIGHT = np.array([-0.48, -0.62, 0.62])
"""Towards the light, at the top left: x right, y down, z towards the viewer."""


class VoronoiCells(NamedTuple):
    """Voronoi cells of a picture; lengths in units of the points' mean distance."""

    owner: I64
    """(height, width): the number of the nearest point."""
    edges: F64
    """(height, width, 7): the distances to the cell's seven nearest edges."""
    x: F64
    """(height, width): how far the pixel is to the right of its point."""
    y: F64
    """(height, width): how far the pixel is below its point."""

    def edge(self, sharpness: float) -> F64:
        """Return the distance to the cell's border; a smaller sharpness rounds the corners more (smooth minimum)."""
        return np.asarray(-np.log(np.exp(-sharpness * self.edges).sum(2)) / sharpness)


def pixel_centres(n: int) -> F64:
    """Return the centres of `n` pixels that fill the unit length."""
    return (np.arange(n) + 0.5) / n


def wrap_offset(offset: F64) -> F64:
    """Return the shortest of the offsets that are equal on the torus, in [-0.5, 0.5]."""
    return offset - np.round(offset)


def smoothstep(x: F64) -> F64:
    """Rise from 0 at x = 0 to 1 at x = 1, level at both ends."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def gaussian(x: F64, centre: float, width: float) -> F64:
    """Return a Gaussian bell of height 1."""
    return np.asarray(np.exp(-(((x - centre) / width) ** 2)))


def ramp(x: F64, *stops: tuple[float, tuple[float, float, float]]) -> F64:
    """Return colours for values: linear between (value, colour) stops, constant beyond the outer ones."""
    at = [stop for stop, _ in stops]
    return np.stack([np.interp(x, at, [colour[k] for _, colour in stops]) for k in range(3)], -1)


def mix(a: Any, b: Any, share: F64) -> F64:
    """Blend colours: `a` where `share` is 0, `b` where it is 1."""
    return np.asarray(a + (np.asarray(b) - a) * share[..., None])


def spread_points(rng: np.random.Generator, count: int, rounds: int = 6) -> F64:
    """Return (count, 2) points spread evenly on the unit torus, by Lloyd's relaxation (1982) on random samples."""
    points = rng.random((count, 2))
    for _ in range(rounds):
        samples = rng.random((count * 120, 2))
        offsets = wrap_offset(samples[:, None] - points)
        owner = (offsets**2).sum(2).argmin(1)
        total = np.zeros((count, 2))
        np.add.at(total, owner, offsets[np.arange(len(samples)), owner])
        points = (points + total / np.maximum(np.bincount(owner, minlength=count), 1)[:, None]) % 1
    return points


def voronoi_cells(x: F64, y: F64, points: F64) -> VoronoiCells:
    """Return the Voronoi cells of points, (count, 2), at pixels (x, y), two arrays that broadcast to the picture."""
    scale = np.sqrt(len(points))
    offsets = wrap_offset(x[..., None] - points[:, 0]) * scale, wrap_offset(y[..., None] - points[:, 1]) * scale
    squared = offsets[0] ** 2 + offsets[1] ** 2
    order = np.argpartition(squared, min(8, len(points) - 1), axis=2)[..., :8]
    order = np.take_along_axis(order, np.argsort(np.take_along_axis(squared, order, 2), 2), 2)
    near = np.take_along_axis(squared, order, 2)
    gaps = wrap_offset(points[order[..., 1:]] - points[order[..., :1]]) * scale
    edges = (near[..., 1:] - near[..., :1]) / (2 * np.hypot(gaps[..., 0], gaps[..., 1]))
    owner = order[..., 0]
    return VoronoiCells(
        owner, edges, wrap_offset(x - points[owner, 0]) * scale, wrap_offset(y - points[owner, 1]) * scale
    )


class Shingles(NamedTuple):
    """Overlapping discs in staggered rows; lengths in units of a column's width. All are (height, width)."""

    x: F64
    """How far the pixel is to the right of the centre of the topmost disc."""
    y: F64
    """How far the pixel is below that centre."""
    number: I64
    """The number of that disc."""


def shingles(n: int, columns: int, rows: int, radius: float, length: float = 1.0) -> Shingles:
    """Lay discs like roof tiles, each row on top of the row below it; `rows` must be even to avoid a seam.

    Discs are ellipses, `length` times as long down as across.
    """
    u, v = np.broadcast_arrays(pixel_centres(n)[None] * columns, pixel_centres(n)[:, None] * rows)
    x, y, number = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n), np.int64)
    for up in range(-1, 1 + int(length * radius * rows / columns)):
        row = np.floor(v).astype(np.int64) - up
        shift = row % 2 / 2
        column = np.round(u - shift).astype(np.int64)
        across, down = u - shift - column, (v - row) * columns / rows
        inside = (np.hypot(across, down / length) < radius) | (up == -1)
        x[inside], y[inside] = across[inside], down[inside]
        number[inside] = (row % rows * columns + column % columns)[inside]
    return Shingles(x, y, number)


def band_pass(side: int, wavelength: float, width: float, stretch: float = 1.0) -> F64:
    """Return a ring in the frequency plane around `wavelength` pixels, Gaussian over octaves.

    Waves are `stretch` times as long down as across.
    """
    f = np.fft.fftfreq(side)
    radius = np.hypot(f[None], stretch * f[:, None])
    radius[0, 0] = 1e-9
    return np.asarray(np.exp(-0.5 * (np.log2(radius * wavelength) / width) ** 2))


def filter_field(x: F64, band: F64) -> F64:
    """Multiply the field's spectrum by `band`."""
    return np.asarray(np.fft.ifft2(np.fft.fft2(x) * band).real)


def upsample(field: F64) -> F64:
    """Enlarge the field OVERSAMPLING times by zero-padding its spectrum, which leaves no seam."""
    side = field.shape[0]
    n = side * OVERSAMPLING
    spectrum = np.zeros((n, n), complex)
    keep = np.fft.fftfreq(side, 1 / side).astype(int)
    spectrum[np.ix_(keep, keep)] = np.fft.fft2(field)
    return np.asarray(np.fft.ifft2(spectrum).real)


def noise(rng: np.random.Generator, side: int, wavelength: float, stretch: float = 1.0) -> F64:
    """Return smooth noise for an oversampled picture: deviation 1, with waves of about `wavelength` pixels.

    Waves are `stretch` times as long down as across.
    """
    field = upsample(filter_field(rng.standard_normal((side, side)), band_pass(side, wavelength, 0.35, stretch)))
    return np.asarray(field / field.std())


def labyrinth(rng: np.random.Generator, band: F64) -> F64:
    """Return stripes that wander and fork, from about -1 to 1, for an oversampled picture.

    Noise in the band is sharpened by alternating band-pass and saturation (the labyrinths of Swift & Hohenberg
    1977).
    """
    field = filter_field(rng.standard_normal(band.shape), band)
    for _ in range(14):
        field = np.tanh(1.6 * field / field.std())
        field = filter_field(field, band)
    field = upsample(field)
    return np.asarray(field / np.sqrt(2) / field.std())


def surface_normals(height: F64, unit: float) -> F64:
    """Return the unit normals of a height field, whose unit of length is `unit` pixels."""
    slope_x = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * unit / 2
    slope_y = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * unit / 2
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(normal)


def lambert_light(height: F64, unit: float) -> F64:
    """Return the diffuse light, [0, 1], on a height field, whose unit of length is `unit` pixels (Lambert 1760)."""
    return np.asarray(np.clip(surface_normals(height, unit) @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1))


def specular_light(height: F64, unit: float, sharpness: float) -> F64:
    """Return the mirrored light, [0, 1], on a glossy height field (Blinn 1977)."""
    half = LIGHT / np.linalg.norm(LIGHT) + np.array([0, 0, 1])
    return np.asarray(np.clip(surface_normals(height, unit) @ (half / np.linalg.norm(half)), 0, 1) ** sharpness)


def downsample(colour: F64) -> F32:
    """Average the oversampled picture to its final size and clip it to [0, 1]."""
    n = colour.shape[0] // OVERSAMPLING
    small = colour.reshape(n, OVERSAMPLING, n, OVERSAMPLING, 3).mean((1, 3))
    return np.asarray(np.clip(small, 0, 1), np.float32)
