"""The machine that a benchmark runs on: its processor, its load, and how fast it can multiply at best."""

import ctypes
import os
import platform
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from ncaengine.core.optional import has_torch
from ncaengine.core.texts import plural

Processor = Literal["cpu", "cuda", "gpu"]
"""What computes: the CPU (OpenGL in software too), a GPU through CUDA, or a GPU through OpenGL."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's mallopt options, from malloc.h."""
LARGEST_THRESHOLD = 2**31 - 1
BUSY_SHARE = 0.5
"""Share of the cores that other work must take for the machine to count as busy."""
SIDE, REPEATS = 1024, 5
"""Side of the matrices whose product gives the peak on a CPU, and how often it is timed."""


def cores() -> int:
    """Return the number of cores that this process may use."""
    process = psutil.Process()
    return len(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else psutil.cpu_count() or 1


def cpu_name() -> str:
    """Return the processor's name, from /proc/cpuinfo where it exists (psutil does not know it)."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def yield_to_others() -> str:
    """On a busy machine, let torch's threads sleep while they wait for each other; return a notice, or ''.

    Otherwise they wait at full speed, each for a thread whose core other work has taken: with one of two cores taken,
    torch's steps then take ten times as long, and ours twice. Call it before torch is imported, and before any work.
    """
    load = psutil.getloadavg()[0]
    if load < BUSY_SHARE * cores():
        return ""
    policy = os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return (
        f"the machine did other work (load {load:.1f} on {plural(cores(), 'core')}): times are too long, and the best "
        f"rounds are more reliable than the medians; torch's threads wait with OMP_WAIT_POLICY={policy}"
    )


def keep_memory() -> str:
    """Let glibc keep freed memory instead of returning it to the system; return a notice, or ''.

    torch allocates its large maps again in every step, and each page that the system hands out costs a fault: without
    this, the notebook's loop takes four times as long at 512x512 on two cores. Call it before torch allocates.
    """
    if platform.libc_ver()[0] != "glibc":
        return ""
    libc = ctypes.CDLL(None)
    done = [libc.mallopt(option, LARGEST_THRESHOLD) for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD)]
    return "glibc's malloc thresholds were raised; otherwise torch is up to four times slower" if all(done) else ""


def torch_threads() -> AbstractContextManager[None]:
    """Let torch, if it is installed, use all cores inside `with`."""
    if not has_torch():
        return nullcontext()
    from ncaengine.training import trainer

    return trainer.torch_threads(cores())


def cuda_name() -> str:
    """Return the name of the GPU that torch uses, '' without one or without torch."""
    if not has_torch():
        return ""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def torch_version() -> str:
    """Return torch's version, and on what and on how many threads it runs, '' without torch."""
    if not has_torch():
        return ""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return f"torch {torch.__version__} on {device}, {torch.get_num_threads()} threads"


def matmul_gflops(processor: Literal["cpu", "cuda"]) -> float:
    """Return the speed of torch's float32 matrix product in 1e9 operations per second, the best of a few.

    A multiplication and an addition are two operations. Without torch, it is NumPy's product on the CPU.
    """
    side = SIDE * 8 if processor == "cuda" else SIDE
    multiply = _torch_product(side, processor) if has_torch() else _numpy_product(side)
    best = float("inf")
    for _ in range(REPEATS + 1):  # the first warms up and is the slowest
        before = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - before)
    return 2e-9 * side**3 / best


def _torch_product(side: int, processor: Literal["cpu", "cuda"]) -> Callable[[], object]:
    import torch

    a, b = (torch.rand(side, side, device=processor) for _ in range(2))

    def multiply() -> None:
        torch.mm(a, b)
        if processor == "cuda":
            torch.cuda.synchronize()

    return multiply


def _numpy_product(side: int) -> Callable[[], object]:
    a, b = np.random.default_rng(0).random((2, side, side), np.float32)
    return lambda: a @ b
