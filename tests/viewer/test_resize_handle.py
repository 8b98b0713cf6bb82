"""Resizing by handles and presets, and the sections for size and settings.

`python tests/viewer/test_resize_handle.py sizes FOLDER` runs the scenario by hand, see window_driver.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

from helpers import apart
from hypothesis import given
from hypothesis import strategies as st
from window_driver import ask, drive, frames

from ncaengine.core import kernels, lattice
from ncaengine.viewer.actions import grids
from ncaengine.viewer.canvas import resize_handle
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.options import Options

KERNELS = kernels.discover().kernels
SMALL = Options((40, 40), rng_seed=3)


class GridStub:
    """The part of a grid that the handle uses."""

    def __init__(self, kernel: str, size: tuple[int, int]) -> None:
        self.kernel, self.size = KERNELS[kernel], size


SIDE = st.integers(1, 500)


@given(st.sampled_from(sorted(KERNELS)), SIDE, SIDE, SIDE, SIDE, st.sampled_from(sorted(resize_handle.AXES)))
def test_a_handle_sets_the_size(kernel: str, w: int, h: int, new_w: int, new_h: int, which: str) -> None:
    grid: Any = GridStub(kernel, (w, h))
    found = resize_handle.nearest_size(grid, which, lattice.extent(grid.kernel, (new_w, new_h)))
    assert found == (new_w if which != "bottom" else w, new_h if which != "right" else h)


@given(st.sampled_from(sorted(KERNELS)), SIDE, SIDE, st.integers(1, 8))
def test_in_proportion_both_sides_grow_by_the_same_factor(kernel: str, w: int, h: int, times: int) -> None:
    grid: Any = GridStub(kernel, (w, h))
    across, _ = lattice.extent(grid.kernel, (w * times, h))
    for which in ("right", "corner"):
        down = lattice.extent(grid.kernel, (w, h))[1]
        assert resize_handle.nearest_size(grid, which, (across, down), in_proportion=True) == (w * times, h * times)
    assert resize_handle.nearest_size(grid, "corner", (-5.0, -5.0)) == (1, 1)


def sizes(folder: Path) -> None:
    """Resize by handles and presets, set and reset settings, and fold sections by click and by palette."""
    from imgui_bundle import imgui

    key = imgui.Key

    def script(engine: Any, app: App) -> None:
        grid = app.grid
        frames(engine)
        engine.key_press(int(key.space))  # the test needs no steps
        cell = engine.item_info("**/corner1").rect_full

        def drag(which: str, x: float, y: float) -> None:
            engine.mouse_move(f"**/{which}1")
            engine.mouse_drag_with_delta((x, y))
            frames(engine)

        def pixels() -> float:
            """Return the width of a cell; the bottom handle is as wide as the picture."""
            return engine.item_info("**/bottom1").rect_full.get_width() / grid.size[0]

        one = round(pixels())
        assert cell.get_width() > 5
        drag("corner", -8 * one, -4 * one)
        assert grid.size == (32, 36)
        one = round(pixels())
        drag("right", -2 * one, 0)
        assert abs(grid.size[0] - 30) <= 1
        assert grid.size[1] == 36
        width = grid.size[0]
        one = round(pixels())
        drag("bottom", 0, -6 * one)
        assert grid.size[0] == width
        assert abs(grid.size[1] - 30) <= 1
        app.defer(lambda: grids.resize(app, (40, 20)))
        frames(engine)
        one = round(pixels())
        engine.key_down(int(key.mod_shift))
        drag("corner", -20 * one, 0)
        engine.key_up(int(key.mod_shift))
        assert grid.size == (20, 10)
        # Escape cancels.
        engine.mouse_move("**/corner1")
        engine.mouse_down(0)
        here = imgui.get_io().mouse_pos
        engine.mouse_move_to_pos((here.x - 60, here.y))
        engine.key_press(int(key.escape))
        engine.mouse_up(0)
        frames(engine)
        assert grid.size == (20, 10)
        for button, size in (("double", (40, 20)), ("swap", (20, 40)), ("half", (10, 20)), ("wide", (10, 6))):
            engine.item_click(f"**/###{button}")
            assert grid.size == size
        engine.set_ref(engine.window_info("//ncaengine/side").window)  # from where the engine scrolls to them
        engine.item_click("###speed15")
        assert grid.settings.steps_per_second == 15
        engine.item_click("###speed7200")
        assert grid.settings.steps_per_second == 7200
        engine.item_input_value("##angle", 45.0)
        assert grid.settings.angle == 45
        engine.item_click("##angle", 1)
        assert grid.settings.angle == 0
        engine.item_click("###sectionModel")
        assert app.prefs.closed == ["Model"]
        frames(engine)
        assert not engine.item_exists("##seed")
        engine.set_ref("ncaengine")
        ask(engine, "section: model")
        assert app.prefs.closed == []
        engine.set_ref(engine.window_info("//ncaengine/side").window)
        assert engine.item_exists("##seed")
        kinds = {type(entry.command).__name__ for entry in app.sim.journal}
        assert kinds == {"AddGrid", "Resize", "Set"}
        assert not app.toasts

    drive(SMALL, 1, script, (900, 700))


def test_sizes_in_the_window(tmp_path: Path) -> None:
    apart(__file__, "sizes", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    sizes(Path(sys.argv[2]))
