"""The processor that a benchmark runs on: its name, and how fast it could multiply at best."""

import ctypes
import os
import platform
import re
import time
from pathlib import Path
from typing import Literal

Processor = Literal["cpu", "cuda", "gpu"]
"""What computes: the CPU (OpenGL in software too), a GPU through CUDA, or a GPU through OpenGL."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MOST = 2**31 - 1
BUSY = 0.5
"""Of the cores, from which on a machine counts as busy."""
SIDE, REPEATS = 1024, 5
"""Of the matrix products that the peak is taken from."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_name() -> str:
    """As /proc/cpuinfo has it, else as Python does."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def yield_to_others() -> str:
    """If the machine is busy, let torch's threads sleep while they wait for each other; returns a line of it, or ''.

    Else they wait at full speed, each for one that other work keeps from its core: with one of two cores taken, torch's
    steps then take ten times as long, and ours twice. Call it before torch is imported, and before any work.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < BUSY * cores():
        return ""
    policy = os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return (
        f"the machine did other work (load {load:.1f} on {cores()} cores): times are too long, and the best rounds the "
        f"more telling; torch's threads wait with OMP_WAIT_POLICY={policy}"
    )


def keep_memory() -> str:
    """Let glibc keep what was freed, rather than fetch it anew from the system; returns a line that says so, or ''.

    torch allocates its large maps anew in every step, and each page that the system gives back costs a fault: left as
    it is, the notebook's loop takes four times as long at 512x512 on two cores. Call it before torch allocates.
    """
    if platform.libc_ver()[0] != "glibc":
        return ""
    libc = ctypes.CDLL(None)
    done = [libc.mallopt(option, MOST) for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD)]
    return "glibc's malloc thresholds were raised, without which torch is up to four times slower" if all(done) else ""


def matmul_gflops(processor: Literal["cpu", "cuda"]) -> float:
    """1e9 float32 operations a second of torch's matrix product: what the processor does at best.

    A multiplication and an addition are two operations. The fastest of a few.
    """
    import torch

    side = SIDE * 8 if processor == "cuda" else SIDE
    a, b = (torch.rand(side, side, device=processor) for _ in range(2))
    best = float("inf")
    for _ in range(REPEATS + 1):  # the first one warms up, and is the slowest
        before = time.perf_counter()
        torch.mm(a, b)
        if processor == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - before)
    return 2e-9 * side**3 / best
