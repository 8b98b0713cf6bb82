"""States that run away are said, once, with the likely cause."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, random_model

from ncaengine.backends.base import Backend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernels
from ncaengine.core.model import Model
from ncaengine.core.texts import rounded
from ncaengine.core.types import Size
from ncaengine.formats import model_files
from ncaengine.simulation.commands import RemoveGrid, Reseed, Set, Step
from ncaengine.simulation.runaway import Watch
from ncaengine.simulation.simulation import Simulation


@pytest.fixture
def sim():
    with Simulation(TorchBackend(), kernels.discover()) as simulation:
        yield simulation


def growing(factor: float, **facts: str) -> Model:
    """Return a model whose states are multiplied by a factor at each step, from the seed's noise on."""
    config = msgspec.structs.replace(
        NOTEBOOK_CONFIG, activation="linear", fire_rate=1.0, attribution=facts, kernels=("square",),
        seed=msgspec.structs.replace(NOTEBOOK_CONFIG.seed, kind="noise"),
    )  # fmt: skip
    model = random_model(config)
    w1, w2 = np.zeros_like(model.w1), np.zeros_like(model.w2)
    for channel in range(config.channels):
        w1[channel, channel], w2[channel, channel] = 1, factor - 1
    return dataclasses.replace(model, w1=w1, b1=model.b1 * 0, w2=w2, b2=model.b2 * 0)


def said(
    sim: Simulation, model: Model, steps: int = 100, size: int = 8, kernel: str = "square"
) -> list[tuple[int, str]]:
    grid, watch, found = sim.add(model, size, kernel), Watch(), []
    sim.submit(Set(grid.id, "fire_rate", 1.0))
    for _ in range(steps):
        sim.submit(Step(grid.id, 1))
        if sentence := watch.look(grid):
            found.append((grid.step, sentence))
    return found


@pytest.mark.parametrize("factor", [1.08, 1.3, 3.0, 1e9])
def test_states_that_grow_are_said_once_within_100_steps(sim, factor: float) -> None:
    [(step, sentence)] = said(sim, growing(factor))
    assert 10 <= step <= 100
    assert "has diverged" in sentence
    assert "--detect" in sentence


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.01])
def test_states_that_stay_are_not(sim, factor: float) -> None:
    assert not said(sim, growing(factor), 300)


@pytest.mark.parametrize("name", ["bubbles", "zebra"])
def test_shipped_models_do_not_run_away(sim, name: str) -> None:
    assert not said(sim, model_files.load(name), 100, 32)


def test_the_likely_cause_is_named(sim) -> None:
    guess = growing(2, reading="a guess: its order is not in the file")
    assert "may have guessed them wrong" in said(sim, guess)[0][1]
    own = growing(2, training="10 iterations")
    assert "train it longer" in said(sim, own)[0][1]
    assert "It was made for square" in said(sim, growing(2), kernel="hexagonal")[0][1]


def test_a_sample_of_a_large_grid_is_enough(sim) -> None:
    assert len(said(sim, growing(3), 12, 300)) == 1


def test_a_grid_that_starts_again_is_watched_again(sim) -> None:
    grid, watch = sim.add(growing(3), 8), Watch()
    for _ in range(2):
        sim.submit(Step(grid.id, 60))
        assert watch.look(grid)
        sim.submit(Step(grid.id, 60))
        assert not watch.look(grid)
        sim.submit(Reseed(grid.id, 1))
        sim.submit(Step(grid.id, 1))
        assert not watch.look(grid)


def test_record_and_sheet_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ncaengine.cli import main

    model_files.save(growing(3), path := tmp_path / "m.safetensors")
    for command in ("record", "sheet"):
        assert main([command, str(path), "-o", str(tmp_path / "a.png"), "--size", "8", "--steps", "50"]) == 0
        assert "diverged" in capsys.readouterr().err


