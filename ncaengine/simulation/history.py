"""A grid's timeline: whole states some steps apart, and the edits in between, bounded in memory.

Any step in between is reached from the moment before it, by the same steps and edits: they give the same state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ncaengine.core.backdrops import Backdrop
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32
from ncaengine.simulation.commands import AnyCommand

Waiting = tuple[int, int, AnyCommand]
"""A command that waits: its step, its order of submission, and itself."""
BYTES = 2**27
"""The default size of the moments that a grid keeps."""
MOST_EDITS = 4096
"""Edits that a timeline keeps, in addition to those since its last moment."""


@dataclass(frozen=True, eq=False)
class Moment:
    """Everything that decides how a grid goes on."""

    age: int
    """Steps since the grid was added, over all seeds."""
    edit_count: int
    """Edits made by then."""
    step: int
    """Steps since the seed."""
    state: F32
    """(height, width, channels) float32."""
    fields: F32 | None
    """(height, width, 4) float32, or more with embeddings; None where all have their defaults."""
    models: tuple[Model, ...]
    kernel: Kernel
    settings: Settings
    rng_seed: int
    backdrop: Backdrop | None = None
    """The picture on which the grid lies."""

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.state.nbytes + sum(each.nbytes for each in (self.fields, self.backdrop) if each is not None)


class Held(Protocol):
    """An array, or what has some."""

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""


@dataclass(frozen=True, eq=False)
class Edit:
    """A change that was made to a grid at an age."""

    age: int
    change: Callable[[], None]
    """Makes the change, now or again."""
    title: str = ""
    """The name that undo shows; '' for what can't be undone, such as a slider's values."""
    more: bool = False
    """Whether it continues the edit before, as the parts of a stroke do."""
    waited: Waiting | None = None
    """The command that made it, if that had waited; it waits again once the edit is dropped from the timeline."""
    holds: Sequence[Held] = ()
    """What only edits hold in memory: cells that were copied, and states."""


@dataclass
class Timeline:
    """Moments and edits in order. With a budget of 0 bytes it keeps nothing.

    What lies after the present, once a grid went back, stays until the grid is edited or makes another step.
    """

    budget: int = BYTES
    """Bytes of the moments that are kept."""
    moments: list[Moment] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    tip: int = 0
    """The greatest age that can be reached."""
    undone: list[list[Edit]] = field(default_factory=list)
    """The edits that redo makes again, the next ones at the end; each with the others of its stroke."""
    first: int = 0
    """The number of edits before the first one that is kept; edits are counted from the grid's beginning."""

    @property
    def start(self) -> int:
        """The least age that can be reached."""
        return self.moments[0].age if self.moments else self.tip

    def interval(self, cells: int) -> int:
        """Return the steps between two moments of a grid of that many cells: a second or two of work without a GPU."""
        return min(max(cells // 512, 16), 256)

    def due(self, age: int, cells: int) -> bool:
        """Return whether a moment should be kept before the step that follows `age`."""
        return not self.moments or age - self.moments[-1].age >= self.interval(cells)

    def keep(self, moment: Moment) -> None:
        """Add the present moment. Where the budget is spent, older moments are thinned out.

        The first one stays, unless the edits since then are more, or hold more, than is kept.
        """
        self.moments.append(moment)
        while len(self.moments) > 1 and self._too_many_edits():
            del self.moments[0]
            start = self.moments[0].edit_count
            self.edits, self.first = self.edits[start - self.first :], start
        while len(self.moments) > 2 and sum(kept.bytes for kept in self.moments) > self.budget:
            del self.moments[self._most_dispensable()]

    def _too_many_edits(self) -> bool:
        held = {id(each): each.nbytes for edit in self.edits for each in edit.holds}
        return len(self.edits) > MOST_EDITS or sum(held.values()) > self.budget

    def _most_dispensable(self) -> int:
        """Return the moment whose loss leaves the shortest gap for its distance from the present."""
        now = self.moments[-1].age

        def gap(k: int) -> float:
            return (self.moments[k + 1].age - self.moments[k - 1].age) / (now - self.moments[k].age + 1)

        return min(range(1, len(self.moments) - 1), key=gap)

    def before(self, age: int, edit_count: int) -> Moment:
        """Return the last moment from which that place can be reached."""
        return next(m for m in reversed(self.moments) if m.age <= age and m.edit_count <= edit_count)

    def edits_by(self, age: int) -> int:
        """Return the number of edits made by the end of an age."""
        return self.first + sum(edit.age <= age for edit in self.edits)

    @property
    def last(self) -> int:
        """The number of all edits that are known."""
        return self.first + len(self.edits)

    def between(self, start: int, end: int) -> list[Edit]:
        """Return the edits from one count to another."""
        return self.edits[start - self.first : end - self.first]

    def after(self, edit_count: int) -> Edit:
        """Return the edit that comes after a count of edits."""
        return self.edits[edit_count - self.first]

    def waiting_after(self, edit_count: int) -> list[Waiting]:
        """Return the commands that had waited and made edits after a count of edits."""
        return [edit.waited for edit in self.between(edit_count, self.last) if edit.waited]

    def cut(self, age: int, edit_count: int, undone: Sequence[Edit] = ()) -> list[Waiting]:
        """Forget what lies after a place, because the grid goes another way. Return the commands that wait again.

        undone: Edits that are dropped for good.
        """
        gone = [edit.waited for edit in undone]
        again = [waited for waited in self.waiting_after(edit_count) if waited not in gone]
        del self.edits[edit_count - self.first :]
        self.moments = [m for m in self.moments if m.age <= age and m.edit_count <= edit_count]
        self.tip = age
        return again

    def restart(self, age: int, edit_count: int) -> None:
        """Forget everything, and count from here."""
        self.moments.clear()
        self.edits.clear()
        self.tip, self.first = age, edit_count

    def last_undoable(self, edit_count: int) -> int | None:
        """Return how many edits came before the last one that can be undone; None if none can.

        edit_count: The edits made so far; later ones are not looked at.
        """
        counts = range(edit_count - 1, self.first - 1, -1)
        return next((k for k in counts for edit in self.between(k, k + 1) if edit.title and not edit.more), None)
