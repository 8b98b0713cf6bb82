"""A target out of a photograph: how large its structure is, which part is the most even, its light, its tiles.

Pure functions of pictures, (height, width, 3) float32 RGB in [0, 1].
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import polynomial
from PIL import Image

from ncaengine.core import srgb
from ncaengine.core.types import F32, F64, I64, Bools
from ncaengine.training import measures

LENGTH = 4.0
"""The correlation length of a good target, in cells; those of the shipped models have 2 to 5."""
PARTS = 4
"""A part is as even as its PARTS x PARTS pieces are alike."""
PLACES = 17
"""Places along each side at which parts are tried."""
PLAIN = 0.2
"""A part that varies less than this share of the usual part is a plain border or background."""
BORDER = 0.012
"""Lines of pixels whose standard deviation is below this may belong to a plain border."""
ALIKE = 1.5
"""The largest part is taken that is at most so many times as uneven as the most even one."""
SHARES = (1.0, 0.75, 0.5)
"""Sides of parts that are tried, as shares of the picture's."""
REPEATS = 0.9
"""Pixels that are a tile apart correlate at least so much; those of regular textures correlate less."""
SMALLEST_TILE = 8
"""In pixels."""
VIEWED = 1024
"""The longer side at which parts are compared and tiles are looked for, in pixels."""
SEEN, RESOLVED = 512, 3.0
"""The most pixels of a side that are looked at for the scale, and the least correlation length that is trusted."""
PIECES = 16
"""Light is looked for in PIECES x PIECES pieces of a picture, and not in those that are plain."""
LEAST_TEXTURED = 0.25
"""The share of these pieces that must lie away from plain ones, if those next to plain ones are left out, too."""
DARKEST = 1e-3
"""Light is not evened below this share of white."""


@dataclass(frozen=True)
class Part:
    """A rectangle of a picture, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, picture: F32) -> F32:
        """Return these pixels."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


def without_border(picture: F32) -> Part:
    """Return what lies inside of a plain border, and all of a picture that has none."""
    height, width = picture.shape[:2]
    inside = Part(0, 0, width, height)
    while True:  # where a border has several colours, one line shows only after another is gone
        seen = inside.of(picture)
        (top, bottom), (left, right) = _border(seen), _border(seen.transpose(1, 0, 2))
        if not (top or bottom or left or right):
            return inside
        width, height = inside.width - left - right, inside.height - top - bottom
        inside = Part(inside.x + left, inside.y + top, width, height)


def viewed(picture: F32) -> tuple[F32, float]:
    """Return a picture as it looks from afar, with a longer side of at most VIEWED, and by how much that scales it."""
    height, width = picture.shape[:2]
    share = min(1.0, VIEWED / max(width, height))
    return resized(picture, max(1, round(width * share)), max(1, round(height * share))), share


def found_scale(picture: F32) -> float:
    """Return how much to scale a picture, so that its correlation length is LENGTH.

    Large pictures are first seen from afar, then, if their structure is too fine for that, nearer in the middle.
    It is 1 for a picture of one colour.
    """
    longest = max(picture.shape[:2])
    share = min(1.0, SEEN / longest)
    while True:
        height, width = (min(side, math.ceil(SEEN / share)) for side in picture.shape[:2])
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        middle = Part(left, top, width, height).of(picture)
        length = measures.correlation_length(
            resized(middle, max(1, round(width * share)), max(1, round(height * share)))
        )
        if length >= RESOLVED or share == 1:
            return LENGTH / length * share if length else 1.0
        share = min(1.0, 2 * share)


def resized(picture: F32, width: int, height: int) -> F32:
    """Return a picture at another size."""
    if picture.shape[:2] == (height, width):
        return picture
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[..., k])).resize((width, height), Image.Resampling.LANCZOS)
        )
        for k in range(3)
    ]
    return np.stack(channels, -1).clip(0, 1).astype(np.float32)


def even_part(picture: F32, width: int, height: int) -> Part:
    """Return the most even part of a size: its pieces have about the same colours, contrast and detail.

    Plain parts, as of a border, are not taken, and of parts that are as even, the one nearest to the middle.
    """
    return _most_even(picture, width, height)[0]


