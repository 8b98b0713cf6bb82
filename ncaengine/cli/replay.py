"""`ncaengine replay`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from ncaengine.cli.shared.engine import Engine, EngineFlags
from ncaengine.cli.shared.options import size_text
from ncaengine.cli.shared.output import print_line, progress_bar
from ncaengine.core.texts import plural

OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE", help_behavior_hint="(default: none)")


@dataclass(frozen=True)
class Replay:
    """Repeat a journal without a window, and print the final grids and a fingerprint of their states.

    On the same device, the states are exactly the same as before; on another device, they may differ.
    """

    journal: tyro.conf.Positional[Path]
    """A journal that the window or a program saved (.jsonl)."""
    output: Annotated[Path | None, OUTPUT] = None
    """Save the final state as a session (.nca)."""
    engine: Engine = field(default_factory=EngineFlags)

    def run(self) -> None:
        """Replay; print a line for each grid and the fingerprint of all states."""
        from ncaengine.core import kernels
        from ncaengine.io import journals, sessions
        from ncaengine.simulation.clock import TICKS_PER_SECOND

        if self.output:
            sessions.check_output(self.output)
        journal = journals.load_journal(self.journal)
        catalogue = kernels.discover(self.engine.plugins)
        with self.engine.simulation(catalogue, journal.header.history) as sim:
            begin = journal.begin.header.tick
            seconds = (journal.header.until - begin) // TICKS_PER_SECOND
            with progress_bar("s") as bar:
                task = bar.add_task(self.journal.name, total=seconds)

                def passed(tick: int) -> None:
                    bar.update(task, completed=(tick - begin) // TICKS_PER_SECOND)

                journal.replay(sim, passed)
            for grid in sim.grids.values():
                sim.engine.world.look(grid, now=True)
                name, kernel = grid.model.config.name, grid.kernel.name
                print_line(f"grid {grid.id}: {name}, {kernel}, {size_text(grid.size)}, step {grid.step}")
            commands, time = plural(len(journal.entries), "command"), sim.tick / TICKS_PER_SECOND
            print(f"{commands}, {time:g} s, states {sessions.fingerprint(sim)}")
            if self.output:
                sessions.write_session(self.output, sessions.pack_session(sim))
