"""Check that a window can be opened, because hello_imgui fails with messages that users can't understand."""

import sys
from typing import Any

import imgui_bundle  # noqa: F401  # before glfw, which then uses the same library

import glfw  # isort: skip

from ncaengine.core.errors import NCAError


def preflight(hidden: bool) -> None:
    """Open a small invisible window and close it. Raise NCAError with the reason if that fails."""
    reasons: list[str] = []

    def note(_: int, text: Any) -> None:
        reasons.append(text.decode("utf-8", "replace"))

    glfw.set_error_callback(note)
    if hidden and sys.platform.startswith("linux"):
        glfw.init_hint(glfw.PLATFORM, glfw.PLATFORM_NULL)
    if not glfw.init():
        raise NCAError(f"Can't open a display ({_last(reasons)}); record a video with `ncaengine record` instead.")
    hints = {glfw.CONTEXT_VERSION_MAJOR: 4, glfw.CONTEXT_VERSION_MINOR: 3, glfw.OPENGL_FORWARD_COMPAT: 1}
    hints |= {glfw.OPENGL_PROFILE: glfw.OPENGL_CORE_PROFILE, glfw.VISIBLE: 0}
    if hidden and sys.platform.startswith("linux"):
        hints[glfw.CONTEXT_CREATION_API] = glfw.EGL_CONTEXT_API
    for hint, value in hints.items():
        glfw.window_hint(hint, value)
    window = glfw.create_window(64, 64, "ncaengine", None, None)
    if not window:
        raise NCAError(
            f"Can't open a window with OpenGL 4.3 ({_last(reasons)}); "
            "record a video with `ncaengine record --backend torch` instead."
        )
    glfw.destroy_window(window)
    glfw.window_hint(glfw.VISIBLE, int(not hidden))


def _last(reasons: list[str]) -> str:
    return reasons[-1].strip().rstrip(".") if reasons else "no reason was given"
