"""The window's sessions: saved, opened, guarded against a crash; and a journal replayed without the window.

What needs a window runs in a process of its own, see window_driver:
`python tests/viewer/test_session_files.py SCENARIO FOLDER` runs a scenario by hand.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, ROOT, apart, random_model, small
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import kernels
from ncaengine.core.brushes import Pattern, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, Field
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import Look, Mode
from ncaengine.core.model import Model
from ncaengine.formats.model_files import save
from ncaengine.io import journals, sessions, stills
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import autosave, grids, open_files, recording, running, session_files
from ncaengine.viewer.actions.autosave import Autosave, time_ago
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.actions.session_files import Extras, SavedPane, valid_extras
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.camera import Camera
from ncaengine.viewer.state.options import Options


def model(name: str = "small", seed: int = 0) -> Model:
    return random_model(small(NOTEBOOK_CONFIG, name=name), seed)


@pytest.fixture
def make(gl: GLBackend, catalogue: Catalogue) -> Iterator[Callable[..., App]]:
    """Makes Apps without a window, of any number of grids."""
    made: list[Simulation] = []

    def app(count: int = 1) -> App:
        made.append(Simulation(gl, catalogue))
        found = App(made[-1])
        models = [model("ab"[i], i) for i in range(count)]
        open_files.open_models(found, models, Options((12, 10), steps_per_second=(30.0,)))
        return found

    yield app
    for sim in made:
        for grid in sim.grids.values():
            grid.cells.release()


def same_states(a: App, b: App) -> bool:
    return sessions.fingerprint(a.sim) == sessions.fingerprint(b.sim)


# Sessions


def test_a_session_opens_as_it_was_in_place_of_everything(make: Callable[..., App], tmp_path: Path) -> None:
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
    grids.use_model(other, "a")  # a model of the session is on offer
    assert other.grid.model is other.sim.models["a"]
    session_files.save(other)  # in the same file
    assert len(sessions.load_session(tmp_path / "s.nca").header.models) == 1


def test_a_still_opens_the_one_grid_that_it_shows(
    make: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app, other = make(2), make(2)
    app.sim.advance(TICKS_PER_SECOND)
    app.select(1)
    recording.save_still(app)
    still = tmp_path / "b-square.png"
    assert np.array_equal(np.asarray(Image.open(still)), app.grid.image(8))  # as large as that is on a screen
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
    grid, cases = app.grid, {"cut.nca": "not a whole session", "kernel.nca": "sqvare", "gone.nca": "cannot be read",
                             "plain.png": "without a session", "broken.png": "its session is not a whole"}  # fmt: skip
    for name, said in cases.items():
        app.toasts.clear()
        open_files.drop(app, [tmp_path / name])
        assert [(toast.kind, said in toast.text) for toast in app.toasts] == [("error", True)], app.toasts
        assert list(app.sim.grids.values()) == [pane.grid for pane in app.panes] == [grid]
    assert app.session_file.path is None


def test_a_models_file_is_watched_if_it_is_still_the_same(make: Callable[..., App], tmp_path: Path) -> None:
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
    # By now it is another model: the session has its own.
    late = make(1)
    session_files.open_session(late, tmp_path / "s.nca")
    assert "contains another model now" in late.toasts[0].text
    assert np.array_equal(late.panes[1].grid.model.w1, model("m", 5).w1)
    path.write_bytes(b"broken")
    session_files.open_session(make(1), tmp_path / "s.nca")
    path.unlink()
    session_files.open_session(make(1), tmp_path / "s.nca")


def test_models_of_one_name_keep_apart(make: Callable[..., App], tmp_path: Path) -> None:
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
def test_wrong_extras_are_passed_over(found: dict[str, Any]) -> None:
    assert isinstance(valid_extras(found), Extras)
    good = {"panes": [{"grid": 1, "zoom": 2.0}], "selected": 3}
    assert valid_extras({**good, "linked": "x"}) == Extras((SavedPane(1, 2.0),), 3)


def test_names_get_the_ending_of_their_kind(
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


# Autosave


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def written(kept: Autosave) -> None:
    if kept._writer:
        kept._writer.join()


def test_it_saves_after_changes_only_and_is_gone_after_a_clean_end(make: Callable[..., App], tmp_path: Path) -> None:
    app, clock = make(1), Clock()
    kept = Autosave(app, tmp_path / "new" / "autosave", 30.0, clock)
    kept.update()
    assert not (tmp_path / "new").exists()
    clock.now += 31
    assert kept.due
    kept.update()
    written(kept)
    path = tmp_path / "new" / "autosave" / f"{os.getpid()}.nca"
    assert path.exists()
    stamp = path.stat().st_mtime_ns
    clock.now += 31
    assert not kept.due  # nothing has changed
    app.sim.advance(TICKS_PER_SECOND)
    assert kept.due
    kept.update()
    written(kept)
    assert path.stat().st_mtime_ns != stamp
    assert sessions.load_session(path).header.tick == TICKS_PER_SECOND
    kept.close()
    assert list(path.parent.iterdir()) == []


def test_two_windows_of_one_process_keep_apart_and_neither_is_offered(make: Callable[..., App], tmp_path: Path) -> None:
    clock = Clock()
    first, second = (Autosave(make(1), tmp_path, 30.0, clock) for _ in range(2))
    clock.now += 31
    for kept in (first, second):
        kept.update()
        written(kept)
    assert len(list(tmp_path.glob("*.nca"))) == 2
    assert Autosave(make(1), tmp_path).abandoned == []
    first.close(crashed=True)
    third = Autosave(make(1), tmp_path)
    assert [file.path.name for file in third.abandoned] == [f"{os.getpid()}.nca"]
    third.close()
    second.close()


def test_what_was_left_is_restored_or_discarded_the_newest_first(make: Callable[..., App], tmp_path: Path) -> None:
    old = make(2)
    for number in range(7):
        old.sim.advance(100)
        (tmp_path / f"{number}.nca").write_bytes(session_files.pack(old))
        os.utime(tmp_path / f"{number}.nca", (time.time() - 600 + number, time.time() - 600 + number))
    (tmp_path / "8.nca").write_bytes(b"broken")
    app = make(1)
    kept = Autosave(app, tmp_path)
    assert [file.path.name for file in kept.abandoned] == [f"{n}.nca" for n in (6, 5, 4, 3, 2)]
    assert sorted(p.name for p in tmp_path.glob("*.nca")) == [f"{n}.nca" for n in (2, 3, 4, 5, 6)]
    assert Autosave(make(1), tmp_path).abandoned == []  # they are offered by one window only
    kept.offer_to_restore()
    question = app.toasts[-1]
    assert question.text == "The last window ended unexpectedly with 2 grids, 9 minutes ago."
    assert [button.title for button in question.buttons] == ["Restore", "Discard"]
    question.buttons[1].action()
    assert not (tmp_path / "6.nca").exists()
    app.toasts[-1].buttons[0].action()
    assert len(app.sim.grids) == 2
    assert app.sim.tick == 600
    assert app.session_file.path is None
    assert not (tmp_path / "5.nca").exists()
    assert sessions.load_session(tmp_path / f"{os.getpid()}.nca").header.tick == 600  # still safe, should this one die
    kept.close()
    assert sorted(p.name for p in tmp_path.glob("*.nca")) == [f"{n}.nca" for n in (2, 3, 4)]


def test_a_folder_that_cannot_be_written_is_no_error(make: Callable[..., App], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app, clock = make(1), Clock()
    kept = Autosave(app, tmp_path / "file" / "autosave", 30.0, clock)
    clock.now += 31
    kept.update()
    kept.offer_to_restore()
    assert not kept.due  # until later
    kept.close()
    assert app.toasts == []


def test_large_states_are_saved_less_often(make: Callable[..., App], tmp_path: Path, monkeypatch: Any) -> None:
    app, clock = make(1), Clock()
    pack = session_files.pack

    def slow(*arguments: Any) -> bytes:
        clock.now += 2.0
        return pack(*arguments)

    monkeypatch.setattr(autosave.session_files, "pack", slow)
    kept = Autosave(app, tmp_path, 30.0, clock)
    clock.now += 31
    kept.update()
    app.sim.advance(TICKS_PER_SECOND)
    clock.now += 100
    assert not kept.due
    clock.now += 101
    assert kept.due
    kept.close()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (3599, "59 minutes ago"), (7300, "2 hours ago"),
     (86400 * 3.5, "3 days ago")],
)  # fmt: skip
def test_times_in_words(seconds: float, said: str) -> None:
    assert time_ago(seconds) == said


# What runs in the other process


def boxes(folder: Path) -> None:
    """Saving by keys and buttons, opening again, the journal, a still; and the question after a crash."""
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
        kept = sessions.fingerprint(sim)

    def opened() -> bool:
        return bool(imgui.is_popup_open("", imgui.PopupFlags_.any_popup_id | imgui.PopupFlags_.any_popup_level))

    def script(engine: Any, app: App) -> None:
        def box() -> None:
            wait_until(engine, opened)
            engine.yield_(2)
            engine.set_ref("//##save")

        def closed() -> bool:
            return not opened()

        # The question: the newest is discarded, the other restored.
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
        # Then it does not, and Ctrl Shift S does.
        app.defer(lambda: app.submit(commands.Step(1, 3)))
        wait_until(engine, lambda: app.sim.grids[1].step == 3)
        engine.key_press(ctrl | int(key.s))
        wait_until(engine, lambda: Path("one.nca").read_bytes() != first)
        assert not opened()
        engine.key_press(ctrl | shift | int(key.s))
        box()
        engine.key_press(int(key.escape))
        wait_until(engine, closed)
        # A file that is there is replaced only when that was said.
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
        # One that cannot be written is told, and the box stays.
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
        # A still opens as it was; so does a session, by the palette.
        engine.set_ref("ncaengine")
        engine.key_press(int(key.tab))
        engine.key_press(shift | int(key.p))
        wait_until(engine, lambda: Path("crashed-square.png").exists())
        engine.yield_(3)
        app.defer(lambda: session_files.open_session(app, Path("crashed-square.png")))
        wait_until(engine, lambda: len(app.panes) == 1)
        ask(engine, "open two.nca")
        wait_until(engine, lambda: len(app.panes) == 2)
        engine.item_click("**/###open")
        wait_until(engine, lambda: app.show_gallery)
        engine.key_press(int(key.escape))
        wait_until(engine, lambda: not app.show_gallery)

    options = Options((16, 12), steps_per_second=(0.0,))
    drive(options, 1, script, (700, 600), autosave=crashed, prefs=only("Session"))
    assert (folder / "restored.txt").read_text() == "crashed"
    assert list(crashed.iterdir()) == []
    with Simulation() as sim:
        sessions.open_session(sim, "one.nca")
        assert sessions.fingerprint(sim) != kept  # three steps on


def recordings(folder: Path) -> None:
    """A countdown, and a recording of the window itself."""
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
        wait_until(engine, lambda: grid.step > step)  # the simulation goes on meanwhile
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


def dying(folder: Path) -> None:
    """A window that is killed: it prints what it has kept, and runs on."""
    from ncaengine.viewer.window import Window

    window = Window([model("a"), model("b", 1)], Options((16, 12)), kernels.discover(), (400, 300), hidden=True,
                    autosave=folder, period=0.05)  # fmt: skip
    kept = window.autosave
    assert kept
    for _ in range(20):
        window.frame()
    running.toggle_pause_all(window.app)
    while kept._saved != kept._version():
        window.frame()
    written(kept)
    print(sessions.fingerprint(window.sim), flush=True)
    while True:
        window.frame()


def reviving(folder: Path) -> None:
    """The next window restores it, and is closed."""
    from ncaengine.viewer.window import Window

    with Window([model("c")], Options((8, 8)), kernels.discover(), (400, 300), hidden=True, autosave=folder) as window:
        window.frame()
        question = next(toast for toast in window.app.toasts if toast.buttons)
        assert "2 grids, just now" in question.text
        window.app.defer(question.buttons[0].action)
        for _ in range(3):
            window.frame()
        print(sessions.fingerprint(window.sim), flush=True)


def ended(folder: Path) -> None:
    """A window that is asked to end, which `show` closes."""
    from ncaengine.viewer import window as module

    class Hidden(module.Window):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named, size=(400, 300), hidden=True, autosave=folder, period=0.05)

        def frame(self) -> None:
            super().frame()
            if list(folder.glob("*.nca")) and self.app.frames:
                print("running", flush=True)

    module.Window = Hidden  # type: ignore[misc]
    module.show([model("a")], Options((8, 8)), kernels.discover())
    print("closed", flush=True)


# A long performance


KINDS = get_args(commands.AnyCommand)
SECONDS = 300


class Player:
    """Any commands at all, a seed decides which; most can be carried out."""

    def __init__(self, seed: int, sim: Simulation) -> None:
        self.rng, self.sim = np.random.default_rng(seed), sim
        self.done: Counter[str] = Counter()
        sim.register(model("a"))
        sim.register(model("b", 1))
        sim.register_array("picture", self.rng.integers(0, 256, (6, 7, 3), np.uint8))
        sim.register_array("state", self.rng.normal(0, 0.4, (9, 11, 5)).astype(np.float32))

    def one(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def number(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def point(self) -> tuple[float, float]:
        return self.number(-20, 40), self.number(-20, 40)

    def command(self) -> commands.AnyCommand:
        """The next one."""
        c, rng = commands, self.rng
        rarest = min(KINDS, key=lambda kind: self.done[kind.__name__])
        kind = self.one(rarest, *KINDS)
        count = len(self.sim.grids)
        if (count < 2 and kind is c.RemoveGrid) or count == 0:
            kind = c.AddGrid
        if count > 3 and kind in (c.AddGrid, c.Duplicate):
            kind = c.RemoveGrid
        size = int(rng.integers(6, 20)), int(rng.integers(6, 20))
        if kind is c.AddGrid:
            return c.AddGrid(self.one("a", "b"), size, self.one("square", "hexagonal"), self.number(1, 8))
        grid = self.one(*self.sim.grids)
        field: Field = self.one(*FIELDS)
        match kind:
            case c.SetModel:
                return c.SetModel(grid, self.one("a", "b"), self.one(0, 0, 1))
            case c.SetKernel:
                return c.SetKernel(grid, self.one("square", "hexagonal"))
            case c.Resize:
                return c.Resize(grid, size, self.one("centre", "corner", "tile", "nothing"))
            case c.Reseed:
                return c.Reseed(grid, int(rng.integers(100)))
            case c.Paint:
                path = tuple(self.point() for _ in range(int(rng.integers(1, 4))))
                value = self.one(0.0, 0.5, 1.0)
                return c.Paint(grid, self.one(*get_args(Tool)), path, self.number(0.5, 6), self.number(0, 1),
                               self.number(0, 1), value, "picture", bool(rng.integers(2)))  # fmt: skip
            case c.Fill:
                return c.Fill(
                    grid, field, self.one(*get_args(Pattern)), (self.one(0.5, 1.0), 1.0), 3, self.number(0, 3)
                )
            case c.Copy:
                return c.Copy(grid, self.point(), self.number(1, 5))
            case c.Rewind:
                return c.Rewind(grid, int(rng.integers(-5, 20)))
            case c.Load:
                return c.Load(grid, "state")
            case c.Show:
                return c.Show(grid, Look(self.one(*get_args(Mode)), overlay=field))
            case c.Set:
                setting, value = self.one(("steps_per_second", self.number(0, 8)), ("paused", self.one(True, False)),
                                          ("fire_rate", self.number(0.3, 0.9)), ("angle", self.number(-180, 180)),
                                          ("scale", self.number(0.5, 2)))  # fmt: skip
                return c.Set(grid, setting, value)
            case c.Step:
                return c.Step(grid, int(rng.integers(4)))
            case _:
                return kind(grid)

    def play(self, count: int, pass_time: Callable[[int], None]) -> None:
        """Some `count` commands in SECONDS, some of them put off to a step."""
        ticks = SECONDS * TICKS_PER_SECOND // count
        for _ in range(count):
            command = self.command()
            never = commands.AddGrid | commands.Duplicate | commands.Copy
            later = not isinstance(command, never) and self.rng.random() < 0.1
            step = self.sim.grids[command.grid].step + int(self.rng.integers(12)) if later else None
            with contextlib.suppress(NCAError):
                self.sim.submit(command, step)
                self.done[type(command).__name__] += 1
            pass_time(ticks)


def performance(folder: Path) -> None:
    """Five minutes in a window, in slices of steps between frames, as its own clock makes them; then the journal."""
    from ncaengine.viewer.window import Window

    with Window([model("a")], Options((12, 10), steps_per_second=(6.0,)), kernels.discover(), (420, 320),
                hidden=True) as window:  # fmt: skip
        sim = window.sim
        player, drawn = Player(11, sim), iter(range(10**9))

        def pass_time(ticks: int) -> None:
            for part in (ticks // 3, ticks - ticks // 3):
                sim.begin(part)
                while sim.busy:
                    with contextlib.suppress(NCAError):  # of a command that waited
                        sim.work(500)
            if next(drawn) % 20 == 0:
                window.frame()  # and what the wall clock makes of it

        player.play(630, pass_time)
        assert len(sim.journal) >= 500, len(sim.journal)
        assert all(player.done[kind.__name__] for kind in KINDS), player.done
        assert sim.tick >= SECONDS * TICKS_PER_SECOND - 630
        assert session_files.write(window.app, "journal", folder / "long.jsonl")
        assert session_files.write(window.app, "session", folder / "end.nca")
        steps = {number: grid.age for number, grid in sim.grids.items()}
        told = {"states": sessions.fingerprint(sim), "commands": len(sim.journal), "steps": steps}
        (folder / "told.json").write_text(json.dumps(told))


# What runs under pytest


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}


def start(name: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", __file__, name, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment())


@pytest.mark.parametrize("name", ["boxes", "recordings"])
def test_by_mouse_and_keys(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with signals")
def test_a_killed_window_is_restored_to_the_last_bit(tmp_path: Path) -> None:
    with start("dying", tmp_path) as window:
        assert window.stdout
        states = window.stdout.readline().strip()
        window.kill()
    assert len(states) == 64
    assert len(list(tmp_path.glob("*.nca"))) == 1
    assert apart(__file__, "reviving", tmp_path).splitlines()[-1] == states
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with signals")
def test_sigterm_closes_the_window(tmp_path: Path) -> None:
    with start("ended", tmp_path) as window:
        assert window.stdout
        assert window.stdout.readline() == "running\n"
        window.terminate()
        said = window.stdout.read()
    assert window.returncode == 0
    assert said.splitlines()[-1] == "closed"
    assert list(tmp_path.iterdir()) == []


def test_five_minutes_of_commands_in_a_window_replayed_without_one(tmp_path: Path) -> None:
    apart(__file__, "performance", tmp_path)
    told = json.loads((tmp_path / "told.json").read_text())
    said = apart("-m", "ncaengine", "replay", tmp_path / "long.jsonl", "-o", tmp_path / "again.nca", "--backend", "gl")
    assert f"states {told['states']}" in said.splitlines()[-1]
    assert f"{told['commands']} commands" in said.splitlines()[-1]
    heads = [sessions.read_header(tmp_path / name) for name in ("end.nca", "again.nca")]
    assert heads[0].grids == heads[1].grids
    assert heads[0].tick == heads[1].tick


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
