"""Viewport: where a grid's picture is in the window, for everything that is drawn on it or done to it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncaengine.core.lattice import View

if TYPE_CHECKING:
    from ncaengine.viewer.state.pane import Pane


@dataclass(frozen=True)
class Viewport:
    """A pane's picture in this frame."""

    pane: "Pane"
    view: View
    """The part of the plane that the picture shows."""
    left: float
    """The picture's left edge, in window units."""
    top: float
    """The picture's upper edge, in window units."""
    pixel_ratio: float
    """Pixels of the picture in one window unit."""
    hovered: bool
    """Whether the pointer is over the pane."""
    active: bool
    """Whether a mouse button that was pressed over the pane is held."""

    def to_plane(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the plane, in cell widths, that is shown at a point of the window."""
        return self.view.point((x - self.left) * self.pixel_ratio, (y - self.top) * self.pixel_ratio)

    def to_window(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the window at which a point of the plane is shown."""
        scale = self.view.scale / self.pixel_ratio
        return self.left + (x - self.view.x) * scale, self.top + (y - self.view.y) * scale

    @property
    def right(self) -> float:
        """The picture's right edge, in window units."""
        return self.left + self.view.width / self.pixel_ratio

    @property
    def bottom(self) -> float:
        """The picture's lower edge, in window units."""
        return self.top + self.view.height / self.pixel_ratio

    @property
    def cell_size(self) -> float:
        """The width of a cell in window units."""
        return self.view.scale / self.pixel_ratio
