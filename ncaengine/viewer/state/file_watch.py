"""Watch files that the window uses (models, kernels, shaders) and load them again when they change.

This shows a training run that rewrites its output: each version that opens replaces the previous one,
each that doesn't is reported once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ncaengine.core import kernels, resources
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.formats.opened import Opened

PERIOD = 0.5
"""Seconds between two checks of the files."""

Clock = Callable[[], float]
T = TypeVar("T")


@dataclass(frozen=True)
class Change(Generic[T]):
    """A file with new content."""

    path: Path
    before: T | None
    """The last version that opened; None if none ever did."""
    found: T | NCAError
    """The new version, or the error that says why it doesn't open."""


@dataclass
class _WatchedFile(Generic[T]):
    path: Path
    load: Callable[[Path], T]
    value: T | None
    version: object
    """The version that was last reported."""
    failed_once: object = None
    """A version that didn't open, perhaps because it is still being written."""

    def check(self, version: object) -> Change[T] | None:
        """Return the change, if any, given the file's present version. A missing file (None) has not changed."""
        if version is None or version == self.version:
            return None
        before = self.value
        found: T | NCAError
        try:
            found = self.value = self.load(self.path)
        except NCAError as error:
            if version != self.failed_once:  # the next check shows whether it is being written or stays as it is
                self.failed_once = version
                return None
            found = error
        self.version = version
        return Change(self.path, before, found)


class _Timer:
    """Says when it is time to check the files again."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._due = clock, clock()

    def over(self) -> bool:
        if self._clock() < self._due:
            return False
        self._due = self._clock() + PERIOD
        return True


class ModelWatch:
    """Model files and the last version of each that opened.

    plugins: the folders of kernels named at the start, for KernelWatch.
    """

    def __init__(self, clock: Clock = time.monotonic, plugins: Sequence[Path] = ()) -> None:
        self.clock, self.plugins = clock, tuple(plugins)
        self._timer = _Timer(clock)
        self._files: dict[Path, _WatchedFile[Model]] = {}
        self._last: Opened | None = None

    def open(self, path: Path) -> Model:
        """Load a model and watch its file from now on. The same path gives the same model. Raise NCAError on error."""
        path = next((known for known in self._files if known.absolute() == path.absolute()), path)
        if path not in self._files:
            opened = self.current(path)
            model = opened.model(model_files.split_path(path)[1])
            self._files[path] = _WatchedFile(path, self._load, model, opened.version)
        found = self._files[path].value
        assert found is not None
        return found

    def read(self, path: Path) -> Opened:
        """Read a model file. `current` then returns it as long as it is unchanged. Raise NCAError on error."""
        self._last = model_files.open_file(model_files.split_path(path)[0])
        return self._last

    def current(self, path: Path) -> Opened:
        """Return a model file as it is now, read again unless it is the last one read. Raise NCAError on error."""
        file, last = model_files.split_path(path)[0], self._last
        if last and last.path.absolute() == file.absolute() and last.version == model_files.file_version(file):
            return last
        return self.read(file)

    def _load(self, path: Path) -> Model:
        return self.current(path).model(model_files.split_path(path)[1])

    def collection(self, path: Path) -> Opened | None:
        """Return a file if it holds several models and the path doesn't name one. Raise NCAError on error."""
        if model_files.split_path(path)[1]:
            return None
        opened = self.current(path)
        return opened if len(opened.models) > 1 else None

    def first_path(self, path: Path) -> Path:
        """Return the path of the first model in a file of several, any other path as it is. Raise NCAError on error."""
        collection = self.collection(path)
        return collection.paths[0] if collection else path

    def path_of(self, model: Model) -> Path | None:
        """Return the file whose last version a model is."""
        return next((path for path, file in self._files.items() if file.value is model), None)

    def poll(self) -> list[Change[Model]]:
        """Return what changed since the last check; nothing if it isn't time for one."""
        if not self._timer.over():
            return []
        return [change for path, file in self._files.items() if (change := file.check(model_files.file_version(path)))]


class KernelWatch:
    """The kernel.toml files of a catalogue, and those that appear in the plugin folders."""

    def __init__(self, catalogue: Catalogue, plugins: Sequence[Path] = (), clock: Clock = time.monotonic) -> None:
        self._timer = _Timer(clock)
        self._folders = (resources.folder("plugins"), kernels.user_folder(), *plugins)
        known: dict[Path, Kernel | None] = {kernel.source: kernel for kernel in catalogue.kernels.values()}
        known.update(dict.fromkeys(catalogue.broken))
        self._files = {
            path: _WatchedFile(path, kernels.load_kernel, kernel, model_files.file_version(path))
            for path, kernel in known.items()
        }

    def poll(self) -> list[Change[Kernel]]:
        """Return what changed since the last check; nothing if it isn't time for one."""
        if not self._timer.over():
            return []
        for folder in self._folders:
            for path in (*sorted(folder.glob("*/kernel.toml")), *folder.glob("kernel.toml")):
                if path not in self._files:
                    self._files[path] = _WatchedFile(path, kernels.load_kernel, None, None)
        return [change for path, file in self._files.items() if (change := file.check(model_files.file_version(path)))]


class ShaderWatch:
    """The folder of shaders as a whole. `compile_` makes programs of it or raises NCAError."""

    def __init__(self, compile_: Callable[[], None], clock: Clock = time.monotonic) -> None:
        self._timer = _Timer(clock)
        folder = resources.folder("shaders")
        self._folder = _WatchedFile(folder, lambda _: compile_(), None, _all_versions(folder))

    def poll(self) -> list[Change[None]]:
        """Return what changed since the last check; nothing if it isn't time for one."""
        if not self._timer.over():
            return []
        change = self._folder.check(_all_versions(self._folder.path))
        return [change] if change else []


def _all_versions(folder: Path) -> object:
    return tuple((path, model_files.file_version(path)) for path in sorted(folder.rglob("*.*")))
