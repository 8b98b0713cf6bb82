"""A hundred kernel switches, resizes and new grids cause no error and no growth in memory."""

import gc
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import SELFORG, random_model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.kernels import Catalogue
from ncaengine.simulation.commands import Resize, SetKernel, Step
from ncaengine.simulation.simulation import Simulation

LARGEST = 600

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


EARLY, LATE = range(10, 30), range(80, 100)
"""The rounds, of a hundred, in which memory is measured."""


@pytest.fixture(autouse=True)
def _collect_only_new_objects() -> Iterator[None]:
    """Freeze the objects of now: collecting among all of torch's forty times takes longer than the tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def measure(memory: dict[int, int], number: int) -> None:
    """Note the process's memory in bytes, if this is a round to measure."""
    if number in EARLY or number in LATE:
        gc.collect()
        memory[number] = int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def assert_flat(memory: dict[int, int]) -> None:
    """Memory at the end is at most 5 % above that after the warm-up."""
    early, late = (statistics.median(memory[n] for n in window) for window in (EARLY, LATE))
    assert late <= 1.05 * early, f"{early / 2**20:.0f} MB after the warm-up, {late / 2**20:.0f} MB at the end"


def test_switching_and_resizing_do_not_leak(
    gl: GLBackend, catalogue: Catalogue, simulate: Callable[..., Simulation]
) -> None:
    sim = simulate(gl)
    sim.history = 2**25  # bytes of the timeline, which the warm-up fills
    grid = sim.add(random_model(SELFORG), (LARGEST, LARGEST))
    for kernel in catalogue.kernels:  # the warm-up: every program, and the largest images twice
        sim.submit(SetKernel(grid, kernel))
        sim.submit(Resize(grid, (LARGEST, LARGEST - 1)))
        sim.submit(Step(grid, 1))
        sim.submit(Resize(grid, (LARGEST - 1, LARGEST - 1)))  # an odd number of cells, which do not fire in pairs
        sim.submit(Step(grid, 1))
        grid.image()
    programs = len(gl.device._compute)
    rng, memory, names = random.Random(0), {}, list(catalogue.kernels)
    for n in range(100):
        size = rng.randint(1, LARGEST), rng.randint(1, LARGEST)
        sim.submit(Resize(grid, size, rng.choice(["centre", "tile", "nothing"])))
        sim.submit(SetKernel(grid, names[n % len(names)]))
        sim.submit(Step(grid, 1))
        if n % 10 == 0:
            assert grid.image().shape[1] == size[0]
        assert gl.device.ctx.error == "GL_NO_ERROR"
        measure(memory, n)
    assert np.isfinite(grid.state()).all()
    assert grid.step == 110
    assert len(gl.device._compute) == programs
    assert_flat(memory)


def test_adding_and_removing_grids_does_not_leak(gl: GLBackend, simulate: Callable[..., Simulation]) -> None:
    """A hundred grids of a megabyte: the backend keeps none, whatever the size of their pictures."""
    from ncaengine.simulation.commands import RemoveGrid

    sim, memory = simulate(gl), {}
    model = random_model(SELFORG)
    for n in range(100):
        grid = sim.add(model, (100 + n % 3, 70), "square")
        grid.image()
        sim.submit(RemoveGrid(grid))
        assert gl.device.ctx.error == "GL_NO_ERROR"
        measure(memory, n)
    assert_flat(memory)
