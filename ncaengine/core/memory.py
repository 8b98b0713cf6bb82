"""How much memory grids need, and how much this machine has free."""

import contextlib
import ctypes
import math
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import psutil

from ncaengine.core.errors import NCAError
from ncaengine.core.texts import file_size
from ncaengine.core.types import Size

CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_V2, _V1 = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")
"""The files of a control group's limit and use, in both versions of Linux's control groups."""
M_ARENA_MAX = -8
"""The number of an option in glibc's malloc.h."""


def free_bytes() -> float:
    """Return how many bytes can still be allocated without swapping; infinity where the system doesn't say.

    In a container that is less than the machine has: its control group's limit counts, and those of the groups around.
    """
    try:
        machine = float(psutil.virtual_memory().available)
    except (OSError, NotImplementedError, RuntimeError):
        machine = math.inf
    return min(machine, cgroup_free())


def cgroup_free(root: Path = CGROUPS, own: Path = OWN_CGROUP) -> float:
    """Return how many bytes this process's control groups leave it, infinity without a limit.

    root: Where control groups are mounted.
    own: The file that names those of this process.
    """
    free = math.inf
    for line in _lines(own):
        _, controllers, name = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        top = root / "memory" if controllers else root
        limit, used = _V1 if controllers else _V2
        # Inside a container the group's own name may not exist; its limit is then at the top.
        for group in [top / part for part in PurePosixPath(name.lstrip("/")).parents] + [top / name.lstrip("/")]:
            free = min(free, _left(group, limit, used))
    return free


def _left(group: Path, limit: str, used: str) -> float:
    """Return what a control group leaves: its limit, less what is used and can't be dropped."""
    with contextlib.suppress(OSError, ValueError):
        most = int((group / limit).read_text("ascii"))
        kept = dict(line.split(maxsplit=1) for line in _lines(group / "memory.stat"))
        cached = int(kept.get("total_inactive_file", kept.get("inactive_file", "0")))
        return max(float(most - int((group / used).read_text("ascii")) + cached), 0.0)
    return math.inf


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text("utf-8").splitlines()
    return []


def give_back() -> None:
    """Give memory that was freed back to the system. The C library would keep it, hundreds of MB after compilations."""
    if trim := _of_glibc("malloc_trim"):
        trim(0)


def share_heap() -> None:
    """Let all threads take memory from one heap. Call it before there are any.

    glibc gives new threads heaps of their own, up to eight a core, and what was freed in one is not used by another:
    after some thousand recordings, whose encoders have threads, some 10 MB lie idle.
    """
    if option := _of_glibc("mallopt"):
        option(M_ARENA_MAX, 1)


@cache
def _of_glibc(name: str) -> Any:
    """Return a function of glibc, None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), name, None)


def check_fits(size: Size, bytes_a_cell: int) -> None:
    """Raise NCAError, with the largest square that fits, if a grid needs more memory than is free.

    size: (width, height) in cells.
    """
    needed, free = size[0] * size[1] * bytes_a_cell, free_bytes()
    if needed > free:
        side = math.isqrt(int(free) // bytes_a_cell)
        raise NCAError(
            f"A grid of {size[0]}x{size[1]} cells needs {file_size(needed)} of memory here and "
            f"{file_size(free)} are free; the largest square that fits is {side}x{side} cells."
        )
