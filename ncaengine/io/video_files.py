"""Files that grow frame by frame and replace an older one as soon as they can be played: .mp4, .mov, .webm and .gif."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import av
import av.filter

from ncaengine.core.files import NewFile
from ncaengine.core.types import U8
from ncaengine.io.kinds import Job

Options = dict[str, str | int | None]
"""Of ffmpeg, by name; None leaves one out."""
LAMBDA = 118
"""ffmpeg's unit of quality."""
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
    """A file that grows frame by frame. It replaces an older one as soon as it can be played.

    Attributes:
        file: What is written so far.
    """

    def __init__(self, path: Path) -> None:
        self.file = NewFile(path)
        self._count = 0
        self._whole = 0
        """The size up to which the file can be played; 0 before it can."""

    def write(self, picture: U8) -> None:
        self._add(picture)
        self.file.check()
        self._count += 1
        if self._playable():
            self._whole = self.file.size
            self.file.place()

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
            self.file.check()
        except BaseException:
            with suppress(OSError):
                self.file.cut(self._whole)
            self.file.discard()
            raise
        if self._count:
            self.file.finish()
        else:
            self.file.discard()

    def saved(self) -> int:
        if not self.file.placed:
            return 0
        with open(self.file.path, "rb") as file:
            return self._frames_in(file)

    def _frames_in(self, file: BinaryIO) -> int:
        """Return the number of whole frames in the file. Raises OSError."""
        with av.open(file, "r") as container:
            return sum(packet.size > 0 for packet in container.demux(video=0))


class _Video(Streamed):
    """A video in parts of a quarter of a second, which plays even if the recording was killed."""

    def __init__(
        self, job: Job, container: str, flags: dict[str, str], codec: str, pixels: tuple[str, str], options: Options
    ) -> None:
        """container, flags, codec, pixels, options: ffmpeg's. pixels: without opacity and with it."""
        super().__init__(job.path)
        self._job, self._pixels, self._codec, self._options = job, pixels, codec, options
        self._container = av.open(_Output(self.file), "w", format=container, options={**flags, "flush_packets": "1"})
        self._stream: av.VideoStream | None = None
        self._header = HEADER  # what a file has before its first part

    def _open(self, pixels: str) -> av.VideoStream:
        options = {name: str(value) for name, value in self._options.items() if value is not None}
        stream = cast(av.VideoStream, self._container.add_stream(self._codec, rate=self._job.fps, options=options))
        stream.width, stream.height, stream.pix_fmt = self._job.width, self._job.height, pixels
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1  # bt709
        context.color_range = 1  # limited, as players expect
        return stream

    def _add(self, picture: U8) -> None:
        has_opacity = picture.shape[2] == 4
        frame = av.VideoFrame.from_ndarray(picture, format="rgba" if has_opacity else "rgb24")
        if self._stream is None:
            self._stream = self._open(self._pixels[has_opacity])
            self._container.start_encoding()
            self._header = max(HEADER, self.file.size)
        frame = frame.reformat(format=self._stream.pix_fmt, dst_colorspace="ITU709", dst_color_range="MPEG")
        frame.pts, frame.time_base = self._count, self._job.frame
        self._container.mux(self._stream.encode(frame))

    def _playable(self) -> bool:
        return self.file.size > self._header

    def _end(self) -> None:
        try:
            if self._stream is not None:  # which has a frame: a stream without one crashes, and so does one not ended
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()


# Offsets below 0 let the first frame come at once, although the encoder orders frames anew.
FRAGMENTS = {"movflags": "hybrid_fragmented+negative_cts_offsets", "frag_duration": "250000"}
THREADS = str(min(8, os.cpu_count() or 1))


class Mp4(_Video):
    """H.264 that plays everywhere."""

    def __init__(self, job: Job) -> None:
        # As sharp as "fast" with crf 16 in a third of its time; files are a quarter larger (measured on bubbles).
        # The encoder keeps some frames back to compare them, and one for each thread: never those of a whole second.
        given = job.options
        options: Options = {"preset": given["preset"], "threads": THREADS, **_rate(given)}
        if job.is_loop:  # else the last frames, on which none depend, are coded worse than the first
            options["x264-params"] = "mbtree=0"
        if job.fps < 24:
            options["tune"] = "zerolatency"
        super().__init__(job, "mp4", FRAGMENTS, job.kind.codec, ("yuv420p",) * 2, options)


class Mov(_Video):
    """QuickTime's ProRes 4444 for editing programs: opacity, and ten bits for each colour of each pixel."""

    def __init__(self, job: Job) -> None:
        options: Options = {"profile": "4444", "vendor": "apl0"}
        if (quality := job.options["qscale:v"]) is not None:
            options |= {"flags": "+qscale", "global_quality": quality * LAMBDA}
        super().__init__(job, "mov", FRAGMENTS, job.kind.codec, ("yuva444p10le",) * 2, options)


class WebM(_Video):
    """VP9 for web pages, with opacity if there is any."""

    def __init__(self, job: Job) -> None:
        # Frames are not kept back, so that each quarter of a second is on the disk at once.
        speed: Options = {"deadline": "good", "cpu-used": 5, "row-mt": 1, "threads": THREADS, "lag-in-frames": 0}
        options: Options = {"auto-alt-ref": 0, "b": 0, **speed, **_rate(job.options)}
        flags = {"cluster_time_limit": "250"}
        super().__init__(job, "webm", flags, job.kind.codec, ("yuv420p", "yuva420p"), options)


def _rate(given: Mapping[str, Any]) -> Options:
    """Return ffmpeg's options of quality: bits a second if these are given."""
    return {"crf": given["crf"]} if given["b:v"] is None else {"b": given["b:v"]}


class Gif(Streamed):
    """GIF with a palette of 256 colours for each frame, so each frame can be written at once."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.path)
        width, height = job.width, job.height
        self._container = av.open(_Output(self.file), "w", format="gif", options={"flush_packets": "1"})
        self._stream = cast(av.VideoStream, self._container.add_stream(job.kind.codec, rate=job.fps))
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "pal8"
        self._base = job.frame
        graph = self._graph = av.filter.Graph()
        source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=self._base)
        split = graph.add("split")
        most = job.options["max_colors"]
        palette = graph.add("palettegen", f"stats_mode=single:reserve_transparent=0:max_colors={most}")
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
        return self.file.size > 0  # each frame is written when the next one is known

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
