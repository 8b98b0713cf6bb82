"""What helps a renderer without a GPU, Mesa's llvmpipe: a core for each of its threads, images that it copies itself.

Only Linux is known to need it, and elsewhere nothing is done. LP_NATIVE_VECTOR_WIDTH=512 makes it faster on processors
with AVX-512, and any fragment shader crash (Mesa 22.3): we have none, but windows do.
"""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import moderngl
import platformdirs

from ncaengine.core.types import Size

NAMES = ("llvmpipe", "softpipe", "swiftshader")
"""In the names of such renderers."""
ARRAY = 0x8C1A
"""GL_TEXTURE_2D_ARRAY."""
TASKS = Path("/proc/self/task")
WIDTH, CACHE = "LP_NATIVE_VECTOR_WIDTH", "MESA_SHADER_CACHE_DIR"
"""Variables of the environment that Mesa reads."""
SAFE_WIDTH = 256
"""Bits of a vector at which fragment shaders still work."""
Copier = Callable[[moderngl.TextureArray, moderngl.TextureArray, Size], None]
"""Copies (width, height) cells of all layers from one image into another."""


def keep_widths_apart() -> None:
    """Give shaders compiled for a width of its own a cache of their own, before a context is made.

    Mesa's own cache does not know the width, and would hand out shaders for another one.
    """
    width = os.environ.get(WIDTH)
    if width and width.isdecimal() and int(width) != SAFE_WIDTH and CACHE not in os.environ:
        folder = platformdirs.user_cache_path("ncaengine") / f"mesa-{width}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        os.environ[CACHE] = str(folder)


def narrow() -> None:
    """Go back to vectors that fragment shaders stand, before a window is made."""
    width = os.environ.get(WIDTH, "")
    if width.isdecimal() and int(width) > SAFE_WIDTH:
        del os.environ[WIDTH]


def threads() -> frozenset[int]:
    """The threads of this process, as the system numbers them; none where that is not known."""
    try:
        return frozenset(int(task.name) for task in TASKS.iterdir())
    except OSError:
        return frozenset()


def spread(since: frozenset[int]) -> None:
    """Keep each thread that was started since then to one core, the next thread to the next core.

    Left alone, two of them that are woken together for a step of a millisecond often run one after the other on the
    core that woke them: a step of 64x64 cells then takes 1.7 times as long, one of 128x128 cells 1.3 times.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    counts: dict[bool, int] = {}  # two pools: those that draw have names of their own
    for thread in sorted(threads() - since):
        try:
            name = (TASKS / str(thread) / "comm").read_text("utf-8", "replace")
            if ":" in name:  # "python:disk$0", which keeps compiled shaders
                continue
            pool = name.startswith(NAMES)
            nth = counts[pool] = counts.get(pool, -1) + 1
            os.sched_setaffinity(thread, {cores[nth % len(cores)]})
        except OSError:  # it has ended meanwhile, or we may not
            continue


def copier() -> Copier | None:
    """OpenGL's own copying between images, which moderngl lacks; None where it cannot be had.

    llvmpipe stores what a shader writes number by number, 5 ns each; copied whole, a cell takes as long as one number.
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
