"""Model files that change while they are shown: noticed, loaded, run on from the same state, and replayed.

The window's own part runs in a process of its own, see window_driver:
`python tests/viewer/test_hot_reload.py FOLDER` runs it by hand.
"""

import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import NOTEBOOK_CONFIG, apart, random_model, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.canvas import Canvas
from ncaengine.core import kernels
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Feature, Model
from ncaengine.formats.model_files import save
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import grids, open_files, running
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD, Change, ModelWatch
from ncaengine.viewer.state.options import Options

OPTIONS = Options((12, 10), steps_per_second=(0.0,))


def model(seed: int, name: str = "zebra") -> Model:
    return random_model(small(NOTEBOOK_CONFIG, name=name), seed)


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Written:
    """A watched file, looked at again by `look`, that is written later each time, however fast a test is."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.time = path, Clock(), 10**18
        self.replace(model(0))
        self.watch = ModelWatch(self.clock)
        self.first = self.watch.open(path)

    def _date(self) -> None:
        self.time += 10**9
        os.utime(self.path, ns=(self.time, self.time))

    def replace(self, model: Model) -> None:
        save(model, self.path)
        self._date()

    def rewrite(self, data: bytes) -> None:
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(0)
            file.write(data)
        self._date()

    def look(self) -> list[Change]:
        self.clock.now += PERIOD
        return self.watch.poll()


reloaders: dict[App, HotReload] = {}
"""What the window would hold beside each App."""


@pytest.fixture
def file(tmp_path: Path) -> Written:
    return Written(tmp_path / "zebra.safetensors")


@pytest.fixture
def app(file: Written, gl: GLBackend, catalogue: Catalogue) -> Iterator[App]:
    """Two grids of the watched model and one of another, no window."""
    sim = Simulation(gl, catalogue)
    app = App(sim, watch=file.watch)
    open_files.open_models(app, [file.first, model(9, "other"), file.first], OPTIONS)
    reloaders[app] = HotReload(app)
    yield app
    for grid in sim.grids.values():
        grid.cells.release()


def same(a: Model, b: Model) -> bool:
    return a.config == b.config and all((getattr(a, n) == getattr(b, n)).all() for n in ("w1", "b1", "w2", "b2"))


# Files


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_a_file_that_is_replaced_is_loaded_once(tmp_path: Path, ending: str) -> None:
    file = Written(tmp_path / f"zebra.{ending}")
    assert file.look() == []
    file.replace(model(1))
    [change] = file.look()
    assert change.path == file.path
    assert change.before is file.first
    assert same(change.found, model(1))
    assert file.look() == []
    file.replace(model(2))
    [later] = file.look()
    assert later.before is change.found


def test_looks_are_half_a_second_apart(file: Written) -> None:
    file.look()
    file.replace(model(1))
    file.clock.now += 0.9 * PERIOD
    assert file.watch.poll() == []
    file.clock.now += 0.2 * PERIOD
    assert len(file.watch.poll()) == 1


def test_a_file_that_is_being_written_is_waited_for(file: Written, tmp_path: Path) -> None:
    save(model(1), tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    for part in (0, 4, len(whole) // 2, len(whole) - 1):
        file.rewrite(whole[:part])
        assert file.look() == []
    file.rewrite(whole)
    [change] = file.look()
    assert same(change.found, model(1))


def test_a_broken_file_is_complained_about_once_a_version(file: Written) -> None:
    for text in (b"nonsense", b"more nonsense"):
        file.rewrite(text)
        assert file.look() == []
        [change] = file.look()
        assert isinstance(change.found, NCAError)
        assert str(change.found).startswith(f"{file.path}: ")
        assert change.before is file.first
        assert [file.look() for _ in range(3)] == [[]] * 3
    file.replace(model(1))
    [change] = file.look()
    assert same(change.found, model(1))
    assert change.before is file.first


def test_a_file_that_is_away_is_waited_for(file: Written, tmp_path: Path) -> None:
    file.path.rename(tmp_path / "elsewhere")
    assert [file.look() for _ in range(3)] == [[]] * 3
    (tmp_path / "elsewhere").rename(file.path)
    assert file.look() == []
    file.path.unlink()
    assert file.look() == []
    file.replace(model(1))
    assert len(file.look()) == 1


def test_a_path_is_opened_once(file: Written) -> None:
    assert file.watch.open(file.path) is file.first
    with pytest.raises(NCAError, match=r"none\.pt: cannot be read"):
        file.watch.open(file.path.with_name("none.pt"))
    file.replace(model(1))
    assert len(file.look()) == 1


# Grids


def reload(app: App, file: Written, looks: int = 1) -> None:
    for _ in range(looks):
        file.clock.now += PERIOD
        reloaders[app].poll()


def test_grids_of_the_file_run_on_with_the_new_model(app: App, file: Written) -> None:
    grids = app.sim.grids
    for number in grids:
        app.submit(commands.Step(number, 5))
    before = {number: grid.state() for number, grid in grids.items()}
    file.replace(model(1))
    reload(app, file)
    assert [same(grid.model, model(1)) for grid in grids.values()] == [True, False, True]
    assert [grid.step for grid in grids.values()] == [5, 5, 5]
    for number, grid in grids.items():
        assert (grid.state() == before[number]).all()
    assert app.reload_note.startswith("zebra.safetensors reloaded ")
    assert not app.toasts


@pytest.mark.parametrize("value", [1e3, np.nan])
def test_a_grid_that_exploded_starts_afresh_with_the_next_version(app: App, file: Written, value: float) -> None:
    first, *others = app.sim.grids.values()
    for grid in (first, *others):
        app.submit(commands.Step(grid.id, 5))
    state = first.state()
    state[3, 2, 1] = value
    first.cells.write(state)
    file.replace(model(1))
    reload(app, file)
    assert (first.step, np.abs(first.state()).max()) == (0, 0)
    assert all(grid.step == 5 for grid in others)


def test_the_panel_offers_the_last_version_only(app: App, file: Written) -> None:
    for seed in (1, 2, 3):
        file.replace(model(seed))
        reload(app, file)
    assert list(app.models) == ["zebra", "other"]
    assert {app.name_of(grid.model) for grid in app.sim.grids.values()} == {"zebra", "other"}
    app.select(1)
    grids.use_model(app, "zebra")
    assert same(app.grid.model, model(3))
    file.replace(model(4))
    reload(app, file)
    assert all(same(grid.model, model(4)) for grid in app.sim.grids.values())


def test_a_broken_version_leaves_the_grids_alone_and_is_told_until_a_good_one_comes(app: App, file: Written) -> None:
    journal = list(app.sim.journal)
    for text in (b"nonsense", b"more nonsense"):
        file.rewrite(text)
        reload(app, file, looks=4)
        assert app.sim.journal == journal
        assert [toast.kind for toast in app.toasts] == ["error"]
        assert app.toasts[0].text.startswith(f"{file.path}: is not a complete")
        assert app.toasts[0].text.endswith("The previous version keeps running.")
        assert app.reload_note == ""
    file.replace(model(1))
    reload(app, file)
    assert not app.toasts
    assert app.reload_note


def test_a_version_that_a_grid_cannot_run_is_told_and_the_next_one_runs(app: App, file: Written) -> None:
    file.replace(random_model(Config(channels=3, hidden=2, features=(Feature("bilaplacian"),), name="zebra")))
    reload(app, file)
    assert app.sim.grids[1].model is file.first
    assert [(toast.kind, "bilaplacian" in toast.text) for toast in app.toasts] == [("error", True)]
    assert app.reload_note == ""
    file.replace(model(1))
    reload(app, file)
    assert [same(grid.model, model(1)) for grid in app.sim.grids.values()] == [True, False, True]


def test_other_channels_take_over_the_state_as_set_model_does(app: App, file: Written) -> None:
    app.submit(commands.Step(1, 5))
    before = app.sim.grids[1].state()
    file.replace(random_model(small(NOTEBOOK_CONFIG, channels=7, name="zebra"), 1))
    reload(app, file)
    after = app.sim.grids[1].state()
    assert (after[..., :5] == before).all()
    assert (after[..., 5:] == 0).all()


def test_new_weights_compile_nothing(app: App, file: Written, gl: GLBackend) -> None:
    programs = dict(gl.device._compute)
    for seed in (1, 2, 3):
        file.replace(model(seed, name=f"zebra {seed}"))
        reload(app, file)
    assert same(app.sim.grids[1].model, model(3, name="zebra 3"))
    assert gl.device._compute == programs
    file.replace(random_model(small(NOTEBOOK_CONFIG, hidden=37), 1))  # which no other test compiles
    reload(app, file)
    assert len(gl.device._compute) == len(programs) + 1


# Kernels


class Plugin:
    """A kernel.toml in a folder of plugins, written later each time, however fast a test is."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.time = folder / name / "kernel.toml", 10**18
        self.path.parent.mkdir(parents=True)
        self.plain = (kernels.resources.folder("plugins") / "square" / "kernel.toml").read_text("utf-8")
        self.write(f'name = "{name}"')

    def write(self, name_line: str, divisor: int = 8, rest: str = "") -> None:
        """The square kernel under another name, its gradient over another divisor."""
        text = re.sub(r"(?m)^name = .*$", name_line, self.plain, count=1)
        text = text.replace("divisor = 8", f"divisor = {divisor}", 1) + rest
        self.path.write_text(text, "utf-8")
        self.time += 10**9
        os.utime(self.path, ns=(self.time, self.time))


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plugins; the user's own is another, which is empty."""
    monkeypatch.setattr(kernels, "user_folder", lambda: tmp_path / "user")
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


