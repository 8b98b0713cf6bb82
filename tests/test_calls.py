"""A Simulation's commands as methods: NumPy in and out."""

import inspect

import numpy as np
import pytest
from helpers import random_model

from ncaengine.calls import Calls
from ncaengine.commands import Fill, Load, Paint, Reseed, Resize, Rewind, Set, SetKernel, Step, Undo
from ncaengine.errors import NCAError
from ncaengine.model import Config
from ncaengine.simulation import Simulation

MODEL = random_model(Config(channels=4, hidden=3, name="a"), 1)


def test_each_method_is_one_command(backend, simulate):
    sim = simulate(backend)
    sim.add(MODEL, (12, 8))
    second = sim.add(MODEL, (5, 5), rng_seed=4)
    picture = np.full((2, 3, 3), 200, np.uint8)
    sim.step(7)
    sim.resize((14, 8), "tile")
    sim.paint("erase", (3, 2.5), radius=2)
    sim.paint("rate", [(0, 0), (4, 4)], 1.5, 0.5, softness=0)
    sim.paint("image", (4, 4), 3, image=picture)
    sim.fill("angle", "halves", (0, 90), grid=second)
    sim.set("fire_rate", 1.0, 2)
    sim.use_kernel("hexagonal", second)
    sim.reseed(9, second)
    sim.undo(second)
    sim.step(grid=2)
    sim.rewind(3)
    told = [entry.command for entry in sim.journal[2:]]
    assert told == [
        Step(1, 7), Resize(1, (14, 8), "tile"), Paint(1, "erase", ((3.0, 2.5),), 2.0),
        Paint(1, "rate", ((0.0, 0.0), (4.0, 4.0)), 1.5, softness=0.0, value=0.5),
        Paint(1, "image", ((4.0, 4.0),), 3.0, image="image"), Fill(2, "angle", "halves", (0.0, 90.0)),
        Set(2, "fire_rate", 1.0), SetKernel(2, "hexagonal"), Reseed(2, 9), Undo(2), Step(2, 1), Rewind(1, 3),
    ]  # fmt: skip
    assert sim.image(scale=2).shape == (16, 24, 3)  # the step before the resize
    assert sim.grid().step == 4


def test_every_method_says_what_it_does():
    for name, method in inspect.getmembers(Calls, inspect.isfunction):
        assert name.startswith("_") or (method.__doc__ and method.__doc__.strip()), name


def test_a_state_goes_in_and_comes_out(backend, simulate):
    sim = simulate(backend)
    grid = sim.add(MODEL, (12, 8))
    state = np.random.default_rng(0).normal(size=(5, 9, 4)).astype(np.float32)
    sim.load(state)
    assert grid.size == (9, 5)
    assert np.array_equal(sim.state(), state)
    assert sim.journal[-1].command == Load(1, "state")
    before = state.copy()
    state += 1  # what was registered is a copy, so that a replay gives the same
    sim.load(state)
    assert sim.journal[-1].command == Load(1, "state-2")
    sim.undo()
    assert np.array_equal(sim.state(), before)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4), np.float32), "must be"),
        (np.zeros((4, 4, 4)), "must be"),
        (np.zeros((0, 4, 4), np.float32), "must be"),
        (np.full((4, 4, 4), np.nan, np.float32), "finite"),
        (np.zeros((4, 4, 4), np.uint8), "three channels"),
        (np.zeros((4, 4, 7), np.float32), "7 channels and the model 'a' 4"),
    ],
)
def test_arrays_that_do_not_serve_are_told(backend, simulate, array, said):
    sim = simulate(backend)
    sim.add(MODEL, (4, 4))
    with pytest.raises(NCAError, match=said):
        sim.load(array)


def test_a_grid_that_is_not_there_is_told(simulate, backend):
    sim: Simulation = simulate(backend)
    with pytest.raises(NCAError, match="no grid yet"):
        sim.step()
    sim.add(MODEL, (4, 4))
    with pytest.raises(NCAError, match="no grid 7"):
        sim.image(grid=7)
    with pytest.raises(NCAError, match="no image 'cat'"):
        sim.paint("image", (0, 0), image="cat")
