"""What was released or dropped: it says so on all backends, and gives its threads back."""

import gc
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from simulations import A, B, Make

from ncaengine.backends.base import Backend, BackendChoice
from ncaengine.backends.cpu.backend import CPUBackend
from ncaengine.core.errors import NCAError
from ncaengine.io.sessions import open_session, save_session
from ncaengine.simulation.simulation import Simulation


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("choice", ["torch", "gl", "cpu"])
def test_a_released_simulation_says_so(choice: BackendChoice) -> None:
    sim = Simulation(choice)
    grid = sim.add(A, 5)
    sim.step(2)
    for _ in range(2):
        sim.release()
    with pytest.raises(NCAError, match="This Simulation was released; make a new one"):
        sim.add(A, 5)
    for use in (grid.state, grid.image):
        with pytest.raises(NCAError, match="Grid 1 is gone"):
            use()
    for use in (sim.step, sim.state, lambda: sim.step(1, grid)):
        with pytest.raises(NCAError, match=r"[Gg]rid"):
            use()


def test_a_grid_that_is_gone_says_so(backend: Backend, simulate: Make, tmp_path) -> None:
    sim = simulate(backend)
    first, second = sim.add(A, 5), sim.add(A, 5)
    save_session(sim, tmp_path / "a.nca")
    sim.remove(second)
    open_session(sim, tmp_path / "a.nca")
    for gone in (first, second):
        for use in (gone.state, gone.image):
            with pytest.raises(NCAError, match=f"Grid {gone.id} is gone"):
                use()


def test_a_backend_that_was_passed_in_stays_with_its_owner(backend: Backend) -> None:
    one, two = Simulation(backend), Simulation(backend)
    one.add(A, 5)
    two.add(B, 5)
    one.release()
    two.step(3)
    assert np.isfinite(two.state()).all()
    two.release()


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("choice", ["gl", "cpu"])
def test_a_backend_that_its_owner_released_says_so(choice: BackendChoice) -> None:
    sim = Simulation(choice)
    sim.add(A, 5)
    sim.backend.release()
    with pytest.raises(NCAError, match="The backend was released; open a new one"):
        sim.step(1)
    sim.release()


def test_a_grid_of_another_simulation_is_not_taken_by_its_number(backend: Backend, simulate: Make, tmp_path) -> None:
    sim, other = simulate(backend), simulate(backend)
    before, foreign = sim.add(A, 5), other.add(A, 5)
    save_session(sim, tmp_path / "a.nca")
    open_session(sim, tmp_path / "a.nca")
    for grid in (before, foreign):
        with pytest.raises(NCAError, match="Grid 1 isn't in this Simulation"):
            sim.step(5, grid=grid)
    assert sim.grid(sim.grid()).step == 0


def test_dropped_simulations_give_their_threads_back() -> None:
    before = threading.active_count()
    for _ in range(3):
        sim = Simulation(CPUBackend(threads=2))
        sim.add(A, 40)
        sim.step(3)
        sim.state()
    assert threading.active_count() > before
    del sim
    gc.collect()
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_a_grid_lives_on_when_its_simulation_is_dropped() -> None:
    grid = Simulation(CPUBackend(threads=2)).add(A, 5)
    gc.collect()
    assert grid.state().shape == (5, 5, 5)


FORKED = """
import os, sys
from simulations import A
from ncaengine import NCAError, Simulation
sim = Simulation("cpu")
grid = sim.add(A, 64)
sim.step(2)
before = grid.state()
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
assert (grid.state() == before).all()  # what was made before the fork can be looked at
try:
    sim.step()
except NCAError as error:
    print(error, flush=True)
other = Simulation("cpu")
assert (other.add(A, 64).state() != before).any()
other.step(2)
other.release()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system has no fork.")
def test_a_forked_process_is_told_that_its_threads_stayed_behind() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["tests", ".", os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", FORKED]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout.startswith("This Simulation was made before the process forked")
