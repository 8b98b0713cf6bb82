"""`ncaengine replay`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ncaengine.cli.options import Half, Plugins, plural, progress_bar, say

OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: none)")


@dataclass(frozen=True)
class Replay:
    """Make all of a journal again, without a window, and print what came of it."""

    journal: tyro.conf.Positional[Path]
    """A journal that the window or a program saved (.jsonl)."""
    output: Annotated[Path | None, OUTPUT] = None
    """Save the end as a session (.nca), to go on with."""
    backend: Literal["auto", "gl", "torch"] = "auto"
    """auto: OpenGL, or torch where there is no OpenGL 4.3. States agree to the last bit on one device only."""
    half: Half = False
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Replay, and print a line a grid and the fingerprint of all states."""
        from ncaengine.backends import open_backend
        from ncaengine.core import kernels
        from ncaengine.io import journals, sessions
        from ncaengine.simulation import simulation
        from ncaengine.simulation.clock import TICKS_PER_SECOND

        journal = journals.load(self.journal)
        backend, notice = open_backend(self.backend, self.half)
        if notice:
            say(notice)
        with simulation.Simulation(backend, kernels.discover(self.plugins), journal.head.history) as sim:
            begin = journal.begin.head.tick
            seconds = (journal.head.until - begin) // TICKS_PER_SECOND
            with progress_bar("s") as bar:
                task = bar.add_task(self.journal.name, total=seconds)
                journal.replay(sim, lambda tick: bar.update(task, completed=(tick - begin) // TICKS_PER_SECOND))
            for grid in sim.grids.values():
                print(f"grid {grid.id}: {grid.model.config.name}, {grid.kernel.name}, {grid.size[0]}x{grid.size[1]}, "
                      f"step {grid.step}")  # fmt: skip
            print(f"{plural(len(journal.entries), 'command')}, {sim.tick / TICKS_PER_SECOND:g} s, "
                  f"states {sessions.fingerprint(sim)}")  # fmt: skip
            if self.output:
                sessions.save(self.output, sessions.pack(sim))
