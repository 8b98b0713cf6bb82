"""Pacing, meters and the camera."""

import math
from collections.abc import Callable

import pytest
from apps import Clock

from ncaengine.core import kernels, lattice
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import Set
from ncaengine.viewer.state import slowness
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import Camera
from ncaengine.viewer.state.pacing import LONGEST_GAP, Meter, Pacer


class Machine:
    """A clock and a simulation in one, in which only sleeping and stepping take time.

    A tick asks for `steps` steps of one cell each, and each step takes `cost` seconds.
    """

    def __init__(self, cost=0.0, steps=1):
        self.now, self.cost, self.steps, self.ticks, self.owed, self.slices = 100.0, cost, steps, 0, 0, []

    def __call__(self):
        return self.now

    @property
    def busy(self):
        return self.owed > 0

    @property
    def demand(self):
        return float(self.steps)

    def begin(self, ticks):
        assert not self.owed, "a tick began before the one before it was done"
        self.ticks += ticks
        self.owed += ticks * self.steps

    def work(self, most):
        made = min(self.owed, max(1, int(most)))
        self.owed -= made
        self.slices.append(made)
        self.now += made * self.cost
        return made

    def finish(self, timeout):
        return True


class Worker(Machine):
    """A machine whose steps go on beside the caller; `cost` seconds each."""

    done_at = 0.0

    def work(self, most):
        assert self.now >= self.done_at, "more was asked for before the last slice was done"
        made = min(self.owed, max(1, int(most)))
        self.owed -= made
        self.slices.append(made)
        self.done_at = self.now + made * self.cost
        return made

    def finish(self, timeout):
        self.now = min(max(self.now, self.done_at), self.now + timeout)
        return self.now >= self.done_at


def pacer_on(machine):
    return Pacer(machine, machine.finish, machine)


def test_a_fast_machine_follows_the_wall_clock_exactly():
    machine = Machine()
    pacer = pacer_on(machine)
    for _ in range(600):
        pacer.frame(0.012)
        machine.now += 1 / 59.94
    pacer.frame(0.012)
    assert abs(machine.ticks - 600 / 59.94 * TICKS_PER_SECOND) <= 1
    assert pacer.dropped == 0


def test_a_slow_machine_keeps_its_budget_and_drops_ticks():
    machine = Machine(cost=0.001)  # 3.6 s of work per second
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    for _ in range(50):
        before = machine.now
        machine.now += 1 / 60
        start = machine.now
        pacer.frame(0.012)
        assert machine.now - start <= 0.025  # at most one slice of the first guess more
        assert machine.now > before
    later = machine.now
    machine.now += 1 / 60
    pacer.frame(0.012)
    assert machine.now - later - 1 / 60 <= 0.0125
    assert pacer.dropped > 0


def test_a_step_longer_than_the_budget_still_happens():
    machine = Machine(cost=0.05)
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    machine.now += 0.1
    assert pacer.frame(0.012) >= 1


def test_a_tick_longer_than_the_budget_is_spread_over_frames():
    machine = Machine(cost=0.02, steps=8)  # like four grids with two steps due each
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    for _ in range(30):
        machine.now += 0.016
        start = machine.now
        pacer.frame(0.012)
        assert machine.now - start <= 0.021  # one step
    assert machine.ticks >= 3


def test_a_long_gap_is_not_caught_up():
    machine = Machine()
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    machine.now += 3600
    assert pacer.frame(0.012) <= LONGEST_GAP * TICKS_PER_SECOND


def test_after_restart_nothing_is_due():
    machine = Machine()
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    machine.now += 5
    pacer.restart()
    assert pacer.frame(0.012) == 0


def test_the_meter_restarts_when_the_count_falls():
    machine = Machine()
    meter = Meter(1.0, machine)
    assert meter.rate == 0
    for step in range(0, 300, 2):
        meter.update(step)
        machine.now += 1 / 30
    assert meter.rate == pytest.approx(60)
    meter.update(0)
    assert meter.rate == 0


SQUARE, HEXAGONAL = (kernels.discover().kernels[name] for name in ("square", "hexagonal"))


def test_fit_shows_one_whole_grid_in_equal_pixels():
    placed = Camera().place(SQUARE, (128, 96), 700, 500)
    assert placed is not None
    assert (placed.view.width, placed.view.height, placed.view.scale) == (640, 480, 5)
    assert (placed.left, placed.top) == (30, 10)
    assert placed.view.samples(SQUARE) == 1


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL], ids=lambda k: k.name)
@pytest.mark.parametrize("pane", [(700, 500), (500, 700), (641, 480)])
def test_fill_covers_the_pane_and_cuts_only_two_sides(kernel, pane):
    camera, size = Camera(fill=True), (128, 96)
    placed, (across, down) = camera.place(kernel, size, *pane), lattice.extent(kernel, size)
    assert (placed.left, placed.top, placed.view.width, placed.view.height) == (0, 0, *pane)
    shown = placed.view.width / placed.view.scale, placed.view.height / placed.view.scale
    assert shown[0] <= across + 1e-6
    assert shown[1] <= down + 1e-6
    assert max(shown[0] / across, shown[1] / down) > 0.9  # at most a tenth more than needed, for equal cells
    camera.fit()
    fitted = camera.place(kernel, size, *pane).view
    assert (fitted.width, fitted.height) == (round(across * fitted.scale), round(down * fitted.scale))


