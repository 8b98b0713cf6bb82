"""What computes the steps in a window: its own OpenGL context, or another backend."""

import moderngl

from ncaengine.backends import open_backend
from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device, has_gpu
from ncaengine.core.errors import NCAError

WITHOUT_GPU: BackendChoice = "gl"
"""What `auto` means if there is no GPU but OpenGL 4.3."""


def open_in_window(
    context: moderngl.Context, choice: BackendChoice, half: bool, since: frozenset[int]
) -> tuple[Backend, str]:
    """Open a backend; return it and a notice to show, as open_backend does.

    context: the window's, which computes if OpenGL does.
    half: whether states are float16, which only OpenGL can.
    since: the threads that existed before the context was made, see Device.
    Raises NCAError if what was asked for is not available.
    """
    wanted: BackendChoice = "gl" if half or has_gpu(context) else WITHOUT_GPU
    if choice != "auto":
        wanted = choice
    if wanted != "gl":
        return open_backend(wanted, half)
    try:
        return GLBackend(Device(context, since=since, half=half)), ""
    except NCAError as error:
        if choice == "gl" or half:
            raise
        return open_backend("torch")[0], f"Running on torch, slower: {error}"


def runs_on_gpu(backend: Backend) -> bool:
    """Return whether a GPU makes the steps."""
    return isinstance(backend, GLBackend) and has_gpu(backend.device.ctx)
