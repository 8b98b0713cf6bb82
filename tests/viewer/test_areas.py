"""Areas of pictures in the window: opened, marked, grown in variants and saved.

`python tests/viewer/test_areas.py SCENARIO FOLDER` runs one scenario by hand, see window_driver.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apps import messages
from helpers import apart
from PIL import Image
from simulations import B, D
from window_driver import Drops, drive, frames, only, wait_until

from ncaengine.backends.torch import TorchBackend
from ncaengine.core import lattice
from ncaengine.core.types import U8
from ncaengine.io import photos, sessions
from ncaengine.simulation.commands import Mark
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import areas, open_files, pictures, session_files, tools
from ncaengine.viewer.keymap import TABLE
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import ToolName
from ncaengine.viewer.state.options import Options


def picture() -> U8:
    """A picture of a sky over a field, (30, 50, 3)."""
    out = np.zeros((30, 50, 3), np.uint8)
    out[:12], out[12:] = (90, 140, 230), (60, 120, 40)
    return out


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Its file."""
    Image.fromarray(picture()).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def app(photo: Path) -> App:
    """An App without a window, with a grid of three textures, and one that lies on the picture, selected."""
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, [D], Options((12, 10), steps_per_second=(0.0,)))
    tools.select(app, "mark")
    open_files.drop(app, [photo])
    assert messages(app) == []
    return app


def drag(app: App, *points: tuple[float, float], erases: bool = False) -> None:
    tools.press(app, app.pane, points[0], erases)
    for point in points[1:]:
        tools.move(app, app.pane, point)
    tools.release(app)


def press_key(app: App, shown: str) -> None:
    next(each for each in TABLE if each.shown == shown).action(app)


def labels(app: App) -> U8:
    assert app.grid.backdrop
    return app.grid.backdrop.labels


def test_a_dropped_picture_lies_under_a_new_grid(app: App) -> None:
    assert [pane.grid.size for pane in app.panes] == [(12, 10), (50, 30)]
    assert app.grid.models == (D,)
    assert np.array_equal(app.grid.image(), picture())
    assert app.brush.tool == "mark"
    assert session_files.unsaved_edits(app) == 1


def test_brush_lasso_and_wand_mark_areas_and_shift_erases(app: App) -> None:
    app.brush.radius = 3
    drag(app, (10, 20), (20, 20))
    assert app.grid.backdrop
    assert app.grid.backdrop.textures == ("red",)
    assert labels(app)[20, 8:22].all()
    press_key(app, "J")
    assert app.brush.shape == "lasso"
    areas.choose(app, 1)
    before = len(app.sim.journal)
    drag(app, (30, 15), (45, 15), (45, 28), (30, 28))
    assert len(app.sim.journal) == before + 1
    assert (labels(app)[16:28, 31:45] == 2).all()
    press_key(app, "J")
    areas.choose(app, 2)
    drag(app, (25, 4))
    assert (labels(app)[:12] == 3).all()
    assert not (labels(app)[12:] == 3).any()
    drag(app, (40, 20), erases=True)
    assert not labels(app)[16:28, 31:45].any()
    app.sim.undo(app.grid)
    app.sim.undo(app.grid)
    assert (labels(app)[16:28, 31:45] == 2).all()
    assert not labels(app)[:12].any()


def test_a_stroke_is_undone_as_one(app: App) -> None:
    drag(app, (10, 20), (20, 20), (30, 20))
    marks = [entry.command for entry in app.sim.journal if isinstance(entry.command, Mark)]
    assert [mark.more for mark in marks] == [False, True, True]
    assert app.grid.can_undo == "Area"
    app.sim.undo(app.grid)
    assert not labels(app).any()


def test_digits_choose_textures_only_with_the_tool(app: App) -> None:
    for index in (2, 8):
        areas.choose(app, index)
        assert areas.texture_for(app, app.grid) == "blue"
    tools.select(app, "look")
    areas.choose(app, 0)
    assert app.selected == 0


def test_a_click_on_a_grid_without_a_picture_says_what_to_do(app: App) -> None:
    app.select(0)
    drag(app, (4, 4))
    assert "drop one on the window" in messages(app)[0]


