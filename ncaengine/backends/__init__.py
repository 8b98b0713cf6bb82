"""Devices that step and draw grids: a GPU through OpenGL, the processor, or torch."""

import sys
from pathlib import Path
from typing import get_args

from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.core.errors import NCAError
from ncaengine.core.given import whole
from ncaengine.core.optional import has_torch, needed_for

GPU_FILES = ("dri/renderD*", "nvidia[0-9]*", "dxg", "mali*", "kgsl*", "nvhost*")
"""Device files of GPUs in Linux's /dev; dxg is Windows' GPU in WSL."""


def open_backend(choice: BackendChoice = "auto", half: bool = False, threads: int | None = None) -> tuple[Backend, str]:
    """Open a backend; return it, and a notice to show if `auto` had to take a slow one (else '').

    choice: auto takes a GPU's OpenGL, or the processor (cpu) if there is no GPU; fragment is OpenGL without compute
        shaders, which gl takes only where it has none.
    half: whether states are float16, which only OpenGL can.
    threads: of the processor; None for as many as this process may use.
    Raises NCAError if there is no such backend or number of threads, or if OpenGL, or what only it can do, was asked
    for and is not available.
    """
    if threads is not None:
        threads = whole(threads, "The number of threads", 1)
    if choice not in get_args(BackendChoice):
        raise NCAError(f"There is no backend {choice!r:.60}; choose from: {', '.join(get_args(BackendChoice))}.")
    if half and choice in ("cpu", "torch"):
        raise NCAError(f"Only OpenGL keeps states as 16-bit numbers; omit --half or --backend {choice}.")
    if choice == "auto" and not half:
        gpu = _open_gpu() if _may_have_gpu() else None
        return (gpu, "") if gpu else best_without_gpu(threads)
    if choice in ("auto", "gl", "fragment"):
        from ncaengine.backends.gl.backend import GLBackend

        return GLBackend(half=half, fragment=True if choice == "fragment" else None), ""
    if choice == "cpu":
        from ncaengine.backends.cpu.backend import CPUBackend

        return CPUBackend(threads), ""
    with needed_for("The backend torch"):
        from ncaengine.backends.torch import TorchBackend

    return TorchBackend(), ""


def best_without_gpu(threads: int | None = None) -> tuple[Backend, str]:
    """Open the fastest backend that needs no GPU; see open_backend."""
    try:
        return open_backend("cpu", threads=threads)
    except (ImportError, OSError, RuntimeError) as error:  # llvmlite is not made for this machine
        slower: BackendChoice = "torch" if has_torch() else "gl"
        return open_backend(slower)[0], f"Running on {slower}, slower: llvmlite can't be loaded ({error})."


def _may_have_gpu() -> bool:
    """Return whether there may be a GPU: asking OpenGL takes a fifth of a second on a machine without one."""
    return not sys.platform.startswith("linux") or any(any(Path("/dev").glob(name)) for name in GPU_FILES)


def _open_gpu() -> Backend | None:
    from ncaengine.backends.gl.backend import GLBackend
    from ncaengine.backends.gl.device import has_gpu

    try:
        backend = GLBackend()
    except NCAError:
        return None
    if has_gpu(backend.device.ctx):
        return backend
    backend.release()
    return None
