"""Says when a recording takes longer than it plays."""

import time
from collections.abc import Callable

from ncaengine.core.texts import duration

FIRST_LOOK, SLOW = 2.0, 1.5
"""Seconds of recording before anything is said; how much slower than real time is worth a word."""


class Pace:
    """Compares the time that a recording takes with the time that it plays."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is measured before the first frame, which may have to wait for compilers.

        clock: returns seconds.
        """
        self._clock, self._start, self._said = clock, 0.0, False
        self._frames = 0

    def after_frame(self, fps: float, left: float) -> str:
        """Return a sentence at one of the frames if the recording is slow, '' at all others.

        fps: frames that play in a second.
        left: frames that are still to come.
        """
        now = self._clock()
        if self._frames == 0:
            self._start = now
        self._frames += 1
        played, taken = (self._frames - 1) / fps, now - self._start
        if self._said or taken < FIRST_LOOK or not played or taken < SLOW * played:
            return ""
        self._said = True
        times = taken / played
        return f"The recording is {times:.2g}x slower than real time; about {duration(left / fps * times)} to go."