def test_variants_have_other_seeds_and_the_same_areas(app: App) -> None:
    drag(app, (10, 20))
    first = app.grid
    pictures.add_variants(app)
    assert app.grid is first
    assert [pane.grid.rng_seed for pane in app.panes] == [0, 0, 1, 2, 3]
    app.brush.shape = "wand"
    drag(app, (25, 4))
    found = [pane.grid.backdrop for pane in app.panes[1:]]
    assert all(here is not None and np.array_equal(here.labels, labels(app)) for here in found)
    areas.set_feather(app, 2, more=False)
    assert all(pane.grid.backdrop and pane.grid.backdrop.feather == 2 for pane in app.panes[1:])
    app.sim.step(5, app.panes[1].grid)
    app.sim.step(5, app.panes[2].grid)
    assert not np.array_equal(app.panes[1].grid.image(), app.panes[2].grid.image())


def test_pictures_and_layers_are_saved(app: App, tmp_path: Path) -> None:
    app.brush.radius = 8
    drag(app, (20, 16))
    app.sim.step(6, app.grid)
    for name in ("out.png", "out.tif"):
        assert session_files.write(app, "picture", tmp_path / name)
        assert np.array_equal(photos.read_photo(tmp_path / name).rgb, app.grid.image())
    assert session_files.write(app, "layer", tmp_path / "layer.webp")
    layer = photos.read_photo(tmp_path / "layer.webp")
    assert layer.alpha is not None
    assert layer.alpha[16, 20] == 255
    assert not layer.alpha[:, 40:].any()
    assert np.array_equal(layer.rgb[16, 20], app.grid.image()[16, 20])
    assert not session_files.write(app, "layer", tmp_path / "layer.jpg")
    assert "can't be transparent" in messages(app)[-1]
    assert session_files.path_for("picture", "a.jpg") == Path("a.jpg")
    assert session_files.path_for("layer", "a") == Path("a.png")
    assert session_files.suggested_name(app, "layer").startswith("photo-layer")


def test_the_files_own_depth_and_opacity_are_saved(app: App, tmp_path: Path) -> None:
    numbers = np.dstack([picture(), np.full((30, 50), 255, np.uint8)])
    numbers[:, :10, 3] = 0
    Image.fromarray(numbers).save(tmp_path / "sticker.webp", lossless=True)
    open_files.drop(app, [tmp_path / "sticker.webp"])
    app.brush.radius = 8
    drag(app, (20, 16))
    assert session_files.write(app, "picture", tmp_path / "out.png")
    saved = photos.read_photo(tmp_path / "out.png")
    assert saved.alpha is not None
    assert np.array_equal(saved.alpha, numbers[..., 3])
    # A session keeps the picture on white.
    session_files.show_session(app, sessions.unpack_session(session_files.pack(app)))
    app.select(2)
    drag(app, (30, 16))
    assert session_files.write(app, "picture", tmp_path / "later.png")
    later = photos.read_photo(tmp_path / "later.png")
    assert later.alpha is None
    assert (later.rgb[:, :5] == 255).all()


def test_a_picture_without_a_session_offers_to_be_filled(app: App, photo: Path) -> None:
    tools.select(app, "look")
    open_files.drop(app, [photo])
    [toast] = app.toasts
    assert [button.title for button in toast.buttons] == ["Fill areas", "Paint"]
    toast.buttons[0].action()
    assert (len(app.panes), app.brush.tool) == (3, "mark")
    open_files.open_path(app, Path(_as_jpeg(photo)))
    assert len(app.panes) == 4


def _as_jpeg(photo: Path) -> Path:
    Image.open(photo).save(photo.with_suffix(".jpg"))
    return photo.with_suffix(".jpg")


@pytest.mark.parametrize("tool", ["mark", "image"])
def test_of_several_pictures_the_first_is_taken_which_is_said(app: App, tmp_path: Path, tool: ToolName) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    tools.select(app, tool)
    open_files.drop(app, [tmp_path / "a.gif"])
    [toast] = app.toasts
    assert toast.text.startswith("a.gif: the first of its 2 pictures.")
    assert (app.sim.arrays["a"] == (255, 0, 0)).all()


def test_what_is_no_picture_changes_nothing(app: App, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"words")
    journal = len(app.sim.journal)
    open_files.drop(app, [tmp_path / "bad.jpg", tmp_path / "gone.png"])
    assert len(app.sim.journal) == journal
    assert [toast.kind for toast in app.toasts] == ["error"] * 2


