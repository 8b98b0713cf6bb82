"""Details of cells when zoomed in, the probe, pinned cells and their traces, and the display modes.

`python tests/viewer/test_cell_overlay.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from apps import painted
from helpers import NOTEBOOK_CONFIG, apart, random_model, small
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernels
from ncaengine.core.looks import RAMPS, Look
from ncaengine.simulation.commands import Fill, Resize, Rewind, Set, SetKernel, Show, Step
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import running, tools
from ncaengine.viewer.canvas.cell_overlay import LEAST_SIZE
from ncaengine.viewer.panels.probe import BINS, histogram
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences
from ncaengine.viewer.state.probe import MOST_SAMPLES, PINS, Probe, Trace, settings_at


def model(name="small"):
    return random_model(small(NOTEBOOK_CONFIG, name=name))


# Traces and the probe


@pytest.fixture
def sim():
    """A simulation with one grid, number 1, of 9x7 cells."""
    with Simulation(TorchBackend()) as sim:
        sim.add(model(), (9, 7), rng_seed=1)
        yield sim


def test_a_trace_holds_the_states_of_its_cells_step_by_step(sim) -> None:
    grid, trace, states = sim.grids[1], Trace(), []
    trace.toggle((2, 3))
    for step in range(6):
        if step == 3:
            trace.toggle((8, 6))
        trace.sample(grid)
        states.append(grid.state())
        sim.submit(Step(grid.id, 1))
        if step == 4:
            trace.sample(grid)  # the same step again adds no sample
            trace.sample(grid)
    assert trace.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert (trace.values[:, 0] == [state[3, 2] for state in states]).all()
    assert np.isnan(trace.values[:3, 1]).all()
    assert (trace.values[3:, 1] == [state[6, 8] for state in states[3:]]).all()
    assert np.isnan(trace.values[:, 2:]).all()


def test_going_back_drops_later_samples(sim) -> None:
    grid, trace = sim.grids[1], Trace()
    trace.toggle((0, 0))
    for _ in range(5):
        sim.submit(Step(grid.id, 1))
        trace.sample(grid)
    sim.submit(Rewind(grid.id, 3))
    trace.sample(grid)
    assert trace.steps.tolist() == [1, 2]
    assert (trace.values[-1, 0] == grid.state()[0, 0]).all()


def test_a_smaller_grid_unpins_cells_outside_it(sim) -> None:
    grid, trace = sim.grids[1], Trace()
    trace.toggle((8, 6))
    trace.toggle((3, 2))
    trace.sample(grid)
    sim.submit(Resize(grid.id, (4, 4), "corner"))
    trace.sample(grid)
    assert trace.cells == {1: (3, 2)}
    assert np.isnan(trace.values[:, 0]).all()


def test_the_number_of_pins_is_limited_and_free_numbers_are_reused() -> None:
    trace = Trace()
    assert all(trace.toggle((column, 0)) for column in range(PINS))
    assert not trace.toggle((0, 5))
    assert trace.toggle((3, 0))
    assert trace.toggle((0, 5))
    assert trace.cells[3] == (0, 5)
    for number in range(PINS):
        trace.unpin(number)
    assert not trace.cells


class Counter:
    """The part of a grid that a trace uses. Every cell contains the step's number."""

    def __init__(self) -> None:
        self.step = self.changes = 0
        self.size, self.cells = (4, 4), SimpleNamespace(read_cells=self.read)

    def read(self, cells):
        return np.full((len(cells), 3), self.step, np.float32)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 40)), max_size=6), st.integers(0, 3 * MOST_SAMPLES))
def test_the_steps_of_a_trace_rise_to_the_present_and_the_last_ones_are_kept(jumps, run) -> None:
    grid, trace = Counter(), Trace()
    trace.toggle((1, 1))
    strides = [*jumps, *[(None, 1)] * run]
    for place, stride in strides:
        grid.step = grid.step + stride if place is None else place
        grid.changes += 1
        trace.sample(grid)
    assert len(trace.steps) <= MOST_SAMPLES
    assert (np.diff(trace.steps) > 0).all()
    assert (trace.values[:, 0] == trace.steps[:, None]).all()
    if strides:
        assert trace.steps[-1] == grid.step
        assert len(trace.steps) >= min(run, MOST_SAMPLES)


