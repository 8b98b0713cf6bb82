"""Grid: one running instance of a model on a lattice. It changes by a Simulation's commands only."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import itemgetter

import msgspec

from ncaengine.backends.base import Backend
from ncaengine.core import fields, lattice, looks
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import PLANE, Field
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, U8
from ncaengine.simulation.clock import Pace
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.history import Mark, Moment, Timeline

Waiting = tuple[int, int, AnyCommand]
"""A command that waits: for a step, in order of submission."""
Apply = Callable[[Waiting], None]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A grid as it is, to be made again; its timeline apart. gathered: the fraction of a step that is due."""

    id: int
    moment: Moment
    look: Look = RGB
    gathered: Fraction = Fraction(0)
    waiting: tuple[Waiting, ...] = ()


class Grid:
    """What is known of a grid. The underscored methods are the Simulation's.

    size: (width, height) in cells. step: steps made since the seed; age: since the grid was added.
    models: the first is what its cells run, but for those whose `model` field names another.
    marks: changes made to it. changes: grows with every change of what the grid shows. waiting:
    commands put off until a step.
    """

    def __init__(self, snapshot: Snapshot, backend: Backend, history: int) -> None:
        moment = snapshot.moment
        self.id, self.look, self.changes = snapshot.id, snapshot.look, 0
        self.waiting: list[Waiting] = sorted(snapshot.waiting, key=itemgetter(0, 1))
        self.cells = backend.cells()
        self.settings = moment.settings
        self.pace = Pace(moment.settings.steps_per_second, snapshot.gathered)
        self.timeline = Timeline(history, tip=moment.age, first=moment.marks)
        self._undone: list[list[Mark]] = []
        self._ticks = self._due = 0
        self._removed = False
        self._restore(moment)

    def __index__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Grid {self.id}: {self.model.config.name}, {self.kernel.name}, {width}x{height}, step {self.step}>"

    @property
    def model(self) -> Model:
        """The first of its models."""
        return self.models[0]

    def state(self) -> F32:
        """The state, a copy: (height, width, channels) float32."""
        return self.cells.read()

    def field(self, name: Field) -> F32:
        """A field, a copy: (height, width) float32."""
        width, height = self.size
        return (fields.default_fields(width, height) if self.fields is None else self.fields)[..., PLANE[name]].copy()

    def image(self, scale: int = 1, raw: bool = False) -> U8:
        """The whole grid as (height, width, 3) uint8, `scale` pixels a cell, in the lattice's true shape.

        `raw`: the model's colours, one cell one pixel in storage order instead.
        """
        return self.picture(lattice.whole_view(self.kernel, self.size, scale), raw)

    def picture(self, view_: View, raw: bool = False) -> U8:
        """One view of it: (height, width, 3) uint8. `raw` ignores the view."""
        return looks.raw_picture(self.state(), self.model.config.colour) if raw else self.cells.draw(view_, self.look)

    def moment(self) -> Moment:
        """All that decides how it goes on."""
        return Moment(
            self.age, self.marks, self.step, self.state(), self.fields, self.models, self.kernel,
            self.settings, self.rng_seed,
        )  # fmt: skip

    def snapshot(self, number: int | None = None) -> Snapshot:
        """The grid as it is, or a copy of another number, for which no command waits."""
        waiting = tuple(sorted(self.waiting, key=itemgetter(0, 1))) if number is None else ()
        return Snapshot(number or self.id, self.moment(), self.look, self.pace.gathered, waiting)

    def _restore(self, moment: Moment) -> None:
        self.age, self.marks, self.step = moment.age, moment.marks, moment.step
        self.models, self.kernel, self.rng_seed = moment.models, moment.kernel, moment.rng_seed
        pace = {name: getattr(self.settings, name) for name in ("steps_per_second", "paused")}
        self.settings = msgspec.structs.replace(moment.settings, **pace)
        self.fields = moment.fields
        self.cells.specialise(self.models[0], self.kernel, self.models[1:])
        self._write(moment.state, moment.fields)

    def _write(self, state: F32, fields: F32 | None) -> None:
        self.cells.write(state)
        self.cells.write_fields(fields)
        self.fields, self.size = fields, (state.shape[1], state.shape[0])
        self.changes += 1

    # Changes, and the way back

    @property
    def can_undo(self) -> str:
        """What undo would take back, '' if nothing."""
        last = self.timeline.last_edit(self.marks)
        return "" if last is None else self.timeline.between(last, last + 1)[0].title

    @property
    def can_redo(self) -> str:
        """What redo would make again, '' if nothing."""
        return self._undone[-1][0].title if self._undone else ""

    def _edit(self, mark: Mark, anew: bool = True) -> None:
        """Make a change and note it. `anew`: it is not one that was undone, which then are forgotten."""
        moment = self.moment() if self.keeps and mark.title and not mark.more else None
        mark.change()  # if this raises, nothing has happened
        self._cut()
        if moment:
            self.timeline.keep(moment)
        if self.keeps:
            self.timeline.marks.append(mark)
        self.marks += 1
        if not self.keeps:
            self.timeline.restart(self.age, self.marks)
        self.changes += 1
        if anew and mark.title:
            self._undone.clear()

    @property
    def keeps(self) -> bool:
        """Whether the timeline has room for two of its states; one without is of no use."""
        width, height = self.size
        state = 4 * width * height * (self.model.config.channels + len(fields.FIELDS))
        return bool(2 * state <= self.timeline.budget)

    def _cut(self) -> None:
        timeline = self.timeline
        if self.age < timeline.tip or self.marks < timeline.last:
            timeline.cut(self.age, self.marks)

    def _undo(self) -> None:
        first = self.timeline.last_edit(self.marks)
        if first is None:
            raise NCAError("There is nothing to undo on this grid.")
        group = [mark for mark in self.timeline.between(first, self.marks) if mark.title]
        self._go(group[0].age, first)
        self.timeline.cut(self.age, self.marks, group)
        self._undone.append(group)

    def _redo(self) -> None:
        if not self._undone:
            raise NCAError("There is nothing to make again on this grid.")
        for mark in self._undone[-1]:
            self._edit(replace(mark, age=self.age, again=None), anew=False)
        self._undone.pop()

    def _rewind(self, steps: int) -> None:
        timeline = self.timeline
        if not timeline.moments:
            raise NCAError("This grid keeps no timeline, being too large for one, or has made no step yet.")
        age = min(max(self.age - steps, timeline.start), timeline.tip)
        if self.age == timeline.tip > timeline.moments[-1].age and self.marks == timeline.last:
            timeline.keep(self.moment())  # so that coming back to the present takes no time
        self._go(age, timeline.reached(age))

    def _go(self, age: int, marks: int) -> None:
        """To a place of the timeline: from the moment before it, by the same steps and changes."""
        self._restore(self.timeline.before(age, marks))
        while True:
            while self.marks < marks and (mark := self.timeline.between(self.marks, self.marks + 1)[0]).age <= self.age:
                mark.change()
                self.marks += 1
            if self.age >= age:
                break
            self._step()

    def _show(self, look: Look) -> None:
        self.look = look
        self.changes += 1

    # Time

    def _wait(self, at_step: int, order: int, command: AnyCommand) -> None:
        heapq.heappush(self.waiting, (at_step, order, command))

    def _set_pace(self, settings: Settings) -> None:
        """Take over settings that only the clock heeds."""
        self.settings = settings
        self.pace.steps_per_second = settings.steps_per_second
        self.changes += 1

    def _owe(self, ticks: int) -> None:
        if not self.settings.paused:
            self._ticks += ticks

    @property
    def owes(self) -> bool:
        """Whether time has passed for which it may have steps to make yet."""
        return self._due > 0 or self._ticks > 0

    def _settle(self, apply: Apply, most: int | None = None) -> int:
        """Make steps that time has made due, at most so many; returns how many."""
        made = 0
        while self.owes and (most is None or made < most) and not self._removed:
            if self._due == 0:
                # A command that waits for a step may change the pace. Tick by tick, what follows does
                # not depend on the strides in which time is let pass, which a replay does not know.
                ticks = 1 if self.waiting else self._ticks
                self._ticks -= ticks
                if not self.settings.paused:
                    self._due = self.pace.advance(ticks)
                self._come(apply)
                continue
            self._due -= 1
            self._run(1, apply)
            made += 1
        return made

    def _run(self, count: int, apply: Apply) -> None:
        """Make `count` steps, with the commands put off until one of them applied in between."""
        for _ in range(count):
            self._come(apply)
            if self._removed:
                return
            self._cut()
            if self.keeps and self.timeline.due(self.age, self.size[0] * self.size[1]):
                self.timeline.keep(self.moment())
            self._step()
            self.timeline.tip = self.age
        self._come(apply)

    def _come(self, apply: Apply) -> None:
        """Apply the commands that have waited for this step."""
        while self.waiting and self.waiting[0][0] <= self.step:
            apply(heapq.heappop(self.waiting))

    def _step(self) -> None:
        self.cells.step(self.step, self.rng_seed, self.settings)
        self.step += 1
        self.age += 1
        self.changes += 1

    def _remove(self) -> None:
        self.cells.release()
        self.waiting.clear()
        self._removed = True