def largest_even_part(picture: F32) -> Part:
    """Return the largest of the most even parts whose sides are SHARES of the picture's."""
    height, width = picture.shape[:2]
    found = [_most_even(picture, max(round(share * width), 1), max(round(share * height), 1)) for share in SHARES]
    least = min(unevenness for _, unevenness in found)
    return next(part for part, unevenness in found if unevenness <= ALIKE * least)


def even_light(picture: F32) -> F32:
    """Return a picture without the slow changes of its light, those that a polynomial of degree 3 follows.

    The light multiplies linear values of red, green and blue alike, so colours stay. The mean brightness stays, too.
    Plain parts say nothing about the light.
    """
    linear = srgb.to_light(picture)
    bright = np.log(np.maximum(linear @ srgb.LUMA, DARKEST))
    y, x = (np.linspace(-1, 1, side) for side in bright.shape)
    apart = math.ceil(max(bright.shape) / 256)  # a few pixels are enough
    seen = bright[::apart, ::apart]
    down, across = np.meshgrid(y[::apart], x[::apart], indexing="ij")
    textured = _textured(seen)
    waves = polynomial.polyvander2d(down[textured], across[textured], (3, 3))
    slow = np.add.outer(np.arange(4), np.arange(4)) <= 3
    weights = np.zeros((4, 4))
    weights[slow] = np.linalg.lstsq(waves[:, slow.ravel()], seen[textured], rcond=None)[0]
    known = waves @ weights.ravel()
    light = polynomial.polygrid2d(y, x, weights).clip(known.min(), known.max()).astype(np.float32)
    evened = linear * np.exp(known.mean() - light)[..., None]
    evened *= linear.mean() / max(float(evened.mean()), DARKEST)
    return srgb.from_light(evened.clip(0, 1).astype(np.float32))


def _textured(bright: F32) -> Bools:
    """Return which pixels lie in pieces that are not plain, nor next to plain ones, of which they may hold a part."""
    rows, columns = (np.unique(np.linspace(0, side, PIECES + 1).astype(int)) for side in bright.shape)
    pieces = [np.array_split(row, columns[1:-1], 1) for row in np.array_split(bright, rows[1:-1])]
    spread = np.array([[piece.std() for piece in row] for row in pieces])
    plain = spread < PLAIN * np.quantile(spread, 0.75)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(plain, 1), (3, 3)).any((2, 3))
    unfit = around if np.mean(around) < 1 - LEAST_TEXTURED else plain
    return ~unfit.repeat(np.diff(rows), 0).repeat(np.diff(columns), 1)


def found_tile(picture: F32) -> tuple[float, float]:
    """Return the width and height of the tile that a picture repeats, in pixels; 0 along a side where it doesn't."""
    seen, share = viewed(picture)
    across, down = (
        _refined(side, period / share, 1.5 / share) if (period := _period(small)) else 0.0
        for side, small in ((picture, seen), (picture.transpose(1, 0, 2), seen.transpose(1, 0, 2)))
    )
    return across, down


def edges_meet(picture: F32) -> bool:
    """Return whether a picture tiles: its opposite edges differ no more than neighbours inside it do."""
    return all(_meets(side) for side in (picture, picture.transpose(1, 0, 2)))


def whole_tiles(length: int, period: float) -> int:
    """Return how many whole tiles fit into a length; 0 if there is no period."""
    return int(length / period + 0.005) if period else 0  # a period is known to a small part of a pixel


def _border(picture: F32) -> tuple[int, int]:
    """Return how many rows belong to a plain border, from the first and from the last.

    It has more of them than lie side by side inside the picture: a texture, as of bricks, may have plain rows itself.
    """
    apart = math.ceil(picture.shape[1] / SEEN)  # a few pixels are enough
    spread = picture[:, ::apart].std(1).max(1)
    textured = np.flatnonzero(spread >= min(BORDER, PLAIN * float(np.quantile(spread, 0.9))))
    widest = int(np.diff(textured).max(initial=1)) - 1
    ends = int(textured[0]), len(spread) - 1 - int(textured[-1])
    first, last = (end if end > widest else 0 for end in ends)
    return first, last


def _meets(picture: F32) -> bool:
    """Return whether the first row fits the last; where much of them is plain, that says nothing."""
    details = np.abs(np.diff(picture, axis=1)).mean((1, 2))
    if min(details[0], details[-1]) < 0.5 * np.median(details):
        return False
    changes = np.abs(picture - np.roll(picture, 1, 0)).mean((1, 2))
    return bool(changes[0] <= np.percentile(changes[1:], 90) and changes[1:].any())


