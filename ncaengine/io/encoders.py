"""Encoders write a recording's frames: to .mp4, .gif, .webp, .png or a folder, as the output's name says."""

import errno
import io
import os
import re
import struct
from pathlib import Path
from typing import BinaryIO, Protocol

from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.files import NewFile, replace_folder, unwritable, workplace
from ncaengine.core.types import U8
from ncaengine.io.stills import png
from ncaengine.io.video_files import Gif, Mov, Mp4, Streamed

FRAME = "frame_{:06d}.png"
"""The names of the files in a folder of frames."""
_FRAME = re.compile(r"frame_(\d{6,})\.png")
_KINDS = ".mp4 or .mov (video), .gif, .webp, .png (the last state) or a name ending in / (a folder of frames)"
GIF_RATES = (1, 2, 4, 5, 10, 20, 25, 50)
"""Frames per second. A GIF's frames last whole hundredths of a second; browsers slow down those below two."""
WEBP_FASTEST = 90
"""Frames per second; browsers slow down WebP frames of a hundredth of a second and less."""
SIDES = {".mp4": 16384, ".mov": 16384, ".gif": 65535, ".webp": 16383}
OTHER_SIDE = 65535
"""The most pixels a side, by the name's ending and for all others."""
MAX_RIFF = 2**32 - 10
"""The most bytes of a WebP file: its length is written in 32 bits."""


class Encoder(Protocol):
    """Writes pictures of one size, (height, width, 3) uint8, or 4 with opacity; see check_transparent.

    One that keeps frames back has a method `saved`, too: how many are whole on the disk, once it is closed.
    """

    def write(self, picture: U8) -> None:
        """Add a frame. Raises OSError."""

    def close(self) -> None:
        """Finish the file. After an error, keep what is whole of it. Raises OSError."""


def default_fps(output: str) -> int:
    """Return the default number of frames per second: 60, and 50 for a GIF."""
    return 50 if output.lower().endswith(".gif") else 60


def needs_even(output: str) -> bool:
    """Return whether both sides of the pictures must be even, as H.264 with 4:2:0 chroma requires."""
    return output.lower().endswith(".mp4")


def is_still(output: str) -> bool:
    """Return whether only the last picture is kept."""
    return output.lower().endswith(".png")


def check_transparent(output: str) -> None:
    """Raise NCAError if the output's kind has no opacity."""
    if output.lower().endswith((".mp4", ".gif")):
        raise NCAError(f"{output}: this kind can't be transparent; use .mov, .webp, .png or a folder of frames.")


def check_output(output: str, fps: int, width: int = 1, height: int = 1) -> None:
    """Raise NCAError if the name, the rate or the size of the pictures can't be recorded."""
    name = output.lower()
    if not name.endswith(("/", os.sep, ".mp4", ".mov", ".gif", ".webp", ".png")):
        raise NCAError(f"{output}: this ending can't be recorded; use {_KINDS}.")
    if name.endswith(".gif") and fps not in GIF_RATES:
        raise NCAError(f"A GIF can't have {fps} frames a second; use {', '.join(map(str, GIF_RATES))}.")
    if name.endswith(".webp") and fps > WEBP_FASTEST:
        raise NCAError(f"A WebP can't have {fps} frames a second; use at most {WEBP_FASTEST}.")
    limit = SIDES.get(Path(name).suffix, OTHER_SIDE)
    if max(width, height) > limit:
        raise NCAError(f"{output}: pictures of {width}x{height} are too large; a side can have at most {limit} pixels.")
    if not name.endswith(("/", os.sep)) and not Path(output).absolute().parent.is_dir():
        raise NCAError(f"{output}: its folder does not exist; create it first.")


def open_encoder(output: str, fps: int, width: int, height: int) -> Encoder:
    """Open the output. Raises NCAError if it can't be written."""
    check_output(output, fps, width, height)
    path = Path(output)
    try:
        if output.endswith(("/", os.sep)):
            return Frames(path)
        match path.suffix.lower():
            case ".mp4":
                return Mp4(path, fps, width, height)
            case ".mov":
                return Mov(path, fps, width, height)
            case ".gif":
                return Gif(path, fps, width, height)
            case ".webp":
                return WebP(path, fps, width, height)
            case ".png":
                return Still(path)
            case ending:
                raise NotImplementedError(f"open_encoder has no case for {ending}.")
    except OSError as error:
        raise unwritable(output, error) from None


class WebP(Streamed):
    """Lossless WebP. The file grows frame by frame, so it plays even if the recording was killed.

    We write the container ourselves: ffmpeg's encoder keeps all frames in memory until the end.
    """

    def __init__(self, path: Path, fps: int, width: int, height: int) -> None:
        super().__init__(path)
        self._fps = fps
        self._sides = _u24(width - 1) + _u24(height - 1)
        self._written = 0

    def _add(self, picture: U8) -> None:
        packed = io.BytesIO()
        Image.fromarray(picture).save(packed, "WEBP", lossless=True, quality=20, method=0)  # slower saves little
        if not self._count:
            animated, endless = struct.pack("<I", 0x12 if picture.shape[2] == 4 else 2), bytes(6)
            self._append(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", animated + self._sides) + _riff(b"ANIM", endless))
        before, after = (round(n * 1000 / self._fps) for n in (self._count, self._count + 1))  # no rounding drift
        corner, opaque, inner = bytes(6), b"\2", packed.getvalue()[len("RIFFsizeWEBP") :]
        self._append(_riff(b"ANMF", corner + self._sides + _u24(after - before) + opaque + inner))
        self._written += 1

    def _append(self, data: bytes) -> None:
        length = self._file.seek(0, os.SEEK_END) + len(data)
        if length > MAX_RIFF:
            raise OSError(errno.EFBIG, "a WebP can have at most 4 GB")
        self._file.write(data)
        self._file.seek(4)
        self._file.write(struct.pack("<I", length - 8))

    def _frames_in(self, file: BinaryIO) -> int:
        return self._written


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


class Still:
    """The last picture as PNG."""

    def __init__(self, path: Path) -> None:
        self._file = NewFile(path)
        self._last: U8 | None = None

    def write(self, picture: U8) -> None:
        self._last = picture

    def close(self) -> None:
        with self._file:
            if self._last is not None:
                self._file.write(png(Image.fromarray(self._last)))
                self._file.finish()

    def saved(self) -> int:
        return int(self._file.placed)


class Frames:
    """A folder of frame_000000.png and so on. All frames of an earlier recording go when the first new one is there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        if not os.access(self._folder, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
        self._beside, self._count = workplace(self._folder), 0

    def write(self, picture: U8) -> None:
        data = png(Image.fromarray(picture))
        if self._count or not self._replace_all(data):
            self._add(self._folder, self._beside, data)
        self._count += 1

    def _add(self, folder: Path, beside: Path, data: bytes) -> None:
        with NewFile(folder / FRAME.format(self._count), beside) as file:
            file.write(data)
            if not self._count:  # so that what a kill leaves is one recording, from its start
                for path in reversed(self._older(folder)):
                    path.unlink()
            file.finish()

    @staticmethod
    def _older(folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if _FRAME.fullmatch(path.name))

    def _replace_all(self, first: bytes) -> bool:
        """Let the first frame take the place of all that is there, if that is only an older recording."""
        only_frames = len(self._older(self._folder)) == len(list(self._folder.iterdir())) > 0
        return only_frames and replace_folder(self._folder, lambda fresh: self._add(fresh, fresh, first))

    def close(self) -> None:
        """Do nothing: each frame is on the disk already."""
