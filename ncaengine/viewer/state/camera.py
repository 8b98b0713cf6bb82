"""Where a grid stands in its pane: fit, zoom about a point, pan. Pure arithmetic in pixels and cell widths."""

import math
from dataclasses import dataclass

from ncaengine.core import lattice
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.types import Size

LARGEST = 128.0
"""Pixels a cell at the strongest zoom."""
LINES_FROM = 12.0
"""Pixels a cell from which thin lines part the cells."""


@dataclass(frozen=True)
class Placed:
    """A view and the place of its upper left corner in the pane, in pixels."""

    view: View
    left: int
    top: int


@dataclass
class Camera:
    """What part of a grid a pane shows.

    zoom: pixels a cell width before snapping, None to fit. x, y: the point of the plane in the
    middle of the pane. repeat: show the endless plane instead of one grid.
    """

    zoom: float | None = None
    x: float = 0.0
    y: float = 0.0
    repeat: bool = False

    def fit(self) -> None:
        """Show the whole grid."""
        self.zoom = None

    def scale(self, kernel: Kernel, size: Size, width: int, height: int) -> float:
        """Pixels a cell width in a pane of width x height pixels; whole numbers where those make cells equal."""
        if self.zoom is not None:
            return float(round(self.zoom)) if self.zoom >= 2 else self.zoom
        across, down = lattice.extent(kernel, size)
        exact = min(width / across, height / down)
        whole = math.floor(exact)
        equal = kernel.basis == ((1.0, 0.0), (0.0, 1.0)) and whole >= 0.9 * exact
        return min(float(whole) if equal else exact, LARGEST)

    def place(self, kernel: Kernel, size: Size, width: int, height: int) -> Placed | None:
        """The picture for a pane of width x height pixels; None where nothing is to be seen."""
        scale = self.scale(kernel, size, width, height)
        (corner_x, corner_y), (across, down) = lattice.corner(kernel), lattice.extent(kernel, size)
        if self.zoom is None:
            self.x, self.y = corner_x + across / 2, corner_y + down / 2
        if not self.repeat:
            self.x = _held(self.x, corner_x, across, width / scale)
            self.y = _held(self.y, corner_y, down, height / scale)
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
        """Zoom by `factor`; the point under `at` (pixels in the pane) stays under it as far as the edges allow."""
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
        """Move the picture by some pixels."""
        scale = self.scale(kernel, size, *pane)
        self.zoom = scale if self.zoom is None else self.zoom
        self.x -= by[0] / scale
        self.y -= by[1] / scale


def _held(middle: float, start: float, length: float, seen: float) -> float:
    """`middle` moved so that a strip `seen` long stays on the grid, or the grid in the strip's middle."""
    if seen >= length:
        return start + length / 2
    return min(max(middle, start + seen / 2), start + length - seen / 2)
