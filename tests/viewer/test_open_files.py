"""Opening files: thumbnails, the gallery and files dropped on the window.

The window's own part runs in a process of its own, see window_driver:
`python tests/viewer/test_open_files.py gallery FOLDER` runs a scenario by hand.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from apps import model
from helpers import NOTEBOOK_CONFIG, apart, random_model, small
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature, Model
from ncaengine.formats import model_files
from ncaengine.formats.limits import MAX_FILE_BYTES
from ncaengine.formats.model_files import save
from ncaengine.simulation.commands import Step
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import grids, open_files
from ncaengine.viewer.dialogs.gallery_tiles import description, moved
from ncaengine.viewer.dialogs.palette_commands import matching
from ncaengine.viewer.state import file_kinds, thumbnails
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.model_library import LibraryEntry, ModelLibrary
from ncaengine.viewer.state.options import Options
from ncaengine.viewer.state.thumbnails import SIDE, STEPS, Thumbnail


@pytest.fixture
def app(make: Callable[..., App]) -> App:
    """An App without a window, with one grid."""
    return make(names=["first"], rng_seed=7)


def saved(folder: Path, name: str, seed: int = 0) -> Path:
    path = folder / f"{name}.safetensors"
    save(model(name, seed), path)
    return path


# Thumbnails


def grown(thumbnail: Thumbnail) -> Thumbnail:
    slices = 0
    while not thumbnail.done:
        thumbnail.grow(0.05)
        slices += 1
        assert slices <= STEPS
    return thumbnail


def test_a_thumbnail_equals_a_grid_after_the_same_steps(gl: GLBackend, catalogue: Catalogue) -> None:
    kernel = catalogue.get("square")
    thumbnail = grown(Thumbnail(gl, model(), kernel, None))
    with_grid = Simulation(gl, catalogue)
    grid = with_grid.add(model(), (SIDE // 2, SIDE // 2), "square")
    with_grid.submit(Step(grid.id, STEPS))
    assert np.array_equal(thumbnail.picture, grid.image(2))
    grid.cells.release()


def test_a_thumbnail_is_stored_and_made_again_if_its_file_is_broken(
    gl: GLBackend, catalogue: Catalogue, tmp_path: Path
) -> None:
    kernel, folder = catalogue.get("square"), tmp_path / "cache"
    first = grown(Thumbnail(gl, model(), kernel, folder))
    [file] = folder.iterdir()
    assert file.name == f"{thumbnails.digest(model())}.png"
    again = Thumbnail(gl, model(), kernel, folder)
    assert again.done
    assert np.array_equal(again.picture, first.picture)
    whole = file.read_bytes()
    for broken in (b"", b"nonsense", whole[: len(whole) // 2], whole[:40] + b"x" * 40 + whole[80:]):
        file.write_bytes(broken)
        made = Thumbnail(gl, model(), kernel, folder)
        assert not made.done
    grown(made)
    assert file.read_bytes() == whole


def test_an_unwritable_cache_is_no_error(gl: GLBackend, catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert grown(Thumbnail(gl, model(), catalogue.get("square"), tmp_path / "file" / "cache")).picture is not None


def test_a_thumbnails_name_depends_on_all_weights_and_the_configuration() -> None:
    plain = model()
    changed = Model(plain.config, plain.w1, plain.b1, plain.w2, plain.b2 + np.float32(1e-3))
    names = [thumbnails.digest(m) for m in (model(), changed, model("other"), model(rng_seed=1))]
    assert len(set(names)) == len(names)
    assert thumbnails.digest(model()) == names[0]


def test_a_released_thumbnail_restarts_from_the_seed(gl: GLBackend, catalogue: Catalogue) -> None:
    whole = grown(Thumbnail(gl, model(), catalogue.get("square"), None))
    broken_off = Thumbnail(gl, model(), catalogue.get("square"), None)
    broken_off.grow(1e-9)
    assert 0 < broken_off.step < STEPS
    broken_off.release()
    assert np.array_equal(grown(broken_off).picture, whole.picture)


# The model library


def test_the_library_lists_models_and_the_errors_of_broken_files(
    gl: GLBackend, catalogue: Catalogue, tmp_path: Path
) -> None:
    good = saved(tmp_path, "good")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(good.read_bytes()[:100])
    odd = tmp_path / "odd.safetensors"
    save(random_model(Config(channels=3, hidden=2, features=(Feature("bilaplacian"),), name="odd")), odd)
    shelf = ModelLibrary(gl, None)
    shelf.fill(model_files.shipped_models(), [good, broken, odd, model_files.shipped_models()[0]])
    assert {path.stem for path in model_files.shipped_models()} == {entry.name for entry in shelf.shipped}
    shelf.shipped = []
    while shelf.work(0.05, catalogue):
        pass
    entries = {entry.path.stem: entry for entry in shelf.recent}
    assert list(entries) == ["good", "broken", "odd"]
    assert entries["good"].thumbnail is not None
    assert entries["good"].thumbnail.done
    assert entries["broken"].error.startswith("Is not a complete .safetensors")
    assert "bilaplacian" in entries["odd"].error
    other = tmp_path / "epoch-9.safetensors"
    other.write_bytes(good.read_bytes())
    found = LibraryEntry(other, model=entries["good"].model)
    assert found.name == "epoch-9"
    assert "Model: good" in description(found).splitlines()
    assert not any(line.startswith("Model:") for line in description(entries["good"]).splitlines())
    shelf.fill([], [good, broken])
    assert shelf.recent[0] is entries["good"]
    saved(tmp_path, "good", seed=5)
    shelf.fill([], [good])
    assert shelf.recent[0] is not entries["good"]
    shelf.close()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.data())
def test_arrow_keys_reach_every_tile_and_no_other_place(lengths: list[int], data: st.DataObject) -> None:
    rows, first = [], 0
    for length in lengths:
        rows.append(list(range(first, first + length)))
        first += length
    here = data.draw(st.integers(0, first - 1))
    assert moved(rows, here, 1, 0) == min(here + 1, first - 1)
    assert moved(rows, here, -1, 0) == max(here - 1, 0)
    row = next(r for r, line in enumerate(rows) if here in line)
    for down in (-1, 1):
        target = moved(rows, here, 0, down)
        assert target in rows[min(max(row + down, 0), len(rows) - 1)]
    assert moved([], 0, 1, 0) == 0


# Opening a path


def test_a_model_opens_in_a_grid_with_the_selected_grids_size_and_speed(app: App, tmp_path: Path) -> None:
    path = saved(tmp_path, "second", 1)
    open_files.open_path(app, path)
    assert [pane.grid.model.config.name for pane in app.panes] == ["first", "second"]
    assert app.selected == 1
    assert (app.grid.size, app.grid.settings.steps_per_second, app.grid.rng_seed) == ((12, 10), 30.0, 7)
    assert app.prefs.recent == [str(path)]
    assert list(app.models) == ["first", "second"]
    assert app.watch.path_of(app.grid.model) == path


def test_a_model_replaces_the_selected_grids_model(app: App, tmp_path: Path) -> None:
    open_files.open_path(app, saved(tmp_path, "second", 1), new_grid=False)
    assert len(app.panes) == 1
    assert app.grid.model.config.name == "second"
    assert [type(entry.command).__name__ for entry in app.sim.journal] == ["AddGrid", "SetModel"]


def test_the_kernel_changes_for_a_model_that_does_not_suit_it(app: App, tmp_path: Path) -> None:
    path = tmp_path / "hex.safetensors"
    config = msgspec.structs.replace(small(NOTEBOOK_CONFIG, name="hex"), kernels=("hexagonal",))
    save(random_model(config), path)
    open_files.open_path(app, path, new_grid=False)
    assert app.grid.kernel.name == "hexagonal"
    grids.use_kernel(app, "square")
    open_files.open_path(app, path)
    assert app.grid.kernel.name == "hexagonal"


def test_a_model_is_loaded_without_a_grid(app: App, tmp_path: Path) -> None:
    assert [path.stem for path in open_files.unopened_models(app)] == [
        path.stem for path in model_files.shipped_models()
    ]
    first = model_files.shipped_models()[0]
    assert f"Open {first.stem}" in {entry.title for entry in matching(app, first.stem)}
    name = open_files.load_model(app, first)
    assert name in app.models
    assert f"Open {first.stem}" not in {entry.title for entry in matching(app, first.stem)}
    assert matching(app, f"open {first.stem}")[0].title == f"Model: {name}"
    assert model_files.shipped_models()[0] not in open_files.unopened_models(app)
    assert open_files.load_model(app, saved(tmp_path, "second", 1)) == "second"
    assert app.prefs.recent == [str(tmp_path / "second.safetensors")]
    assert [pane.grid.model.config.name for pane in app.panes] == ["first"]
    with pytest.raises(NCAError):
        open_files.load_model(app, tmp_path / "gone.pt")


def test_a_shipped_model_is_not_among_the_recent_files(app: App) -> None:
    open_files.open_path(app, model_files.shipped_models()[0], new_grid=False)
    assert app.prefs.recent == []


def bad(folder: Path) -> dict[str, Path]:
    """Return files that can't be opened, by a word of their error."""
    whole = saved(folder, "whole").read_bytes()
    contents = {
        "complete": ("cut.safetensors", whole[: len(whole) // 2]),
        "damaged": ("cut.pt", b"PK\x03\x04nonsense"),
        "empty": ("empty.safetensors", b""),
        "can't be opened here": ("notes.md", b"words"),
        "it holds a text": ("notes.txt", b"words"),
        "no weights": ("atlas.json", b"{}"),
        "is not JSON": ("half.json", b'{"layers": ['),
    }
    paths = {}
    for word, (name, data) in contents.items():
        paths[word] = folder / name
        paths[word].write_bytes(data)
    paths["is a folder"] = folder
    paths["cannot be read"] = folder / "gone.safetensors"
    paths["far larger"] = folder / "huge.safetensors"
    with paths["far larger"].open("wb") as file:
        file.truncate(max(10 * 2**30, MAX_FILE_BYTES + 1))  # a hole, not bytes
    return paths


def test_a_file_that_cannot_be_opened_is_reported_and_changes_nothing(app: App, tmp_path: Path) -> None:
    for word, path in bad(tmp_path).items():
        before, journal = list(app.sim.grids), len(app.sim.journal)
        app.toasts.clear()
        open_files.drop(app, [path])
        assert [(toast.kind, word in toast.text) for toast in app.toasts] == [("error", True)], app.toasts
        assert (list(app.sim.grids), len(app.sim.journal)) == (before, journal)
    assert app.prefs.recent == []


def test_a_picture_that_is_no_still_is_reported(app: App, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    open_files.drop(app, [tmp_path / "photo.png"])
    assert [toast.kind for toast in app.toasts] == ["error"]
    assert len(app.panes) == 1


def test_the_valid_ones_of_several_dropped_files_open(app: App, tmp_path: Path) -> None:
    good = [saved(tmp_path, name, seed) for seed, name in enumerate(("a", "b"))]
    open_files.drop(app, [good[0], tmp_path / "gone.pt", good[1]])
    assert [pane.grid.model.config.name for pane in app.panes] == ["first", "a", "b"]
    assert [toast.kind for toast in app.toasts] == ["error"]


def test_only_the_first_of_many_dropped_files_open(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def open_path(_app: App, path: Path) -> None:
        opened.append(path)
        if len(opened) > 13:
            raise NCAError("There is room for 16 grids; remove one first.")

    monkeypatch.setattr(open_files, "open_path", open_path)
    open_files.drop(app, [Path(f"{n}.pt") for n in range(30)])
    assert len(opened) == open_files.MOST_DROPPED
    assert [toast.kind for toast in app.toasts] == ["error", "error"]
    assert app.toasts[-1].text == "Opened 13 of 30 dropped files; drop at most 16 at once."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.pt", "model"),
        ("a.PTH", "model"),
        ("a.json", "model"),
        ("a.txt", "model"),
        ("a.glsl", "model"),
        ("a.nca", "session"),
        ("a.png", "session"),
    ],
)
def test_kinds_of_files(name: str, kind: str) -> None:
    assert file_kinds.kind_of(Path("nowhere") / name) == kind
    with pytest.raises(NCAError, match=r"models end in"):
        file_kinds.kind_of(Path("a.mp4"))


# The window, in a process of its own


def gallery(folder: Path) -> None:
    """Use the gallery by mouse and keys, the file dialog, and drop files."""
    from imgui_bundle import imgui
    from window_driver import Drops, drive, wait_until

    key, ctrl = imgui.Key, int(imgui.Key.mod_ctrl)
    good = saved(folder, "good", 3)
    broken = folder / "broken.safetensors"
    broken.write_bytes(b"nonsense")
    os.chdir(folder)

    def script(engine: Any, app: App) -> None:
        def show() -> None:
            open_files.open_gallery(app)
            wait_until(engine, lambda: imgui.is_popup_open("", imgui.PopupFlags_.any_popup))
            engine.yield_(2)
            engine.set_ref("//##gallery")

        def names() -> list[str]:
            return [pane.grid.model.config.name for pane in app.panes]

        def closed() -> bool:
            return not app.show_gallery

        shipped = [path.stem for path in model_files.shipped_models()]
        app.prefs.recent = [str(good), str(broken)]
        show()
        engine.item_click("**/tile0")
        wait_until(engine, closed)
        assert names() == [shipped[0]]
        # In a new grid, by the small button and with Ctrl.
        show()
        engine.mouse_move("**/tile1")
        engine.yield_(2)
        engine.item_click("**/###beside1")
        wait_until(engine, closed)
        show()
        engine.key_down(ctrl)
        engine.item_click("**/tile2")
        engine.key_up(ctrl)
        wait_until(engine, closed)
        assert names() == shipped[:3]
        assert app.selected == 2
        # By keys: it starts at the running model; Escape closes it.
        show()
        engine.key_press(int(key.right_arrow))
        engine.key_press(int(key.enter))
        wait_until(engine, closed)
        assert names() == [*shipped[:2], shipped[3]]
        show()
        engine.key_press(int(key.escape))
        wait_until(engine, closed)
        # The error of a broken file is shown, and the gallery stays.
        show()
        engine.key_chars("broken")  # else its tile is below the visible ones
        engine.yield_(2)
        engine.item_click("**/tile0")
        wait_until(engine, lambda: bool(app.toasts))
        window.gallery().tiles.set_filter("")
        assert app.show_gallery
        assert names() == [*shipped[:2], shipped[3]]
        # The file dialog, by keys: it shows its own errors; Enter opens in the selected grid, Ctrl Enter in a new one.
        engine.item_click("###page")
        engine.yield_(2)
        app.toasts.clear()
        engine.key_press(int(key.home))
        engine.key_press(int(key.enter))
        engine.yield_(2)
        assert "broken" in window.gallery().browser.error
        assert app.show_gallery
        assert not app.toasts
        engine.key_press(int(key.end))
        engine.key_press(int(key.enter))
        wait_until(engine, closed)
        assert names() == [*shipped[:2], "good"]
        show()
        engine.key_press(ctrl | int(key.o))
        engine.yield_(2)
        engine.key_press(int(key.end))
        engine.key_press(ctrl | int(key.enter))
        wait_until(engine, closed)
        assert names() == [*shipped[:2], "good", "good"]
        assert app.prefs.recent[0] == str(good)
        count = len(app.panes)
        window.drop([str(good), str(folder)])
        wait_until(engine, lambda: len(app.panes) == count + 1)
        assert any("is a folder" in toast.text for toast in app.toasts)

    window = Drops()
    drive(Options((16, 16), steps_per_second=(0.0,)), 1, script)


# Tests that run the scenarios


def test_the_gallery_by_mouse_and_keys(tmp_path: Path) -> None:
    apart(__file__, "gallery", tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    globals()[sys.argv[1]](Path(sys.argv[2]))
