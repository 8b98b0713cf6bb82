"""The window as a whole; see window_driver for how its scenarios run."""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, apart
from window_driver import BACKEND, drive, model, only, pick, wait_until

from ncaengine.backends import open_backend
from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.io.video import Recording
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import running
from ncaengine.viewer.canvas.grid_cards import arrange
from ncaengine.viewer.keymap import TABLE
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.window import show

# Scenarios, each in a process of its own


def work(folder: Path) -> None:
    """Change the kernel by key, size and speed in the side bar, and record by buttons."""
    from imgui_bundle import imgui

    key = imgui.Key
    path = "o.mp4"
    os.chdir(folder)

    def script(engine: Any, app: App) -> None:
        first, second = app.sim.grids[1], app.sim.grids[2]
        wait_until(engine, lambda: first.step > 2 and second.step > 0)
        engine.item_click("**/canvas1")
        engine.key_press(int(key.k))
        assert first.kernel.name == "hexagonal"
        assert second.kernel.name == "square"
        engine.item_input_value("**/##width", 50)
        engine.item_input_value("**/##height", 30)
        assert first.size == (50, 30)
        assert second.size == (40, 40)
        step = first.step
        wait_until(engine, lambda: first.step > step)
        engine.key_press(int(key.tab))
        assert app.grid is second
        engine.item_input_value("**/##steps_per_second", 20.0)
        assert second.settings.steps_per_second == 20
        assert first.settings.steps_per_second == 60
        engine.item_click("**/canvas1")
        assert app.grid is first
        engine.item_input_value("**/##file", path)
        assert app.recorder.name == path
        engine.item_click("**/###record")
        recording = app.recorder.recording
        assert recording is not None, [toast.text for toast in app.toasts]
        wait_until(engine, lambda: recording.frames >= 20)
        engine.item_click("**/###record")
        wait_until(engine, lambda: app.recorder.recording is None)
        assert [toast.kind for toast in app.toasts] == ["info"]
        journal = [type(entry.command).__name__ for entry in app.sim.journal]
        assert journal == ["AddGrid", "AddGrid", "SetKernel", "Resize", "Resize", "Set"]
        (folder / "frames.txt").write_text(str(recording.frames))

    prefs = only("Size", "Settings", "Record")
    drive(Options((40, 40), "square", (60.0, 5.0)), 2, script, (580, 1000), prefs=prefs)


