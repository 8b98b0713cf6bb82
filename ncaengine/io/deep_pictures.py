"""What Pillow can't write: coloured pictures of 16 bits as PNG and TIFF, and packed TIFF with all parts of Exif."""

import struct
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin, TiffTags

from ncaengine.core.types import U8, U16
from ncaengine.io.stills import SIGNATURE


def save(
    picture: U8 | U16,
    file: BinaryIO,
    kind: str,
    *,
    dpi: tuple[float, float] = (0, 0),
    exif: Image.Exif | None = None,
    icc_profile: bytes = b"",
) -> None:
    """Write (height, width, 3 or 4) uint16 as "PNG" or "TIFF", deflated; TIFF may be uint8, too."""
    about = exif if exif is not None else Image.Exif()
    if kind == "PNG":
        _save_png(picture, file, dpi[0], about, icc_profile)
    else:
        _save_tiff(picture, file, dpi[0], about, icc_profile)


def _save_png(picture: U8 | U16, file: BinaryIO, dpi: float, exif: Image.Exif, profile: bytes) -> None:
    height, width, channels = picture.shape
    put = PngImagePlugin.putchunk
    file.write(SIGNATURE)
    put(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0))
    if profile:
        put(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    if dpi:
        put(file, b"pHYs", struct.pack(">IIB", *[round(dpi / 0.0254)] * 2, 1))
    if len(exif):
        put(file, b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    lines = picture.astype(">u2").reshape(height, -1).view(np.uint8)
    filtered = np.full((height, 1 + lines.shape[1]), 2, np.uint8)  # each line as its difference from the one above
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    put(file, b"IDAT", zlib.compress(filtered.tobytes(), 6))
    put(file, b"IEND", b"")


def _save_tiff(picture: U8 | U16, file: BinaryIO, dpi: float, exif: Image.Exif, profile: bytes) -> None:
    height, width, channels = picture.shape
    data = zlib.compress(picture.astype(picture.dtype.newbyteorder("<")).tobytes(), 6)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in exif:
        tags[tag] = exif.get_ifd(tag) if tag in TiffTags.TAGS_V2_GROUPS else exif[tag]
    tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH] = width, height
    tags[TiffImagePlugin.BITSPERSAMPLE], tags[TiffImagePlugin.SAMPLESPERPIXEL] = (
        (8 * picture.itemsize,) * channels,
        channels,
    )
    tags[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION], tags[TiffImagePlugin.COMPRESSION] = 2, 8
    if channels == 4:
        tags[TiffImagePlugin.EXTRASAMPLES] = 2
    if dpi:
        tags[TiffImagePlugin.RESOLUTION_UNIT] = 2
        tags[TiffImagePlugin.X_RESOLUTION] = tags[TiffImagePlugin.Y_RESOLUTION] = dpi
    if profile:
        tags[TiffImagePlugin.ICCPROFILE] = profile
    tags[TiffImagePlugin.ROWSPERSTRIP] = height
    tags[TiffImagePlugin.STRIPOFFSETS], tags[TiffImagePlugin.STRIPBYTECOUNTS] = (0,), (len(data),)
    tags.save(file)
    file.write(data)
