"""Target textures: image files, scaled to the training's size, and the built-in patterns by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.names import did_you_mean
from ncaengine.core.types import F32
from ncaengine.formats import images
from ncaengine.training import measures, preparation
from ncaengine.training.config import TrainingSettings, parse_crop
from ncaengine.training.patterns import PATTERNS
from ncaengine.training.preparation import Part

SHORTEST = 16
"""The least length of a target's shorter side, in pixels; a feature net may need more, see `losses.target_maps`."""
LARGEST = 4096
"""The longer side at which a photograph is read, in pixels."""
FEWEST = 64
"""The longer side that a found scale leaves a target at least, in cells, if the image has so many pixels."""
ONE_COLOUR = 2 / 255
"""A picture whose values differ by less has no texture."""
COARSE, FINE = 3 * preparation.LENGTH, 1.2
"""Correlation lengths, in cells, from which on a target is called too coarse, and up to which too fine."""


@dataclass(frozen=True)
class Target:
    """What a model learns from."""

    picture: F32
    """(height, width, 3) float32 RGB in [0, 1]."""
    taken: str = ""
    """What was taken of the image; '' if it is the whole, scaled down."""
    advice: str = ""
    """A sentence for the user if the target seems unfit."""


def load_target(name: str, longest: int = 128) -> Target:
    """Return a pattern by name, or an image file scaled down to a longer side of `longest` pixels.

    Raises NCAError if `name` is neither a pattern nor a readable image, or if the image is too large, too small or too
    narrow.
    """
    if name in PATTERNS:
        return Target(PATTERNS[name](longest))
    _check(name)
    loaded = images.load_image(name, longest)
    (height, width, _), size = loaded.picture.shape, loaded.size
    if min(height, width) < min(SHORTEST, longest):
        cure = "Crop it" if min(size) >= SHORTEST else "Use a larger image"
        raise NCAError(
            f"{name}: is {size[0]}x{size[1]} pixels, {width}x{height} at the training's size; a target's shorter side "
            f"needs at least {SHORTEST}. {cure}."
        )
    return Target(loaded.picture, loaded.dropped)


def prepare(name: str, settings: TrainingSettings) -> Target:
    """Return the target that a training's settings make of an image, or a pattern.

    Raises NCAError, as `load_target`, and if a pattern is to be scaled, cropped or evened.
    """
    s = settings
    as_it_is = (s.scale, s.crop, s.even_light) == ("fit", "", False)
    if name in PATTERNS and as_it_is:
        return load_target(name, s.target_size)
    if name in PATTERNS:
        raise NCAError(
            f"{name}: is a pattern, which is drawn as it should be; leave out --scale, --crop and --even-light."
        )
    target = load_target(name, s.target_size) if as_it_is else _from_photo(name, s)
    if np.ptp(target.picture, (0, 1)).max() < ONE_COLOUR:
        why = f" ({images.ON_WHITE})" if images.ON_WHITE in target.taken else ""
        raise NCAError(f"{name}: is of one colour{why}, so it has no texture to learn; use another image or part.")
    return replace(target, advice=_advice(name, target.picture, s.scale))


def _from_photo(name: str, settings: TrainingSettings) -> Target:
    """Return the target out of an image that is scaled, cropped or evened."""
    _check(name)
    loaded = images.load_image(name, LARGEST)
    photo, size = loaded.picture, loaded.size
    if (photo.shape[1] - photo.shape[0]) * (size[0] - size[1]) < 0:  # its EXIF data turned it
        size = size[1], size[0]
    target = _Photo(name, photo, size, settings).target()
    return replace(target, taken=", ".join(filter(None, [loaded.dropped, target.taken])))


