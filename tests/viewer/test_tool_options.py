"""The bar above the grids and the button Record below them.

`python tests/viewer/test_tool_options.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from helpers import apart
from window_driver import drive, frames, only, wait_until

from ncaengine.formats.model_files import shipped_models
from ncaengine.viewer.actions import display_modes
from ncaengine.viewer.keymap import ANY_POPUP
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.notices import Button
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.preferences import Preferences

SMALL = Options((40, 40), rng_seed=3)


def in_bar(engine: Any, action: Any, *arguments: Any) -> None:
    """Do something with an item of the bar above the grids."""
    engine.set_ref(engine.window_info("//ncaengine/options").window)
    action(*arguments)
    engine.set_ref("ncaengine")


def brush(folder: Path) -> None:
    """Change the brush's settings above the grid; unfold the rest in the side bar."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        engine.key_press(int(key.s))
        frames(engine)
        for name, value in (("radius", 3.0), ("strength", 0.5), ("rate", 2.0)):
            in_bar(engine, engine.item_input_value, f"##brush-{name}", value)
        assert (app.brush.radius, app.brush.strength, app.brush.values["rate"]) == (3, 0.5, 2)
        assert "Brush" in app.prefs.closed
        in_bar(engine, engine.item_click, "###more-options")
        wait_until(engine, lambda: "Brush" not in app.prefs.closed and not app.scroll_to)
        assert set(only("Brush").closed) == set(app.prefs.closed)

    drive(SMALL, 1, script, (900, 600), prefs=only())


def picks_a_model(folder: Path) -> None:
    """Take the Model tool in a window with one model: the gallery opens at once, and a click chooses."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        engine.key_press(int(key.space))
        engine.key_press(int(key.m))
        wait_until(engine, lambda: imgui.is_popup_open("", ANY_POPUP))
        engine.yield_(3)
        assert app.gallery_paints
        engine.set_ref("//##gallery")
        engine.item_click("**/tile1")
        wait_until(engine, lambda: not app.show_gallery)
        frames(engine)
        engine.set_ref("ncaengine")
        assert app.brush.model == shipped_models()[1].stem
        assert [app.name_of(pane.grid.model) for pane in app.panes] == ["a"]
        assert not app.gallery_paints
        # Now there is something to paint.
        engine.key_press(int(key.v))
        engine.key_press(int(key.m))
        frames(engine)
        assert not app.show_gallery

    drive(SMALL, 1, script, (1100, 800), prefs=only())


def framing(folder: Path) -> None:
    """A grid that is alone fills its card; a key and buttons change that, and the preference remembers it."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        frames(engine)
        camera = app.pane.camera
        assert camera.filled
        engine.key_press(int(key.f))
        frames(engine)
        assert not camera.filled
        assert not app.prefs.fill
        in_bar(engine, engine.item_click, "**/###fill")
        frames(engine)
        assert camera.filled
        assert app.prefs.fill
        in_bar(engine, engine.item_click, "**/###repeat")
        frames(engine)
        assert camera.repeat
        assert not camera.filled
        in_bar(engine, engine.item_click, "**/###fit")
        frames(engine)
        assert (camera.repeat, camera.filled, camera.zoom) == (False, False, None)
        # Side by side, each whole grid is shown.
        display_modes.fill(app)
        camera.fill = None
        engine.key_press(int(key.mod_ctrl) | int(key.d))
        frames(engine)
        assert [pane.camera.filled for pane in app.panes] == [False, False]

    drive(SMALL, 1, script, (900, 700), prefs=Preferences(closed=only().closed))


def record(folder: Path) -> None:
    """Record all grids with the button below them; it is in the same place while it records."""
    os.chdir(folder)

    def script(engine: Any, app: App) -> None:
        def place() -> tuple[float, ...]:
            rect = engine.item_info("**/###record-bar").rect_full
            return rect.min.x, rect.min.y, rect.max.x, rect.max.y

        frames(engine)
        engine.item_click("**/###record-what")
        frames(engine)
        engine.item_click("//$FOCUSED/All grids, side by side")
        assert app.recorder.source == "all"
        before = place()
        engine.item_click("**/###record-bar")
        recording = app.recorder.recording
        assert recording is not None
        assert len(app.recorder.grids) == 2
        wait_until(engine, lambda: recording.frames >= 3)
        assert place() == before
        engine.item_click("**/###record-bar")
        wait_until(engine, lambda: app.recorder.recording is None)

    drive(SMALL, 2, script, (1000, 600), prefs=only())


def escape(folder: Path) -> None:
    """Esc closes the notices and puts the tool away; notices are beside the grids, and a section scrolls into view."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        engine.key_press(int(key.e))
        app.notify("This went wrong.", "error")
        app.ask_question("Shall it?", Button("Yes", "", lambda: None))
        frames(engine)
        canvas = engine.item_info("**/canvas1").rect_full
        for toast in app.toasts:
            assert engine.window_info(f"//##toast{toast.text}").window.pos.x > canvas.max.x
        engine.key_press(int(key.escape))
        frames(engine)
        assert [toast.text for toast in app.toasts] == ["Shall it?"]
        assert app.brush.tool == "look"
        engine.key_press(int(key.escape))
        frames(engine)
        assert not app.toasts
        # The last section is unfolded.
        engine.set_ref(engine.window_info("//ncaengine/side").window)
        engine.item_click("###sectionCells")
        frames(engine, 5)
        plot, side = engine.item_info("##plot").rect_full, engine.window_info("//ncaengine/side").window
        assert plot.max.y <= side.pos.y + side.size.y
        engine.set_ref("ncaengine")

    drive(SMALL, 1, script, (1000, 600), prefs=only("Model", "Settings"))


SCENARIOS = {scenario.__name__: scenario for scenario in (brush, picks_a_model, framing, record, escape)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_bars_around_the_grids(name: str, tmp_path: Path) -> None:
    apart(__file__, name, tmp_path)
    if name == "record":
        assert (tmp_path / "grids.mp4").stat().st_size > 0


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
