"""The operating system's window: opening it, the loop, and a picture of it without a display."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import moderngl
import numpy as np
from imgui_bundle import hello_imgui, imgui, immapp  # before glfw, which then uses the same library

import glfw  # isort: skip
from imgui_bundle.glfw_utils import glfw_window_hello_imgui  # isort: skip

from ncaengine.backends.gl import llvmpipe
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.types import U8
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.actions.autosave import PERIOD, Autosave, default_folder
from ncaengine.viewer.dialogs.gallery import Gallery
from ncaengine.viewer.dialogs.save import SaveBox
from ncaengine.viewer.kit import theme
from ncaengine.viewer.layout import Layout
from ncaengine.viewer.preflight import preflight
from ncaengine.viewer.state.app import App, is_software
from ncaengine.viewer.state.file_watch import Watch
from ncaengine.viewer.state.model_library import Shelf
from ncaengine.viewer.state.pacing import Clock, Pacer
from ncaengine.viewer.state.pane import Options
from ncaengine.viewer.state.preferences import Prefs
from ncaengine.viewer.state.preferences import load as load_prefs
from ncaengine.viewer.state.preferences import save as save_prefs
from ncaengine.viewer.state.thumbnails import cache_folder

FRAME = 1 / 60
"""Seconds that a frame takes at least."""
BUDGET, LONGEST = 0.012, 0.045
"""Seconds a frame for the simulation at least; where drawing takes longer, as long as that, so long as both together
stay within LONGEST."""
SMALLEST = (640, 400)
AWAKE, NAP = 1.0, 0.25
"""Seconds of drawing after the last input, and between looks for input when nothing moves."""


def show(
    models: Sequence[Model], options: Options, catalogue: Catalogue, watch: Watch | None = None,
    session: Path | None = None,
) -> None:  # fmt: skip
    """Open the window on a grid a model, or on a session; returns when it is closed.

    Models that `watch` opened are reloaded when their files change.
    Raises NCAError when there is no display or no OpenGL 4.3, or a grid cannot be made.
    """
    with Window(models, options, catalogue, watch=watch, session=session) as window, _closed_by_signals(window):
        window.run()


@contextmanager
def _closed_by_signals(window: "Window") -> Iterator[None]:
    """Whoever ends the process politely closes the window."""

    def close(*_: object) -> None:
        window.app.quit()

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        before = {name: signal.signal(getattr(signal, name), close) for name in names}
    except ValueError:  # not the main thread, which alone may ask
        before = {}
    try:
        yield
    finally:
        for name, action in before.items():
            signal.signal(getattr(signal, name), action)


class Window:
    """The window, its Simulation and its App; `with` closes all of them.

    size: (width, height), None for the last one. hidden: nothing appears on a screen, on Linux none
    is needed, and nothing is remembered. tests: registers tests with the ImGui Test Engine. prefs:
    those to use, instead of the user's own, which are saved on closing. session: a session or a still
    to open, for which no models are needed. autosave: the folder for it, None for the user's own, or
    for none where hidden; it is written every `period` seconds.
    """

    def __init__(
        self,
        models: Sequence[Model],
        options: Options,
        catalogue: Catalogue,
        size: tuple[int, int] | None = None,
        hidden: bool = False,
        tests: Callable[[], None] | None = None,
        watch: Watch | None = None,
        prefs: Prefs | None = None,
        session: Path | None = None,
        autosave: Path | None = None,
        period: float = PERIOD,
        clock: Clock = time.perf_counter,
    ) -> None:
        self._keeps = prefs is None and not hidden
        self._prefs = prefs or (load_prefs() if self._keeps else Prefs())
        self._dropped: list[str] = []
        self._fonts, self._grab = theme.Fonts(), False
        self._error: BaseException | None = None
        self._pixels: U8 | None = None
        self._last_input = time.perf_counter()
        self._spent = 0.0
        self._growing = False
        if not models and session is None:
            raise NCAError("Give at least one model to look at.")
        options.rates(len(models))
        catalogue.get(options.kernel)
        llvmpipe.narrow()
        since = llvmpipe.threads()
        preflight(hidden)
        self._params = self._parameters(size or self._prefs.size, hidden, tests)
        immapp.manual_render.setup_from_runner_params(self._params, immapp.AddOnsParams(with_implot=True))
        try:
            moderngl.init_context()
            self.ctx = moderngl.get_context()
            if not hidden:
                glfw.set_window_size_limits(glfw_window_hello_imgui(), *SMALLEST, glfw.DONT_CARE, glfw.DONT_CARE)
            self.sim = Simulation(GLBackend(Device(self.ctx, since=since, half=options.half)), catalogue)
            self.app = App(self.sim, is_software(self.sim), watch, self._prefs)
            if session:
                self.app.open_session(session)
            else:
                self.app.open(models, options)
            self.app.reloader.watch_shaders()
            self.layout = Layout(self.ctx, self._fonts)
            self.save_box = SaveBox(self._fonts)
            self.gallery = Gallery(self.ctx, self._fonts, Shelf(self.sim.backend, None if hidden else cache_folder()))
            glfw.set_drop_callback(glfw_window_hello_imgui(), cast(Any, self._drop))  # glfw keeps it alive
            glfw.set_key_callback(glfw_window_hello_imgui(), cast(Any, _key))
            self._pacer = Pacer(self.sim, self.sim.backend.finish, clock)
            if folder := autosave or (None if hidden else default_folder()):
                self.app.keeping.autosave = Autosave(self.app, folder, period)
                self.app.keeping.autosave.offer()
        except BaseException:
            self._tear_down()
            raise

    def _parameters(
        self, size: tuple[int, int], hidden: bool, tests: Callable[[], None] | None
    ) -> hello_imgui.RunnerParams:
        params = hello_imgui.RunnerParams()
        params.app_window_params.window_title = "ncaengine"
        params.app_window_params.window_geometry.size = size
        params.app_window_params.hidden = hidden
        params.ini_disable = True
        params.imgui_window_params.default_imgui_window_type = hello_imgui.DefaultImGuiWindowType.no_default_window
        params.imgui_window_params.background_color = theme.BACK
        params.fps_idling.enable_idling = False
        params.fps_idling.fps_idling_mode = hello_imgui.FpsIdlingMode.early_return
        params.fps_idling.vsync_to_monitor = False
        gl = params.renderer_backend_options.open_gl_options
        gl.major_version, gl.minor_version, gl.use_core_profile = 4, 3, True
        gl.use_forward_compat, gl.glsl_version, gl.anti_aliasing_samples = True, "430", 0
        calls = params.callbacks
        calls.load_additional_fonts = self._fonts.load
        calls.setup_imgui_config = _configure
        calls.setup_imgui_style = theme.apply  # colours; sizes again in the first frame, when fonts are known
        calls.show_gui = self._guarded(self._show)
        calls.before_swap = self._guarded(self._read_back)
        if tests is not None:
            params.use_imgui_test_engine = True
            calls.register_tests = tests
        return params

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        """A callback for hello_imgui, which cannot pass exceptions on; `frame` raises them."""

        def run() -> None:
            try:
                call()
            except BaseException as error:
                self._error = self._error or error

        return run

    def _show(self) -> None:
        if imgui.get_frame_count() <= 1:
            theme.apply()
        self.layout.show(self.app)
        self.gallery.show(self.app)
        self.save_box.show(self.app)

    def _read_back(self) -> None:
        if self._grab:
            io = imgui.get_io()  # the context itself does not notice when the window is resized
            width = int(io.display_size.x * io.display_framebuffer_scale.x)
            height = int(io.display_size.y * io.display_framebuffer_scale.y)
            data = self.ctx.screen.read(viewport=(0, 0, width, height), components=3, alignment=1)
            self._pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1].copy()
            self._grab = False

    def frame(self) -> None:
        """Take in files that changed, let time pass and draw once."""
        self.app.reload()
        self._open_dropped()
        recorder, autosave = self.app.recorder, self.app.keeping.autosave
        if recorder.active:
            self.app.record_frame()
        if recorder.recording is not None:
            self._pacer.restart()
        elif self.app.running:
            self.app.attempt(partial(self._pacer.frame, max(BUDGET, min(self._spent, LONGEST - self._spent))))
        else:
            self._pacer.restart()
        if autosave:
            autosave.look()
        self._growing = self.gallery.work(self.app, self._spent)
        if recorder.wants_pixels:
            self._grab, self._pixels = True, None
        hello_imgui.get_runner_params().imgui_window_params.background_color = theme.BACK  # as the theme is now
        start = time.perf_counter()
        try:
            immapp.manual_render.render()
        except RuntimeError:  # imgui's complaint about a frame that our own error cut short
            if self._error is None:
                raise
        self._spent = time.perf_counter() - start
        self.app.frames.update(imgui.get_frame_count())
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if recorder.wants_pixels and self._pixels is not None:
            self.app.record_window(self._pixels)
        if self.closed and not self.app.keeping.may_close():
            self.app.closing = self._params.app_shall_exit = False
            glfw.set_window_should_close(glfw_window_hello_imgui(), False)

    def _drop(self, _window: object, paths: Sequence[str]) -> None:
        self._dropped += paths

    def _open_dropped(self) -> None:
        """Open what was dropped since the last frame: not in GLFW's call, which no error may leave."""
        if self._dropped:
            paths, self._dropped = [Path(path) for path in self._dropped], []
            open_files.drop(self.app, paths)

    def run(self) -> None:
        """Frames until the window is closed; a nap where nothing moves."""
        while not self.closed:
            start = time.perf_counter()
            self.frame()
            recording = self.app.recorder.recording
            least = 1 / recording.fps if recording is not None else FRAME
            if not self.app.running and not self._growing and start - self._last_input > AWAKE:
                self._sleep()
            elif (spare := least - (time.perf_counter() - start)) > 0:
                time.sleep(spare)
                self._notice_input()

    @property
    def closed(self) -> bool:
        """Whether the user asked to leave."""
        return self.app.closing or self._params.app_shall_exit

    def _notice_input(self) -> None:
        io = imgui.get_io()
        if io.mouse_delta.x or io.mouse_delta.y or io.mouse_wheel or io.mouse_wheel_h or imgui.is_any_item_active():
            self._last_input = time.perf_counter()

    def _sleep(self) -> None:
        """Wait for input without drawing, but for a file that changed, a toast due to go or a cursor that blinks."""
        while not self.closed:
            start = time.perf_counter()
            glfw.wait_events_timeout(NAP)
            waited = time.perf_counter() - start
            if waited < NAP * 0.98:
                self._last_input = time.perf_counter()
                return
            due = any(toast.until < time.monotonic() for toast in self.app.toasts)
            autosave = self.app.keeping.autosave
            if self.app.reload() or due or (autosave and autosave.due) or imgui.get_io().want_text_input:
                return

    def pixels(self) -> U8:
        """Draw once more and return the window's picture: (height, width, 3) uint8."""
        self._grab = True
        self.frame()
        assert self._pixels is not None
        return self._pixels

    def close(self, crashed: bool = False) -> None:
        """Finish a recording, release everything and close the window; what was kept for a crash is if it is one."""
        self.app.close()
        if self.app.keeping.autosave:
            self.app.keeping.autosave.close(crashed)
        if self._keeps:
            size = imgui.get_io().display_size
            self._prefs.size = max(int(size.x), SMALLEST[0]), max(int(size.y), SMALLEST[1])
            save_prefs(self._prefs)
        self.gallery.release()
        glfw.set_drop_callback(glfw_window_hello_imgui(), cast(Any, None))
        glfw.set_key_callback(glfw_window_hello_imgui(), cast(Any, None))
        self.layout.panes.release()
        self.sim.release()
        self._tear_down()

    def _tear_down(self) -> None:
        """Close the window; hello_imgui insists on a whole frame before, which an error may have prevented."""
        self._params.callbacks.show_gui = lambda: None
        with suppress(RuntimeError):
            immapp.manual_render.render()
            immapp.manual_render.tear_down()

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(crashed=kind is not None and issubclass(kind, Exception))


def _key(_window: object, key: int, scancode: int, action: int, mods: int) -> None:
    """Hand a key on to imgui, unless it writes a letter into a field, which comes by itself.

    imgui lets a key go down and up in frames apart: at 7 frames/s it would take in no more than a letter a frame.
    """
    writes = glfw.KEY_SPACE <= key <= glfw.KEY_WORLD_2 or glfw.KEY_KP_0 <= key <= glfw.KEY_KP_ADD
    chord = mods & (glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER)
    if not writes or chord or action == glfw.RELEASE or not imgui.get_io().want_text_input:
        window = hello_imgui.get_glfw_window_address()  # type: ignore[attr-defined]
        imgui.backends.glfw_key_callback(window, key, scancode, action, mods)


def _configure() -> None:
    """Keys belong to our shortcuts, not to imgui's keyboard navigation."""
    hello_imgui.imgui_default_settings.setup_default_imgui_config()
    io = imgui.get_io()
    io.config_flags &= ~imgui.ConfigFlags_.nav_enable_keyboard
    io.config_windows_move_from_title_bar_only = True
