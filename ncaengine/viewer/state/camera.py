"""Which part of a grid its pane shows: fit, zoom, pan. Pure arithmetic in pixels and cell widths."""

import math
from dataclasses import dataclass, field

from ncaengine.core import lattice
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.types import Size

LARGEST = 128.0
"""Pixels per cell at the strongest zoom."""
LINES_FROM = 12.0
"""Pixels per cell from which thin lines separate the cells."""
LEAST_SHOWN = 0.6
"""The share of a grid that must stay visible for its picture to fill the pane without being told to."""


@dataclass(frozen=True)
class Placed:
    """A view and the place of its upper left corner in the pane, in pixels."""

    view: View
    left: int
    top: int


@dataclass
class Camera:
    """Which part of a grid a pane shows."""

    zoom: float | None = None
    """Pixels per cell width, before rounding; None to fit the grid into the pane, or to fill the pane with it."""
    x: float = 0.0
    y: float = 0.0
    """The point of the plane in the middle of the pane, in cell widths."""
    repeat: bool = False
    """Whether to show the endless plane instead of one grid."""
    fill: bool | None = None
    """Whether the picture fills the pane and is cut at two sides; None for what suits the pane."""
    prefers_fill: bool = field(default=False, compare=False)
    """Whether to fill the pane where nothing else is chosen and most of the grid stays visible."""
    filled: bool = field(default=False, compare=False)
    """Whether the picture filled the pane when it was last placed."""

    def fit(self) -> None:
        """Show the whole grid."""
        self.zoom, self.fill = None, False

    def fills(self, kernel: Kernel, size: Size, width: int, height: int) -> bool:
        """Return whether the picture fills a pane of width x height pixels and is cut at two sides.

        kernel, size: those of the grid.
        """
        if self.zoom is not None or self.repeat:
            return False
        across, down = lattice.extent(kernel, size)
        low, high = sorted((width / across, height / down))
        return self.prefers_fill and low >= LEAST_SHOWN * high if self.fill is None else self.fill

    def scale(self, kernel: Kernel, size: Size, width: int, height: int) -> float:
        """Return the pixels per cell width in a pane of width x height pixels, whole if that makes cells equal.

        kernel, size: those of the grid.
        """
        if self.zoom is not None:
            return float(round(self.zoom)) if self.zoom >= 2 else self.zoom
        across, down = lattice.extent(kernel, size)
        fills = self.fills(kernel, size, width, height)
        exact = (max if fills else min)(width / across, height / down)
        whole = math.ceil(exact) if fills else math.floor(exact)
        equal = kernel.basis == ((1.0, 0.0), (0.0, 1.0)) and 0.9 <= whole / exact <= 1.1
        return min(float(whole) if equal else exact, LARGEST)

    def place(self, kernel: Kernel, size: Size, width: int, height: int) -> Placed | None:
        """Return the picture for a pane of width x height pixels; None if nothing is visible."""
        scale = self.scale(kernel, size, width, height)
        (corner_x, corner_y), (across, down) = lattice.corner(kernel), lattice.extent(kernel, size)
        self.filled = self.fills(kernel, size, width, height)
        if self.zoom is None:
            self.x, self.y = corner_x + across / 2, corner_y + down / 2
        if not self.repeat:
            self.x = _limited(self.x, corner_x, across, width / scale)
            self.y = _limited(self.y, corner_y, down, height / scale)
        tile_left = math.floor((corner_x - self.x) * scale + width / 2 + 0.5)
        tile_top = math.floor((corner_y - self.y) * scale + height / 2 + 0.5)
        left, top, right, bottom = 0, 0, width, height
        if not self.repeat:
            left, top = max(0, tile_left), max(0, tile_top)
            right = min(width, tile_left + max(1, round(across * scale)))
            bottom = min(height, tile_top + max(1, round(down * scale)))
        if right <= left or bottom <= top:
            return None
        x, y = corner_x + (left - tile_left) / scale, corner_y + (top - tile_top) / scale
        return Placed(View(right - left, bottom - top, scale, x, y), left, top)

    def zoom_about(
        self, kernel: Kernel, size: Size, pane: tuple[int, int], at: tuple[float, float], factor: float
    ) -> None:
        """Zoom by `factor`. The point under `at` stays there as far as the edges allow.

        pane: (width, height) in pixels.
        at: (x, y) in pixels in the pane.
        """
        before = self.scale(kernel, size, *pane)
        self.place(kernel, size, *pane)
        across, down = lattice.extent(kernel, size)
        smallest = min(0.5 * min(pane[0] / across, pane[1] / down), 1.0)
        start = before if self.zoom is None else self.zoom
        self.zoom = min(max(start * factor, smallest), LARGEST)
        after = self.scale(kernel, size, *pane)
        for axis, name in ((0, "x"), (1, "y")):
            away = at[axis] - pane[axis] / 2
            setattr(self, name, getattr(self, name) + away / before - away / after)

    def pan(self, kernel: Kernel, size: Size, pane: tuple[int, int], by: tuple[float, float]) -> None:
        """Move the picture by some pixels (x, y)."""
        scale = self.scale(kernel, size, *pane)
        self.zoom = scale if self.zoom is None else self.zoom
        self.x -= by[0] / scale
        self.y -= by[1] / scale


def _limited(middle: float, start: float, length: float, visible: float) -> float:
    """Move `middle` so that the visible strip around it stays on the grid, or the grid in the strip's middle.

    start, length: where the grid begins and how long it is.
    visible: the strip's length.
    """
    if visible >= length:
        return start + length / 2
    return min(max(middle, start + visible / 2), start + length - visible / 2)
