"""The kinds of files that a recording can be, each declared once: writers, flags, lists and tables follow it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from ncaengine.core.errors import NCAError
from ncaengine.core.texts import flag_of

Rate = int | Fraction
"""Frames per second."""
PIPE = "-"
"""The output that stands for standard output."""
SLOWEST, FASTEST = Fraction(1, 1000), 3600
"""Frames per second, of all kinds."""
FINEST = 10**6
"""The largest denominator of a rate."""
_PATTERN = re.compile(r"%0?\d{0,2}d")
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True)
class Flag:
    """A flag of quality or size, named as in ffmpeg."""

    type: type
    """int or str."""
    help: str


FLAGS = {
    "crf": Flag(int, "Constant quality; less is better and larger."),
    "preset": Flag(str, "How long the encoder looks for a smaller file, from ultrafast to veryslow."),
    "b:v": Flag(str, "Bits a second instead of --crf, for example 8M or 500k."),
    "qscale:v": Flag(int, "Quality; less is better and larger."),
    "quality": Flag(int, "Quality with losses, from 0 (small) to 100."),
    "compression_level": Flag(int, "How hard to compress, from 0 to 9; more takes longer. Nothing is lost."),
    "max_colors": Flag(int, "The most colours of a frame."),
}
"""By name; a kind says which of them it takes."""


@dataclass(frozen=True)
class Values:
    """What a flag of a kind can be."""

    default: int | str | None
    """None: see the encoder."""
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return f"from {self.low} to {self.high}" if self.high else "a number of bits, as 8M or 500k"

    def __contains__(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        if self.high:
            return isinstance(value, int) and self.low <= value <= self.high
        return isinstance(value, str) and re.fullmatch(r"[1-9]\d{0,8}(\.\d{1,3})?[kM]?", value) is not None


@dataclass(frozen=True)
class Kind:
    """A kind of output."""

    ending: str
    """Of the output's name; of PIPE, the name of the format."""
    title: str
    """For lists, as short as can be."""
    help: str
    """What it is, in a sentence."""
    encoder: str
    """The module and the class in io that write it; see encoders."""
    media: str = ""
    """The media type, if browsers show it."""
    codec: str = ""
    """The encoder of FFmpeg that is needed."""
    alpha: bool = False
    """Whether cells can be transparent."""
    repeats: bool = False
    """Whether players start it again at its end by themselves."""
    still: bool = False
    """Whether only the last picture is kept."""
    states: bool = False
    """Whether it holds all channels of a grid's cells instead of pictures; see state_frames."""
    piped: bool = False
    """Whether it goes to standard output."""
    even: bool = False
    """Whether both sides must be even, as H.264 with 4:2:0 chroma requires."""
    side: int = 65535
    """The most pixels a side."""
    fps: int = 60
    """Frames per second, unless others are asked for."""
    fastest: int = FASTEST
    """The most frames per second."""
    unit: int = 0
    """Frames last whole parts of a second, of which there are so many; 0 for any time."""
    megabytes: float = 0.0
    """The size of a second of zebra at 512x512 pixels and the usual rate, or of a picture, by `make.py sizes`."""
    options: Mapping[str, Values] = field(default_factory=dict)
    """The flags that it takes."""
    looped: Mapping[str, int | str] = field(default_factory=dict)
    """What these are for loops unless they are given: losses must not show where the end meets the start."""


