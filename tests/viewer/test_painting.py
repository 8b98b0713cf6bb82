"""Painting without a window: strokes become commands; tools, brush and maps."""

import itertools
import math

import numpy as np
import pytest
from apps import messages, model, painted
from hypothesis import given, settings
from hypothesis import strategies as st

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.fields import MAX_MODELS
from ncaengine.core.looks import TINTS, Look
from ncaengine.simulation.commands import Copy, SetModel, Show
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import display_modes, open_files, tools
from ncaengine.viewer.actions.tools import add_to_grid, use_picture
from ncaengine.viewer.keymap import TABLE
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, TOOLS
from ncaengine.viewer.state.options import Options


def make_app(*models, size=(24, 20)):
    """Return an App without a window that has a grid for each model; another model, b, is open."""
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, models or (model("a"),), Options(size))
    app.add_model(model("b", 1))
    return app


def drag(app, *points, pane=None, default=False):
    """Paint a stroke on the selected pane, or on another one."""
    pane = pane or app.pane
    tools.press(app, pane, points[0], default)
    for point in points[1:]:
        tools.move(app, pane, point)
    tools.release(app)


# Strokes


def test_a_stroke_of_three_frames_has_no_gap():
    app = make_app()
    tools.select(app, "rate")
    app.brush.radius, app.brush.softness = 1.0, 0.0
    drag(app, (2, 3), (20, 3), (20, 15))
    first, second, third = painted(app)
    assert [command.path for command in (first, second, third)] == [((2, 3),), ((2, 3), (20, 3)), ((20, 3), (20, 15))]
    assert [command.more for command in (first, second, third)] == [False, True, True]
    rate = app.grid.field("rate")
    assert (rate[3, 2:21] == 0.25).all()
    assert (rate[3:16, 20] == 0.25).all()
    assert (rate == 1).sum() > rate.size / 2
    app.sim.undo(app.grid)
    assert (app.grid.field("rate") == 1).all()
    assert not app.grid.can_undo


@settings(max_examples=30, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60)), min_size=1, max_size=6),
    radius=st.floats(0.5, 6),
    name=st.sampled_from(sorted(set(TOOLS) - {"look", "copy", "patch", "image", "model", "mark"})),
)
def test_the_parts_of_a_stroke_join_and_end_near_the_pointer(points, radius, name):
    app = make_app()
    tools.select(app, name)
    app.brush.radius = radius
    drag(app, *points)
    paths = [command.path for command in painted(app)]
    assert paths[0] == (points[0],)
    for before, after in itertools.pairwise(paths):
        assert before[-1] == after[0]
    assert math.dist(paths[-1][-1], points[-1]) <= radius / 8
    assert {command.tool for command in painted(app)} == {name}
    assert not app.toasts


def test_a_pointer_that_rests_submits_no_command():
    app = make_app()
    tools.select(app, "noise")
    drag(app, (5, 5), (5, 5), (5.2, 5), (5, 5))
    assert len(painted(app)) == 1


def test_nothing_is_painted_without_a_tool_or_a_press():
    app = make_app()
    drag(app, (1, 1), (9, 9))
    tools.select(app, "erase")
    tools.move(app, app.pane, (3, 3))
    tools.release(app)
    tools.move(app, app.pane, (9, 9))
    assert not painted(app)


def test_a_stroke_stays_with_the_grid_on_which_it_began():
    app = make_app(model("a"), model("c", 2))
    tools.select(app, "erase")
    tools.press(app, app.panes[0], (2, 2))
    tools.move(app, app.panes[1], (9, 9))
    tools.move(app, app.panes[0], (12, 2))
    assert [(command.grid, command.path) for command in painted(app)] == [(1, ((2, 2),)), (1, ((2, 2), (12, 2)))]


