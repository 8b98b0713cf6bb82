"""A model replaces another one on a grid and runs as it was trained."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from apps import model

from ncaengine.core import bounds
from ncaengine.core.model import Model, Seed
from ncaengine.formats import model_files
from ncaengine.viewer.actions import grids, open_files, running
from ncaengine.viewer.state.app import App


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An App without a window, with one grid that has grown a little."""
    app = make(names=["first"], rng_seed=7)
    app.sim.step(5)
    return app


def use(app: App, other: Model, how: str, folder: Any) -> None:
    """Use a model from the gallery or from the side bar."""
    if how == "file":
        path = folder / f"{other.config.name}.safetensors"
        model_files.save(other, path)
        open_files.open_path(app, path, new_grid=False)
    else:
        app.add_model(other)
        grids.use_model(app, other.config.name)


@pytest.mark.parametrize("how", ["file", "name"])
@pytest.mark.parametrize("kind", ["point", "blobs"])
def test_a_grid_restarts_for_a_model_that_needs_its_seed(app: App, tmp_path: Any, kind: Any, how: str) -> None:
    other = model("other", seed=Seed(kind, 1.0))
    use(app, other, how, tmp_path)
    expected = app.sim.add(other, app.grid.size, rng_seed=app.grid.rng_seed)
    assert np.array_equal(app.sim.grids[1].state(), expected.state())


@pytest.mark.parametrize("how", ["file", "name"])
@pytest.mark.parametrize("kind", ["zeros", "noise"])
def test_a_texture_continues_from_the_state(app: App, tmp_path: Any, kind: Any, how: str) -> None:
    before = app.grid.state()
    use(app, model("other", seed=Seed(kind, 0.1)), how, tmp_path)
    assert np.array_equal(app.grid.state(), before)
    assert [type(entry.command).__name__ for entry in app.sim.journal] == ["AddGrid", "Step", "SetModel"]


@pytest.mark.parametrize("how", ["file", "name"])
def test_the_fire_rate_becomes_the_models_unless_another_was_chosen(app: App, tmp_path: Any, how: str) -> None:
    use(app, model("other", fire_rate=1.0), how, tmp_path)
    assert app.grid.settings.fire_rate == 1
    running.change_setting(app, "fire_rate", 0.25)
    use(app, model("third"), how, tmp_path)
    assert app.grid.settings.fire_rate == 0.25


def test_linked_grids_all_run_the_model(app: App) -> None:
    app.sim.add(model("first"), (8, 8))
    app.sync()
    app.linked = {1, 2}
    app.add_model(model("other", fire_rate=1.0, seed=Seed("point", 1.0)))
    grids.use_model(app, "other")
    for grid in app.sim.grids.values():
        assert (grid.model.config.name, grid.settings.fire_rate) == ("other", 1)
        assert np.count_nonzero(grid.state().any(-1)) == 1


@pytest.mark.parametrize("seed", [3_000_000_000, -5, bounds.SEED.high])
def test_a_typed_seed_may_have_64_bits(app: App, seed: int) -> None:
    running.type_seed(app, f" {seed}")
    assert app.grid.rng_seed == seed
    assert not app.toasts


@pytest.mark.parametrize("typed", ["", "1.5", "9" * 19, "-" + "9" * 19, "9" * 5000])
def test_what_is_no_seed_is_said(app: App, typed: str) -> None:
    running.type_seed(app, typed)
    assert app.grid.rng_seed == 7
    assert "is no seed; type a whole number" in app.toasts[-1].text


def test_no_action_passes_the_highest_seed(app: App) -> None:
    running.use_seed(app, int(bounds.SEED.high))
    grids.add(app)
    assert app.grid.rng_seed == 0
    app.select(0)
    running.reseed(app)
    assert app.grid.rng_seed == 0
    assert not app.toasts


def test_the_keys_go_no_slower_than_a_step_in_ten_seconds(app: App) -> None:
    for _ in range(30):
        running.multiply_speed(app, 0.5)
    assert app.grid.settings.steps_per_second == running.SLOWEST
    for slow, faster in ((0.05, 0.1), (0.0, 2.0)):
        for factor, wanted in ((0.5, slow or 1.0), (2, faster)):
            running.change_setting(app, "steps_per_second", slow)
            running.multiply_speed(app, factor)
            assert app.grid.settings.steps_per_second == wanted
