"""Stills: PNG pictures that contain text about themselves and, in a chunk of its own, the session that they show."""

import io
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import Image, PngImagePlugin

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.files import errors_named, replace_file
from ncaengine.core.types import U8

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of every PNG."""
SESSION = b"ncSs"
"""The type of the session's chunk. The case of its letters means: ancillary, private, safe to copy (PNG, 5.4)."""
MAX_PNG, MAX_BLOB, MAX_TEXT = bounds.STILL_BYTES, bounds.STILL_SESSION_BYTES, bounds.STILL_TEXT_BYTES
"""Bytes of a still's file, and of its session and its text when unpacked."""
_TOO_MUCH = "contains more than a still can; choose one saved by ncaengine."


def save_still(path: Path, picture: U8, text: dict[str, str], blob: bytes | None = None) -> None:
    """Write a picture as PNG, whole or not at all. Raises NCAError if it can't be written.

    picture: (height, width, 3) uint8, or 4 with opacity.
    text: Entries by keyword; a keyword has 1 to 79 ASCII letters.
    blob: A session, up to MAX_BLOB bytes.
    """
    if blob is not None and len(blob) > MAX_BLOB:
        raise NCAError(f"{path}: a session of {len(blob) >> 20} MB is too large for a picture; save it as a session.")
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    if blob is not None:
        info.add(SESSION, zlib.compress(blob))
    replace_file(path, png(Image.fromarray(picture), info))


def png(picture: Image.Image, info: PngImagePlugin.PngInfo | None = None, level: int = 6) -> bytes:
    """Return a picture as a PNG file, with some information in it.

    level: 0 to 9: how hard to compress.
    """
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=info, compress_level=level)
    return file.getvalue()


def read_still(path: Path) -> tuple[dict[str, str], bytes | None]:
    """Return a PNG's text by keyword, and the session in it or None. The picture itself is not decoded.

    Raises NCAError if it can't be read, is not a PNG, is damaged, or exceeds MAX_PNG, MAX_BLOB or MAX_TEXT.
    """
    try:
        with errors_named(path), inputs.open_input(path) as file:
            return _parse(file, os.fstat(file.fileno()).st_size)
    except (ValueError, struct.error, zlib.error):
        raise NCAError(f"{path}: is damaged; save the still again.") from None


def _parse(file: BinaryIO, size: int) -> tuple[dict[str, str], bytes | None]:
    """Parse a PNG. Raises ValueError, struct.error or zlib.error if it is damaged, NCAError if it is refused."""
    if size > MAX_PNG:
        raise NCAError(f"has {size >> 20} MB and is too large for a still; at most {MAX_PNG >> 20} MB can be opened.")
    if file.read(8) != SIGNATURE:
        raise NCAError("is not a PNG; choose a still saved by ncaengine.")
    text: dict[str, str] = {}
    blob, room = None, MAX_TEXT
    while True:
        length, kind = struct.unpack(">I4s", file.read(8))
        if file.tell() + length + 4 > size:
            raise ValueError
        if kind not in {b"tEXt", b"zTXt", b"iTXt", SESSION}:
            file.seek(length + 4, os.SEEK_CUR)
            if kind == b"IEND":
                return text, blob
            continue
        most = MAX_BLOB if kind == SESSION else MAX_TEXT
        if length > most + most // 1000 + 1000:  # data that can't be compressed grows a little
            raise NCAError(_TOO_MUCH)
        data = file.read(length)
        if struct.unpack(">I", file.read(4))[0] != zlib.crc32(kind + data):
            raise ValueError
        if kind == SESSION:
            blob = _inflate(data, MAX_BLOB) if blob is None else blob
        else:
            key, value, taken = _parse_text(kind, data, room)
            text[key], room = value, room - taken


def _inflate(data: bytes, most: int) -> bytes:
    """Return data unpacked by zlib. Raises NCAError if it has more than `most` bytes, and never unpacks more."""
    unpacker = zlib.decompressobj()
    out = unpacker.decompress(data, most + 1)
    if len(out) > most:
        raise NCAError(_TOO_MUCH)
    if not unpacker.eof:
        raise ValueError
    return out


def _parse_text(kind: bytes, data: bytes, room: int) -> tuple[str, str, int]:
    """Return the keyword, the text and its number of bytes of a tEXt, zTXt or iTXt chunk."""
    key, _, rest = data.partition(b"\0")
    if kind == b"iTXt":
        packed, (_language, _translated, value) = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    else:
        packed, value = kind == b"zTXt", rest[kind == b"zTXt" :]
    plain = _inflate(value, room) if packed else value
    if len(plain) > room:
        raise NCAError(_TOO_MUCH)
    return key.decode("latin-1"), plain.decode("utf-8" if kind == b"iTXt" else "latin-1"), len(plain)
