"""What lies behind the window on the disk, opened again when something writes it: models, kernels, shaders.

A training run that rewrites its output is watched so: each version that opens takes the place of the
one before, each that does not is complained about once. No window is needed for any of it.
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
"""Seconds between looks at the files."""

Clock = Callable[[], float]
T = TypeVar("T")


@dataclass(frozen=True)
class Change(Generic[T]):
    """A file that holds something else now: `found` follows `before`, or is the error that says why it does not.

    before: the last version that opened, None if none ever did.
    """

    path: Path
    before: T | None
    found: T | NCAError


@dataclass
class _Watched(Generic[T]):
    path: Path
    load: Callable[[Path], T]
    value: T | None
    stamp: object
    """The version that was dealt with."""
    doubtful: object = None
    """A version that did not open, perhaps because it is still being written."""

    def look(self, stamp: object) -> Change[T] | None:
        """The change, if any, now that the file's version is `stamp`; a file that is away (None) has not changed."""
        if stamp is None or stamp == self.stamp:
            return None
        before = self.value
        found: T | NCAError
        try:
            found = self.value = self.load(self.path)
        except NCAError as error:
            if stamp != self.doubtful:  # the next look tells whether it is being written or stays as it is
                self.doubtful = stamp
                return None
            found = error
        self.stamp = stamp
        return Change(self.path, before, found)


class _Period:
    """Tells when it is time to look again."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._due = clock, clock()

    def over(self) -> bool:
        if self._clock() < self._due:
            return False
        self._due = self._clock() + PERIOD
        return True


class Watch:
    """Model files and the last version of each that opened.

    plugins: the folders of kernels that were named at the start, for KernelWatch.
    """

    def __init__(self, clock: Clock = time.monotonic, plugins: Sequence[Path] = ()) -> None:
        self.clock, self.plugins = clock, tuple(plugins)
        self._period = _Period(clock)
        self._files: dict[Path, _Watched[Model]] = {}
        self._last: Opened | None = None

    def open(self, path: Path) -> Model:
        """Load a model and watch its file from now on; the same path gives the same model. Raises NCAError."""
        path = next((known for known in self._files if known.absolute() == path.absolute()), path)
        if path not in self._files:
            opened = self.current(path)
            model = opened.model(model_files.split_path(path)[1])
            self._files[path] = _Watched(path, self._load, model, opened.version)
        found = self._files[path].value
        assert found is not None
        return found

    def read(self, path: Path) -> Opened:
        """Read and identify a model file; `current` then returns it while it is unchanged. Raises NCAError."""
        self._last = model_files.open_file(model_files.split_path(path)[0])
        return self._last

    def current(self, path: Path) -> Opened:
        """Return a model file as it is now, read again unless it is the last one read. Raises NCAError."""
        file, last = model_files.split_path(path)[0], self._last
        if last and last.path.absolute() == file.absolute() and last.version == model_files.file_version(file):
            return last
        return self.read(file)

    def _load(self, path: Path) -> Model:
        return self.current(path).model(model_files.split_path(path)[1])

    def path_of(self, model: Model) -> Path | None:
        """The file whose last version a model is."""
        return next((path for path, file in self._files.items() if file.value is model), None)

    def poll(self) -> list[Change[Model]]:
        """What has changed since the last look; called between two looks, nothing."""
        if not self._period.over():
            return []
        return [change for path, file in self._files.items() if (change := file.look(model_files.file_version(path)))]


class KernelWatch:
    """The kernel.toml files of a catalogue, and those that appear in the folders of plugins."""

    def __init__(self, catalogue: Catalogue, plugins: Sequence[Path] = (), clock: Clock = time.monotonic) -> None:
        self._period = _Period(clock)
        self._folders = (resources.folder("plugins"), kernels.user_folder(), *plugins)
        known: dict[Path, Kernel | None] = {kernel.source: kernel for kernel in catalogue.kernels.values()}
        known.update(dict.fromkeys(catalogue.broken))
        self._files = {
            path: _Watched(path, kernels.load, kernel, model_files.file_version(path)) for path, kernel in known.items()
        }

    def poll(self) -> list[Change[Kernel]]:
        """As Watch.poll."""
        if not self._period.over():
            return []
        for folder in self._folders:
            for path in (*sorted(folder.glob("*/kernel.toml")), *folder.glob("kernel.toml")):
                if path not in self._files:
                    self._files[path] = _Watched(path, kernels.load, None, None)
        return [change for path, file in self._files.items() if (change := file.look(model_files.file_version(path)))]


class ShaderWatch:
    """The folder of shaders, as one thing: `compile_` makes programs of it, or raises NCAError."""

    def __init__(self, compile_: Callable[[], None], clock: Clock = time.monotonic) -> None:
        self._period = _Period(clock)
        folder = resources.folder("shaders")
        self._folder = _Watched(folder, lambda _: compile_(), None, _all_stamps(folder))

    def poll(self) -> list[Change[None]]:
        """As Watch.poll."""
        if not self._period.over():
            return []
        change = self._folder.look(_all_stamps(self._folder.path))
        return [change] if change else []


def _all_stamps(folder: Path) -> object:
    return tuple((path, model_files.file_version(path)) for path in sorted(folder.rglob("*.*")))
