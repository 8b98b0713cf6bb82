"""A long session in a window, replayed without one.

What needs a window runs in a process of its own, see window_driver:
`python tests/viewer/test_long_session.py SCENARIO FOLDER` runs a scenario by hand.
"""

import contextlib
import json
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
from apps import model
from helpers import apart

from ncaengine.core import kernels
from ncaengine.core.brushes import Pattern, Tool
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, Field
from ncaengine.core.looks import Look, Mode
from ncaengine.io import sessions
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import session_files
from ncaengine.viewer.state.options import Options

KINDS = get_args(commands.AnyCommand)
SECONDS = 300


class Player:
    """Makes random commands of all kinds, most of which succeed."""

    def __init__(self, seed: int, sim: Simulation) -> None:
        self.rng, self.sim = np.random.default_rng(seed), sim
        self.done: Counter[str] = Counter()
        sim.register(model("a"))
        sim.register(model("b", 1))
        sim.register_array("picture", self.rng.integers(0, 256, (6, 7, 3), np.uint8))
        sim.register_array("state", self.rng.normal(0, 0.4, (9, 11, 5)).astype(np.float32))

    def one(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def number(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def point(self) -> tuple[float, float]:
        return self.number(-20, 40), self.number(-20, 40)

    def command(self) -> commands.AnyCommand:
        """Return the next command."""
        c, rng = commands, self.rng
        rarest = min(KINDS, key=lambda kind: self.done[kind.__name__])
        kind = self.one(rarest, *KINDS)
        count = len(self.sim.grids)
        if (count < 2 and kind is c.RemoveGrid) or count == 0:
            kind = c.AddGrid
        if count > 3 and kind in (c.AddGrid, c.Duplicate):
            kind = c.RemoveGrid
        size = int(rng.integers(6, 20)), int(rng.integers(6, 20))
        if kind is c.AddGrid:
            return c.AddGrid(self.one("a", "b"), size, self.one("square", "hexagonal"), self.number(1, 8))
        grid = self.one(*self.sim.grids)
        field: Field = self.one(*FIELDS)
        match kind:
            case c.SetModel:
                return c.SetModel(grid, self.one("a", "b"), self.one(0, 0, 1))
            case c.SetKernel:
                return c.SetKernel(grid, self.one("square", "hexagonal"))
            case c.Resize:
                return c.Resize(grid, size, self.one("centre", "corner", "tile", "nothing"))
            case c.Reseed:
                return c.Reseed(grid, int(rng.integers(100)))
            case c.Paint:
                path = tuple(self.point() for _ in range(int(rng.integers(1, 4))))
                value = self.one(0.0, 0.5, 1.0)
                return c.Paint(grid, self.one(*get_args(Tool)), path, self.number(0.5, 6), self.number(0, 1),
                               self.number(0, 1), value, "picture", bool(rng.integers(2)))  # fmt: skip
            case c.Fill:
                return c.Fill(
                    grid, field, self.one(*get_args(Pattern)), (self.one(0.5, 1.0), 1.0), 3, self.number(0, 3)
                )
            case c.Blend:
                patterns = self.one("even", "halves", "stripes", "checks", "polar")
                names = [*self.sim.grids[grid].textures]
                return c.Blend(grid, self.one(*names), self.one(*names), patterns, 3, self.number(0, 3))
            case c.SetBackdrop:
                return c.SetBackdrop(grid, self.one("picture", "picture", ""), self.one(1.0, 1.5), self.number(0, 4))
            case c.Mark:
                path = tuple(self.point() for _ in range(int(rng.integers(1, 4))))
                name = self.one("", *self.sim.grids[grid].textures)
                return c.Mark(grid, self.one(*get_args(c.Shape)), name, path, self.number(0.5, 6))
            case c.Copy:
                return c.Copy(grid, self.point(), self.number(1, 5))
            case c.Rewind:
                return c.Rewind(grid, int(rng.integers(-5, 20)))
            case c.Load:
                return c.Load(grid, "state")
            case c.Show:
                return c.Show(grid, Look(self.one(*get_args(Mode)), overlay=field))
            case c.Set:
                setting, value = self.one(("steps_per_second", self.number(0, 8)), ("paused", self.one(True, False)),
                                          ("fire_rate", self.number(0.3, 0.9)), ("angle", self.number(-180, 180)),
                                          ("scale", self.number(0.5, 2)))  # fmt: skip
                return c.Set(grid, setting, value)
            case c.Step:
                return c.Step(grid, int(rng.integers(4)))
            case _:
                return kind(grid)

    def play(self, count: int, pass_time: Callable[[int], None]) -> None:
        """Submit about `count` commands in SECONDS, some of them to wait for a step."""
        ticks = SECONDS * TICKS_PER_SECOND // count
        for _ in range(count):
            command = self.command()
            never = commands.AddGrid | commands.Duplicate | commands.Copy
            later = not isinstance(command, never) and self.rng.random() < 0.1
            step = self.sim.grids[command.grid].step + int(self.rng.integers(12)) if later else None
            with contextlib.suppress(NCAError):
                self.sim.submit(command, step)
                self.done[type(command).__name__] += 1
            pass_time(ticks)


def performance(folder: Path) -> None:
    """Run five minutes in a window, in slices of steps between frames as its clock makes them; save the journal."""
    from ncaengine.viewer.window import Window

    with Window([model("a")], Options((12, 10), steps_per_second=(6.0,)), kernels.discover(), (420, 320),
                hidden=True) as window:  # fmt: skip
        sim = window.sim
        player, drawn = Player(11, sim), iter(range(10**9))

        def pass_time(ticks: int) -> None:
            for part in (ticks // 3, ticks - ticks // 3):
                sim.engine.begin(part)
                while sim.engine.busy:
                    with contextlib.suppress(NCAError):  # of a command that waited
                        sim.engine.work(500)
            if next(drawn) % 20 == 0:
                window.frame()  # which also advances it by the wall clock

        player.play(630, pass_time)
        assert len(sim.journal) >= 500, len(sim.journal)
        assert all(player.done[kind.__name__] for kind in KINDS), player.done
        assert sim.tick >= SECONDS * TICKS_PER_SECOND - 630
        assert session_files.write(window.app, "journal", folder / "long.jsonl")
        assert session_files.write(window.app, "session", folder / "end.nca")
        steps = {number: grid.age for number, grid in sim.grids.items()}
        expected = {"states": sessions.fingerprint(sim), "commands": len(sim.journal), "steps": steps}
        (folder / "expected.json").write_text(json.dumps(expected))


def test_five_minutes_of_commands_in_a_window_replayed_without_one(tmp_path: Path) -> None:
    apart(__file__, "performance", tmp_path)
    expected = json.loads((tmp_path / "expected.json").read_text())
    output = apart("-m", "ncaengine", "replay", tmp_path / "long.jsonl", "-o", tmp_path / "again.nca")
    assert f"states {expected['states']}" in output.splitlines()[-1]
    assert f"{expected['commands']} commands" in output.splitlines()[-1]
    heads = [sessions.read_header(tmp_path / name) for name in ("end.nca", "again.nca")]
    assert heads[0].grids == heads[1].grids
    assert heads[0].tick == heads[1].tick


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
