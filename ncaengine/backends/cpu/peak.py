"""The processor's own limit: multiply-adds whose numbers never leave the registers."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.machine import Compiler, cores, host_width
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.values import F32, I64, Unit

CHAINS = 12
"""Sums at a time: enough to keep all units for multiplication busy."""
TURNS, REPEATS = 2_000_000, 5


def multiply_adds(width: Width) -> Unit:
    """Return the function `multiply_adds`, which adds x·y to CHAINS vectors, `count` times.

    Its arguments: x and y, a vector each; sums, (CHAINS, lanes) float32, to be written; count.
    """
    unit = Unit(width.fused)
    code = Code(unit, "multiply_adds", {"x": F32, "y": F32, "sums": F32, "count": I64}, numbers=("count",))
    x, y = (code.arrays[name].load(0, width.lanes) for name in ("x", "y"))
    sums = [code.variable(code.constant(0.0, F32, width.lanes)) for _ in range(CHAINS)]
    with code.loop(code.args["count"]):
        for total in sums:
            total.set(x.times_plus(y, total.get()))
    for i, total in enumerate(sums):
        code.arrays["sums"][i * width.lanes] = total.get()
    code.end()
    return unit


def peak_gflops(threads: int | None = None) -> float:
    """Return the most operations per second that the processor's vectors make, in 1e9, the best of a few.

    A multiplication and an addition are two operations.
    """
    threads, width = threads or cores(), host_width()
    compiler = Compiler(width)  # which holds the function's code
    address = compiler.address("multiply_adds", multiply_adds(width))  # its code is freed with it
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(address)
    arrays = [[np.zeros(n * width.lanes, np.float32) for n in (1, 1, CHAINS)] for _ in range(threads)]
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(REPEATS):
            before = time.perf_counter()
            wait([pool.submit(function, *(array.ctypes.data for array in each), TURNS) for each in arrays])
            best = min(best, time.perf_counter() - before)
    return 2e-9 * TURNS * CHAINS * width.lanes * threads / best
