"""Painting in the window: tools, brush and maps by mouse and keys.

`python tests/viewer/test_painting_window.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import itertools
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from apps import messages, model, painted
from helpers import apart
from window_driver import drive, pick, wait_until

from ncaengine.formats.model_files import shipped_models
from ncaengine.simulation.commands import Fill
from ncaengine.viewer.keymap import ANY_POPUP
from ncaengine.viewer.panels import maps
from ncaengine.viewer.state.brush import TOOLS
from ncaengine.viewer.state.options import Options


def at(engine, across, down):
    """Return a point of the first grid's canvas, given as shares of its width and height."""
    rect = engine.item_info("**/canvas1").rect_full
    return rect.min.x + across * (rect.max.x - rect.min.x), rect.min.y + down * (rect.max.y - rect.min.y)


def click(engine, item):
    """Click an item of the side bar; the engine scrolls to it if necessary."""
    engine.set_ref(engine.window_info("//ncaengine/side").window)
    engine.item_click(item)
    engine.set_ref("ncaengine")


def enter(engine, item, value):
    """Type a number into an item of the side bar."""
    engine.set_ref(engine.window_info("//ncaengine/side").window)
    engine.item_input_value(item, value)
    engine.set_ref("ncaengine")


def drag(engine, *points):
    """Press on the canvas at the first point, move to the others and release."""
    engine.mouse_move_to_pos(points[0])
    engine.mouse_down(0)
    for point in points[1:]:
        engine.mouse_move_to_pos(point)
    engine.mouse_up(0)
    engine.yield_()


def brushes(folder: Path) -> None:
    """Select each tool by key and button, drag with it, and change the brush by wheel, keys and side bar."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine, app) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        app.add_model(model("b", 1))  # else the Model tool opens the gallery
        middle, right = (lambda: at(engine, 0.5, 0.5)), (lambda: at(engine, 0.62, 0.5))
        for tool in TOOLS.values():
            engine.key_press(int(getattr(key, tool.letter.lower())))
            assert app.brush.tool == tool.name
        for tool in reversed(TOOLS.values()):
            engine.item_click(f"**/###{tool.name}")
            assert app.brush.tool == tool.name
        # The state: damage it, then reset it to the seed, each in one edit.
        seeded = grid.timeline.moments
        engine.key_press(int(key.n))
        app.brush.softness = 0.0
        drag(engine, middle(), right())
        paths = [command.path for command in painted(app)]
        assert len(paths) >= 2
        assert all(before[-1] == after[0] for before, after in itertools.pairwise(paths))
        assert grid.can_undo == "Noise"
        engine.key_press(int(key.e))
        drag(engine, middle(), right())
        assert grid.can_undo == "Erase"
        damaged = seeded[-1].state
        engine.key_press(int(key.n))
        drag(engine, middle())
        row, column = 20, 20
        assert (seeded[-1].state[row, column] != damaged[row, column]).any()
        # A map, across the edge of the torus.
        engine.key_press(int(key.s))
        engine.yield_()
        assert grid.look.overlay == "rate"
        canvas, across = at(engine, 0.5, 0.5), app.pane.camera.scale(grid.kernel, grid.size, *canvas_size(engine))
        drag(engine, (canvas[0] - 19 * across, canvas[1]))
        assert (grid.fields[20, [0, 38], 0] == 0.25).all()
        assert grid.can_undo == "Rate"
        before = len(painted(app))
        engine.mouse_move_to_pos(middle())
        engine.key_down(int(key.mod_shift))
        engine.mouse_down(0)
        engine.mouse_up(0)
        engine.key_up(int(key.mod_shift))
        assert [command.value for command in painted(app)[before:]] == [1]
        # A stroke that ends outside the picture does not continue.
        drag(engine, middle(), (30, 300))
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
    """Use presets and the form of a map, add and remove models, and paint a model that doesn't fit."""
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
        pick(engine, "##brush-model", "From the gallery…")
        wait_until(engine, lambda: imgui.is_popup_open("", ANY_POPUP))
        engine.set_ref("//##gallery")
        engine.item_click("###page")
        engine.item_input_value("**/##path", str(folder / "ours.safetensors"))
        wait_until(engine, lambda: app.brush.model == "ours" and not app.show_gallery)
        assert len(app.panes) == 2
        engine.set_ref("ncaengine")
        app.brush.model = ""
        pick(engine, "##map-add", "b")
        assert [app.name_of(each) for each in grid.models] == ["a", "b"]
        click(engine, "###map-remove1")
        assert len(grid.models) == 1
        engine.key_press(int(key.m))
        drag(engine, at(engine, 0.5, 0.5), at(engine, 0.6, 0.5))
        assert len(grid.models) == 2
        assert grid.fields[20, 20, 3] == 1
        assert grid.look.overlay == "model"
        app.add_model(model("wide", 3, channels=7))
        engine.yield_()
        pick(engine, "##brush-model", "wide")
        strokes = len(painted(app))
        drag(engine, at(engine, 0.5, 0.5), at(engine, 0.6, 0.5))
        assert len(painted(app)) == strokes
        assert "channels" in messages(app)[-1]

    drive(Options((40, 40)), 2, script, (1100, 800))


def pictures(folder: Path) -> None:
    """Open a picture with the dialog and paint it; copy and paste a patch."""
    from imgui_bundle import imgui
    from PIL import Image

    key = imgui.Key
    Image.new("RGB", (4, 4), (255, 0, 0)).save(folder / "red.png")

    def script(engine, app) -> None:
        grid = app.sim.grids[1]
        engine.key_press(int(key.space))
        engine.key_press(int(key.i))
        drag(engine, at(engine, 0.5, 0.5))
        assert "no picture" in messages(app)[-1]
        pick(engine, "##picture", "Open a picture…")
        wait_until(engine, lambda: imgui.is_popup_open("", ANY_POPUP))
        engine.set_ref("//##pictures")
        engine.item_input_value("**/##path", str(folder / "red.png"))
        wait_until(engine, lambda: app.brush.image == "red")
        engine.set_ref("ncaengine")
        drag(engine, at(engine, 0.5, 0.5))
        assert painted(app)[-1].image == "red"
        assert grid.can_undo == "Picture"
        engine.key_press(int(key.c))
        engine.mouse_move_to_pos(at(engine, 0.5, 0.5))
        drag(engine, at(engine, 0.5, 0.5))
        assert app.brush.tool == "patch"
        drag(engine, at(engine, 0.6, 0.5))
        assert grid.can_undo == "Paste"

    drive(Options((40, 40)), 1, script, (900, 700))


SCENARIOS = {scenario.__name__: scenario for scenario in (brushes, paint_maps, pictures)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_painting_in_the_window(name, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
