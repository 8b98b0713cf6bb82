"""Procedural target textures: NumPy only, seamless on the torus, the same for the same seed.

They are ours, so models trained on them may be shipped. Every generator takes a side in pixels and
a number `rng_seed` and gives (side, side, 3) float32 RGB in [0, 1].
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from ncaengine.errors import NCAError
from ncaengine.model import F32

F64 = npt.NDArray[np.float64]

_OVERSAMPLING = 4
_LIGHT = np.array([-0.48, -0.62, 0.62])  # from the top left; x right, y down, z to the eye


def pebbles(side: int = 128, rng_seed: int = 1) -> F32:
    """Rounded river stones in warm colours with dark joints, each some 15 px wide.

    Voronoi cells of relaxed points (Lloyd 1982), rounded by a smooth minimum of the distances to
    the cell's edges, lit as domes.
    """
    rng = np.random.default_rng(rng_seed)
    count = max(12, round((side / 15.0) ** 2))
    points = _spread(rng, count)
    n = side * _OVERSAMPLING
    scale = np.sqrt(count)  # lengths below are in units of the mean distance of points
    axis = (np.arange(n) + 0.5) / n
    offsets = _wrapped(axis[None, :, None] - points[:, 0]) * scale, _wrapped(axis[:, None, None] - points[:, 1]) * scale
    squared = offsets[0] ** 2 + offsets[1] ** 2
    order = np.argpartition(squared, 8, axis=2)[..., :8]
    order = np.take_along_axis(order, np.argsort(np.take_along_axis(squared, order, 2), 2), 2)
    near = np.take_along_axis(squared, order, 2)
    gaps = _wrapped(points[order[..., 1:]] - points[order[..., :1]]) * scale
    edges = (near[..., 1:] - near[..., :1]) / (2 * np.hypot(gaps[..., 0], gaps[..., 1]))
    edge = -np.log(np.exp(-14 * edges).sum(2)) / 14  # smooth minimum: round corners
    inside = np.clip((edge - 0.05) / 0.38, 0, 1)
    height = np.sqrt(1 - (1 - inside) ** 2) * 0.30
    shade = _lit(height, n / scale)
    palette = np.array(
        [[0.86, 0.36, 0.16], [0.95, 0.62, 0.22], [0.72, 0.20, 0.14], [0.93, 0.80, 0.56], [0.55, 0.30, 0.22]]
    )
    kinds = np.arange(count) % len(palette)
    rng.shuffle(kinds)
    stone = np.clip(palette[kinds] * rng.uniform(0.9, 1.08, (count, 1)), 0, 1)[order[..., 0]]
    mask = _smoothstep((edge - 0.02) / 0.09)[..., None]
    colour = stone * (0.25 + 0.95 * shade[..., None]) + 0.35 * np.clip(shade[..., None] - 0.78, 0, 1)
    return _finish(mask * colour + (1 - mask) * np.array([0.08, 0.05, 0.07]))


def coral(side: int = 128, rng_seed: int = 5) -> F32:
    """Brain coral: rounded salmon ridges with pale crests over teal valleys, wavelength some 17 px.

    Band-passed noise, sharpened by alternating the band-pass with a saturation (the labyrinths of
    Swift & Hohenberg 1977).
    """
    rng = np.random.default_rng(rng_seed)
    band = _band(side, 17.0, 0.2)
    field = _filtered(rng.standard_normal((side, side)), band)
    for _ in range(14):
        field = np.tanh(1.6 * field / field.std())
        field = _filtered(field, band)
    n = side * _OVERSAMPLING
    spectrum = np.zeros((n, n), complex)  # zero-padding the spectrum enlarges without a seam
    keep = np.fft.fftfreq(side, 1 / side).astype(int)
    spectrum[np.ix_(keep, keep)] = np.fft.fft2(field)
    field = np.real(np.fft.ifft2(spectrum))
    field = field / np.sqrt(2) / field.std()
    shade = _lit(0.30 * np.tanh(1.3 * field), n / (side / 17.0))
    stops = np.array([-1.0, -0.35, -0.05, 0.1, 0.6, 1.0])
    valley, wall = [[0.01, 0.30, 0.36], [0.02, 0.22, 0.32]], [[0.20, 0.05, 0.18], [0.86, 0.20, 0.26]]
    colours = np.array([*valley, *wall, [0.99, 0.46, 0.34], [1.0, 0.83, 0.6]])
    colour = np.stack([np.interp(field, stops, colours[:, k]) for k in range(3)], -1)
    return _finish(colour * (0.45 + 0.65 * shade[..., None]))


TARGETS: Mapping[str, Callable[..., F32]] = {"pebbles": pebbles, "coral": coral}
"""The generators by name: (side, rng_seed) -> picture."""


def load(name: str, longest: int = 128) -> F32:
    """A generator's picture by name, or an image file with its longer side brought down to `longest` pixels.

    Gives (height, width, 3) in [0, 1]. Raises NCAError where `name` is neither.
    """
    if name in TARGETS:
        return TARGETS[name](longest)
    try:
        image = Image.open(name).convert("RGB")
    except OSError as error:
        raise NCAError(f"{name}: is no image ({error}) and none of {', '.join(TARGETS)}.") from None
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.asarray(image, np.float32) / np.float32(255)


def _wrapped(offset: F64) -> F64:
    return offset - np.round(offset)


def _smoothstep(x: F64) -> F64:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _spread(rng: np.random.Generator, count: int, rounds: int = 6) -> F64:
    """(count, 2) points on the unit torus, evened out by Lloyd's relaxation on random samples."""
    points = rng.random((count, 2))
    for _ in range(rounds):
        samples = rng.random((count * 120, 2))
        offsets = _wrapped(samples[:, None] - points)
        owner = (offsets**2).sum(2).argmin(1)
        total = np.zeros((count, 2))
        np.add.at(total, owner, offsets[np.arange(len(samples)), owner])
        points = (points + total / np.maximum(np.bincount(owner, minlength=count), 1)[:, None]) % 1
    return points


def _band(side: int, wavelength: float, width: float) -> F64:
    """A ring in the frequency plane about `wavelength` pixels, Gaussian in the octave."""
    f = np.fft.fftfreq(side)
    radius = np.hypot(f[None], f[:, None])
    radius[0, 0] = 1e-9
    return np.asarray(np.exp(-0.5 * (np.log2(radius * wavelength) / width) ** 2))


def _filtered(x: F64, band: F64) -> F64:
    return np.asarray(np.fft.ifft2(np.fft.fft2(x) * band).real)


def _lit(height: F64, unit: float) -> F64:
    """Lambert's cosine, [0, 1], of a height field whose lengths count `unit` pixels."""
    slope_x = (np.roll(height, -1, 1) - np.roll(height, 1, 1)) * unit / 2
    slope_y = (np.roll(height, -1, 0) - np.roll(height, 1, 0)) * unit / 2
    normal = np.stack([-slope_x, -slope_y, np.ones_like(height)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.asarray(np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0, 1))


def _finish(colour: F64) -> F32:
    """Average the oversampled picture down and clip it."""
    n = colour.shape[0] // _OVERSAMPLING
    small = colour.reshape(n, _OVERSAMPLING, n, _OVERSAMPLING, 3).mean((1, 3))
    return np.asarray(np.clip(small, 0, 1), np.float32)
