"""Single pictures as files: PNG, TIFF, JPEG and WebP, with their size on paper."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.types import U8, U16
from ncaengine.io import deep_pictures

FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's names of the formats, by the name's ending."""
DEEP = ("PNG", "TIFF")
"""Those that have 16 bits."""
SIDES = {"JPEG": 65_500, "WEBP": 16_383}
"""The most pixels a side, of those that have a limit."""
MOST_EXIF = 65_000
"""The most bytes of Exif that a JPEG holds, about."""
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "quality": 20, "method": 0},  # slower saves little
}
_PER_UNIT, _UNIT, _INCH = (0x011A, 0x011B), 0x0128, 2
"""Tags of Exif: pixels a unit of length, across and down; the unit; and its number for an inch."""


def check_output(path: Path, width: int = 1, height: int = 1, exif: bytes = b"") -> None:
    """Raise NCAError if no picture of this size, with this Exif, can be written under this name."""
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise NCAError(f"{path}: pictures are written as .png, .tif, .jpg or .webp; choose one of these endings.")
    if max(width, height) > SIDES.get(kind, width + height):
        raise NCAError(f"{path}: a side has more than {SIDES[kind]:,} pixels; choose .png or .tif.")
    if kind == "JPEG" and len(exif) > MOST_EXIF:
        raise NCAError(
            f"{path}: a .jpg can't hold {len(exif):,} bytes of Exif, as the picture has; choose .png or .tif."
        )
    files.check_place(path)


def write_picture(
    picture: U8 | U16, path: Path, dpi: float | None = None, exif: bytes = b"", profile: bytes = b""
) -> None:
    """Write a picture in the format of the name's ending, whole or not at all. Raises NCAError if it can't be written.

    picture: (height, width, 3) uint8 or uint16, or 4 with opacity (not for JPEG); or (height, width) uint16, a
        grey picture. JPEG and WebP keep 8 bits.
    dpi: Pixels an inch on paper, stored in the file; None stores nothing.
    exif: Stored in the file, if any.
    profile: The ICC profile of its colours, stored in the file, if any.
    """
    check_output(path, picture.shape[1], picture.shape[0], exif)
    kind, file = FORMATS[path.suffix.lower()], io.BytesIO()
    stored: dict[str, Any] = {}
    if picture.dtype == np.uint16 and kind not in DEEP:
        picture = np.round(picture / 257).astype(np.uint8)
    about = Image.Exif()
    about.load(exif)
    if dpi and kind == "WEBP":  # it has no field for this but Exif
        about.update(dict.fromkeys(_PER_UNIT, dpi) | {_UNIT: _INCH})
    elif dpi:
        stored["dpi"] = (dpi, dpi)
    if len(about):
        stored["exif"] = about
    if profile:
        stored["icc_profile"] = profile
    if picture.ndim == 3 and (picture.dtype == np.uint16 or (kind == "TIFF" and len(about))):
        deep_pictures.save(picture, file, kind, **stored)
    else:
        Image.fromarray(picture).save(file, kind, **_OPTIONS[kind], **stored)
    files.replace_file(path, file.getbuffer())