def panel(folder: Path) -> None:
    """Use everything else in the side bar, the mouse, the help and the toasts."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        assert grid.settings.paused
        step = grid.step
        engine.item_click("**/###step")
        engine.key_press(int(key.right_arrow))
        wait_until(engine, lambda: grid.step == step + 2)
        engine.item_click("**/###pause")
        assert not grid.settings.paused
        engine.item_click("**/###reseed")
        assert grid.rng_seed == 4
        engine.item_input_value("**/##seed", 11)
        assert grid.rng_seed == 11
        engine.item_click("**/###preset64")
        assert grid.size == (64, 64)
        pick(engine, "##keep", "Repeat as a tile")
        assert app.resize_keep == "tile"
        pick(engine, "##kernel", "Von Neumann")
        assert grid.kernel.name == "von-neumann"
        engine.set_ref(engine.window_info("//ncaengine/side").window)  # from where the engine scrolls to them
        engine.item_input_value("##fire_rate", 0.25)
        assert grid.settings.fire_rate == 0.25
        # An error is shown and nothing stops.
        engine.item_input_value("##width", 0)
        engine.set_ref("ncaengine")
        assert grid.size == (64, 64)
        assert [toast.kind for toast in app.toasts] == ["error"]
        step = grid.step
        wait_until(engine, lambda: grid.step > step)
        engine.set_ref("//" + f"##toast{app.toasts[0].text}")
        engine.item_click("###dismiss")
        engine.set_ref("ncaengine")
        assert not app.toasts
        # Zoom at the pointer, pan, fit.
        engine.mouse_move("**/canvas1")
        fitted = app.pane.camera.zoom
        engine.mouse_wheel_y(6)
        assert fitted is None
        assert app.pane.camera.zoom > 10
        engine.mouse_down(0)
        before = app.pane.camera.x
        here = imgui.get_io().mouse_pos
        engine.mouse_move_to_pos((here.x + 60, here.y + 20))
        engine.mouse_up(0)
        assert app.pane.camera.x < before
        engine.mouse_double_click(0)
        engine.yield_()
        assert app.pane.camera.zoom is None
        # While the help is open, keys only close it.
        engine.key_press(int(key.f1))
        assert app.show_help
        engine.key_press(int(key.space))
        assert not grid.settings.paused
        engine.key_press(int(key.escape))
        assert not app.show_help
        engine.key_press(int(key.h))
        assert not app.prefs.show_panel

    drive(Options((40, 40), rng_seed=3), 1, script, (580, 800))


def seed(folder: Path) -> None:
    """Record from the seed, and record the same by code without a window."""
    options = Options((40, 30), "hexagonal", (45.0,), rng_seed=5)

    def script(engine: Any, app: App) -> None:
        grid = app.sim.grids[1]
        wait_until(engine, lambda: grid.step > 3)
        app.recorder.name, app.recorder.from_seed = f"{folder}/live/", True
        app.recorder.fps = 30
        engine.item_click("**/###record")
        recording = app.recorder.recording
        wait_until(engine, lambda: recording.frames >= 8)
        engine.item_click("**/###record")
        wait_until(engine, lambda: app.recorder.recording is None)

    drive(options, 1, script, (580, 800), prefs=only("Record"))
    frames = len(list((folder / "live").glob("*.png")))
    with Simulation(open_backend(BACKEND)[0]) as sim:
        grid = sim.add(model("a"), (40, 30), "hexagonal", steps_per_second=45.0, rng_seed=5)
        with Recording(f"{folder}/headless/", sim, grid, fps=30) as recording:
            for _ in range(frames):
                sim.advance(recording.ticks_per_frame)
                recording.capture()


def idle(folder: Path) -> None:
    """Check that a paused grid is neither stepped nor drawn again, but another view of it is."""
    from ncaengine.viewer.window import Window

    with Window([model()], Options((40, 40), backend=BACKEND), kernels.discover(), hidden=True) as window:
        running.toggle_pause(window.app)
        for _ in range(3):
            window.frame()
        picture = window.layout.cards.pictures[1]
        draws = picture.draws
        for _ in range(10):
            window.frame()
        assert not window.app.running
        assert picture.draws == draws
        window.app.submit(commands.Step(1))
        window.frame()
        window.app.pane.camera.zoom = 20
        window.frame()
        assert picture.draws == draws + 2
        assert window.pixels()[2, 2].max() < 60
        window.app.prefs.theme = "light"  # the window's own background changes too
        window.frame()
        assert window.pixels()[2, 2].min() > 200


def quick(folder: Path) -> None:
    """Press quick chords between slow frames, type a number, press Enter and Tab, and read the next file's name."""
    from imgui_bundle import imgui

    from ncaengine.viewer.state.file_names import base_name, free_name
    from ncaengine.viewer.window import Window

    key = imgui.Key
    os.chdir(folder)
    with Window([model("a"), model("b")], Options((40, 40)), kernels.discover(), hidden=True) as window:
        window.app.prefs.closed.clear()
        app, io = window.app, imgui.get_io()

        def keys(*events: tuple[int, bool]) -> None:
            for which, down in events:
                io.add_key_event(which, down)
            for _ in range(5):
                window.frame()

        def click(x: float, y: float) -> None:
            io.add_mouse_pos_event(x, y)
            keys()
            for down in (True, False):
                io.add_mouse_button_event(0, down)
                keys()

        keys()
        r, ctrl, tab = (key.r, True), (key.mod_ctrl, True), (key.tab, True)
        keys(r, (key.r, False), ctrl, r, (key.mod_ctrl, False), (key.r, False))  # in xdotool's order
        assert app.grid.rng_seed == 1
        assert app.recorder.recording is not None
        keys(ctrl, r, (key.mod_ctrl, False), (key.r, False))
        assert app.recorder.recording is None
        assert app.toasts[0].text.startswith(f"Saved a-square.mp4 in {str(folder)[:20]}")
        assert free_name(base_name(app.grid), ".mp4") == "a-square-2.mp4"
        keys((key.k, True), tab, (key.k, False), (key.tab, False))  # two keys in one frame
        assert [pane.grid.kernel.name for pane in app.panes] == ["hexagonal", "square"]
        assert app.selected == 1
        click(1130, 312)  # the width
        assert io.want_text_input
        for letter in "5rh0":
            io.add_input_character(ord(letter))
            keys()
        keys((key.enter, True), (key.enter, False))
        assert app.grid.size == (50, 40)
        keys(tab, (key.tab, False))
        assert not io.want_text_input
        assert app.selected == 0


