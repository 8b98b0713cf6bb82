"""Sessions of the window: saved and opened.

What needs a window runs in a process of its own, see window_driver:
`python tests/viewer/test_session_files.py SCENARIO FOLDER` runs a scenario by hand.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apps import model
from helpers import apart
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ncaengine.formats.model_files import save
from ncaengine.io import journals, sessions, stills
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import grids, open_files, recording, session_files
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.actions.session_claim import SessionClaim
from ncaengine.viewer.actions.session_files import Extras, SavedPane, valid_extras
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import Camera
from ncaengine.viewer.state.options import Options


def same_states(a: App, b: App) -> bool:
    return sessions.fingerprint(a.sim) == sessions.fingerprint(b.sim)


# Sessions


def test_a_session_replaces_everything(make: Callable[..., App], tmp_path: Path) -> None:
    app, other = make(2), make(1)
    app.sim.advance(TICKS_PER_SECOND)
    app.select(1)
    app.linked = {1, 2}
    app.prefs.columns = [1.0, 2.0]
    app.panes[1].camera = Camera(7.5, 3.0, -2.0, True)
    session_files.write(app, "session", tmp_path / "s.nca")
    assert app.session_file.path == tmp_path / "s.nca"
    assert [toast.kind for toast in app.toasts] == ["info"]
    assert app.prefs.recent == [str(tmp_path / "s.nca")]
    before = other.panes[0].grid
    open_files.open_path(other, tmp_path / "s.nca")
    assert same_states(app, other)
    assert other.panes[0].grid is not before
    assert [pane.grid for pane in other.panes] == list(other.sim.grids.values())
    assert (other.selected, other.linked, other.prefs.columns) == (1, {1, 2}, [1.0, 2.0])
    assert [pane.camera for pane in other.panes] == [Camera(), Camera(7.5, 3.0, -2.0, True)]
    assert set(other.models) == {"a", "b"}
    assert other.session_file.path == tmp_path / "s.nca"
    grids.use_model(other, "a")  # a model of the session
    assert other.grid.model is other.sim.models["a"]
    session_files.save(other)  # in the same file
    assert len(sessions.load_session(tmp_path / "s.nca").header.models) == 1


def test_a_still_opens_the_grid_that_it_shows(
    make: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, other = make(2), make(2)
    app.sim.advance(TICKS_PER_SECOND)
    app.select(1)
    recording.save_still(app)
    still = tmp_path / "b-square.png"
    assert np.array_equal(np.asarray(Image.open(still)), app.grid.image(8))  # the usual scale of such a grid
    open_files.open_path(other, still)
    assert [pane.grid.id for pane in other.panes] == [2]
    assert np.array_equal(other.grid.state(), app.grid.state())
    assert other.session_file.path is None  # saving does not overwrite the picture
    session_files.save(other)
    assert other.session_file.asks == "session"


def test_a_session_that_cannot_be_opened_changes_nothing(make: Callable[..., App], tmp_path: Path) -> None:
    app = make(1)
    sessions.write_session(tmp_path / "good.nca", session_files.pack(app))
    whole = (tmp_path / "good.nca").read_bytes()
    (tmp_path / "cut.nca").write_bytes(whole[:-9])
    (tmp_path / "kernel.nca").write_bytes(whole.replace(b'\\"kernel\\":\\"square\\"', b'\\"kernel\\":\\"sqvare\\"'))
    stills.save_still(tmp_path / "plain.png", np.zeros((3, 3, 3), np.uint8), {})
    stills.save_still(tmp_path / "broken.png", np.zeros((3, 3, 3), np.uint8), {}, whole[:-9])
    grid, cases = app.grid, {"cut.nca": "not a valid session", "kernel.nca": "sqvare", "gone.nca": "cannot be read",
                             "plain.png": "without a session", "broken.png": "its session is not a valid"}  # fmt: skip
    for name, message in cases.items():
        app.toasts.clear()
        open_files.drop(app, [tmp_path / name])
        assert [(toast.kind, message in toast.text) for toast in app.toasts] == [("error", True)], app.toasts
        assert list(app.sim.grids.values()) == [pane.grid for pane in app.panes] == [grid]
    assert app.session_file.path is None


def test_a_models_file_is_watched_if_it_is_unchanged(make: Callable[..., App], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(model("m", 5), path)
    app = make(1)
    open_files.open_path(app, path)
    session_files.write(app, "session", tmp_path / "s.nca")
    assert {m.name: m.path for m in sessions.read_header(tmp_path / "s.nca").models} == {"a": "", "m": str(path)}
    again = make(1)
    session_files.open_session(again, tmp_path / "s.nca")
    assert again.toasts == []
    assert again.watch.path_of(again.panes[1].grid.model) == path
    save(model("m", 6), path)
    again.watch._timer._due = again.watch.clock()
    HotReload(again).poll()
    assert np.array_equal(again.panes[1].grid.model.w1, model("m", 6).w1)
    assert np.array_equal(again.panes[0].grid.model.w1, model("a", 0).w1)
    # The file contains another model now: the session uses its own.
    late = make(1)
    session_files.open_session(late, tmp_path / "s.nca")
    assert "contains another model now" in late.toasts[0].text
    assert np.array_equal(late.panes[1].grid.model.w1, model("m", 5).w1)
    path.write_bytes(b"broken")
    session_files.open_session(make(1), tmp_path / "s.nca")
    path.unlink()
    session_files.open_session(make(1), tmp_path / "s.nca")


def test_models_with_the_same_name_stay_separate(make: Callable[..., App], tmp_path: Path) -> None:
    app, other = make(1), make(0)
    session_files.write(app, "session", tmp_path / "s.nca")
    open_files.open_models(other, [model("a", 9)], Options((8, 8)))
    session_files.open_session(other, tmp_path / "s.nca")
    assert np.array_equal(other.grid.model.w1, model("a", 0).w1)
    assert set(other.models) == {"a", "a-2"}
    assert other.name_of(other.grid.model) == "a-2"


@given(
    st.dictionaries(
        st.sampled_from(["panes", "selected", "linked", "columns", "rows", "news"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["grid", "zoom"]), inner),
        ),
    )
)
def test_invalid_extras_are_ignored(found: dict[str, Any]) -> None:
    assert isinstance(valid_extras(found), Extras)
    good = {"panes": [{"grid": 1, "zoom": 2.0}], "selected": 3}
    assert valid_extras({**good, "linked": "x"}) == Extras((SavedPane(1, 2.0),), 3)


def test_file_names_get_the_ending_of_their_kind(
    make: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make(1)
    assert session_files.suggested_name(app, "session") == "a.nca"
    (tmp_path / "a.nca").touch()
    assert session_files.suggested_name(app, "session") == "a-2.nca"
    assert session_files.suggested_name(app, "journal") == "a.jsonl"
    assert session_files.path_for("session", " dir/x ") == Path("dir/x.nca")
    assert session_files.path_for("journal", "v1.5") == Path("v1.5.jsonl")
    assert session_files.path_for("session", "~/x.NCA") == Path.home() / "x.NCA"
    assert session_files.path_for("session", "~no-such-user/x") == Path("~no-such-user/x.nca")
    for typed in ("/", ".", "..", "~no-such-user/x", "x" * 300):  # a dialog asks for the path at every letter
        assert not session_files.write(app, "session", session_files.path_for("session", typed))
    assert session_files.suggested_name(make(2), "session") == "session.nca"
    empty = make(0)
    session_files.save(empty)
    assert empty.session_file.asks is None
    assert "no grid to save" in empty.toasts[0].text


def test_a_recording_is_finished_before_another_session_is_shown(
    make: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make(1)
    session_files.write(app, "session", tmp_path / "s.nca")
    app.recorder.name = "frames/"
    recording.toggle(app)
    recording.advance_frame(app)
    session_files.open_session(app, tmp_path / "s.nca")
    assert not app.recorder.active
    assert any("1 frame" in toast.text for toast in app.toasts)


# Scenarios


def boxes(folder: Path) -> None:
    """Save by keys and buttons, open again, save the journal and a still, and answer the question after a crash."""
    from imgui_bundle import imgui
    from window_driver import ask, drive, only, wait_until

    key = imgui.Key
    ctrl, shift = int(key.mod_ctrl), int(key.mod_shift)
    os.chdir(folder)
    crashed = folder / "autosave"
    crashed.mkdir()
    with Simulation() as sim:
        for number in range(2):
            sim.add(model("crashed"), (20, 16), steps_per_second=0.0, rng_seed=number)
        (crashed / "7.nca").write_bytes(sessions.pack_session(sim))
        (crashed / "8.nca").write_bytes(sessions.pack_session(sim))
        os.utime(crashed / "7.nca", (1, 1))
        before = sessions.fingerprint(sim)

    def opened() -> bool:
        return bool(imgui.is_popup_open("", imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level))

    def script(engine: Any, app: App) -> None:
        def box() -> None:
            wait_until(engine, opened)
            engine.yield_(2)
            engine.set_ref("//##save")

        def closed() -> bool:
            return not opened()

        # Discard the newest abandoned session and restore the other.
        engine.yield_(3)
        text = app.toasts[0].text
        assert "2 grids, just now" in text
        engine.set_ref(f"//##toast{text}")
        engine.item_click("###answer1")
        wait_until(engine, lambda: bool(app.toasts) and "days ago" in app.toasts[-1].text)
        engine.yield_(2)
        engine.set_ref(f"//##toast{app.toasts[-1].text}")
        engine.item_click("###answer0")
        wait_until(engine, lambda: len(app.panes) == 2)
        engine.set_ref("ncaengine")
        (folder / "restored.txt").write_text(f"{app.grid.model.config.name}")
        # Ctrl S asks for a name the first time.
        app.toasts.clear()
        engine.key_press(ctrl | int(key.s))
        box()
        engine.item_input_value("##name", "one")  # and Enter
        wait_until(engine, closed)
        assert app.session_file.path == Path("one.nca")
        first = Path("one.nca").read_bytes()
        assert sessions.load_session(Path("one.nca")).header.tick == app.sim.tick
        # Later only Ctrl Shift S asks.
        app.defer(lambda: app.submit(commands.Step(1, 3)))
        wait_until(engine, lambda: app.sim.grids[1].step == 3)
        engine.key_press(ctrl | int(key.s))
        wait_until(engine, lambda: Path("one.nca").read_bytes() != first)
        assert not opened()
        engine.key_press(ctrl | shift | int(key.s))
        box()
        engine.key_press(int(key.escape))
        wait_until(engine, closed)
        # An existing file is replaced only after a second confirmation.
        Path("two.nca").write_text("something else")
        engine.set_ref("ncaengine")
        engine.item_click("**/###saveas")
        box()
        engine.item_input_value("##name", "two.nca")
        engine.yield_(3)
        assert opened()
        assert Path("two.nca").read_text() == "something else"
        engine.item_click("###write")
        wait_until(engine, closed)
        assert len(sessions.load_session(Path("two.nca")).header.grids) == 2
        # The error of an unwritable file is shown, and the dialog stays.
        engine.key_press(ctrl | shift | int(key.s))
        box()
        engine.item_input_value("##name", "no/such/folder")
        wait_until(engine, lambda: any(toast.kind == "error" for toast in app.toasts))
        assert opened()
        engine.item_click("###cancel")
        wait_until(engine, closed)
        app.toasts.clear()
        # The journal, by a button and by the palette.
        engine.set_ref("ncaengine")
        engine.item_click("**/###journal")
        box()
        engine.item_click("###write")
        wait_until(engine, closed)
        assert len(journals.load_journal(Path("crashed.jsonl")).entries) == 1
        ask(engine, "save the journal")
        box()
        engine.item_input_value("##name", "second")
        wait_until(engine, closed)
        assert Path("second.jsonl").exists()
        # Open a still, and a session by the palette.
        engine.set_ref("ncaengine")
        engine.key_press(int(key.tab))
        engine.key_press(shift | int(key.p))
        wait_until(engine, lambda: Path("crashed-square.png").exists())
        engine.yield_(3)
        app.defer(lambda: session_files.open_session(app, Path("crashed-square.png")))
        wait_until(engine, lambda: len(app.panes) == 1)
        ask(engine, "open two.nca")
        wait_until(engine, lambda: len(app.panes) == 2)
        engine.set_ref(engine.window_info("//ncaengine/side").window)  # from where the engine scrolls to it
        engine.item_click("###open")
        engine.set_ref("ncaengine")
        wait_until(engine, lambda: app.show_gallery)
        engine.key_press(int(key.escape))
        wait_until(engine, lambda: not app.show_gallery)

    options = Options((16, 12), steps_per_second=(0.0,))
    drive(options, 1, script, (700, 600), autosave=crashed, prefs=only("Session"))
    assert (folder / "restored.txt").read_text() == "crashed"
    assert list(crashed.iterdir()) == []
    with Simulation() as sim:
        sessions.open_session(sim, "one.nca")
        assert sessions.fingerprint(sim) != before  # three steps later


def recordings(folder: Path) -> None:
    """Record with a countdown, and record the window itself."""
    from imgui_bundle import imgui
    from window_driver import drive, wait_until

    ctrl = int(imgui.Key.mod_ctrl)
    os.chdir(folder)

    def script(engine: Any, app: App) -> None:
        recorder, grid = app.recorder, app.grid
        engine.yield_(3)
        recorder.source, recorder.name, recorder.length, recorder.delay = "window", "w/", 0.1, 60.0
        recorder.from_seed = False
        engine.key_press(ctrl | int(imgui.Key.r))
        wait_until(engine, lambda: recorder.counting)
        step = grid.step
        wait_until(engine, lambda: grid.step > step)  # the simulation keeps running meanwhile
        engine.key_press(ctrl | int(imgui.Key.r))
        wait_until(engine, lambda: not recorder.active)
        recorder.delay = 0.0
        engine.key_press(ctrl | int(imgui.Key.r))
        wait_until(engine, lambda: not recorder.active and any("Saved w" in toast.text for toast in app.toasts))
        recorder.source, recorder.name, recorder.length = "all", "a/", None
        engine.key_press(ctrl | int(imgui.Key.r))
        wait_until(engine, lambda: recorder.recording is not None and recorder.recording.frames > 2)
        assert set(recorder.grids) == set(app.sim.grids.values())
        engine.key_press(ctrl | int(imgui.Key.r))
        wait_until(engine, lambda: not recorder.active)

    drive(Options((20, 16)), 2, script, (500, 400))
    frames = [np.asarray(Image.open(path)) for path in sorted(Path("w").glob("*.png"))]
    assert [frame.shape for frame in frames] == [(400, 500, 3)] * 6
    assert len(list(Path("a").glob("*.png"))) > 2


@pytest.mark.parametrize("name", ["boxes", "recordings"])
def test_by_mouse_and_keys(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))


def test_a_session_that_another_window_has_open_is_told_once(make: Callable[..., App], tmp_path: Path) -> None:
    path = tmp_path / "s.nca"
    first, second = make(1), make(1)
    session_files.write(first, "session", path)
    claims = [SessionClaim(first), SessionClaim(second)]
    session_files.open_session(second, path)
    for claim in claims * 2:
        claim.update()
    assert [toast.text for toast in first.toasts] == [f"Saved s.nca in {tmp_path}."]
    [notice] = second.toasts
    assert "open in another window, too" in notice.text
    for claim in claims:
        claim.release()
    assert [found.name for found in tmp_path.iterdir()] == ["s.nca"]
    third = make(1)
    session_files.open_session(third, path)
    SessionClaim(third).update()
    assert third.toasts == []
