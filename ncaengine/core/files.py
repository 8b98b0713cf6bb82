"""Write files whole or not at all, let one program at a time write an output, and phrase errors about files."""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Self, TypeVar

import filelock
import psutil

from ncaengine.core.errors import NCAError

Answer = TypeVar("Answer")
_serial = count()


def reason(error: BaseException) -> str:
    """Return why a file operation failed, in a few words: the operating system's, if it has any."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return text or type(error).__name__


def unreadable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be read."""
    return NCAError(f"{path}: cannot be read ({reason(error)}).")


def unwritable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be written."""
    return NCAError(f"{path}: cannot be written ({reason(error)}).")


def system(call: Callable[..., Answer], *arguments: object) -> Answer:
    """Ask the operating system. All that writes an output goes through here, so that tests can let any of it fail."""
    return call(*arguments)


class NewFile:
    """A file that is written under a short name beside its place, and gets its own name when it is placed.

    Until then, an older file of that name stays as it is, however this program ends. What is written is given to the
    system at once. After an error, nothing more is written.

    Attributes:
        path: Where it belongs; the name's links are followed.
        size: Bytes so far.
        placed: Whether it has its name.
    """

    def __init__(self, path: str | Path, beside: Path | None = None) -> None:
        """Open it. Raises OSError if it can't be written, or if something that is no file has the name.

        beside: The folder to write it in, on the same disk; None takes that of `path`.
        """
        self.path, self.size, self.placed = Path(os.path.realpath(path)), 0, False
        older = _replaceable(self.path)
        folder, key = beside or self.path.parent, _key(self.path.parent if beside else self.path)
        _remove_left_over(folder, key)
        self._part = folder / f".{key}-{os.getpid()}-{next(_serial)}.part"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._open: int | None = system(os.open, self._part, flags, 0o666)
        self._error: OSError | None = None
        if older:
            with suppress(OSError):
                os.chmod(self._part, stat.S_IMODE(older.st_mode))

    @property
    def _descriptor(self) -> int:
        if self._open is None:
            raise ValueError(f"{self.path}: is closed.")
        return self._open

    def write(self, data: bytes | memoryview) -> int:
        """Write data where `seek` went, or at the end. Raises OSError, at the first error and ever after."""
        self.check()
        left = memoryview(data).cast("B")
        try:
            at = self.tell()
            if at < self.size:  # what is changed points to what was added, which must be on the disk first
                system(os.fsync, self._descriptor)
            while left:
                left = left[system(os.write, self._descriptor, left) :]
        except OSError as error:
            self._error = error
            raise
        self.size = max(self.size, at + len(data))
        return len(data)

    def check(self) -> None:
        """Raise OSError if writing has failed."""
        if self._error:
            raise OSError(self._error.errno, self._error.strerror)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file, as that of Python's files."""
        return os.lseek(self._descriptor, offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def cut(self, size: int) -> None:
        """Drop all but the first `size` bytes. Raises OSError."""
        os.ftruncate(self._descriptor, size)
        self.size = size

    def place(self) -> None:
        """Give the file its name, in place of an older one; writing can go on. Raises OSError."""
        if not self.placed and sys.platform != "win32":  # where an open file can't be renamed; `finish` does it
            system(os.fsync, self._descriptor)
            self._rename()

    def _rename(self) -> None:
        system(os.replace, self._part, self.path)
        self.placed = True

    def finish(self) -> None:
        """Close the file under its name, with all of it on the disk. Raises OSError."""
        try:
            self.check()
            system(os.fsync, self._descriptor)
            self._close()
            if not self.placed:
                self._rename()
        finally:
            self.discard()

    def discard(self) -> None:
        """Close the file; unless it was placed, remove it."""
        self._close()
        if not self.placed:
            with suppress(OSError):
                os.unlink(self._part)

    def _close(self) -> None:
        descriptor, self._open = self._open, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def replace_file(path: Path, data: bytes | memoryview, beside: Path | None = None) -> None:
    """Write a file, whole or not at all: an older one of that name stays until all of the new one is on the disk.

    beside: see NewFile.
    Raises NCAError if it can't be written.
    """
    try:
        with NewFile(path, beside) as new:
            new.write(data)
            new.finish()
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from None


def _replaceable(path: Path) -> os.stat_result | None:
    """Return what the system knows of an older file, None if there is none. Raises OSError if it must stay."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(21, "it is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(22, "it is a device or a pipe, not a file")
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    return found


def _key(path: Path) -> str:
    """Return a short name that stands for a file's name, which may already have all 255 bytes that a name can have."""
    return hashlib.blake2s(os.fsencode(path.name), digest_size=6).hexdigest()


def _remove_left_over(folder: Path, key: str) -> None:
    """Remove what programs that were killed left of a file."""
    for part in folder.glob(f".{key}-*.part"):
        process = part.name.split("-")[1]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            with suppress(OSError):
                part.unlink()


def workplace(folder: Path) -> Path:
    """Return where to write files for a folder: beside it, so that only whole files are ever in it, if that can be."""
    outside = folder.parent
    same_disk = outside.stat().st_dev == folder.stat().st_dev
    return outside if same_disk and os.access(outside, os.W_OK) else folder


class Claim:
    """The right to write an output, which one program has at a time."""

    def __init__(self, output: str | Path, called: str | Path = "") -> None:
        """Claim a file or a folder. Raises NCAError if another program, or this one, has claimed it.

        called: What the user knows it as, if that is another name.
        """
        path = Path(os.path.realpath(output))
        self._lock = filelock.FileLock(path.with_name(f".{_key(path)}.lock"), blocking=False)
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


def as_text(name: str) -> str:
    """Return a file's name as text for other files: where the system takes it for bytes, they are UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
