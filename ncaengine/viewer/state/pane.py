"""A grid's place in the window."""

from dataclasses import dataclass, field

from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.camera import Camera
from ncaengine.viewer.state.pacing import Meter


@dataclass(eq=False)
class Pane:
    """A grid as the window shows it."""

    grid: Grid
    camera: Camera = field(default_factory=Camera)
    meter: Meter = field(default_factory=Meter)
    """Its steps per second."""
    shows_maps: bool = True
    """Whether outlines show where its maps change."""

    def toggle_maps(self) -> None:
        """Show or hide those outlines."""
        self.shows_maps = not self.shows_maps


@dataclass(frozen=True)
class RemovedPane:
    """What comes back with a grid that was removed."""

    camera: Camera
    shows_maps: bool
    linked: frozenset[int]
    """The numbers of the grids that were linked, if it was one of them."""