def test_without_textures_to_choose_from_the_shipped_ones_are_offered(photo: Path) -> None:
    app = App(Simulation(TorchBackend()))
    open_files.open_models(app, [B], Options((12, 10)))
    pictures.open_picture(app, photo)
    assert app.grid.model.config.name == "many"
    assert len(app.grid.textures) == 8


# In a window


def marking(folder: Path) -> None:
    """Drop a picture and mark areas by mouse and keys; choose by digits and swatches; save by the dialog."""
    from imgui_bundle import imgui

    key, drops = imgui.Key, Drops()
    Image.fromarray(picture()).save(folder / "photo.png")

    def script(engine: Any, app: App) -> None:
        def at(x: float, y: float) -> tuple[float, float]:
            """Return where a pixel of the picture is, which fits into the canvas."""
            low, high = (getattr(engine.item_info("**/canvas2").rect_full, end) for end in ("min", "max"))
            scale = min((high.x - low.x) / 50, (high.y - low.y) / 30)
            return (low.x + high.x) / 2 + (x - 25) * scale, (low.y + high.y) / 2 + (y - 15) * scale

        def drag(*points: tuple[float, float]) -> None:
            engine.mouse_move_to_pos(at(*points[0]))
            engine.mouse_down(0)
            for point in points[1:]:
                engine.mouse_move_to_pos(at(*point))
            engine.mouse_up(0)
            frames(engine)

        def click(item: str) -> None:
            engine.set_ref(engine.window_info("//ncaengine/side").window)
            engine.item_click(item)
            engine.set_ref("ncaengine")

        engine.key_press(int(key.j))
        drops.drop([str(folder / "photo.png")])
        wait_until(engine, lambda: len(app.panes) == 2)
        frames(engine, 5)
        assert app.grid.backdrop
        engine.key_press(int(key._2))
        drag((12, 22), (20, 22))
        assert app.grid.backdrop.textures == ("bubbles",)
        click("###swatch2")
        engine.key_press(int(key.j))
        drag((30, 16), (45, 16), (45, 25), (30, 25))
        assert app.grid.backdrop.textures == ("bubbles", "scales")
        engine.key_press(int(key.j))
        engine.key_press(int(key._1))
        drag((25, 4))
        assert app.grid.backdrop.textures == ("bubbles", "scales", "zebra")
        assert (app.grid.backdrop.labels[:10] == 3).sum() > 350  # the brush may have taken some of the sky
        engine.key_press(int(key.mod_ctrl) | int(key.z))
        assert not (app.grid.backdrop.labels == 3).any()
        click("###save-filled")
        frames(engine)
        engine.key_chars(str(folder / "out.tif"))
        engine.key_press(int(key.enter))
        wait_until(engine, (folder / "out.tif").exists)
        click("###variants")
        wait_until(engine, lambda: len(app.panes) == 5)
        frames(engine)

    drive(Options((16, 16)), 1, script, (1100, 800), prefs=only("Areas"))


def shown(folder: Path) -> None:
    """The picture is drawn over resting cells, and the cells where an area is."""
    from ncaengine.core import kernels
    from ncaengine.viewer.window import Window

    Image.fromarray(picture()).save(folder / "photo.png")
    with Window([D], Options((16, 16), steps_per_second=(0.0,)), kernels.discover(), (700, 500), hidden=True) as window:
        app = window.app
        pictures.open_picture(app, folder / "photo.png")
        app.sim.set("paused", True, app.grid)
        app.sim.mark("green", (10, 20), 6, grid=app.grid)
        for _ in range(3):
            window.frame()
        seen, view = window.pixels(), window.layout.cards.viewports[app.grid.id]
        corner = lattice.corner(app.grid.kernel)
        cells = app.grid.image()
        for x, y in ((45.5, 3.5), (45.5, 25.5), (30.5, 20.5), (10.5, 20.5)):
            px, py = view.to_window(x + corner[0], y + corner[1])
            assert np.abs(seen[int(py), int(px)].astype(int) - cells[int(y), int(x)]).max() <= 2, (x, y)
        assert np.array_equal(cells[3, 45], picture()[3, 45])
        assert not np.array_equal(cells[20, 10], picture()[20, 10])


SCENARIOS = {"marking": marking, "shown": shown}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_in_the_window(scenario: str, tmp_path: Path) -> None:
    apart(__file__, scenario, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
