"""Files of several models without a window: collections, models by FILE:NAME, and licences."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import published_forms as forms
import pytest
from apps import Clock, many_models, messages, model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.cli.view import View
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import equal_models
from ncaengine.formats import model_files, sniffing
from ncaengine.formats.model_files import save
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import hot_reload, open_files, session_files
from ncaengine.viewer.dialogs.gallery_tiles import description
from ncaengine.viewer.dialogs.palette_commands import matching
from ncaengine.viewer.state import credits
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD, ModelWatch
from ncaengine.viewer.state.model_library import AT_ONCE, LibraryEntry, ModelLibrary
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.thumbnails import SIDE, Thumbnail

NAMES = ["x", "x-2", "hidden_name"]
"""The models in forms.hexells()."""
NC = {"authors": "A. Author, B. Author", "licence": "CC BY-NC-SA 4.0 (non-commercial); ask", "source": "A paper"}


def opened(gl: GLBackend, catalogue: Catalogue, clock: Any = time.monotonic) -> App:
    app = App(Simulation(gl, catalogue), watch=ModelWatch(clock))
    open_files.open_models(app, [model("first")], Options((12, 10), steps_per_second=(0.0,)))
    return app


@pytest.fixture
def app(gl: GLBackend, catalogue: Catalogue) -> Iterator[App]:
    """An App without a window, with one grid."""
    app = opened(gl, catalogue)
    yield app
    for grid in app.sim.grids.values():
        grid.cells.release()


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A file of three models."""
    path = tmp_path / "three.json"
    path.write_text(json.dumps(forms.hexells()))
    assert list(model_files.open_file(path).models) == NAMES
    return path


# Opening


def test_a_file_of_several_models_opens_the_gallery(app: App, collection: Path) -> None:
    open_files.drop(app, [collection])
    assert app.show_gallery
    assert app.collection is not None
    assert [path.name for path in app.collection.paths] == [f"three.json:{name}" for name in NAMES]
    assert [pane.grid.model.config.name for pane in app.panes] == ["first"]
    assert app.prefs.recent == [str(collection)]
    assert not app.toasts
    assert "Open three" in {entry.title for entry in matching(app, "three")}


def test_one_of_them_opens_by_its_name_and_is_a_recent_file(app: App, collection: Path) -> None:
    path = Path(f"{collection}:x-2")
    open_files.open_path(app, path)
    assert not app.show_gallery
    assert app.grid.model.config.name == "x-2"
    assert app.watch.path_of(app.grid.model) == path
    assert app.prefs.recent == [str(path)]
    assert open_files.recent_models(app) == [path]
    open_files.open_path(app, path, new_grid=False)
    assert app.watch.open(path) is app.grid.model
    assert "Open x-2 in a new grid" in {entry.title for entry in matching(app, "x-2")}
    collection.unlink()
    assert open_files.recent_models(app) == []


def test_a_published_file_of_one_model_opens_directly(app: App, tmp_path: Path) -> None:
    path = tmp_path / "lizard.json"
    path.write_text(json.dumps(forms.growing()))
    open_files.drop(app, [path])
    assert app.collection is None
    assert not app.show_gallery
    assert [pane.grid.model.config.name for pane in app.panes] == ["first", "lizard"]


def test_a_file_that_cannot_be_opened_is_reported_and_changes_nothing(app: App, collection: Path) -> None:
    nothing = collection.with_name("nothing.json")
    nothing.write_text("[]")
    for path, message in (
        (Path(f"{collection}:nope"), "holds no model 'nope'"),
        (Path(f"{collection}.gone:x"), "can't be opened here"),
        (nothing, "is none of"),
    ):
        app.toasts.clear()
        open_files.drop(app, [path])
        [text] = messages(app, "error")
        assert message in text
        assert "\n" not in text
    assert [pane.grid.model.config.name for pane in app.panes] == ["first"]
    assert app.prefs.recent == []
    assert not app.show_gallery


def test_the_command_line_opens_the_first_model_and_the_gallery(
    collection: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ncaengine.viewer import window as module

    shown: list[Any] = []
    monkeypatch.setattr(module, "show", lambda models, options, *_: shown.append((models, options)))
    View((collection,)).run()
    View((Path(f"{collection}:hidden_name"),)).run()
    (first, over), (named, alone) = shown
    assert [model.config.name for model in (*first, *named)] == ["x", "hidden_name"]
    assert (over.collection, alone.collection) == (collection, None)


def test_options_can_open_the_gallery(gl: GLBackend, catalogue: Catalogue, collection: Path) -> None:
    app = App(Simulation(gl, catalogue))
    first = app.watch.open(app.watch.first_path(collection))
    open_files.open_models(app, [first], Options((12, 10), collection=collection))
    assert app.show_gallery
    assert app.collection is not None
    assert app.watch.path_of(app.grid.model) == app.collection.paths[0]
    app.grid.cells.release()


# Saving and reloading


def test_a_session_keeps_which_model_of_the_file_it_runs(
    app: App, gl: GLBackend, catalogue: Catalogue, collection: Path, tmp_path: Path
) -> None:
    path, session = Path(f"{collection}:x-2"), tmp_path / "s.nca"
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


def test_a_model_is_reloaded_when_its_file_is_written(gl: GLBackend, catalogue: Catalogue, collection: Path) -> None:
    clock = Clock()
    app = opened(gl, catalogue, clock)
    for name in ("x", "x-2"):
        open_files.open_path(app, Path(f"{collection}:{name}"))
    before = [pane.grid.model for pane in app.panes]

    reloader = hot_reload.HotReload(app)

    def look() -> None:
        clock.now += 2 * PERIOD
        reloader.poll()

    data = forms.hexells()
    data["layers"][0]["scale"] = 1.5
    rewrite(collection, data, 1)
    look()
    after = [pane.grid.model for pane in app.panes]
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, False, False]
    assert [model.config.name for model in after] == ["first", "x", "x-2"]
    assert "three.json:" in app.reload_note
    data["model_names"] = ["a/x", "y", "z"]
    rewrite(collection, data, 2)
    look()
    look()
    [text] = messages(app, "error")
    assert text.startswith(f"{collection}:x-2: holds no model 'x-2'")
    assert text.endswith("The previous version keeps running.")
    rewrite(collection, forms.hexells(), 3)
    look()
    assert messages(app, "error") == []
    for grid in app.sim.grids.values():
        grid.cells.release()


