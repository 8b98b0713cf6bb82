"""One grid on the processor: two states in main memory, and the steps that another thread makes of them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock

import numpy as np

from ncaengine.backends.cpu import pictures
from ncaengine.backends.cpu.integrated import IntegratedPlan
from ncaengine.backends.cpu.jobs import Dispatcher, Job
from ncaengine.backends.cpu.plan import Plan
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core import stencils
from ncaengine.core.integration import stage_config
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look, shade
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.states import blended, check_models, largest
from ncaengine.core.types import F32, I32, U8

PART = 4_000_000
"""Cell-steps that a grid makes before the next one has its turn, and before the thread can end."""


class CPUCells:
    """See base.Cells.

    Steps and edits are jobs, which are done soon; what reads or replaces the state waits for them.
    """

    def __init__(self, programs: Programs, workers: Workers, dispatcher: Dispatcher) -> None:
        self._programs, self._workers, self._jobs = programs, workers, dispatcher.jobs()
        self._models: list[Model] = []
        self._kernel: Kernel | None = None
        self._shape = (0, 0, 0)
        self._states: list[F32] = []  # flat, with a cell of zeros at the end
        self._odd = 0  # which of them is the present one
        self._stepped = False
        self._fields: F32 | None = None
        self._plan: Plan | IntegratedPlan | None = None
        self._asked = self._made = 0  # steps; each is changed by one thread only
        self._locks = Lock(), Lock()  # of the states: another thread may draw one
        self.version = 0  # changed by the thread of jobs, or by this one while there are none

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        models = [model, *others]
        check_models(models)
        for each in models:
            stencils.require(each.config, kernel)
        self._settle()
        self._models, self._kernel, self._plan = models, kernel, None
        self.version += 1
        for each in models:
            self._programs.prepare(stage_config(each.config), kernel)

    def write(self, state: F32) -> None:
        self._settle()
        if state.shape != self._shape:
            height, width, channels = state.shape
            self._states = [np.zeros((width * height + 1, channels), np.float32) for _ in range(2)]
            self._shape, self._plan = (height, width, channels), None
        self._odd, self._stepped = 0, False
        with self._locked(0, 1):
            self._now[...] = state
        self.version += 1

    @contextmanager
    def _locked(self, *states: int) -> Iterator[None]:
        """Keep other threads from drawing or changing some states, whose numbers ascend, inside a `with` block."""
        with ExitStack() as stack:
            for number in states:
                stack.enter_context(self._locks[number])
            yield

    def _settle(self) -> None:
        """Wait for all jobs. Raises the error of one."""
        try:
            self._jobs.wait()
        except BaseException:
            self._asked = self._made  # what came after it isn't done
            raise

    @property
    def _now(self) -> F32:
        return self._state(self._odd)

    def _state(self, number: int) -> F32:
        return self._states[number][:-1].reshape(self._shape)

    def read(self) -> F32:
        self._settle()
        return self._now.copy()

    def write_fields(self, fields: F32 | None) -> None:
        own = None if fields is None else np.array(fields, np.float32, order="C")
        if own is None or self._fields is None or own.shape != self._fields.shape:
            self._settle()
            self.take_fields(own)
        else:  # a stroke on a map, which shall not wait for a long step
            self._jobs.add(_Fields(self, own))

    def take_fields(self, fields: F32 | None) -> None:
        """Do what `write_fields` asks for."""
        self._fields, self._plan = fields, None
        self.version += 1

    def read_cells(self, cells: I32) -> F32:
        self._settle()
        return self._now[cells[:, 1], cells[:, 0]]

    def largest(self) -> float:
        self._settle()
        return largest(self._now)

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        self._jobs.add(_Blend(self, cells.copy(), weight.copy(), target.copy()))

    def mix(self, cells: I32, weight: F32, target: F32) -> None:
        """Do what `blend` asks for."""
        column, row = cells.T
        part = self._now[..., : target.shape[1]]
        with self._locked(self._odd):
            part[row, column] = blended(part[row, column], weight[:, None], target)
        self.version += 1

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        self._asked += 1
        self._jobs.add(_Steps(self, number, rng_seed, settings))

    def make_steps(self, number: int, rng_seed: int, settings: Settings, count: int, threads: int) -> None:
        """Make `count` steps, of which `number` is the first."""
        assert self._kernel is not None
        if self._plan is None or not self._plan.serves(settings):
            kind = Plan if self._models[0].config.integrator == "euler" else IntegratedPlan
            self._plan = kind(
                self._programs, self._models, self._kernel, self._states, self._shape, self._fields, settings
            )
        with self._locked(*((0, 1) if count > 1 else (self._odd ^ 1,))):
            self._plan.step(self._workers, number, rng_seed, self._odd, count, threads)
        self._odd ^= count & 1
        self._stepped = True
        self._made += count
        self.version += 1

    @property
    def steps_a_part(self) -> int:
        """How many steps are made at a time."""
        return max(PART // (self._shape[0] * self._shape[1]), 1)

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        self._settle()
        return self._draw(self._odd, view, look, lines)

    def draw_newest(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        # Of several steps, the states change too often.
        if self._asked - self._made > 1 or look.mode == "update":
            self._settle()
        return self._draw(self._odd, view, look, lines)

    @property
    def busy(self) -> bool:
        return self._asked != self._made

    def _draw(self, odd: int, view: View, look: Look, lines: float) -> U8:
        """Draw a state, which no step may replace meanwhile."""
        with self._locked(*((0, 1) if look.mode == "update" else (odd,))):
            return self._draw_locked(odd, view, look, lines)

    def _draw_locked(self, odd: int, view: View, look: Look, lines: float) -> U8:
        assert self._kernel is not None
        state, before = self._state(odd), self._state(odd ^ self._stepped)
        colour = self._models[0].config.colour
        if look.mode == "rgb" and not look.overlay and not colour.alpha:
            colours = pictures.pack_state(self._programs, self._states[odd], (state.shape[1], state.shape[0]), colour)
        else:
            colours = pictures.pack(shade(look, state, self._kernel, colour, before, self._fields))
        return pictures.draw(self._programs, self._workers, colours, self._kernel, view, lines)

    def release(self) -> None:
        self._settle()
        self._states, self._shape, self._fields, self._plan = [], (0, 0, 0), None, None


class _Steps:
    """Steps that follow one another under the same settings."""

    def __init__(self, cells: CPUCells, number: int, rng_seed: int, settings: Settings) -> None:
        self._cells, self._next, self._rng_seed, self._settings = cells, number, rng_seed, settings
        self.steps = 1

    def take(self) -> Callable[[int], object]:
        number, count = self._next, min(self.steps, self._cells.steps_a_part)
        self._next, self.steps = number + count, self.steps - count
        return lambda threads: self._cells.make_steps(number, self._rng_seed, self._settings, count, threads)

    @property
    def done(self) -> bool:
        return self.steps == 0

    def absorb(self, other: Job) -> bool:
        if (
            not isinstance(other, _Steps)
            or other._next != self._next + self.steps
            or (other._rng_seed, other._settings) != (self._rng_seed, self._settings)
        ):
            return False
        self.steps += other.steps
        return True


class _Fields:
    """One call of CPUCells.write_fields."""

    def __init__(self, cells: CPUCells, fields: F32) -> None:
        self._cells, self._values = cells, fields
        self.done = False

    def take(self) -> Callable[[int], object]:
        self.done = True
        return lambda _: self._cells.take_fields(self._values)

    def absorb(self, other: Job) -> bool:
        """Drop these fields if others come at once, unless they are being written."""
        if self.done or not isinstance(other, _Fields):
            return False
        self._values = other._values
        return True


class _Blend:
    """One call of CPUCells.blend."""

    def __init__(self, cells: CPUCells, places: I32, weight: F32, target: F32) -> None:
        self._cells, self._places, self._weight, self._target = cells, places, weight, target
        self.done = False

    def take(self) -> Callable[[int], object]:
        self.done = True
        return lambda _: self._cells.mix(self._places, self._weight, self._target)

    def absorb(self, other: Job) -> bool:
        return False
