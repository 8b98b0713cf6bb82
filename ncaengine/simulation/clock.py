"""The clock: time in whole ticks, and the number of steps due after a time."""

from fractions import Fraction

TICKS_PER_SECOND = 3600
"""Divisible by every common frame rate, so a frame lasts a whole number of ticks."""


class Pace:
    """Turns ticks into steps: at a constant rate r, exactly floor(ticks·r/TICKS_PER_SECOND) of them.

    Attributes:
        gathered: The fraction of a step that is due, in [0, 1). A change of rate keeps it, so moving a slider loses no
            time.
    """

    def __init__(self, steps_per_second: float, gathered: Fraction = Fraction(0)) -> None:
        self.gathered = gathered
        self.steps_per_second = steps_per_second

    @property
    def steps_per_second(self) -> float:
        """The rate, to a thousandth of a step."""
        return float(self._rate)

    @steps_per_second.setter
    def steps_per_second(self, rate: float) -> None:
        # A bounded denominator keeps the arithmetic exact and fast; 1/60 is exact.
        self._rate = Fraction(rate).limit_denominator(1000)

    def advance(self, ticks: int) -> int:
        """Let ticks pass, and return the number of steps that become due."""
        self.gathered += ticks * self._rate / TICKS_PER_SECOND
        steps = int(self.gathered)
        self.gathered -= steps
        return steps

    def restart(self) -> None:
        """Drop the gathered fraction."""
        self.gathered = Fraction(0)
