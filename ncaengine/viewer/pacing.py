"""Wall clock to ticks within a time budget, and meters of what was reached. No window is needed for any of it."""

import time
from collections import deque
from collections.abc import Callable

from ncaengine.clock import TICKS_PER_SECOND

Clock = Callable[[], float]

LONGEST_GAP = 0.25
"""Seconds of wall clock that one frame may ask for, after the window was dragged or the machine slept."""


class Pacer:
    """Lets a simulation follow the wall clock as far as its budget allows.

    `advance(ticks)` runs the simulation, `finish()` waits for the device. What does not fit into
    the budget of a frame is dropped, in ticks, so that a slow machine runs slower, not later.
    `dropped` counts those ticks.
    """

    def __init__(
        self, advance: Callable[[int], None], finish: Callable[[], None], clock: Clock = time.perf_counter
    ) -> None:
        self._advance, self._finish, self._clock = advance, finish, clock
        self._last: float | None = None
        self._fraction = 0.0
        self._cost = 1e-4  # seconds a tick, as measured of late
        self._slice = 1
        self.dropped = 0

    def restart(self) -> None:
        """Forget the time that passed since the last frame, as after a pause."""
        self._last, self._fraction = None, 0.0

    def frame(self, budget: float) -> int:
        """Run what fell due since the last frame, for about `budget` seconds; returns the ticks run."""
        start = self._clock()
        gap = 0.0 if self._last is None else min(start - self._last, LONGEST_GAP)
        self._last = start
        exact = gap * TICKS_PER_SECOND + self._fraction
        due = int(exact)
        self._fraction = exact - due
        ran = 0
        while ran < due:
            left = budget - (self._clock() - start)
            if ran and left < self._cost:
                break
            ran += self._run(min(due - ran, max(1, int(left / self._cost)), 2 * self._slice))
        self.dropped += due - ran
        return ran

    def _run(self, ticks: int) -> int:
        """One slice: time that a step takes is known only when the device is done with it."""
        before = self._clock()
        self._advance(ticks)
        self._finish()
        cost = (self._clock() - before) / ticks
        self._cost = max(0.7 * self._cost + 0.3 * cost, 1e-7)
        self._slice = ticks
        return ticks


class Meter:
    """How fast a counter grows, over about the last `window` seconds."""

    def __init__(self, window: float = 1.5, clock: Clock = time.perf_counter) -> None:
        self._window, self._clock = window, clock
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, count: int) -> None:
        """Note the counter's value now; a smaller one than before starts afresh."""
        now = self._clock()
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
