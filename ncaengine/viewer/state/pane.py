"""What the window's App is made of: how it starts, its panes, and the lines that it tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ncaengine.core.errors import NCAError
from ncaengine.core.types import Size
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.camera import Camera
from ncaengine.viewer.state.pacing import Meter


@dataclass(frozen=True)
class Options:
    """How the window starts.

    size: (width, height) in cells, None for what the machine can do. steps_per_second: one number
    for all grids or one a model. atlas: a file of several models, which the gallery shows at once.
    half: states are float16.
    """

    size: Size | None = None
    kernel: str = "square"
    steps_per_second: tuple[float, ...] = (60.0,)
    rng_seed: int = 0
    atlas: Path | None = None
    half: bool = False

    def rates(self, count: int) -> tuple[float, ...]:
        """Steps per second of each of `count` grids. Raises NCAError if their number does not fit."""
        if len(self.steps_per_second) == 1:
            return self.steps_per_second * count
        if len(self.steps_per_second) != count:
            models = "1 model" if count == 1 else f"{count} models"
            raise NCAError(f"{len(self.steps_per_second)} speeds for {models}; give one for all or one a model.")
        return self.steps_per_second


Button = tuple[str, str, Callable[[], object]]
"""Title, help and action."""


@dataclass(eq=False)
class Toast:
    """A line at the window's foot. Questions stay until they are answered; the rest goes by itself."""

    text: str
    kind: Literal["error", "news"]
    until: float = float("inf")
    buttons: tuple[Button, ...] = ()


@dataclass(eq=False)
class Pane:
    """One grid's place in the window."""

    grid: Grid
    camera: Camera = field(default_factory=Camera)
    meter: Meter = field(default_factory=Meter)
