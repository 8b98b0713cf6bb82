"""Painting in the window: strokes as commands, then the tools, the brush and the maps driven in a window.

`python tests/viewer/test_painting.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import itertools
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, apart, random_model, small
from hypothesis import given, settings
from hypothesis import strategies as st
from window_driver import drive, pick, wait_until

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.fields import MAX_MODELS
from ncaengine.core.looks import TINTS
from ncaengine.formats.model_files import shipped_models
from ncaengine.simulation.commands import Copy, Fill, Paint, SetModel, Show
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import display_modes, open_files, tools
from ncaengine.viewer.actions.tools import add_to_grid, use_picture
from ncaengine.viewer.keymap import ANY_POPUP, TABLE
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, TOOLS
from ncaengine.viewer.state.options import Options

FIELD_TOOLS = ("rate", "scale", "angle", "model")


def model(name, seed=0, channels=5):
    return random_model(small(NOTEBOOK_CONFIG, name=name, channels=channels), seed)


def window(*models, size=(24, 20)):
    """An App without a window, its grids of these models; a second model is on offer."""
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, models or (model("a"),), Options(size))
    app.add_model(model("b", 1))
    return app


def painted(app):
    return [entry.command for entry in app.sim.journal if isinstance(entry.command, Paint)]


def said(app):
    return [toast.text for toast in app.toasts]


def drag(app, *points, pane=None, default=False):
    pane = pane or app.pane
    tools.press(app, pane, points[0], default)
    for point in points[1:]:
        tools.move(app, pane, point)
    tools.release(app)


# Strokes


def test_a_stroke_of_three_frames_has_no_gap():
    app = window()
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
    name=st.sampled_from(sorted(set(TOOLS) - {"look", "copy", "patch", "image", "model"})),
)
def test_paths_join_and_end_near_the_pointer(points, radius, name):
    app = window()
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


def test_no_move_is_no_command():
    app = window()
    tools.select(app, "noise")
    drag(app, (5, 5), (5, 5), (5.2, 5), (5, 5))
    assert len(painted(app)) == 1


def test_nothing_is_painted_without_a_tool_or_a_press():
    app = window()
    drag(app, (1, 1), (9, 9))
    tools.select(app, "erase")
    tools.move(app, app.pane, (3, 3))
    tools.release(app)
    tools.move(app, app.pane, (9, 9))
    assert not painted(app)


def test_a_stroke_stays_with_the_grid_on_which_it_began():
    app = window(model("a"), model("c", 2))
    tools.select(app, "erase")
    tools.press(app, app.panes[0], (2, 2))
    tools.move(app, app.panes[1], (9, 9))
    tools.move(app, app.panes[0], (12, 2))
    assert [(command.grid, command.path) for command in painted(app)] == [(1, ((2, 2),)), (1, ((2, 2), (12, 2)))]


def test_a_grid_that_goes_ends_the_stroke_with_one_line():
    app = window(model("a"), model("c", 2))
    pane = app.panes[0]
    tools.select(app, "erase")
    tools.press(app, pane, (2, 2))
    del app.sim.grids[1]
    tools.move(app, pane, (9, 9))
    tools.move(app, pane, (19, 9))
    assert len(painted(app)) == 1
    assert said(app) == ["There is no grid 1."]


def test_undo_in_the_middle_of_a_stroke_parts_it():
    app = window()
    before = app.grid.state()
    tools.select(app, "noise")
    tools.press(app, app.pane, (2, 2))
    app.sim.undo(app.grid)
    tools.move(app, app.pane, (12, 12))
    assert [command.more for command in painted(app)] == [False, False]
    app.sim.undo(app.grid)
    assert (app.grid.state() == before).all()


def test_taking_another_tool_ends_the_stroke():
    app = window()
    tools.select(app, "noise")
    tools.press(app, app.pane, (2, 2))
    tools.select(app, "erase")
    tools.move(app, app.pane, (12, 12))
    assert [command.tool for command in painted(app)] == ["noise"]


# What tools paint


@pytest.mark.parametrize(("name", "value"), [("rate", 0.25), ("scale", 0.5), ("angle", 45.0), ("noise", 1.0)])
def test_a_value_a_tool(name, value):
    app = window()
    tools.select(app, name)
    drag(app, (5, 5))
    app.brush.values[name] = 1.5
    drag(app, (5, 5))
    assert [command.value for command in painted(app)] == [value, 1.5]


@pytest.mark.parametrize(("name", "default"), [("rate", 1), ("scale", 1), ("angle", 0), ("model", 0)])
def test_the_default_wipes_a_map_away(name, default):
    app = window()
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


def test_alignment_along_the_stroke():
    app = window()
    tools.select(app, "angle")
    app.brush.along = True
    drag(app, (2, 2), (2.5, 2), (12, 2), (12, 9), (5, 9))
    assert [command.value for command in painted(app)] == [0, 90, 180]
    assert painted(app)[0].path == ((2, 2), (12, 2))
    assert [command.more for command in painted(app)] == [False, True, True]
    assert tools.value_text(app, app.grid) == "along the stroke"


def test_a_copy_is_pasted_with_the_next_click():
    app = window(model("a"), model("c", 2))
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


def test_paste_before_a_copy_and_a_picture_before_it_is_opened_are_told():
    app = window()
    for name in ("patch", "image"):
        tools.select(app, name)
        drag(app, (5, 5), (9, 9))
    assert said(app) == [
        "Nothing has been copied yet; copy a patch first.",
        "There is no picture to paint with; open one under Brush.",
    ]


def test_a_picture_is_painted(tmp_path):
    from PIL import Image

    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "red.png")
    app = window()
    app.attempt(lambda: use_picture(app, tmp_path / "none.png"))
    assert len(app.toasts) == 1
    use_picture(app, tmp_path / "red.png")
    tools.select(app, "image")
    drag(app, (8, 8))
    assert painted(app)[0].image == "red"
    assert tuple(app.grid.image(raw=True)[8, 8]) == (255, 0, 0)


def test_a_dropped_picture_is_taken_to_paint_with(tmp_path):
    from PIL import Image

    for name in ("a.jpg", "b.png"):
        Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / name)
    app = window()
    open_files.drop(app, [tmp_path / "a.jpg"])
    assert (app.brush.tool, app.brush.image) == ("image", "a")
    open_files.drop(app, [tmp_path / "b.png"])
    assert app.brush.image == "b"
    assert not app.toasts


# The brush


@given(st.lists(st.integers(-40, 40), max_size=20))
def test_the_brush_keeps_within_its_range(notches):
    app = App(Simulation(TorchBackend()))
    for by in notches:
        app.brush.change_radius(by)
        app.brush.change_strength(by)
    radius = BRUSH_SETTINGS["radius"]
    assert radius.low <= app.brush.radius <= radius.high
    assert 0 <= app.brush.strength <= 1


def test_notches_of_the_wheel():
    app = window()
    app.brush.change_radius(1)
    assert app.brush.radius == pytest.approx(9.2)
    app.brush.change_radius(-1)
    assert app.brush.radius == pytest.approx(8, rel=1e-3)
    app.brush.change_strength(-3)
    assert app.brush.strength == 0.85


# Maps that are shown while they are painted


def test_a_map_is_shown_while_its_tool_is_in_hand():
    app = window(model("a"), model("c", 2))
    first, second = (pane.grid for pane in app.panes)
    app.submit(Show(1, viewer_look(overlay="angle", mode="alive")))
    tools.select(app, "rate")
    assert (first.look.overlay, first.look.mode, second.look.overlay) == ("rate", "alive", "")
    drag(app, (3, 3), pane=app.panes[1])
    assert second.look.overlay == "rate"
    tools.select(app, "scale")
    assert (first.look.overlay, second.look.overlay) == ("scale", "")
    tools.select(app, "look")
    assert (first.look.overlay, first.look.mode) == ("angle", "alive")


def test_an_overlay_chosen_meanwhile_stays_and_a_map_need_not_be_shown():
    app = window()
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


def viewer_look(**what):
    from ncaengine.core.looks import Look

    return Look(**what)


# Models


def test_the_model_brush_brings_its_model_along():
    app = window()
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


def test_the_model_brush_with_no_other_model_says_what_to_do():
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, (model("a"),), Options((24, 20)))
    tools.select(app, "model")
    drag(app, (5, 5), (9, 5))
    assert said(app) == ["Choose another model under Brush first."]
    assert tools.lacks_model(app, app.grid)
    app.add_model(model("b", 1))
    assert not tools.lacks_model(app, app.grid)
    app.brush.model = "a"
    assert not painted(app)
    drag(app, (5, 5), default=True)  # as an eraser, which does no harm
    assert len(said(app)) == 1


@pytest.mark.parametrize("name", ["erase", "rate", "angle", "copy"])
def test_painting_at_the_middle_needs_no_pointer(name):
    from ncaengine.viewer.dialogs import palette_commands

    app = window()
    act = palette_commands.matching(app, "paint at the middle")[0].action
    act()
    assert said(app) == ["Select a tool first, such as Erase with the key E."]
    tools.select(app, name)
    app.brush.along = True
    act()
    last = app.sim.journal[-1].command
    assert (last.at if name == "copy" else last.path[0]) == (11.5, 9.5)
    app.pane.camera.zoom, app.pane.camera.x, app.pane.camera.y = 20.0, 3.0, 4.0
    tools.select(app, "noise")
    act()
    assert [command.path for command in painted(app)][-1] == ((3, 4),)


def test_a_model_of_other_channels_is_refused_with_one_line():
    app = window()
    app.add_model(model("wide", 3, channels=7))
    tools.select(app, "model")
    app.brush.model = "wide"
    drag(app, (5, 5), (9, 5), (15, 5))
    assert not painted(app)
    assert len(app.grid.models) == 1
    (text,) = said(app)
    assert "channels" in text


def test_a_ninth_model_is_refused():
    app = window()
    for number in range(MAX_MODELS):
        app.add_model(model(f"m{number}", number + 5))
    for number in range(MAX_MODELS - 1):
        assert add_to_grid(app, app.grid, f"m{number}") == number + 1
    tools.select(app, "model")
    app.brush.model = f"m{MAX_MODELS - 1}"
    drag(app, (5, 5))
    assert said(app) == ["A grid runs at most 8 models; remove one under Maps first."]


# Maps


@pytest.mark.parametrize("preset", maps.PRESETS, ids=lambda preset: preset.title)
def test_presets_fill_the_selected_grid(preset):
    app = window(model("a"), model("c", 2))
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
    app = window(model("a"), model("c", 2))
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

    app = window()
    for tool in TOOLS.values():
        (entry,) = (entry for entry in TABLE if entry.shown == tool.letter)
        entry.action(app)
        assert app.brush.tool == tool.name
    assert list(ICONS) == list(TOOLS)


def test_the_palette_offers_tools_and_maps():
    from ncaengine.viewer.dialogs import palette_commands

    app = window()
    for typed, then in (
        ("tool erase", lambda: app.brush.tool == "erase"),
        ("map halves", lambda: app.grid.fields is not None),
    ):
        palette_commands.matching(app, typed)[0].action()
        assert then(), typed


# In a window


def at(engine, across, down):
    """A place on the first grid's canvas, as shares of its width and height."""
    rect = engine.item_info("**/canvas1").rect_full
    return rect.min.x + across * (rect.max.x - rect.min.x), rect.min.y + down * (rect.max.y - rect.min.y)