def test_removing_the_grid_ends_the_stroke_with_one_notice():
    app = make_app(model("a"), model("c", 2))
    pane = app.panes[0]
    tools.select(app, "erase")
    tools.press(app, pane, (2, 2))
    del app.sim.grids[1]
    tools.move(app, pane, (9, 9))
    tools.move(app, pane, (19, 9))
    assert len(painted(app)) == 1
    assert messages(app) == ["There is no grid 1."]


def test_undo_during_a_stroke_splits_it():
    app = make_app()
    before = app.grid.state()
    tools.select(app, "noise")
    tools.press(app, app.pane, (2, 2))
    app.sim.undo(app.grid)
    tools.move(app, app.pane, (12, 12))
    assert [command.more for command in painted(app)] == [False, False]
    app.sim.undo(app.grid)
    assert (app.grid.state() == before).all()


def test_selecting_another_tool_ends_the_stroke():
    app = make_app()
    tools.select(app, "noise")
    tools.press(app, app.pane, (2, 2))
    tools.select(app, "erase")
    tools.move(app, app.pane, (12, 12))
    assert [command.tool for command in painted(app)] == ["noise"]


# What tools paint


@pytest.mark.parametrize(("name", "value"), [("rate", 0.25), ("scale", 0.5), ("angle", 45.0), ("noise", 1.0)])
def test_each_tool_has_its_own_value(name, value):
    app = make_app()
    tools.select(app, name)
    drag(app, (5, 5))
    app.brush.values[name] = 1.5
    drag(app, (5, 5))
    assert [command.value for command in painted(app)] == [value, 1.5]


@pytest.mark.parametrize(("name", "default"), [("rate", 1), ("scale", 1), ("angle", 0), ("model", 0)])
def test_painting_the_default_erases_a_map(name, default):
    app = make_app()
    tools.select(app, name)
    app.brush.softness = 0.0
    drag(app, (5, 5))
    assert app.grid.field(name)[5, 5] != default
    drag(app, (5, 5), default=True)
    assert app.grid.fields is None
    app.brush.default = True
    drag(app, (9, 9))
    assert painted(app)[-1].value == default
    assert tools.value_text(app, app.grid) == {"rate": "1×", "scale": "1×", "angle": "0°", "model": "a"}[name]


def test_alignment_can_follow_the_stroke():
    app = make_app()
    tools.select(app, "angle")
    app.brush.along = True
    drag(app, (2, 2), (2.5, 2), (12, 2), (12, 9), (5, 9))
    assert [command.value for command in painted(app)] == [0, 90, 180]
    assert painted(app)[0].path == ((2, 2), (12, 2))
    assert [command.more for command in painted(app)] == [False, True, True]
    assert tools.value_text(app, app.grid) == "along the stroke"


def test_a_copy_is_pasted_with_the_next_click():
    app = make_app(model("a"), model("c", 2))
    app.sim.step(3, app.panes[0].grid)
    tools.select(app, "copy")
    app.brush.radius = 3.0
    drag(app, (6, 6))
    assert app.brush.tool == "patch"
    assert isinstance(app.sim.journal[-1].command, Copy)
    app.brush.softness, app.brush.radius = 0.0, 9.0
    assert tools.outline_radius(app) == 3
    drag(app, (10, 9), (15, 9), pane=app.panes[1])
    assert len(painted(app)) == 1
    first, second = (pane.grid.state() for pane in app.panes)
    assert (second[7:12, 9:12] == first[4:9, 5:8]).all()
    assert app.panes[1].grid.can_undo == TOOLS["patch"].title


def test_pasting_without_a_copy_and_painting_without_a_picture_show_notices():
    app = make_app()
    for name in ("patch", "image"):
        tools.select(app, name)
        drag(app, (5, 5), (9, 9))
    assert messages(app) == [
        "Nothing has been copied yet; copy a patch first.",
        "There is no picture to paint with; open one under Brush.",
    ]


