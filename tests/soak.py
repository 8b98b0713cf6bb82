"""Random commands for a long time, on each backend and in a window. `make soak` runs it for an hour.

`python tests/soak.py [--minutes 60] [PLACE …]` shares the time among the places and prints a table. It fails if the
memory at the end is over 1.05 times that after a twelfth of the time, and at any OpenGL error or state that is not
finite and was not told.
"""

import argparse
import contextlib
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from helpers import ROOT, random_model

sys.path.insert(0, str(ROOT / "tests/viewer"))
from apps import model
from test_long_session import Player

from ncaengine import backends
from ncaengine.core import kernels, memory
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.io import journals, sessions
from ncaengine.io.video import Recording
from ncaengine.simulation import commands
from ncaengine.simulation.runaway import Watch
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.state.options import Options

PLACES = ("gl", "cpu", "torch", "window")
EVERY = 50
"""Commands between two looks at everything."""
GROWTH = 1.05
MODELS = 100
"""Different models that are taken in turn; after each thousand commands there is a new one, too."""
HISTORY = 2**19
"""Bytes of a grid's undo and rewind: few, so that they are used up before the memory is first measured."""


@dataclass
class Row:
    """What came of one place."""

    place: str
    commands: int = 0
    refused: int = 0
    steps: int = 0
    recordings: int = 0
    gl_errors: int = 0
    told: int = 0
    """States that ran away and were told."""
    untold: int = 0
    early: float = 0.0
    """MB after a twelfth of the time."""
    late: float = 0.0
    """MB at the end."""

    @property
    def survived(self) -> bool:
        """Whether nothing failed."""
        return not self.gl_errors and not self.untold and self.late <= GROWTH * self.early


class Soak:
    """One place under random commands."""

    def __init__(self, place: str, sim: Simulation, folder: Path, pass_time: Callable[[], None]) -> None:
        self.row, self.sim, self._folder, self._pass_time = Row(place), sim, folder, pass_time
        self._player, self._watch, self._rng = Player(5, sim), Watch(), np.random.default_rng(5)
        self._memory: list[tuple[float, float]] = []
        self._known: set[int] = set()  # the grids at the last look

    def run(self, seconds: float) -> Row:
        """Go on for some seconds."""
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            for _ in range(EVERY):
                self._command()
            self._look()
            gc.collect()
            self._memory.append((passed, psutil.Process().memory_info().rss / 2**20))
        early = [mb for at, mb in self._memory if seconds / 20 <= at <= seconds / 8] or [self._memory[0][1]]
        late = [mb for at, mb in self._memory if at >= seconds * 7 / 8] or [self._memory[-1][1]]
        self.row.early, self.row.late = statistics.median(early), statistics.median(late)
        return self.row

    def _command(self) -> None:
        command = self._player.command()
        try:
            self.sim.submit(command)
            self._player.done[type(command).__name__] += 1
            self._pass_time()
            self.row.commands += 1
        except NCAError:
            self.row.refused += 1
        for grid in self.sim.grids.values():
            self.row.told += bool(self._watch.look(grid))

    def _look(self) -> None:
        """Draw, record, save and open again, load a new state, take another model; look for what is wrong."""
        sim, number = self.sim, self.row.commands
        seed = number if number % 1000 < EVERY else int(self._rng.integers(MODELS))  # what is new stays: 2 kB a model
        with contextlib.suppress(NCAError):
            grid = next(iter(sim.grids.values()))
            sim.load(np.full((*grid.size[::-1], grid.model.config.channels), (seed % 9 - 4) / 10), grid)
            sim.paint("noise", self._player.point(), value=0.3)
            name = sim.register(random_model(Config(channels=5, hidden=3 + seed % 6, name="a"), seed), "a")
            sim.submit(commands.SetModel(grid.id, name))
            grid.image(2)
            with Recording(str(self._folder / "a.mp4"), sim, grid, scale=8) as video:
                video.run(seconds=0.1)
            self.row.recordings += 1
            sessions.save_session(sim, self._folder / "a.nca")
            sessions.load_session(self._folder / "a.nca")
        for gone in self._known - set(sim.grids):
            self._watch.forget(gone)
        self._known = set(sim.grids)
        for grid in sim.grids.values():
            self.row.told += bool(self._watch.look(grid, now=True))
            finite = bool(np.isfinite(grid.state()).all())
            self.row.untold += not (finite or self._watch.told(grid))
            self.row.steps = max(self.row.steps, sim.tick)
        if device := getattr(sim.backend, "device", None):
            self.row.gl_errors += device.ctx.error != "GL_NO_ERROR"


def one(place: str, seconds: float) -> None:
    """Run one place in this process; print its row as JSON."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if place == "window":
            from ncaengine.viewer.window import Window

            options = Options((12, 10), steps_per_second=(6.0,))
            window: Any = stack.enter_context(
                Window([model("a")], options, kernels.discover(), (420, 320), hidden=True)
            )
            window.sim.history = HISTORY
            window.sim.submit(commands.RemoveGrid(next(iter(window.sim.grids))))  # it may keep more
            window.sim.add(model("a"), (12, 10))
            soak = Soak(place, window.sim, folder, window.frame)
        else:
            sim = Simulation(backends.open_backend(place)[0], kernels.discover(), history=HISTORY)  # type: ignore[arg-type]
            sim.add(model("a"), (12, 10))
            soak = Soak(place, sim, folder, lambda: sim.advance(600))
        row = soak.run(seconds)
        journals.save_journal(soak.sim, folder / "a.jsonl")
        journals.load_journal(folder / "a.jsonl")
    print(json.dumps(asdict(row)))


def main() -> int:
    """Print the table; return 1 if a place failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="*", metavar="PLACE", help=f"of {', '.join(PLACES)}; all of them")
    parser.add_argument("--minutes", type=float, default=60, help="for all places together")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        memory.share_heap()  # as the command line does
        one(given.one, given.minutes * 60)
        return 0
    places, failed = given.places or PLACES, 0
    print(f"{'place':<8}{'commands':>9}{'refused':>9}{'videos':>8}{'GL errors':>11}{'told':>6}{'untold':>8}"
          f"{'early':>10}{'end':>10}{'growth':>8}")  # fmt: skip
    for place in places:
        command = [sys.executable, __file__, "--one", place, "--minutes", str(given.minutes / len(places))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed += 1
            print(f"{place:<8} ended with {done.returncode}: {done.stderr[-3000:]}", flush=True)
            continue
        row = Row(**json.loads(done.stdout.splitlines()[-1]))
        failed += not row.survived
        print(f"{place:<8}{row.commands:>9}{row.refused:>9}{row.recordings:>8}{row.gl_errors:>11}{row.told:>6}"
              f"{row.untold:>8}{row.early:>7.0f} MB{row.late:>7.0f} MB{row.late / row.early:>8.3f}",
              flush=True)  # fmt: skip
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
