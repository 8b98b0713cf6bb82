"""Kills, input/output errors and full disks at random moments of every writer; prints a table tried/survived.

`python tests/faults.py --kills 30` tries all writers; names after that choose some. A trial is survived if afterwards
the older output or a newer one is there, whole. Every trial runs in a process of its own, forked from this one, which
therefore starts no threads. Needs a system with fork and signals.
"""

import argparse
import gc
import importlib.util
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from fault_writers import WRITERS, Writer

from ncaengine.core import files
from ncaengine.core.errors import NCAError

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SLOWEST = 30
"""Seconds after which a trial counts as hanging."""
REFUSED = 3
"""The exit code of a trial that ended in an NCAError."""


def forked(work: Callable[[], object]) -> int:
    """Start a process that does `work`, and ends with 0, REFUSED after an NCAError, or 1."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        for number in set(SIGNALS) - {signal.SIGKILL}:
            signal.signal(number, signal.SIG_DFL)
        work()
        code = 0
    except NCAError:
        code = REFUSED
    except BaseException as error:
        print(f"  {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def ending(child: int) -> int:
    """Wait for a process; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def survived(writer: Writer, folder: Path, is_killed: bool) -> bool:
    """Whether an output is there, whole, and nothing else unless the program was killed. Checked in a process."""

    def check() -> None:
        writer.check(folder)
        parts = [path.name for path in folder.rglob("*.part")]
        assert is_killed or not parts, f"{parts} is left over"

    return ending(forked(check)) == 0


def try_kill(writer: Writer, folder: Path, chance: random.Random) -> bool:
    """Kill a process that writes one output after the other, up to half a second after it began."""
    read, wrote = os.pipe()

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        os.write(wrote, b"!")
        for number in range(1, 10**6):
            write(folder, number)

    child = forked(work)
    os.close(wrote)
    is_ready = os.read(read, 1) == b"!"
    os.close(read)
    time.sleep(chance.random() * 0.5)
    with suppress(ProcessLookupError):
        os.kill(child, chance.choice(SIGNALS))
    ended = ending(child)  # a command ends in order at SIGTERM and SIGHUP
    return is_ready and (ended < 0 or ended == REFUSED) and survived(writer, folder, is_killed=True)


def try_error(writer: Writer, folder: Path, at: int, code: int) -> bool | None:
    """Let the system call number `at` fail, and all after it. Returns None if there are not so many."""

    def work() -> None:
        write, left, system = writer.prepare(), at, files.system
        write(folder, 0)

        def fail(call: Callable[..., Any], *arguments: object) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(code, os.strerror(code))
            return system(call, *arguments)

        files.system = fail
        write(folder, 1)
        if left >= 0:
            os._exit(REFUSED + 1)

    found = ending(forked(work))
    return None if found == REFUSED + 1 else found == REFUSED and survived(writer, folder, is_killed=False)


def try_full(writer: Writer, folder: Path, most: int) -> bool:
    """Let no file have more than `most` bytes. That is either enough, or refused."""

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        write(folder, 1)

    return ending(forked(work)) in (0, REFUSED) and survived(writer, folder, is_killed=False)


def try_memory(writer: Writer, folder: Path, at: int) -> tuple[bool, bool]:
    """Let Python's allocation number `at` fail, in whatever library. Return whether it did, and whether it survived.

    Any end is allowed but one that takes long: only the file counts.
    """
    import _testcapi

    def work() -> None:
        write = writer.prepare()
        write(folder, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SLOWEST)
        is_done = False
        _testcapi.set_nomemory(at, at + 1)
        with suppress(BaseException):
            write(folder, 1)
            is_done = True
        _testcapi.remove_mem_hooks()
        gc.collect()
        if not is_done:
            raise NCAError("It ended with an error.")

    ended = ending(forked(work))
    crashed = ended not in (0, REFUSED)
    return ended != 0, ended != -signal.SIGALRM and survived(writer, folder, is_killed=crashed)


def allocations(writer: Writer, count: int, chance: random.Random, fresh: Callable[[], Any]) -> Iterator[bool]:
    """Yield of allocations, each some further than the one before, whether their failure was survived."""
    at, calm = 0, 0
    for _ in range(count):
        at += 1 + int(at * 0.3 * chance.random())
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            failed, is_survived = try_memory(writer, Path(folder) / "out", at)
        calm = 0 if failed else calm + 1
        if calm > 5:  # there are not so many
            return
        yield is_survived


def trials(writer: Writer, kills: int, errors: int, chance: random.Random) -> Iterator[tuple[str, bool]]:
    """Yield the kind of each trial, and whether it was survived. Each has a folder of its own."""

    def fresh() -> Any:
        return tempfile.TemporaryDirectory()

    for _ in range(kills):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            yield "kills", try_kill(writer, Path(folder) / "out", chance)
    for at in range(errors):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            result = try_error(writer, Path(folder) / "out", at, (28, 5)[at % 2])
        if result is None:
            break
        yield "errors", result
    for _ in range(min(kills, 5)):
        with fresh() as folder:
            (Path(folder) / "out").mkdir()
            yield "full", try_full(writer, Path(folder) / "out", chance.choice((0, 100, 3000, 30_000)))
    if importlib.util.find_spec("_testcapi"):  # of CPython, where its tests are installed
        yield from (("allocations", each) for each in allocations(writer, 2 * kills, chance, fresh))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("writers", nargs="*", default=list(WRITERS), help=f"of {', '.join(WRITERS)}")
    parser.add_argument("--kills", type=int, default=30, help="of each writer")
    parser.add_argument("--errors", type=int, default=60, help="the most system calls of each writer to let fail")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance, lost = random.Random(given.seed), 0
    for name in ("ncaengine.backends.torch", "ncaengine.training.checkpoint"):
        importlib.import_module(name)  # once, not in each process
    print("| writer | kills | errors of the system | full disks | failed allocations |\n|---|---:|---:|---:|---:|")
    for name in given.writers:
        counts = {kind: [0, 0] for kind in ("kills", "errors", "full", "allocations")}
        for kind, is_survived in trials(WRITERS[name], given.kills, given.errors, chance):
            counts[kind][0] += 1
            counts[kind][1] += is_survived
            lost += not is_survived
        print(f"| {name} | {' | '.join(f'{kept} of {tried}' for tried, kept in counts.values())} |", flush=True)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
