"""Files of several models in the window: the gallery's section, a model by FILE:NAME, and what licences allow.

The window's own part runs in a process of its own, see window_driver:
`python tests/viewer/test_atlas.py gallery FOLDER` runs it by hand.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import published_forms as forms
import pytest
from helpers import NOTEBOOK_CONFIG, apart, random_model, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.cli.view import View
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model, equal_models
from ncaengine.formats import model_files, sniffing
from ncaengine.formats.model_files import save
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import hot_reload, open_files, session_files
from ncaengine.viewer.dialogs.gallery_tiles import description
from ncaengine.viewer.dialogs.palette_commands import matching
from ncaengine.viewer.state import credits, thumbnails
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD, ModelWatch
from ncaengine.viewer.state.model_library import AT_ONCE, LibraryEntry, ModelLibrary
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.thumbnails import SIDE

NAMES = ["x", "x-2", "hidden_name"]
"""Of the models in forms.hexells()."""
NC = {"authors": "A. Author, B. Author", "licence": "CC BY-NC-SA 4.0 (non-commercial); ask", "source": "A paper"}


class Clock:
    """Seconds that pass only when somebody says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def model(name: str = "small", seed: int = 0, **changes: Any) -> Model:
    config = msgspec.structs.replace(small(NOTEBOOK_CONFIG, name=name), **changes)
    return random_model(config, seed)


def opened(gl: GLBackend, catalogue: Catalogue, clock: Any = time.monotonic) -> App:
    app = App(Simulation(gl, catalogue), watch=ModelWatch(clock))
    open_files.open_models(app, [model("first")], Options((12, 10), steps_per_second=(0.0,)))
    return app


@pytest.fixture
def app(gl: GLBackend, catalogue: Catalogue) -> Iterator[App]:
    """One grid, no window."""
    app = opened(gl, catalogue)
    yield app
    for grid in app.sim.grids.values():
        grid.cells.release()


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """Three models in one file."""
    path = tmp_path / "three.json"
    path.write_text(json.dumps(forms.hexells()))
    assert list(model_files.open_file(path).models) == NAMES
    return path


def many(folder: Path, count: int) -> Path:
    path = folder / "many.json"
    path.write_text(json.dumps(forms.atlas(count)))
    return path


def errors(app: App) -> list[str]:
    return [toast.text for toast in app.toasts if toast.kind == "error"]


# Opening


def test_a_file_of_several_models_opens_the_gallery_on_them(app: App, atlas: Path) -> None:
    open_files.drop(app, [atlas])
    assert app.show_gallery
    assert app.collection is not None
    assert [path.name for path in app.collection.paths] == [f"three.json:{name}" for name in NAMES]
    assert [pane.grid.model.config.name for pane in app.panes] == ["first"]
    assert app.prefs.recent == [str(atlas)]
    assert not app.toasts
    assert "Open three" in {entry.title for entry in matching(app, "three")}


def test_one_of_them_opens_by_its_name_and_is_remembered_by_it(app: App, atlas: Path) -> None:
    path = Path(f"{atlas}:x-2")
    open_files.open_path(app, path)
    assert not app.show_gallery
    assert app.grid.model.config.name == "x-2"
    assert app.watch.path_of(app.grid.model) == path
    assert app.prefs.recent == [str(path)]
    assert open_files.recent_models(app) == [path]
    open_files.open_path(app, path, new_grid=False)
    assert app.watch.open(path) is app.grid.model
    assert "Open x-2 in a new grid" in {entry.title for entry in matching(app, "x-2")}
    atlas.unlink()
    assert open_files.recent_models(app) == []


def test_a_published_file_of_one_model_opens_as_it_is(app: App, tmp_path: Path) -> None:
    path = tmp_path / "lizard.json"
    path.write_text(json.dumps(forms.growing()))
    open_files.drop(app, [path])
    assert app.collection is None
    assert not app.show_gallery
    assert [pane.grid.model.config.name for pane in app.panes] == ["first", "lizard"]


