"""Commands: each does its work, and an invalid one raises NCAError and changes nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import random_model
from simulations import MODELS, AnyBackend, B, C, Make, contents, simulation

import ncaengine as nca
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import pcg, states
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature
from ncaengine.simulation import commands
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import (
    AddGrid,
    AnyCommand,
    Fill,
    RemoveGrid,
    Reseed,
    Resize,
    Set,
    SetKernel,
    SetModel,
    Step,
)
from ncaengine.simulation.simulation import Simulation


def test_each_command_changes_its_grid(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (6, 5), rng_seed=1)
    sim.register(C)
    sim.submit(Step(grid, 3))
    assert grid.step == 3
    sim.submit(SetKernel(grid, "hexagonal"))
    assert grid.kernel.name == "hexagonal"
    sim.submit(SetModel(grid, "c"))
    assert grid.model is C
    sim.submit(Resize(grid, (4, 9)))
    assert grid.size == (4, 9)
    assert grid.state().shape == (9, 4, 5)
    sim.submit(Set(grid, "fire_rate", 1.0))
    sim.submit(Set(grid, "paused", True))
    assert (grid.settings.fire_rate, grid.settings.paused) == (1.0, True)
    sim.submit(Reseed(grid, 77))
    assert (grid.step, grid.rng_seed) == (0, 77)
    assert np.array_equal(grid.state(), pcg.uniform_noise(4, 9, 5, 77))
    sim.submit(RemoveGrid(grid))
    assert not sim.grids
    assert [type(e.command).__name__ for e in sim.journal] == [
        "AddGrid", "Step", "SetKernel", "SetModel", "Resize", "Set", "Set", "Reseed", "RemoveGrid",
    ]  # fmt: skip


def test_switching_kernel_or_model_keeps_the_state(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    grid = sim.add(B, (6, 5), rng_seed=1)
    sim.register(C)
    before = grid.state()
    for kernel in ("hexagonal", "square-wide", "square"):
        sim.submit(SetKernel(grid, kernel))
        assert np.array_equal(grid.state(), before)
    sim.submit(SetModel(grid, "c"))  # 3 -> 5 channels
    assert np.array_equal(grid.state()[..., :3], before)
    assert not grid.state()[..., 3:].any()
    sim.submit(Step(grid, 1))
    after = grid.state()
    sim.submit(SetModel(grid, "b"))  # 5 -> 3 channels
    assert np.array_equal(grid.state(), after[..., :3])


def test_each_change_is_counted(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (3, 3))
    for command in (
        Step(grid, 1),
        SetKernel(grid, "hexagonal"),
        Resize(grid, (2, 2)),
        Set(grid, "fire_rate", 0.1),
        Reseed(grid, 1),
    ):
        before = grid.changes
        sim.submit(command)
        assert grid.changes > before
    before = grid.changes
    sim.advance(0)
    assert grid.changes == before


BAD: dict[str, Callable[[Any], AnyCommand]] = {
    "no such grid": lambda g: Step(99),
    "no such model": lambda g: SetModel(g, "nobody"),
    "no such kernel": lambda g: SetKernel(g, "octagonal"),
    "a model that the kernel cannot serve": lambda g: SetModel(g, "blind"),
    "size 0": lambda g: Resize(g, (0, 5)),
    "size -1": lambda g: Resize(g, (5, -1)),
    "size 10⁹": lambda g: Resize(g, (10**9, 10**9)),
    "size beyond the device": lambda g: Resize(g, (100_000, 1)),
    "size too much in all": lambda g: Resize(g, (16384, 16384)),
    "size of fractions": lambda g: Resize(g, (2.5, 3)),  # type: ignore[arg-type]
    "size of three": lambda g: Resize(g, (2, 3, 4)),  # type: ignore[arg-type]
    "size of text": lambda g: Resize(g, "big"),  # type: ignore[arg-type]
    "an unknown way to keep": lambda g: Resize(g, (2, 3), "some"),  # type: ignore[arg-type]
    "an unknown setting": lambda g: Set(g, "colour", 1.0),
    "a fire rate above 1": lambda g: Set(g, "fire_rate", 1.01),
    "a negative rate": lambda g: Set(g, "steps_per_second", -1.0),
    "a rate of NaN": lambda g: Set(g, "steps_per_second", float("nan")),
    "an infinite rate": lambda g: Set(g, "steps_per_second", float("inf")),
    "a rate of text": lambda g: Set(g, "steps_per_second", "fast"),  # type: ignore[arg-type]
    "a bool for a number": lambda g: Set(g, "fire_rate", True),
    "a number for a bool": lambda g: Set(g, "paused", 1.0),
    "negative steps": lambda g: Step(g, -1),
    "steps of fractions": lambda g: Step(g, 1.5),  # type: ignore[arg-type]
    "a seed beyond a journal": lambda g: Reseed(g, 2**70),
    "a new grid of no model": lambda g: AddGrid("nobody"),
    "a new grid on no kernel": lambda g: AddGrid("b", kernel="octagonal"),
    "a new grid of size 0": lambda g: AddGrid("b", (0, 0)),
    "a new grid of 10⁹ cells a side": lambda g: AddGrid("b", (10**9, 10**9)),
    "a new grid at a negative rate": lambda g: AddGrid("b", (2, 2), steps_per_second=-5.0),
    "a new grid of a fire rate above 1": lambda g: AddGrid("b", (2, 2), fire_rate=2.0),
    "a new grid that cannot run": lambda g: AddGrid("blind", (2, 2)),
    "no command at all": lambda g: "step",  # type: ignore[return-value]
}


KNOWN_AT_ONCE = {
    k for k in BAD if "new grid" not in k and k not in ("no command at all", "a model that the kernel cannot serve")
}


def with_a_blind_model(sim: Simulation) -> nca.Simulation:
    sim.register(random_model(Config(channels=3, hidden=2, features=(Feature("bilaplacian"),), name="blind")))
    return sim


@pytest.mark.parametrize("case", BAD)
def test_an_invalid_command_raises_and_changes_nothing(backend: AnyBackend, simulate: Make, case: str) -> None:
    sim = with_a_blind_model(simulate(backend))
    grid = sim.add(B, (4, 3))
    sim.submit(Step(grid, 1))
    before = contents(sim)
    with pytest.raises(NCAError) as caught:
        sim.submit(BAD[case](grid))
    assert "\n" not in str(caught.value)
    assert contents(sim) == before
    sim.submit(Step(grid, 1))  # and it still runs
    assert grid.step == 2


@pytest.mark.parametrize("case", sorted(KNOWN_AT_ONCE))
def test_an_invalid_command_for_a_later_step_raises_at_once(simulate: Make, case: str) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (4, 3))
    before = contents(sim)
    with pytest.raises(NCAError):
        sim.submit(BAD[case](grid), at_step=5)
    sim.advance(10 * TICKS_PER_SECOND // 60)
    assert grid.step == 10
    assert contents(sim) | {"tick": 0, "grids": 0} == before | {"grids": 0}


def test_numpy_numbers_are_accepted(simulate: Make) -> None:
    sim = simulate(TorchBackend())
    grid = sim.add(B, (np.int64(4), np.int32(3)), rng_seed=np.uint32(5))
    sim.submit(Set(grid, "fire_rate", np.float32(0.25)))
    assert grid.settings.fire_rate == 0.25
    assert commands.decode(commands.encode(sim.journal)) == sim.journal


def test_a_grid_can_be_given_in_place_of_its_number() -> None:
    class Seven:
        def __index__(self) -> int:
            return 7

    assert commands.encode([commands.JournalEntry(3, Step(Seven(), 2), 5)]) == (  # type: ignore[arg-type]
        b'{"tick":3,"command":{"type":"Step","grid":7,"count":2},"at_step":5}\n'
    )


def test_the_resize_command_resizes_as_the_function_does(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    for kernel in ("square", "hexagonal"):
        grid = sim.add(B, (6, 5), kernel, rng_seed=3)
        sim.submit(Step(grid, 2))
        for size, keep in (((9, 8), "centre"), ((4, 5), "centre"), ((11, 3), "tile"), ((2, 2), "nothing")):
            expected = states.resized(grid.state(), pcg.uniform_noise(*size, 3, 3), keep, grid.kernel)
            sim.submit(Resize(grid, size, keep))
            assert np.array_equal(grid.state(), expected)
            assert grid.step == 2


def test_a_fuzzy_border_between_two_models_contains_no_third(catalogue: Catalogue) -> None:
    sim = simulation(catalogue)
    sim.submit(AddGrid("c", (40, 9)))
    for slot in (1, 2):
        sim.submit(SetModel(1, "c", slot))
    sim.submit(Fill(1, "model", "halves", (0.0, 2.0), fuzz=12.0))
    found = sim.grids[1].field("model")
    assert set(np.unique(found)) == {0, 2}
    assert (found[:, 8:12] == 0).all()
    assert (found[:, 28:32] == 2).all()
    assert 0 < (found[:, 18:22] == 2).mean() < 1
    with pytest.raises(NCAError, match="can only fill the alignment"):
        sim.submit(Fill(1, "rate", "polar"))


def test_a_revived_grid_is_as_it_was(backend: AnyBackend, simulate: Make) -> None:
    sim = simulate(backend)
    for model in MODELS.values():
        sim.register(model)
    grids = [sim.add(B, (4, 3), rng_seed=n) for n in range(6)]
    sim.submit(Fill(3, "rate", "halves", (0.5, 1.0)))
    sim.submit(Reseed(3, 9), at_step=50)
    sim.advance(1800)
    before = contents(sim)["grids"]
    for number in (3, 1, 2, 5, 6):
        sim.submit(RemoveGrid(number))
    assert list(sim.grids) == [4]
    with pytest.raises(NCAError, match="no removed grid 3 to bring back"):  # only the last four are kept
        sim.submit(commands.Revive(3))
    for number in (6, 1, 5, 2):
        sim.submit(commands.Revive(number))
    assert contents(sim)["grids"] == {n: one for n, one in before.items() if n != 3}
    with pytest.raises(NCAError, match="no removed grid 6 to bring back"):
        sim.submit(commands.Revive(6))
    assert sim.add(B, (2, 2)).id == len(grids) + 1
