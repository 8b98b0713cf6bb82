"""Maps by which a texture follows a picture: directions from its edges, or angles and scales drawn as pictures."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from ncaengine.core.types import F32, F64
from ncaengine.io.photos import Photo, read_photo

Along = Literal["edges", "gradient"]
SCALES = ((10, 1.0), (40, 0.1), (160, 0.01))
"""Over how many cells directions are averaged, and the weights: where nothing is near, what is further away counts."""
GRAIN = 3
"""Over how many cells the picture itself is averaged first, so that its grain has no directions."""
LONGEST = 1024
"""Of the maps' sides: directions need no more."""


def directions(photo: Photo, along: Along, cell: float) -> F32:
    """Return the direction that a picture has at each place, in degrees from right to down: (rows, columns) float32.

    It comes from the structure tensor: "gradient" points from dark to light, "edges" along lines and edges.

    cell: Pixels per cell. The map covers the picture, about one number per cell.
    """
    cell = max(cell, *(side / LONGEST for side in photo.size))
    wide, high = (max(2, round(side / cell)) for side in photo.size)
    light = np.asarray(Image.fromarray(photo.luminance()).resize((wide, high), Image.Resampling.BOX), np.float64)
    most = min(wide, high) - 1
    light = _blurred(light, min(GRAIN, most))
    down, right = (_slope(light, axis) for axis in (0, 1))
    tensor, mean = np.zeros((3, high, wide)), np.zeros((2, high, wide))
    for reach, weight in SCALES:
        squares = (right * right, down * down, right * down)
        tensor += weight * np.stack([_blurred(part, min(reach, most)) for part in squares])
        mean += np.stack([_blurred(part, min(reach, most)) for part in (right, down)])
    (xx, yy, xy), (x, y) = tensor, mean
    angle = np.arctan2(2 * xy, xx - yy) / 2
    angle = np.where(np.cos(angle) * x + np.sin(angle) * y < 0, angle + np.pi, angle)
    degrees = np.degrees(angle) + (90 if along == "edges" else 0)
    return ((degrees + 180) % 360 - 180).astype(np.float32)


def read_angles(path: Path) -> F32:
    """Read a map of angles, in degrees from right to down: (height, width) float32.

    In a coloured picture, the hue is the angle: red is 0°, green 120°. In a grey one, black is 0° and white 360°.
    """
    rgb = _read(path)
    low, high = rgb.min(2), rgb.max(2)
    if (high - low).max() < 0.02:
        grey: F32 = high * np.float32(360)
        return grey
    hue = np.asarray(Image.fromarray(np.round(rgb * 255).astype(np.uint8)).convert("HSV"))[..., 0]
    return hue.astype(np.float32) * np.float32(360 / 256)


def read_scales(path: Path) -> F32:
    """Read a map of scales: (height, width) float32. Black is 0.5, mid-grey 1 and white 2."""
    scales: F32 = np.exp2(2 * _read(path).mean(2) - 1).astype(np.float32)
    return scales


def sampled(values: F32, x: F64, y: F64) -> F32:
    """Return a map's values at places, 0 to 1 across and down the picture that it covers; beyond, those at its edge."""
    rows = np.clip((y * values.shape[0]).astype(np.int64), 0, values.shape[0] - 1)
    columns = np.clip((x * values.shape[1]).astype(np.int64), 0, values.shape[1] - 1)
    found: F32 = values[rows, columns]
    return found


def _read(path: Path) -> F32:
    photo = read_photo(path)
    return photo.rgb.astype(np.float32) / np.float32(photo.white)


def _slope(values: F64, axis: int) -> F64:
    found: F64 = np.gradient(values, axis=axis)
    return found


def _blurred(values: F64, reach: int) -> F64:
    """Return the means over squares of `reach` to either side, twice."""
    for axis in (0, 1, 0, 1):
        n = 2 * reach + 1
        pads = [(reach + 1, reach) if axis == k else (0, 0) for k in (0, 1)]
        total = np.pad(values, pads, "symmetric").cumsum(axis)
        first, last = np.arange(values.shape[axis]), np.arange(n, n + values.shape[axis])
        values = (np.take(total, last, axis) - np.take(total, first, axis)) / n
    return values
