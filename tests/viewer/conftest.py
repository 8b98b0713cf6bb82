"""Fixtures of the viewer's tests."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from apps import WatchedFile, model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.kernels import Catalogue
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


@pytest.fixture
def make(gl: GLBackend, catalogue: Catalogue) -> Iterator[Callable[..., App]]:
    """A function that makes an App without a window, with a number of grids whose models have these names."""
    made: list[Simulation] = []

    def app(count: int = 1, names: Sequence[str] = "abc", rng_seed: int = 0) -> App:
        made.append(Simulation(gl, catalogue))
        found = App(made[-1])
        models = [model(names[i], i) for i in range(count)]
        open_files.open_models(found, models, Options((12, 10), steps_per_second=(30.0,), rng_seed=rng_seed))
        return found

    yield app
    for sim in made:
        for grid in sim.grids.values():
            grid.cells.release()


@pytest.fixture
def file(tmp_path: Path) -> WatchedFile:
    """A watched model file."""
    return WatchedFile(tmp_path / "zebra.safetensors")


@pytest.fixture
def watching(file: WatchedFile, gl: GLBackend, catalogue: Catalogue) -> Iterator[App]:
    """An App without a window, with two grids of the watched model and one of another."""
    sim = Simulation(gl, catalogue)
    app = App(sim, watch=file.watch)
    options = Options((12, 10), steps_per_second=(0.0,))
    open_files.open_models(app, [file.first, model("other", 9), file.first], options)
    file.hot_reload = HotReload(app)
    yield app
    for grid in sim.grids.values():
        grid.cells.release()