def test_a_file_that_cannot_be_opened_is_reported_and_changes_nothing(app: App, atlas: Path) -> None:
    nothing = atlas.with_name("nothing.json")
    nothing.write_text("[]")
    for path, said in (
        (Path(f"{atlas}:nope"), "holds no model 'nope'"),
        (Path(f"{atlas}.gone:x"), "can't be opened here"),
        (nothing, "is none of"),
    ):
        app.toasts.clear()
        open_files.drop(app, [path])
        [text] = errors(app)
        assert said in text
        assert "\n" not in text
    assert [pane.grid.model.config.name for pane in app.panes] == ["first"]
    assert app.prefs.recent == []
    assert not app.show_gallery


def test_the_command_line_opens_the_first_model_under_the_tiles(atlas: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ncaengine.viewer import window as module

    shown: list[Any] = []
    monkeypatch.setattr(module, "show", lambda models, options, *_: shown.append((models, options)))
    View((atlas,)).run()
    View((Path(f"{atlas}:hidden_name"),)).run()
    (first, over), (named, alone) = shown
    assert [model.config.name for model in (*first, *named)] == ["x", "hidden_name"]
    assert (over.collection, alone.collection) == (atlas, None)


def test_options_may_ask_for_the_gallery(gl: GLBackend, catalogue: Catalogue, atlas: Path) -> None:
    app = App(Simulation(gl, catalogue))
    first = app.watch.open(app.watch.first_path(atlas))
    open_files.open_models(app, [first], Options((12, 10), collection=atlas))
    assert app.show_gallery
    assert app.collection is not None
    assert app.watch.path_of(app.grid.model) == app.collection.paths[0]
    app.grid.cells.release()


# Kept and reloaded


def test_a_session_keeps_which_model_of_the_file_it_was(
    app: App, gl: GLBackend, catalogue: Catalogue, atlas: Path, tmp_path: Path
) -> None:
    path, session = Path(f"{atlas}:x-2"), tmp_path / "s.nca"
    open_files.open_path(app, path, new_grid=False)
    session_files.save_session(app, session)
    other = opened(gl, catalogue)
    session_files.open_session(other, session)
    assert equal_models(other.grid.model, app.grid.model)
    assert other.watch.path_of(other.grid.model) == path
    assert not other.toasts
    other.grid.cells.release()


def rewrite(path: Path, data: Any, second: int) -> None:
    path.write_text(json.dumps(data))
    os.utime(path, (2e9 + second, 2e9 + second))


def test_a_model_is_reloaded_when_its_file_is_written(gl: GLBackend, catalogue: Catalogue, atlas: Path) -> None:
    clock = Clock()
    app = opened(gl, catalogue, clock)
    for name in ("x", "x-2"):
        open_files.open_path(app, Path(f"{atlas}:{name}"))
    before = [pane.grid.model for pane in app.panes]

    reloader = hot_reload.HotReload(app)

    def look() -> None:
        clock.now += 2 * PERIOD
        reloader.poll()

    data = forms.hexells()
    data["layers"][0]["scale"] = 1.5
    rewrite(atlas, data, 1)
    look()
    after = [pane.grid.model for pane in app.panes]
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, False, False]
    assert [model.config.name for model in after] == ["first", "x", "x-2"]
    assert "three.json:" in app.reload_note
    data["model_names"] = ["a/x", "y", "z"]
    rewrite(atlas, data, 2)
    look()
    look()
    [text] = errors(app)
    assert text.startswith(f"{atlas}:x-2: holds no model 'x-2'")
    assert text.endswith("The previous version keeps running.")
    rewrite(atlas, forms.hexells(), 3)
    look()
    assert errors(app) == []
    for grid in app.sim.grids.values():
        grid.cells.release()


# The shelf


