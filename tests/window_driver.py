"""Drives the window with the ImGui Test Engine, without a display, on GLFW's null platform.

Each scenario runs in its own process because each window has its own OpenGL context:
`python tests/viewer/test_window.py SCENARIO FOLDER [BACKEND]` runs one by hand. A scenario's script runs on a
second thread while frames are drawn. It clicks, types and reads the App, but it can't call OpenGL.
"""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from helpers import NOTEBOOK_CONFIG, random_model, small

from ncaengine.core import kernels
from ncaengine.core.model import Clips
from ncaengine.viewer.panels.sidebar import SECTIONS
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences

BACKEND: Any = sys.argv[3] if len(sys.argv) > 3 else "auto"
"""What computes the steps."""
LIMIT = 60.0
"""Seconds after which a script counts as stuck."""


def model(name="small"):
    """Return a small model with random weights."""
    config = small(NOTEBOOK_CONFIG, name=name)
    return random_model(msgspec.structs.replace(config, clips=Clips(state=(-8.0, 8.0))))  # random weights run away


def drive(options: Options, count: int, script: Callable[[Any, App], None], size=(1280, 800), **more: Any) -> None:
    """Run `script(engine, app)` in a hidden window with `count` grids."""
    from imgui_bundle import hello_imgui, imgui

    from ncaengine.viewer.window import Window

    done: list[BaseException | None] = []
    registered = []

    def guarded(engine: Any) -> None:
        try:
            engine.set_ref("ncaengine")
            script(engine, window.app)
            done.append(None)
        except BaseException as error:
            traceback.print_exc()
            done.append(error)

    def register() -> None:
        engine = hello_imgui.get_imgui_test_engine()
        io = imgui.test_engine.get_io(engine)
        io.config_run_speed = imgui.test_engine.TestRunSpeed.fast
        io.config_log_to_tty = True
        test = imgui.test_engine.register_test(engine, "viewer", script.__name__)
        test.test_func = guarded
        registered.append(test)
        imgui.test_engine.queue_test(engine, test)

    models, options = [model("ab"[i]) for i in range(count)], replace(options, backend=BACKEND)
    prefs = Preferences(closed=[], fill=False)
    options_of_window = {"prefs": prefs, **more}
    with Window(models, options, kernels.discover(), size, hidden=True, tests=register, **options_of_window) as window:
        window.app.recorder.scale = 1
        end = time.perf_counter() + LIMIT
        while not done and time.perf_counter() < end:
            window.frame()
        for _ in range(2):
            window.frame()
        status = registered[0].output.status
        print("FRAMES", imgui.get_frame_count(), time.perf_counter() - end + LIMIT)
    if not done:
        raise TimeoutError(f"{script.__name__} is stuck; the last status is {status}")
    if done[0]:
        raise done[0]
    assert status.name in ("success", "running"), status


def only(*titles: str) -> Preferences:
    """Return preferences that unfold only these sections; the engine finds only items near the visible part."""
    return Preferences(closed=[section.title for section in SECTIONS if section.title not in titles], fill=False)


def wait_until(engine: Any, condition: Callable[[], bool], frames: int = 600) -> None:
    """Draw frames until a condition holds."""
    for _ in range(frames):
        if condition():
            return
        engine.yield_()
    raise AssertionError("the condition was not met")


def pick(engine: Any, combo: str, item: str) -> None:
    """Pick an item of a drop-down in the side bar."""
    engine.set_ref(engine.window_info("//ncaengine/side").window)
    engine.combo_click(f"{combo}/{item}")
    engine.set_ref("ncaengine")


def frames(engine: Any, count: int = 3) -> None:
    """Draw some frames."""
    for _ in range(count):
        engine.yield_()


def ask(engine: Any, typed: str, enter: bool = True) -> None:
    """Open the palette, type, and press Enter unless `enter` is False."""
    from imgui_bundle import imgui

    key = imgui.Key
    engine.key_press(int(key.mod_ctrl) | int(key.p))
    frames(engine)
    engine.key_chars(typed)
    frames(engine)
    if enter:
        engine.key_press(int(key.enter))
        frames(engine)


class Drops:
    """Drops files on the process's window, as GLFW's callback does."""

    def __init__(self) -> None:
        import glfw

        self._call: Any = None
        real = glfw.set_drop_callback

        def keep(window: Any, call: Any) -> Any:
            self._call = call
            return real(window, call)

        glfw.set_drop_callback = keep

    def gallery(self) -> Any:
        """Return the window's gallery."""
        return self._call.__self__.gallery

    def drop(self, paths: list[str]) -> None:
        """Drop files on the window."""
        self._call(None, paths)
