"""Textures of a model of several in the window: the tool that paints them, the pad and the shares."""

import numpy as np
import pytest
from apps import messages, model, painted
from hypothesis import given
from hypothesis import strategies as st
from simulations import CODES, D

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.model import Model
from ncaengine.simulation.commands import SetModel
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import open_files, session_files, tools
from ncaengine.viewer.panels import textures
from ncaengine.viewer.panels.textures import Place
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def make_app(first: Model = D) -> App:
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, (first,), Options((24, 20)))
    return app


def click(app: App, default: bool = False) -> None:
    tools.press(app, app.pane, (12, 10), default)
    tools.release(app)


def test_the_tool_paints_the_second_texture_the_chosen_one_or_the_first() -> None:
    app = make_app()
    tools.select(app, "texture")
    app.brush.softness = 0.0
    for choose, default, name in (("", False, "green"), ("blue", False, "blue"), ("blue", True, "red")):
        app.brush.texture = choose
        assert tools.value_text(app, app.grid, default) == name
        click(app, default)
        assert tuple(app.grid.embedding()[10, 12]) == CODES[name]
    assert [command.texture for command in painted(app)] == ["green", "blue", "red"]
    assert not app.toasts


def test_a_grid_of_one_texture_says_so() -> None:
    app = make_app(model("a"))
    tools.select(app, "texture")
    click(app)
    assert any("makes one texture" in message for message in messages(app))
    assert not painted(app)


def test_other_models_are_textures_too() -> None:
    app = make_app()
    app.sim.submit(SetModel(app.grid.id, app.sim.register(D, "again"), 1))
    assert list(textures.blendable(app.grid)) == ["red", "green", "blue"]
    app.brush.texture = "red-2"
    tools.select(app, "texture")
    click(app)
    assert app.grid.field("model").max() == 1


def test_the_pad_mixes_what_is_near() -> None:
    places = textures.projected(CODES)
    for name, place in places.items():
        assert 0 <= min(place) <= max(place) <= 1
        assert textures.near(places, place) == {name: 1.0}
    middle = Place(*np.mean([*places.values()], 0))
    mixed = textures.near(places, middle)
    assert sum(mixed.values()) == pytest.approx(1, abs=1e-3)
    assert set(mixed) == set(CODES)
    assert textures.middle(places, {"red": 1, "green": 1}) == pytest.approx(
        np.mean([places["red"], places["green"]], 0)
    )


@given(st.lists(st.tuples(*[st.floats(-2, 2)] * 4), min_size=2, max_size=9))
def test_names_on_the_pad_keep_apart(codes: list[tuple[float, ...]]) -> None:
    places = [*textures.projected({str(n): code for n, code in enumerate(codes)}).values()]
    assert all(min(place) >= 0 and max(place) <= 1 for place in places)
    crowded = sum(
        abs(a.x - b.x) < textures.ROOM_X and abs(a.y - b.y) < textures.ROOM_Y * 0.5
        for n, a in enumerate(places) for b in places[:n]
    )  # fmt: skip
    assert crowded <= len(places) // 4


@pytest.mark.parametrize(
    ("shares", "name", "share", "wanted"),
    [
        ({"red": 1.0}, "green", 0.25, {"red": 0.75, "green": 0.25}),
        ({"red": 0.5, "green": 0.5}, "red", 0.0, {"green": 1.0}),
        ({"red": 0.5, "green": 0.5}, "blue", 1.0, {"blue": 1.0}),
        ({"red": 1.0}, "red", 0.3, {"red": 1.0}),
        ({"red": 0.6, "green": 0.2, "blue": 0.2}, "red", 0.2, {"green": 0.4, "blue": 0.4, "red": 0.2}),
    ],
)
def test_a_slider_leaves_the_others_their_proportions(
    shares: dict[str, float], name: str, share: float, wanted: dict[str, float]
) -> None:
    assert textures._with_share(shares, name, share) == pytest.approx(wanted)


def test_the_shares_follow_the_map() -> None:
    app, panel = make_app(), textures.TexturesPanel()
    names = textures.blendable(app.grid)
    assert panel._shares_of(app.grid, names) == {"red": 1.0}
    app.sim.blend("red", "blue", "halves")
    assert panel._shares_of(app.grid, names) == {"red": 0.5, "blue": 0.5}
    app.sim.undo()
    assert panel._shares_of(app.grid, names) == {"red": 1.0}


def test_a_blend_goes_to_linked_grids_that_have_its_textures(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    open_files.open_models(app, (D, model("a")), Options((24, 20)))
    app.sync()
    app.linked = {1, 2, 3}
    panel = textures.TexturesPanel()
    panel._shares_of(app.grid, textures.blendable(app.grid))
    monkeypatch.setattr("imgui_bundle.imgui.is_mouse_down", lambda button: False)
    app.sim.journal.clear()
    panel._blend(app, {"green": 1.0})
    assert {entry.command.grid for entry in app.sim.journal} == {1, 2} == app.linked - {3}
    assert session_files.unsaved_edits(app) == 2
    assert not app.toasts