def test_an_atlas_is_read_once_and_a_dozen_pictures_grow_at_a_time_those_in_sight_first(
    gl: GLBackend, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = many(tmp_path, 40), []
    real = sniffing.read_file
    monkeypatch.setattr(sniffing, "read_file", lambda path: reads.append(path) or real(path))
    atlas = model_files.open_file(path)
    shelf = ModelLibrary(gl, None)
    shelf.fill([], [], atlas)
    shelf.visible = shelf.inside[20:26]
    while not all(entry.thumbnail for entry in shelf.visible):
        assert shelf.work(0.001, catalogue)
    begun = [entry for entry in shelf.inside if entry.reading]
    assert len(begun) == AT_ONCE
    assert set(begun) == {*shelf.inside[20:26], *shelf.inside[: AT_ONCE - 6]}
    while any(entry.waits for entry in shelf.visible):
        shelf.work(0.05, catalogue)
    assert [entry.model.config.name for entry in shelf.visible if entry.model] == [f"m{n}" for n in range(20, 26)]
    assert len(reads) == 1
    shelf.close()


def test_names_and_words_of_entries(gl: GLBackend, catalogue: Catalogue, atlas: Path) -> None:
    named = LibraryEntry(Path(f"{atlas}:x-2"))
    assert (named.name, named.inside, named.file) == ("x-2", "x-2", atlas)
    shelf = ModelLibrary(gl, None)
    shelf.fill([], [atlas, named.path], model_files.open_file(atlas))
    whole, one = shelf.recent
    assert one is shelf.inside[1]
    assert (whole.name, whole.inside) == ("three", "")
    while shelf.work(0.05, catalogue):
        pass
    assert whole.count == 3
    assert "3 models; click to show them." in description(whole)
    assert f"Authors: {one.model.config.attribution['authors']}" in description(one).splitlines()  # type: ignore[union-attr]
    shelf.close()


def test_the_gallery_finds_the_siblings_of_the_model_that_runs(app: App, atlas: Path) -> None:
    open_files.refresh_collection(app)
    assert app.collection is None
    open_files.open_path(app, Path(f"{atlas}:x"))
    open_files.refresh_collection(app)
    first = app.collection
    assert first is not None
    assert list(first.models) == NAMES
    open_files.refresh_collection(app)
    assert app.collection is first
    rewrite(atlas, forms.hexells(), 1)
    open_files.refresh_collection(app)
    assert app.collection not in (None, first)
    atlas.write_text("nonsense")
    open_files.refresh_collection(app)
    assert app.collection is None
    assert not app.toasts


def test_a_growing_model_stands_on_white(gl: GLBackend, catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "lizard.json"
    path.write_text(json.dumps(forms.growing()))
    grows = model_files.load(path)
    picture = thumbnails.Thumbnail(gl, grows, thumbnails.default_kernel(grows, catalogue), None)
    picture.grow(1e-9)
    assert picture.picture is not None
    assert (picture.picture[0, 0] == 255).all()
    middle = picture.picture[SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    assert (middle < 255).any()
    picture.release()


# Licences


def test_a_model_that_is_not_commercial_is_told_once(app: App, tmp_path: Path) -> None:
    path = tmp_path / "nc.safetensors"
    save(model("nc", attribution=NC), path)
    open_files.open_path(app, path)
    assert [(toast.kind, toast.text) for toast in app.toasts] == [
        ("info", "nc: CC BY-NC-SA 4.0; not for commercial use.")
    ]
    app.toasts.clear()
    open_files.open_path(app, path)
    assert app.toasts == []


def test_an_attribution_in_lines() -> None:
    config = model(attribution={"recognised": "by its form", **NC, "url": ""}).config
    assert credits.attribution_lines(config) == [
        "Authors: A. Author, B. Author",
        "Licence: CC BY-NC-SA 4.0 (non-commercial); ask",
        "Source: A paper",
        "Recognised: by its form",
    ]
    assert credits.authors_and_licence(config) == (NC["authors"], NC["licence"])
    assert credits.licence_warning("a", model().config) == ""


# Real data


def test_all_of_hexells(app: App, shared: Path, gl: GLBackend, catalogue: Catalogue) -> None:
    path = shared / "published/selforg-textures/hexells.json"
    open_files.drop(app, [path])
    assert app.collection is not None
    hold = ModelLibrary(gl, None)
    hold.fill([], [], app.collection)
    assert len(hold.inside) == 173
    hold.visible = hold.inside[100:103]
    while any(entry.waits for entry in hold.visible):
        hold.work(0.05, catalogue)
        assert sum(entry.reading is not None and entry.waits for entry in hold.inside) <= AT_ONCE
    assert all(entry.thumbnail and entry.thumbnail.done for entry in hold.visible)
    assert any(entry.reading is None for entry in hold.inside)  # those in sight came first
    hold.close()
    open_files.open_path(app, Path(f"{path}:dots"))
    assert app.grid.model.config.name == "dots"


# The window, in the other process


def gallery(folder: Path) -> None:
    """A drop, the tiles by mouse, keys and filter; only what is in sight is drawn."""
    from imgui_bundle import imgui
    from window_driver import Drops, drive, wait_until

    key, ctrl = imgui.Key, int(imgui.Key.mod_ctrl)
    atlas = many(folder, 60)
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

        window.drop([str(atlas)])
        wait_until(engine, shows)
        engine.yield_(3)
        engine.set_ref("//##gallery")
        first = len(model_files.shipped_models()) + 1  # the atlas itself is a recent file
        assert tiles.selected == first
        assert names() == ["a"]
        assert 0 < len(window.gallery().library.visible) < 60
        engine.item_click(f"**/tile{first + 2}")
        wait_until(engine, closed)
        assert names() == ["m2"]
        assert app.prefs.recent[0] == f"{atlas}:m2"
        # It begins at the model that runs; keys go on from there, beyond what is in sight.
        show()
        entries = tiles.entries
        assert entries[tiles.selected].name == "m2"
        for _ in range(3):
            engine.key_press(int(key.page_down))
        engine.yield_(3)
        chosen = entries[tiles.selected]
        assert chosen in window.gallery().library.visible
        engine.key_press(ctrl | int(key.enter))
        wait_until(engine, closed)
        assert names() == ["m2", chosen.name]
        # The filter: typed, steered from, cleared.
        show()
        engine.key_press(ctrl | int(key.f))
        engine.yield_(3)
        engine.key_chars("m5")
        engine.yield_(3)
        assert {entry.name for entry in tiles.entries} == {"m5", *(f"m5{n}" for n in range(10))}
        engine.key_press(int(key.escape))
        engine.yield_(3)
        assert app.show_gallery
        assert not tiles.filter
        engine.key_chars("m59")
        engine.yield_(3)
        engine.key_press(int(key.enter))
        wait_until(engine, closed)
        assert names() == ["m2", "m59"]
        # What it cannot find is said; Escape leads out, by and by.
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
        # A recent file that is an atlas shows its models.
        app.prefs.recent = [str(atlas)]
        show()
        before, where = app.collection, next(i for i, entry in enumerate(tiles.entries) if entry.path == atlas)
        while tiles.selected > where:  # up to it, into sight
            engine.key_press(int(key.up_arrow))
            engine.yield_(2)
        engine.item_click(f"**/tile{where}")
        wait_until(engine, lambda: app.collection is not before)
        engine.yield_(3)
        assert app.show_gallery
        assert tiles.entries[tiles.selected].name == "m59"
        assert names() == ["m2", "m59"]

    drive(Options((16, 16), steps_per_second=(0.0,)), 1, script)


def test_the_gallery_on_an_atlas(tmp_path: Path) -> None:
    apart(__file__, "gallery", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
