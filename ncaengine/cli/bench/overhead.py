"""What the engine does beside stepping, timed: seeds, reads, draws, records, compiles; and many grids at once."""

import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.cli.bench.timing import Plan, in_turn, spoken
from ncaengine.core import states
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, Size
from ncaengine.io.video import Film
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import RemoveGrid
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

FRAMES = 12
"""Of the video that is recorded."""
TILE, GROWTH = 64, 200
"""Cells a side, and steps, of the texture that is drawn and recorded, repeated over the grid."""
LEAST, MOST, LONGEST = 3, 20, 0.3
"""Times that something is done to be timed, and the seconds after which it is enough."""
PACE = 60
"""Steps a second of the grids side by side; each advance makes one."""
CACHES = ("MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH")


@dataclass(frozen=True)
class Beside:
    """Milliseconds that something takes at one size.

    ratio: of many grids' step to that of one grid of as many cells. once: it is not timed at every size.
    """

    what: str
    size: str
    ms: float
    ratio: float | None = None
    once: bool = False


@contextmanager
def fresh_shader_cache() -> Iterator[None]:
    """Mesa's and NVIDIA's caches of compiled shaders are empty for contexts that are made meanwhile."""
    before = {name: os.environ.get(name) for name in CACHES}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.update(dict.fromkeys(CACHES, folder))
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def compiling(backend: GLBackend, model: Model, kernel: Kernel) -> list[Beside]:
    """From a model to its first step on a small grid, twice: the second time the driver may know the shader."""
    times = []
    for _ in range(2):
        fresh = GLBackend(Device(backend.device.ctx))  # which has compiled nothing yet
        cells, state = fresh.cells(), states.initial(model, (TILE, TILE), 0)
        before = time.perf_counter()
        cells.specialise(model, kernel)
        cells.write(state)
        cells.step(0, 0, Settings(fire_rate=model.config.fire_rate))
        fresh.finish()
        times.append(1e3 * (time.perf_counter() - before))
        cells.release()
        fresh.release()
    names = ("specialise and step, first", "specialise and step, again")
    return [Beside(name, spoken((TILE, TILE)), ms, once=True) for name, ms in zip(names, times, strict=True)]


def chores(backend: GLBackend, model: Model, kernel: Kernel, size: Size) -> list[Beside]:
    """Seeding, reading back, drawing and recording one grid."""
    sim = Simulation(backend, _only(kernel), history=0)
    grid = sim.add(model, size, kernel.name)
    times = {"seed": _median(lambda: _finish(backend, lambda: sim.reseed(0, grid))), "read back": _median(grid.state)}
    sim.load(_texture(sim, model, kernel, size), grid)
    times["draw a frame"] = _median(grid.image)
    times["draw and encode a frame"] = _recording(sim, grid)
    sim.submit(RemoveGrid(grid.id))
    return [Beside(what, spoken(size), 1e3 * seconds) for what, seconds in times.items()]


def crowd(backend: GLBackend, model: Model, kernel: Kernel, size: Size, count: int, plan: Plan) -> list[Beside]:
    """A step of `count` grids side by side, and of one grid of as many cells, in turn."""
    rows = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
    large = (size[0] * (count // rows), size[1] * rows)
    states.check_size(large, backend.max_side)
    many, one = (Simulation(backend, _only(kernel), history=0) for _ in range(2))
    for n in range(count):
        many.add(model, size, kernel.name, PACE, rng_seed=n)
    one.add(model, large, kernel.name, PACE)

    def run(sim: Simulation) -> Callable[[int], None]:
        return lambda steps: _finish(backend, lambda: sim.advance(steps * (TICKS_PER_SECOND // PACE)))

    took = in_turn({"many": run(many), "one": run(one)}, plan)
    for sim in (many, one):
        for number in tuple(sim.grids):
            sim.submit(RemoveGrid(number))
    seconds, alone = (statistics.median(took[name]) for name in ("many", "one"))
    return [
        Beside(f"step {count} grids", spoken(size), 1e3 * seconds, seconds / alone, once=True),
        Beside("step one of as many cells", spoken(large), 1e3 * alone, once=True),
    ]


def _only(kernel: Kernel) -> Catalogue:
    return Catalogue({kernel.name: kernel}, {})


def _finish(backend: GLBackend, action: Callable[[], object]) -> None:
    action()
    backend.finish()


def _median(action: Callable[[], object]) -> float:
    """Seconds that it takes; the first time warms up."""
    action()
    times: list[float] = []
    while len(times) < LEAST or (len(times) < MOST and sum(times) < LONGEST):
        before = time.perf_counter()
        action()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def _texture(sim: Simulation, model: Model, kernel: Kernel, size: Size) -> F32:
    """A grown state of this size, for noise would be the encoder's worst case: (height, width, channels)."""
    small = sim.add(model, TILE, kernel.name)
    sim.step(GROWTH, small)
    state = small.state()
    sim.submit(RemoveGrid(small.id))
    width, height = size
    return np.ascontiguousarray(np.tile(state, (-(-height // TILE), -(-width // TILE), 1))[:height, :width])


def _recording(sim: Simulation, grid: Grid) -> float:
    """Seconds that a frame takes, drawn and encoded; the step between two frames does not count."""
    pictures = []
    for _ in range(FRAMES):
        sim.step(1, grid)
        pictures.append(grid.image())
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        with Film(Path(folder) / "bench.mp4") as film:
            for picture in pictures:
                grid.image()
                film.add(picture)
        return (time.perf_counter() - before) / FRAMES
