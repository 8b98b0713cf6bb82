"""Pictures of any kind as arrays, with what their files say of them: opacity, colour profile, Exif, size on paper."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import X_RESOLUTION, TiffImageFile

from ncaengine.core.errors import NCAError
from ncaengine.core.srgb import LUMA
from ncaengine.core.types import F32, F64, U8, U16, Bools, Size
from ncaengine.formats import images
from ncaengine.io import picture_files

Numbers = npt.NDArray[Any]
ADVICE = "scale it down first"
MOST_DOTS = 1_000_000
"""More pixels an inch than this are taken for a broken file's, and none are kept."""
KEPT = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of Exif that stay true of a changed picture: description, maker, model, software, date, artist, copyright."""
_PARTS, _SIDES = (0x8769, 0x8825), (0xA002, 0xA003)
"""Parts of Exif, of the exposure and the place, which are kept; and tags in them that a turned picture belies."""
_TURNED: dict[int, Callable[[Numbers], Numbers]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}
"""How a picture is turned upright, by Exif's orientation."""


@dataclass(frozen=True)
class Photo:
    """A picture, upright."""

    rgb: U8 | U16
    """(height, width, 3)."""
    alpha: U8 | U16 | None = None
    """(height, width); None where all is opaque."""
    exif: bytes = b""
    profile: bytes = b""
    """The ICC profile of its colours."""
    dpi: float | None = None
    """Pixels an inch on paper."""
    frames: int = 1
    """How many pictures the file has; this is the first."""

    @property
    def size(self) -> Size:
        """(width, height) in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @property
    def white(self) -> int:
        """The largest value of a colour."""
        return int(np.iinfo(self.rgb.dtype).max)

    def luminance(self) -> F32:
        """Return how bright its pixels are: (height, width) float32, 0 to 1."""
        light: F32 = self.rgb.astype(np.float32) @ (LUMA / np.float32(self.white))
        return light

    @property
    def numbers(self) -> U8 | U16:
        """Its pixels, with opacity if it has any: (height, width, 3 or 4)."""
        return self.rgb if self.alpha is None else _stacked(self.rgb, self.alpha)

    def write(self, path: Path) -> None:
        """Write it in the format of the name's ending. Raises NCAError if it can't be written."""
        opaque = picture_files.FORMATS[path.suffix.lower()] == "JPEG"
        picture = without_opacity(self).rgb if opaque else self.numbers
        picture_files.write_picture(picture, path, self.dpi, self.exif, self.profile)


def read_photo(path: Path) -> Photo:
    """Read a picture, turned as its Exif says. One of 16 bits per colour keeps them; a grey one becomes coloured.

    Raises NCAError if it can't be read or is too large.
    """
    with images.opened(path, ADVICE) as image:
        numbers = _deep(image, path)
        if numbers is None:
            ImageOps.exif_transpose(image, in_place=True)
            numbers = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
        dots = _dots(image)
        frames = images.count_frames(image)
        alpha = numbers[..., 3] if numbers.shape[2] == 4 else None
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
        return Photo(
            np.ascontiguousarray(numbers[..., :3]), alpha, _exif(image), profile or b"",
            dots if 0 < dots <= MOST_DOTS else None, frames,
        )  # fmt: skip


def _dots(image: Image.Image) -> float:
    """Return the dots an inch that a file names; 0 if it names none, for which Pillow says 1 of a TIFF."""
    silent = isinstance(image, TiffImageFile) and X_RESOLUTION not in image.tag_v2
    try:
        return 0.0 if silent else float(image.info.get("dpi", (0, 0))[0])
    except ZeroDivisionError:  # of a TIFF's fraction, with Pillow before 12.3
        return 0.0


def read_marks(path: Path, size: Size, of: Path) -> U8:
    """Read a mask or labels: (height, width, 4) uint8 with opacity. Raises NCAError unless it has the picture's size.

    size: of the picture `of`.
    """
    photo = read_photo(path)
    if photo.size != size:
        (width, height), (wide, high) = photo.size, size
        raise NCAError(f"{path}: has {width}x{height} pixels and {of} {wide}x{high}; draw it at the picture's size.")
    numbers = to_8_bits(photo.numbers)
    opacity = np.full((*numbers.shape[:2], 1), 255, np.uint8)
    return numbers if numbers.shape[2] == 4 else np.concatenate([numbers, opacity], 2)


def read_mask(path: Path, size: Size, of: Path) -> Bools:
    """Read which pixels a mask marks: (height, width) bool. Raises NCAError if it marks none, or is of another size.

    A mask is white where it marks, or, if parts of it are transparent, opaque.
    """
    marks = read_marks(path, size, of)
    opacity = marks[..., 3]
    marked: Bools = (opacity if opacity.min() < 255 else marks[..., :3].max(2)) >= 128
    if not marked.any():
        raise NCAError(f"{path}: marks nothing; draw the area in white on black, or opaque on transparent.")
    return marked


def to_depth(photo: Photo, values: F32 | F64) -> U8 | U16:
    """Return values, 0 to 1, as numbers of the picture's kind."""
    scaled = np.round(np.asarray(values, np.float32).clip(0, 1) * np.float32(photo.white))
    return scaled.astype(np.uint8) if photo.white == 255 else scaled.astype(np.uint16)


