"""Time in whole ticks, and the steps that a grid owes by then."""

from fractions import Fraction

TICKS_PER_SECOND = 3600
"""Divisible by every common frame rate, so that a frame is a whole number of ticks."""


class Pace:
    """Turns ticks into steps: at a constant rate r exactly floor(ticks·r/TICKS_PER_SECOND) of them.

    A change of rate keeps the fraction of a step that has gathered, so that turning a dial does
    not lose time. gathered: that fraction.
    """

    def __init__(self, steps_per_second: float, gathered: Fraction = Fraction(0)) -> None:
        self.gathered = gathered
        self.steps_per_second = steps_per_second

    @property
    def steps_per_second(self) -> float:
        """The rate asked for."""
        return float(self._rate)

    @steps_per_second.setter
    def steps_per_second(self, rate: float) -> None:
        # A bounded denominator keeps the arithmetic exact and fast; 1/60 is exact.
        self._rate = Fraction(rate).limit_denominator(1000)

    def advance(self, ticks: int) -> int:
        """Steps that fall due within the next `ticks` ticks."""
        self.gathered += ticks * self._rate / TICKS_PER_SECOND
        steps = int(self.gathered)
        self.gathered -= steps
        return steps

    def restart(self) -> None:
        """Drop the gathered fraction, as at a fresh start."""
        self.gathered = Fraction(0)
