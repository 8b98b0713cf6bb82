"""Outlines of maps: where their lines are, and when the window tints or outlines."""

import numpy as np
import pytest
from apps import model

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.fields import FIELDS, PLANE
from ncaengine.core.lattice import View, cell_at
from ncaengine.io.stills import read_still
from ncaengine.simulation.commands import Fill
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import display_modes, open_files, recording, session_files, tools
from ncaengine.viewer.canvas.map_outline import HALO, LINE, cells_of, levels, outline
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def make_app(kernel: str = "square") -> App:
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, (model("a"),), Options((24, 20), kernel))
    return app


def test_lines_are_where_neighbouring_pixels_have_other_levels() -> None:
    app = make_app()
    app.submit(Fill(1, "rate", "halves", (0.25, 1.0)))
    view = View(24 * 4, 20 * 4, 4.0, -0.5, -0.5)
    picture = outline(app.grid, view, ("rate",))
    lines = (picture == LINE).all(-1)
    assert sorted({int(x) for x in np.nonzero(lines)[1]}) == [12 * 4]  # the torus' other border is at the rim
    assert lines[:, 48].all()
    assert (picture[:, [47, 49]] == HALO).all()
    assert not picture[:, :47].any()
    assert not outline(app.grid, view, ("scale", "angle", "model")).any()


@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_pixels_belong_to_the_cells_that_the_pointer_finds_there(kernel: str) -> None:
    grid = make_app(kernel).grid
    view = View(90, 70, 5.0, 17.31, -4.12)  # across the torus' borders
    columns, rows = cells_of(grid.kernel, grid.size, view)
    for y in range(0, 70, 3):
        for x in range(0, 90, 7):
            assert cell_at(grid.kernel, grid.size, view, x + 0.5, y + 0.5) == (columns[y, x], rows[y, x])


def test_levels_are_steps_of_each_map() -> None:
    assert levels("model", np.array([0, 1, 6.9], np.float32)).tolist() == [0, 1, 7]
    assert levels("angle", np.array([0, 360, -10, 45, 315], np.float32)).tolist() == [0, 0, 0, 1, 7]
    assert levels("rate", np.array([1, 0.5, 0.25, 4], np.float32)).tolist() == [0, -1, -2, 2]
    assert levels("rate", np.array([0], np.float32))[0] < -3
    for name, info in FIELDS.items():
        assert len(set(levels(name, np.full(3, info.default, np.float32)))) == 1
    assert list(PLANE) == list(FIELDS)


def test_a_map_tints_only_while_its_tool_is_selected() -> None:
    app = make_app()
    assert app.pane.shows_maps
    maps.fill_map(app, maps.PRESETS[0].fill)
    assert not tools.tints(app, app.grid)
    tools.select(app, "rate")
    assert tools.tints(app, app.grid)
    tools.select(app, "scale")
    assert app.grid.look.overlay == "scale"
    assert tools.tints(app, app.grid)
    tools.select(app, "erase")
    assert not tools.tints(app, app.grid)
    # Off and on for all maps, or for one of them.
    display_modes.choose_map(app, "")
    assert (app.pane.shows_maps, app.grid.look.overlay) == (False, "")
    display_modes.choose_map(app, "all")
    assert (app.pane.shows_maps, app.grid.look.overlay) == (True, "")
    display_modes.choose_map(app, "angle")
    assert (app.pane.shows_maps, app.grid.look.overlay) == (True, "angle")


def test_sessions_and_pictures_have_their_own_colours(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    app, other = make_app(), make_app()
    plain = app.grid.image(2)
    maps.fill_map(app, maps.PRESETS[0].fill)
    assert (app.grid.image(2) != plain).any()  # as `ncaengine record` shows a look with an overlay
    session_files.save_session(app, tmp_path / "s.nca")
    session_files.open_session(other, tmp_path / "s.nca")
    assert (other.grid.fields == app.grid.fields).all()
    assert (other.grid.look.overlay, other.pane.shows_maps) == ("", False)
    recording.save_still(app)
    from PIL import Image

    scale = app.recorder.scale
    assert (np.asarray(Image.open("a-square.png")) == app.grid.image(scale)).all()
    assert (app.grid.image(2) == plain).all()
    assert read_still(tmp_path / "a-square.png")[1]
