"""Frames for other programs, on standard output."""

import os
import sys
from fractions import Fraction

import av
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32, U8
from ncaengine.io.kinds import Job


class Raw:
    """Pixel after pixel, row after row, frame after frame: three bytes per pixel, or four with opacity."""

    def __init__(self, job: Job) -> None:
        if sys.stdout is None or sys.stdout.isatty():
            raise NCAError("Frames are not for a terminal; pipe them into a program, or name a file with -o.")
        self._job, self._count = job, 0
        self._out = sys.stdout.buffer

    def write(self, picture: U8 | F32) -> None:
        self._out.write(self._packed(picture))
        self._out.flush()  # so that it is known how many have left
        self._count += 1

    def _packed(self, picture: U8 | F32) -> bytes:
        channels = 4 if self._job.kind.alpha else 3
        if picture.shape[2] < channels:
            picture = np.concatenate([picture, np.full_like(picture[..., :1], 255)], -1)
        return picture.tobytes()

    def close(self) -> None:
        try:
            self._out.flush()
        except OSError:  # nobody reads any more: Python must not try again when it ends
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._out.fileno())
            raise

    def saved(self) -> int:
        return self._count


class Y4m(Raw):
    """YUV4MPEG2 with a colour of its own for each pixel; BT.601, which programs expect, as it can't say."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        rate = Fraction(job.fps)
        shape = f"W{job.width} H{job.height} F{rate.numerator}:{rate.denominator}"
        self._start = f"YUV4MPEG2 {shape} Ip A1:1 C444 XCOLORRANGE=LIMITED\n".encode()

    def _packed(self, picture: U8 | F32) -> bytes:
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv444p", dst_colorspace="ITU601", dst_color_range="MPEG")
        start = b"" if self._count else self._start
        return start + b"FRAME\n" + frame.to_ndarray().tobytes()
