"""Shaders that change while the window uses them, and a window whose files all change.

The window runs in a process of its own: `python tests/viewer/test_hot_reload_shaders.py FOLDER` runs it by hand.
"""

import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apps import WatchedFile, model
from helpers import apart

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.canvas import Canvas
from ncaengine.core import kernels
from ncaengine.core.model import equal_models
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import running
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD
from ncaengine.viewer.state.options import Options


@pytest.fixture
def shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shaders, which the engine uses as its own."""
    for name in ("shaders", "plugins"):
        shutil.copytree(kernels.resources.folder(name), tmp_path / name)
    monkeypatch.setattr(kernels.resources, "_PACKAGE", tmp_path / "ncaengine")
    return tmp_path / "shaders"


def rewrite(path: Path, old: str, new: str, second: int) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    os.utime(path, ns=(10**18 + second * 10**9,) * 2)


MAIN = {"step.glsl": "void main() {", "canvas.glsl": "void main() {"}


@pytest.fixture
def edited(watching: App, file: WatchedFile, gl: GLBackend, shaders: Path) -> Iterator[App]:
    canvas = gl.canvas
    gl.canvas = Canvas(gl.device)
    assert file.hot_reload
    file.hot_reload.watch_shaders()
    yield watching
    gl.device.forgiving = False
    gl.canvas.release()
    gl.canvas = canvas


@pytest.mark.parametrize("name", MAIN)
def test_a_broken_shader_is_reported_with_its_line_and_the_last_one_keeps_running(
    edited: App, file: WatchedFile, shaders: Path, name: str
) -> None:
    grid = edited.sim.grids[1]
    picture = grid.image()
    rewrite(shaders / name, MAIN[name], f"{MAIN[name]} broken;", 1)
    line = next(n for n, text in enumerate((shaders / name).read_text().splitlines(), 1) if "broken;" in text)
    file.reload(3)
    [toast] = edited.toasts
    assert toast.kind == "error"
    assert f"shaders/{name}:{line}" in toast.text
    edited.submit(commands.Step(1, 3))
    assert grid.step == 3
    assert np.array_equal(grid.image().shape, picture.shape)
    for other in edited.sim.grids.values():  # everything that draws and steps still works
        other.image()
        edited.submit(commands.SetKernel(other.id, "square"))
    assert edited.toasts == [toast]
    rewrite(shaders / name, " broken;", "", 2)
    file.reload()
    assert not edited.toasts
    assert edited.reload_note.startswith("shaders reloaded ")


def test_a_new_shader_draws_and_steps_immediately(edited: App, file: WatchedFile, shaders: Path) -> None:
    grid = edited.sim.grids[1]
    edited.submit(commands.Step(1, 3))
    assert grid.image().any()
    changes, state = grid.changes, grid.state()
    rewrite(shaders / "canvas.glsl", "void main() {", "void black() {", 1)
    with (shaders / "canvas.glsl").open("a") as written:
        written.write(
            "\nvoid main() { imageStore(picture, ivec2(gl_GlobalInvocationID.xy), vec4(0.0, 0.0, 0.0, 1.0)); }\n"
        )
    os.utime(shaders / "canvas.glsl", ns=(10**18 + 2 * 10**9,) * 2)
    file.reload()
    assert not edited.toasts
    assert not grid.image().any()
    assert grid.changes > changes
    assert np.array_equal(grid.state(), state)


@pytest.mark.parametrize("data", [b"\xff\xfe", b'#version 430\n#include "none.glsl"\n', b"//@ nonsense\n"])
def test_an_unreadable_shader_is_reported(edited: App, file: WatchedFile, shaders: Path, data: bytes) -> None:
    (shaders / "canvas.glsl").write_bytes(data)
    file.reload(3)
    [toast] = edited.toasts
    assert "A shader can't be read: " in toast.text
    assert edited.sim.grids[1].image().shape


# The window, in a process of its own


def window(folder: Path) -> None:
    """Change files of a running and of a sleeping window, and replay its journal to the same state."""
    from ncaengine.viewer import window as module

    for name in ("shaders", "plugins"):
        shutil.copytree(kernels.resources.folder(name), folder / name)
    kernels.resources._PACKAGE = folder / "ncaengine"
    file = WatchedFile(folder / "zebra.safetensors")
    # Slowly: these random weights run away after some 150 steps, which the window would say.
    options = Options((40, 30), steps_per_second=(15.0,), backend="gl")
    with module.Window([file.first], options, kernels.discover(), hidden=True, watch=file.watch) as shown:
        app, sim = shown.app, shown.app.sim
        grid = sim.grids[1]

        def frames(steps: int) -> None:
            end = grid.step + steps
            while grid.step < end:
                shown.frame()

        frames(5)
        file.replace(model("zebra", 1))
        file.clock.now += PERIOD
        before = grid.step
        shown.frame()
        assert equal_models(grid.model, model("zebra", 1))
        assert grid.step >= before
        frames(5)
        file.rewrite(b"nonsense")
        for _ in range(2):
            file.clock.now += PERIOD
            shown.frame()
        assert equal_models(grid.model, model("zebra", 1))
        assert [toast.kind for toast in app.toasts] == ["error"]
        frames(5)
        app.toasts.clear()
        break_shaders(folder / "shaders", shown, file)
        frames(5)
        running.toggle_pause(app)
        nap(module, shown, file)
        assert equal_models(grid.model, model("zebra", 2))
        running.single_step(app)
        state, tick, journal, models = grid.state(), sim.tick, list(sim.journal), list(sim.models.values())
    names = [type(entry.command).__name__ for entry in journal]
    assert names == ["AddGrid", "SetModel", "Set", "SetModel", "Step"], names
    with Simulation(GLBackend()) as again:
        for version in models:
            again.register(version)
        again.replay(journal, tick)
        assert np.array_equal(again.grids[1].state(), state)


def break_shaders(folder: Path, shown: Any, file: WatchedFile) -> None:
    """Break and repair shaders of a running window."""
    for second, name in enumerate(MAIN):
        rewrite(folder / name, MAIN[name], f"{MAIN[name]} broken;", 10 * second)
        for _ in range(2):
            file.clock.now += PERIOD
            shown.frame()
        assert [f"shaders/{name}:" in toast.text for toast in shown.app.toasts] == [True]
        for _ in range(3):
            shown.frame()
        rewrite(folder / name, " broken;", "", 10 * second + 1)
        file.clock.now += PERIOD
        shown.frame()
        assert not shown.app.toasts


def nap(module: Any, shown: Any, file: WatchedFile) -> None:
    """Let the window sleep until it is closed, and change a file meanwhile, which is then drawn."""
    from imgui_bundle import imgui

    module.AWAKE, module.NAP = -1.0, 0.01
    module.host.glfw.wait_events_timeout = time.sleep  # GLFW's null platform does not wait
    real, looks, frames = shown.hot_reload.poll, 0, imgui.get_frame_count()

    def reload() -> bool:
        nonlocal looks
        looks += 1
        if looks == 10:
            file.replace(model("zebra", 2))
            file.clock.now += PERIOD
        shown.app.closing = looks > 10
        return bool(real())

    shown.hot_reload.poll = reload
    shown.run()
    assert looks == 11
    assert imgui.get_frame_count() - frames == 2


def test_a_window_shows_what_training_writes(tmp_path: Path) -> None:
    apart(__file__, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    window(Path(sys.argv[1]))
