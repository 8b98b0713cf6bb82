"""Simulation: its grids start as given, run alike on both backends, and go when it is closed."""

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model, random_state, small
from simulations import NOISE, A, AnyBackend, B, C, Make

from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import looks, pcg
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Model
from ncaengine.core.settings import Settings
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import (
    AddGrid,
    Step,
)
from ncaengine.simulation.simulation import Simulation


def test_a_new_grid_has_the_given_properties(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, size=(7, 4), kernel="hexagonal", steps_per_second=30, fire_rate=0.25, rng_seed=9)
    assert (grid.model, grid.kernel.name, grid.size, grid.step, grid.rng_seed) == (B, "hexagonal", (7, 4), 0, 9)
    assert (grid.settings.steps_per_second, grid.settings.fire_rate, grid.settings.paused) == (30, 0.25, False)
    assert np.array_equal(grid.state(), pcg.uniform_noise(7, 4, 3, 9))
    assert sim.journal == [commands.JournalEntry(0, AddGrid("b", (7, 4), "hexagonal", 30, 0.25, 9))]


def test_the_fire_rate_is_the_models_by_default(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    slow = random_model(Config(channels=3, hidden=2, fire_rate=0.125), 1)
    assert sim.add(slow, (2, 2)).settings.fire_rate == 0.125


def test_a_zero_seed_is_all_zeros(backend: AnyBackend, simulate: Make) -> None:
    state = simulate(backend).add(A, (3, 2)).state()
    assert state.shape == (2, 3, 5)
    assert not state.any()


def test_the_largest_side_works(gl: GLBackend, simulate: Make) -> None:
    sim = simulate(gl)
    grid = sim.add(random_model(Config(channels=3, hidden=1, seed=NOISE)), (gl.max_side, 1))
    before = grid.state()
    sim.submit(Step(grid, 1))
    assert np.array_equal((grid.state() != before).any(-1), pcg.fire_mask(gl.max_side, 1, 0, 0, 0.5))


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_the_same_run_gives_the_same_state(backend: AnyBackend, simulate: Make, kernel: str) -> None:
    runs = []
    for extra in (0, 2):
        sim = simulate(backend)
        for _ in range(extra):
            sim.add(C, (9, 4))  # other grids have no influence
        grid = sim.add(C, (13, 6), kernel, rng_seed=5)
        sim.advance(TICKS_PER_SECOND // 2)
        runs.append(grid.state())
    assert np.array_equal(*runs)
    sim = simulate(backend)
    other = sim.add(C, (13, 6), kernel, rng_seed=6)
    sim.advance(TICKS_PER_SECOND // 2)
    assert not np.array_equal(other.state(), runs[0])


@pytest.mark.parametrize("kernel", ["square", "hexagonal", "square-wide"])
@pytest.mark.parametrize("model", [A, C, random_model(small(NOTEBOOK_CONFIG), 4)], ids=["a", "c", "notebook"])
def test_both_backends_agree_over_five_steps(gl: GLBackend, simulate: Make, model: Model, kernel: str) -> None:
    states, pictures = [], []
    for backend in (gl, TorchBackend()):
        grid = simulate(backend).add(model, (17, 10), kernel, rng_seed=2)
        grid.cells.write(random_state(17, 10, 5))
        run = []
        for n in range(5):
            grid.cells.step(n, 2, Settings())
            run.append(grid.state())
        states.append(run)
        pictures.append(grid.image(scale=2).astype(int))
    np.testing.assert_allclose(states[0], states[1], atol=1e-4)
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.5


def test_pictures_have_the_size_of_their_view(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (8, 6), "hexagonal")
    assert grid.image(scale=4).shape == (round(6 * 4 * 3**0.5 / 2), 32, 3)
    assert grid.image(raw=True).shape == (6, 8, 3)
    assert np.array_equal(grid.image(raw=True), looks.raw_picture(grid.state(), B.config.colour))


def test_models_of_the_same_name_get_different_names(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    other = random_model(B.config, 9)
    assert [sim.register(m) for m in (B, other, B, other)] == ["b", "b-2", "b", "b-2"]


def test_a_closed_simulation_holds_no_grids(catalogue: Catalogue) -> None:
    with Simulation(TorchBackend(), catalogue) as sim:
        sim.add(B, (4, 4))
    assert not sim.grids


def test_masks_do_not_come_again_after_2_to_the_32_steps(backend: Backend, simulate: Make) -> None:
    """Steps have 62 bits; every backend makes the same of them."""
    model, states = random_model(NOTEBOOK_CONFIG), {}
    for step in (3, 3 + 2**31, 3 + 2**32, 3 + 2**33, 3 + 2**60, 2**31 - 1):
        ours, reference = (simulate(each).add(model, (16, 10)) for each in (backend, TorchBackend()))
        for grid in (ours, reference):
            grid.step = step
            for _ in range(2):
                grid._step()
        assert ours.step == step + 2
        assert np.abs(ours.state() - reference.state()).max() <= 1e-5
        states[step] = ours.state().tobytes()
    assert len(set(states.values())) == len(states)


def test_the_clock_of_masks() -> None:
    assert pcg.clock(0, 5) == (0, 5)
    assert pcg.clock(2**31 - 1, 5) == (2**31 - 1, 5)
    assert len({pcg.clock(lap * 2**31, seed)[1] for lap in range(1, 100) for seed in range(100)}) == 9900
