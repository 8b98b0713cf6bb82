"""Commands that wait for a step of their grid are carried out at exactly that step."""

import numpy as np
import pytest
from helpers import random_model
from simulations import AnyBackend, B, Make

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature, Seed
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import (
    AddGrid,
    RemoveGrid,
    Resize,
    Set,
    SetModel,
    Step,
)
from ncaengine.simulation.simulation import Simulation


@pytest.mark.parametrize("chunk", [1, 7, 60, 1000])
def test_at_step_is_exact_for_any_stride_of_time(simulate: Make, chunk: int) -> None:
    """It comes between two steps, not at the end of a call of `advance`."""
    sim, other = simulate(TorchBackend()), simulate(TorchBackend())
    grid, plain = sim.add(B, (5, 5)), other.add(B, (5, 5))
    sim.submit(Resize(grid, (7, 6)), at_step=20)
    for done in range(0, 3000, chunk):
        sim.advance(min(chunk, 3000 - done))
    other.submit(Step(plain, 20))
    other.submit(Resize(plain, (7, 6)))
    other.submit(Step(plain, 30))
    assert grid.step == plain.step == 50
    assert np.array_equal(grid.state(), plain.state())


@pytest.mark.parametrize("chunk", [1, 13, 3600])
def test_a_waiting_change_of_speed_is_exact_for_any_stride_of_time(simulate: Make, chunk: int) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (2, 2), steps_per_second=60)
    sim.submit(Set(grid, "steps_per_second", 10.0), at_step=30)
    for done in range(0, 3600, chunk):
        sim.advance(min(chunk, 3600 - done))
    assert grid.step == 30 + 5  # half a second at 60, half a second at 10


def test_a_pause_and_a_removal_can_wait_for_a_step(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    one, two = sim.add(B, (2, 2)), sim.add(B, (2, 2))
    sim.submit(Set(one, "paused", True), at_step=3)
    sim.submit(RemoveGrid(two), at_step=4)
    sim.advance(TICKS_PER_SECOND)
    assert one.step == 3
    assert two.step == 4
    assert list(sim.grids) == [one.id]


def test_commands_that_wait_for_the_same_step_keep_their_order(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (2, 2))
    for size in ((3, 3), (5, 4), (2, 6)):
        sim.submit(Resize(grid, size), at_step=2)
    sim.submit(Step(grid, 2))
    assert grid.size == (2, 6)


def test_only_a_command_to_a_grid_can_wait(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    sim.register(B)
    with pytest.raises(NCAError, match="wait for a step"):
        sim.submit(AddGrid("b"), at_step=3)
    assert not sim.journal


def test_a_failing_command_that_waited_stops_no_grid() -> None:
    with Simulation(TorchBackend()) as sim:
        a, b = (sim.add(random_model(Config(hidden=4)), (4, 4)) for _ in range(2))
        blind = random_model(Config(hidden=4, features=(Feature("sixth_sense"),), name="blind"))
        sim.submit(SetModel(a.id, sim.register(blind)), at_step=10)
        with pytest.raises(NCAError, match="sixth_sense"):
            sim.advance(TICKS_PER_SECOND)
        assert (a.step, b.step) == (60, 60)
        sim.advance(TICKS_PER_SECOND)
        assert (a.step, b.step) == (120, 120)


def test_a_copied_patch_does_not_depend_on_which_grid_is_ahead(catalogue: Catalogue) -> None:
    """Copy a patch while another grid, which is behind, still has to paste the one before."""
    states = []
    for whole in (True, False):
        with Simulation(TorchBackend(), catalogue) as sim:
            for seed in range(2):
                sim.add(random_model(Config(channels=4, hidden=3, seed=Seed("noise", 1.0)), 1), (9, 7), rng_seed=seed)
            sim.submit(commands.Copy(1, (2.0, 2.0), 2.0))
            sim.submit(commands.Paint(2, "patch", ((5.0, 3.0),)), at_step=5)
            sim.engine.begin(TICKS_PER_SECOND // 4)
            if whole:
                sim.engine.work()
            sim.submit(commands.Copy(1, (7.0, 5.0), 3.0))
            sim.engine.work()
            states.append(sim.grids[2].state())
    assert np.array_equal(*states)


@pytest.mark.parametrize("command", [commands.Duplicate(1), commands.Copy(1, (0.0, 0.0))])
def test_duplicate_and_copy_cannot_wait_for_a_step(catalogue: Catalogue, command: commands.AnyCommand) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(random_model(Config(channels=4, hidden=3), 1), (5, 4))
        with pytest.raises(NCAError, match="can't wait for a step"):
            sim.submit(command, at_step=3)
        assert len(sim.journal) == 1