@pytest.fixture
def with_plugin(plugins: Path, gl: GLBackend) -> Iterator[tuple[App, Plugin, Clock]]:
    """Two grids on a plugin of one's own and one on a built-in kernel."""
    clock, plugin = Clock(), Plugin(plugins, "mine")
    sim = Simulation(gl, kernels.discover([plugins]))
    app = App(sim, watch=ModelWatch(clock, [plugins]))
    for kernel in ("mine", "square", "mine"):
        open_files.open_models(app, [model(1)], Options((12, 10), kernel, (0.0,)))
    reloaders[app] = HotReload(app)
    yield app, plugin, clock
    for grid in sim.grids.values():
        grid.cells.release()


def look(app: App, clock: Clock, times: int = 1) -> None:
    for _ in range(times):
        clock.now += PERIOD
        reloaders[app].poll()


def test_a_kernel_that_changed_runs_where_it_ran(with_plugin: tuple[App, Plugin, Clock]) -> None:
    app, plugin, clock = with_plugin
    square = app.sim.grids[2].kernel
    journal = len(app.sim.journal)
    plugin.write('name = "mine"', divisor=4)
    look(app, clock)
    first, other, third = app.sim.grids.values()
    assert first.kernel is third.kernel is app.sim.catalogue.get("mine")
    assert first.kernel.stencils != square.stencils
    assert other.kernel is square
    assert [entry.command for entry in app.sim.journal[journal:]] == [
        commands.SetKernel(first.id, "mine"),
        commands.SetKernel(third.id, "mine"),
    ]
    assert app.reload_note.startswith("kernel mine reloaded ")
    assert not app.toasts


