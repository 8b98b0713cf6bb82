"""The time bar: undo and redo, steps back, and the slider over a grid's timeline.

What the keys do is tested on an App without a window, the bar itself in a scenario as in window_driver:
`python tests/viewer/test_timeline.py bar FOLDER` runs it by hand.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import apart
from window_driver import drive, frames, model, wait_until

from ncaengine.core.errors import NCAError
from ncaengine.simulation import commands
from ncaengine.viewer.actions import grids, history, open_files, recording, session_files
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An App without a window, with one grid."""
    return make(rng_seed=7)


def test_a_grid_that_can_not_come_back_is_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    open_files.open_models(app, [model("b")], Options((6, 5)))
    app.select(1)
    grids.remove(app)
    app.sync()

    def refused(command: commands.AnyCommand) -> None:
        raise NCAError("The device has no room for it.")

    monkeypatch.setattr(app.sim, "submit", refused)
    before = len(app.toasts)
    history.undo(app)
    assert list(app.sim.grids) == [1]
    assert [toast.kind for toast in app.toasts[before:]] == ["error"]


def test_undo_restores_the_last_removed_grid(app: App) -> None:
    app.select(0)
    open_files.open_models(app, [model("b")], Options((6, 5)))
    app.submit(commands.Reseed(1, 3))
    app.select(1)
    grids.remove(app)
    app.sync()
    assert list(app.sim.grids) == [1]
    history.undo(app)
    assert list(app.sim.grids) == [1, 2]
    assert app.grid.id == 2
    assert app.grid.size == (6, 5)
    app.select(0)
    history.undo(app)
    assert app.grid.rng_seed == 7
    for number in (1, 2):
        app.submit(commands.RemoveGrid(number))
    app.sync()
    history.undo(app)
    history.undo(app)
    assert sorted(app.sim.grids) == [1, 2]


def test_with_no_grid_left_nothing_fails(app: App) -> None:
    app.submit(commands.RemoveGrid(1))
    app.sim.engine.world.removed.clear()
    app.sync()
    history.undo(app)
    recording.save_still(app)
    session_files.save(app)
    assert [toast.text for toast in app.toasts] == [
        "Nothing to undo.", "There is no grid to save; open a model first.",
    ]  # fmt: skip


def test_closing_with_unsaved_edits_asks_first(app: App, tmp_path: Path) -> None:
    assert session_files.may_close(app)
    erase(app)
    app.submit(commands.Paint(1, "noise", ((4.0, 3.0),), 2.0, more=True))
    assert session_files.unsaved_edits(app) == 1
    assert not session_files.may_close(app)
    assert app.toasts[-1].text == "1 edit is not saved."
    assert [button.title for button in app.toasts[-1].buttons] == ["Save", "Quit"]
    assert session_files.may_close(app)  # the second request closes
    session_files.write(app, "session", tmp_path / "a.nca")
    assert session_files.unsaved_edits(app) == 0
    erase(app)
    assert not session_files.may_close(app)
    session_files.open_session(app, tmp_path / "a.nca")
    assert session_files.may_close(app)


def test_a_dismissed_question_is_asked_again_before_the_window_closes(app: App) -> None:
    erase(app)
    assert not session_files.may_close(app)
    app.toasts.clear()  # dismissed: the user stays
    erase(app)
    assert not session_files.may_close(app)
    assert app.toasts[-1].text == "2 edits are not saved."
    app.toasts[-1].buttons[1].action()
    assert app.closing
    assert session_files.may_close(app)


def test_a_session_asks_before_it_replaces_unsaved_edits(app: App, tmp_path: Path) -> None:
    session_files.write(app, "session", tmp_path / "a.nca")
    erase(app)
    before = app.grid
    open_files.drop(app, [tmp_path / "a.nca", tmp_path / "a.nca"])
    assert app.grid is before
    (question,) = (toast for toast in app.toasts if toast.buttons)
    assert question.text == "1 edit is not saved."
    assert [button.title for button in question.buttons] == ["Save", "Replace"]
    question.buttons[1].action()
    assert app.grid is not before
    assert not any(toast.buttons for toast in app.toasts)
    open_files.open_path(app, tmp_path / "a.nca")  # nothing is lost
    assert not any(toast.buttons for toast in app.toasts)


def test_undo_says_that_a_session_begins_without_earlier_edits(app: App, tmp_path: Path) -> None:
    erase(app)
    session_files.write(app, "session", tmp_path / "a.nca")
    session_files.open_session(app, tmp_path / "a.nca")
    history.undo(app)
    why = "a session doesn't keep the edits made before it was saved"
    assert app.toasts[-1].text == f"Nothing to undo on this grid: {why}."
    erase(app)
    assert app.grid.can_undo


def erase(app: App) -> None:
    app.submit(commands.Paint(app.grid.id, "erase", ((4.0, 4.0),), radius=3))


def test_a_stroke_is_undone_and_redone(app: App) -> None:
    app.sim.step(20)
    before = app.grid.state()
    erase(app)
    after = app.grid.state()
    assert not np.array_equal(before, after)
    history.undo(app)
    assert np.array_equal(app.grid.state(), before)
    history.redo(app)
    assert np.array_equal(app.grid.state(), after)
    assert [type(entry.command).__name__ for entry in app.sim.journal[-3:]] == ["Paint", "Undo", "Redo"]


