"""Spot: where a grid's picture lies in the window, for everything that is drawn or done on it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncaengine.core.lattice import View

if TYPE_CHECKING:
    from ncaengine.viewer.state.pane import Pane


@dataclass(frozen=True)
class Spot:
    """A pane's picture in this frame.

    left, top: its upper left corner in the window, and `density` the picture's pixels a unit there.
    hovered, active: whether the pointer is over the pane, or a button that was pressed there is held.
    """

    pane: "Pane"
    view: View
    left: float
    top: float
    density: float
    hovered: bool
    active: bool

    def point(self, x: float, y: float) -> tuple[float, float]:
        """The point of the plane, in cell widths, under a place in the window."""
        return self.view.point((x - self.left) * self.density, (y - self.top) * self.density)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The place in the window of a point of the plane."""
        scale = self.view.scale / self.density
        return self.left + (x - self.view.x) * scale, self.top + (y - self.view.y) * scale

    @property
    def cell(self) -> float:
        """Size of a cell width in the window."""
        return self.view.scale / self.density
