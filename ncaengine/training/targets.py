"""Target textures: image files, scaled to the training's size, and the built-in patterns by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

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
"""The least length of a target's shorter side, in pixels."""
LARGEST, SEEN = 4096, 1024
"""The longer side at which a photograph is read, and the one at which its parts are compared, in pixels."""
FEWEST = 64
"""The longer side that a found scale leaves a target at least, in cells, if the image has so many pixels."""
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
    if (s.scale, s.crop, s.even_light) == ("fit", "", False):
        target = load_target(name, s.target_size)
        return target if name in PATTERNS else replace(target, advice=_advice(name, target.picture))
    if name in PATTERNS:
        raise NCAError(
            f"{name}: is a pattern, which is drawn as it should be; leave out --scale, --crop and --even-light."
        )
    _check(name)
    loaded = images.load_image(name, LARGEST)
    photo, size = loaded.picture, loaded.size
    if (photo.shape[1] - photo.shape[0]) * (size[0] - size[1]) < 0:  # its EXIF data turned it
        size = size[1], size[0]
    target = _Photo(name, photo, size, s).target()
    return replace(target, taken=", ".join(filter(None, [loaded.dropped, target.taken])))


class _Photo:
    """An image that becomes a target."""

    def __init__(self, name: str, photo: F32, size: tuple[int, int], settings: TrainingSettings) -> None:
        """Take the part that the user named.

        size: the file's (width, height) in pixels; messages speak of these.
        """
        self.name, self.size, self.settings = name, size, settings
        self.said = ""
        self.ratio = photo.shape[1] / size[0]
        crop = parse_crop(settings.crop) or (0, 0, *size)
        if crop[0] + crop[2] > size[0] or crop[1] + crop[3] > size[1] or 0 in crop[2:]:
            raise NCAError(f"{name}: has {size[0]}x{size[1]} pixels; --crop {settings.crop} does not lie inside them.")
        x, y, width, height = (round(each * self.ratio) for each in crop)
        self.part = Part(x, y, max(1, min(width, photo.shape[1] - x)), max(1, min(height, photo.shape[0] - y)))
        self.picture = self.part.of(photo)
        if settings.even_light:
            self.picture = preparation.even_light(self.picture)

    def target(self) -> Target:
        """Scale and crop as the settings say."""
        s = self.settings
        even = self._even()
        if s.crop == "auto":
            self._take(even)
        else:
            self.said = ""
        if s.scale == "auto":
            scale = self._found_scale(self.picture if s.crop else even.of(self.picture))
        else:
            scale = self._fit() if s.scale == "fit" else float(s.scale) / self.ratio
        height, width = self.picture.shape[:2]
        side = round(s.target_size / scale)
        if s.scale != "fit" and max(width, height) > side:
            self._take(self._even((min(width, side), min(height, side))))
            height, width = self.picture.shape[:2]
        across, down = (min(max(round(each * scale), 1), s.target_size) for each in (width, height))
        if min(across, down) < SHORTEST:
            raise NCAError(
                f"{self.name}: the part that is taken has {across}x{down} cells; a target's shorter side needs at "
                f"least {SHORTEST}. Use a larger --scale or --crop."
            )
        where = [round(each / self.ratio) for each in (self.part.width, self.part.height, self.part.x, self.part.y)]
        what = f"{where[0]}x{where[1]} of {self.size[0]}x{self.size[1]} pixels at {where[2]},{where[3]}"
        found = " (found)" if s.scale == "auto" else ""
        scaled = f"scaled by {scale * self.ratio:.3g}{found} to {across}x{down} cells"
        light = ["light evened"] if s.even_light else []
        taken = ", ".join([what, *([self.said] if self.said else []), scaled, *light])
        return Target(preparation.resized(self.picture, across, down), taken)

    def _fit(self) -> float:
        """Return the scale at which the picture just fits."""
        return min(1.0, self.settings.target_size / int(max(self.picture.shape[:2])))

    def _found_scale(self, picture: F32) -> float:
        """Return the scale that a picture's structure needs, unless too few cells would be left."""
        least = min(self._fit(), FEWEST / int(max(self.picture.shape[:2])))
        return max(preparation.found_scale(picture), least)

    def _even(self, most: tuple[int, int] | None = None) -> Part:
        """Return the most even part of a size, or the largest such part; of a picture of tiles, whole ones.

        most: (width, height) in pixels.
        """
        height, width = self.picture.shape[:2]
        share = min(1.0, SEEN / max(width, height))
        seen = preparation.resized(self.picture, max(1, round(width * share)), max(1, round(height * share)))
        across, down = (round(each * share) for each in most or (width, height))
        if most is None and preparation.edges_meet(seen):
            self.said = "whole, as its edges meet"
            return Part(0, 0, width, height)
        tile, self.said = preparation.found_tile(seen), "the most even part"
        if tile:
            across, down = preparation.whole_tiles(across, tile[0]), preparation.whole_tiles(down, tile[1])
            wide, high = (round(each / share / self.ratio) for each in tile)
            count = f"{across / tile[0]:.3g}x{down / tile[1]:.3g}"
            self.said = f"{count} of the tiles of {wide}x{high} that it repeats"
        known = tile or most
        part = preparation.even_part(seen, across, down) if known else preparation.largest_even_part(seen)
        x, y, wide, high = (round(each / share) for each in (part.x, part.y, part.width, part.height))
        return Part(x, y, min(wide, width - x), min(high, height - y))

    def _take(self, part: Part) -> None:
        """Leave only a part of the picture."""
        self.picture = part.of(self.picture)
        self.part = Part(self.part.x + part.x, self.part.y + part.y, part.width, part.height)


def _advice(name: str, picture: F32) -> str:
    """Return a sentence if the structure of a picture is too coarse or too fine for cells."""
    length = measures.correlation_length(picture)
    if length > COARSE:
        return f"{name}: its structure is coarse for cells at this size, which may not be learnt; try --scale auto."
    if 0 < length < FINE:
        return f"{name}: its structure is finer than cells can show at this size; try --scale auto."
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
    kinds = Image.registered_extensions()  # some of these are videos or PDF
    endings = {end for end, kind in kinds.items() if Image.MIME.get(kind, "").startswith("image/")}
    try:
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise files.unreadable(folder, error) from None
    found = [str(path) for path in paths if path.suffix.lower() in endings]
    if not found:
        raise NCAError(f"{folder}: has no image files; name another folder, or image files.")
    return found
