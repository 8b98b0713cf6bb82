"""Timeline: how a grid came to be what it is, so that it can go back and on again, bounded in memory.

Moments hold whole states, some steps apart; marks hold the changes between them. Any step in between
is had by going to the moment before it and running on: the same steps give the same state.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32

BYTES = 2**27
"""Of the moments that a grid keeps, if nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class Moment:
    """Everything that decides how a grid goes on, once `marks` changes and `age` steps had been made.

    age: steps since the grid was added, by whatever seed; step: since the seed.
    """

    age: int
    marks: int
    step: int
    state: F32
    fields: F32 | None
    models: tuple[Model, ...]
    kernel: Kernel
    settings: Settings
    rng_seed: int

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.state.nbytes + (0 if self.fields is None else self.fields.nbytes)


@dataclass(frozen=True, eq=False)
class Mark:
    """A change that was made at an age: `change` makes it again.

    title: what undo calls it; '' for what cannot be undone, as a slider's. more: it goes on with the
    change before. again: what to do when this is dropped, as to put a command back that waits.
    """

    age: int
    change: Callable[[], None]
    title: str = ""
    more: bool = False
    again: Callable[[], None] | None = None


@dataclass
class Timeline:
    """Moments and marks in their order. With a budget of 0 bytes it keeps nothing.

    What lies after the present, once a grid went back, stays until the grid changes or runs on.
    """

    budget: int = BYTES
    moments: list[Moment] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tip: int = 0
    """The greatest age that can be gone forward to."""
    first: int = 0
    """Changes that the grid had seen before; marks are counted from there on."""

    @property
    def start(self) -> int:
        """The least age that can be gone back to."""
        return self.moments[0].age if self.moments else self.tip

    def every(self, cells: int) -> int:
        """Steps between two moments of a grid of so many cells: a second or two of work without a GPU."""
        return min(max(cells // 512, 16), 256)

    def due(self, age: int, cells: int) -> bool:
        """Whether a moment should be kept before the step that follows `age`."""
        return not self.moments or age - self.moments[-1].age >= self.every(cells)

    def keep(self, moment: Moment) -> None:
        """Add the present moment. Where the budget is spent, older ones grow sparse; the first stays."""
        self.moments.append(moment)
        while len(self.moments) > 2 and sum(kept.bytes for kept in self.moments) > self.budget:
            del self.moments[self._least()]

    def _least(self) -> int:
        """The moment whose loss leaves the shortest gap for its distance from the present."""
        now = self.moments[-1].age

        def gap(k: int) -> float:
            return (self.moments[k + 1].age - self.moments[k - 1].age) / (now - self.moments[k].age + 1)

        return min(range(1, len(self.moments) - 1), key=gap)

    def before(self, age: int, marks: int) -> Moment:
        """The last moment from which that place is reached."""
        return next(m for m in reversed(self.moments) if m.age <= age and m.marks <= marks)

    def reached(self, age: int) -> int:
        """Marks made by the end of an age."""
        return self.first + sum(mark.age <= age for mark in self.marks)

    @property
    def last(self) -> int:
        """Marks made by the end of all that is known."""
        return self.first + len(self.marks)

    def between(self, start: int, end: int) -> list[Mark]:
        """The marks from one count to another."""
        return self.marks[start - self.first : end - self.first]

    def cut(self, age: int, marks: int, undone: Sequence[Mark] = ()) -> None:
        """Forget what lies after a place, because the grid goes another way from there; `undone` do not come again."""
        dropped = self.between(marks, self.last)
        del self.marks[marks - self.first :]
        self.moments = [m for m in self.moments if m.age <= age and m.marks <= marks]
        self.tip = age
        for mark in dropped:
            if mark.again and mark not in undone:
                mark.again()

    def restart(self, age: int, marks: int) -> None:
        """Forget everything; what comes is counted on from here."""
        self.moments.clear()
        self.marks.clear()
        self.tip, self.first = age, marks

    def last_edit(self, marks: int) -> int | None:
        """How many marks came before the last edit that can be undone, once `marks` were made."""
        edits = (k for k, mark in enumerate(self.between(self.first, marks)) if mark.title and not mark.more)
        return max(((self.first + k) for k in edits), default=None)
