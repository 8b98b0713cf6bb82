"""Grids side by side: add, copy, remove, link and compare them.

`python tests/viewer/test_grids.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from apps import messages
from helpers import apart, random_model
from window_driver import drive, frames, model, only, wait_until

from ncaengine.core import kernels
from ncaengine.core.model import Alive
from ncaengine.formats import model_files
from ncaengine.simulation import commands
from ncaengine.simulation.commands import Fill
from ncaengine.simulation.world import MOST_GRIDS
from ncaengine.viewer.actions import display_modes, grids, open_files, recording, running
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options

KERNELS = kernels.discover().kernels
SMALL = Options((40, 40), rng_seed=3)


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An App without a window, with one grid that has made three steps."""
    app = make(rng_seed=7)
    app.sim.step(3)
    return app


def journal(app: App, start: int) -> list[str]:
    return [type(entry.command).__name__ for entry in app.sim.journal[start:]]


# Without a window


def test_an_added_grid_is_like_the_selected_one_with_another_seed(app: App) -> None:
    running.change_setting(app, "angle", 30.0)
    running.change_setting(app, "fire_rate", 0.25)
    grids.add(app)
    first, second = app.sim.grids.values()
    assert app.grid is second
    assert (second.size, second.kernel, second.settings) == (first.size, first.kernel, first.settings)
    assert (first.rng_seed, second.rng_seed) == (7, 8)
    assert second.step == 0
    app.select(0)
    grids.add(app)
    assert app.grid.rng_seed == 9


def test_a_duplicate_is_the_same_and_is_selected(app: App) -> None:
    app.pane.camera.zoom, app.pane.camera.x = 9.0, 4.0
    grids.duplicate(app)
    first, second = app.sim.grids.values()
    assert app.grid is second
    assert np.array_equal(first.state(), second.state())
    assert (app.pane.camera.zoom, app.pane.camera.x) == (9.0, 4.0)
    assert journal(app, -1) == ["Duplicate"]


@pytest.mark.parametrize(
    ("compare", "commands"),
    [
        (grids.compare_kernels, ["Duplicate", "SetKernel"]),
        (grids.compare_speeds, ["Duplicate", "Set", "Set"]),
        (grids.compare_models, ["Duplicate", "SetModel"]),
    ],
)
def test_a_comparison_starts_from_the_same_state_and_seed(app: App, compare: Any, commands: list[str]) -> None:
    app.add_model(model("b"))
    start = len(app.sim.journal)
    compare(app)
    first, second = app.sim.grids.values()
    assert np.array_equal(first.state(), second.state())
    assert (first.rng_seed, first.step, first.age) == (second.rng_seed, second.step, second.age)
    assert journal(app, start) == commands
    assert app.linked == {first.id, second.id}
    assert app.grid is second
    differing = (
        first.kernel is not second.kernel,
        first.settings.steps_per_second != second.settings.steps_per_second,
        first.model is not second.model,
    )
    assert sum(differing) == 1
    if compare is grids.compare_speeds:
        assert [grid.settings.steps_per_second for grid in (first, second)] == [30, 120]


def test_the_next_mode_leaves_out_what_the_model_lacks(app: App) -> None:
    def modes() -> list[str]:
        shown = []
        for _ in display_modes.MODES:
            display_modes.next_mode(app)
            shown.append(app.grid.look.mode)
        return shown

    assert modes() == ["channel", "three", "update", "rgb", "channel"]
    display_modes.change_look(app, mode="alive")  # from the list
    assert modes() == ["rgb", "channel", "three", "update", "rgb"]
    config = msgspec.structs.replace(app.grid.model.config, name="living", alive=Alive())
    app.add_model(random_model(config))
    grids.use_model(app, "living")
    assert modes() == ["channel", "three", "update", "alive", "rgb"]


def test_without_another_model_there_is_nothing_to_compare(app: App) -> None:
    grids.compare_models(app)
    assert len(app.panes) == 1
    assert messages(app, "error") == ["There is no other model to compare with; open one from the gallery first."]


def test_a_failed_comparison_changes_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "FAST", -1.0)
    grids.compare_speeds(app)
    assert len(app.panes) == 1
    assert not app.linked
    assert len(messages(app, "error")) == 1


def test_linked_grids_change_together(app: App) -> None:
    app.add_model(model("b"))
    grids.duplicate(app)
    grids.add(app)
    one, two, alone = app.sim.grids.values()
    app.select(0)
    for number in (one.id, two.id):
        grids.toggle_link(app, number)
    running.change_setting(app, "fire_rate", 0.75)
    running.change_setting(app, "steps_per_second", 40.0)
    running.multiply_speed(app, 2)
    running.toggle_pause(app)
    running.single_step(app)
    running.reseed(app)
    grids.use_kernel(app, "hexagonal")
    grids.use_model(app, "b")
    grids.resize(app, (14, 14))
    for grid in (one, two):
        settings = grid.settings
        assert (settings.fire_rate, settings.steps_per_second, settings.paused) == (0.75, 80.0, True)
        assert (grid.rng_seed, grid.kernel.name, app.name_of(grid.model), grid.size) == (8, "hexagonal", "b", (14, 14))
    assert np.array_equal(one.state(), two.state())
    assert (alone.kernel.name, alone.size, alone.settings.paused, alone.step) == ("square", (12, 10), False, 0)
    app.select(2)  # this grid is not linked
    running.use_seed(app, 99)
    assert [grid.rng_seed for grid in (one, two, alone)] == [8, 8, 99]
    before = len(app.sim.journal)
    app.select(0)
    grids.resize(app, (14, 14))
    assert len(app.sim.journal) == before
    grids.toggle_link_all(app)
    assert app.linked == {one.id, two.id, alone.id}
    running.use_seed(app, 5)
    assert [grid.rng_seed for grid in (one, two, alone)] == [5, 5, 5]
    grids.toggle_link_all(app)
    assert not app.linked