def test_a_picture_is_painted(tmp_path):
    from PIL import Image

    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "red.png")
    app = make_app()
    app.attempt(lambda: use_picture(app, tmp_path / "none.png"))
    assert len(app.toasts) == 1
    use_picture(app, tmp_path / "red.png")
    tools.select(app, "image")
    drag(app, (8, 8))
    assert painted(app)[0].image == "red"
    assert tuple(app.grid.image(raw=True)[8, 8]) == (255, 0, 0)
    assert app.grid.can_undo == TOOLS["image"].title


def test_a_dropped_picture_becomes_the_one_to_paint(tmp_path):
    from PIL import Image

    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / name)
    app = make_app()
    open_files.drop(app, [tmp_path / "a.jpg"])
    assert (app.brush.tool, app.brush.image) == ("image", "a")
    open_files.drop(app, [tmp_path / "b.png"])
    assert app.brush.image == "b"
    assert not app.toasts


# The brush


@given(st.lists(st.integers(-40, 40), max_size=20))
def test_the_brush_stays_within_its_limits(notches):
    app = App(Simulation(TorchBackend()))
    for by in notches:
        app.brush.change_radius(by)
        app.brush.change_strength(by)
    radius = BRUSH_SETTINGS["radius"]
    assert radius.low <= app.brush.radius <= radius.high
    assert 0 <= app.brush.strength <= 1


def test_the_wheel_changes_radius_and_strength():
    app = make_app()
    app.brush.change_radius(1)
    assert app.brush.radius == pytest.approx(9.2)
    app.brush.change_radius(-1)
    assert app.brush.radius == pytest.approx(8, rel=1e-3)
    app.brush.change_strength(-3)
    assert app.brush.strength == 0.85


# Maps shown while they are painted


def test_a_map_is_shown_while_its_tool_is_selected():
    app = make_app(model("a"), model("c", 2))
    first, second = (pane.grid for pane in app.panes)
    app.submit(Show(1, Look(overlay="angle", mode="alive")))
    tools.select(app, "rate")
    assert (first.look.overlay, first.look.mode, second.look.overlay) == ("rate", "alive", "")
    drag(app, (3, 3), pane=app.panes[1])
    assert second.look.overlay == "rate"
    tools.select(app, "scale")
    assert (first.look.overlay, second.look.overlay) == ("scale", "")
    tools.select(app, "look")
    assert (first.look.overlay, first.look.mode) == ("angle", "alive")


def test_an_overlay_chosen_meanwhile_stays_and_maps_can_be_hidden():
    app = make_app()
    tools.select(app, "rate")
    display_modes.change_look(app, overlay="model")
    tools.select(app, "look")
    assert app.grid.look.overlay == "model"
    display_modes.change_look(app, overlay="")
    tools.select(app, "rate")
    tools.show_map(app, False)
    assert app.grid.look.overlay == ""
    drag(app, (3, 3))
    assert app.grid.look.overlay == ""
    tools.show_map(app, True)
    assert app.grid.look.overlay == "rate"


# Models


def test_the_model_brush_adds_its_model_to_the_grid():
    app = make_app()
    tools.select(app, "model")
    app.brush.softness = 0.0
    assert tools.value_text(app, app.grid) == tools.model_for(app, app.grid) == "b"
    drag(app, (5, 5), (9, 5))
    assert [app.name_of(each) for each in app.grid.models] == ["a", "b"]
    assert sum(isinstance(entry.command, SetModel) for entry in app.sim.journal) == 1
    assert app.grid.field("model")[5, 7] == 1
    app.brush.model = "a"
    drag(app, (5, 5), (9, 5))
    assert app.grid.field("model")[5, 7] == 0
    assert not app.toasts


def test_the_model_brush_without_another_model_shows_a_notice():
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, (model("a"),), Options((24, 20)))
    tools.select(app, "model")
    drag(app, (5, 5), (9, 5))
    assert messages(app) == ["Choose another model under Brush first."]
    assert tools.lacks_model(app, app.grid)
    app.add_model(model("b", 1))
    assert not tools.lacks_model(app, app.grid)
    app.brush.model = "a"
    assert not painted(app)
    drag(app, (5, 5), default=True)  # erases, which is harmless
    assert len(messages(app)) == 1


