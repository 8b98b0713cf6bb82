"""Devices that step and draw grids: OpenGL, or torch where there is none."""

from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.core.errors import NCAError


def open_backend(choice: BackendChoice = "auto", half: bool = False) -> tuple[Backend, str]:
    """The backend asked for, and a line to show if `auto` had to fall back to torch (else '').

    half: OpenGL keeps states as float16. Raises NCAError if OpenGL, or what it alone can do, was asked for and is not
    to be had.
    """
    if half and choice == "torch":
        raise NCAError("Only OpenGL keeps states as 16-bit numbers (--half); torch's are of 32 bits.")
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
