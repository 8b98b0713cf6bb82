"""Image files of any kind, as targets to learn and as pictures to paint with."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32


def load_image(name: str | Path, longest: int) -> tuple[F32, tuple[int, int]]:
    """An image with its longer side brought down to `longest` pixels, and its (width, height) before.

    Gives (height, width, 3) float32 RGB in [0, 1]. It is turned as its EXIF says, and transparent
    places are white, as on a page. Grey of 16 bits and 32-bit integers are divided by 65535, floats
    count from 0 to 1; where the largest value is beyond that, it is white. Raises NCAError where it
    cannot be read or is too large.
    """
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
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise NCAError(f"{name}: cannot be read ({error.strerror}).") from None
    except UnidentifiedImageError:
        raise NCAError(f"{name}: is not an image of a known kind; save it as PNG or JPEG.") from None
    except Exception as error:  # on damaged files Pillow raises nearly anything
        raise NCAError(f"{name}: cannot be read ({error}); copy it again, or save it as PNG or JPEG.") from None
    return picture, size


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
