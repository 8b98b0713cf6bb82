"""Devices that step and draw grids: OpenGL, or torch where there is none."""

from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.core.errors import NCAError


def open_backend(choice: BackendChoice = "auto", half: bool = False) -> tuple[Backend, str]:
    """Open a backend; return it, and a notice to show if `auto` had to fall back to torch (else '').

    half: whether states are float16, which only OpenGL can.
    Raises NCAError if OpenGL, or what only it can do, was asked for and is not available.
    """
    if half and choice == "torch":
        raise NCAError("Only OpenGL keeps states as 16-bit numbers; omit --half or --backend torch.")
    reason = ""
    if choice != "torch":
        from ncaengine.backends.gl.backend import GLBackend

        try:
            return GLBackend(half=half), ""
        except NCAError as error:
            if choice == "gl" or half:
                raise
            reason = str(error)
    from ncaengine.backends.torch import TorchBackend

    return TorchBackend(), f"Running on torch, slower: {reason}" if reason else ""
