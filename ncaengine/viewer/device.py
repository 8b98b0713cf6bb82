"""What computes the steps in a window: its own OpenGL context, or another backend."""

import moderngl

from ncaengine.backends import best_without_gpu, open_backend
from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device, has_gpu
from ncaengine.backends.gl.parts import Parts
from ncaengine.core.errors import NCAError


def open_in_window(
    context: moderngl.Context, choice: BackendChoice, half: bool, since: frozenset[int], threads: int | None = None
) -> tuple[Backend, str]:
    """Open a backend; return it and a notice to show, as open_backend does.

    context: the window's, which computes if OpenGL does.
    half: whether states are float16, which only OpenGL can.
    since: the threads that existed before the context was made, see Device.
    threads: of the processor, if it computes; None for as many as this process may use.
    Raises NCAError if what was asked for is not available.
    """
    if choice not in ("auto", "gl", "fragment") or (choice == "auto" and not half and not has_gpu(context)):
        return best_without_gpu(threads) if choice == "auto" else open_backend(choice, half, threads)
    try:
        fragment = True if choice == "fragment" else None
        backend = GLBackend(Device(context, since=since, half=half, fragment=fragment))
    except NCAError:  # an old OpenGL
        if choice != "auto" or half:
            raise
        return best_without_gpu(threads)
    backend.parts = Parts(context)
    return backend, ""


def runs_on_gpu(backend: Backend) -> bool:
    """Return whether a GPU makes the steps."""
    return isinstance(backend, GLBackend) and has_gpu(backend.device.ctx)
