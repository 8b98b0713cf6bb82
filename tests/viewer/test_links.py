"""Linked grids: what is changed, undone and redone on all of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from apps import messages, model

from ncaengine.core.types import F32
from ncaengine.formats.model_files import save
from ncaengine.simulation.commands import Fill, Redo, Undo
from ncaengine.viewer.actions import grids, history, open_files, running, tools
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.app import App

HALVES = Fill(0, "rate", "halves", (0.25, 1.0))


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An App without a window, with two linked grids and a third one."""
    app = make(3)
    app.linked = {1, 2}
    return app


def seeds(app: App) -> list[int]:
    return [grid.rng_seed for grid in app.sim.grids.values()]


def rates(app: App) -> list[float]:
    return [float(grid.field("rate").min()) for grid in app.sim.grids.values()]


def test_undo_and_redo_act_on_all_grids_that_changed_together(app: App) -> None:
    maps.fill_map(app, HALVES)
    running.use_seed(app, 5)
    running.change_setting(app, "fire_rate", 0.75)  # which can't be undone
    app.select(1)
    for undone, changed in (([0, 0, 0], [0.25, 0.25, 1]), ([0, 0, 0], [1, 1, 1])):
        history.undo(app)
        assert (seeds(app), rates(app)) == (undone, changed)
    for redone, changed in (([0, 0, 0], [0.25, 0.25, 1]), ([5, 5, 0], [0.25, 0.25, 1])):
        history.redo(app)
        assert (seeds(app), rates(app)) == (redone, changed)
    history.undo(app)  # what was redone is still one change
    assert seeds(app) == [0, 0, 0]
    undone = [entry.command for entry in app.sim.journal if isinstance(entry.command, Undo | Redo)]
    assert [command.grid for command in undone] == [2, 1] * 5


def test_undo_leaves_linked_grids_with_an_edit_of_their_own(app: App) -> None:
    running.use_seed(app, 5)
    app.sim.submit(Fill(2, "rate", "halves", (0.25, 1.0)))
    history.undo(app)
    assert (seeds(app), rates(app)) == ([0, 5, 0], [1, 0.25, 1])
    app.select(1)
    history.undo(app)
    assert (seeds(app), rates(app)) == ([0, 5, 0], [1, 1, 1])


def test_undo_leaves_grids_that_are_no_longer_linked(app: App) -> None:
    running.use_seed(app, 5)
    app.linked = set()
    history.undo(app)
    assert seeds(app) == [0, 5, 0]


def test_a_model_from_a_file_runs_on_linked_grids(app: App, tmp_path: Path) -> None:
    save(model("other", 9), tmp_path / "other.pt")
    open_files.open_path(app, tmp_path / "other.pt", new_grid=False)
    assert [app.name_of(grid.model) for grid in app.sim.grids.values()] == ["other", "other", "c"]
    history.undo(app)
    assert [app.name_of(grid.model) for grid in app.sim.grids.values()] == ["a", "b", "c"]


def test_linked_grids_get_and_lose_models_together(app: App) -> None:
    app.add_model(model("d", 7))
    tools.add_to_grid(app, app.sim.grids[2], "c")
    tools.add_model(app, "d")
    names = [[app.name_of(each) for each in grid.models] for grid in app.sim.grids.values()]
    assert names == [["a", "d"], ["b", "c", "d"], ["c"]]
    tools.remove_models(app, 1)
    names = [[app.name_of(each) for each in grid.models] for grid in app.sim.grids.values()]
    assert names == [["a"], ["b", "c"], ["c"]]


def test_a_map_of_models_needs_the_models(app: App) -> None:
    def fields() -> list[F32]:
        return [grid.field("model") for grid in app.sim.grids.values()]

    before, fill = fields(), Fill(0, "model", "halves", (0.0, 1.0))
    maps.fill_map(app, fill)
    tools.add_to_grid(app, app.grid, "b")
    maps.fill_map(app, fill)
    maps.fill_map(app, Fill(0, "model", "halves", (2.0, 0.0)))
    assert np.array_equal(before, fields())
    assert messages(app, "error") == [
        "This grid runs one model; add another below.",
        "A linked grid runs one model; add another below.",
        "This grid runs 2 models; add another below.",
    ]
    app.linked = set()
    maps.fill_map(app, fill)
    assert app.grid.field("model").max() == 1
    maps.fill_map(app, Fill(0, "model", "even", (0.0, 2.0)))  # whose second value isn't used
    assert app.grid.field("model").max() == 0
    assert len(messages(app, "error")) == 3


def test_a_grid_that_comes_back_has_its_view_and_its_links(app: App) -> None:
    app.select(1)
    app.pane.camera.zoom, app.pane.camera.repeat, app.pane.shows_maps = 3.0, True, False
    grids.remove(app)
    app.sync()
    assert not app.linked
    history.undo(app)
    assert (app.grid.id, app.linked) == (2, {1, 2})
    assert (app.pane.camera.zoom, app.pane.camera.repeat, app.pane.shows_maps) == (3.0, True, False)