# The model library


def test_a_collection_is_read_once_and_visible_pictures_grow_first(
    gl: GLBackend, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, reads = many_models(tmp_path, 40), []
    real = sniffing.read_file
    monkeypatch.setattr(sniffing, "read_file", lambda path: reads.append(path) or real(path))
    collection = model_files.open_file(path)
    library = ModelLibrary(gl, None)
    library.fill([], [], collection)
    library.visible = library.inside[20:26]
    while not all(entry.thumbnail for entry in library.visible):
        assert library.work(0.001, catalogue)
    begun = [entry for entry in library.inside if entry.reading]
    assert len(begun) == AT_ONCE
    assert set(begun) == {*library.inside[20:26], *library.inside[: AT_ONCE - 6]}
    while any(entry.waits for entry in library.visible):
        library.work(0.05, catalogue)
    assert [entry.model.config.name for entry in library.visible if entry.model] == [f"m{n}" for n in range(20, 26)]
    assert len(reads) == 1
    library.close()


def test_names_and_descriptions_of_entries(gl: GLBackend, catalogue: Catalogue, collection: Path) -> None:
    named = LibraryEntry(Path(f"{collection}:x-2"))
    assert (named.name, named.inside, named.file) == ("x-2", "x-2", collection)
    library = ModelLibrary(gl, None)
    library.fill([], [collection, named.path], model_files.open_file(collection))
    whole, one = library.recent
    assert one is library.inside[1]
    assert (whole.name, whole.inside) == ("three", "")
    while library.work(0.05, catalogue):
        pass
    assert whole.count == 3
    assert "3 models; click to show them." in description(whole)
    assert f"Authors: {one.model.config.attribution['authors']}" in description(one).splitlines()  # type: ignore[union-attr]
    library.close()


def test_the_gallery_shows_the_other_models_of_the_running_models_file(app: App, collection: Path) -> None:
    open_files.refresh_collection(app)
    assert app.collection is None
    open_files.open_path(app, Path(f"{collection}:x"))
    open_files.refresh_collection(app)
    first = app.collection
    assert first is not None
    assert list(first.models) == NAMES
    open_files.refresh_collection(app)
    assert app.collection is first
    rewrite(collection, forms.hexells(), 1)
    open_files.refresh_collection(app)
    assert app.collection not in (None, first)
    collection.write_text("nonsense")
    open_files.refresh_collection(app)
    assert app.collection is None
    assert not app.toasts


def test_a_growing_model_has_a_white_background(gl: GLBackend, catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / "lizard.json"
    path.write_text(json.dumps(forms.growing()))
    grows = model_files.load(path)
    picture = Thumbnail(gl, grows, catalogue.first(grows.config.kernels), None)
    picture.grow(1e-9)
    assert picture.picture is not None
    assert (picture.picture[0, 0] == 255).all()
    middle = picture.picture[SIDE // 2 - 8 : SIDE // 2 + 8, SIDE // 2 - 8 : SIDE // 2 + 8]
    assert (middle < 255).any()
    picture.release()


# Licences


def test_a_non_commercial_model_is_announced_once(app: App, tmp_path: Path) -> None:
    path = tmp_path / "nc.safetensors"
    save(model("nc", attribution=NC), path)
    open_files.open_path(app, path)
    assert [(toast.kind, toast.text) for toast in app.toasts] == [
        ("info", "nc: CC BY-NC-SA 4.0; not for commercial use.")
    ]
    app.toasts.clear()
    open_files.open_path(app, path)
    assert app.toasts == []


def test_what_is_a_guess_or_left_out_is_announced_once(app: App, tmp_path: Path) -> None:
    path = tmp_path / "guessed.safetensors"
    save(
        model("g", attribution={"reading": "a guess: its order is not in the file", "left out": "left out: gain"}), path
    )
    open_files.open_path(app, path)
    assert [toast.text for toast in app.toasts] == ["g: a guess: its order is not in the file.", "g: left out: gain."]
    app.toasts.clear()
    open_files.open_path(app, path)
    assert app.toasts == []


def test_an_attribution_is_shown_line_by_line() -> None:
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
    library = ModelLibrary(gl, None)
    library.fill([], [], app.collection)
    assert len(library.inside) == 173
    library.visible = library.inside[100:103]
    while any(entry.waits for entry in library.visible):
        library.work(0.05, catalogue)
        assert sum(entry.reading is not None and entry.waits for entry in library.inside) <= AT_ONCE
    assert all(entry.thumbnail and entry.thumbnail.done for entry in library.visible)
    assert any(entry.reading is None for entry in library.inside)  # the visible ones came first
    library.close()
    open_files.open_path(app, Path(f"{path}:dots"))
    assert app.grid.model.config.name == "dots"
