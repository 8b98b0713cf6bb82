"""A film: pictures from any source, encoded in a thread of their own."""

import queue
import threading
import weakref
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ncaengine.core import memory
from ncaengine.core.claims import Claim
from ncaengine.core.display import Displayed
from ncaengine.core.errors import NCAError
from ncaengine.core.files import reason
from ncaengine.core.types import F32, U8
from ncaengine.io import encoders, kinds
from ncaengine.io.kinds import PIPE, Rate
from ncaengine.simulation.clock import TICKS_PER_SECOND

QUEUE = 8
"""Frames that can wait for the encoder; when more come, the simulation waits."""
BACK = (18, 19, 22)
"""The colour that shows where nothing lies."""


class Film(Displayed):
    """Writes pictures from any source as a video, which a notebook displays once it is finished.

    Attributes:
        path: The output; see encoders.
        fps: Frames per second.
        kind: What the output is.
        frames: The number of frames so far.
        taken: The number of moments so far, of which a loop writes the first ones only at its end.
        width: Pixels, 0 before the first frame.
        height: Pixels, 0 before the first frame.
        closed: Whether the file is finished.
    """

    def __init__(
        self,
        path: str | Path,
        fps: Rate | float | None = None,
        size: tuple[int, int] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Open the output. Raises NCAError if it can't be written or isn't possible.

        path: See kinds; - is standard output.
        fps: A number or a fraction up to 3600; None takes 60, or 50 for a GIF.
        size: (width, height) of the frames in pixels; None takes that of the first picture. Larger pictures are cut
            off at the right and bottom edges, smaller ones are padded there.
        options: Flags of the kind, such as {"crf": 20}, and the "format" of standard output.
        """
        self.path, self.frames, self._options = str(path), 0, dict(options or {})
        form = self._options.get("format", "")
        self.fps = kinds.rate_of(kinds.kind_of(self.path, form), fps)
        self.kind = encoders.check_output(self.path, self.fps, form=form)
        self.width = self.height = self.taken = 0
        self.closed = False
        self._encoder: _EncoderThread | None = None
        if size is not None:
            self._open(*size)

    @property
    def ticks_per_frame(self) -> int:
        """The time until the next frame, in 1/TICKS_PER_SECOND s; what a frame lacks, the next ones have."""
        before, after = (round(n * TICKS_PER_SECOND / Fraction(self.fps)) for n in (self.taken, self.taken + 1))
        return after - before

    def _open(self, width: int, height: int) -> "_EncoderThread":
        even = self.kind.even
        self.width, self.height = width + (even and width % 2), height + (even and height % 2)
        self._encoder = _EncoderThread(self.path, self.fps, self.width, self.height, self._options)
        weakref.finalize(self, self._encoder.abandon)
        return self._encoder

    def add(self, picture: U8 | F32) -> None:
        """Add a frame, (height, width, 3) uint8, or 4 with opacity, which must not change afterwards; or a state.

        Raises NCAError if it is none of these, the file is finished, or the encoder has failed, for example on a full
        disk.
        """
        self.require_open()
        self._check_frame(picture)
        encoder = self._encoder or self._open(picture.shape[1], picture.shape[0])
        encoder.put(picture if self.kind.states else _cut_or_pad(picture, self.width, self.height))
        self.frames += 1
        self.taken += 1

    def require_open(self) -> None:
        """Raise NCAError if the file is finished."""
        if self.closed:
            raise NCAError(f"{self.path}: is finished; open a new one.")

    def _check_frame(self, picture: object) -> None:
        """Raise NCAError for what the encoder can't take; some of it would crash Python."""
        shape: tuple[int, ...] = getattr(picture, "shape", ())
        dtype = getattr(picture, "dtype", None)
        if self.kind.states and dtype != np.float32:
            raise NCAError(f"{self.path}: this kind holds the cells of a grid, not pictures; record one grid.")
        if len(shape) != 3 or 0 in shape or not (self.kind.states or (shape[2] in (3, 4) and dtype == np.uint8)):
            given = f"{shape} {dtype}" if isinstance(picture, np.ndarray) else f"{picture!r:.60}"
            raise NCAError(f"{self.path}: a frame is an array (height, width, 3 or 4) of uint8, not {given}.")

    def close(self) -> None:
        """Finish the file. Raises NCAError if that fails."""
        if self._encoder is not None:
            self._encoder.close()
            memory.give_back()  # encoders take much, and small things that stay come to lie between
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _cut_or_pad(picture: U8 | F32, width: int, height: int) -> U8 | F32:
    """Return the picture cut off or padded at the right and bottom edges, to (height, width, 3 or 4) uint8."""
    if picture.shape[:2] == (height, width):
        return picture
    back = BACK if picture.shape[2] == 3 else (0, 0, 0, 0)
    out = np.full((height, width, len(back)), back, np.uint8)
    part = picture[:height, :width]
    out[: part.shape[0], : part.shape[1]] = part
    return out


class _EncoderThread:
    """Runs an encoder in a thread of its own, behind a bounded queue. Encoders release the GIL."""

    def __init__(self, path: str, fps: Rate, width: int, height: int, options: Mapping[str, Any]) -> None:
        """Claim and open the output; see encoders. Raises NCAError."""
        self._path, self._claim = path, None if path == PIPE else Claim(path)
        # These queues, unlike queue.Queue, stay whole if memory is short. Each frame that waits takes one of _free.
        self._waiting, self._free = queue.SimpleQueue[U8 | F32 | None](), queue.SimpleQueue[None]()
        for _ in range(QUEUE):
            self._free.put(None)
        self._error: Exception | None = None
        self._written = 0
        self._opened = self._closed = self._raised = False
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        try:
            self._thread.start()  # before anything is written, since it can't be done where memory is short
            self._encoder = encoders.open_encoder(path, fps, width, height, options)
            self._opened = True
        except BaseException:
            self._waiting.put(None)
            self._release()
            raise

    def _release(self) -> None:
        if self._claim is not None:
            self._claim.release()

    def _work(self) -> None:
        while self._write_next():
            pass
        try:
            if self._opened:
                self._encoder.close()
        except Exception as error:
            self._error = self._error or error

    def _write_next(self) -> bool:
        """Wait for a frame and write it, unless one failed before; return False at the end."""
        try:
            picture = self._waiting.get()
            if picture is None:
                return False
            try:
                if self._error is None:
                    self._encoder.write(picture)
                    self._written += 1
            finally:
                self._free.put(None)
        except Exception as error:  # raised in the simulation's thread at its next frame
            self._error = self._error or error
        return True

    def put(self, picture: U8 | F32) -> None:
        if self._error is None:
            self._free.get()
            self._waiting.put(picture)
        else:
            self.close()

    def abandon(self) -> None:
        """Finish the file of a film that was dropped: nobody is left to be told of an error."""
        with suppress(NCAError):
            self.close()

    def close(self) -> None:
        """Finish the file. Raises NCAError once if it, or a frame, couldn't be written."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            try:
                if threading.current_thread() is not self._thread:  # which may be the one that notices a dropped film
                    self._thread.join()
            finally:  # a second signal ends the waiting
                self._release()
        if self._error is not None and not self._raised:
            self._raised = True
            count = getattr(self._encoder, "saved", lambda: self._written)()
            saved = f"{count} frame{'s were' if count != 1 else ' was'} saved" if count else "nothing was saved"
            raise NCAError(f"{self._path}: cannot be written ({reason(self._error)}); {saved}.")
