"""Says when the states of a grid run away, as those of weights do that are read otherwise than they were trained."""

import math
from dataclasses import dataclass, field

import numpy as np

from ncaengine.core.settings import Settings
from ncaengine.simulation.grid import Grid

FIRST = 10
"""The step of the first look; each further look is at twice as many."""
LARGEST = 1000.0
"""The largest |state| that no automaton needs."""
SUSPECT, GROWTH = 20.0, 1.5
"""States above the first that have grown by this factor since the last look run away, too."""
MAX_CELLS = 2**16
"""Cells that are looked at."""


@dataclass
class _Seen:
    """The last look at a grid."""

    step: int = 0
    largest: float = math.inf
    told: bool = False


@dataclass
class Watch:
    """Looks at grids now and then."""

    _seen: dict[int, _Seen] = field(default_factory=dict)

    def look(self, grid: Grid) -> str:
        """Return a sentence if a grid's states have begun to run away; '' otherwise, and until it starts anew.

        It looks rarely, and at a sample of cells, so it may be called after every step.
        """
        seen = self._seen.setdefault(grid.id, _Seen())
        if grid.step < seen.step:
            seen = self._seen[grid.id] = _Seen()
        if seen.told or grid.step < max(FIRST, 2 * seen.step):
            return ""
        largest = _largest(grid)
        grown = largest > SUSPECT and largest > GROWTH * seen.largest
        self._seen[grid.id] = _Seen(grid.step, largest, told=not largest <= LARGEST or grown)
        if not self._seen[grid.id].told:
            return ""
        reached = f"reach {largest:.2g}" if math.isfinite(largest) else "are no finite numbers any more"
        name, cause = grid.model.config.name, _cause(grid)
        return f"{name} runs away, it has diverged: at step {grid.step} its states {reached}. {cause}"


def _largest(grid: Grid) -> float:
    """Return the largest |state| of a sample of cells; infinity if one is not finite."""
    width, height = grid.size
    if width * height <= MAX_CELLS:
        states = grid.state()
    else:
        places = np.unique(np.linspace(0, width * height - 1, MAX_CELLS, dtype=np.int64))
        states = grid.cells.read_cells(np.stack([places % width, places // width], 1).astype(np.int32))
    largest = float(np.abs(states).max())
    return largest if math.isfinite(largest) else math.inf


def _cause(grid: Grid) -> str:
    """Return the likely cause and what to do, a sentence."""
    config, usual = grid.model.config, Settings()
    if grid.kernel.name not in config.kernels:
        return f"It was made for {' and '.join(config.kernels)}, not for {grid.kernel.name}."
    if grid.settings.dt > usual.dt:
        return "Its time step is longer than that of its training; use a shorter one."
    reading = config.attribution.get("reading", "")
    if reading and not reading.startswith("sure"):
        return (
            "Its file does not say all that a step needs, and was perhaps read otherwise than it was trained: "
            "`ncaengine import FILE --detect` tries other readings."
        )
    if not grid.settings.plain:
        return "Its settings are not those of its training; reset them."
    return "Its weights may be damaged, or meant for another program: `ncaengine import FILE --detect` tries readings."
