"""Autosave: the next window offers to restore the session of a window that died.

What needs a window runs in a process of its own, see window_driver:
`python tests/viewer/test_autosave.py SCENARIO FOLDER` runs a scenario by hand.
"""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps import Clock, model
from helpers import ROOT, apart

from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.io import sessions
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.viewer.actions import running, session_files
from ncaengine.viewer.actions.autosave import Autosave, time_ago
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def wait_until_written(autosave: Autosave) -> None:
    if autosave._writer:
        autosave._writer.join()


def test_it_saves_only_after_changes_and_removes_its_file_on_closing(make: Callable[..., App], tmp_path: Path) -> None:
    app, clock = make(1), Clock()
    saver = Autosave(app, tmp_path / "new" / "autosave", 30.0, clock)
    saver.update()
    assert not (tmp_path / "new").exists()
    clock.now += 31
    assert saver.due
    saver.update()
    wait_until_written(saver)
    path = tmp_path / "new" / "autosave" / f"{os.getpid()}.nca"
    assert path.exists()
    stamp = path.stat().st_mtime_ns
    clock.now += 31
    assert not saver.due  # nothing has changed
    app.sim.advance(TICKS_PER_SECOND)
    assert saver.due
    saver.update()
    wait_until_written(saver)
    assert path.stat().st_mtime_ns != stamp
    assert sessions.load_session(path).header.tick == TICKS_PER_SECOND
    saver.close()
    assert list(path.parent.iterdir()) == []


def test_two_windows_of_one_process_have_separate_files_and_neither_is_abandoned(
    make: Callable[..., App], tmp_path: Path
) -> None:
    clock = Clock()
    first, second = (Autosave(make(1), tmp_path, 30.0, clock) for _ in range(2))
    clock.now += 31
    for saver in (first, second):
        saver.update()
        wait_until_written(saver)
    assert len(list(tmp_path.glob("*.nca"))) == 2
    assert Autosave(make(1), tmp_path).abandoned == []
    first.close(crashed=True)
    third = Autosave(make(1), tmp_path)
    assert [file.path.name for file in third.abandoned] == [f"{os.getpid()}.nca"]
    third.close()
    second.close()


def test_abandoned_sessions_are_restored_or_discarded_the_newest_first(
    make: Callable[..., App], tmp_path: Path
) -> None:
    old = make(2)
    for number in range(7):
        old.sim.advance(100)
        (tmp_path / f"{number}.nca").write_bytes(session_files.pack(old))
        os.utime(tmp_path / f"{number}.nca", (time.time() - 600 + number, time.time() - 600 + number))
    (tmp_path / "8.nca").write_bytes(b"broken")
    (tmp_path / "kept").mkdir()
    app = make(1)
    saver = Autosave(app, tmp_path)
    assert [file.path.name for file in saver.abandoned] == [f"{n}.nca" for n in (6, 5, 4, 3, 2)]
    assert sorted(p.name for p in tmp_path.glob("*.nca")) == [f"{n}.nca" for n in (2, 3, 4, 5, 6)]
    assert Autosave(make(1), tmp_path).abandoned == []  # only one window offers them
    saver.offer_to_restore()
    question = app.toasts[-1]
    assert question.text == "The last window ended unexpectedly with 2 grids, 9 minutes ago."
    assert [button.title for button in question.buttons] == ["Restore", "Discard"]
    question.buttons[1].action()
    assert not (tmp_path / "6.nca").exists()
    app.toasts[-1].buttons[0].action()
    assert len(app.sim.grids) == 2
    assert app.sim.tick == 600
    assert app.session_file.path is None
    assert not session_files.may_close(app)  # what was restored is nowhere else
    assert app.toasts[-1].text == "What was restored is not saved."
    session_files.write(app, "session", tmp_path / "kept" / "saved.nca")
    assert session_files.may_close(app)
    assert not (tmp_path / "5.nca").exists()
    assert sessions.load_session(tmp_path / f"{os.getpid()}.nca").header.tick == 600  # safe even if this window dies
    saver.close()
    assert sorted(p.name for p in tmp_path.glob("*.nca")) == [f"{n}.nca" for n in (2, 3, 4)]