@pytest.mark.parametrize("size", [(8, 8), (100, 90), (3000, 2)])
@pytest.mark.parametrize("start", [0, 997, 5000])
def test_what_blows_up_late_is_said_within_100_steps(backend: Backend, simulate, size: Size, start: int) -> None:
    """Also if it began in one cell."""
    sim = simulate(backend)
    grid, watch = sim.add(random_model(NOTEBOOK_CONFIG), size), Watch()
    for step in range(max(start - 120, 0), start, 10):
        grid.step = step  # as if so many steps had been made
        assert not watch.look(grid)
    spoiled = grid.state()
    spoiled[size[1] // 3, size[0] // 3, 1] = np.nan
    grid.step = start
    grid.write(spoiled, None)
    said = []
    while not said and grid.step < start + 100:
        sim.step(1)
        said += filter(None, [watch.look(grid)])
    assert "no longer finite numbers" in said[0]


def test_a_cured_grid_is_watched_again(sim) -> None:
    grid, watch = sim.add(random_model(NOTEBOOK_CONFIG), 8), Watch()
    good = grid.state()
    for _ in range(3):
        sim.load(np.full_like(good, 1e9))
        assert "has diverged" in watch.look(grid, now=True)
        assert not watch.look(grid, now=True)
        sim.load(good)
        assert not watch.look(grid, now=True)


@pytest.mark.parametrize("strength", [0.2, 1.0])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_erasure_cures_what_is_not_finite(backend: Backend, simulate, strength: float, value: float) -> None:
    """However soft it is; a weight of 0 changes nothing."""
    sim = simulate(backend)
    grid = sim.add(random_model(NOTEBOOK_CONFIG), 9)
    grid.write(np.full((9, 9, 12), value, np.float32), None)
    sim.paint("erase", (4, 4), radius=3, strength=0.0)
    assert not np.isfinite(grid.state()).any()
    sim.paint("erase", (4, 4), radius=3, softness=1.0, strength=strength)
    fine = np.isfinite(grid.state())
    assert fine[4, 4].all()
    assert fine[4, 2].all()
    assert not fine[0, 0].any()
    assert (grid.state()[fine] == 0).all()
    sim.paint("erase", (4, 4), radius=20, strength=strength)
    sim.step(3)
    assert np.isfinite(grid.state()).all()


def test_a_seed_cures_what_is_not_finite(backend: Backend, simulate) -> None:
    sim = simulate(backend)
    grid = sim.add(random_model(NOTEBOOK_CONFIG), 9)
    grid.write(np.full((9, 9, 12), np.nan, np.float32), None)
    sim.step(3)
    sim.reseed(1)
    sim.step(3)
    assert np.isfinite(grid.state()).all()


def test_replay_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], sim) -> None:
    from ncaengine.cli import main
    from ncaengine.io import journals

    sim.add(growing(3), 8)
    sim.step(60)
    journals.save_journal(sim, path := tmp_path / "a.jsonl")
    assert main(["replay", str(path)]) == 0
    assert "diverged" in capsys.readouterr().err


@pytest.mark.parametrize("start", [0, 997])
@pytest.mark.parametrize("by_clock", [False, True])
def test_python_hears_it_once_within_100_steps(
    backend: Backend, simulate, start: int, by_clock: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """However many steps one call makes."""
    sim = simulate(backend)
    grid, other = (sim.add(growing(1), 9) for _ in range(2))

    def run(steps: int) -> None:
        if by_clock:
            sim.advance(steps * 60)
        else:
            sim.step(steps, grid)

    run(start)
    assert not caplog.records
    spoiled = grid.state()
    spoiled[3, 4, 1] = np.inf
    grid.write(spoiled, None)
    run(300)
    [record] = caplog.records
    assert record.name == "ncaengine"
    assert "no longer finite numbers" in record.message
    told = int(record.message.partition("at step ")[2].partition(" ")[0])
    assert start < told <= start + 100
    assert np.isfinite(other.state()).all()
    sim.reseed(1, grid)
    run(30)
    assert len(caplog.records) == 1


def test_looking_changes_no_step(sim) -> None:
    """Also commands that wait for a step come at that step, and one that removes the grid ends its steps."""
    states = []
    for tell in (None, lambda _: None):
        sim.engine.world.tell = tell
        grid = sim.add(growing(1.01), 9)
        for step in (7, 10, 33, 60):
            sim.submit(Reseed(grid.id, step), at_step=step)
        sim.step(45, grid)
        sim.advance(3600)
        states.append((grid.step, grid.state().tobytes()))
        sim.submit(RemoveGrid(grid.id), at_step=grid.step + 25)
        sim.step(10**6, grid)
        assert not sim.grids
    assert states[0] == states[1]


def test_of_many_rollouts_of_a_model_one_sentence_is_said(sim) -> None:
    told: list[str] = []
    sim.engine.world.tell = told.append
    grid = sim.add(growing(3.0), 9)
    with sim.engine.world.telling_once():
        for seed in (1, 2):
            sim.reseed(seed, grid)
            sim.step(60, grid)
        with sim.engine.world.telling_once():  # inside another, as a measurement of a report
            sim.step(60, sim.add(grid.model, 9))
        assert len(told) == 1
        sim.step(60, sim.add(growing(4.0), 9))
        assert len(told) == 2  # of another model
    sim.reseed(3, grid)
    sim.step(60, grid)
    assert len(told) == 3


def test_large_states_are_written_as_people_write_them():
    shown = {0.834: "0.83", 27.4: "27", 113: "110", 1.34e5: "130,000", 1e20: "1e+20"}
    assert {value: rounded(value, 2) for value in shown} == shown