def test_only_a_picture_that_stays_mostly_visible_fills_a_pane_unasked():
    for size, fills in (((128, 128), True), ((128, 80), True), ((256, 64), False), ((32, 256), False)):
        camera = Camera(prefers_fill=True)
        camera.place(SQUARE, size, 900, 600)
        assert camera.filled == fills, size
        for chosen in (Camera(prefers_fill=True, fill=False), Camera(prefers_fill=True, repeat=True), Camera()):
            chosen.place(SQUARE, size, 900, 600)
            assert not chosen.filled


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL], ids=lambda k: k.name)
@pytest.mark.parametrize("repeat", [False, True])
def test_zoom_keeps_the_cell_under_the_pointer(kernel, repeat):
    size, pane, at = (128, 128), (600, 400), (410.0, 130.0)
    camera = Camera(repeat=repeat)
    camera.zoom_about(kernel, size, pane, (300.0, 200.0), 8)
    first = camera.place(kernel, size, *pane)
    before = first.view.point(at[0] - first.left, at[1] - first.top)
    for factor in (1.25, 1.25, 0.8, 2, 0.7):
        camera.zoom_about(kernel, size, pane, at, factor)
        placed = camera.place(kernel, size, *pane)
        after = placed.view.point(at[0] - placed.left, at[1] - placed.top)
        assert math.dist(before, after) < 1.5 / placed.view.scale  # pictures lie on whole pixels


def test_pan_moves_by_whole_pixels_and_stops_at_the_edge():
    camera, size, pane = Camera(zoom=16), (128, 128), (600, 400)
    camera.x = camera.y = 64
    first = camera.place(SQUARE, size, *pane).view
    camera.pan(SQUARE, size, pane, (-32, 16))
    second = camera.place(SQUARE, size, *pane).view
    assert (second.x - first.x, second.y - first.y) == (pytest.approx(2), pytest.approx(-1))
    camera.pan(SQUARE, size, pane, (1e6, 1e6))
    corner = camera.place(SQUARE, size, *pane).view
    assert (corner.x, corner.y) == lattice.corner(SQUARE)
    assert (corner.width, corner.height) == pane


def test_a_picture_never_leaves_its_pane():
    for zoom in (None, 0.3, 1, 2.5, 40):
        for kernel in (SQUARE, HEXAGONAL):
            for size in ((1, 1), (3, 500), (128, 128)):
                placed = Camera(zoom=zoom).place(kernel, size, 333, 222)
                assert placed is not None
                assert placed.left >= 0
                assert placed.top >= 0
                assert placed.left + placed.view.width <= 333
                assert placed.top + placed.view.height <= 222


def test_a_step_longer_than_a_frame_goes_on_while_frames_are_drawn():
    machine = Worker(cost=0.5)
    pacer = pacer_on(machine)
    pacer.frame(0.012)
    frames = 0
    while len(machine.slices) < 4:
        machine.now += 0.01  # drawing
        start = machine.now
        pacer.frame(0.012)
        assert machine.now - start <= 0.0121
        frames += 1
    assert frames > 3 * 0.5 / 0.0221 - 5


def test_a_slow_grid_says_why_and_what_helps(make: Callable[..., App]) -> None:
    app, clock = make(2), Clock()
    pane = app.panes[0]
    pane.meter = Meter(clock=clock)
    app.submit(Set(2, "paused", True))

    def run_at(rate):
        for count in (0, rate):
            pane.meter.update(count)
            clock.now += 1

    run_at(29)
    assert not slowness.is_slow(pane)
    pane.meter = Meter(clock=clock)
    run_at(4)
    assert slowness.is_slow(pane)
    text = slowness.why_slow(app, pane)
    assert "makes 4.0 of the 30 steps a second: 12 × 10 cells are more" in text
    assert "6 × 5 cells" in text
    assert "paired" not in text
    app.submit(Set(2, "paused", False), Set(1, "antithetic", False), Set(1, "fire_rate", 0.5))
    text = slowness.why_slow(app, pane)
    assert "beside 1 other grid:" in text
    assert "to pause the other grids" in text
    assert "paired firing" in text
    app.submit(Set(1, "paused", True))
    assert not slowness.is_slow(pane)
