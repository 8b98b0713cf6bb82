"""Steps in parts of some milliseconds, so that a window can draw while a step takes longer than a frame."""

from collections import deque
from collections.abc import Generator, Iterator
from time import perf_counter
from typing import Protocol, TypeVar

import moderngl

Result = TypeVar("Result")
SECONDS = 0.008
"""About how long a part takes."""
FIRST, LEAST = 2.0**16, 2.0**14
"""Cells of the first part, whose time is not known yet, and the least of any."""


class InParts(Protocol):
    """What makes a step in parts."""

    rest: Iterator[int] | None
    """What is left of the step: it yields the cells of each part that it has asked for. None if nothing is."""

    def settle(self) -> None:
        """Make the rest of the step."""


class Parts:
    """The grids whose steps are being made, and how large a part may be."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._grids: deque[InParts] = deque()
        self._cells = FIRST
        """Cells that take about SECONDS."""

    def rows(self, width: int) -> int:
        """Return how many rows of a width in cells are a part."""
        return max(1, int(self._cells / width))

    def needed(self, cells: int) -> bool:
        """Return whether a step of so many cells takes longer than a part."""
        return cells > self._cells

    def begin(self, grid: InParts) -> None:
        """Note that a grid has a step to make."""
        if grid not in self._grids:
            self._grids.append(grid)

    def go_on(self, timeout: float | None) -> bool:
        """Make parts for some seconds, None for all that are left. Return whether none is left."""
        start = perf_counter()
        while self._grids:
            grid = self._grids[0]
            if grid.rest is None:  # something has read or changed the grid, which makes the rest at once
                self._grids.popleft()
            elif timeout is not None and perf_counter() - start >= timeout:
                return False
            elif not self._make_part(grid.rest):
                grid.settle()
        self._ctx.finish()
        return True

    def _make_part(self, rest: Iterator[int]) -> bool:
        """Make a part and measure it. Return whether there was one."""
        before = perf_counter()
        cells = next(rest, 0)
        self._ctx.finish()
        if cells:
            likely = cells * SECONDS / max(perf_counter() - before, 1e-6)
            self._cells = min(max(likely, self._cells / 2, LEAST), 2 * self._cells)
        return cells > 0


def whole(step: Generator[int, None, Result]) -> Result:
    """Make all parts of a step at once; return what it returns."""
    while True:
        try:
            next(step)
        except StopIteration as end:
            result: Result = end.value
            return result