class _Photo:
    """An image that becomes a target."""

    def __init__(self, name: str, photo: F32, size: tuple[int, int], settings: TrainingSettings) -> None:
        """Take the part that the user named.

        size: the file's (width, height) in pixels; messages speak of these.
        """
        self.name, self.size, self.settings = name, size, settings
        self.ratio = photo.shape[1] / size[0]
        crop = parse_crop(settings.crop) or (0, 0, *size)
        if crop[0] + crop[2] > size[0] or crop[1] + crop[3] > size[1] or 0 in crop[2:]:
            raise NCAError(f"{name}: has {size[0]}x{size[1]} pixels; --crop {settings.crop} does not lie inside them.")
        x, y, width, height = (round(each * self.ratio) for each in crop)
        self.part = Part(x, y, min(width, photo.shape[1] - x), min(height, photo.shape[0] - y))
        if min(self.part.width, self.part.height) < SHORTEST:
            read = f", read as {self.part.width}x{self.part.height}" if self.ratio < 1 else ""
            cure = "Use a larger --crop or image" if crop[2:] != size else "Use a larger image"
            raise NCAError(
                f"{name}: the part that is taken is {crop[2]}x{crop[3]} pixels{read}; a target's shorter side needs "
                f"at least {SHORTEST}. {cure}."
            )
        self.picture = self.part.of(photo)
        self.inside = preparation.without_border(self.picture)
        if min(self.inside.width, self.inside.height) < SHORTEST:  # no texture, but a speck on a page
            self.inside = Part(0, 0, self.part.width, self.part.height)
        if settings.even_light:
            self.picture = self.picture.copy()
            lit = self.inside.of(self.picture)
            lit[:] = preparation.even_light(lit)

    def target(self) -> Target:
        """Scale and crop as the settings say."""
        s = self.settings
        even, said = self._even()
        if s.crop == "auto":
            self._take(even)
        else:
            said = ""
        scale, how = self._scale(even)
        height, width = self.picture.shape[:2]
        side = round(s.target_size / scale)
        if s.scale != "fit" and max(width, height) > side:
            part, said = self._even((min(width, side), min(height, side)))
            self._take(part)
            height, width = self.picture.shape[:2]
        across, down = (min(max(round(each * scale), 1), s.target_size) for each in (width, height))
        if min(across, down) < SHORTEST:
            cure = "a larger --scale, or a less narrow --crop" if s.scale == "fit" else "a larger --scale"
            raise NCAError(
                f"{self.name}: the part that is taken has {across}x{down} cells; a target's shorter side needs at "
                f"least {SHORTEST}. Use {cure}."
            )
        where = [round(each / self.ratio) for each in (self.part.width, self.part.height, self.part.x, self.part.y)]
        what = f"{where[0]}x{where[1]} of {self.size[0]}x{self.size[1]} pixels at {where[2]},{where[3]}"
        scaled = f"scaled by {scale * self.ratio:.3g}{how} to {across}x{down} cells"
        light = "light evened" * s.even_light
        taken = ", ".join(filter(None, (what, said, scaled, light)))
        return Target(preparation.resized(self.picture, across, down), taken)

    def _fit(self) -> float:
        """Return the scale at which the picture just fits."""
        return min(1.0, self.settings.target_size / int(max(self.picture.shape[:2])))

    def _scale(self, even: Part) -> tuple[float, str]:
        """Return the scale, and what to say of one that was looked for: found, or why it is another."""
        s = self.settings
        if s.scale == "fit":
            return self._fit(), ""
        if s.scale != "auto":
            return float(s.scale) / self.ratio, ""
        part = even if not s.crop else self.inside
        wanted = preparation.found_scale(part.of(self.picture))
        longest = int(max(self.picture.shape[:2]))
        least = min(self._fit(), FEWEST / longest)
        if wanted < least:
            return least, f" (no less, to leave {round(least * longest)} cells)"
        return (1.0, " (no more, as its pixels are cells then)") if wanted > 1 else (wanted, " (found)")

    def _even(self, most: tuple[int, int] | None = None) -> tuple[Part, str]:
        """Return the most even part of a size, or the largest such part; of a picture of tiles, whole ones.

        A plain border is left out of it. Also return what to say of the part.

        most: (width, height) in pixels.
        """
        inside = self.inside
        picture = inside.of(self.picture)
        seen, share = preparation.viewed(picture)
        if most is None and preparation.edges_meet(seen):
            whole = picture.shape == self.picture.shape
            return inside, f"{'whole' if whole else 'inside of its border'}, as its edges meet"
        sides = inside.width, inside.height
        wanted = (min(most[0], sides[0]), min(most[1], sides[1])) if most else sides
        tile = preparation.found_tile(picture)
        counts = [preparation.whole_tiles(side, period) for side, period in zip(wanted, tile, strict=True)]
        width, height = (
            round(count * period) or side for side, count, period in zip(wanted, counts, tile, strict=True)
        )
        said = self._counted(counts, tile) if any(counts) else "the most even part"
        if any(counts) or most:
            part = preparation.even_part(seen, round(width * share), round(height * share))
        else:
            part = preparation.largest_even_part(seen)
            width, height = round(part.width / share), round(part.height / share)
        width, height = min(width, sides[0]), min(height, sides[1])
        x, y = min(round(part.x / share), sides[0] - width), min(round(part.y / share), sides[1] - height)
        return Part(inside.x + x, inside.y + y, width, height), said

    def _counted(self, counts: Sequence[int], tile: tuple[float, float]) -> str:
        """Return how many of the tiles that a picture repeats are taken."""
        wide, high = (f"{round(each / self.ratio, 1):g}" for each in tile)
        if all(counts):
            return f"{counts[0]}x{counts[1]} of the tiles of {wide}x{high} that it repeats"
        if counts[0]:
            return f"{counts[0]} of the tiles that it repeats across, each {wide} wide"
        return f"{counts[1]} of the tiles that it repeats down, each {high} high"

    def _take(self, part: Part) -> None:
        """Leave only a part of the picture."""
        self.picture = part.of(self.picture)
        self.part = Part(self.part.x + part.x, self.part.y + part.y, part.width, part.height)
        self.inside = Part(0, 0, part.width, part.height)


