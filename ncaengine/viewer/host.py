"""What the window needs of hello_imgui and GLFW: its parameters, keys, dropped files and signals."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

from imgui_bundle import hello_imgui, imgui, immapp  # before glfw, which then uses the same library

import glfw  # isort: skip
from imgui_bundle.glfw_utils import glfw_window_hello_imgui  # isort: skip

from ncaengine.viewer.kit import theme

SMALLEST = (640, 400)
"""The window's least (width, height) in pixels."""


@contextmanager
def closed_by_signals(close: Callable[[], object]) -> Iterator[None]:
    """Call `close` when another process asks this one to end."""

    def handle(*_: object) -> None:
        close()

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        before = {name: signal.signal(getattr(signal, name), handle) for name in names}
    except ValueError:  # not the main thread, which alone may ask
        before = {}
    try:
        yield
    finally:
        for name, action in before.items():
            signal.signal(getattr(signal, name), action)


def runner_params(
    size: tuple[int, int], hidden: bool, fonts: theme.Fonts, version: tuple[int, int]
) -> hello_imgui.RunnerParams:
    """Return the parameters of hello_imgui for our window, without what is drawn in it.

    version: of OpenGL, 3.3 or later.
    """
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
    gl.major_version, gl.minor_version = version
    gl.glsl_version = f"{version[0]}{version[1]}0"
    gl.use_core_profile, gl.use_forward_compat, gl.anti_aliasing_samples = True, True, 0
    params.callbacks.load_additional_fonts = fonts.load
    params.callbacks.setup_imgui_config = _configure
    params.callbacks.setup_imgui_style = theme.apply  # colours; sizes follow in the first frame, when fonts are known
    return params


def _configure() -> None:
    """Leave the keys to our shortcuts instead of imgui's keyboard navigation."""
    hello_imgui.imgui_default_settings.setup_default_imgui_config()
    io = imgui.get_io()
    io.config_flags &= ~imgui.ConfigFlags_.nav_enable_keyboard
    io.config_windows_move_from_title_bar_only = True


def limit_size() -> None:
    """Let the user make the window no smaller than SMALLEST."""
    glfw.set_window_size_limits(glfw_window_hello_imgui(), *SMALLEST, glfw.DONT_CARE, glfw.DONT_CARE)


def set_callbacks(drop: Callable[[object, Sequence[str]], None]) -> None:
    """Receive keys and dropped files. `drop` gets (window, paths); no error may leave it."""
    glfw.set_drop_callback(glfw_window_hello_imgui(), cast(Any, drop))  # glfw keeps it alive
    glfw.set_key_callback(glfw_window_hello_imgui(), cast(Any, _key))


def clear_callbacks() -> None:
    """Undo set_callbacks."""
    glfw.set_drop_callback(glfw_window_hello_imgui(), cast(Any, None))
    glfw.set_key_callback(glfw_window_hello_imgui(), cast(Any, None))


def _key(_window: object, key: int, scancode: int, action: int, mods: int) -> None:
    """Pass a key to imgui, unless it writes a letter into a field, because imgui receives the letter as well.

    imgui takes a key's press and its release in separate frames: at 7 frames/s it would take only one letter a frame.
    """
    writes = glfw.KEY_SPACE <= key <= glfw.KEY_WORLD_2 or glfw.KEY_KP_0 <= key <= glfw.KEY_KP_ADD
    chord = mods & (glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER)
    if not writes or chord or action == glfw.RELEASE or not imgui.get_io().want_text_input:
        window = hello_imgui.get_glfw_window_address()  # type: ignore[attr-defined]
        imgui.backends.glfw_key_callback(window, key, scancode, action, mods)


def keep_open() -> None:
    """Cancel the user's request to close the window."""
    glfw.set_window_should_close(glfw_window_hello_imgui(), False)


def wait_for_input(seconds: float) -> None:
    """Return when there is input or after some seconds."""
    glfw.wait_events_timeout(seconds)


def tear_down(params: hello_imgui.RunnerParams) -> None:
    """Close the window. hello_imgui requires a complete frame before, which an error may have prevented."""
    params.callbacks.show_gui = lambda: None
    with suppress(RuntimeError):
        immapp.manual_render.render()
        immapp.manual_render.tear_down()