def test_a_broken_kernel_is_told_once_and_the_last_one_runs_on(with_plugin: tuple[App, Plugin, Clock]) -> None:
    app, plugin, clock = with_plugin
    before, journal = app.sim.grids[1].kernel, list(app.sim.journal)
    for text in ("name = ", 'name = "Not A Name"'):
        plugin.write(text)
        look(app, clock, 4)
        [toast] = app.toasts
        assert toast.text.startswith(f"{plugin.path}: ")
        assert toast.text.endswith("The previous version keeps running.")
        assert app.sim.grids[1].kernel is before
        assert app.sim.journal == journal
    plugin.write('name = "mine"')
    look(app, clock)
    assert not app.toasts
    assert app.sim.grids[1].kernel is not before


def test_a_kernel_may_change_its_name_but_take_no_other(with_plugin: tuple[App, Plugin, Clock]) -> None:
    app, plugin, clock = with_plugin
    plugin.write('name = "hexagonal"')
    look(app, clock)
    assert "is the name of" in app.toasts[0].text
    assert app.sim.grids[1].kernel.name == "mine"
    plugin.write('name = "renamed"')
    look(app, clock)
    assert not app.toasts
    assert "mine" not in app.sim.catalogue.kernels
    assert [grid.kernel.name for grid in app.sim.grids.values()] == ["renamed", "square", "renamed"]