def click(engine, item):
    """Click an item of the side bar, scrolled to if need be."""
    engine.set_ref(engine.window_info("//ncaengine/side").window)
    engine.item_click(item)
    engine.set_ref("ncaengine")


def enter(engine, item, value):
    """Type a number into an item of the side bar."""
    engine.set_ref(engine.window_info("//ncaengine/side").window)
    engine.item_input_value(item, value)
    engine.set_ref("ncaengine")


def pull(engine, *places):
    """Press on the canvas at the first place, go to the others, let go."""
    engine.mouse_move_to_pos(places[0])
    engine.mouse_down(0)
    for place in places[1:]:
        engine.mouse_move_to_pos(place)
    engine.mouse_up(0)
    engine.yield_()


def brushes(folder: Path) -> None:
    """Each tool by its key and by its button, and what a drag then does; wheel, keys and rows of the brush."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine, app) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        middle, right = (lambda: at(engine, 0.5, 0.5)), (lambda: at(engine, 0.62, 0.5))
        for tool in TOOLS.values():
            engine.key_press(int(getattr(key, tool.letter.lower())))
            assert app.brush.tool == tool.name
        for tool in reversed(TOOLS.values()):
            engine.item_click(f"**/###{tool.name}")
            assert app.brush.tool == tool.name
        # The state: damaged, then back to the seed, each in one edit.
        seeded = grid.timeline.moments
        engine.key_press(int(key.n))
        app.brush.softness = 0.0
        pull(engine, middle(), right())
        paths = [command.path for command in painted(app)]
        assert len(paths) >= 2
        assert all(before[-1] == after[0] for before, after in itertools.pairwise(paths))
        assert grid.can_undo == "Noise"
        engine.key_press(int(key.e))
        pull(engine, middle(), right())
        assert grid.can_undo == "Erase"
        damaged = seeded[-1].state
        engine.key_press(int(key.n))
        pull(engine, middle())
        row, column = 20, 20
        assert (seeded[-1].state[row, column] != damaged[row, column]).any()
        # A map, over the edge of the torus.
        engine.key_press(int(key.s))
        engine.yield_()
        assert grid.look.overlay == "rate"
        canvas, across = at(engine, 0.5, 0.5), app.pane.camera.scale(grid.kernel, grid.size, *canvas_size(engine))
        pull(engine, (canvas[0] - 19 * across, canvas[1]))
        assert (grid.fields[20, [0, 38], 0] == 0.25).all()
        assert grid.can_undo == "Rate"
        before = len(painted(app))
        engine.mouse_move_to_pos(middle())
        engine.key_down(int(key.mod_shift))
        engine.mouse_down(0)
        engine.mouse_up(0)
        engine.key_up(int(key.mod_shift))
        assert [command.value for command in painted(app)[before:]] == [1]
        # A stroke that ends beside the picture ends there.
        pull(engine, middle(), (30, 300))
        count = len(painted(app))
        engine.mouse_move_to_pos(right())
        engine.mouse_move_to_pos(middle())
        assert len(painted(app)) == count > before + 2
        # The brush.
        zoom = app.pane.camera.zoom
        engine.mouse_move_to_pos(middle())
        engine.mouse_wheel_y(2)
        engine.yield_()
        assert app.brush.radius == pytest.approx(8 * 1.15**2, rel=1e-3)
        engine.key_press(int(key.left_bracket))
        engine.key_press(int(key.left_bracket))
        engine.key_press(int(key.right_bracket))
        assert app.brush.radius == pytest.approx(8 * 1.15, rel=1e-3)
        engine.key_down(int(key.mod_shift))
        engine.mouse_wheel_y(-2)
        engine.key_up(int(key.mod_shift))
        assert app.brush.strength == pytest.approx(0.9)
        assert app.pane.camera.zoom is zoom is None
        engine.key_down(int(key.mod_ctrl))
        engine.mouse_wheel_y(2)
        engine.key_up(int(key.mod_ctrl))
        assert app.pane.camera.zoom > 5
        count, x = len(painted(app)), app.pane.camera.x
        engine.mouse_move_to_pos(middle())
        engine.mouse_down(1)
        engine.mouse_move_to_pos((middle()[0] + 60, middle()[1]))
        engine.mouse_up(1)
        assert app.pane.camera.x < x
        assert len(painted(app)) == count
        enter(engine, "##brush-radius", 3.0)
        enter(engine, "##brush-strength", 0.5)
        enter(engine, "##brush-softness", 0.2)
        enter(engine, "##brush-rate", 2.0)
        brush = app.brush
        assert (brush.radius, brush.strength, brush.softness, brush.values["rate"]) == (3, 0.5, 0.2, 2)
        click(engine, "###brush-default")
        assert brush.default
        click(engine, "###brush-follow")
        assert not brush.shows_map
        assert grid.look.overlay == ""
        engine.key_press(int(key.a))
        click(engine, "###brush-along")
        assert brush.along
        engine.key_press(int(key.escape))
        assert brush.tool == "look"

    drive(Options((40, 40)), 1, script, (900, 700))


def canvas_size(engine):
    rect = engine.item_info("**/canvas1").rect_full
    return int(rect.max.x - rect.min.x), int(rect.max.y - rect.min.y)


def paint_maps(folder: Path) -> None:
    """Presets, the form of a map, models of the grid, the model brush with a model that does not go with them."""
    from imgui_bundle import imgui

    from ncaengine.formats.model_files import save

    key = imgui.Key
    save(model("ours", 9), folder / "ours.safetensors")

    def script(engine, app) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        for preset in maps.PRESETS:
            click(engine, f"###map-{preset.title}")
            assert grid.look.overlay == preset.fill.field
            assert np.ptp(grid.fields[..., 2 if preset.fill.field == "angle" else 0]) > 0.5
            click(engine, "###map-clear")
            assert grid.fields is None
            assert grid.look.overlay == ""
        pick(engine, "##map-field", "Cell scale")
        pick(engine, "##map-pattern", "Checks")
        enter(engine, "##map-value0", 0.5)
        enter(engine, "##map-value1", 9.0)
        enter(engine, "##map-count", 2.0)
        enter(engine, "##map-fuzz", 1.0)
        click(engine, "###map-apply")
        assert app.sim.journal[-2].command == Fill(1, "scale", "checks", (0.5, 4.0), 2, 1.0)
        pick(engine, "##map-overlay", "None")
        assert grid.look.overlay == ""
        # Models.
        engine.key_press(int(key.m))
        engine.yield_()
        shipped = shipped_models()[0].stem
        pick(engine, "##brush-model", shipped)
        assert app.brush.model == shipped
        assert shipped in app.models
        pick(engine, "##brush-model", "Open a file…")
        wait_until(engine, lambda: imgui.is_popup_open("", ANY_POPUP))
        engine.set_ref("//##brush-models")
        engine.item_input_value("**/##path", str(folder / "ours.safetensors"))
        wait_until(engine, lambda: app.brush.model == "ours")
        engine.set_ref("ncaengine")
        app.brush.model = ""
        pick(engine, "##map-add", "b")
        assert [app.name_of(each) for each in grid.models] == ["a", "b"]
        click(engine, "###map-remove1")
        assert len(grid.models) == 1
        engine.key_press(int(key.m))
        pull(engine, at(engine, 0.5, 0.5), at(engine, 0.6, 0.5))
        assert len(grid.models) == 2
        assert grid.fields[20, 20, 3] == 1
        assert grid.look.overlay == "model"
        app.add_model(model("wide", 3, channels=7))
        engine.yield_()
        pick(engine, "##brush-model", "wide")
        strokes = len(painted(app))
        pull(engine, at(engine, 0.5, 0.5), at(engine, 0.6, 0.5))
        assert len(painted(app)) == strokes
        assert "channels" in said(app)[-1]

    drive(Options((40, 40)), 2, script, (1100, 800))


def pictures(folder: Path) -> None:
    """A picture is opened from a folder by the dialog, and painted; a patch is copied and pasted."""
    from imgui_bundle import imgui
    from PIL import Image

    key = imgui.Key
    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "red.png")

    def script(engine, app) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        engine.key_press(int(key.i))
        pull(engine, at(engine, 0.5, 0.5))
        assert "no picture" in said(app)[-1]
        pick(engine, "##picture", "Open a picture…")
        wait_until(engine, lambda: imgui.is_popup_open("", ANY_POPUP))
        engine.set_ref("//##pictures")
        engine.item_input_value("**/##path", str(folder / "red.png"))
        wait_until(engine, lambda: app.brush.image == "red")
        engine.set_ref("ncaengine")
        pull(engine, at(engine, 0.5, 0.5))
        assert painted(app)[-1].image == "red"
        assert grid.can_undo == "Image"
        engine.key_press(int(key.c))
        engine.mouse_move_to_pos(at(engine, 0.5, 0.5))
        pull(engine, at(engine, 0.5, 0.5))
        assert app.brush.tool == "patch"
        pull(engine, at(engine, 0.6, 0.5))
        assert grid.can_undo == "Patch"

    drive(Options((40, 40)), 1, script, (900, 700))


SCENARIOS = {scenario.__name__: scenario for scenario in (brushes, paint_maps, pictures)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_in_a_window(name, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
