"""Help for llvmpipe, Mesa's renderer without a GPU: one core for each of its threads, and copies by the driver.

Only Linux is known to need it; nothing is done elsewhere. LP_NATIVE_VECTOR_WIDTH=512 makes llvmpipe faster on
processors with AVX-512, but fragment shaders crash (Mesa 22.3). We have none, but windows do.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import moderngl
import platformdirs

from ncaengine.core.types import Size

NAMES = ("llvmpipe", "softpipe", "swiftshader")
"""In the names of renderers without a GPU."""
ARRAY = 0x8C1A
"""GL_TEXTURE_2D_ARRAY."""
TASKS = Path("/proc/self/task")
WIDTH, CACHE = "LP_NATIVE_VECTOR_WIDTH", "MESA_SHADER_CACHE_DIR"
"""Environment variables that Mesa reads."""
SAFE_WIDTH = 256
"""Bits of a vector with which fragment shaders still work."""
Copier = Callable[[moderngl.TextureArray, moderngl.TextureArray, Size], None]
"""Copies (width, height) cells of all layers from one image into another."""


def separate_shader_cache() -> None:
    """Give shaders compiled for an unusual vector width a cache of their own; call it before a context is made.

    Mesa's own cache doesn't know the width and would return shaders compiled for another one.
    """
    width = os.environ.get(WIDTH)
    if width and width.isdecimal() and int(width) != SAFE_WIDTH and CACHE not in os.environ:
        folder = platformdirs.user_cache_path("ncaengine") / f"mesa-{width}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        os.environ[CACHE] = str(folder)


def limit_vector_width() -> None:
    """Go back to vectors that work with fragment shaders; call it before a window is made."""
    width = os.environ.get(WIDTH, "")
    if width.isdecimal() and int(width) > SAFE_WIDTH:
        del os.environ[WIDTH]


def threads() -> frozenset[int]:
    """Return the system's numbers of this process's threads; none where they are unknown."""
    try:
        return frozenset(int(task.name) for task in TASKS.iterdir())
    except OSError:
        return frozenset()


def bind_threads(since: frozenset[int]) -> None:
    """Bind each thread started since then to one core, the next thread to the next core.

    since: the threads that existed before.

    Without it, two threads that are woken together for a step of a millisecond often run one after the other on the
    core that woke them: a step of 64x64 cells takes 1.7 times as long, one of 128x128 cells 1.3 times.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    counts: dict[bool, int] = {}  # two pools: the threads that draw have names of their own
    for thread in sorted(threads() - since):
        try:
            name = (TASKS / str(thread) / "comm").read_text("utf-8", "replace")
            if ":" in name:  # "python:disk$0", which stores compiled shaders
                continue
            pool = name.startswith(NAMES)
            nth = counts[pool] = counts.get(pool, -1) + 1
            os.sched_setaffinity(thread, {cores[nth % len(cores)]})
        except OSError:  # the thread has ended, or we may not bind it
            continue


def image_copier() -> Copier | None:
    """Return OpenGL's own copy between images, which moderngl lacks; None where it is not available.

    llvmpipe stores a shader's results number by number, 5 ns each. A copied cell takes as long as one number.
    """
    try:
        copy = ctypes.CDLL("libGL.so.1").glCopyImageSubData
    except (OSError, AttributeError):
        return None
    copy.restype = None
    copy.argtypes = [*([ctypes.c_uint] * 2), *([ctypes.c_int] * 4)] * 2 + [ctypes.c_int] * 3

    def run(source: moderngl.TextureArray, target: moderngl.TextureArray, size: Size) -> None:
        copy(source.glo, ARRAY, 0, 0, 0, 0, target.glo, ARRAY, 0, 0, 0, 0, *size, source.layers)

    return run
