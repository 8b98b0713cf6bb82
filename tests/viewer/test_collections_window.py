"""A file of several models in the window's gallery.

`python tests/viewer/test_collections_window.py gallery FOLDER` runs the scenario by hand, see window_driver.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

from apps import many_models
from helpers import apart

from ncaengine.formats import model_files
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options


def gallery(folder: Path) -> None:
    """Drop a file of many models, then open some by mouse, keys and filter; only visible tiles are drawn."""
    from imgui_bundle import imgui
    from window_driver import Drops, drive, wait_until

    key, ctrl = imgui.Key, int(imgui.Key.mod_ctrl)
    collection = many_models(folder, 60)
    window = Drops()

    def script(engine: Any, app: App) -> None:
        tiles = window.gallery().tiles

        def shows() -> bool:
            return bool(app.show_gallery and imgui.is_popup_open("", imgui.PopupFlags_.any_popup))

        def closed() -> bool:
            return not app.show_gallery

        def names() -> list[str]:
            return [pane.grid.model.config.name for pane in app.panes]

        def show() -> None:
            open_files.open_gallery(app)
            wait_until(engine, shows)
            engine.yield_(3)
            engine.set_ref("//##gallery")

        window.drop([str(collection)])
        wait_until(engine, shows)
        engine.yield_(3)
        engine.set_ref("//##gallery")
        first = len(model_files.shipped_models()) + 1  # the file itself is a recent file
        assert tiles.selected == first
        assert names() == ["a"]
        assert 0 < len(window.gallery().library.visible) < 60
        assert tiles.described is tiles.entries[first]
        engine.item_click(f"**/tile{first + 2}")
        wait_until(engine, closed)
        assert tiles.described.name == "m2"
        assert names() == ["m2"]
        assert app.prefs.recent[0] == f"{collection}:m2"
        # The running model is selected; keys move on from there, beyond the visible tiles.
        show()
        entries = tiles.entries
        assert entries[tiles.selected].name == "m2"
        for _ in range(3):
            engine.key_press(int(key.page_down))
        engine.yield_(3)
        selected = entries[tiles.selected]
        assert selected in window.gallery().library.visible
        engine.key_press(ctrl | int(key.enter))
        wait_until(engine, closed)
        assert names() == ["m2", selected.name]
        # Type a filter, move the selection from it and clear it.
        show()
        engine.key_chars("m5")  # at once
        engine.yield_(3)
        assert {entry.name for entry in tiles.entries} == {"m5", *(f"m5{n}" for n in range(10))}
        engine.key_press(int(key.escape))
        engine.yield_(3)
        assert app.show_gallery
        assert not tiles.filter
        engine.key_press(ctrl | int(key.f))
        engine.yield_(3)
        engine.key_chars("m59")
        engine.yield_(3)
        engine.key_press(int(key.enter))
        wait_until(engine, closed)
        assert names() == ["m2", "m59"]
        # Nothing matches; Escape leaves the field, clears the filter and closes the gallery.
        show()
        engine.key_press(ctrl | int(key.f))
        engine.yield_(3)
        engine.key_chars("nothing")
        engine.yield_(3)
        assert tiles.entries == []
        for key_ in (key.down_arrow, key.enter, key.escape, key.escape):
            assert app.show_gallery
            engine.key_press(int(key_))
            engine.yield_(3)
        assert not app.show_gallery
        # A recent file of several models shows them.
        app.prefs.recent = [str(collection)]
        show()
        before, where = app.collection, next(i for i, entry in enumerate(tiles.entries) if entry.path == collection)
        while tiles.selected > where:  # scroll to it
            engine.key_press(int(key.up_arrow))
            engine.yield_(2)
        engine.item_click(f"**/tile{where}")
        wait_until(engine, lambda: app.collection is not before)
        engine.yield_(3)
        assert app.show_gallery
        assert tiles.entries[tiles.selected].name == "m59"
        assert names() == ["m2", "m59"]

    drive(Options((16, 16), steps_per_second=(0.0,)), 1, script)


def test_the_gallery_with_a_collection(tmp_path: Path) -> None:
    apart(__file__, "gallery", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    gallery(Path(sys.argv[2]))
