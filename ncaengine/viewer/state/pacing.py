"""Convert wall clock to ticks within a time budget, and measure the speed that was reached."""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ncaengine.simulation.clock import TICKS_PER_SECOND

Clock = Callable[[], float]

LONGEST_GAP = 0.25
"""Most seconds of wall clock that one frame may ask for, such as after the window was dragged or the machine slept."""


class Steppable(Protocol):
    """What the Pacer needs of a Simulation."""

    @property
    def busy(self) -> bool:
        """Whether there may be steps left to make."""

    @property
    def demand(self) -> float:
        """The cell-steps that one tick asks for."""

    def begin(self, ticks: int) -> None:
        """Let time pass, so that steps become due."""

    def work(self, most: float) -> int:
        """Make due steps, about `most` cell-steps but at least one step. Return the number of cell-steps made."""


class Pacer:
    """Lets a simulation follow the wall clock as far as its budget allows.

    Ticks that don't fit into a frame's budget are dropped, so that a slow machine runs slower instead
    of falling behind. Steps of a tick that has begun are never dropped: if the budget allows only some
    of them, the next frames make the rest. A step that takes longer than the budget goes on while the next frames are
    drawn, if the device can; else a frame waits for at most one step of one grid.

    finish: waits for the device, for some seconds at most, and returns whether it has finished.
    dropped: the number of ticks dropped so far.
    """

    def __init__(self, sim: Steppable, finish: Callable[[float], bool], clock: Clock = time.perf_counter) -> None:
        self._sim, self._finish, self._clock = sim, finish, clock
        self._last: float | None = None
        self._fraction = 0.0
        self._cost = 1e-6  # seconds per cell-step, measured recently
        self._made = 0.5  # cell-steps of the last slice
        self._most = 1.0  # of the next one: it grows from a single step as the cost becomes known
        self._slice: tuple[float, int] | None = None  # that the device is making: since when, and its cell-steps
        self.dropped = 0

    def restart(self) -> None:
        """Forget the time since the last frame, as after a pause."""
        self._last, self._fraction = None, 0.0

    def frame(self, budget: float) -> int:
        """Run what became due since the last frame, for about `budget` seconds. Return the ticks begun."""
        start = self._clock()
        gap = 0.0 if self._last is None else min(start - self._last, LONGEST_GAP)
        self._last = start
        exact = gap * TICKS_PER_SECOND + self._fraction
        due = int(exact)
        self._fraction = exact - due
        begun, worked = 0, False
        while (self._sim.busy or begun < due) and self._finished(budget - (self._clock() - start)):
            left = (budget - (self._clock() - start)) / self._cost
            if worked and left < self._made / 4:
                break
            if not self._sim.busy:
                demand = self._sim.demand
                room = max(1, int(min(left, self._most) / demand)) if demand else due
                ticks = min(due - begun, room)
                self._sim.begin(ticks)
                begun += ticks
            since = self._clock()
            made = self._sim.work(max(1.0, min(left, self._most)))
            self._slice = since, made
            worked |= made > 0
        self._finished(budget - (self._clock() - start))
        self.dropped += due - begun
        return begun

    def _finished(self, timeout: float) -> bool:
        """Wait for the last slice of steps, for some seconds, and measure it. Return whether it is finished."""
        if self._slice is None:
            return True
        if not self._finish(max(timeout, 0.0)):
            return False
        since, made = self._slice
        if made:
            self._cost = max(0.7 * self._cost + 0.3 * (self._clock() - since) / made, 1e-12)
            self._made, self._most = float(made), max(2.0 * made, 0.8 * self._most)
        self._slice = None
        return True


class Meter:
    """Measures how fast a counter grows, over about the last `window` seconds."""

    def __init__(self, window: float = 1.5, clock: Clock = time.perf_counter) -> None:
        self._window, self.clock = window, clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, count: int) -> None:
        """Note the counter's value now. A smaller value than before restarts the measurement."""
        now = self.clock()
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, count))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Counts per second; 0 until two values are known."""
        if len(self._seen) < 2:
            return 0.0
        (t0, c0), (t1, c1) = self._seen[0], self._seen[-1]
        return (c1 - c0) / (t1 - t0) if t1 > t0 else 0.0

    @property
    def text(self) -> str:
        """The rate as the window shows it."""
        return f"{self.rate:.0f}" if self.rate >= 10 else f"{self.rate:.1f}"
