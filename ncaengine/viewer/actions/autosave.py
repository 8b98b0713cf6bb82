"""Autosave: writes the session regularly, so that the next window can restore it after a crash.

A window's file is FOLDER/PID.nca. FOLDER/PID.lock is locked as long as the window lives; the system
unlocks it however the window ends. Closing the window removes both.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import filelock
import platformdirs

from ncaengine.core.errors import NCAError
from ncaengine.core.files import unwritable
from ncaengine.core.texts import plural
from ncaengine.io import sessions
from ncaengine.viewer.actions import session_files
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.notices import Button, message_of

PERIOD = 30.0
"""Seconds between two saves."""
MOST_ABANDONED = 5
"""How many files of windows that died are kept. Older ones are removed."""
SHARE = 0.01
"""The share of the time that saving may take. If the states are so large that it takes long, it is done less often."""


def default_folder() -> Path:
    """Return the user's own folder for autosaves."""
    return platformdirs.user_state_path("ncaengine") / "autosave"


@dataclass(frozen=True)
class LockedFile:
    """A file that no other window uses until it is unlocked or removed."""

    path: Path
    lock: filelock.BaseFileLock

    def unlock(self) -> None:
        """Leave the file to other windows."""
        self.lock.release()

    def remove(self) -> None:
        """Remove the file and unlock it."""
        self.path.unlink(missing_ok=True)
        self.lock.release()
        self.path.with_suffix(".lock").unlink(missing_ok=True)


def lock_file(path: Path) -> LockedFile | None:
    """Lock a file; return None if a living window has it. Raise OSError if that can't be found out."""
    lock = filelock.FileLock(path.with_suffix(".lock"), blocking=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return None
    return LockedFile(path, lock)


def abandoned_files(folder: Path) -> list[LockedFile]:
    """Return the intact files of windows that died, the newest first. Remove broken ones and the oldest."""
    found: list[tuple[float, LockedFile]] = []
    with suppress(OSError):
        for path in folder.glob("*.nca"):
            with suppress(OSError):
                if file := lock_file(path):
                    found.append((path.stat().st_mtime, file))
    found.sort(key=lambda pair: -pair[0])
    intact: list[LockedFile] = []
    for _, file in found:
        try:
            if len(intact) < MOST_ABANDONED and sessions.read_header(file.path).grids:
                intact.append(file)
                continue
        except NCAError:
            pass
        with suppress(OSError):
            file.remove()
    return intact


class Autosave:
    """Saves the App's session every `period` seconds if anything changed. If that fails, a notice says so once.

    abandoned: the files of windows that died.
    """

    def __init__(
        self, app: App, folder: Path, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._folder, self._period, self._clock = app, folder, period, clock
        self._next = clock() + period
        self._saved: object = None
        self._own: LockedFile | None = None
        self._writer: threading.Thread | None = None
        self._failure: OSError | NCAError | MemoryError | None = None
        self._told = False
        self.abandoned = abandoned_files(folder)

    # Writing

    @property
    def due(self) -> bool:
        """Whether it is time to save and there is something new to save."""
        return self._clock() >= self._next and self._version() != self._saved

    def _version(self) -> object:
        """Return a value that changes with the session."""
        sim = self._app.sim
        return sim.engine.origin, len(sim.journal), [(grid.id, grid.age) for grid in sim.grids.values()]

    def update(self) -> None:
        """Save if it is due: read the states now and write the file while the next frames are drawn."""
        if self._failure and not self._told:
            self._told = True
            why = unwritable(self._folder, self._failure) if isinstance(self._failure, OSError) else self._failure
            self._app.notify(f"This session couldn't be restored after a crash. {message_of(why)}", "error")
        if self.due and not (self._writer and self._writer.is_alive()):
            self._save()

    def keep(self) -> None:
        """Save what is not saved yet, and leave the file to the next window."""
        if self._writer:
            self._writer.join()
        if self._version() != self._saved:
            self._save()
        self.close(crashed=True)

    def _save(self) -> None:
        start = self._clock()
        self._app.attempt(self._app.sim.engine.work)  # which shows its errors
        version = self._version()
        try:
            self._own = self._own or self._own_file()
            data = session_files.pack(self._app)
        except (OSError, NCAError, MemoryError) as error:
            self._failure, self._next = error, self._clock() + self._period
            return
        self._saved = version
        self._writer = threading.Thread(target=self._write, args=(self._own.path, data), name="autosave", daemon=True)
        self._writer.start()
        now = self._clock()
        self._next = now + max(self._period, (now - start) / SHARE)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            sessions.write_session(path, data)
        except NCAError as error:
            self._failure = error  # which `update` shows: this is another thread

    def _own_file(self) -> LockedFile:
        """Lock a new file for this window. Raise OSError if that fails."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count(1):
            path = self._folder / f"{os.getpid()}{f'-{number}' if number > 1 else ''}.nca"
            if not path.exists() and (file := lock_file(path)):
                return file
        raise AssertionError

    def close(self, crashed: bool = False) -> None:
        """Unlock all files. Remove this window's own unless the window crashed."""
        if self._writer:
            self._writer.join()
        for file in self.abandoned:
            file.unlock()
        self.abandoned = []
        if self._own:
            with suppress(OSError):
                self._own.unlock() if crashed else self._own.remove()
            self._own = None

    # Restoring

    def offer_to_restore(self) -> None:
        """Ask whether to restore or discard the newest abandoned session. Without an answer, the next window asks."""
        if not self.abandoned:
            return
        path = self.abandoned[0].path
        try:
            grids, age = len(sessions.read_header(path).grids), time.time() - path.stat().st_mtime
        except (OSError, NCAError):
            return
        self._app.ask_question(
            f"The last window ended unexpectedly with {plural(grids, 'grid')}, {time_ago(age)}.",
            Button("Restore", "Replace everything by what that window showed.", self.restore),
            Button("Discard", "Remove what was saved of it.", self.discard),
        )

    def restore(self) -> None:
        """Replace everything by the newest abandoned session."""
        self._app.attempt(self._restore)

    def _restore(self) -> None:
        file = self.abandoned[0]
        session_files.show_session(self._app, sessions.load_session(file.path))
        self._app.session_file.restored = True
        del self.abandoned[0]
        with suppress(OSError):  # the file is this window's now, which may die as well
            self._own = self._own or self._own_file()
            os.replace(file.path, self._own.path)
            file.remove()

    def discard(self) -> None:
        """Remove the newest abandoned session and ask about the one before it."""
        with suppress(OSError):
            self.abandoned.pop(0).remove()
        self.offer_to_restore()


def time_ago(seconds: float) -> str:
    """Return a time that has passed as text, such as '3 minutes ago'."""
    for length, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            return f"{plural(int(seconds // length), word)} ago"
    return "just now"
