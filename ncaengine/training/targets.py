"""Target textures: image files of any kind, brought to a training's size, and the patterns by name."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ncaengine.errors import NCAError
from ncaengine.model import F32
from ncaengine.training.patterns import PATTERNS

SHORTEST = 16
"""A target's shorter side has at least so many pixels."""


def load(name: str, longest: int = 128) -> F32:
    """A pattern by name, or an image file with its longer side brought down to `longest` pixels.

    Gives (height, width, 3) float32 RGB in [0, 1]. An image is turned as its EXIF says, and transparent
    places are white, as on a page. Grey of 16 bits and 32-bit integers are divided by 65535, floats count
    from 0 to 1; where the largest value is beyond that, it is white. Raises NCAError where `name` is
    neither a pattern nor an image that can be read, or the image is too large, too small or too narrow.
    """
    if name in PATTERNS:
        return PATTERNS[name](longest)
    _check(name)
    try:
        with warnings.catch_warnings(action="ignore"):  # as of odd metadata, which no user can act on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(name) as image:
                size = image.size
                picture = _rgb(image, longest)
    except NCAError as error:
        raise NCAError(f"{name}: {error}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        raise NCAError(
            f"{name}: has too many pixels; scale it down to some {4 * longest} pixels a side first."
        ) from None
    except UnidentifiedImageError:
        raise NCAError(f"{name}: is not an image of a known kind; save it as PNG or JPEG.") from None
    except Exception as error:  # on damaged files Pillow raises nearly anything
        raise NCAError(f"{name}: cannot be read ({error}); copy it again, or save it as PNG or JPEG.") from None
    height, width, _ = picture.shape
    if min(height, width) < min(SHORTEST, longest):
        raise NCAError(
            f"{name}: is {size[0]}x{size[1]} pixels, {width}x{height} at the training's size, and a target's shorter "
            f"side has at least {SHORTEST}; crop it or take a larger one."
        )
    return picture


def collect(paths: Sequence[str]) -> list[str]:
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


def _rgb(image: Image.Image, longest: int) -> F32:
    """The picture at its final size, (height, width, 3) in [0, 1]."""
    image.draft(None, (4 * longest, 4 * longest))  # lets JPEG decode a huge picture small
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode[0] in "IF":
        return _from_numbers(np.asarray(image), longest)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image = image if image.mode == mode else image.convert(mode)  # which would copy a huge picture
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.asarray(image, np.float32) / np.float32(255)


def _from_numbers(grey: npt.NDArray[np.generic], longest: int) -> F32:
    """From integers of over 8 bits, or floats, which Pillow's own conversion would cut to 8 bits, not scale."""
    white = 65535 if np.issubdtype(grey.dtype, np.integer) else 1.0
    values = grey.astype(np.float32)
    if not np.isfinite(values).all():
        raise NCAError("holds values that are not finite; save it as PNG.")
    values /= max(white, float(values.max()))  # in place: it may be huge
    image = Image.fromarray(values)
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return np.repeat(np.asarray(image).clip(0, 1)[..., None], 3, 2)
