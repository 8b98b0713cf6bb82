"""Parts of Apps without a window, for the tests of viewer/state and viewer/actions."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import published_forms as forms
from helpers import NOTEBOOK_CONFIG, random_model, small

from ncaengine.core.model import Model
from ncaengine.formats.model_files import save
from ncaengine.simulation.commands import Paint
from ncaengine.viewer.actions.hot_reload import HotReload
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.file_watch import PERIOD, Change, ModelWatch


def model(name: str = "small", rng_seed: int = 0, **changes: Any) -> Model:
    """Return a small model with random weights."""
    return random_model(msgspec.structs.replace(small(NOTEBOOK_CONFIG, name=name), **changes), rng_seed)


class Clock:
    """A clock that only tests advance."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class WatchedFile:
    """A watched model file. Every write gives it a later time, however fast a test is."""

    def __init__(self, path: Path) -> None:
        self.path, self.clock, self.time = path, Clock(), 10**18
        self.replace(model("zebra", 0))
        self.watch = ModelWatch(self.clock)
        self.first = self.watch.open(path)
        self.hot_reload: HotReload | None = None

    def _set_time(self) -> None:
        self.time += 10**9
        os.utime(self.path, ns=(self.time, self.time))

    def replace(self, model: Model) -> None:
        """Save another model in the file."""
        save(model, self.path)
        self._set_time()

    def rewrite(self, data: bytes) -> None:
        """Write bytes into the same file, or a new one if it is missing."""
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.truncate(0)
            file.write(data)
        self._set_time()

    def poll(self) -> list[Change]:
        """Check the file when it is time to."""
        self.clock.now += PERIOD
        return self.watch.poll()

    def reload(self, times: int = 1) -> None:
        """Let the App that watches the file reload it."""
        assert self.hot_reload is not None
        for _ in range(times):
            self.clock.now += PERIOD
            self.hot_reload.poll()


def messages(app: App, kind: str = "") -> list[str]:
    """Return the texts of the App's notices, or of those of one kind."""
    return [toast.text for toast in app.toasts if kind in ("", toast.kind)]


def painted(app: App) -> list[Paint]:
    """Return the strokes in the App's journal."""
    return [entry.command for entry in app.sim.journal if isinstance(entry.command, Paint)]


def many_models(folder: Path, count: int) -> Path:
    """Write a file of `count` models, named m0, m1 and so on."""
    path = folder / "many.json"
    path.write_text(json.dumps(forms.atlas(count)))
    return path
