"""Image files of any kind: targets to train on and pictures to paint with."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ncaengine.core import bounds, files, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32, Size

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "GIF",
    "TIFF",
    "BMP",
    "PPM",
    "TGA",
    "AVIF",
    "JPEG2000",
    "ICO",
    "DDS",
    "QOI",
    "SGI",
    "PCX",
    "PSD",
    "DIB",
)
"""Those that Pillow decodes itself: for others, as EPS, it starts programs."""
ENDINGS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm",
    ".pbm", ".pnm", ".pfm", ".tga", ".icb", ".vda", ".vst", ".avif", ".avifs", ".jp2", ".j2k", ".jpc", ".jpf", ".jpx",
    ".j2c", ".ico", ".dds", ".qoi", ".sgi", ".rgb", ".rgba", ".bw", ".pcx", ".psd",
)  # fmt: skip
"""Those of image files in FORMATS."""
ON_WHITE = "on white where it is transparent"
"""What is said of an image with transparent pixels."""


@dataclass(frozen=True)
class Loaded:
    """The picture in an image file."""

    picture: F32
    """(height, width, 3) float32 RGB in [0, 1]."""
    size: Size
    """Its original (width, height) in pixels."""
    dropped: str = ""
    """What of the file is not in it, for the user; '' if nothing."""


@contextmanager
def opened(name: str | Path, advice: str) -> Iterator[Image.Image]:
    """Open an image file, for `with`; what goes wrong inside becomes an NCAError that starts with the file's name.

    advice: What to do about a file with too many pixels.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd metadata, which no user can act on
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with inputs.open_input(name, bounds.PICTURE_BYTES) as file, Image.open(file, formats=FORMATS) as image:
                yield image
    except NCAError as error:
        raise NCAError(f"{name}: {error}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError):
        raise NCAError(f"{name}: has too many pixels; {advice}.") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise files.unreadable(name, error) from None
    except UnidentifiedImageError:
        if not os.path.getsize(name):
            raise NCAError(f"{name}: is empty; copy it again.") from None
        raise NCAError(f"{name}: is not an image of a known format; save it as PNG or JPEG.") from None
    except Exception as error:  # on damaged files Pillow raises nearly anything
        raise NCAError(f"{name}: cannot be read ({error}); copy it again, or save it as PNG or JPEG.") from None


def load_image(name: str | Path, longest: int) -> Loaded:
    """Return an image, with its longer side at most `longest` pixels.

    It is turned as its EXIF says, and on white where it is transparent. Of several pictures it is the first. White is
    65535 in 16-bit grey and 32-bit integers, 1 in floats, or the largest value if that is larger.
    Raises NCAError if the image can't be read or is too large.
    """
    with opened(name, f"scale it down to about {4 * longest} pixels a side first") as image:
        size, dropped = image.size, []
        if (frames := count_frames(image)) > 1:
            dropped.append(f"the first of its {frames} pictures")
        if image.has_transparency_data:
            dropped.append(ON_WHITE)
        return Loaded(_rgb(image, longest), size, ", ".join(dropped))


def count_frames(image: Image.Image) -> int:
    """Return how many pictures an open file has; 1 if what follows the first is damaged."""
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow raises nearly anything
        image.seek(0)
        return 1


def _rgb(image: Image.Image, longest: int) -> F32:
    """Return the image at its final size, (height, width, 3) in [0, 1]."""
    image.draft(None, (4 * longest, 4 * longest))  # a huge JPEG is decoded at a smaller size
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode[0] in "IF":
        return _from_numbers(image, longest)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    image = image if image.mode == mode else image.convert(mode)  # convert would copy a huge image
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.asarray(image, np.float32) / np.float32(255)


def _from_numbers(image: Image.Image, longest: int) -> F32:
    """Convert integers of over 8 bits or floats, which Pillow would clip to 8 bits instead of scaling."""
    white = 1.0 if image.mode == "F" else 65535.0
    if image.mode not in ("F", "I", "I;16"):  # which alone become floats at once
        image = image.convert("I")
    image = image if image.mode == "F" else image.convert("F")
    _, highest = image.getextrema()
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)  # before all else, since it may be huge
    values = np.asarray(image)
    if not (np.isfinite(highest).all() and np.isfinite(values).all()):
        raise NCAError("has values that are not finite; save it as PNG.")
    values = values / np.float32(max(white, float(np.max(highest))))
    return np.repeat(values.clip(0, 1)[..., None], 3, 2)