def test_maps_and_looks_are_linked_too(app: App) -> None:
    grids.duplicate(app)
    grids.toggle_link_all(app)
    maps.fill_map(app, Fill(0, "rate", "halves", (0.25, 1.0)))
    display_modes.change_look(app, mode="update")
    for grid in app.sim.grids.values():
        assert (grid.field("rate").min(), grid.look.mode) == (0.25, "update")
    maps.clear_map(app, "rate")
    assert all(grid.fields is None for grid in app.sim.grids.values())
    assert {grid.look.overlay for grid in app.sim.grids.values()} == {""}


def test_all_grids_can_be_removed(app: App) -> None:
    grids.duplicate(app)
    grids.duplicate(app)
    grids.toggle_link_all(app)
    app.select(2)
    grids.remove(app, 1)
    assert len(app.panes) == 3  # until the next frame
    app.sync()
    assert [pane.grid.id for pane in app.panes] == [2, 3]
    assert app.grid.id == 3
    assert app.linked == {2, 3}
    grids.remove(app)
    app.sync()
    assert app.grid.id == 2
    grids.remove(app)
    app.sync()
    assert app.panes == []
    grids.add(app)
    assert app.show_gallery
    recording.toggle(app)
    assert messages(app, "error") == ["There is no grid to record; open a model first."]


def test_the_number_of_grids_is_limited(app: App, tmp_path: Path) -> None:
    for _ in range(MOST_GRIDS):
        grids.duplicate(app)
    assert len(app.panes) == MOST_GRIDS
    grids.add(app)
    grids.compare_speeds(app)
    model_files.save(model("b"), tmp_path / "b.safetensors")
    app.attempt(lambda: open_files.open_path(app, tmp_path / "b.safetensors"))
    assert messages(app, "error") == ["There is room for 16 grids; remove one first."]
    assert len(app.panes) == MOST_GRIDS


def test_the_measured_speed_ignores_jumps_in_time(app: App) -> None:
    grid, now = app.grid, [0.0]
    app.pane.meter.clock = lambda: now[0]
    for undone in (commands.Reseed(grid.id, 8), None):
        for _ in range(20):
            now[0] += 0.1
            app.sim.step(3)
            app.sync()
        assert app.pane.meter.rate == pytest.approx(30)
        if undone:
            app.submit(undone)
    running.change_setting(app, "paused", True)
    for command in (commands.Rewind(grid.id, 40), commands.Rewind(grid.id, -30), commands.Undo(grid.id)):
        app.submit(command)
        now[0] += 0.1
        app.sync()
        assert 0 <= app.pane.meter.rate < 31
    running.change_setting(app, "paused", False)
    for _ in range(20):
        now[0] += 0.1
        app.sim.step(3)
        app.sync()
        assert 0 <= app.pane.meter.rate < 31


# In the window


def side_by_side(folder: Path) -> None:
    """Use the buttons of the panel and the cards, and keys; remove all grids and open one from the gallery."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        frames(engine)
        engine.item_click("**/###gridDuplicate")
        assert len(app.panes) == 2
        engine.item_click("**/###link")
        assert app.linked == {2}
        engine.item_click("**/###linkall")
        assert app.linked == {1, 2}
        engine.key_press(int(key.mod_shift) | int(key.g))
        assert app.linked == set()
        engine.item_click("**/###gridRemove")
        wait_until(engine, lambda: len(app.panes) == 1)
        engine.item_click("**/###gridAdd")
        assert app.grid.rng_seed == 4
        engine.item_click("**/###compareKernels")
        assert app.grid.kernel.name == "hexagonal"
        assert app.linked == {3, 4}
        engine.key_press(int(key._1))
        frames(engine)
        engine.key_press(int(key.g))
        assert app.linked == {1, 3, 4}
        engine.mouse_move("**/canvas1")
        engine.item_click("**/link1")
        assert app.linked == {3, 4}
        engine.item_click("**/copy1")
        assert app.grid.id == 5
        frames(engine)
        engine.mouse_move("**/canvas3")
        engine.item_click("**/remove3")
        wait_until(engine, lambda: len(app.panes) == 3)
        assert app.grid.id == 4  # the grid that took its place
        engine.key_press(int(key.mod_shift) | int(key.x))
        assert app.grid.settings.steps_per_second == 120
        for _ in range(4):
            frames(engine)
            engine.key_press(int(key.delete))
        wait_until(engine, lambda: not app.panes)
        frames(engine)
        for chord in (key.space, key.g, key.left_arrow, key.delete, int(key.mod_ctrl) | int(key.z)):
            engine.key_press(int(chord))  # nothing to change
        engine.item_click("**/###empty")
        wait_until(engine, lambda: app.show_gallery)
        frames(engine)
        engine.set_ref("//##gallery")
        engine.item_click("**/tile0")
        wait_until(engine, lambda: len(app.panes) == 1)
        engine.set_ref("ncaengine")
        frames(engine)
        engine.key_press(int(key.space))
        assert app.grid.settings.paused
        assert all(toast.kind == "info" for toast in app.toasts), app.toasts
        commands = [type(entry.command).__name__ for entry in app.sim.journal]
        assert commands.count("RemoveGrid") == 6
        assert commands.count("Duplicate") == 4

    drive(SMALL, 1, script, (900, 700), prefs=only("Model", "Grids"))


SCENARIOS = {scenario.__name__: scenario for scenario in (side_by_side,)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_grids_in_the_window(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
