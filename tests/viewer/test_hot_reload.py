"""Model files that change while the window uses them."""

from pathlib import Path

import numpy as np
import pytest
from apps import WatchedFile, model
from helpers import NOTEBOOK_CONFIG, random_model, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Feature, equal_models
from ncaengine.formats.model_files import save
from ncaengine.simulation import commands
from ncaengine.viewer.actions import grids
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD

# Files


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_replaced_file_is_loaded_once(tmp_path: Path, ending: str) -> None:
    file = WatchedFile(tmp_path / f"zebra.{ending}")
    assert file.poll() == []
    file.replace(model("zebra", 1))
    [change] = file.poll()
    assert change.path == file.path
    assert change.before is file.first
    assert equal_models(change.found, model("zebra", 1))
    assert file.poll() == []
    file.replace(model("zebra", 2))
    [later] = file.poll()
    assert later.before is change.found


def test_files_are_checked_every_half_second(file: WatchedFile) -> None:
    file.poll()
    file.replace(model("zebra", 1))
    file.clock.now += 0.9 * PERIOD
    assert file.watch.poll() == []
    file.clock.now += 0.2 * PERIOD
    assert len(file.watch.poll()) == 1


def test_a_file_being_written_is_loaded_when_complete(file: WatchedFile, tmp_path: Path) -> None:
    save(model("zebra", 1), tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    for part in (0, 4, len(whole) // 2, len(whole) - 1):
        file.rewrite(whole[:part])
        assert file.poll() == []
    file.rewrite(whole)
    [change] = file.poll()
    assert equal_models(change.found, model("zebra", 1))


def test_each_broken_version_of_a_file_is_reported_once(file: WatchedFile) -> None:
    for text in (b"nonsense", b"more nonsense"):
        file.rewrite(text)
        assert file.poll() == []
        [change] = file.poll()
        assert isinstance(change.found, NCAError)
        assert str(change.found).startswith(f"{file.path}: ")
        assert change.before is file.first
        assert [file.poll() for _ in range(3)] == [[]] * 3
    file.replace(model("zebra", 1))
    [change] = file.poll()
    assert equal_models(change.found, model("zebra", 1))
    assert change.before is file.first


def test_a_missing_file_is_no_change(file: WatchedFile, tmp_path: Path) -> None:
    file.path.rename(tmp_path / "elsewhere")
    assert [file.poll() for _ in range(3)] == [[]] * 3
    (tmp_path / "elsewhere").rename(file.path)
    assert file.poll() == []
    file.path.unlink()
    assert file.poll() == []
    file.replace(model("zebra", 1))
    assert len(file.poll()) == 1


def test_a_path_is_opened_once(file: WatchedFile) -> None:
    assert file.watch.open(file.path) is file.first
    with pytest.raises(NCAError, match=r"none\.pt: cannot be read"):
        file.watch.open(file.path.with_name("none.pt"))
    file.replace(model("zebra", 1))
    assert len(file.poll()) == 1


# Grids


def test_grids_of_the_file_continue_with_the_new_model(watching: App, file: WatchedFile) -> None:
    grids = watching.sim.grids
    for number in grids:
        watching.submit(commands.Step(number, 5))
    before = {number: grid.state() for number, grid in grids.items()}
    file.replace(model("zebra", 1))
    file.reload()
    assert [equal_models(grid.model, model("zebra", 1)) for grid in grids.values()] == [True, False, True]
    assert [grid.step for grid in grids.values()] == [5, 5, 5]
    for number, grid in grids.items():
        assert (grid.state() == before[number]).all()
    assert watching.reload_note.startswith("zebra.safetensors reloaded ")
    assert not watching.toasts


def test_a_grid_continues_with_the_new_version_of_its_second_model(watching: App, file: WatchedFile) -> None:
    _, other, _ = watching.sim.grids.values()
    watching.submit(commands.SetModel(other.id, watching.sim.register(file.first), 1))
    file.replace(model("zebra", 1))
    file.reload()
    assert [equal_models(each, model("zebra", 1)) for each in other.models] == [False, True]


@pytest.mark.parametrize("value", [1e3, np.nan])
def test_an_exploded_grid_restarts_with_the_next_version(watching: App, file: WatchedFile, value: float) -> None:
    first, *others = watching.sim.grids.values()
    for grid in (first, *others):
        watching.submit(commands.Step(grid.id, 5))
    state = first.state()
    state[3, 2, 1] = value
    first.cells.write(state)
    file.replace(model("zebra", 1))
    file.reload()
    assert (first.step, np.abs(first.state()).max()) == (0, 0)
    assert all(grid.step == 5 for grid in others)


def test_only_the_latest_version_is_an_open_model(watching: App, file: WatchedFile) -> None:
    for seed in (1, 2, 3):
        file.replace(model("zebra", seed))
        file.reload()
    assert list(watching.models) == ["zebra", "other"]
    assert {watching.name_of(grid.model) for grid in watching.sim.grids.values()} == {"zebra", "other"}
    watching.select(1)
    grids.use_model(watching, "zebra")
    assert equal_models(watching.grid.model, model("zebra", 3))
    file.replace(model("zebra", 4))
    file.reload()
    assert all(equal_models(grid.model, model("zebra", 4)) for grid in watching.sim.grids.values())


def test_a_broken_version_changes_no_grid_and_is_shown_until_a_good_one_comes(watching: App, file: WatchedFile) -> None:
    journal = list(watching.sim.journal)
    for text in (b"nonsense", b"more nonsense"):
        file.rewrite(text)
        file.reload(4)
        assert watching.sim.journal == journal
        assert [toast.kind for toast in watching.toasts] == ["error"]
        assert watching.toasts[0].text.startswith(f"{file.path}: is not a complete")
        assert watching.toasts[0].text.endswith("The previous version keeps running.")
        assert watching.reload_note == ""
    file.replace(model("zebra", 1))
    file.reload()
    assert not watching.toasts
    assert watching.reload_note


def test_a_version_that_a_grid_cannot_run_is_reported_and_the_next_one_runs(watching: App, file: WatchedFile) -> None:
    file.replace(random_model(Config(channels=3, hidden=2, features=(Feature("bilaplacian"),), name="zebra")))
    file.reload()
    assert watching.sim.grids[1].model is file.first
    assert [(toast.kind, "bilaplacian" in toast.text) for toast in watching.toasts] == [("error", True)]
    assert watching.reload_note == ""
    file.replace(model("zebra", 1))
    file.reload()
    assert [equal_models(grid.model, model("zebra", 1)) for grid in watching.sim.grids.values()] == [True, False, True]


def test_a_version_with_more_channels_keeps_the_state(watching: App, file: WatchedFile) -> None:
    watching.submit(commands.Step(1, 5))
    before = watching.sim.grids[1].state()
    file.replace(random_model(small(NOTEBOOK_CONFIG, channels=7, name="zebra"), 1))
    file.reload()
    after = watching.sim.grids[1].state()
    assert (after[..., :5] == before).all()
    assert (after[..., 5:] == 0).all()


def test_new_weights_compile_nothing(watching: App, file: WatchedFile, gl: GLBackend) -> None:
    programs = dict(gl.device._compute)
    for seed in (1, 2, 3):
        file.replace(model(f"zebra {seed}", seed))
        file.reload()
    assert equal_models(watching.sim.grids[1].model, model("zebra 3", 3))
    assert gl.device._compute == programs
    file.replace(random_model(small(NOTEBOOK_CONFIG, hidden=37), 1))  # that no other test compiles
    file.reload()
    assert len(gl.device._compute) == len(programs) + 1
