"""Warns when a grid's states grow without limit, for example because its file was read wrongly."""

import math
from dataclasses import dataclass

from ncaengine.core.settings import Settings
from ncaengine.core.texts import rounded
from ncaengine.simulation.grid import Grid

FIRST, EVERY = 10, 50
"""The step of the first look. Each further look is at twice as many, but at most EVERY steps later."""
LARGEST = 1000.0
"""The largest |state| that no automaton needs."""
SUSPECT, GROWTH = 20.0, 1.5
"""States above the first that have grown by this factor since the last look run away, too."""


@dataclass
class _Seen:
    """The last look at a grid."""

    step: int = 0
    largest: float = math.inf
    told: bool = False


class Watch:
    """Looks at grids now and then."""

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}

    def told(self, grid: Grid) -> bool:
        """Return whether the last sentence about a grid still holds."""
        return self._seen.get(grid.id, _Seen()).told

    def wait(self, grid: Grid) -> int:
        """Return in how many steps of a grid the next look is due, at least 1."""
        seen = self._seen.get(grid.id, _Seen())
        return max(self._due(seen) - grid.step, 1) if grid.step >= seen.step else FIRST

    def forget(self, number: int) -> None:
        """Drop what is known of a grid that is gone."""
        self._seen.pop(number, None)

    @staticmethod
    def _due(seen: _Seen) -> int:
        return max(FIRST, seen.step + min(seen.step, EVERY))

    def look(self, grid: Grid, now: bool = False) -> str:
        """Return a sentence if a grid's states have begun to run away; '' otherwise, and until it is cured.

        It looks rarely, so it may be called after every step.

        now: Whether to look anyway, because no step will follow.
        """
        seen = self._seen.setdefault(grid.id, _Seen())
        if grid.step < seen.step:
            seen = self._seen[grid.id] = _Seen()
        if not now and grid.step < self._due(seen):
            return ""
        largest = grid.cells.largest()
        grown = largest > SUSPECT and largest > GROWTH * seen.largest
        away = not largest <= LARGEST or grown
        told = away or (seen.told and largest > SUSPECT)
        self._seen[grid.id] = _Seen(grid.step, largest, told)
        if not away or seen.told:
            return ""
        reached = f"reach {rounded(largest, 2)}" if math.isfinite(largest) else "are no longer finite numbers"
        name, cause = grid.model.config.name, _cause(grid)
        return f"{name} has diverged: at step {grid.step} its states {reached}. {cause}"


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
            "Its file leaves some settings open, and ncaengine may have guessed them wrong: "
            "`ncaengine import FILE --detect` tries other readings."
        )
    if "training" in config.attribution and grid.settings.plain:
        return "Its training left it unstable; train it longer, or with a lower --learning-rate."
    if not grid.settings.plain:
        return "Its settings are not those of its training; reset them."
    return "Its weights may be damaged, or meant for another program: `ncaengine import FILE --detect` tries readings."
