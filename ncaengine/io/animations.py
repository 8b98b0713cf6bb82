"""Animated pictures that browsers show, .webp and .apng: containers that are written frame by frame."""

import errno
import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image

from ncaengine.core.types import U8
from ncaengine.io.kinds import Job
from ncaengine.io.stills import SIGNATURE, png
from ncaengine.io.video_files import Streamed

MAX_RIFF = 2**32 - 10
"""The most bytes of a WebP file: its length is written in 32 bits."""
PIXELS = (b"ALPH", b"VP8 ", b"VP8L")
"""The chunks of a WebP that may stand in a frame of an animation."""
LARGEST = 2**16 - 1
"""The largest number in the fraction of a second that an APNG's frame lasts."""


class WebP(Streamed):
    """WebP, lossless unless --quality is given. It grows frame by frame, so what a kill leaves plays.

    The container is ours: ffmpeg's encoder keeps all frames in memory until the end.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job.path)
        self._frame, self._quality = job.frame, job.options["quality"]
        self._sides = _u24(job.width - 1) + _u24(job.height - 1)
        self._written = 0

    def _add(self, picture: U8) -> None:
        packed = io.BytesIO()
        lossless = self._quality is None  # a slower method would save little
        quality = 20 if lossless else self._quality
        Image.fromarray(picture).save(packed, "WEBP", lossless=lossless, quality=quality, method=0)
        if not self._written:
            animated, endless = struct.pack("<I", 0x12 if picture.shape[2] == 4 else 2), bytes(6)
            self._append(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", animated + self._sides) + _riff(b"ANIM", endless))
        before, after = (round(n * 1000 * self._frame) for n in (self._written, self._written + 1))  # no rounding drift
        corner, opaque = bytes(6), b"\2"
        inner = b"".join(_riff(kind, data) for kind, data in _riff_chunks(packed.getvalue()) if kind in PIXELS)
        self._append(_riff(b"ANMF", corner + self._sides + _u24(after - before) + opaque + inner))
        self._written += 1

    def _append(self, data: bytes) -> None:
        length = self.file.seek(0, os.SEEK_END) + len(data)
        if length > MAX_RIFF:
            raise OSError(errno.EFBIG, "a WebP can have at most 4 GB")
        self.file.write(data)
        self.file.seek(4)
        self.file.write(struct.pack("<I", length - 8))

    def _frames_in(self, file: BinaryIO) -> int:
        return self._written


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each chunk of a WebP."""
    at = len("RIFFsizeWEBP")
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


class Apng(Streamed):
    """Lossless PNG with several frames. The count of frames is corrected with each, so what a kill leaves plays."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.path)
        self._sides, self._level = struct.pack(">II", job.width, job.height), job.options["compression_level"]
        lasts = job.frame.limit_denominator(LARGEST)
        self._lasts = struct.pack(">HH", *lasts.as_integer_ratio())
        self._place = self._written = 0  # where the count stands; whole frames
        self._numbers = iter(range(2**31))  # of the chunks

    def _add(self, picture: U8) -> None:
        chunks = list(_png_chunks(png(Image.fromarray(picture), level=self._level)))
        data = b"".join(content for kind, content in chunks if kind == b"IDAT")
        if not self._written:
            self.file.write(SIGNATURE + _png_chunk(*chunks[0]))
            self._place = self.file.size
            self.file.write(self._counted(1))
        control = self._sides + bytes(8) + self._lasts + bytes(2)  # the whole picture, in place of the one before
        first = not self._written
        self.file.seek(0, os.SEEK_END)
        control = _png_chunk(b"fcTL", self._number() + control)
        self.file.write(control + (_png_chunk(b"IDAT", data) if first else _png_chunk(b"fdAT", self._number() + data)))
        if not first:
            self.file.seek(self._place)
            self.file.write(self._counted(self._written + 1))
        self._written += 1

    def _number(self) -> bytes:
        return struct.pack(">I", next(self._numbers))

    @staticmethod
    def _counted(frames: int) -> bytes:
        return _png_chunk(b"acTL", struct.pack(">II", frames, 0))  # 0: for ever

    def _end(self) -> None:
        if self._written:
            self.file.seek(0, os.SEEK_END)
            self.file.write(_png_chunk(b"IEND", b""))

    def _frames_in(self, file: BinaryIO) -> int:
        return self._written


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and the content of each chunk of a PNG."""
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
