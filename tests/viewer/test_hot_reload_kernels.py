"""Kernel plugins that change while the window uses them."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apps import Clock, model
from helpers import random_model

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import kernels
from ncaengine.core.model import Config, Feature
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.actions import open_files
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD, ModelWatch
from ncaengine.viewer.state.options import Options


class Plugin:
    """A kernel.toml in a folder of plugins. Every write gives it a later time, however fast a test is."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.time = folder / name / "kernel.toml", 10**18
        self.path.parent.mkdir(parents=True)
        self.plain = (kernels.resources.folder("plugins") / "square" / "kernel.toml").read_text("utf-8")
        self.write(f'name = "{name}"')

    def write(self, name_line: str, divisor: int = 8, rest: str = "") -> None:
        """Write the square kernel with another name and another divisor of its gradient."""
        text = re.sub(r"(?m)^name = .*$", name_line, self.plain, count=1)
        text = text.replace("divisor = 8", f"divisor = {divisor}", 1) + rest
        self.path.write_text(text, "utf-8")
        self.time += 10**9
        os.utime(self.path, ns=(self.time, self.time))


WatchedPlugin = tuple[App, Plugin, Callable[..., None]]
"""An App, a plugin that it watches, and a function that checks the plugin a number of times."""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plugins. The user's own folder is empty."""
    monkeypatch.setattr(kernels, "user_folder", lambda: tmp_path / "user")
    (tmp_path / "plugins").mkdir()
    return tmp_path / "plugins"


@pytest.fixture
def with_plugin(plugins: Path, gl: GLBackend) -> Iterator[WatchedPlugin]:
    """Two grids on a plugin and one on a built-in kernel."""
    clock, plugin = Clock(), Plugin(plugins, "mine")
    sim = Simulation(gl, kernels.discover([plugins]))
    app = App(sim, watch=ModelWatch(clock, [plugins]))
    for kernel in ("mine", "square", "mine"):
        open_files.open_models(app, [model("zebra", 1)], Options((12, 10), kernel, (0.0,)))
    hot_reload = HotReload(app)

    def look(times: int = 1) -> None:
        for _ in range(times):
            clock.now += PERIOD
            hot_reload.poll()

    yield app, plugin, look
    for grid in sim.grids.values():
        grid.cells.release()


def test_a_changed_kernel_replaces_the_old_one(with_plugin: WatchedPlugin) -> None:
    app, plugin, look = with_plugin
    square = app.sim.grids[2].kernel
    journal = len(app.sim.journal)
    plugin.write('name = "mine"', divisor=4)
    look()
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


def test_a_broken_kernel_is_reported_once_and_the_last_one_keeps_running(with_plugin: WatchedPlugin) -> None:
    app, plugin, look = with_plugin
    before, journal = app.sim.grids[1].kernel, list(app.sim.journal)
    for text in ("name = ", 'name = "Not A Name"'):
        plugin.write(text)
        look(4)
        [toast] = app.toasts
        assert toast.text.startswith(f"{plugin.path}: ")
        assert toast.text.endswith("The previous version keeps running.")
        assert app.sim.grids[1].kernel is before
        assert app.sim.journal == journal
    plugin.write('name = "mine"')
    look()
    assert not app.toasts
    assert app.sim.grids[1].kernel is not before


def test_a_kernel_may_change_its_name_but_not_to_another_kernels(with_plugin: WatchedPlugin) -> None:
    app, plugin, look = with_plugin
    plugin.write('name = "hexagonal"')
    look()
    assert "is the name of" in app.toasts[0].text
    assert app.sim.grids[1].kernel.name == "mine"
    plugin.write('name = "renamed"')
    look()
    assert not app.toasts
    assert "mine" not in app.sim.catalogue.kernels
    assert [grid.kernel.name for grid in app.sim.grids.values()] == ["renamed", "square", "renamed"]


def test_a_kernel_that_lacks_a_models_stencil_is_reported(with_plugin: WatchedPlugin) -> None:
    app, plugin, look = with_plugin
    extra = "\n[stencils.more]\nweights = [[1]]\n"
    plugin.write('name = "mine"', rest=extra)
    look()
    needs = random_model(Config(channels=3, hidden=2, features=(Feature("more"),), name="needs"))
    app.submit(commands.SetModel(1, app.sim.register(needs)))
    before = app.sim.grids[1].kernel
    plugin.write('name = "mine"')
    look()
    assert app.sim.grids[1].kernel is before
    assert app.sim.grids[3].kernel is app.sim.catalogue.get("mine")
    assert [toast.kind for toast in app.toasts] == ["error"]
    app.submit(commands.Step(1, 2))
    assert app.sim.grids[1].step == 2


def test_new_plugins_are_found(with_plugin: WatchedPlugin) -> None:
    app, plugin, look = with_plugin
    look()
    journal = list(app.sim.journal)
    Plugin(plugin.path.parent.parent, "second")
    Plugin(kernels.user_folder(), "third")
    broken = Plugin(plugin.path.parent.parent, "fourth")
    broken.write("name = ")
    look()
    assert {"second", "third"} < set(app.sim.catalogue.kernels)
    assert app.sim.journal == journal
    assert not app.toasts  # it may be half written
    look()
    [toast] = app.toasts
    assert toast.text.startswith(f"{broken.path}: is not TOML")
    broken.write('name = "fourth"')
    look()
    assert "fourth" in app.sim.catalogue.kernels
    assert not app.toasts