def test_an_unwritable_folder_is_said_once(make: Callable[..., App], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app, clock = make(1), Clock()
    saver = Autosave(app, tmp_path / "file" / "autosave", 30.0, clock)
    clock.now += 31
    saver.update()
    saver.offer_to_restore()
    assert not saver.due  # for one period
    saver.update()
    (notice,) = app.toasts
    app.toasts.clear()
    for _ in range(3):
        clock.now += 31
        saver.update()
    saver.close()
    assert app.toasts == []
    assert notice.text.startswith("This session couldn't be restored after a crash. ")
    assert "autosave: cannot be written" in notice.text


def test_a_full_disk_is_said_once(make: Callable[..., App], tmp_path: Path, monkeypatch: Any) -> None:
    def full(path: Path, _data: bytes) -> None:
        raise NCAError(f"{path}: cannot be written (No space left on device).")

    monkeypatch.setattr(sessions, "write_session", full)
    app, clock = make(1), Clock()
    saver = Autosave(app, tmp_path, 30.0, clock)
    told = []
    for _ in range(3):
        app.sim.advance(TICKS_PER_SECOND)
        clock.now += 31
        saver.update()
        wait_until_written(saver)
        saver.update()
        told += [toast.text for toast in app.toasts]
        app.toasts.clear()
    saver.close()
    (notice,) = told
    assert "No space left" in notice


def test_large_states_are_saved_less_often(make: Callable[..., App], tmp_path: Path, monkeypatch: Any) -> None:
    app, clock = make(1), Clock()
    pack = session_files.pack

    def slow(*arguments: Any) -> bytes:
        clock.now += 2.0
        return pack(*arguments)

    monkeypatch.setattr(session_files, "pack", slow)
    saver = Autosave(app, tmp_path, 30.0, clock)
    clock.now += 31
    saver.update()
    app.sim.advance(TICKS_PER_SECOND)
    clock.now += 100
    assert not saver.due
    clock.now += 101
    assert saver.due
    saver.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (59, "just now"), (60, "1 minute ago"), (3599, "59 minutes ago"), (7300, "2 hours ago"),
     (86400 * 3.5, "3 days ago")],
)  # fmt: skip
def test_times_as_text(seconds: float, text: str) -> None:
    assert time_ago(seconds) == text


# Scenarios


def dying(folder: Path) -> None:
    """Run a window until it is killed; it prints the fingerprint of what it saved."""
    from ncaengine.viewer.window import Window

    window = Window([model("a"), model("b", 1)], Options((16, 12)), kernels.discover(), (400, 300), hidden=True,
                    autosave=folder, period=0.05)  # fmt: skip
    saver = window.autosave
    assert saver
    for _ in range(20):
        window.frame()
    running.toggle_pause_all(window.app)
    while saver._saved != saver._version():
        window.frame()
    wait_until_written(saver)
    print(sessions.fingerprint(window.sim), flush=True)
    while True:
        window.frame()


def reviving(folder: Path, ends: bool = False) -> None:
    """Restore that in the next window and close it; or let the system end it."""
    from ncaengine.viewer.window import Window

    with Window([model("c")], Options((8, 8)), kernels.discover(), (400, 300), hidden=True, autosave=folder) as window:
        window.frame()
        question = next(toast for toast in window.app.toasts if toast.buttons)
        assert "2 grids, just now" in question.text
        window.app.defer(question.buttons[0].action)
        for _ in range(3):
            window.frame()
        print(sessions.fingerprint(window.sim), flush=True)
        if ends:
            window.end()


def ended_again(folder: Path) -> None:
    """Restore that in a window that the system ends before it is saved."""
    reviving(folder, ends=True)


def ended(folder: Path) -> None:
    """Show a window until the process is asked to end."""
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


def ended_with_edits(folder: Path) -> None:
    """Edit a grid, with no autosave due for a minute, until the process is asked to end."""
    from ncaengine.simulation.commands import Paint
    from ncaengine.viewer import window as module

    class Hidden(module.Window):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named, size=(400, 300), hidden=True, autosave=folder, period=60)
            self.sim.submit(Paint(1, "erase", ((4.0, 4.0),), radius=2.0))
            running.toggle_pause_all(self.app)
            self.told = False

        def frame(self) -> None:
            super().frame()
            if not self.told:  # after a frame: signals before run() end the process at once
                self.told = True
                print(sessions.fingerprint(self.sim), flush=True)

    module.Window = Hidden  # type: ignore[misc]
    module.show([model("a"), model("b", 1)], Options((16, 12)), kernels.discover())
    print("closed", flush=True)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}


def start(name: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", __file__, name, str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with signals")
def test_a_killed_window_is_restored_to_the_last_bit(tmp_path: Path) -> None:
    with start("dying", tmp_path) as window:
        assert window.stdout
        states = window.stdout.readline().strip()
        window.kill()
    assert len(states) == 64
    assert len(list(tmp_path.glob("*.nca"))) == 1
    for scenario in ("ended_again", "reviving"):
        assert apart(__file__, scenario, tmp_path).splitlines()[-1] == states
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with signals")
def test_sigterm_closes_the_window(tmp_path: Path) -> None:
    with start("ended", tmp_path) as window:
        assert window.stdout
        assert window.stdout.readline() == "running\n"
        window.terminate()
        output = window.stdout.read()
    assert window.returncode == 0
    assert output.splitlines()[-1] == "closed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with signals")
def test_what_is_not_saved_at_sigterm_is_offered_by_the_next_window(tmp_path: Path) -> None:
    with start("ended_with_edits", tmp_path) as window:
        assert window.stdout
        states = window.stdout.readline().strip()
        window.terminate()
        assert window.stdout.read() == "closed\n"
    assert window.returncode == 0
    assert apart(__file__, "reviving", tmp_path).splitlines()[-1] == states
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
