"""Names and folders as few people have them: no text, a folder that is gone, numbers that imgui can't hold.

What needs a window runs in a process of its own, see window_driver:
`python tests/viewer/test_odd_places.py SCENARIO FOLDER` runs a scenario by hand.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps import messages, model
from helpers import apart
from videos import frames_of

from ncaengine.core.claims import Claim, is_claimed
from ncaengine.core.errors import NCAError
from ncaengine.core.files import present_folder
from ncaengine.formats.model_files import save
from ncaengine.viewer.actions import open_files, session_files, tools
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.model_library import LibraryEntry
from ncaengine.viewer.state.preferences import Preferences, load_preferences, save_preferences

BYTES = os.fsdecode(b"ze\xff")
"""The name of a file that is no text."""


# Names that are no text


def odd_model(folder: Path) -> Path:
    save(model("odd"), folder / "odd.safetensors")
    return (folder / "odd.safetensors").rename(folder / f"{BYTES}.safetensors")


def test_a_model_whose_files_name_is_no_text_is_opened_saved_and_named(
    make: Callable[..., App], tmp_path: Path
) -> None:
    app, path = make(), odd_model(tmp_path)
    open_files.open_path(app, path)
    assert LibraryEntry(path).name == "ze\ufffd"
    session_files.save_session(app, tmp_path / "a.nca")
    open_files.open_path(app, tmp_path / "a.nca")
    (tmp_path / f"{BYTES}.png").write_bytes(b"no picture")
    app.attempt(lambda: tools.use_picture(app, tmp_path / f"{BYTES}.png"))
    assert "is not an image" in messages(app, "error")[-1]
    assert all(text.isprintable() for text in messages(app))


def test_the_recent_files_are_those_with_names_that_the_preferences_can_hold(tmp_path: Path) -> None:
    prefs = Preferences()
    prefs.add_recent(tmp_path / BYTES)
    prefs.add_recent(tmp_path / "zebra")
    assert save_preferences(prefs, tmp_path / "p.json")
    assert load_preferences(tmp_path / "p.json").recent == [str(tmp_path / "zebra")]


# A working folder that was removed


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that was removed; return the home folder."""
    folder, home = tmp_path / "gone", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))
    folder.rmdir()
    return home


def test_the_home_folder_takes_the_place_of_a_working_folder_that_is_gone(gone: Path) -> None:
    assert present_folder() == gone
    assert Path("a.nca").absolute() == gone / "a.nca"


@pytest.mark.usefixtures("gone")
def test_nothing_can_be_claimed_in_a_folder_that_is_gone() -> None:
    assert not is_claimed("a.mp4")
    with pytest.raises(NCAError, match=r"a\.mp4: cannot be written"):
        Claim("a.mp4")


# Names of recordings


@pytest.mark.parametrize("name", ["/", "//", ".", "..", "../", "a/..", "...", "~", "~/"])
def test_a_recording_needs_a_name(make: Callable[..., App], tmp_path: Path, monkeypatch: Any, name: str) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    app = make()
    app.recorder.name = name
    with pytest.raises(NCAError, match="name"):
        app.recorder.start(app.grid)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert not any((tmp_path / "here").iterdir())


@pytest.mark.parametrize("output", ["/", "//"])
def test_a_claim_needs_a_name(output: str) -> None:
    assert not is_claimed(output)
    with pytest.raises(NCAError, match="is no name"):
        Claim(output)


def test_a_recordings_name_may_begin_with_the_home_folder(
    make: Callable[..., App], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    app = make()
    app.recorder.name = "~/x.mp4"
    assert app.recorder.path(app.grid) == str(tmp_path / "x.mp4")


@pytest.mark.parametrize(("name", "takes"), [
    ("out.webp", ["out.webp", "out-2.webp", "out-3.webp"]), ("out/", ["out/", "out-2/", "out-3/"]),
])  # fmt: skip
def test_each_take_has_its_own_name(
    make: Callable[..., App], tmp_path: Path, monkeypatch: Any, name: str, takes: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    app = make()
    recorder = app.recorder
    recorder.name, recorder.scale = name, 1
    made = []
    for frames in (1, 2, 3):
        assert recorder.name == takes[len(made)]  # before the take, in the field
        made.append(recorder.start(app.grid))
        for _ in range(frames):
            recorder.frame()
        recorder.stop()
        recorder.name = name if frames == 2 else recorder.name  # typed once more
        if frames == 2:
            recorder.name = takes[2]
    assert made == takes
    assert [len(frames_of(tmp_path / take)) for take in takes] == [1, 2, 3]
    recorder.name = name
    assert recorder.start(app.grid) == takes[2].replace("3", "4")
    recorder.stop()


# In the window


def odd(folder: Path) -> None:
    """Start with a large seed and a model whose file's name is no text, list its folder, and remove the folder."""
    from imgui_bundle import imgui
    from window_driver import drive, frames, only

    from ncaengine.viewer.state.options import Options

    folder = folder / BYTES
    folder.mkdir()
    path = odd_model(folder)
    (folder / f"{BYTES}.nca").write_bytes(b"no session")
    os.environ["HOME"] = str(folder.parent)
    os.chdir(folder)

    def script(engine: Any, app: App) -> None:
        ctrl = int(imgui.Key.mod_ctrl)
        app.defer(lambda: open_files.open_path(app, path))
        frames(engine)
        engine.item_input_value("**/##seed", "3000000001")
        assert app.grid.rng_seed == 3_000_000_001
        engine.key_press(ctrl | int(imgui.Key.o))
        frames(engine, 10)
        engine.key_press(ctrl | int(imgui.Key.o))
        frames(engine)
        engine.key_press(int(imgui.Key.enter))  # the session, before the model, whose error has its name
        frames(engine)
        assert app.show_gallery
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        frames(engine)
        engine.key_press(int(imgui.Key.escape))
        engine.key_press(int(imgui.Key.escape))
        frames(engine)
        engine.key_press(ctrl | int(imgui.Key.s))
        frames(engine)
        engine.key_press(int(imgui.Key.enter))
        frames(engine)
        assert app.session_file.path == Path("session.nca")
        assert (folder.parent / "session.nca").exists()
        engine.key_press(int(imgui.Key.mod_shift) | int(imgui.Key.p))
        frames(engine)
        assert list(folder.parent.glob("*.png"))

    drive(Options((40, 40), rng_seed=3_000_000_000), 1, script, prefs=only("Model", "Record", "Session"))


def test_the_window_survives_odd_names_and_a_folder_that_is_gone(tmp_path: Path) -> None:
    apart(__file__, "odd", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
