"""Areas of a picture: where labels have which colour, and how areas fade into their surroundings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageFilter

from ncaengine.core.errors import NCAError
from ncaengine.core.types import I32, U8, Bools

RGB = tuple[int, int, int]
TOLERANCE = 24
"""By how much a colour, of 255, may differ from one that it counts as."""
LEAST = 0.001
"""The share of a picture from which on a colour that is not mapped is a mistake, not dirt."""
REACH = 64
"""Pixels over which colours between two areas, as at smooth edges, are given to the nearest area."""
BACKGROUNDS: tuple[RGB, ...] = ((0, 0, 0), (255, 255, 255))
"""Colours that mark no area unless they are mapped, as transparent pixels don't."""


def parse_colour(text: str) -> RGB:
    """Return a colour by name, as red, or as #ff0000. Raises NCAError."""
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        raise NCAError(f"{text[:40]!r} is not a colour; write a name such as red, or #ff0000.") from None
    return red, green, blue


def colour_name(colour: Sequence[int]) -> str:
    """Return a colour's name if it has one, else as #ff8800."""
    red, green, blue = colour
    known = (name for name in ImageColor.colormap if ImageColor.getrgb(name) == (red, green, blue))
    return next(known, f"#{red:02x}{green:02x}{blue:02x}")


def find_areas(marks: U8, mapped: Mapping[RGB, bool], path: Path) -> I32:
    """Return which mapped colour each pixel has, counted from 1, and 0 for the rest: (height, width) int32.

    Colours that differ by at most TOLERANCE count as one. Others, as at smooth edges, belong to the nearest area.

    marks: (height, width, 4) uint8 with opacity, from `path`.
    mapped: Colours, and whether each marks an area; others mark what stays.

    Raises NCAError if a mapped colour is missing, or one that fills a part of the picture is not mapped.
    """
    opaque = marks[..., 3] >= 128
    colours = [*mapped, *(each for each in BACKGROUNDS if each not in mapped)]
    nearest, distance = np.zeros(opaque.shape, np.int32), np.full(opaque.shape, 256, np.int16)
    for number, colour in enumerate(colours):
        away = np.abs(marks[..., :3].astype(np.int16) - np.array(colour, np.int16)).max(2)
        nearest[away < distance] = number
        np.minimum(distance, away, out=distance)
    sure = (distance <= TOLERANCE) | ~opaque
    _check_found(marks, opaque, sure, colours, nearest, len(mapped), path)
    numbers = np.array([n if is_area else 0 for n, is_area in enumerate(mapped.values(), 1)] + [0] * len(BACKGROUNDS))
    areas = numbers[nearest].astype(np.int32)
    areas[~opaque] = 0
    _spread(areas, sure, REACH)
    return areas


def _check_found(
    marks: U8, opaque: Bools, sure: Bools, colours: Sequence[RGB], nearest: I32, mapped: int, path: Path
) -> None:
    there = np.bincount(nearest[sure & opaque], minlength=len(colours))
    strange = solid_colours(marks, opaque & ~sure)
    if strange:
        example = colour_name(strange[0][0])
        raise NCAError(
            f"{path}: has areas of {_listed(strange)} that --map doesn't name; add '{example}=TEXTURE', or "
            f"'{example}=keep' to leave the picture as it is there."
        )
    for number in range(mapped):
        if not there[number]:
            raise NCAError(
                f"{path}: has no area of the colour {colour_name(colours[number])}, which --map names; it has "
                f"{_listed(solid_colours(marks, opaque)) or 'only thin lines'}."
            )


def solid_colours(marks: U8, where: Bools) -> list[tuple[RGB, float]]:
    """Return the colours that fill more than lines and edges, and their shares of the picture, the largest first."""
    image = Image.fromarray(np.ascontiguousarray(marks[..., :3]))
    spread = np.asarray(image.filter(ImageFilter.MaxFilter(3))).astype(np.int16)
    spread -= np.asarray(image.filter(ImageFilter.MinFilter(3)))
    found, counts = np.unique(marks[..., :3][where & (spread.max(2) <= TOLERANCE)], axis=0, return_counts=True)
    solid: list[tuple[RGB, float]] = []
    while len(counts) and counts.max() > 0 and len(solid) < 8:
        first = found[counts.argmax()].astype(np.int16)
        same = np.abs(found.astype(np.int16) - first).max(1) <= TOLERANCE
        counts[same] = 0
        share = float((np.abs(marks[..., :3].astype(np.int16) - first).max(2)[where] <= TOLERANCE).sum()) / where.size
        if share >= LEAST:
            solid.append(((int(first[0]), int(first[1]), int(first[2])), share))
    return sorted(solid, key=lambda one: -one[1])


def _listed(solid: Sequence[tuple[RGB, float]]) -> str:
    return ", ".join(f"{colour_name(colour)} ({share:.1%})" for colour, share in solid)


def _spread(areas: I32, sure: Bools, reach: int) -> None:
    """Give pixels that are not sure to the nearest area, in place; those out of reach keep theirs."""
    sure = sure.copy()
    for _ in range(reach):
        if sure.all():
            return
        before, known = areas.copy(), sure.copy()
        for to, from_ in (
            (np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:]),
            (np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :-1], np.s_[:, 1:]),
        ):  # fmt: skip
            taken = ~sure[to] & known[from_]
            areas[to][taken] = before[from_][taken]
            sure[to] |= taken


def under_edges(areas: I32, transparent: Bools, reach: int) -> I32:
    """Return areas that go on for `reach` pixels where the picture is transparent, so they don't fade beside it."""
    areas = areas.copy()
    _spread(areas, (areas > 0) | ~transparent, reach)
    return areas
