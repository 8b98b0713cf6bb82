"""Mutated inputs of every format: each soon opens or ends in one sentence, and none runs code. `make fuzz` runs it.

`python tests/fuzz.py [--count 10000] [FORMAT …]` prints a table; a failure leaves its input in build/fuzz.
"""

import argparse
import faulthandler
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz_formats import FORMATS
from helpers import ROOT
from test_fuzz import MEMORY, RUNS, SECONDS, TimedOut, memory_of, too_late

from ncaengine.core import memory
from ncaengine.core.errors import NCAError

NETWORK = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
MOST_LETTERS = 1200


@dataclass
class Row:
    """What came of the inputs of a format."""

    format: str
    tried: int = 0
    opened: int = 0
    refused: int = 0
    slowest: float = 0.0
    """In seconds."""
    grown: int = 0
    """The peak of memory above that of the start, in MB."""
    failures: list[str] = field(default_factory=list)


def fuzz(name: str, folder: Path, which: range, alarmed: bool = True) -> Row:
    """Try inputs of a format by their numbers; the same number gives the same input."""
    row, kind = Row(name), FORMATS[name]
    made = kind.seeds(folder)
    for number in which:
        rng = random.Random(f"{name} {number}")
        path = folder / f"{number}{kind.ending}"
        path.write_bytes(kind.spoil(rng.choice(made), rng))
        start = time.perf_counter()
        failure = _try(row, path, kind.open, alarmed)
        took = time.perf_counter() - start
        row.tried, row.slowest = row.tried + 1, max(row.slowest, round(took, 2))
        if failure:
            row.failures.append(f"{name} {number}: {failure}")
            (kept := ROOT / "build/fuzz").mkdir(parents=True, exist_ok=True)
            (kept / f"{name}-{path.name}").write_bytes(path.read_bytes())
        path.unlink()
    return row


def _try(row: Row, path: Path, open_: Callable[[Path], object], alarmed: bool) -> str:
    """Open a file; return what is wrong with how that ended, or ''."""
    try:
        if alarmed:
            signal.alarm(SECONDS)
        open_(path)
        row.opened += 1
    except NCAError as error:
        row.refused += 1
        message = str(error)
        if not (all(map(str.isprintable, message.split("\n"))) and len(message) < MOST_LETTERS):
            return f"its message is {len(message)} letters long, or holds codes"
        if "not enough memory" in message:
            return message
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return "".join(traceback.format_exception(error)[-3:])
    finally:
        if alarmed:
            signal.alarm(0)
    return ""


def _watch(event: str, _: object) -> None:
    if event in (*RUNS, *NETWORK):
        raise TimedOut(f"it asked for {event}")


def one(name: str, count: int) -> None:
    """Try `count` inputs of a format in this process, with limits; print the row as JSON."""
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        fuzz(name, Path(folder), range(3), alarmed=False)  # imports all modules before the limits apply
        memory.give_back()  # finds the C library's function, which no file asks for
        resource.setrlimit(resource.RLIMIT_AS, (memory_of("VmSize") + MEMORY,) * 2)
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # resets the peak
        before = memory_of("VmHWM")
        signal.signal(signal.SIGALRM, too_late)
        sys.addaudithook(_watch)
        row = fuzz(name, Path(folder), range(count))
        row.grown = (memory_of("VmHWM") - before) >> 20
    print(json.dumps(asdict(row)))


def main() -> int:
    """Print the table; return 1 if an input failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=f"of {', '.join(FORMATS)}; all of them")
    parser.add_argument("--count", type=int, default=10_000, help="inputs of each format")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.count)
        return 0
    failures: list[str] = []
    print(f"{'format':<12}{'tried':>8}{'survived':>10}{'opened':>8}{'refused':>9}{'slowest':>9}{'grown':>8}")
    for name in given.formats or FORMATS:
        command = [sys.executable, __file__, "--one", name, "--count", str(given.count)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failures.append(f"{name}: {done.stderr[-2000:]}")
            print(f"{name:<12} ended with {done.returncode}", flush=True)
            continue
        row = Row(**json.loads(done.stdout.splitlines()[-1]))
        failures += row.failures
        print(f"{name:<12}{row.tried:>8}{row.tried - len(row.failures):>10}{row.opened:>8}{row.refused:>9}"
              f"{row.slowest:>7} s{row.grown:>5} MB", flush=True)  # fmt: skip
    print(*failures[:20], sep="\n")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