def test_a_kernel_without_a_stencil_that_a_model_needs_is_told(with_plugin: tuple[App, Plugin, Clock]) -> None:
    app, plugin, clock = with_plugin
    extra = "\n[stencils.more]\nweights = [[1]]\n"
    plugin.write('name = "mine"', rest=extra)
    look(app, clock)
    needs = random_model(Config(channels=3, hidden=2, features=(Feature("more"),), name="needs"))
    app.submit(commands.SetModel(1, app.sim.register(needs)))
    before = app.sim.grids[1].kernel
    plugin.write('name = "mine"')
    look(app, clock)
    assert app.sim.grids[1].kernel is before
    assert app.sim.grids[3].kernel is app.sim.catalogue.get("mine")
    assert [toast.kind for toast in app.toasts] == ["error"]
    app.submit(commands.Step(1, 2))
    assert app.sim.grids[1].step == 2


def test_new_plugins_are_found(with_plugin: tuple[App, Plugin, Clock]) -> None:
    app, plugin, clock = with_plugin
    look(app, clock)
    journal = list(app.sim.journal)
    Plugin(plugin.path.parent.parent, "second")
    Plugin(kernels.user_folder(), "third")
    broken = Plugin(plugin.path.parent.parent, "fourth")
    broken.write("name = ")
    look(app, clock)
    assert {"second", "third"} < set(app.sim.catalogue.kernels)
    assert app.sim.journal == journal
    assert not app.toasts  # it may still be being written
    look(app, clock)
    [toast] = app.toasts
    assert toast.text.startswith(f"{broken.path}: is not TOML")
    broken.write('name = "fourth"')
    look(app, clock)
    assert "fourth" in app.sim.catalogue.kernels
    assert not app.toasts


# Shaders


