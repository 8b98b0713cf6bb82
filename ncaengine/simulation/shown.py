"""What a notebook displays of a Simulation."""

from typing import Any

from ncaengine.core import display
from ncaengine.core.display import Displayed
from ncaengine.simulation.grid import Grid


class Shown(Displayed):
    """The part of a Simulation that notebooks need."""

    def show(
        self, grid: Grid | int | None = None, *, live: bool = False, stream: bool = False, controls: bool = True,
        height: int = 560,
    ) -> Any:  # fmt: skip
        """Display a grid in a notebook, as a page that runs it in the browser, on from its present cells.

        grid: A grid, its number, or None for the first one.
        live: Whether to return a widget, which brings the browser's cells back (`state()`) and submits its settings and
            strokes as commands. Needs the extra `notebook`. Where the page can't run the model, Python does.
        stream: Whether Python runs the grid of a live widget in any case, and sends pictures.
        controls: Whether the page has its controls, or is the texture alone.
        height: In CSS pixels.

        Raises NCAError if there is no such grid, or a widget needs what isn't installed.
        """
        return display.module().of_simulation(self, grid, live, stream, controls, height)
