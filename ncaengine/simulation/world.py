"""The world that commands change: the grids, and everything that commands call by name."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ncaengine.backends.base import Backend
from ncaengine.core import memory, states
from ncaengine.core.brushes import Patch
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.types import Size
from ncaengine.simulation.grid import Grid, Snapshot
from ncaengine.simulation.history import Waiting
from ncaengine.simulation.library import Library
from ncaengine.simulation.runaway import Watch

MOST_GRIDS = 16
"""Beyond these, neither the window nor messages of other programs add grids."""
MOST_REMOVED = 4
"""The number of removed grids that can be brought back."""


class LateError(NCAError):
    """The error of a command that had waited for its step.

    Attributes:
        waiting: That command, with its step and its order of submission.
    """

    def __init__(self, message: str, waiting: Waiting) -> None:
        super().__init__(message)
        self.waiting = waiting


@dataclass(frozen=True, eq=False)
class Origin:
    """What a journal begins with: nothing, or the grids of a session."""

    tick: int = 0
    """In 1/TICKS_PER_SECOND s."""
    next_id: int = 1
    """The number of the next grid."""
    grids: tuple[Snapshot, ...] = ()


@dataclass(eq=False)
class World:
    """The grids of a Simulation, and what commands find by name."""

    backend: Backend
    catalogue: Catalogue
    """The kernels."""
    history: int
    """Bytes that each new grid may use for undo and rewind; 0 for none."""

    def __post_init__(self) -> None:
        self.library = Library()
        self.grids: dict[int, Grid] = {}
        """By number, in ascending order."""
        self.removed: dict[int, Snapshot] = {}
        """The grids that can be brought back, the last removed at the end."""
        self.patch: Patch | None = None
        """The cells that were copied last."""
        self.next_id = 1
        """The number of the next grid."""
        self.last_run = 0
        """The number of the grid that made steps last."""
        self.late: list[NCAError] = []
        """The errors of commands that had waited for their step."""
        self.watch = Watch()
        self.tell: Callable[[str], object] | None = logging.getLogger("ncaengine").warning
        """Called once with a sentence when the states of a grid run away; None if nobody looks."""
        self._told: set[tuple[Model, str]] | None = None
        """The models and kernels of which a sentence was told, inside `telling_once`."""

    def grid(self, number: int) -> Grid:
        """Return a grid by its number. Raises NCAError if there is none."""
        if number not in self.grids:
            raise NCAError(f"There is no grid {number}.")
        return self.grids[number]

    def until_look(self, grid: Grid) -> int:
        """Return how many steps a grid can make before `look` is due."""
        return self.watch.wait(grid) if self.tell else sys.maxsize

    def look(self, grid: Grid, now: bool = False) -> None:
        """Tell it if a grid's states have begun to run away; see runaway.Watch.look."""
        if self.tell and grid.id in self.grids and (sentence := self.watch.look(grid, now)):
            of = grid.model, grid.kernel.name
            if self._told is None or of not in self._told:
                self.tell(sentence)
            if self._told is not None:
                self._told.add(of)

    @contextmanager
    def telling_once(self) -> Iterator[None]:
        """Tell at most one sentence of a model on a kernel inside `with`: its rollouts mostly run away alike."""
        outer = self._told
        self._told = set() if outer is None else outer
        try:
            yield
        finally:
            self._told = outer

    def check_size(self, size: Size, model: Model | None = None) -> None:
        """Raise NCAError if a grid can't have this size here, or there is no memory for it to run a model."""
        states.check_size(size, self.backend.max_side)
        if model:
            memory.check_fits(size, self.backend.bytes_a_cell(model.config))

    def check_room(self) -> None:
        """Raise NCAError if there are MOST_GRIDS already."""
        if len(self.grids) >= MOST_GRIDS:
            raise NCAError(f"There is room for {MOST_GRIDS} grids; remove one first.")

    def add(self, snapshot: Snapshot) -> Grid:
        """Add a grid under the next number, which the snapshot must have."""
        grid = Grid(snapshot, self.backend, self.history)
        self.grids[grid.id] = grid
        self.next_id += 1
        return grid

    def remove(self, grid: Grid) -> None:
        """Remove a grid. The last MOST_REMOVED can be brought back, if they are small enough to keep."""
        if grid.keeps:
            self.removed[grid.id] = grid.snapshot()
            for number in list(self.removed)[:-MOST_REMOVED]:
                del self.removed[number]
        grid.release()
        del self.grids[grid.id]
        self.watch.forget(grid.id)

    def revive(self, number: int) -> Grid:
        """Bring a removed grid back under its number, without its timeline. Raises NCAError if it can't be."""
        if number not in self.removed:
            raise NCAError(f"There is no removed grid {number} to bring back.")
        grid = Grid(self.removed[number], self.backend, self.history)
        self._replace([*self.grids.values(), grid])
        del self.removed[number]
        return grid

    def replace_all(self, grids: Iterable[Grid], next_id: int) -> None:
        """Replace all grids by others."""
        for grid in self.grids.values():
            grid.release()
            self.watch.forget(grid.id)
        self._replace(grids)
        self.removed.clear()
        self.patch = None  # which no journal from here on would know
        self.next_id = max(next_id, max(self.grids, default=0) + 1)

    def _replace(self, grids: Iterable[Grid]) -> None:
        fresh = {grid.id: grid for grid in sorted(grids, key=lambda grid: grid.id)}
        self.grids.clear()
        self.grids.update(fresh)
