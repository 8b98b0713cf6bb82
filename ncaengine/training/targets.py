"""Target textures: image files of any kind, brought to a training's size, and the patterns by name."""

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32
from ncaengine.formats import images
from ncaengine.training.patterns import PATTERNS

SHORTEST = 16
"""A target's shorter side has at least so many pixels."""


def load_target(name: str, longest: int = 128) -> F32:
    """A pattern by name, or an image file with its longer side brought down to `longest` pixels.

    Gives (height, width, 3) float32 RGB in [0, 1]; see images.load_image. Raises NCAError where `name` is
    neither a pattern nor an image that can be read, or the image is too large, too small or too narrow.
    """
    if name in PATTERNS:
        return PATTERNS[name](longest)
    _check(name)
    picture, size = images.load_image(name, longest)
    height, width, _ = picture.shape
    if min(height, width) < min(SHORTEST, longest):
        raise NCAError(
            f"{name}: is {size[0]}x{size[1]} pixels, {width}x{height} at the training's size, and a target's shorter "
            f"side has at least {SHORTEST}; crop it or take a larger one."
        )
    return picture


def collect_targets(paths: Sequence[str]) -> list[str]:
    """The targets that are named: patterns and files as they are, and for a folder the image files in it, sorted.

    Raises NCAError where a name is none of these, or a folder holds no image.
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
    """Raises NCAError where this is not a file."""
    if os.path.isdir(name):
        raise NCAError(f"{name}: is a folder; name an image in it.")
    if not os.path.isfile(name):
        raise NCAError(f"{name}: is neither an image file nor one of the patterns {', '.join(PATTERNS)}.")


def _images(folder: Path) -> list[str]:
    kinds = Image.registered_extensions()  # of which some are films or PDF
    endings = {end for end, kind in kinds.items() if Image.MIME.get(kind, "").startswith("image/")}
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise NCAError(f"{folder}: cannot be read ({error.strerror}).") from None
    found = [str(path) for path in files if path.suffix.lower() in endings]
    if not found:
        raise NCAError(f"{folder}: holds no image files; name another folder, or files.")
    return found
