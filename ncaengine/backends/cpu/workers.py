"""The threads that make steps together, and pictures."""

import ctypes
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import numpy.typing as npt

from ncaengine.backends.cpu.machine import nap
from ncaengine.backends.cpu.records import as_number
from ncaengine.backends.cpu.tickets import RUN, SPACING

MOST_PARTS = 16
"""Parts of the rows in which the threads share a phase."""
LEAST_CELLS = 512
"""Cells of a grid for each thread that takes part: waking a thread takes as long as stepping a few hundred cells."""
_Run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(RUN))
Bytes = npt.NDArray[np.int32]


class Workers:
    """Runs steps on several threads, of which the calling thread is one."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(max(threads - 1, 1), thread_name_prefix="ncaengine-step")
        self._rooms: list[Bytes] = []  # scratch memory to be used again

    def run(
        self, function: int, grid: npt.NDArray[np.int64], phases: npt.NDArray[np.int64], scratch: int, number: int,
        odd: int, steps: int, radius: int, cells: int, threads: int,
    ) -> None:  # fmt: skip
        """Make some steps of a grid.

        function: the address of tickets.run, which explains the arguments.
        scratch: the int32 numbers of each thread's scratch memory.
        radius: how many rows away a phase reads.
        threads: how many share the work at most.
        """
        rows = int(phases[:, 2].min())
        threads = max(1, min(threads, cells // LEAST_CELLS))
        parts = max(1, min(MOST_PARTS, rows // max(radius, 4))) if threads > 1 else 1
        near = 1 if len(phases) == 1 and parts > 2 else parts // 2
        threads = min(threads, parts)
        progress = np.zeros((threads + parts, SPACING), np.int32)
        run = _Run(function)
        shared = [as_number(each) for each in (phases, progress)]
        rest = (number, odd, steps, len(phases), threads, parts, near, nap())
        rooms = [self._take_room(scratch) for _ in range(threads)]
        arguments = [(as_number(grid), as_number(room), *shared, own, *rest) for own, room in enumerate(rooms)]
        others = [self._pool.submit(run, *each) for each in arguments[1:]]
        run(*arguments[0])
        wait(others)
        self._rooms.extend(rooms)

    def _take_room(self, size: int) -> Bytes:
        """Return scratch memory that no other thread uses."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = np.empty(0, np.int32)
        return room if room.size >= size else np.empty(size, np.int32)

    def share(self, work: Callable[[int], object], parts: int) -> None:
        """Call `work` with each of 0 … parts - 1, on this thread and on those that nothing else keeps busy.

        Any thread may call this, also while another one calls `run`. Raises the error of a part.
        """
        waiting = deque(range(parts))

        def take() -> int | None:
            try:
                return waiting.popleft()
            except IndexError:
                return None

        def help_out() -> None:
            while (part := take()) is not None:
                work(part)

        others = [self._pool.submit(help_out) for _ in range(min(self.threads, parts) - 1)]
        help_out()
        for other in others:
            if not other.cancel():  # it has begun
                other.result()

    def release(self) -> None:
        """End the threads."""
        self._pool.shutdown()
