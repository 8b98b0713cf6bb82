"""Standard streams: that can't show every letter, as Windows' cp1252 or LC_ALL=C; that are full or closed; signals."""

import codecs
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ncaengine.core.errors import NCAError

PLAIN = str.maketrans({
    "×": "x", "−": "-", "–": "-", "—": "-", "·": "-", "…": "...", "½": "1/2", "¼": "1/4", "μ": "u", "µ": "u", "→": "->",
    "‘": "'", "’": "'", "“": '"', "”": '"', "±": "+-", "≤": "<=", "≥": ">=", "█": "#", "▀": "#",
    "━": "-", "─": "-", "╸": "-", "╺": "-", "│": "|",
})  # fmt: skip
"""What is written for a letter that the console does not know; for any other its code, as \\u6a21."""


class _Output(io.FileIO):
    """Standard output. The first error is raised in a sentence; what follows it is dropped."""

    broken = False

    def write(self, data: Any) -> int:
        try:
            return len(data) if self.broken else super().write(data) or 0
        except BrokenPipeError:  # whoever read it has had enough
            raise
        except OSError as error:
            self.broken = True
            raise NCAError(f"Standard output cannot be written ({error.strerror}).") from None


class _ClosedOutput(_Output):
    def write(self, data: Any) -> int:
        if not self.broken and len(data):
            self.broken = True
            raise NCAError("Standard output is closed: there is nowhere to write to.")
        return len(data)


class _Messages(io.FileIO):
    """Standard error. What can't be written is dropped: the exit code still tells how the command ended."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def prepare_streams() -> None:
    """Let stdout and stderr take any text, and say in a sentence if stdout can't be written.

    What they can't encode, such as a file's name, is written in letters that they know.
    """
    codecs.register_error("ncaengine.plain", _plain)
    open_ones = [stream is not None for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__)]
    for number, is_open in enumerate(open_ones):
        if not is_open:  # else the next file gets its number, and all that libraries print
            _fill(number)
    if sys.stdout is sys.__stdout__:  # not what tests put in its place
        sys.stdout = _renewed(sys.stdout, _Output(1, "wb", closefd=False) if open_ones[1] else _ClosedOutput(1, "wb"))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _renewed(sys.stderr, _Messages(2, "wb", closefd=False))


def _fill(number: int) -> None:
    """Let a closed standard stream lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _renewed(stream: Any, raw: io.FileIO) -> Any:
    """Return a stream like `stream` that writes to `raw`; on a console of Windows, the stream itself."""
    if stream is not None and not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):
        stream.reconfigure(errors="ncaengine.plain")
        return stream
    encoding = "utf-8" if stream is None else stream.encoding
    by_line = raw.fileno() == 2 or (stream is not None and stream.line_buffering)
    through = stream is not None and stream.write_through and raw.fileno() == 1
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "ncaengine.plain", line_buffering=by_line, write_through=through
    )


def drop_output() -> None:
    """Drop what is not yet written to stdout, as when nobody reads it any more."""
    _fill(sys.stdout.fileno())


@contextmanager
def ended_by_signals(received: list[int]) -> Iterator[None]:
    """Raise KeyboardInterrupt at SIGTERM and SIGHUP, so that a command ends in order. Note those that arrive."""

    def handle(number: int, frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]  # not under nohup
    try:
        for number in numbers:
            signal.signal(number, handle)
    except ValueError:  # not the main thread, which alone may ask
        numbers = []
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def end_at_once() -> None:
    """Let Ctrl-C end the process while Python leaves it: libraries would print a traceback."""
    with suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end
