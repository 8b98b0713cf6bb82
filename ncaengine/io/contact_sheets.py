"""Contact sheets: labelled pictures in rows, as Pillow images."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import MAX_PIXELS
from ncaengine.core.types import U8, Size
from ncaengine.io.fonts import typeface
from ncaengine.io.stills import png

BACK, DIM, INK = "#141518", "#969ca5", "#e6e7e9"
MIDDLE = "#7d838c"
"""All letters of a page without a background: can be read on white and on black."""
LONGEST = 18
"""The default of `longest`; on a page of a given size, captions give tiles no room."""


@dataclass(frozen=True)
class Tile:
    """A picture on a sheet."""

    picture: U8
    """(height, width, 3) uint8, or 4 with opacity."""
    caption: str = ""
    """The line below it."""


EMPTY = Tile(np.array([[ImageColor.getrgb(BACK)]], np.uint8))
"""Leaves a place empty."""


def contact_sheet(
    rows: Sequence[Sequence[Tile]],
    title: str = "",
    headings: Sequence[str] = (),
    transparent: bool = False,
    longest: int = LONGEST,
) -> Image.Image:
    """Draw rows of tiles on a dark page, or on none. Raises NCAError if the sheet has more than MAX_PIXELS.

    Each tile is enlarged by the largest whole number that keeps it within the largest tile, and centred in its place.
    All places are as wide as the widest picture or caption. Rows may differ in length. A line that is too long is cut
    and ends in "…".

    headings: The lines above the rows.
    transparent: Whether the page has opacity, and no background.
    longest: The width that captions may give to the tiles' places, in heights of their letters.
    """
    largest = [max((tile.picture.shape[k] for row in rows for tile in row), default=1) for k in (0, 1)]
    size = min(max(round(max(largest) / 16), 14), 30)  # height of the letters
    small = typeface(size, "".join([*headings, *(tile.caption for row in rows for tile in row)]))
    gap, big = round(1.2 * size), typeface(round(1.5 * size), title)
    images = [[_enlarged(tile.picture, largest) for tile in row] for row in rows]
    picture_width = max((image.width for row in images for image in row), default=0)
    caption_width = max((math.ceil(small.getlength(tile.caption)) for row in rows for tile in row), default=0)
    place = max(picture_width, min(caption_width, longest * size))
    line_width = max([big.getlength(title), *(small.getlength(line) for line in headings)])
    tiles_width = max(map(len, rows), default=0) * (place + gap) - gap
    inner_width = max(tiles_width, min(math.ceil(line_width), longest * size))
    lines = [*headings, *[""] * len(rows)][: len(rows)]
    heights = [max((image.height for image in row), default=0) for row in images]
    caption_heights = [2 * size if any(tile.caption for tile in row) else 0 for row in rows]
    margin = 2 * gap
    top = margin + (3 * size if title else 0)
    height = (
        top + sum(heights) + sum(caption_heights) + 2 * size * sum(map(bool, lines)) + gap * (len(rows) - 1) + margin
    )
    page = _page(inner_width + 2 * margin, height, transparent)
    pen, (ink, dim) = ImageDraw.Draw(page), (MIDDLE, MIDDLE) if transparent else (INK, DIM)
    pen.text((margin, margin + 1.2 * size), shorten(title, big, inner_width), ink, big, anchor="ls")
    for n, row in enumerate(rows):
        pen.text((margin, top + size), shorten(lines[n], small, inner_width), ink, small, anchor="ls")
        top += 2 * size if lines[n] else 0
        for k, (tile, image) in enumerate(zip(row, images[n], strict=True)):
            left = margin + k * (place + gap)
            if tile is not EMPTY:
                page.paste(image, (left + (place - image.width) // 2, top + (heights[n] - image.height) // 2))
            middle = left + place / 2, top + heights[n] + 1.4 * size
            pen.text(middle, shorten(tile.caption, small, place), dim, small, anchor="ms")
        top += heights[n] + caption_heights[n] + gap
    return page


def frame_target(picture: U8, size: tuple[int, int], scale: int) -> U8:
    """Return a target as large as a grid of `size` cells with `scale` pixels per cell, cropped or with a margin.

    Next to the grid, both then have the same scale.

    picture: (height, width, 3) uint8.
    size: (width, height) in cells.
    """
    image, (width, height) = Image.fromarray(picture), size
    page = Image.new("RGB", size, BACK)
    page.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return np.asarray(page.resize((width * scale, height * scale), Image.Resampling.NEAREST))


def check_output(path: Path, what: str = "sheets") -> None:
    """Raise NCAError unless the name ends in .png and a file can be written there. `what`: a plural for messages."""
    if path.suffix.lower() != ".png":
        raise NCAError(f"{path}: {what} are written as PNG; choose a name that ends in .png.")
    files.check_place(path)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all. Raises NCAError."""
    check_output(path)
    files.replace_file(path, png(picture))


def fit_tiles(rows: int, columns: int, page: Size, page_of: Callable[[Size], Size]) -> Size:
    """Return (width, height) in pixels of the largest tiles that a page of a given size has room for.

    page_of: returns the size of the page that tiles of a size make.

    Raises NCAError if the page has no room for them.
    """
    # Larger tiles have larger letters, so it may not settle: after some turns, tiles only shrink.
    tile, counts = [page[0] // columns, page[1] // rows], (columns, rows)
    for turn in range(12):
        over = [made - most for made, most in zip(page_of((tile[0], tile[1])), page, strict=True)]
        if max(over) <= 0 and (turn > 3 or all(-less < count for less, count in zip(over, counts, strict=True))):
            return tile[0], tile[1]
        for axis, count in enumerate(counts):
            step = math.ceil(over[axis] / count)
            tile[axis] = max(1, tile[axis] - (step if turn < 4 else max(step, 0)))
    raise NCAError(f"A sheet of {page[0]}x{page[1]} pixels has no room for these pictures; use more pixels.")


def padded(sheet: Image.Image, page: Size) -> Image.Image:
    """Return the sheet in the middle of a page of a given size in pixels."""
    out = _page(*page, sheet.mode == "RGBA")
    out.paste(sheet, ((page[0] - sheet.width) // 2, (page[1] - sheet.height) // 2))
    return out


def _page(width: int, height: int, transparent: bool) -> Image.Image:
    if width * height > MAX_PIXELS:
        raise NCAError(f"A sheet of {width}x{height} pixels is too large; use fewer or smaller pictures.")
    return Image.new("RGBA", (width, height)) if transparent else Image.new("RGB", (width, height), BACK)


def _enlarged(picture: U8, most: Sequence[int]) -> Image.Image:
    height, width = picture.shape[:2]
    times = min(most[0] // height, most[1] // width)
    return Image.fromarray(picture).resize((width * times, height * times), Image.Resampling.NEAREST)


def shorten(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return the text as one line of at most this width in pixels; a longer text ends in "…"."""
    text = " ".join(text.split())
    if font.getlength(text) <= width + 1:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