def test_without_an_edit_undo_shows_a_notice_and_is_not_journalled(app: App) -> None:
    before = len(app.sim.journal)
    history.undo(app)
    history.redo(app)
    assert [toast.kind for toast in app.toasts] == ["info", "info"]
    assert len(app.sim.journal) == before


def test_a_hundred_steps_back_and_forth_change_nothing(app: App) -> None:
    app.sim.step(130)
    erase(app)
    app.sim.step(20)
    now, age = app.grid.state(), app.grid.age
    history.go_to(app, age - 100)
    assert app.grid.step == 50
    assert not np.array_equal(app.grid.state(), now)
    history.go_to(app, age)
    assert np.array_equal(app.grid.state(), now)


def test_returning_to_the_present_makes_no_steps(app: App) -> None:
    app.sim.step(57)
    history.go_to(app, 3)
    assert app.grid.timeline.moments[-1].age == 57
    assert history.nearest_moment(app.grid, 57) == history.reachable_age(app, 57) == 57


def test_a_step_back_pauses(app: App) -> None:
    app.sim.step(5)
    history.step_back(app)
    assert app.grid.settings.paused
    assert app.grid.age == 4
    for _ in range(9):
        history.step_back(app)
    assert app.grid.age == 0
    assert [type(entry.command).__name__ for entry in app.sim.journal].count("Rewind") == 5


def test_an_age_far_from_any_moment_is_used_only_if_that_is_quick(app: App, monkeypatch: Any) -> None:
    app.sim.step(40)
    ages = [moment.age for moment in app.grid.timeline.moments]
    assert ages == [0, 16, 32]
    assert history.reachable_age(app, 29) == 29
    monkeypatch.setattr(history, "MOST_STEPS", 10)
    assert history.reachable_age(app, 25) == 25
    assert history.reachable_age(app, 29) == 32
    monkeypatch.setattr(history, "MOST_WORK", 5 * 12 * 10)
    assert history.reachable_age(app, 25) == 25
    app.software = True
    assert history.reachable_age(app, 25) == 32
    assert history.reachable_age(app, 21) == 21


# Scenarios, each in a process of its own


def bar(folder: Path) -> None:
    """Use buttons, keys and the slider."""
    from imgui_bundle import imgui

    key = imgui.Key
    ctrl = int(key.mod_ctrl)

    def script(engine: Any, app: App) -> None:
        grid = app.grid
        wait_until(engine, lambda: grid.step > 2)
        engine.item_click("**/###run")
        assert grid.settings.paused
        app.defer(lambda: app.sim.step(100))
        wait_until(engine, lambda: grid.step > 100)
        step = grid.step
        engine.item_click("**/###forward")
        assert grid.step == step + 1
        engine.item_click("**/###back")
        engine.key_press(int(key.left_arrow))
        wait_until(engine, lambda: grid.step == step - 1)
        engine.key_press(int(key.right_arrow))
        wait_until(engine, lambda: grid.step == step)
        app.defer(lambda: erase(app))
        wait_until(engine, lambda: grid.can_undo == "Erase")
        frames(engine)
        engine.item_click("**/###undo")
        assert (grid.can_undo, grid.can_redo) == ("", "Erase")
        frames(engine)
        engine.item_click("**/###redo")
        assert grid.can_undo == "Erase"
        engine.key_press(ctrl | int(key.z))
        assert grid.can_undo == ""
        engine.key_press(ctrl | int(key.mod_shift) | int(key.z))
        assert grid.can_undo == "Erase"
        engine.key_press(ctrl | int(key.z))
        engine.key_press(ctrl | int(key.y))
        assert grid.can_undo == "Erase"
        # The slider shows moments while it is dragged, the exact age when it is released, and the present again.
        engine.item_click("**/###run")
        wait_until(engine, lambda: grid.step > step + 2)
        rect = engine.item_info("**/##scrub").rect_full
        engine.mouse_move_to_pos((rect.max.x - 2, rect.get_center().y))
        engine.mouse_down(0)
        frames(engine)
        assert grid.settings.paused
        tip = grid.timeline.tip
        engine.mouse_move_to_pos((rect.min.x + 0.3 * rect.get_width(), rect.get_center().y))
        frames(engine)
        assert grid.age in [moment.age for moment in grid.timeline.moments]
        assert grid.age < 0.6 * tip
        engine.mouse_up(0)
        wait_until(engine, lambda: abs(grid.age - 0.3 * tip) < 6)
        assert grid.timeline.tip == tip
        assert grid.settings.paused
        engine.item_drag_with_delta("**/##scrub", (-900, 0))
        frames(engine)
        assert grid.age == 0
        engine.item_drag_with_delta("**/##scrub", (900, 0))
        frames(engine)
        assert grid.age == tip
        # Released where it began, the grid keeps running.
        engine.item_click("**/###run")
        frames(engine)
        engine.mouse_move_to_pos((rect.max.x - 2, rect.get_center().y))
        engine.mouse_down(0)
        frames(engine)
        assert grid.settings.paused
        engine.mouse_up(0)
        frames(engine)
        assert not grid.settings.paused
        assert not app.toasts
        kinds = {type(entry.command).__name__ for entry in app.sim.journal}
        assert kinds == {"AddGrid", "Set", "Step", "Rewind", "Paint", "Undo", "Redo"}

    drive(Options((32, 32), "square", (20.0,)), 1, script, (800, 500))


@pytest.mark.parametrize("scenario", [bar])
def test_in_the_window(scenario: Any, tmp_path: Path) -> None:
    apart(__file__, scenario.__name__, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    bar(Path(sys.argv[2]))
