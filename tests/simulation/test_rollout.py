"""Rollouts yield a grid at given steps, report the steps they make, and leave no grid behind."""

from collections.abc import Callable

import numpy as np
import pytest
from helpers import random_model

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Seed
from ncaengine.simulation import rollout as module
from ncaengine.simulation.rollout import rollout, run_to
from ncaengine.simulation.simulation import Simulation

MODEL = random_model(Config(channels=3, hidden=2, seed=Seed("noise", 1.0)), 1)


def test_a_rollout_yields_its_grid_at_each_step(simulate: Callable[..., Simulation]) -> None:
    sim, plain = simulate(TorchBackend()), simulate(TorchBackend())
    grid, made = plain.add(MODEL, (6, 4), "hexagonal", rng_seed=5), list[int]()
    for step, running in zip((0, 3, 10), rollout(sim, MODEL, (0, 3, 10), (6, 4), "hexagonal", 5, made.append),
                             strict=True):  # fmt: skip
        plain.step(step - grid.step)
        assert (running.step, running.size, running.kernel.name) == (step, (6, 4), "hexagonal")
        assert np.array_equal(running.state(), grid.state())
    assert sum(made) == 10
    assert not sim.grids


def test_a_rollout_that_is_left_early_removes_its_grid(simulate: Callable[..., Simulation]) -> None:
    sim = simulate(TorchBackend())
    running = rollout(sim, MODEL, [1, 2], 4)
    next(running)
    assert len(sim.grids) == 1
    running.close()
    assert not sim.grids


def test_a_rollout_may_end_after_its_simulation(simulate: Callable[..., Simulation]) -> None:
    with simulate(TorchBackend()) as sim:
        running = rollout(sim, MODEL, [1, 2], 4)
        next(running)
    running.close()


def test_a_rollout_that_cannot_start_leaves_no_grid(simulate: Callable[..., Simulation]) -> None:
    sim = simulate(TorchBackend())
    with pytest.raises(NCAError, match="octagonal"):
        next(rollout(sim, MODEL, [1], 4, "octagonal"))
    assert not sim.grids


def test_long_runs_report_in_strides(simulate: Callable[..., Simulation], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRIDE", 4 * 16)
    sim = simulate(TorchBackend())
    made = list[int]()
    assert list(run_to(sim, sim.add(MODEL, 4), [6, 7], made.append)) == [6, 7]
    assert made == [4, 2, 1]
