"""Let one program at a time write an output."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from ncaengine.core.errors import NCAError
from ncaengine.core.files import short_key, unwritable


class Claim:
    """The right to write an output, which one program has at a time."""

    def __init__(self, output: str | Path, called: str | Path = "") -> None:
        """Claim a file or a folder. Raises NCAError if another program, or this one, has claimed it.

        called: What the user knows it as, if that is another name.
        """
        path = _lock_of(output)
        # Not of one thread: what is dropped is released by whichever thread notices.
        self._lock = filelock.FileLock(path, blocking=False, thread_local=False)
        try:
            if path.parent.is_dir():  # which the lock would make
                self._lock.acquire()
        except filelock.Timeout:
            raise NCAError(
                f"{called or output}: another ncaengine is writing it; wait until it ends, or choose another name."
            ) from None
        except (OSError, NotImplementedError):
            pass  # a disk without locks, or none that can be written, which the writer will say

    def release(self) -> None:
        """Leave the output to others."""
        if self._lock.is_locked:
            with suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()


@contextmanager
def claimed(output: str | Path, called: str | Path = "") -> Iterator[None]:
    """Claim an output for a while; see Claim. Raises NCAError if another program has claimed it."""
    claim = Claim(output, called)
    try:
        yield
    finally:
        claim.release()


def is_claimed(output: str | Path) -> bool:
    """Return whether a program has claimed an output."""
    try:
        if not _lock_of(output).exists():
            return False
    except NCAError:  # nothing can be written there, which the writer will say
        return False
    try:
        Claim(output).release()
    except NCAError:
        return True
    return False


def _lock_of(output: str | Path) -> Path:
    """Return the file that is locked for an output. Raise NCAError if nothing can be written under its name."""
    try:
        path = Path(os.path.realpath(output))
    except OSError as error:  # the working folder was removed
        raise unwritable(output, error) from None
    if not path.name:
        raise NCAError(f"{output}: is no name for an output; add one.")
    return path.with_name(f".{short_key(path)}.lock")
