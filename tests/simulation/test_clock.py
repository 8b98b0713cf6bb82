"""The clock: the number of steps due after any time, at any rate."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from simulations import simulation

from ncaengine.core.kernels import Catalogue
from ncaengine.simulation.clock import TICKS_PER_SECOND, Pace
from ncaengine.simulation.commands import (
    AddGrid,
    Set,
)


@given(st.fractions(0, 7200, max_denominator=1000), st.lists(st.integers(0, 10_000), max_size=20))
def test_steps_are_the_floor_of_ticks_times_rate(rate: Fraction, strides: list[int]) -> None:
    pace, made, ticks = Pace(float(rate)), 0, 0
    for stride in strides:
        made += pace.advance(stride)
        ticks += stride
        assert made == ticks * rate // TICKS_PER_SECOND


@given(st.floats(0, 7200), st.integers(0, 10**6))
def test_any_rate_is_accurate_to_a_thousandth(rate: float, ticks: int) -> None:
    assert abs(Pace(rate).advance(ticks) - ticks * rate / TICKS_PER_SECOND) <= 1 + ticks * 1e-3 / TICKS_PER_SECOND


@given(st.lists(st.tuples(st.integers(0, 5000), st.sampled_from([0.0, 0.5, 24.0, 60.0, 144.0])), max_size=12))
def test_a_change_of_rate_loses_no_time(parts: list[tuple[int, float]]) -> None:
    pace, made, due = Pace(0), 0, Fraction(0)
    for ticks, rate in parts:
        pace.steps_per_second = rate
        made += pace.advance(ticks)
        due += ticks * Fraction(rate) / TICKS_PER_SECOND
    assert made == due // 1


def test_common_frame_rates_take_whole_ticks() -> None:
    assert all(
        TICKS_PER_SECOND % fps == 0 for fps in (1, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 144)
    )


@given(st.lists(st.integers(0, 300), max_size=8), st.sampled_from([0.0, 15.0, 59.94, 60.0, 1000.0]))
def test_a_grid_runs_at_its_rate_unless_paused(catalogue: Catalogue, strides: list[int], rate: float) -> None:
    sim = simulation(catalogue)
    sim.submit(AddGrid("b", (1, 1), steps_per_second=rate))
    sim.submit(AddGrid("b", (1, 1), steps_per_second=rate))
    sim.submit(Set(2, "paused", True))
    for stride in strides:
        sim.advance(stride)
    assert sim.tick == sum(strides)
    assert sim.grids[1].step == int(sum(strides) * Fraction(rate).limit_denominator(1000) / TICKS_PER_SECOND)
    assert sim.grids[2].step == 0
