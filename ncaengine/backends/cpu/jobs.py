"""Work that goes on beside the calling thread: the jobs of each grid in order, the grids by turns."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Protocol

from ncaengine.core.errors import NCAError


class Job(Protocol):
    """Some work on one grid. Its methods are called by one thread at a time."""

    def take(self) -> Callable[[int], object]:
        """Return the next part of the work, some tenths of a second at most; it counts as done.

        It is called with the number of threads that it may use.
        """

    @property
    def done(self) -> bool:
        """Whether nothing is left to take."""

    def absorb(self, other: "Job") -> bool:
        """Do the work of another job, which comes next, as well. Return whether that is possible."""


class Dispatcher:
    """Threads that do the jobs of several grids. They end with it, also if nobody ends it."""

    def __init__(self, threads: int) -> None:
        self.turns = Turns(threads)
        # The threads hold the turns, which hold this only while there are jobs: so it can be dropped.
        weakref.finalize(self, self.turns.end).atexit = False

    def jobs(self) -> "Jobs":
        """Return an empty list of jobs for a grid."""
        return Jobs(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no grid has a job left, or for some seconds. Return whether none has."""
        return self.turns.wait(timeout)

    def end(self) -> None:
        """End the threads after the parts that they are doing, and wait for that; what is left is not done."""
        self.turns.end()
        self.turns.join()


class Turns:
    """The turns of the grids that have jobs: one grid on all threads, or several grids at a time.

    Threads that step the same grid wait for each other, so it is faster to step two grids on one thread each.
    """

    def __init__(self, threads: int) -> None:
        self.change = threading.Condition()
        """Guards all jobs; notified when a grid has none left."""
        self._turns: deque[Jobs] = deque()  # those that have jobs, the next one first
        self._busy = 0  # those whose turn it is; only the threads, which no signal interrupts, count them
        self._ended = False
        self._process = os.getpid()
        self._count, self._free = threads, threads  # threads; those that no job uses
        self._threads: list[threading.Thread] = []

    def check_process(self) -> None:
        """Raise NCAError in a process that forked from the one with the threads: nobody would do its jobs."""
        if self._process != os.getpid():
            raise NCAError(
                "This Simulation was made before the process forked, so its threads stayed behind; make a new one."
            )

    def begin(self, jobs: "Jobs") -> None:
        """Give a grid turns, because it has its first job. The caller holds `change`. Raises NCAError at the end."""
        if self._ended:
            raise NCAError("The backend was released; open a new one.")
        self._turns.append(jobs)
        if not self._threads:
            for _ in range(self._count):
                thread = threading.Thread(target=self._run, name="ncaengine-jobs", daemon=True)
                thread.start()
                self._threads.append(thread)  # if a signal comes before it has started, nobody waits for it
        self.change.notify_all()

    def _run(self) -> None:
        while self._do_next():
            pass

    def _do_next(self) -> bool:
        """Wait for work and do a part of it; return False at the end. While waiting, hold nothing of the last part."""
        with self.change:
            self.change.wait_for(lambda: (self._turns and self._free) or self._ended)
            if self._ended:
                return False
            jobs = self._turns.popleft()
            if not jobs.waiting:  # a signal came before its job was added
                self.change.notify_all()
                return True
            part = jobs.waiting[0].take()
            threads = max(self._free // (1 + len(self._turns)), 1)
            self._free -= threads
            self._busy += 1
        try:
            part(threads)
        except BaseException as error:  # which the thread that waits raises
            jobs.error = error
        with self.change:
            self._free += threads
            self._busy -= 1
            if jobs.error is not None:
                jobs.waiting.clear()
            elif jobs.waiting and jobs.waiting[0].done:
                jobs.waiting.popleft()
            if jobs.waiting:
                self._turns.append(jobs)
            self.change.notify_all()
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no grid has a job left, or for some seconds. Return whether none has."""
        with self.change:
            return self.change.wait_for(lambda: not (self._turns or self._busy), timeout)

    def end(self) -> None:
        """Let the threads end after the parts that they are doing; what is left is not done."""
        with self.change:
            self._ended = True
            self.change.notify_all()

    def join(self) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join()


class Jobs:
    """The jobs of one grid, added by one thread."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self.waiting: deque[Job] = deque()
        """Those that aren't done, the next one first."""
        self.error: BaseException | None = None
        """Of a job that failed; those after it are not done."""

    def add(self, job: Job) -> None:
        """Let a job be done after the others. Raises the error of an earlier one."""
        self._raise()
        self._dispatcher.turns.check_process()
        with self._dispatcher.turns.change:
            if self.waiting and self.waiting[-1].absorb(job):
                return
            if not self.waiting:
                self._dispatcher.turns.begin(self)
            self.waiting.append(job)

    def wait(self) -> None:
        """Wait until all jobs are done. Raises the error of one."""
        if self.waiting:
            self._dispatcher.turns.check_process()
            change = self._dispatcher.turns.change
            with change:
                change.wait_for(lambda: not self.waiting)
        self._raise()

    def _raise(self) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
