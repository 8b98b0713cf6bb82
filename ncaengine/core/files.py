"""Write files whole or not at all, and phrase errors about files."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Self, TypeVar

import psutil

from ncaengine.core.errors import NCAError

Answer = TypeVar("Answer")
_serial = count()


def reason(error: BaseException) -> str:
    """Return why a file operation failed, in a few words: the operating system's, if it has any."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return text.removesuffix(".") or type(error).__name__


def unreadable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be read."""
    return NCAError(f"{path}: cannot be read ({reason(error)}).")


def unwritable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be written."""
    return NCAError(f"{path}: cannot be written ({reason(error)}).")


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an NCAError that starts with the file's name."""
    try:
        yield
    except NCAError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise type(error)(f"{path}: {error}") from None
    except (OSError, MemoryError) as error:
        raise unreadable(path, error) from None


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
        self._part = _free_part(self.path.parent if beside else self.path, beside or self.path.parent)
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
            elif not os.path.lexists(self.path):
                raise FileNotFoundError(errno.ENOENT, "it, or its folder, was removed meanwhile")
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

    def __del__(self) -> None:
        """Remove it if an error, such as a lack of memory, left it before anybody could."""
        if getattr(self, "_open", None) is not None:
            self.discard()


def check_place(path: Path) -> None:
    """Raise NCAError unless a file can be written there."""
    if "\0" in str(path):
        raise NCAError(f"{path}: no file can have this name; choose another one.")
    folder = os.path.dirname(os.path.realpath(path))  # a link's file is written, wherever it lies
    if os.path.isdir(path):  # unlike Path's methods, these raise nothing for a name that is too long
        raise NCAError(f"{path}: is a folder; choose another name.")
    if not os.path.isdir(folder):
        raise NCAError(f"{path}: its folder does not exist; create it first.")
    if not os.access(folder, os.W_OK):
        raise NCAError(f"{path}: cannot be written (Permission denied).")
    try:
        _replaceable(path)
    except OSError as error:
        raise unwritable(path, error) from None


def make_folder(folder: Path) -> None:
    """Create a folder for outputs, and those around it. Raises NCAError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NCAError(f"{folder}: is a file, where a folder is needed; choose another output.") from None
    except OSError as error:
        raise NCAError(f"{folder}: cannot be created ({reason(error)}); choose another output.") from None


def replace_file(path: Path, data: bytes | memoryview) -> None:
    """Write a file, whole or not at all: an older one of that name stays until all of the new one is on the disk.

    Raises NCAError if it can't be written.
    """
    try:
        with NewFile(path) as new:
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
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied")
    return found


def short_key(path: Path) -> str:
    """Return a short name that stands for a file's name, which may already have all 255 bytes that a name can have."""
    return hashlib.blake2s(os.fsencode(path.name), digest_size=6).hexdigest()


def _free_part(path: Path, beside: Path) -> Path:
    """Return a free name for what is written for a file or folder. Remove what programs that were killed left of it."""
    key = short_key(path)
    for part in beside.glob(f".{key}-*.part"):
        process = part.name.split("-")[1]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            _remove(part)
    return beside / f".{key}-{os.getpid()}-{next(_serial)}.part"


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with suppress(OSError):
            part.unlink()


def workplace(folder: Path) -> Path:
    """Return where to write files for a folder: beside it, so that only whole files are ever in it, if that can be."""
    outside = folder.parent
    same_disk = outside.stat().st_dev == folder.stat().st_dev
    return outside if same_disk and os.access(outside, os.W_OK) else folder


def replace_folder(folder: Path, fill: Callable[[Path], object]) -> bool:
    """Let `fill` write files into a new folder, which then takes the place of `folder` and all that is in it, at once.

    Returns whether that was done; not all systems can. Raises what `fill` raises, and OSError.
    """
    beside = workplace(folder)
    if beside == folder:
        return False
    fresh = _free_part(folder, beside)
    fresh.mkdir()
    try:
        fill(fresh)
        shutil.copymode(folder, fresh)
        return _exchange(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders' names in one go; return whether the system could."""
    names, here, swap = (os.fsencode(one), os.fsencode(other)), -100, 2
    with suppress(AttributeError, OSError, TypeError):  # where C's library lacks it
        if sys.platform == "darwin":
            return int(ctypes.CDLL(None).renamex_np(*names, swap)) == 0
        return int(ctypes.CDLL(None).renameat2(here, names[0], here, names[1], swap)) == 0
    return False


def as_text(name: str) -> str:
    """Return a file's name as text for other files: where the system takes it for bytes, they are UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def present_folder() -> Path:
    """Return the working folder. If it was removed, the home folder becomes it, so that short names mean a place."""
    try:
        return Path.cwd()
    except OSError:
        with suppress(OSError):
            os.chdir(Path.home())
        return Path.home()
