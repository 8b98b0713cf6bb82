"""Labelled pictures put together: contact sheets and loss curves, as Pillow images."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import MAX_PIXELS
from ncaengine.core.types import F64, U8

BACK, LINE, DIM, INK = "#141518", "#2a2c31", "#969ca5", "#e6e7e9"
COLOURS = ("#6fc3a6", "#e0b05c", "#7fa8e8", "#e5645c", "#ba8ee0", "#a0a6ae")
LONGEST = 18
"""Captions may widen the places of the tiles up to so many times the height of their letters."""
CHART, BOX = (960, 480), (76, 72, 912, 420)
"""Sides of a chart, and the edges in it between which its lines lie: left, top, right, bottom."""
SMOOTH = 3
"""Lines are drawn so many times larger and brought down, for Pillow draws them with hard edges."""


@dataclass(frozen=True)
class Tile:
    """A picture, (height, width, 3) uint8, and the line below it."""

    picture: U8
    caption: str = ""


EMPTY = Tile(np.array([[ImageColor.getrgb(BACK)]], np.uint8))
"""A place that is left free."""


def sheet(rows: Sequence[Sequence[Tile]], title: str = "", headings: Sequence[str] = ()) -> Image.Image:
    """A contact sheet: rows of tiles below each other on a dark page, with a line above each row, if given.

    Each tile is enlarged by the largest whole number with which it is no larger than the largest of
    the sheet, and is centred in its place; all places are as wide as the widest picture or caption.
    Rows may differ in length. Lines that are too long end in "…". Raises NCAError if the sheet has
    more than MAX_PIXELS.
    """
    most = [max((tile.picture.shape[k] for row in rows for tile in row), default=1) for k in (0, 1)]
    size = min(max(round(max(most) / 16), 14), 30)  # of the letters
    gap, small, big = round(1.2 * size), typeface(size), typeface(round(1.5 * size))
    images = [[_enlarged(tile.picture, most) for tile in row] for row in rows]
    wide = max((image.width for row in images for image in row), default=0)
    longest = max((math.ceil(small.getlength(tile.caption)) for row in rows for tile in row), default=0)
    place = max(wide, min(longest, LONGEST * size))
    inner = max(max(map(len, rows), default=0) * (place + gap) - gap, LONGEST * size)
    lines = [*headings, *[""] * len(rows)][: len(rows)]
    high = [max((image.height for image in row), default=0) for row in images]
    below = [2 * size if any(tile.caption for tile in row) else 0 for row in rows]
    margin = 2 * gap
    top = margin + (3 * size if title else 0)
    height = top + sum(high) + sum(below) + 2 * size * sum(map(bool, lines)) + gap * (len(rows) - 1) + margin
    page = _page(inner + 2 * margin, height)
    pen = ImageDraw.Draw(page)
    pen.text((margin, margin + 1.2 * size), cut(title, big, inner), INK, big, anchor="ls")
    for n, row in enumerate(rows):
        pen.text((margin, top + size), cut(lines[n], small, inner), INK, small, anchor="ls")
        top += 2 * size if lines[n] else 0
        for k, (tile, image) in enumerate(zip(row, images[n], strict=True)):
            left = margin + k * (place + gap)
            page.paste(image, (left + (place - image.width) // 2, top + (high[n] - image.height) // 2))
            middle = left + place / 2, top + high[n] + 1.4 * size
            pen.text(middle, cut(tile.caption, small, place), DIM, small, anchor="ms")
        top += high[n] + below[n] + gap
    return page


def curve(
    series: Mapping[str, Sequence[float]], title: str = "", log: bool = True, along: str = "iteration"
) -> Image.Image:
    """A chart of numbers counted from 1, 960x480 pixels: thin as they are, bold their running median.

    `log`: a logarithmic axis, if all numbers are above 0. Those that are not finite are left out and
    break the thin line; the median, over a twentieth of the numbers, passes over them. `along` names
    the lower axis.
    """
    lines = [np.asarray(numbers, np.float64).reshape(-1) for numbers in series.values()]
    finite = np.concatenate([line[np.isfinite(line)] for line in lines] or [np.empty(0)])
    across = Axis(BOX[0], BOX[2], 0, max([line.size for line in lines if line.size], default=1))
    up = Axis(BOX[3], BOX[1], *_limits(finite, log), log and bool((finite > 0).all()))
    drawing = Image.new("RGB", (CHART[0] * SMOOTH, CHART[1] * SMOOTH), BACK)
    pen = ImageDraw.Draw(drawing)
    for value in up.ticks():
        y = float(up.place(value)) * SMOOTH
        pen.line((BOX[0] * SMOOTH, y, BOX[2] * SMOOTH, y), LINE, SMOOTH)
    for draw in (_thin, _bold):
        for line, colour in zip(lines, cycle(COLOURS), strict=False):
            draw(pen, line, across, up, colour)
    page = drawing.resize(CHART, Image.Resampling.LANCZOS)
    _label(page, across, up, title, along)
    _name(page, list(series) if len(series) > 1 else [])
    if not finite.size:
        middle = (BOX[0] + BOX[2]) / 2, (BOX[1] + BOX[3]) / 2
        ImageDraw.Draw(page).text(middle, "nothing to show yet", DIM, typeface(15), anchor="mm")
    return page


def framed(picture: U8, size: tuple[int, int], scale: int) -> U8:
    """A target as large as a grid of `size` cells at `scale` pixels a cell: its middle, or itself amid a margin.

    Beside the grid, neither then looks coarser than it is.
    """
    image, (width, height) = Image.fromarray(picture), size
    page = Image.new("RGB", size, BACK)
    page.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return np.asarray(page.resize((width * scale, height * scale), Image.Resampling.NEAREST))


def check_output(path: Path, what: str = "sheets") -> None:
    """Raises NCAError unless a picture can be written there: a name ending in .png, in a folder that is there."""
    if path.suffix.lower() != ".png":
        raise NCAError(f"{path}: {what} are written as PNG; choose a name that ends in .png.")
    if path.is_dir():
        raise NCAError(f"{path}: is a folder; choose another name.")
    if not path.parent.is_dir():
        raise NCAError(f"{path}: cannot be written, for its folder does not exist; make it first.")
    if not os.access(path.parent, os.W_OK):
        raise NCAError(f"{path}: cannot be written (Permission denied).")


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all. Raises NCAError."""
    check_output(path)
    files.replace_file(path, lambda part: picture.save(part, "PNG"))