def refused(folder: Path) -> None:
    """Without a display, one sentence explains what to do."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        os.environ.pop(name, None)
    try:
        show([model()], Options(), kernels.discover())
    except NCAError as error:
        (folder / "message.txt").write_text(str(error))


SCENARIOS = {scenario.__name__: scenario for scenario in (work, panel, seed, idle, quick, refused)}


# Tests that run the scenarios


def run(name: str, folder: Path) -> None:
    apart(__file__, name, folder)


def decoded(path: Path) -> list[np.ndarray]:
    import av

    with av.open(path) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_keys_panel_and_recording(tmp_path: Path) -> None:
    run("work", tmp_path)
    frames = decoded(tmp_path / "o.mp4")
    assert len(frames) == int((tmp_path / "frames.txt").read_text()) >= 20
    assert frames[0].shape == (26, 50, 3)  # 30 rows of a hexagonal lattice, √3/2 of a cell apart


def test_panel_mouse_help_and_toasts(tmp_path: Path) -> None:
    run("panel", tmp_path)


def test_a_recording_from_the_seed_equals_one_made_without_a_window(tmp_path: Path) -> None:
    from PIL import Image

    run("seed", tmp_path)
    live, headless = (sorted((tmp_path / name).glob("*.png")) for name in ("live", "headless"))
    assert len(live) == len(headless) >= 8
    pictures = [[np.asarray(Image.open(path)) for path in paths] for paths in (live, headless)]
    assert any((pictures[0][0] != later).any() for later in pictures[0][1:])
    for ours, theirs in zip(*pictures, strict=True):
        assert (ours == theirs).all()


def test_nothing_is_drawn_while_nothing_changes(tmp_path: Path) -> None:
    run("idle", tmp_path)


def test_quick_chords_typed_numbers_and_the_next_name(tmp_path: Path) -> None:
    run("quick", tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a display can be taken away on Linux only")
def test_without_a_display_one_sentence_explains_what_to_do(tmp_path: Path) -> None:
    run("refused", tmp_path)
    message = (tmp_path / "message.txt").read_text()
    assert message.startswith("Can't open a display (")
    assert "ncaengine record" in message
    assert "\n" not in message


def test_a_screenshot_needs_no_display(tmp_path: Path) -> None:
    from PIL import Image

    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from window_driver import *\n"
        "from ncaengine.viewer.screenshot import screenshot\n"
        "grids, options = [model()], Options((32, 32))\n"
        f"screenshot(grids, options, kernels.discover(), {str(tmp_path / 's.png')!r}, (640, 480), 0.1)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)
    picture = np.asarray(Image.open(tmp_path / "s.png"))
    assert picture.shape == (480, 640, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_every_key_is_listed_once() -> None:
    chords = [chord for entry in TABLE for chord in entry.chords]
    assert len(chords) == len(set(chords))
    shown = [entry.shown for entry in TABLE if entry.shown]
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize(
    ("count", "width", "height", "plan"),
    [(1, 960, 740, (1, 1)), (2, 960, 740, (2, 1)), (2, 480, 540, (2, 1)), (4, 960, 740, (2, 2)), (3, 960, 740, (3, 1))],
)
def test_panes_are_arranged_side_by_side(count: int, width: int, height: int, plan: tuple[int, int]) -> None:
    assert arrange(count, width, height, 12, 55) == plan


def test_there_is_one_speed_for_all_models_or_one_for_each() -> None:
    assert Options(steps_per_second=(30.0,)).rates(3) == (30, 30, 30)
    assert Options(steps_per_second=(30.0, 5.0)).rates(2) == (30, 5)
    for count, message in ((3, "2 speeds for 3 models;"), (1, "2 speeds for 1 model;")):
        with pytest.raises(NCAError, match=message):
            Options(steps_per_second=(30.0, 5.0)).rates(count)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
