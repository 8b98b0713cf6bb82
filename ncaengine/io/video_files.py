"""Files that grow frame by frame and replace an older one as soon as they can be played; .mp4, .mov and .gif."""

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import av.filter

from ncaengine.core.files import NewFile
from ncaengine.core.types import U8

HEADER = 100
"""More bytes than an MP4 or a QuickTime file has before its first fragment."""


class _Output:
    """A new file as ffmpeg sees it: without errors, after which ffmpeg may crash. `NewFile.check` raises them later.

    It has no name, because ffmpeg takes names such as tcp:1.2.3.4:5.mp4 for connections.
    """

    def __init__(self, file: NewFile) -> None:
        self._file, self.seek, self.tell = file, file.seek, file.tell

    def write(self, data: bytes) -> int:
        with suppress(OSError):
            self._file.write(data)
        return len(data)


class Streamed:
    """A file that grows frame by frame. It replaces an older one as soon as it can be played."""

    def __init__(self, path: Path) -> None:
        self._file = NewFile(path)
        self._count = 0
        self._whole = 0
        """The size up to which the file can be played; 0 before it can."""

    def write(self, picture: U8) -> None:
        self._add(picture)
        self._file.check()
        self._count += 1
        if self._playable():
            self._whole = self._file.size
            self._file.place()

    def _add(self, picture: U8) -> None:
        """Write a frame. Raises OSError."""
        raise NotImplementedError

    def _end(self) -> None:
        """Write what is missing after the last frame. Raises OSError."""

    def _playable(self) -> bool:
        """Return whether the file holds a whole frame."""
        return True

    def close(self) -> None:
        try:
            self._end()
            self._file.check()
        except BaseException:
            with suppress(OSError):
                self._file.cut(self._whole)
            self._file.discard()
            raise
        if self._count:
            self._file.finish()
        else:
            self._file.discard()

    def saved(self) -> int:
        if not self._file.placed:
            return 0
        with open(self._file.path, "rb") as file:
            return self._frames_in(file)

    def _frames_in(self, file: BinaryIO) -> int:
        """Return the number of whole frames in the file. Raises OSError."""
        with av.open(file, "r") as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))


class _Fragmented(Streamed):
    """A video in fragments of a quarter of a second, which plays even if the recording was killed."""

    def __init__(
        self,
        path: Path,
        fps: int,
        size: tuple[int, int],
        container: str,
        codec: str,
        pixels: str,
        options: dict[str, str],
    ) -> None:
        """size: (width, height) in pixels. container, codec, pixels, options: ffmpeg's names."""
        super().__init__(path)
        flags = {"movflags": "hybrid_fragmented", "frag_duration": "250000", "flush_packets": "1"}
        self._container = av.open(_Output(self._file), "w", format=container, options=flags)
        self._stream = cast(av.VideoStream, self._container.add_stream(codec, rate=fps, options=options))
        (self._stream.width, self._stream.height), self._stream.pix_fmt = size, pixels
        context = self._stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1  # bt709
        context.color_range = 1  # limited, as players expect
        self._base, self._pixels = Fraction(1, fps), pixels

    def _add(self, picture: U8) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
        frame = frame.reformat(format=self._pixels, dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self._count, self._base
        self._container.mux(self._stream.encode(frame))

    def _playable(self) -> bool:
        return self._file.size > HEADER

    def _end(self) -> None:
        try:
            if self._count:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()


class Mp4(_Fragmented):
    """H.264 that plays everywhere."""

    def __init__(self, path: Path, fps: int, width: int, height: int) -> None:
        # As sharp as "fast" with crf 16 in a third of its time; files are a quarter larger (measured on bubbles).
        # The encoder keeps some frames back to compare them, and one for each thread: never those of a whole second.
        options = {"crf": "13", "preset": "veryfast", "threads": str(min(8, os.cpu_count() or 1))}
        if fps < 24:
            options["tune"] = "zerolatency"
        super().__init__(path, fps, (width, height), "mp4", "libx264", "yuv420p", options)


class Mov(_Fragmented):
    """QuickTime's ProRes 4444 for editing programs: opacity, and ten bits for each colour of each pixel."""

    def __init__(self, path: Path, fps: int, width: int, height: int) -> None:
        options = {"profile": "4444", "vendor": "apl0"}
        super().__init__(path, fps, (width, height), "mov", "prores_ks", "yuva444p10le", options)


class Gif(Streamed):
    """GIF with a palette of 256 colours for each frame, so each frame can be written at once."""

    def __init__(self, path: Path, fps: int, width: int, height: int) -> None:
        super().__init__(path)
        self._container = av.open(_Output(self._file), "w", format="gif", options={"flush_packets": "1"})
        self._stream = self._container.add_stream("gif", rate=fps)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "pal8"
        self._base = Fraction(1, fps)
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

    def _add(self, picture: U8) -> None:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count, self._base
        self._graph.push(frame)
        self._drain()

    def _playable(self) -> bool:
        return self._file.size > 0  # each frame is written when the next one is known

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, av.VideoFrame)
            self._container.mux(self._stream.encode(frame))

    def _end(self) -> None:
        try:
            if self._count:
                self._graph.push(None)
                self._drain()
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()
