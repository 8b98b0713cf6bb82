"""Numbers that tell textures apart without a network: how large their structure is, and how it moves.

Pictures are (height, width, 3) float32 in [0, 1] with square pixels. Grids are tori, photographs are not; both are
measured alike, as pictures with edges, so that their numbers can be compared.
"""

import numpy as np

from ncaengine.core.types import F32, F64

FALL = 1 / np.e
"""The correlation length is where the correlation has fallen to this."""
BANDS = np.geomspace(1 / 128, 1 / 2, 19)
"""Limits of the bands of a power spectrum, in waves a pixel."""
BLOCK = 16
"""Side of the squares whose movement is found, in pixels."""
FLAT = 0.02
"""Squares whose weakest slope is below this share of the usual slope can't tell which way they move."""


def correlation(picture: F32) -> F64:
    """Return how alike pixels are, by their distance: entry d is the mean correlation of those about d pixels apart.

    The result ends at half of the shorter side. It is 1 at distance 0; of a picture of one colour all entries are 0.
    """
    values = picture - picture.mean((0, 1), dtype=np.float64)
    height, width = values.shape[:2]
    shape = (2 * height, 2 * width)  # so that nothing wraps around
    power = np.abs(np.fft.rfft2(values, shape, axes=(0, 1))) ** 2
    sums = np.fft.irfft2(power.sum(2), shape)
    pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones((height, width)), shape)) ** 2, shape)
    most = min(height, width) // 2
    y, x = (np.abs(np.fft.fftfreq(n) * n) for n in shape)
    distance = np.rint(np.hypot(y[:, None], x)).astype(int)
    inside = distance <= most
    total = np.bincount(distance[inside], sums[inside], most + 1)
    found: F64 = total / np.bincount(distance[inside], pairs[inside], most + 1)
    return found / found[0] if found[0] > 1e-12 else np.zeros_like(found)


def correlation_length(picture: F32) -> float:
    """Return the distance in pixels at which the correlation has fallen to FALL, between pixels by a straight line.

    Of stripes it is over a quarter of their distance. It is 0 for one colour, and the largest distance that was
    looked at if the correlation doesn't fall so far.
    """
    found = correlation(picture)
    if not found[0]:
        return 0.0
    below = np.flatnonzero(found < FALL)
    if not below.size:
        return float(len(found) - 1)
    end = int(below[0])
    before, after = found[end - 1], found[end]
    return float(end - 1 + (before - FALL) / (before - after))


def spectrum(picture: F32) -> F64:
    """Return the picture's power in each of BANDS, not a number where the picture is too small to have any.

    Power is the mean over all directions and colours; white noise has the same in each band, whatever the size.
    """
    height, width = picture.shape[:2]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])[..., None]
    mean = (picture * window).sum((0, 1)) / window.sum()
    waves = np.fft.fft2((picture - mean) * window, axes=(0, 1))
    power = (np.abs(waves) ** 2).mean(2) / (window**2).sum()
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    band = np.digitize(frequency, BANDS) - 1
    inside = (band >= 0) & (band < len(BANDS) - 1)
    counts = np.bincount(band[inside], minlength=len(BANDS) - 1)
    sums = np.bincount(band[inside], power[inside], len(BANDS) - 1)
    found: F64 = np.divide(sums, counts, np.full(len(counts), np.nan), where=counts > 0)
    return found


def spectrum_distance(found: F64, want: F64) -> float:
    """Return how far two spectra lie apart, in decibels: the mean over the bands that both have."""
    floor = 1e-9  # of a picture of one colour
    apart = np.abs(np.log10((found + floor) / (want + floor)))
    return float(10 * np.nanmean(apart)) if np.isfinite(apart).any() else float("nan")


def movement(before: F32, after: F32) -> float:
    """Return how far a picture's parts have moved between two moments, in pixels, on average.

    Each square of BLOCK pixels moves by itself (method of Lucas and Kanade), so waves that run against each other are
    found, too. Movements of over about 2 pixels are underestimated. It is 0 where nothing can be told.
    """
    one, two = (picture.mean(2, dtype=np.float64) for picture in (before, after))
    height, width = (side // BLOCK * BLOCK for side in one.shape)
    if not height or not width:
        return 0.0
    down, across = np.gradient((one + two) / 2)
    products = np.stack([across * across, across * down, down * down, across * (two - one), down * (two - one)])
    blocks = products[:, :height, :width].reshape(5, height // BLOCK, BLOCK, width // BLOCK, BLOCK).sum((2, 4))
    xx, xy, yy, xt, yt = blocks.reshape(5, -1)
    weakest = (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
    known = weakest > FLAT * max(float((xx + yy).mean()), 1e-9)
    if not known.any():
        return 0.0
    whole = (xx * yy - xy * xy)[known]
    x = (xy * yt - yy * xt)[known] / whole
    y = (xy * xt - xx * yt)[known] / whole
    return float(np.hypot(x, y).mean())
