"""Pictures that tile: a grid drawn at exactly so many pixels, and how well its edges meet."""

import msgspec
import numpy as np

from ncaengine.core import canvas
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.types import F64, U8
from ncaengine.simulation.grid import Grid

NEAR = 16
"""How many cells on either side of an edge it is compared with."""
UNUSUAL = 1.1
"""A seam that changes by so many times as much as any other place can be seen."""


class Seam(msgspec.Struct, frozen=True):
    """How much a picture changes over an edge, from one cell to the next."""

    change: float
    """As a multiple of the mean of the rows, or columns, nearby."""
    most: float
    """The largest such multiple inside the picture."""

    @property
    def visible(self) -> bool:
        """Whether it is more than anywhere in the picture."""
        return self.change > UNUSUAL * max(self.most, 1)


def draw_tile(grid: Grid, stretched: Kernel, view: View) -> U8:
    """Draw a grid so that its picture tiles: (height, width, 3) uint8. The last two come from framing.tile."""
    return canvas.draw(grid.state(), stretched, grid.model.config.colour, view, grid.look)


def find_seams(picture: U8, stretched: Kernel, view: View) -> tuple[Seam, Seam]:
    """Measure how well the left and right edge of a picture meet, and the upper and lower one.

    Pixels that are a cell apart are compared, because those inside a cell may all have one colour.
    """
    (ax, _), (_, by) = stretched.basis
    across, down = (max(round(pitch * view.scale), 1) for pitch in (ax, by))
    return _seam(picture.transpose(1, 0, 2), across), _seam(picture, down)


def _seam(picture: U8, apart: int) -> Seam:
    """Measure the seam between the last and the first rows of a picture whose cells are `apart` rows high."""
    changes = np.array([_change(picture, row, apart) for row in range(len(picture))])
    around = np.concatenate([changes, changes[: apart - 1]])
    each: F64 = np.convolve(around, np.full(apart, 1 / apart), "valid")  # of all pixels of a cell, from each row on
    inner = each[apart : len(each) - apart + 1]  # those that don't touch the first cells, which follow on the last
    if not inner.any():
        return Seam(float(each[0] > 0), 0)
    near = NEAR * apart
    beside = np.concatenate([inner[:near], inner[-near:]]).mean() or inner.mean()
    return Seam(float(each[0] / beside), float(inner.max() / beside))


def _change(picture: U8, row: int, apart: int) -> float:
    """Return the mean difference of a row and the one `apart` rows before, around the edge."""
    return float(np.abs(picture[row].astype(np.int16) - picture[row - apart]).mean())