_X264 = {"crf": Values(13, 0, 51), "preset": Values("veryfast", choices=_PRESETS), "b:v": Values(None)}
_LEVEL = {"compression_level": Values(6, 0, 9)}
KINDS = (
    Kind(".mp4", "MP4", "H.264 video, which plays everywhere.", "video_files:Mp4", "video/mp4", "libx264",
         even=True, side=16384, megabytes=0.59, options=_X264, looped={"crf": 3, "preset": "medium"}),
    Kind(".mov", "MOV", "ProRes 4444 for editing programs; keeps opacity.", "video_files:Mov", "video/quicktime",
         "prores_ks", alpha=True, side=16384, megabytes=40, options={"qscale:v": Values(None, 1, 32)}),
    Kind(".webm", "WebM", "VP9 video for web pages; keeps opacity.", "video_files:WebM", "video/webm", "libvpx-vp9",
         alpha=True, side=16384, megabytes=0.39, options={"crf": Values(24, 0, 63), "b:v": Values(None)}),
    Kind(".gif", "GIF", "256 colours a frame, at most 50 frames a second.", "video_files:Gif", "image/gif", "gif",
         repeats=True, fps=50, fastest=50, unit=100, megabytes=13, options={"max_colors": Values(256, 4, 256)}),
    Kind(".webp", "WebP", "A lossless animation for web pages.", "animations:WebP", "image/webp", "libwebp",
         alpha=True, repeats=True, side=16383, fastest=90, megabytes=28, options={"quality": Values(None, 0, 100)}),
    Kind(".apng", "APNG", "A lossless animation, larger than WebP, for programs that read PNG.", "animations:Apng",
         "image/apng", "png", alpha=True, repeats=True, megabytes=32, options=_LEVEL),
    Kind("/", "PNGs", "A folder of numbered lossless pictures.", "frame_files:Frames", alpha=True, megabytes=32,
         options=_LEVEL),
    Kind(".png", "PNG", "Only the last picture.", "frame_files:Png", "image/png", "png", alpha=True, still=True,
         megabytes=0.54, options=_LEVEL),
    Kind(".avif", "AVIF", "Only the last picture, several times smaller than PNG.", "frame_files:Avif", "image/avif",
         alpha=True, still=True, side=16384, megabytes=0.1, options={"quality": Values(90, 0, 100)}),
    Kind(".npy", "NPY", "All channels of the last state, for NumPy: (height, width, channels) float32.",
         "frame_files:Npy", still=True, states=True, megabytes=13),
    Kind(".exr", "EXR", "All channels of the last state, and its colours in linear light, for compositing.",
         "frame_files:Exr", still=True, states=True, megabytes=15),
)  # fmt: skip
"""By the ending of the name."""
FORMATS = {
    kind.ending: kind
    for kind in (
        Kind("y4m", "y4m", "Frames as YUV 4:4:4 (BT.601) with their size and rate, which ffmpeg and players read.",
             "pipes:Y4m", piped=True, megabytes=47),
        Kind("rgb24", "rgb24", "Frames as bare bytes, three for each pixel.", "pipes:Raw", piped=True, megabytes=47),
        Kind("rgba", "rgba", "Frames as bare bytes, four for each pixel.", "pipes:Raw", alpha=True, piped=True,
             megabytes=63),
    )
}  # fmt: skip
"""What goes to PIPE, by the format's name; the first one is usual."""
ENDINGS = ", ".join(kind.ending for kind in KINDS if kind.ending != "/")
NAMED = f"use {ENDINGS}, a name ending in / (a folder of frames), or {PIPE} (standard output)."


def kind_of(output: str, form: str = "") -> Kind:
    """Return the kind of an output. Raises NCAError if there is none.

    output: a name with one of the endings; as f_%04d.png, numbered files; or PIPE.
    form: what goes to PIPE.
    """
    if output == PIPE:
        return FORMATS[form or next(iter(FORMATS))]
    if form:
        raise NCAError(f"--format says what goes to standard output; write -o {PIPE}, or leave it out.")
    name = "/" if output.endswith(os.sep) else output.lower()
    kind = next((kind for kind in KINDS if name.endswith(kind.ending)), None)
    if kind is None:
        raise NCAError(f"{output}: this ending can't be recorded; {NAMED}")
    numbers = _PATTERN.findall(Path(output).name) if kind.still else []
    if len(numbers) > 1 or (numbers and Path(output).name.count("%") > 1):
        raise NCAError(f"{output}: numbered files have one %d or %04d in their names, and no other %.")
    if numbers:
        return replace(kind, still=False, ending=f"%d{kind.ending}")
    return kind


def check_transparent(output: str, form: str = "") -> None:
    """Raise NCAError if the output's kind has no opacity."""
    if not kind_of(output, form).alpha:
        others = ", ".join(kind.ending for kind in KINDS if kind.alpha and kind.ending != "/")
        raise NCAError(f"{output}: this kind can't be transparent; use {others} or a folder of frames.")


def parse_rate(text: str) -> Rate:
    """Return frames per second from a whole number, a decimal or a fraction. Raises NCAError.

    23.976, 29.97 and 59.94 are the rates of television that people round so: 24000/1001 and so on.
    """
    try:
        if len(text) > 40 or "e" in text.lower():  # a power of ten can have any number of digits
            raise ValueError
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise NCAError(f"{text!r} is not a frame rate; use a number or a fraction, as 30 or 24000/1001.") from None
    if rate.denominator == 1:
        return int(rate)
    television = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    return television if "." in text and round(television, len(text.partition(".")[2])) == rate else rate


