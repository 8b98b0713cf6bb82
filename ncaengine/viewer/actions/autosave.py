"""Autosave: the session, written now and then, so that a window that dies is offered again. No imgui in here.

A window's file is FOLDER/PID.nca, and FOLDER/PID.lock is locked as long as the window lives: the
system unlocks it whatever the end was. The file goes when the window is closed.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING

import platformdirs

from ncaengine.core.errors import NCAError
from ncaengine.io import sessions
from ncaengine.viewer.actions import session_files

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from ncaengine.viewer.state.app import App

PERIOD = 30.0
MOST_LEFT = 5
"""Files of windows that died, of which older ones are removed."""
SHARE = 0.01
"""Of the time that saving may take: where the states are so large that it takes long, it is done less often."""


def default_folder() -> Path:
    """The user's own."""
    return platformdirs.user_state_path("ncaengine") / "autosave"


@dataclass(frozen=True)
class Held:
    """A file that no other window touches, until it is let go or removed."""

    path: Path
    lock: IO[bytes]

    def remove(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self.path.with_name(f".{self.path.name}.part").unlink(missing_ok=True)
        self.lock.close()
        self.path.with_suffix(".lock").unlink(missing_ok=True)


def hold(path: Path) -> Held | None:
    """Take a file that no living window holds; None if one does. Raises OSError if that cannot be known."""
    file = path.with_suffix(".lock").open("ab")
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return Held(path, file)


def left_behind(folder: Path) -> list[Held]:
    """Whole files of windows that are gone, the newest first; what is beyond MOST_LEFT or broken is removed."""
    found: list[tuple[float, Held]] = []
    with suppress(OSError):
        for path in folder.glob("*.nca"):
            with suppress(OSError):
                if held := hold(path):
                    found.append((path.stat().st_mtime, held))
    found.sort(key=lambda pair: -pair[0])
    kept: list[Held] = []
    for _, held in found:
        try:
            if len(kept) < MOST_LEFT and sessions.peek(held.path).grids:
                kept.append(held)
                continue
        except NCAError:
            pass
        with suppress(OSError):
            held.remove()
    return kept


class Autosave:
    """Saves the App's session every `period` seconds if anything changed; nothing that fails here is an error.

    left: what windows before it left behind.
    """

    def __init__(
        self, app: "App", folder: Path, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._folder, self._period, self._clock = app, folder, period, clock
        self._next = clock() + period
        self._saved: object = None
        self._own: Held | None = None
        self._writer: threading.Thread | None = None
        self.left = left_behind(folder)

    # Writing

    @property
    def due(self) -> bool:
        """Whether it is time to save, and there is something new to save."""
        return self._clock() >= self._next and self._present() != self._saved

    def _present(self) -> object:
        sim = self._app.sim
        return sim.origin, len(sim.journal), [(grid.id, grid.age) for grid in sim.grids.values()]

    def look(self) -> None:
        """Save if it is due: the states are read at once, and written beside the frames that follow."""
        if not self.due or (self._writer and self._writer.is_alive()):
            return
        start = self._clock()
        self._app.attempt(self._app.sim.work)  # which tells what went wrong; saving would keep it to itself
        present = self._present()
        try:
            self._own = self._own or self._take()
            data = session_files.pack(self._app)
        except (OSError, NCAError, MemoryError):
            self._next = self._clock() + self._period
            return
        self._saved = present
        self._writer = threading.Thread(target=_write, args=(self._own.path, data), name="autosave", daemon=True)
        self._writer.start()
        now = self._clock()
        self._next = now + max(self._period, (now - start) / SHARE)

    def _take(self) -> Held:
        """A file of this window's own. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count(1):
            path = self._folder / f"{os.getpid()}{f'-{number}' if number > 1 else ''}.nca"
            if not path.exists() and (held := hold(path)):
                return held
        raise AssertionError

    def close(self, crashed: bool = False) -> None:
        """Let everything go; the own file is removed unless the window crashes."""
        if self._writer:
            self._writer.join()
        for held in self.left:
            held.lock.close()
        self.left = []
        if self._own:
            with suppress(OSError):
                self._own.lock.close() if crashed else self._own.remove()
            self._own = None

    # What is left behind

    def offer(self) -> None:
        """Say what was left behind last, with buttons to restore or discard it; what is not answered is asked again."""
        if not self.left:
            return
        path = self.left[0].path
        try:
            grids, age = len(sessions.peek(path).grids), time.time() - path.stat().st_mtime
        except (OSError, NCAError):
            return
        self._app.ask(
            f"The last window ended without being closed: {grids} grid{'s' * (grids != 1)}, {ago(age)}.",
            ("Restore", "Open it as it was then, in place of what is here.", self.restore),
            ("Discard", "Remove what was kept of it.", self.discard),
        )

    def restore(self) -> None:
        """Open what was left behind last, in place of everything."""
        self._app.attempt(self._restore)

    def _restore(self) -> None:
        held = self.left[0]
        session_files.put(self._app, sessions.load(held.path))
        del self.left[0]
        with suppress(OSError):  # it is this window's now, which may die as well
            self._own = self._own or self._take()
            os.replace(held.path, self._own.path)
            held.remove()

    def discard(self) -> None:
        """Remove what was left behind last, and offer what was before."""
        with suppress(OSError):
            self.left.pop(0).remove()
        self.offer()


def _write(path: Path, data: bytes) -> None:
    with suppress(NCAError):
        sessions.save(path, data)


def ago(seconds: float) -> str:
    """A time that has passed, in words, as '3 minutes ago'."""
    for length, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {word}{'s' * (number != 1)} ago"
    return "just now"