def to_8_bits(numbers: U8 | U16) -> U8:
    """Return the numbers of a picture as those of 8 bits."""
    if numbers.dtype == np.uint8:
        return numbers.astype(np.uint8, copy=False)
    return np.round(numbers.astype(np.float32) / 257).astype(np.uint8)


def without_opacity(photo: Photo) -> Photo:
    """Return the picture on white."""
    if photo.alpha is None:
        return photo
    share = photo.alpha[..., None].astype(np.float32) / photo.white
    over = photo.rgb.astype(np.float32) / photo.white * share + (1 - share)
    return replace(photo, rgb=to_depth(photo, over), alpha=None)


def _deep(image: Image.Image, path: Path) -> Numbers | None:
    """Return a picture of 16 bits, (height, width, 3 or 4) uint16, upright; None for others."""
    if image.mode[0] in "IF":
        ImageOps.exif_transpose(image, in_place=True)
        grey = np.asarray(image)
        if not np.isfinite(grey).all():
            raise NCAError(f"{path}: has values that are not finite; save it again without them.")
        white = 1.0 if image.mode == "F" else 65535.0  # or the largest value if that is larger
        grey = grey * (65535 / max(white, float(grey.max())))
        return np.repeat(grey.clip(0, 65535).astype(np.uint16)[..., None], 3, 2)
    if image.format not in ("PNG", "TIFF") or not _is_deep(image) or image.mode not in ("RGB", "RGBA", "LA"):
        return None
    turned = image.getexif().get(0x0112, 1)
    # Pillow has no colours of 16 bits and would keep the upper 8.
    codec: Any = av.CodecContext.create(image.format.lower(), "r")
    frames = codec.decode(av.Packet(path.read_bytes())) + codec.decode(None)
    numbers = frames[0].reformat(format="rgba64le" if image.has_transparency_data else "rgb48le").to_ndarray()
    image.load()  # for what the file says after its pixels
    return np.ascontiguousarray(_TURNED[turned](numbers) if turned in _TURNED else numbers)


def _is_deep(image: Image.Image) -> bool:
    """Return whether the file has 16 bits per colour."""
    layouts = [tile[3] for tile in getattr(image, "tile", ())]  # as "RGB;16B", or a tuple that begins with that
    return any(";16" in (layout if isinstance(layout, str) else str(layout[0])) for layout in layouts)


def _stacked(rgb: Numbers, alpha: Numbers) -> Numbers:
    return np.dstack([rgb, alpha])


def _exif(image: Image.Image) -> bytes:
    """Return what the Exif says that stays true of a changed picture."""
    found, kept = image.getexif(), Image.Exif()
    try:
        kept.update({tag: found[tag] for tag in KEPT if tag in found})
        for part in _PARTS:
            values = {tag: value for tag, value in found.get_ifd(part).items() if tag not in _SIDES}
            if values:
                kept.get_ifd(part).update(values)
                kept[part] = values
        return kept.tobytes() if len(kept) else b""
    except Exception:  # Pillow raises nearly anything for odd metadata, which are not worth a picture
        return b""
