"""Encoders write a recording's frames: to .mp4, .gif, .webp, .png or a folder, as the output's name says."""

import errno
import io
import os
import re
import struct
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import av.filter
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.files import unwritable
from ncaengine.core.types import U8

FRAME = "frame_{:06d}.png"
"""The names of the files in a folder of frames."""
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
    """Writes pictures of one size, (height, width, 3) uint8, or 4 with opacity; see check_transparent."""

    def write(self, picture: U8) -> None:
        """Add a frame. Raises OSError."""

    def close(self) -> None:
        """Finish the file. Raises OSError."""


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
    try:
        if output.endswith(("/", os.sep)):
            return Frames(Path(output))
        with open(output, "ab"):  # raises the plain reason, before a library words it differently
            pass
        match Path(output).suffix.lower():
            case ".mp4":
                return Mp4(output, fps, width, height)
            case ".mov":
                return Mov(output, fps, width, height)
            case ".gif":
                return Gif(output, fps, width, height)
            case ".webp":
                return WebP(output, fps, width, height)
            case ".png":
                return Still(Path(output))
            case ending:
                raise NotImplementedError(f"open_encoder has no case for {ending}.")
    except OSError as error:
        raise unwritable(output, error) from None


class _Fragmented:
    """A video that plays even if the recording was killed."""

    def __init__(
        self,
        path: str,
        fps: int,
        size: tuple[int, int],
        container: str,
        codec: str,
        pixels: str,
        options: dict[str, str],
    ) -> None:
        """size: (width, height) in pixels. container, codec, pixels, options: ffmpeg's names."""
        flags = {"movflags": "hybrid_fragmented", "frag_duration": "500000", "flush_packets": "1"}
        self._container = av.open(path, "w", format=container, options=flags)
        self._stream = cast(av.VideoStream, self._container.add_stream(codec, rate=fps, options=options))
        (self._stream.width, self._stream.height), self._stream.pix_fmt = size, pixels
        context = self._stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1  # bt709
        context.color_range = 1  # limited, as players expect
        self._base, self._count, self._pixels = Fraction(1, fps), 0, pixels

    def write(self, picture: U8) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
        frame = frame.reformat(format=self._pixels, dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self._count, self._base
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        try:
            if self._count:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()


class Mp4(_Fragmented):
    """H.264 that plays everywhere."""

    def __init__(self, path: str, fps: int, width: int, height: int) -> None:
        # As sharp as "fast" with crf 16 in a third of its time; files are a quarter larger (measured on bubbles).
        options = {"crf": "13", "preset": "veryfast"}
        super().__init__(path, fps, (width, height), "mp4", "libx264", "yuv420p", options)


class Mov(_Fragmented):
    """QuickTime's ProRes 4444 for editing programs: opacity, and ten bits for each colour of each pixel."""

    def __init__(self, path: str, fps: int, width: int, height: int) -> None:
        options = {"profile": "4444", "vendor": "apl0"}
        super().__init__(path, fps, (width, height), "mov", "prores_ks", "yuva444p10le", options)


class Gif:
    """GIF with a palette of 256 colours for each frame, so each frame can be written at once."""

    def __init__(self, path: str, fps: int, width: int, height: int) -> None:
        self._container = av.open(path, "w", format="gif")
        self._stream = self._container.add_stream("gif", rate=fps)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "pal8"
        self._base, self._count = Fraction(1, fps), 0
        graph = self._graph = av.filter.Graph()
        source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=self._base)
        split = graph.add("split")
        palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
        # An ordered pattern stays in place from frame to frame; diffused errors would shimmer.
        apply = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(apply, 1, 0)
        palette.link_to(apply, 0, 1)
        apply.link_to(sink)
        graph.configure()

    def write(self, picture: U8) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count, self._base
        self._count += 1
        self._graph.push(frame)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        try:
            if self._count:
                self._graph.push(None)
                self._drain()
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()


class WebP:
    """Lossless WebP. The file grows frame by frame, so it plays even if the recording was killed.

    We write the container ourselves: ffmpeg's encoder keeps all frames in memory until the end.
    """

    def __init__(self, path: str, fps: int, width: int, height: int) -> None:
        self._file = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._fps, self._count = fps, 0
        self._sides = _u24(width - 1) + _u24(height - 1)

    def write(self, picture: U8) -> None:
        packed = io.BytesIO()
        Image.fromarray(picture).save(packed, "WEBP", lossless=True, quality=20, method=0)  # slower saves little
        if not self._count:
            animated, endless = struct.pack("<I", 0x12 if picture.shape[2] == 4 else 2), bytes(6)
            self._append(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", animated + self._sides) + _riff(b"ANIM", endless))
        before, after = (round(n * 1000 / self._fps) for n in (self._count, self._count + 1))  # no rounding drift
        corner, opaque, inner = bytes(6), b"\2", packed.getvalue()[len("RIFFsizeWEBP") :]
        self._append(_riff(b"ANMF", corner + self._sides + _u24(after - before) + opaque + inner))
        self._count += 1

    def _append(self, data: bytes) -> None:
        length = self._file.seek(0, os.SEEK_END) + len(data)
        if length > MAX_RIFF:
            raise OSError(errno.EFBIG, "a WebP can have at most 4 GB")
        self._file.write(data)
        self._file.seek(4)
        self._file.write(struct.pack("<I", length - 8))
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _u24(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


class Still:
    """The last picture as PNG."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: U8 | None = None

    def write(self, picture: U8) -> None:
        self._last = picture

    def close(self) -> None:
        if self._last is not None:
            Image.fromarray(self._last).save(self._path)


class Frames:
    """A folder of frame_000000.png and so on. Left-over frames of a longer, earlier recording are removed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
        self._folder, self._count = folder, 0

    def write(self, picture: U8) -> None:
        Image.fromarray(picture).save(self._folder / FRAME.format(self._count))
        self._count += 1

    def close(self) -> None:
        for path in self._folder.glob("frame_*.png"):
            number = re.fullmatch(r"frame_(\d{6})\.png", path.name)
            if number and int(number[1]) >= self._count:
                path.unlink()
