"""The OpenGL context without a window: one for all backends of a thread, so that it stays the current one."""

import threading

import moderngl

from ncaengine.backends.gl.device import headless_context


class _Shared(threading.local):
    """The context of this thread, and how many backends use it."""

    context: moderngl.Context | None = None
    users = 0


_shared = _Shared()


def join() -> moderngl.Context:
    """Return this thread's context, which the first user creates. Raises NCAError; see device.headless_context.

    OpenGL computes in the context that was made current last, whatever object is called. With one context for each
    backend, a backend would compute another one's cells.
    """
    if _shared.context is None:
        _shared.context = headless_context()
    else:
        _shared.context.__enter__()  # type: ignore[no-untyped-call]  # a window may have made its own the current one
    _shared.users += 1
    return _shared.context


def leave() -> None:
    """Release the context if nobody in this thread uses it any more."""
    _shared.users -= 1
    if _shared.context is not None and not _shared.users:
        _shared.context.release()
        _shared.context = None