def test_the_probe_reads_present_cells_and_forgets_removed_ones(sim) -> None:
    grid, probe = sim.grids[1], Probe()
    probe.pointed = grid, (7, 2)
    for _ in range(2):
        assert (probe.values() == grid.state()[2, 7]).all()
        sim.submit(Step(grid.id, 2))
    assert (probe.values() == grid.state()[2, 7]).all()
    trace = probe.trace(grid)
    probe.prune(sim.grids)
    assert probe.trace(grid) is trace
    sim.submit(Resize(grid.id, (8, 3), "corner"))
    probe.prune(sim.grids)
    assert probe.pointed
    sim.submit(Resize(grid.id, (8, 2), "corner"))
    probe.prune(sim.grids)
    assert probe.pointed is None
    probe.pointed = grid, (0, 0)
    probe.prune({})
    assert probe.pointed is None
    assert probe.trace(grid) is not trace


def test_the_settings_of_a_cell_include_the_maps(sim) -> None:
    grid = sim.grids[1]
    for setting, value in (("fire_rate", 0.25), ("scale", 2.0), ("angle", 30.0)):
        sim.submit(Set(grid.id, setting, value))
    assert settings_at(grid, (0, 0)) == (0.25, 2, 30, 0)
    sim.submit(Fill(grid.id, "rate", "even", (0.5, 0.5)))
    assert settings_at(grid, (3, 4)) == (0.125, 2, 30, 0)
    sim.submit(Fill(grid.id, "rate", "even", (4, 4)))
    sim.submit(Fill(grid.id, "angle", "even", (45, 45)))
    sim.submit(Fill(grid.id, "scale", "even", (0.5, 0.5)))
    assert settings_at(grid, (3, 4)) == (1, 1, 75, 0)


@settings(max_examples=50)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=30), st.sampled_from([0.0, np.nan, np.inf, 1e9]))
def test_a_histogram_counts_every_valid_value(values, odd) -> None:
    values = np.array([*values, odd], np.float32)[None, :, None]
    middles, shares = histogram(values)
    assert middles.shape == (BINS,)
    assert shares.shape == (1, BINS)
    assert shares.sum() == pytest.approx((len(values[0]) - (odd != 0)) / len(values[0]))
    assert (np.diff(middles) > 0).all()
    assert middles.min() < values[0, 0] + 1e-6 or middles.max() > values[0, 0] - 1e-6


def test_a_histogram_without_valid_values_is_empty() -> None:
    assert histogram(np.full((2, 2, 3), np.nan, np.float32))[1].sum() == 0


# In the window


def cells(folder: Path) -> None:
    """Zoom in on both lattices: details, the probe, pins by key and by Alt-click, and their traces."""
    from imgui_bundle import imgui
    from window_driver import BACKEND

    from ncaengine.viewer.window import Window

    key = imgui.Key
    prefs = Preferences(closed=["Model", "Size", "Settings", "Grids", "Brush", "Maps", "View", "Cells", "Record"])
    found, options = kernels.discover(), Options((40, 40), rng_seed=2, backend=BACKEND)
    with Window([model()], options, found, (900, 700), hidden=True, prefs=prefs) as window:
        app, io, grid = window.app, imgui.get_io(), window.app.grid
        probe, camera = app.probe, app.pane.camera
        running.toggle_pause(app)

        def frames(count: int = 2) -> None:
            for _ in range(count):
                window.frame()

        def point(x: float, y: float) -> None:
            io.add_mouse_pos_event(x, y)
            frames()

        def press(*keys: Any) -> None:
            for down in (True, False):
                for which in keys if down else reversed(keys):
                    io.add_key_event(which, down)
                frames()

        def click() -> None:
            for down in (True, False):
                io.add_mouse_button_event(0, down)
                frames()

        point(260, 300)
        assert probe.detailed[grid.id] == 0
        for name in ("square", "hexagonal"):
            app.submit(SetKernel(grid.id, name), Step(grid.id, 3))
            camera.zoom, camera.x, camera.y = 100.0, 20.0, 15.0
            frames()
            seen = camera.place(grid.kernel, grid.size, 10**3, 10**3)
            assert seen is not None
            assert seen.view.scale == 100
            assert 20 < probe.detailed[grid.id] < 90
            for x, y in ((260, 300), (311, 377), (420, 251)):
                point(x, y)
                assert probe.live
                owner, (column, row) = probe.pointed
                assert owner is grid
                assert (probe.values() == grid.state()[row, column]).all()
        point(800, 300)  # over the side bar the last cell stays, but is not live
        assert not probe.live
        assert probe.pointed[1] == (column, row)
        press(key.p)
        assert [toast.text for toast in app.toasts] == ["Point at a cell of a picture to pin it."]
        app.toasts.clear()

        # Pins, and their values at each step.
        pins = []
        point(300, 300)
        press(key.p)
        pins.append(probe.pointed[1])
        assert "Cells" not in prefs.closed
        point(430, 330)
        tools.select(app, "erase")  # with which Alt-click pins, too
        io.add_key_event(key.mod_alt, True)
        frames()
        click()
        io.add_key_event(key.mod_alt, False)
        frames()
        tools.select(app, "look")
        assert not painted(app)
        pins.append(probe.pointed[1])
        trace = probe.trace(grid)
        assert list(trace.cells.values()) == pins
        start, states = grid.step, [grid.state()]
        for _ in range(5):
            app.submit(Step(grid.id, 1))
            window.frame()
            states.append(grid.state())
        assert trace.steps[-6:].tolist() == list(range(start, start + 6))
        for number, (column, row) in enumerate(pins):
            assert (trace.values[-6:, number] == [state[row, column] for state in states]).all()
        press(key.p)
        assert list(trace.cells.values()) == pins[:1]

        # The switch, and the zoom from which details are shown.
        press(key.o)
        assert probe.detailed[grid.id] == 0
        assert not app.prefs.details
        press(key.o)
        assert probe.detailed[grid.id] > 20
        for zoom, shown in ((LEAST_SIZE, False), (2 * LEAST_SIZE, True)):
            camera.zoom = zoom
            frames()
            assert bool(probe.detailed[grid.id]) == shown
        if folder.is_dir():
            picture = window.pixels()
            app.prefs.details = False
            assert (picture != window.pixels()).any()


