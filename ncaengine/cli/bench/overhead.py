"""Times of what the engine does besides stepping: seed, read, draw, encode, compile, and run many grids at once."""

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
from ncaengine.cli.bench.timing import BenchPlan, time_in_turn
from ncaengine.cli.shared.options import size_text
from ncaengine.core import states
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, Size
from ncaengine.io.film import Film
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import RemoveGrid
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

FRAMES = 12
"""Frames of the video that is encoded."""
TILE, GROWTH = 64, 200
"""The texture that is drawn and encoded, repeated over the grid: cells per side, and steps that it grows."""
MIN_REPEATS, MAX_REPEATS, MAX_SECONDS = 3, 20, 0.3
"""How often an action is timed; after MAX_SECONDS it is not repeated again."""
PACE = 60
"""Steps per second of the grids side by side; each advance makes one step."""
CACHES = ("MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH")


@dataclass(frozen=True)
class OverheadTime:
    """The time that one action takes at one size."""

    what: str
    """The action."""
    size: str
    """Width and height in cells, '256x128'."""
    ms: float
    """Milliseconds."""
    ratio: float | None = None
    """For many grids: their step over the step of one grid with as many cells."""
    once: bool = False
    """Whether it is not timed at every size."""


@contextmanager
def fresh_shader_cache() -> Iterator[None]:
    """Give OpenGL contexts that are created meanwhile an empty cache of compiled shaders (Mesa, NVIDIA)."""
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


def time_compiling(backend: GLBackend, model: Model, kernel: Kernel) -> list[OverheadTime]:
    """Time from a model to its first step on a small grid, twice: the second time the driver may know the shader."""
    times = []
    for _ in range(2):
        fresh = GLBackend(Device(backend.device.ctx))  # has compiled nothing yet
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
    return [OverheadTime(name, size_text((TILE, TILE)), ms, once=True) for name, ms in zip(names, times, strict=True)]


def time_actions(backend: GLBackend, model: Model, kernel: Kernel, size: Size) -> list[OverheadTime]:
    """Time seeding, reading, drawing and encoding of one grid."""
    sim = Simulation(backend, _catalogue_of(kernel), history=0)
    grid = sim.add(model, size, kernel.name)
    times = {
        "seed": _median_seconds(lambda: _finish(backend, lambda: sim.reseed(0, grid))),
        "read back": _median_seconds(grid.state),
    }
    sim.load(_texture(sim, model, kernel, size), grid)
    times["draw a frame"] = _median_seconds(grid.image)
    times["draw and encode a frame"] = _seconds_per_frame(sim, grid)
    sim.submit(RemoveGrid(grid.id))
    return [OverheadTime(what, size_text(size), 1e3 * seconds) for what, seconds in times.items()]


def time_many_grids(
    backend: GLBackend, model: Model, kernel: Kernel, size: Size, count: int, plan: BenchPlan
) -> list[OverheadTime]:
    """Time a step of `count` grids side by side, and of one grid with as many cells, in turn."""
    rows = next(n for n in range(math.isqrt(count), 0, -1) if count % n == 0)
    large = (size[0] * (count // rows), size[1] * rows)
    states.check_size(large, backend.max_side)
    many, one = (Simulation(backend, _catalogue_of(kernel), history=0) for _ in range(2))
    for n in range(count):
        many.add(model, size, kernel.name, PACE, rng_seed=n)
    one.add(model, large, kernel.name, PACE)

    def run(sim: Simulation) -> Callable[[int], None]:
        return lambda steps: _finish(backend, lambda: sim.advance(steps * (TICKS_PER_SECOND // PACE)))

    times = time_in_turn({"many": run(many), "one": run(one)}, plan)
    for sim in (many, one):
        for number in tuple(sim.grids):
            sim.submit(RemoveGrid(number))
    many_seconds, one_seconds = (statistics.median(times[name]) for name in ("many", "one"))
    return [
        OverheadTime(f"step {count} grids", size_text(size), 1e3 * many_seconds, many_seconds / one_seconds, once=True),
        OverheadTime("step one of as many cells", size_text(large), 1e3 * one_seconds, once=True),
    ]


def _catalogue_of(kernel: Kernel) -> Catalogue:
    return Catalogue({kernel.name: kernel}, {})


def _finish(backend: GLBackend, action: Callable[[], object]) -> None:
    """Run an action and wait until the device has done it."""
    action()
    backend.finish()


def _median_seconds(action: Callable[[], object]) -> float:
    """Return the median of an action's seconds; a first run warms up."""
    action()
    times: list[float] = []
    while len(times) < MIN_REPEATS or (len(times) < MAX_REPEATS and sum(times) < MAX_SECONDS):
        before = time.perf_counter()
        action()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def _texture(sim: Simulation, model: Model, kernel: Kernel, size: Size) -> F32:
    """Return a grown state of this size, (height, width, channels), because noise is the encoder's worst case."""
    small = sim.add(model, TILE, kernel.name)
    sim.step(GROWTH, small)
    state = small.state()
    sim.submit(RemoveGrid(small.id))
    width, height = size
    return np.ascontiguousarray(np.tile(state, (-(-height // TILE), -(-width // TILE), 1))[:height, :width])


def _seconds_per_frame(sim: Simulation, grid: Grid) -> float:
    """Return the seconds to draw and encode a frame, without the step between two frames."""
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
