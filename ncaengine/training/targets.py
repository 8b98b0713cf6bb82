"""Target textures: image files, scaled to the training's size, and the built-in patterns by name."""

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.names import did_you_mean
from ncaengine.core.types import F32
from ncaengine.formats import images
from ncaengine.training.patterns import PATTERNS

SHORTEST = 16
"""The least length of a target's shorter side, in pixels."""


def load_target(name: str, longest: int = 128) -> F32:
    """Return a pattern by name, or an image file scaled down to a longer side of `longest` pixels.

    The result is (height, width, 3) float32 RGB in [0, 1]. Raises NCAError if `name` is neither a pattern nor
    a readable image, or if the image is too large, too small or too narrow.
    """
    if name in PATTERNS:
        return PATTERNS[name](longest)
    _check(name)
    picture, size = images.load_image(name, longest)
    height, width, _ = picture.shape
    if min(height, width) < min(SHORTEST, longest):
        raise NCAError(
            f"{name}: is {size[0]}x{size[1]} pixels, {width}x{height} at the training's size; a target's shorter side "
            f"needs at least {SHORTEST}. Crop it or use a larger image."
        )
    return picture


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