def looks(folder: Path) -> None:
    """Display modes by side bar and keys, channels that the model lacks, and panning by wheels and two fingers."""
    from imgui_bundle import imgui
    from window_driver import drive, pick

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        grid, camera = app.sim.grids[1], app.pane.camera
        pick(engine, "##mode", "One channel")
        engine.item_input_value("**/##channel0", 3)
        engine.item_input_value("**/##gain", 2.5)
        assert grid.look == Look("channel", (3, 1, 2), 2.5)
        engine.item_input_value("**/##channel0", 99)
        assert grid.look.channels == (4, 1, 2)
        pick(engine, "##mode", "Three channels")
        engine.item_input_value("**/##channel2", 0)
        pick(engine, "##map-overlay", "Rate")
        assert grid.look == Look("three", (4, 1, 0), 2.5, "rate")
        for overlay in ("Cell scale", "Alignment", "Model", "None"):
            pick(engine, "##map-overlay", overlay)
        for title, mode in (("Change per step", "update"), ("Alive", "alive"), ("Colours", "rgb")):
            pick(engine, "##mode", title)
            assert grid.look.mode == mode
        assert grid.look.overlay == ""
        for name in ("lines", "details"):
            engine.item_click(f"**/###{name}")
            assert not getattr(app.prefs, name)
        engine.item_click("**/###repeat")
        assert camera.repeat
        pick(engine, "##plot", "Channel 4")

        # Keys.
        engine.mouse_move("**/canvas1")
        seen = []
        for _ in (RAMPS.keys() | {"rgb", "three"}) - {"alive"}:  # which this model doesn't have
            engine.key_press(int(key.w))
            seen.append(grid.look.mode)
        assert sorted(seen) == ["channel", "rgb", "three", "update"]
        assert grid.look.mode == "rgb"
        engine.key_press(int(key.period))
        assert (grid.look.mode, grid.look.channels[0]) == ("channel", 4)
        engine.key_press(int(key.period))
        engine.key_press(int(key.comma))
        engine.key_press(int(key.comma))
        assert grid.look.channels[0] == 3
        app.submit(Show(1, Look("channel", (200, 1, 2))))
        engine.yield_(2)
        engine.key_press(int(key.comma))
        assert grid.look.channels[0] == 3
        assert {type(entry.command).__name__ for entry in app.sim.journal} == {"AddGrid", "Show"}

        # Wheels.
        engine.mouse_move("**/canvas1")
        engine.mouse_wheel_y(8)
        zoom, x, y = camera.zoom, camera.x, camera.y
        engine.mouse_wheel_x(2)
        assert (camera.zoom, camera.y) == (zoom, y)
        assert camera.x < x
        engine.key_down(int(key.mod_shift))
        engine.mouse_wheel_y(-1)
        engine.key_up(int(key.mod_shift))
        assert camera.zoom == zoom
        assert camera.y > y
        engine.key_down(int(key.mod_ctrl))
        engine.mouse_wheel_y(1)
        engine.key_up(int(key.mod_ctrl))
        assert camera.zoom > zoom
        engine.item_click("**/###fit")
        assert camera.zoom is None

    drive(Options((40, 40)), 1, script)


SCENARIOS = {scenario.__name__: scenario for scenario in (cells, looks)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_overlay_in_the_window(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