def _advice(name: str, picture: F32, scale: float | str) -> str:
    """Return a sentence if the structure of a picture, scaled as `scale` says, is too coarse or too fine for cells."""
    length = measures.correlation_length(picture)
    if length > COARSE:
        cure = "--scale auto" if scale == "fit" else "a smaller --scale, or an image that shows more of the texture"
        return f"{name}: its structure is coarse for cells at this size, which may not be learnt; try {cure}."
    if 0 < length < FINE:
        cure = "--scale auto" if scale == "fit" else "a larger --scale"
        return f"{name}: its structure is finer than cells can show at this size; try {cure}."
    return ""


def collect_targets(paths: Sequence[str]) -> list[str]:
    """Return the targets named: patterns and files as they are, and for a folder its image files, sorted.

    Raises NCAError if a name is none of these, or if a folder has no image files.
    """
    found = []
    for name in paths:
        if name not in PATTERNS and os.path.isdir(name):
            found += _images(Path(name))
        else:
            if name not in PATTERNS:
                _check(name)
            found.append(name)
    return found


def _check(name: str) -> None:
    """Raise NCAError if `name` is not a file."""
    if os.path.isdir(name):
        raise NCAError(f"{name}: is a folder; name an image in it.")
    if not os.path.isfile(name):
        guess = did_you_mean(name, PATTERNS)
        raise NCAError(f"{name}: is neither an image file nor one of the patterns {', '.join(PATTERNS)}{guess}.")


def _images(folder: Path) -> list[str]:
    """Return the image files in a folder, sorted, without hidden ones."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise files.unreadable(folder, error) from None
    found = [str(path) for path in paths if path.suffix.lower() in images.ENDINGS]
    if not found:
        raise NCAError(f"{folder}: has no image files; name another folder, or image files.")
    return found
