"""Watch: the model files behind the window, opened again when something writes them. No window is needed for it.

A training run that rewrites its output is watched so: each version that opens takes the place of the
one before, each that does not is complained about once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ncaengine.errors import NCAError
from ncaengine.files import load
from ncaengine.model import Model

PERIOD = 0.5
"""Seconds between looks at the files."""

Stamp = tuple[int, int, int]
"""What tells the versions of a file apart: its time, its size and its inode."""


@dataclass(frozen=True)
class Change:
    """A file that holds something else now: `found` follows `before`, or is the error that says why it does not."""

    path: Path
    before: Model
    found: Model | NCAError


@dataclass
class _File:
    model: Model
    stamp: Stamp | None
    """The version that was dealt with."""
    doubtful: Stamp | None = None
    """A version that did not open, perhaps because it is still being written."""


class Watch:
    """Model files and the last version of each that opened."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._due = clock, clock()
        self._files: dict[Path, _File] = {}

    def open(self, path: Path) -> Model:
        """Load a model and watch its file from now on; the same path gives the same model. Raises NCAError."""
        if path not in self._files:
            stamp = _stamp(path)  # before it is read: what is written meanwhile is a change
            self._files[path] = _File(load(path), stamp)
        return self._files[path].model

    def poll(self) -> list[Change]:
        """What has changed since the last look; called between two looks, nothing."""
        if self._clock() < self._due:
            return []
        self._due = self._clock() + PERIOD
        return [change for path, file in self._files.items() if (change := _look(path, file))]


def _look(path: Path, file: _File) -> Change | None:
    """The change of one file, if any; a file that is away has not changed."""
    stamp, before = _stamp(path), file.model
    if stamp is None or stamp == file.stamp:
        return None
    found: Model | NCAError
    try:
        found = file.model = load(path)
    except NCAError as error:
        if stamp != file.doubtful:  # the next look tells whether it is being written or stays as it is
            file.doubtful = stamp
            return None
        found = error
    file.stamp = stamp
    return Change(path, before, found)


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
