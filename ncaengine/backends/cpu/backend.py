"""The processor as a backend: compiled for its vectors, on as many threads as it may use."""

from ncaengine.backends.cpu.cells import CPUCells
from ncaengine.backends.cpu.jobs import Dispatcher
from ncaengine.backends.cpu.machine import Compiler, cores, host_width
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.programs import Programs
from ncaengine.backends.cpu.workers import Workers
from ncaengine.core.fields import FIELDS
from ncaengine.core.model import Config
from ncaengine.core.states import MAX_SIDE
from ncaengine.core.texts import plural


class CPUBackend:
    """See base.Backend."""

    name = "cpu"
    max_side = MAX_SIDE

    def __init__(self, threads: int | None = None, width: Width | None = None) -> None:
        """Start the threads.

        threads: None for as many as this process may use processors.
        width: the vectors to compile for, None for the widest that the processor has.
        """
        self.workers = Workers(threads or cores())
        self.programs = Programs(Compiler(width or host_width()))
        self._dispatcher = Dispatcher(self.workers.threads)
        threads = self.workers.threads
        self.description = f"the processor, {plural(threads, 'thread')}, {self.programs.width.name}"

    def bytes_a_cell(self, config: Config) -> int:
        """Count two states, a copy of one, and the fields; also what an integrator keeps."""
        states = 3 if config.integrator == "euler" else 9
        return 4 * (states * config.channels + len(FIELDS))

    def cells(self) -> CPUCells:
        return CPUCells(self.programs, self.workers, self._dispatcher)

    def finish(self, timeout: float | None = None) -> bool:
        return self._dispatcher.wait(timeout)

    def release(self) -> None:
        self._dispatcher.end()
        self.workers.release()