def _period(picture: F32) -> int:
    """Return after how many columns a picture repeats, 0 if it doesn't."""
    width = picture.shape[1]
    values = picture - picture.mean((0, 1))
    spread = (values**2).mean()
    if spread < 1e-6:
        return 0
    waves = np.abs(np.fft.rfft(values, 2 * width, axis=1)) ** 2
    sums = np.fft.irfft(waves.sum((0, 2)), 2 * width)[: width // 2 + 2]
    alike = sums / (spread * picture.shape[0] * 3 * (width - np.arange(width // 2 + 2)))
    below = np.flatnonzero(alike < REPEATS)
    if not below.size:  # it hardly changes along this side
        return 0
    peaks = [n for n in range(max(int(below[0]), SMALLEST_TILE), width // 2 + 1) if alike[n] >= REPEATS]
    if not peaks:
        return 0
    near = peaks[0]
    hill = [n for n in peaks if n < near + (below[0] or 1) * 2]  # the top of the first hill
    top = max(hill, key=lambda n: float(alike[n]))
    return top if alike[top] >= alike[top + 1] else 0  # two tiles don't fit if the hill still rises


def _refined(picture: F32, period: float, doubt: float) -> float:
    """Return the period of a picture's columns more exactly, from columns that are more and more periods apart.

    doubt: how far the given period may be from the true one.
    """
    rows = np.ascontiguousarray(picture[:: math.ceil(picture.shape[0] / 256)])  # a few are enough
    times = 1
    while True:
        first, last = math.floor(times * (period - doubt)), math.ceil(times * (period + doubt))
        apart = range(max(1, first), min(last, picture.shape[1] - 1) + 1)
        best = min(apart, key=lambda n: float(np.square(rows[:, n:] - rows[:, :-n]).mean()))
        period, doubt = best / times, 0.5 / times
        most = int(picture.shape[1] / 2 / period)
        if times >= most:
            return period
        times = min(2 * times, most)


def _most_even(picture: F32, width: int, height: int) -> tuple[Part, float]:
    """Return the most even part of a size, and how uneven it is: its pieces' differences by those inside of them."""
    sums = np.cumsum(np.cumsum(_details(picture), 0), 1)
    sums = np.pad(sums, ((1, 0), (1, 0), (0, 0)))
    high, wide = picture.shape[:2]
    width, height = min(width, wide), min(height, high)
    left = np.unique(np.linspace(0, wide - width, PLACES).round().astype(int))
    top = np.unique(np.linspace(0, high - height, PLACES).round().astype(int))
    between, inside = np.transpose([[_varies(sums, x, y, width, height) for x in left] for y in top], (2, 0, 1))
    plain = inside < PLAIN * np.quantile(inside, 0.75)
    uneven = np.where(plain, np.inf, between / np.maximum(inside, 1e-9))
    if not np.isfinite(uneven).any():
        uneven = between
    middle = np.hypot(*np.meshgrid(left - (wide - width) / 2, top - (high - height) / 2))
    order = np.lexsort((middle.ravel(), uneven.round(3).ravel()))
    row, column = np.unravel_index(order[0], uneven.shape)
    return Part(int(left[column]), int(top[row]), width, height), float(uneven[row, column])


def _details(picture: F32) -> F64:
    """Return what is compared of each pixel, and its square: colours, and slopes across and down."""
    grey = picture.mean(2, dtype=np.float64)
    slopes = [np.abs(np.gradient(grey, axis=axis)) for axis in (0, 1)]
    details = np.concatenate([picture, np.stack(slopes, -1)], -1).astype(np.float64)
    return np.concatenate([details, details**2], -1)


def _varies(sums: F64, x: int, y: int, width: int, height: int) -> tuple[float, float]:
    """Return the variance between the pieces of a part, and that inside of them."""
    rows, columns = (
        np.linspace(start, start + side, min(PARTS, side) + 1).round().astype(int)
        for start, side in ((y, height), (x, width))
    )
    corners: F64 = sums[np.ix_(rows, columns)]
    areas: I64 = np.outer(np.diff(rows), np.diff(columns))[..., None]
    means = np.diff(np.diff(corners, axis=0), axis=1) / areas
    mean, square = np.split(means, 2, -1)
    return float(mean.var((0, 1)).sum()), float((square - mean**2).mean((0, 1)).sum())
