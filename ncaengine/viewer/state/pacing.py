"""Wall clock to ticks within a time budget, and meters of what was reached. No window is needed for any of it."""

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ncaengine.simulation.clock import TICKS_PER_SECOND

Clock = Callable[[], float]

LONGEST_GAP = 0.25
"""Seconds of wall clock that one frame may ask for, after the window was dragged or the machine slept."""


class Timed(Protocol):
    """What the Pacer asks of a Simulation."""

    @property
    def busy(self) -> bool:
        """Whether there may be steps to make yet."""

    @property
    def demand(self) -> float:
        """Cell-steps that a tick asks for."""

    def begin(self, ticks: int) -> None:
        """Let time pass; steps fall due."""

    def work(self, most: float) -> int:
        """Make steps that fell due, some `most` cell-steps of them but at least one; returns how many."""


class Pacer:
    """Lets a simulation follow the wall clock as far as its budget allows.

    `finish()` waits for the device. What does not fit into the budget of a frame is dropped, in
    ticks, so that a slow machine runs slower, not later; `dropped` counts those ticks. Steps of a
    tick that has begun are never dropped: they are made in the next frames, where the budget holds
    only some of them, so that a frame waits for one step of one grid at most.
    """

    def __init__(self, sim: Timed, finish: Callable[[], None], clock: Clock = time.perf_counter) -> None:
        self._sim, self._finish, self._clock = sim, finish, clock
        self._last: float | None = None
        self._fraction = 0.0
        self._cost = 1e-6  # seconds a cell-step, as measured of late
        self._most = 0.5  # cell-steps of the last slice; they grow from a single step, as the cost becomes known
        self.dropped = 0

    def restart(self) -> None:
        """Forget the time that passed since the last frame, as after a pause."""
        self._last, self._fraction = None, 0.0

    def frame(self, budget: float) -> int:
        """Run what fell due since the last frame, for about `budget` seconds; returns the ticks begun."""
        start = self._clock()
        gap = 0.0 if self._last is None else min(start - self._last, LONGEST_GAP)
        self._last = start
        exact = gap * TICKS_PER_SECOND + self._fraction
        due = int(exact)
        self._fraction = exact - due
        begun, worked = 0, False
        while self._sim.busy or begun < due:
            left = (budget - (self._clock() - start)) / self._cost
            if worked and left < self._most / 4:
                break
            if not self._sim.busy:
                demand = self._sim.demand
                room = max(1, int(min(left, 2 * self._most) / demand)) if demand else due
                ticks = min(due - begun, room)
                self._sim.begin(ticks)
                begun += ticks
            worked |= self._run(max(1.0, min(left, 2 * self._most)))
        self.dropped += due - begun
        return begun

    def _run(self, most: float) -> bool:
        """One slice: the time that steps take is known only when the device is done with them."""
        before = self._clock()
        made = self._sim.work(most)
        self._finish()
        if made:
            self._cost = max(0.7 * self._cost + 0.3 * (self._clock() - before) / made, 1e-12)
            self._most = float(made)
        return made > 0


class Meter:
    """How fast a counter grows, over about the last `window` seconds."""

    def __init__(self, window: float = 1.5, clock: Clock = time.perf_counter) -> None:
        self._window, self.clock = window, clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, count: int) -> None:
        """Note the counter's value now; a smaller one than before starts afresh."""
        now = self.clock()
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, count))
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Counts a second; 0 until two values are known."""
        if len(self._seen) < 2:
            return 0.0
        (t0, c0), (t1, c1) = self._seen[0], self._seen[-1]
        return (c1 - c0) / (t1 - t0) if t1 > t0 else 0.0