@pytest.fixture
def shaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shaders, which the engine takes for its own."""
    for name in ("shaders", "plugins"):
        shutil.copytree(kernels.resources.folder(name), tmp_path / name)
    monkeypatch.setattr(kernels.resources, "_PACKAGE", tmp_path / "ncaengine")
    return tmp_path / "shaders"


def rewrite(path: Path, old: str, new: str, second: int) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    os.utime(path, ns=(10**18 + second * 10**9,) * 2)


MAIN = {"step.comp": "void main() {", "canvas.comp": "void main() {"}


@pytest.fixture
def edited(app: App, file: Written, gl: GLBackend, shaders: Path) -> Iterator[App]:
    canvas = gl.canvas
    gl.canvas = Canvas(gl.device)
    reloaders[app].watch_shaders()
    yield app
    gl.device.forgiving = False
    gl.canvas.release()
    gl.canvas = canvas


@pytest.mark.parametrize("name", MAIN)
def test_a_broken_shader_is_told_with_its_place_and_the_last_one_runs_on(
    edited: App, file: Written, shaders: Path, name: str
) -> None:
    grid = edited.sim.grids[1]
    picture = grid.image()
    rewrite(shaders / name, MAIN[name], f"{MAIN[name]} broken;", 1)
    line = next(n for n, text in enumerate((shaders / name).read_text().splitlines(), 1) if "broken;" in text)
    reload(edited, file, looks=3)
    [toast] = edited.toasts
    assert toast.kind == "error"
    assert f"shaders/{name}:{line}" in toast.text
    edited.submit(commands.Step(1, 3))
    assert grid.step == 3
    assert np.array_equal(grid.image().shape, picture.shape)
    for other in edited.sim.grids.values():  # all that draws and steps, kernels that were not compiled before apart
        other.image()
        edited.submit(commands.SetKernel(other.id, "square"))
    assert edited.toasts == [toast]
    rewrite(shaders / name, " broken;", "", 2)
    reload(edited, file)
    assert not edited.toasts
    assert edited.reload_note.startswith("shaders reloaded ")


def test_a_new_shader_draws_and_steps_at_once(edited: App, file: Written, shaders: Path) -> None:
    grid = edited.sim.grids[1]
    edited.submit(commands.Step(1, 3))
    assert grid.image().any()
    changes, state = grid.changes, grid.state()
    rewrite(shaders / "canvas.comp", "void main() {", "void black() {", 1)
    with (shaders / "canvas.comp").open("a") as written:
        written.write(
            "\nvoid main() { imageStore(picture, ivec2(gl_GlobalInvocationID.xy), vec4(0.0, 0.0, 0.0, 1.0)); }\n"
        )
    os.utime(shaders / "canvas.comp", ns=(10**18 + 2 * 10**9,) * 2)
    reload(edited, file)
    assert not edited.toasts
    assert not grid.image().any()
    assert grid.changes > changes
    assert np.array_equal(grid.state(), state)


@pytest.mark.parametrize("data", [b"\xff\xfe", b'#version 430\n#include "none.glsl"\n', b"//@ nonsense\n"])
def test_a_shader_that_cannot_be_read_is_told(edited: App, file: Written, shaders: Path, data: bytes) -> None:
    (shaders / "canvas.comp").write_bytes(data)
    reload(edited, file, looks=3)
    [toast] = edited.toasts
    assert "A shader can't be read: " in toast.text
    assert edited.sim.grids[1].image().shape


# The window, in the other process


def window(folder: Path) -> None:
    """Files that change under a running window, then under one that naps; the journal gives the same state."""
    from ncaengine.viewer import window as module

    for name in ("shaders", "plugins"):
        shutil.copytree(kernels.resources.folder(name), folder / name)
    kernels.resources._PACKAGE = folder / "ncaengine"
    file = Written(folder / "zebra.safetensors")
    options = Options((40, 30), steps_per_second=(60.0,))
    with module.Window([file.first], options, kernels.discover(), hidden=True, watch=file.watch) as shown:
        app, sim = shown.app, shown.app.sim
        grid = sim.grids[1]

        def frames(steps: int) -> None:
            end = grid.step + steps
            while grid.step < end:
                shown.frame()

        frames(5)
        file.replace(model(1))
        file.clock.now += PERIOD
        before = grid.step
        shown.frame()
        assert same(grid.model, model(1))
        assert grid.step >= before
        frames(5)
        file.rewrite(b"nonsense")
        for _ in range(2):
            file.clock.now += PERIOD
            shown.frame()
        assert same(grid.model, model(1))
        assert [toast.kind for toast in app.toasts] == ["error"]
        frames(5)
        app.toasts.clear()
        break_shaders(folder / "shaders", shown, file)
        frames(5)
        running.toggle_pause(app)
        nap(module, shown, file)
        assert same(grid.model, model(2))
        running.single_step(app)
        state, tick, journal, models = grid.state(), sim.tick, list(sim.journal), list(sim.models.values())
    names = [type(entry.command).__name__ for entry in journal]
    assert names == ["AddGrid", "SetModel", "Set", "SetModel", "Step"], names
    with Simulation() as again:
        for version in models:
            again.register(version)
        again.replay(journal, tick)
        assert np.array_equal(again.grids[1].state(), state)


def break_shaders(folder: Path, shown: Any, file: Written) -> None:
    """Shaders that break under a running window, and are mended."""
    for second, name in enumerate(MAIN):
        rewrite(folder / name, MAIN[name], f"{MAIN[name]} broken;", 10 * second)
        for _ in range(2):
            file.clock.now += PERIOD
            shown.frame()
        assert [f"shaders/{name}:" in toast.text for toast in shown.app.toasts] == [True]
        for _ in range(3):
            shown.frame()
        rewrite(folder / name, " broken;", "", 10 * second + 1)
        file.clock.now += PERIOD
        shown.frame()
        assert not shown.app.toasts


def nap(module: Any, shown: Any, file: Written) -> None:
    """Run the window until it is closed; it naps, and a file that changes then is drawn."""
    from imgui_bundle import imgui

    module.AWAKE, module.NAP = -1.0, 0.01
    module.host.glfw.wait_events_timeout = time.sleep  # GLFW's null platform does not wait
    real, looks, frames = shown.hot_reload.poll, 0, imgui.get_frame_count()

    def reload() -> bool:
        nonlocal looks
        looks += 1
        if looks == 10:
            file.replace(model(2))
            file.clock.now += PERIOD
        shown.app.closing = looks > 10
        return bool(real())

    shown.hot_reload.poll = reload
    shown.run()
    assert looks == 11
    assert imgui.get_frame_count() - frames == 2


# What runs under pytest


def test_a_window_shows_what_a_training_writes(tmp_path: Path) -> None:
    apart(__file__, tmp_path)


if __name__ == "__main__":
    warnings.simplefilter("error")
    window(Path(sys.argv[1]))
