"""Check that a window can be opened, because hello_imgui fails with messages that users can't understand."""

import sys
from typing import Any

import imgui_bundle  # noqa: F401  # before glfw, which then uses the same library

import glfw  # isort: skip

from ncaengine.core.errors import NCAError

VERSIONS = (4, 3), (4, 1), (3, 3)
"""Of OpenGL, the best first. Below 4.3 there are no compute shaders; macOS stops at 4.1."""

INSTEAD = "use `ncaengine view --browser` to see it in a browser, or `ncaengine record` for a video"


def preflight(hidden: bool) -> tuple[int, int]:
    """Open a small invisible window and close it. Return the best of VERSIONS that this machine has.

    Raises NCAError with the reason if no window can be opened.
    """
    reasons: list[str] = []

    def note(_: int, text: Any) -> None:
        reasons.append(text.decode("utf-8", "replace"))

    glfw.set_error_callback(note)
    if hidden and sys.platform.startswith("linux"):
        glfw.init_hint(glfw.PLATFORM, glfw.PLATFORM_NULL)
    if not glfw.init():
        raise NCAError(f"Can't open a display ({_last(reasons)}); {INSTEAD}.")
    hints = {glfw.OPENGL_FORWARD_COMPAT: 1, glfw.OPENGL_PROFILE: glfw.OPENGL_CORE_PROFILE, glfw.VISIBLE: 0}
    if hidden and sys.platform.startswith("linux"):
        hints[glfw.CONTEXT_CREATION_API] = glfw.EGL_CONTEXT_API
    for version in VERSIONS:
        hints |= {glfw.CONTEXT_VERSION_MAJOR: version[0], glfw.CONTEXT_VERSION_MINOR: version[1]}
        for hint, value in hints.items():
            glfw.window_hint(hint, value)
        window = glfw.create_window(64, 64, "ncaengine", None, None)
        if window:
            glfw.destroy_window(window)
            glfw.window_hint(glfw.VISIBLE, int(not hidden))
            return version
    raise NCAError(f"Can't open a window with OpenGL 3.3 ({_last(reasons)}); {INSTEAD}.")


def _last(reasons: list[str]) -> str:
    return reasons[-1].strip().rstrip(".") if reasons else "no reason was given"
