"""Grid: one running instance of a model on a lattice. It changes only by a Simulation's commands."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import itemgetter
from typing import cast

import numpy as np

from ncaengine.backends.base import Backend, Cells
from ncaengine.core import backdrops, canvas, embeddings, fields, lattice, looks, pcg
from ncaengine.core.display import Displayed
from ncaengine.core.embeddings import Placed
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, PLANE, Field
from ncaengine.core.gone import Gone
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, U8
from ncaengine.simulation.clock import Pace
from ncaengine.simulation.commands import AnyCommand
from ncaengine.simulation.history import Edit, Moment, Timeline, Waiting

Apply = Callable[[Waiting], None]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A grid as it is, to be made again, without its timeline."""

    id: int
    moment: Moment
    look: Look = RGB
    gathered: Fraction = Fraction(0)
    """The fraction of a step that is due."""
    waiting: tuple[Waiting, ...] = ()


class Grid(Displayed):
    """A grid's cells, and all that is known of them.

    Read it freely; to change it, submit commands to its Simulation. The methods from `edit` on are for the
    Simulation and its command handlers.

    Attributes:
        id: Its number.
        size: (width, height) in cells.
        step: Steps made since the seed.
        age: Steps made since the grid was added.
        models: The models that its cells run: the first one, except where the `model` field names another.
        kernel: The neighbourhood.
        settings: See settings.Settings.
        rng_seed: Decides, with the step, which cells fire.
        fields: (height, width, 4) float32, or more with embeddings; None where all have their defaults.
        backdrop: The picture on which it lies, if any.
        look: What is shown of its cells.
        edit_count: Edits made to it so far; undo takes some back.
        changes: Grows with every change of what the grid shows.
        waiting: Commands that wait for a step, the next one first.
        timeline: What it keeps to go back in time.
        cells: Its state on the device.
        pace: Turns time into steps.
    """

    def __init__(self, snapshot: Snapshot, backend: Backend, history: int) -> None:
        """Make a grid as it was. history: bytes that its timeline may keep."""
        moment = snapshot.moment
        self.id, self.look, self.changes = snapshot.id, snapshot.look, 0
        self.waiting: list[Waiting] = sorted(snapshot.waiting, key=itemgetter(0, 1))
        self.cells: Cells = backend.cells()
        self.settings = moment.settings
        self.pace = Pace(moment.settings.steps_per_second, snapshot.gathered)
        self.timeline = Timeline(history, tip=moment.age, first=moment.edit_count)
        self._ticks = 0  # that have passed and are not yet turned into steps
        self._due = 0  # steps
        self._released = False
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
        """Return a copy of the state: (height, width, channels) float32. Raises NCAError if the grid is gone."""
        return self.cells.read()

    def field(self, name: Field) -> F32:
        """Return a copy of a field: (height, width) float32. Raises NCAError if there is no such field."""
        if name not in list(PLANE):
            raise NCAError(f"There is no field {name!r:.60}; choose from: {', '.join(PLANE)}.")
        return (self.default_fields(*self.size) if self.fields is None else self.fields)[..., PLANE[name]].copy()

    @property
    def textures(self) -> dict[str, Placed]:
        """What its cells can make, by name: the slot of the model and the embedding; see embeddings.palette."""
        return embeddings.palette(self.models)

    def embedding(self) -> F32:
        """Return a copy of the cells' embeddings: (height, width, numbers) float32; 0 numbers if no model reads any."""
        return (self.default_fields(*self.size) if self.fields is None else self.fields)[..., len(FIELDS) :].copy()

    def default_fields(self, width: int, height: int) -> F32:
        """Return the fields of a grid of this size whose cells all make the first texture."""
        return fields.default_fields(width, height, embeddings.first(*(model.config for model in self.models)))

    def image(self, scale: int = 1, raw: bool = False) -> U8:
        """Return a picture of the whole grid: (height, width, 3) uint8, in the lattice's true shape.

        scale: Pixels per cell.
        raw: The model's colours, one pixel per cell in storage order, instead.
        Raises NCAError if the scale is no number, or too large.
        """
        return self.picture(lattice.whole_view(self.kernel, self.size, scale), raw)

    def picture(self, view: View, raw: bool = False) -> U8:
        """Return the picture of a view: (height, width, 3) uint8. `raw` ignores the view.

        A grid that lies on a picture shows it, except where areas are marked.
        """
        if raw:
            return looks.raw_picture(self.state(), self.model.config.colour)
        return self.over_backdrop(self.drawn(view), view)

    def over_backdrop(self, drawn: U8, view: View) -> U8:
        """Return a view's picture of the cells over the picture under the grid, if there is one.

        drawn: (height, width, 3) uint8.
        """
        if self.backdrop is None:
            return drawn
        rgb, share = self.backdrop.seen(self.kernel, self.size, view)
        return backdrops.composed(rgb, drawn * (share / np.float32(255))[..., None], share)

    def drawn(self, view: View) -> U8:
        """Return the picture of a view of the cells alone: (height, width, 3) uint8.

        Smooth views are drawn here, not on the device, except those of changes, which only the device knows.
        """
        colour = self.model.config.colour
        if view.smooth and self.look.mode != "update":
            return canvas.draw(self.state(), self.kernel, colour, view, self.look, None, self.fields)
        return self.cells.draw(view, self.look)

    def moment(self) -> Moment:
        """Return everything that decides how it goes on."""
        return Moment(
            self.age, self.edit_count, self.step, self.state(), self.fields, self.models, self.kernel,
            self.settings, self.rng_seed, self.backdrop,
        )  # fmt: skip

    def snapshot(self, number: int | None = None) -> Snapshot:
        """Return the grid as it is, or a copy under another number, for which no command waits."""
        due = [*self.waiting, *self.timeline.waiting_after(self.edit_count)] if number is None else []
        due.sort(key=itemgetter(0, 1))
        return Snapshot(number or self.id, self.moment(), self.look, self.pace.gathered, tuple(due))

    @property
    def can_undo(self) -> str:
        """The title of the edit that undo would take back; '' if there is none."""
        return self.last_edit.title if self.last_edit else ""

    @property
    def can_redo(self) -> str:
        """The title of the edit that redo would make again; '' if there is none."""
        return self.timeline.undone[-1][0].title if self.timeline.undone else ""

    @property
    def last_edit(self) -> Edit | None:
        """The edit that undo would take back; of a stroke, its first part."""
        last = self.timeline.last_undoable(self.edit_count)
        return None if last is None else self.timeline.after(last)

    @property
    def keeps(self) -> bool:
        """Whether the timeline has room for at least two of its states; with fewer it keeps nothing."""
        state = 4 * self.size[0] * self.size[1] * (self.model.config.channels + len(FIELDS))
        return bool(2 * state <= self.timeline.budget)

    # Edits, and the way back

    def edit(self, edit: Edit, new: bool = True) -> None:
        """Make an edit and note it in the timeline.

        new: False for an edit that was undone and is made again; a new one makes the undone ones be forgotten.
        """
        kept = self.keeps
        moment = self.moment() if kept and edit.title and not edit.more else None
        edit.change()  # if this raises, nothing has happened
        self._forget_future()
        if moment:
            self.timeline.keep(moment)
        self.edit_count += 1
        if kept and self.keeps:
            self.timeline.edits.append(edit)
        else:  # there is no state that it could be undone from
            self.timeline.restart(self.age, self.edit_count)
        self.changes += 1
        if new and edit.title:
            self.timeline.undone.clear()

    def undo(self) -> None:
        """Go back to before the last edit. Raises NCAError if there is none."""
        first = self.timeline.last_undoable(self.edit_count)
        if first is None:
            raise NCAError("Nothing to undo on this grid.")
        group = [edit for edit in self.timeline.between(first, self.edit_count) if edit.title]
        self._go_to(group[0].age, first)
        self._forget_future(group)
        self.timeline.undone.append(group)

    def redo(self) -> None:
        """Make the last undone edit again, on the present state. Raises NCAError if there is none."""
        if not self.timeline.undone:
            raise NCAError("Nothing to redo on this grid.")
        for edit in self.timeline.undone[-1]:
            self.edit(replace(edit, age=self.age, waited=None), new=False)
        self.timeline.undone.pop()

    def rewind(self, steps: int) -> None:
        """Go back some steps, or forward again if below 0, as far as the timeline reaches. Raises NCAError."""
        timeline = self.timeline
        if not timeline.moments:
            raise NCAError("This grid has no timeline: it is too large for one, or has made no step yet.")
        age = min(max(self.age - steps, timeline.start), timeline.tip)
        if self.age == timeline.tip > timeline.moments[-1].age and self.edit_count == timeline.last:
            timeline.keep(self.moment())  # so coming back to the present takes no time
        self._go_to(age, timeline.edits_by(age))

    def show(self, look: Look) -> None:
        """Change what is shown of the cells."""
        self.look = look
        self.changes += 1

    def write(self, state: F32, fields: F32 | None) -> None:
        """Replace state and fields, of any size."""
        self.cells.write(state)
        self.cells.write_fields(fields)
        self.fields, self.size = fields, (state.shape[1], state.shape[0])
        self.changes += 1

    def release(self) -> None:
        """Give the device's memory back, once the grid is removed."""
        self.cells.release()
        # Whoever still holds this grid is told, on all backends alike.
        self.cells = cast(Cells, Gone(f"Grid {self.id} is gone: it was removed, replaced or released."))
        self.waiting.clear()
        self._released = True

    def _restore(self, moment: Moment) -> None:
        self.age, self.edit_count, self.step = moment.age, moment.edit_count, moment.step
        self.models, self.kernel, self.rng_seed = moment.models, moment.kernel, moment.rng_seed
        self.settings = moment.settings.with_clock_of(self.settings)
        self.fields, self.backdrop = moment.fields, moment.backdrop
        self.cells.specialise(self.models[0], self.kernel, self.models[1:])
        self.write(moment.state, moment.fields)

    def _forget_future(self, undone: Sequence[Edit] = ()) -> None:
        """Go another way than the timeline did. undone: Edits whose commands don't wait again."""
        if self.age < self.timeline.tip or self.edit_count < self.timeline.last:
            for waited in self.timeline.cut(self.age, self.edit_count, undone):
                self.wait_for_step(*waited)

    def _go_to(self, age: int, edit_count: int) -> None:
        """Go to a place of the timeline: from the moment before it, by the same steps and edits."""
        self._restore(self.timeline.before(age, edit_count))
        while True:
            while self.edit_count < edit_count and (edit := self.timeline.after(self.edit_count)).age <= self.age:
                edit.change()
                self.edit_count += 1
            if self.age >= age:
                break
            self._step()

    # Time

    def wait_for_step(self, at_step: int, order: int, command: AnyCommand) -> None:
        """Let a command wait until the grid has made `at_step` steps; of several, the first in `order` comes first."""
        heapq.heappush(self.waiting, (at_step, order, command))

    def set_pace(self, settings: Settings) -> None:
        """Take over settings that only the clock reads."""
        self.settings = settings
        self.pace.steps_per_second = settings.steps_per_second
        self.changes += 1

    def let_time_pass(self, ticks: int) -> None:
        """Let time pass; `catch_up` makes the steps that are due by then."""
        if not self.settings.paused:
            self._ticks += ticks

    @property
    def behind(self) -> bool:
        """Whether time has passed for which steps may still be due."""
        return self._due > 0 or self._ticks > 0

    def catch_up(self, apply: Apply, most: int | None = None) -> int:
        """Make steps that are due, at most `most`. Return how many were made.

        apply: Carries out a command that waited for a step.
        """
        made = 0
        while self.behind and (most is None or made < most) and not self._released:
            if self._due == 0:
                # A command that waits for a step may change the pace. Tick by tick, the result does not
                # depend on the strides in which time passes, which a replay does not know.
                ticks = 1 if self.waiting else self._ticks
                self._ticks -= ticks
                if not self.settings.paused:
                    self._due = self.pace.advance(ticks)
                self._apply_waiting(apply)
                continue
            self._due -= 1
            self.run(1, apply)
            made += 1
        return made

    def run(self, count: int, apply: Apply) -> None:
        """Make `count` steps, and carry out the commands that waited for them in between."""
        for _ in range(count):
            self._apply_waiting(apply)
            if self._released:
                return
            self._forget_future()
            if self.keeps and self.timeline.due(self.age, self.size[0] * self.size[1]):
                self.timeline.keep(self.moment())
            self._step()
            self.timeline.tip = self.age
        self._apply_waiting(apply)

    def _apply_waiting(self, apply: Apply) -> None:
        while self.waiting and self.waiting[0][0] <= self.step:
            apply(heapq.heappop(self.waiting))

    def _step(self) -> None:
        self.cells.step(*pcg.clock(self.step, self.rng_seed), self.settings)
        self.step += 1
        self.age += 1
        self.changes += 1
