"""Areas as masks, (height, width) bool: how they fade, widen, and hang together. Only NumPy is used."""

import numpy as np

from ncaengine.core.types import F32, I32, I64, Bools


def box_of(area: Bools, margin: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns that an area touches, with a margin inside the picture."""
    spans = [np.flatnonzero(area.any(axis)) for axis in (1, 0)]
    rows, columns = (
        slice(max(int(span[0]) - margin, 0), min(int(span[-1]) + 1 + margin, side))
        for span, side in zip(spans, area.shape, strict=True)
    )
    return rows, columns


def fade_of(feather: float) -> int:
    """Return how many pixels on either side of an area's edge a fade over `feather` pixels changes."""
    return round(feather / 2)


def faded(area: Bools, reach: int) -> F32:
    """Return an area's share of each pixel: (height, width) float32, 0 or 1 from `reach` pixels on from its edge.

    Of areas that cover a picture without overlap, the shares add up to 1. At the picture's edges nothing fades.
    """
    n = reach + 1
    sums = np.pad(area, reach, "edge").astype(np.int64)
    for axis in (0, 0, 1, 1):
        sums = _windows(sums, n, axis)
    return (sums / n**4).astype(np.float32)


def widened(area: Bools, by: int) -> Bools:
    """Return an area and all that lies within a square of `by` pixels around it."""
    sums = np.pad(area, by).astype(np.int64)
    return np.asarray(_windows(_windows(sums, 2 * by + 1, 0), 2 * by + 1, 1) > 0)


def connected(area: Bools, row: int, column: int) -> Bools:
    """Return the part of an area that is connected with a pixel of it, over edges of pixels."""
    numbers = (_runs(area), np.ascontiguousarray(_runs(np.ascontiguousarray(area.T)).T))
    runs = [(run, int(run.max()) + 1) for run in numbers]
    part = np.zeros(area.shape, np.bool_)
    part[row, column] = area[row, column]
    found = 0
    while (now := int(part.sum())) > found:
        found = now
        for run, count in runs:  # from some pixels of a run to all of it
            reached = np.zeros(count, np.bool_)
            reached[run[part]] = True
            part = reached[run] & area
    return part


def _runs(area: Bools) -> I32:
    """Return a number for each unbroken run of marked, or of unmarked, pixels of a row."""
    starts = np.ones(area.shape, np.bool_)
    starts[:, 1:] = area[:, 1:] != area[:, :-1]
    return (starts.cumsum(dtype=np.int32) - 1).reshape(area.shape)


def _windows(sums: I64, n: int, axis: int) -> I64:
    """Return the sums of n neighbours along an axis, which becomes n - 1 shorter."""
    zero = np.zeros_like(np.take(sums, [0], axis))
    total = np.concatenate([zero, sums.cumsum(axis)], axis)
    ends = np.arange(n, total.shape[axis])
    found: I64 = np.take(total, ends, axis) - np.take(total, ends - n, axis)
    return found
