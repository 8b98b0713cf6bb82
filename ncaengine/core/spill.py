"""Arrays that must be kept for long and are seldom read lie on the disk, beyond a number of bytes in memory."""

import contextlib
import mmap
import os
import tempfile
from typing import Any, TypeVar
from weakref import WeakSet

import numpy as np
import platformdirs

from ncaengine.core.types import U8

KEPT = 2**18
"""Bytes that stay in memory."""
SEGMENT = 4 * 2**20
"""Bytes of a file; a larger array has a file of its own."""
_ALIGNED = 64

A = TypeVar("A", bound=np.ndarray[Any, Any])


class Spill:
    """Files without names, which go with the program; their arrays are read through the system's cache."""

    def __init__(self) -> None:
        self._kept = 0  # bytes in memory
        self._segment: mmap.mmap | None = None
        self._segments = WeakSet[mmap.mmap]()  # all that hold an array which is still used
        self._all: U8 = np.empty(0, np.uint8)  # of the segment
        self._used = 0  # bytes of it

    def kept(self, array: A) -> A:
        """Return an equal array to keep: itself, or a copy on the disk once there are KEPT bytes in memory."""
        start = None
        if self._kept + array.nbytes > KEPT:
            with contextlib.suppress(OSError, ValueError):  # a full disk: memory has to do
                start = self._room(array.nbytes)
        if start is None:
            self._kept += array.nbytes
            return array
        copy: Any = self._all[start : start + array.nbytes].view(array.dtype).reshape(array.shape)  # one small object
        copy[...] = array
        self.leave()
        return copy  # type: ignore[no-any-return]

    def leave(self) -> None:
        """Leave what was written or read to the system's cache, which gives it up if memory is needed."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for segment in self._segments:
                segment.madvise(mmap.MADV_DONTNEED)

    def _room(self, size: int) -> int:
        """Return where in the segment so many bytes have room. Raises OSError if the disk is full."""
        start = -(-self._used // _ALIGNED) * _ALIGNED
        if self._segment is None or start + size > len(self._segment):
            self._segment, start = _mapped(max(SEGMENT, size)), 0
            self._segments.add(self._segment)
            self._all = np.frombuffer(self._segment, np.uint8)
        self._used = start + size
        return start


def _mapped(size: int) -> mmap.mmap:
    """Return a new file of some bytes, all of them on the disk: a hole could not be filled on a full one."""
    folder = platformdirs.user_cache_path("ncaengine")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            for _ in range(-(-size // 2**20)):
                file.write(bytes(2**20))
            file.flush()
        return mmap.mmap(file.fileno(), size)
