"""Loops: recordings whose end meets their start.

Pictures of two moments must not lie over each other: where textures differ, both would be seen through. Instead, the
cells themselves turn. At the end, copies of the grids run on, and patch by patch their cells are drawn towards what
they were at the start, while the model mends the borders. At the last frame all of them are there.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.spill import Spill
from ncaengine.core.types import F32, Size
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

MOST = 2**29
"""Bytes that states of the start may take, on the disk beyond a part in memory; large grids turn faster."""
LEAST = 8
"""Frames that are kept, however large the grids."""
PATCH = 10.0
"""Cells: the size of the patches."""
SHARE = 0.35
"""How long a patch takes, as a share of the time in which they all begin. Chosen by eye, as are PATCH and POWER."""
POWER = 3
"""How gently a patch begins: it is drawn by the cube of its time. More is sudden, less blurs."""
DONE = 0.88
"""When all patches are at the start, as a share of the time."""
LARGEST = 65504.0
"""The largest 16-bit float."""


def turn_of(seconds: float | None) -> float:
    """Return over how many seconds the end of a loop should turn: one, or a third if it is short.

    seconds: the loop's length; None if it is not known.
    """
    return 1.0 if seconds is None else min(1.0, seconds / 3)


class Loop:
    """Keeps the first states of some grids, and turns the last ones into them."""

    def __init__(self, sim: Simulation, grids: Sequence[Grid], frames: int) -> None:
        """Begin to keep states.

        frames: how many the end takes to turn; fewer if states are large.
        """
        self._sim, self._grids, self._spill = sim, tuple(grids), Spill()
        size = sum(2 * grid.size[0] * grid.size[1] * grid.model.config.channels for grid in grids)
        self.frames = max(1, min(frames, max(LEAST, MOST // size)))
        self._ages: list[list[int]] = []
        self._states: list[list[np.ndarray]] = []

    def keeps(self) -> bool:
        """Keep the grids as they are if this is one of the first frames, which come only at the end; say whether."""
        if len(self._states) == self.frames:
            return False
        self._ages.append([grid.age for grid in self._grids])
        states = (np.clip(grid.state(), -LARGEST, LARGEST).astype(np.float16) for grid in self._grids)
        self._states.append([self._spill.kept(state) for state in states])
        return True

    def ending(self) -> Iterator[tuple[Grid, ...]]:
        """Yield copies of the grids for each frame of the end; they are valid until the next one.

        Raises NCAError if a grid's cells are not those of the start any more.
        """
        for grid, first in zip(self._grids, self._states[0], strict=True):
            if first.shape != (grid.size[1], grid.size[0], grid.model.config.channels):
                raise NCAError("A loop needs the same cells at its end: don't change a grid's size or model meanwhile.")
        steps = [[max(0, after - before) for before, after in zip(*ages, strict=True)] for ages in pairwise(self._ages)]
        copies = tuple(Grid(grid.snapshot(grid.id), self._sim.backend, history=0) for grid in self._grids)
        starts = [_starts(grid.size) for grid in copies]
        try:
            for number, states in enumerate(self._states):
                time = (number + 1) / (len(self._states) * DONE)
                for at, (copy, state) in enumerate(zip(copies, states, strict=True)):
                    copy.run(steps[max(number - 1, 0)][at] if steps else 1, lambda _: None)
                    _draw(copy, state, np.clip((time * (1 + SHARE) - starts[at]) / SHARE, 0, 1) ** POWER)
                yield copies
        finally:
            for copy in copies:
                copy.release()


def _draw(grid: Grid, state: np.ndarray, weight: np.ndarray) -> None:
    """Draw cells towards a state by (height, width) weights."""
    rows, columns = np.nonzero(weight)
    if len(rows):
        cells = np.stack([columns, rows], 1).astype(np.int32)
        grid.cells.blend(cells, weight[rows, columns].astype(np.float32), state[rows, columns].astype(np.float32))
        grid.changes += 1


def _starts(size: Size) -> F32:
    """Return when each cell begins to turn: (height, width) float32 evenly spread over 0 to 1, alike in patches."""
    width, height = size
    noise = np.fft.rfft2(np.random.default_rng(0).standard_normal((height, width)))
    waves = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width)[None] ** 2
    smooth = np.fft.irfft2(noise * np.exp(-2 * (np.pi * PATCH) ** 2 * waves), (height, width)).ravel()
    ranks = np.empty(width * height, np.float32)
    ranks[np.argsort(smooth)] = np.linspace(0, 1, width * height, dtype=np.float32)
    return ranks.reshape(height, width)