@cache
def typeface(size: int) -> ImageFont.FreeTypeFont:
    """The letters of all sheets and charts, `size` pixels high."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _page(width: int, height: int) -> Image.Image:
    if width * height > MAX_PIXELS:
        raise NCAError(f"A sheet of {width}x{height} pixels is too large; use fewer or smaller pictures.")
    return Image.new("RGB", (width, height), BACK)


def _enlarged(picture: U8, most: Sequence[int]) -> Image.Image:
    height, width = picture.shape[:2]
    times = min(most[0] // height, most[1] // width)
    return Image.fromarray(picture).resize((width * times, height * times), Image.Resampling.NEAREST)


def cut(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """The text as one line of at most this width."""
    text = " ".join(text.split())
    if font.getlength(text) <= width + 1:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


@dataclass(frozen=True)
class Axis:
    """Numbers from `low` to `high` along the pixels from `start` to `end`."""

    start: int
    end: int
    low: float
    high: float
    log: bool = False

    def place(self, numbers: npt.ArrayLike) -> F64:
        """The pixels at which numbers lie."""
        low, high, at = (np.log10(v) if self.log else np.asarray(v) for v in (self.low, self.high, numbers))
        return np.asarray(self.start + (self.end - self.start) * (at - low) / (high - low), np.float64)

    def ticks(self) -> list[float]:
        """Some three to eight round numbers within."""
        if self.log:
            powers = [10.0**k for k in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)]
            for parts in ((1, 2, 5), (1, 3), (1,)):
                ticks = [part * power for power in powers for part in parts if self.low <= part * power <= self.high]
                if len(ticks) in range(2, 9):
                    return ticks
            if len(ticks) > 8:
                return ticks[:: -(-len(ticks) // 8)]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(part * power for part in (1, 2, 5, 10) if part * power >= rough)
        return [k * step for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def _limits(finite: F64, log: bool) -> tuple[float, float]:
    """From just below the least to just above the greatest number."""
    if not finite.size:
        return 0.1, 1.0
    low, high = float(finite.min()), float(finite.max())
    if log and low > 0:
        room = max((high / low) ** 0.05, 1.05)
        return low / room, high * room
    room = max(0.05 * (high - low), 0.05 * abs(high), 1e-9)
    return low - room, high + room


def _thin(pen: ImageDraw.ImageDraw, line: F64, across: Axis, up: Axis, colour: str) -> None:
    """The numbers as they are, broken where some are not finite."""
    at = np.flatnonzero(np.isfinite(line))
    back, full = (np.array(ImageColor.getrgb(c)) for c in (BACK, colour))
    red, green, blue = np.rint(0.62 * back + 0.38 * full).astype(int)
    for part in np.split(at, np.flatnonzero(np.diff(at) > 1) + 1):
        stroke(pen, across.place(part + 1), up.place(line[part]), f"rgb({red}, {green}, {blue})", 1.0)


def _bold(pen: ImageDraw.ImageDraw, line: F64, across: Axis, up: Axis, colour: str) -> None:
    """Their running median."""
    at = np.flatnonzero(np.isfinite(line))
    half = at.size // 40
    chosen = np.unique(np.linspace(0, at.size - 1, 400).astype(int)) if at.size else at
    medians = [np.median(line[at[max(k - half, 0) : k + half + 1]]) for k in chosen]
    stroke(pen, across.place(at[chosen] + 1), up.place(medians), colour, 2.4)


def stroke(pen: ImageDraw.ImageDraw, x: F64, y: F64, colour: str, width: float) -> None:
    """A line through pixels on a drawing SMOOTH times as large; a point alone becomes a dot."""
    points = [(float(a) * SMOOTH, float(b) * SMOOTH) for a, b in zip(x, y, strict=True)]
    if len(points) == 1:
        pen.circle(points[0], 1.5 * width * SMOOTH, colour)
    elif points:
        pen.line(points, colour, round(width * SMOOTH), joint="curve")


def _label(page: Image.Image, across: Axis, up: Axis, title: str, along: str) -> None:
    pen, small, big = ImageDraw.Draw(page), typeface(14), typeface(21)
    pen.text((BOX[0], 38), cut(title, big, BOX[2] - BOX[0]), INK, big, anchor="ls")
    for value in up.ticks():
        pen.text((BOX[0] - 12, float(up.place(value))), f"{value:,.6g}", DIM, small, anchor="rm")
    whole = [value for value in across.ticks() if value == round(value)]
    for value in whole:
        pen.text((float(across.place(value)), BOX[3] + 20), f"{value:,.0f}", DIM, small, anchor="ms")
    pen.text(((BOX[0] + BOX[2]) / 2, BOX[3] + 42), along, DIM, small, anchor="ms")


def _name(page: Image.Image, names: Sequence[str]) -> None:
    """The legend, in one line below the title."""
    pen, font, left = ImageDraw.Draw(page), typeface(14), float(BOX[0])
    for name, colour in zip(names, cycle(COLOURS), strict=False):
        text = cut(name, font, (BOX[2] - BOX[0]) / len(names) - 48)
        pen.line((left, BOX[1] - 14, left + 18, BOX[1] - 14), colour, 3)
        pen.text((left + 26, BOX[1] - 14), text, DIM, font, anchor="lm")
        left += 48 + font.getlength(text)