def rate_of(kind: Kind, fps: object = None) -> Rate:
    """Return the frames per second of an output. Raises NCAError if its kind can't have them.

    fps: any number, which means what parse_rate makes of its digits; None takes the kind's usual ones.
    """
    rate = kind.fps if fps is None else _as_rate(fps)
    check_rate(kind, rate)
    return rate


def _as_rate(fps: object) -> Rate:
    if isinstance(fps, Fraction):
        return fps
    if isinstance(fps, bool) or not isinstance(fps, Real):
        raise NCAError(f"{fps!r:.60} is not a frame rate; use a number or a fraction, as 30 or Fraction(24000, 1001).")
    if isinstance(fps, Integral):
        return int(fps)
    rate = Fraction(parse_rate(f"{float(fps)}")).limit_denominator(FINEST)  # 100 / 3 is meant as it is written
    return int(rate) if rate.denominator == 1 else rate


def check_rate(kind: Kind, fps: Rate) -> None:
    """Raise NCAError if a kind can't have so many frames a second."""
    if not SLOWEST <= fps <= FASTEST or Fraction(fps).denominator > FINEST:
        raise NCAError(f"{fps} frames a second can't be recorded; use 60, 30, 24000/1001 or another "
                       f"from {float(SLOWEST):g} to {FASTEST}.")  # fmt: skip
    if kind.unit and (fps > kind.fastest or (kind.unit / Fraction(fps)).denominator > 1):
        rates = (str(n) for n in range(1, kind.fastest + 1) if kind.unit % n == 0)
        raise NCAError(f"A {kind.title} can't have {fps} frames a second; use {', '.join(rates)}.")
    if fps > kind.fastest:
        raise NCAError(f"A {kind.title} can't have {fps} frames a second; use at most {kind.fastest}.")


def with_defaults(kind: Kind, given: Mapping[str, Any], is_loop: bool = False) -> dict[str, Any]:
    """Return the values of all flags of a kind, the given ones checked. Raises NCAError."""
    for name, value in given.items():
        if name not in kind.options:
            takes = ", ".join(map(flag_of, kind.options))
            raise NCAError(f"{flag_of(name)} has no effect on {kind.title}{f'; it takes {takes}' if takes else ''}.")
        if value not in kind.options[name]:
            raise NCAError(f"{flag_of(name)} is {value}; for {kind.title} it must be {kind.options[name]}.")
    usual = {name: values.default for name, values in kind.options.items()}
    return {**usual, **(kind.looped if is_loop else {}), **given}


@dataclass(frozen=True)
class Job:
    """What an encoder is to write."""

    output: str
    kind: Kind
    fps: Rate
    width: int
    height: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """The values of all flags of the kind."""
    is_loop: bool = False
    """Whether the end meets the start."""

    @property
    def path(self) -> Path:
        """The output's path."""
        return Path(self.output)

    @property
    def frame(self) -> Fraction:
        """Seconds that a frame lasts."""
        return 1 / Fraction(self.fps)


def rows() -> list[tuple[str, ...]]:
    """Return a table of all kinds: name, opacity, repetition, megabytes, flags and help, with a line of titles."""
    found: list[tuple[str, ...]] = [("name", "opacity", "repeats", "MB", "flags", "what it is")]
    for kind in (*KINDS, *FORMATS.values()):
        name = {"/": "frames/"}.get(kind.ending, f"{PIPE} --format {kind.ending}" if kind.piped else kind.ending)
        signs = ("yes" if kind.alpha else "", "yes" if kind.repeats else "", f"{kind.megabytes:.2g}")
        found.append((name, *signs, " ".join(map(flag_of, kind.options)), kind.help))
    return found


def markdown() -> str:
    """Return that table in Markdown, for docs/recording.md."""
    titles, *others = rows()
    lines = [titles, ("---",) * 3 + ("---:",) + ("---",) * 2]
    for name, alpha, repeats, size, flags, help_ in others:
        lines.append((f"`{name}`", alpha, repeats, size, " ".join(f"`{flag}`" for flag in flags.split()), help_))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