@pytest.mark.parametrize("name", ["erase", "rate", "angle", "copy"])
def test_painting_at_the_middle_needs_no_pointer(name):
    from ncaengine.viewer.dialogs import palette_commands

    app = make_app()
    act = palette_commands.matching(app, "paint at the middle")[0].action
    act()
    assert messages(app) == ["Select a tool first, such as Erase with the key E."]
    tools.select(app, name)
    app.brush.along = True
    act()
    last = app.sim.journal[-1].command
    assert (last.at if name == "copy" else last.path[0]) == (11.5, 9.5)
    app.pane.camera.zoom, app.pane.camera.x, app.pane.camera.y = 20.0, 3.0, 4.0
    tools.select(app, "noise")
    act()
    assert [command.path for command in painted(app)][-1] == ((3, 4),)


def test_a_model_with_other_channels_is_refused_with_one_notice():
    app = make_app()
    app.add_model(model("wide", 3, channels=7))
    tools.select(app, "model")
    app.brush.model = "wide"
    drag(app, (5, 5), (9, 5), (15, 5))
    assert not painted(app)
    assert len(app.grid.models) == 1
    (text,) = messages(app)
    assert "channels" in text


def test_a_ninth_model_is_refused():
    app = make_app()
    for number in range(MAX_MODELS):
        app.add_model(model(f"m{number}", number + 5))
    for number in range(MAX_MODELS - 1):
        assert add_to_grid(app, app.grid, f"m{number}") == number + 1
    tools.select(app, "model")
    app.brush.model = f"m{MAX_MODELS - 1}"
    drag(app, (5, 5))
    assert messages(app) == ["A grid runs at most 8 models; remove one under Maps first."]


# Maps


@pytest.mark.parametrize("preset", maps.PRESETS, ids=lambda preset: preset.title)
def test_presets_fill_the_selected_grid(preset):
    app = make_app(model("a"), model("c", 2))
    app.select(1)
    maps.fill_map(app, preset.fill)
    grid = app.grid
    assert np.ptp(grid.field(preset.fill.field)) > 0.5
    assert app.panes[0].grid.fields is None
    assert grid.look.overlay == preset.fill.field
    maps.clear_map(app, preset.fill.field)
    assert grid.fields is None
    assert grid.look.overlay == ""


def test_linked_grids_have_the_same_maps():
    app = make_app(model("a"), model("c", 2))
    app.linked = {1, 2}
    maps.fill_map(app, maps.PRESETS[0].fill)
    first, second = (pane.grid for pane in app.panes)
    assert (first.fields == second.fields).all()
    assert first.look.overlay == second.look.overlay == "rate"
    maps.clear_map(app, "rate")
    assert first.fields is second.fields is None


def test_every_pattern_and_tint_has_a_name():
    from typing import get_args

    from ncaengine.core.brushes import Pattern
    from ncaengine.core.fields import FIELDS

    assert set(maps.PATTERNS) == set(get_args(Pattern))
    assert set(TINTS) == set(FIELDS)


def test_every_tool_has_a_key_and_a_button():
    from ncaengine.viewer.panels.toolbar import ICONS

    app = make_app()
    for tool in TOOLS.values():
        (entry,) = (entry for entry in TABLE if entry.shown == tool.letter)
        entry.action(app)
        assert app.brush.tool == tool.name
    assert list(ICONS) == list(TOOLS)


def test_the_palette_has_tools_and_maps():
    from ncaengine.viewer.dialogs import palette_commands

    app = make_app()
    for typed, then in (
        ("tool erase", lambda: app.brush.tool == "erase"),
        ("map halves", lambda: app.grid.fields is not None),
    ):
        palette_commands.matching(app, typed)[0].action()
        assert then(), typed
