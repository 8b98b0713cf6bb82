"""The window: composes the simulation, the App and what draws it, and runs the loop."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import moderngl
import numpy as np
from imgui_bundle import hello_imgui, imgui, immapp

from ncaengine.backends.gl import llvmpipe
from ncaengine.core.errors import NCAError
from ncaengine.core.files import present_folder
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.types import U8
from ncaengine.io.osc import Listener
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer import host
from ncaengine.viewer.actions import open_files, osc, recording, session_files
from ncaengine.viewer.actions.autosave import PERIOD, Autosave, default_folder
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.actions.session_claim import SessionClaim
from ncaengine.viewer.device import open_in_window, runs_on_gpu
from ncaengine.viewer.dialogs.gallery import Gallery
from ncaengine.viewer.dialogs.save import SaveDialog
from ncaengine.viewer.kit import theme
from ncaengine.viewer.layout import Layout
from ncaengine.viewer.preflight import preflight
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import ModelWatch
from ncaengine.viewer.state.model_library import ModelLibrary
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.pacing import Clock, Pacer
from ncaengine.viewer.state.preferences import Preferences, load_preferences, save_preferences
from ncaengine.viewer.state.thumbnails import cache_folder

FRAME = 1 / 60
"""Least seconds of a frame."""
BUDGET, LONGEST = 0.012, 0.028
"""Least seconds of a frame for the simulation. If drawing takes longer than half of that, the simulation gets twice the
time of drawing, but both together at most LONGEST, and never less than half the time of drawing."""
AWAKE, NAP, LIVE_NAP = 1.0, 0.25, 0.02
"""Seconds of drawing after the last input, and seconds between checks for input when nothing moves; and for messages of
other programs."""


def show(
    models: Sequence[Model],
    options: Options,
    catalogue: Catalogue,
    watch: ModelWatch | None = None,
    session: Path | None = None,
) -> None:
    """Open the window on a grid for each model, or on a session. Return when it is closed.

    Models that `watch` opened are reloaded when their files change.
    Raises NCAError if there is no display or no OpenGL 3.3, or if a grid can't be made.
    """
    with (
        Window(models, options, catalogue, watch=watch, session=session) as window,
        host.closed_by_signals(window.end),
    ):
        window.run()


class Window:
    """The window with its Simulation and its App. `with` closes all of them.

    size: (width, height) in pixels; None for that of the last window.
    hidden: nothing appears on the screen, nothing is remembered and, on Linux, no display is needed.
    tests: registers tests with the ImGui Test Engine.
    prefs: the preferences to use instead of the user's own, which are saved on closing.
    session: a session or a still to open, which needs no models.
    autosave: the folder of autosaves; None for the user's own, or for no autosave if hidden.
    period: seconds between two autosaves.
    """

    def __init__(
        self,
        models: Sequence[Model],
        options: Options,
        catalogue: Catalogue,
        size: tuple[int, int] | None = None,
        hidden: bool = False,
        tests: Callable[[], None] | None = None,
        watch: ModelWatch | None = None,
        prefs: Preferences | None = None,
        session: Path | None = None,
        autosave: Path | None = None,
        period: float = PERIOD,
        clock: Clock = time.perf_counter,
    ) -> None:
        if not models and session is None:
            raise NCAError("Give at least one model to look at.")
        options.rates(len(models))
        catalogue.get(options.kernel)
        self._saves_prefs = prefs is None and not hidden
        self._prefs = prefs or (load_preferences() if self._saves_prefs else Preferences())
        self._fonts = theme.Fonts()
        self._dropped: list[str] = []
        self._error: BaseException | None = None
        self._grab = self._growing = self._ended = False
        self._pixels: U8 | None = None
        self._last_input = time.perf_counter()
        self._drawing_seconds = 0.0
        self.autosave: Autosave | None = None
        self._create(size or self._prefs.size, hidden, tests)
        try:
            self._compose(options, catalogue, watch, hidden)
            self._pacer = Pacer(self.sim.engine, self.sim.backend.finish, clock)
            if session:
                session_files.open_session(self.app, session)
            else:
                open_files.open_models(self.app, models, options)
            self.hot_reload.watch_shaders()
            if folder := autosave or (None if hidden else default_folder()):
                self.autosave = Autosave(self.app, folder, period)
                self.autosave.offer_to_restore()
            if self._saves_prefs:
                self.app.give_first_hints()
        except BaseException:
            host.tear_down(self._params)
            raise

    def _create(self, size: tuple[int, int], hidden: bool, tests: Callable[[], None] | None) -> None:
        """Open the operating system's window."""
        llvmpipe.limit_vector_width()
        self._threads_before = llvmpipe.threads()
        self._params = host.runner_params(size, hidden, self._fonts, preflight(hidden))
        self._params.callbacks.show_gui = self._guarded(self._show)
        self._params.callbacks.before_swap = self._guarded(self._read_pixels)
        if tests is not None:
            self._params.use_imgui_test_engine = True
            self._params.callbacks.register_tests = tests
        immapp.manual_render.setup_from_runner_params(self._params, immapp.AddOnsParams(with_implot=True))

    def _compose(self, options: Options, catalogue: Catalogue, watch: ModelWatch | None, hidden: bool) -> None:
        """Make the simulation, the App and what draws it."""
        moderngl.init_context()
        self.ctx = moderngl.get_context()
        if not hidden:
            host.limit_size()
        backend, notice = open_in_window(self.ctx, options.backend, options.half, self._threads_before, options.threads)
        self.sim = Simulation(backend, catalogue)
        self.sim.engine.world.tell = None  # the app looks, between the frames
        self.app = App(self.sim, not runs_on_gpu(backend), watch, self._prefs)
        if notice:
            self.app.notify(notice)
        self.osc = Listener(self.sim, options.osc) if options.osc else None
        if self.osc:
            self.app.notify(self.osc.greeting)
        self.hot_reload = HotReload(self.app)
        self.session_claim = SessionClaim(self.app)
        self.layout = Layout(self.ctx, self._fonts)
        self.save_dialog = SaveDialog(self._fonts)
        library = ModelLibrary(self.sim.backend, None if hidden else cache_folder())
        self.gallery = Gallery(self.ctx, self._fonts, library)
        host.set_callbacks(self._drop)

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        """Return a callback for hello_imgui, which can't pass exceptions on; `frame` raises them."""

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
        self.save_dialog.show(self.app)

    def _read_pixels(self) -> None:
        if self._grab:
            io = imgui.get_io()  # the context itself does not notice when the window is resized
            width = int(io.display_size.x * io.display_framebuffer_scale.x)
            height = int(io.display_size.y * io.display_framebuffer_scale.y)
            data = self.ctx.screen.read(viewport=(0, 0, width, height), components=3, alignment=1)
            self._pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)[::-1].copy()
            self._grab = False

    def frame(self) -> None:
        """Load changed files, let time pass and draw once."""
        present_folder()  # which may be removed at any time
        self.hot_reload.poll()
        self._open_dropped()
        self.session_claim.update()
        if osc.take(self.app, self.osc):
            self._last_input = time.perf_counter()
        self._advance()
        if self.autosave:
            self.autosave.update()
        self._growing = self.gallery.work(self.app, self._drawing_seconds) or self.app.growing
        self.app.growing = False
        recorder = self.app.recorder
        if recorder.wants_pixels:
            self._grab, self._pixels = True, None
        self._draw()
        if recorder.wants_pixels and self._pixels is not None:
            recording.add_window_picture(self.app, self._pixels)
        if self.closed and not session_files.may_close(self.app):
            self.app.closing = self._params.app_shall_exit = False
            host.keep_open()

    def _advance(self) -> None:
        """Let time pass: a frame of the recording's time, or what the wall clock asks for."""
        recorder = self.app.recorder
        self.app.warn_of_runaways()  # now, since steps that went on beside the last frame may be done
        if recorder.active:
            recording.advance_frame(self.app)
        if recorder.recording is None and self.app.running:
            drawing = self._drawing_seconds
            budget = max(BUDGET, drawing / 2, min(2 * drawing, LONGEST - drawing))
            self.app.attempt(partial(self._pacer.frame, budget))
        else:
            self._pacer.restart()
            if self._busy:  # a single step
                self.sim.backend.finish(BUDGET)

    def _draw(self) -> None:
        """Draw a frame and raise the error that a callback had."""
        hello_imgui.get_runner_params().imgui_window_params.background_color = theme.BACK  # as the theme is now
        start = time.perf_counter()
        try:
            immapp.manual_render.render()
        except RuntimeError:  # imgui's complaint about a frame that our own error cut short
            if self._error is None:
                raise
        if self._params.app_window_params.hidden:  # nothing is swapped: the driver would keep all it has drawn with
            self.ctx.finish()
        self._drawing_seconds = time.perf_counter() - start
        self.app.frames.update(imgui.get_frame_count())
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _drop(self, _window: object, paths: Sequence[str]) -> None:
        self._dropped += paths

    def _open_dropped(self) -> None:
        """Open what was dropped since the last frame. No error may leave GLFW's own callback."""
        if self._dropped:
            paths, self._dropped = [Path(path) for path in self._dropped], []
            open_files.drop(self.app, paths)

    def run(self) -> None:
        """Draw frames until the window is closed, few when nothing moves."""
        while not self.closed:
            start = time.perf_counter()
            self.frame()
            film = self.app.recorder.recording
            least = 1 / film.fps if film is not None else self._least_seconds(start)
            if not self.app.running and not self._growing and not self._busy and start - self._last_input > AWAKE:
                self._sleep()
            elif (spare := least - (time.perf_counter() - start)) > 0:
                host.wait_for_input(spare) if least > FRAME else time.sleep(spare)
                self._notice_input()

    def _least_seconds(self, now: float) -> float:
        """Return the least time of a frame: without input, no more frames than steps of the fastest grid."""
        if self._growing or self._busy or now - self._last_input <= AWAKE or self.app.recorder.active:
            return FRAME
        speeds = [grid.settings.steps_per_second for grid in self.sim.grids.values() if not grid.settings.paused]
        longest = LIVE_NAP if self.osc else NAP
        return min(max(FRAME, 1 / max([*speeds, 1 / NAP])), longest)

    def end(self) -> None:
        """Close the window without asking, as when its user logs out."""
        self._ended = True
        session_files.quit_window(self.app)

    @property
    def closed(self) -> bool:
        """Whether the user asked to close the window."""
        return self.app.closing or self._params.app_shall_exit

    @property
    def _busy(self) -> bool:
        """Whether a grid shows the state before a step that is being made."""
        return any(grid.cells.busy for grid in self.sim.grids.values())

    def _notice_input(self) -> None:
        io = imgui.get_io()
        if io.mouse_delta.x or io.mouse_delta.y or io.mouse_wheel or io.mouse_wheel_h or imgui.is_any_item_active():
            self._last_input = time.perf_counter()

    def _sleep(self) -> None:
        """Wait without drawing for input, a changed file, a notice that expires, an autosave or a cursor's blink."""
        while not self.closed:
            start = time.perf_counter()
            nap = LIVE_NAP if self.osc else NAP
            host.wait_for_input(nap)
            waited = time.perf_counter() - start
            if osc.take(self.app, self.osc) or waited < nap * 0.98:
                self._last_input = time.perf_counter()
                return
            expired = any(toast.until < time.monotonic() for toast in self.app.toasts)
            unsaved = self.autosave and self.autosave.due
            if self.hot_reload.poll() or expired or unsaved or imgui.get_io().want_text_input:
                return

    def pixels(self) -> U8:
        """Draw once more and return the window's picture: (height, width, 3) uint8."""
        self._grab = True
        self.frame()
        assert self._pixels is not None
        return self._pixels

    def close(self, crashed: bool = False) -> None:
        """Finish a recording, free everything and close the window.

        The autosave is kept after a crash, and for edits that are not saved when another program closed the window.
        """
        if self.autosave and self._ended and session_files.unsaved(self.app):
            self.autosave.keep()
        recording.finish(self.app)
        if self.autosave:
            self.autosave.close(crashed)
        self.session_claim.release()
        if self.osc:
            self.osc.close()
        if self._saves_prefs:
            size = imgui.get_io().display_size
            self._prefs.size = max(int(size.x), host.SMALLEST[0]), max(int(size.y), host.SMALLEST[1])
            save_preferences(self._prefs)
        self.gallery.release()
        host.clear_callbacks()
        self.layout.cards.release()
        backend = self.sim.backend
        self.sim.release()
        backend.release()
        host.tear_down(self._params)

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(crashed=kind is not None and issubclass(kind, Exception))
