"""Files that an earlier ncaengine wrote still open, and hold what they held then.

tests/io/data holds a journal, the session saved at its end, and a still of that session's first grid. They were written
before the packages were sorted; never write them again. A change that breaks these tests breaks users' files.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import Look
from ncaengine.core.settings import Settings
from ncaengine.io import journals, sessions, stills
from ncaengine.simulation import commands
from ncaengine.simulation.commands import Reseed
from ncaengine.simulation.simulation import Simulation

DATA = Path(__file__).parent / "data"
FINGERPRINTS = {
    "old.nca": "3efa1d4c28019c246bf5e89c0b37febc69badc37946832ea685dd84c66ff9e3a",
    "old.png": "0b18ef8e681508ffdbd452a2281485037d651906ea02103110ccd5a669dbe779",
}
"""Of the simulations that were saved. Opening computes nothing, so they hold on any machine."""
LAST_TICK = 4834
COMMANDS = [
    "AddGrid", "AddGrid", "SetModel", "Fill", "Fill", "Set", "Set", "Paint", "Resize", "Paint", "Undo", "Redo",
    "Rewind", "Copy", "Paint", "Duplicate", "RemoveGrid", "Revive", "Load", "SetKernel", "Reseed", "Step", "Show",
    "Reseed",
]  # fmt: skip


@pytest.fixture
def sim(catalogue: Catalogue) -> Simulation:
    return Simulation(TorchBackend(), catalogue)


def assert_holds_the_three_grids(sim: Simulation) -> None:
    """Compare everything but the states."""
    tilted = Settings(steps_per_second=60.0, fire_rate=0.5, angle=30.0)
    slow = Settings(steps_per_second=15.0, fire_rate=0.25, dt=0.5)
    assert [(g.id, g.size, g.kernel.name, g.step, g.age, g.rng_seed) for g in sim.grids.values()] == [
        (1, (12, 9), "square", 75, 75, 4),
        (2, (14, 12), "hexagonal", 20, 20, 0),
        (3, (12, 9), "hexagonal", 23, 78, 8),
    ]
    assert [g.settings for g in sim.grids.values()] == [tilted, slow, tilted]
    assert [g.look for g in sim.grids.values()] == [Look("channel", gain=1.5), Look(), Look()]
    assert [[m.config.name for m in g.models] for g in sim.grids.values()] == [["a", "b"], ["c"], ["a", "b"]]
    assert [g.fields is not None for g in sim.grids.values()] == [True, False, True]
    assert [g.waiting for g in sim.grids.values()] == [[], [(500, 23, Reseed(2, 77))], []]
    assert (sim.tick, sim.engine.world.next_id) == (LAST_TICK, 4)


def test_an_old_session_opens(sim: Simulation) -> None:
    sessions.open_session(sim, DATA / "old.nca")
    assert_holds_the_three_grids(sim)
    assert sessions.fingerprint(sim) == FINGERPRINTS["old.nca"]
    assert sorted(sim.models) == ["a", "b", "c"]
    assert {name: (array.dtype, array.shape) for name, array in sim.arrays.items()} == {
        "image": (np.uint8, (5, 7, 3)),
        "state": (np.float32, (12, 14, 6)),
    }


def test_an_old_session_runs_on(sim: Simulation) -> None:
    sessions.open_session(sim, DATA / "old.nca")
    sim.advance(3600)
    assert [grid.step for grid in sim.grids.values()] == [135, 35, 83]
    sim.step(465, 2)  # to the step that a command waits for
    assert (sim.grids[2].step, sim.grids[2].rng_seed) == (0, 77)


def test_an_old_still_opens(sim: Simulation) -> None:
    sessions.open_session(sim, DATA / "old.png")
    assert sessions.fingerprint(sim) == FINGERPRINTS["old.png"]
    assert [(g.id, g.size, g.step) for g in sim.grids.values()] == [(1, (12, 9), 75)]
    assert stills.read_still(DATA / "old.png")[0] == {"Model": "a"}
    with Image.open(DATA / "old.png") as picture:
        assert picture.size == (24, 18)


def test_an_old_journal_replays(sim: Simulation, catalogue: Catalogue) -> None:
    journal = journals.load_journal(DATA / "old.jsonl")
    assert [type(entry.command).__name__ for entry in journal.entries] == COMMANDS
    assert [entry.at_step for entry in journal.entries if entry.at_step is not None] == [10, 500]
    journal.replay(sim)
    assert_holds_the_three_grids(sim)
    saved = Simulation(TorchBackend(), catalogue)
    sessions.open_session(saved, DATA / "old.nca")
    for number, grid in sim.grids.items():  # torch adds in another order on another processor
        np.testing.assert_allclose(grid.state(), saved.grids[number].state(), atol=1e-3)
        if grid.fields is not None:
            np.testing.assert_array_equal(grid.fields, saved.grids[number].fields)


@pytest.mark.parametrize("name", ["old.jsonl", "old.nca"])
def test_a_replayed_simulation_is_saved_as_it_was(sim: Simulation, tmp_path: Path, name: str) -> None:
    """The journal and the session are written byte for byte as before, except for states that torch computed."""
    journals.load_journal(DATA / "old.jsonl").replay(sim)
    if name == "old.jsonl":
        journals.save_journal(sim, tmp_path / name)
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
    else:
        sessions.save_session(sim, tmp_path / name)
        assert sessions.read_header(tmp_path / name) == sessions.read_header(DATA / name)


def test_commands_are_written_as_before() -> None:
    _, _, lines = (DATA / "old.jsonl").read_bytes().partition(b"\n")
    assert commands.encode(commands.decode(lines)) == lines
