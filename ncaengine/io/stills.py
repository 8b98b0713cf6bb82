"""Stills: PNG pictures with text about them and, in a chunk of their own, the session that they show."""

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import Image, PngImagePlugin

from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file
from ncaengine.core.types import U8

SESSION = b"ncSs"
"""The chunk of a still's session: private, ancillary and safe to copy, as the case of its letters tells."""
_TOO_MUCH = "holds more than a still does; choose one that was saved here."
MAX_PNG, MAX_BLOB, MAX_TEXT = 512 * 2**20, 256 * 2**20, 16 * 2**20
"""Bytes of a still's file, of its session and of its text, the last two as they are unpacked."""


def save_still(path: Path, picture: U8, text: dict[str, str], blob: bytes | None = None) -> None:
    """Write a picture, (height, width, 3) uint8, as PNG: whole or not at all.

    text: entries by their keyword, of 1 to 79 letters of ASCII. blob: a session, up to MAX_BLOB
    bytes, in a chunk of its own. Raises NCAError if it cannot be written.
    """
    if blob is not None and len(blob) > MAX_BLOB:
        raise NCAError(f"{path}: a session of {len(blob) >> 20} MB is too large for a picture; save it as a session.")
    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    if blob is not None:
        info.add(SESSION, zlib.compress(blob))
    replace_file(path, lambda part: Image.fromarray(picture).save(part, "PNG", pnginfo=info))


def read_still(path: Path) -> tuple[dict[str, str], bytes | None]:
    """The text of a PNG by keyword, and the session in it, if any. The picture itself is not looked at.

    Raises NCAError if it cannot be read, is no PNG, is broken, or beyond MAX_PNG, MAX_BLOB or MAX_TEXT.
    """
    try:
        with open(path, "rb") as file:
            return _parsed(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise NCAError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except NCAError as error:
        raise NCAError(f"{path}: {error}") from None
    except (ValueError, struct.error, zlib.error):
        raise NCAError(f"{path}: is broken; save the still again.") from None


def _parsed(file: BinaryIO, size: int) -> tuple[dict[str, str], bytes | None]:
    """Raises ValueError, struct.error or zlib.error for what is broken, NCAError for what is refused."""
    if size > MAX_PNG:
        raise NCAError(f"is {size >> 20} MB, too large for a still; {MAX_PNG >> 20} MB is the most.")
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        raise NCAError("is not a PNG; choose a still that was saved here.")
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
        if length > most + most // 1000 + 1000:  # what cannot be packed grows a little by it
            raise NCAError(_TOO_MUCH)
        data = file.read(length)
        if struct.unpack(">I", file.read(4))[0] != zlib.crc32(kind + data):
            raise ValueError
        if kind == SESSION:
            blob = _inflate(data, MAX_BLOB) if blob is None else blob
        else:
            key, value, taken = _entry(kind, data, room)
            text[key], room = value, room - taken


def _inflate(data: bytes, most: int) -> bytes:
    """Unpack what zlib packed, never beyond `most` bytes, however little `data` looks."""
    unpacker = zlib.decompressobj()
    out = unpacker.decompress(data, most + 1)
    if len(out) > most:
        raise NCAError(_TOO_MUCH)
    if not unpacker.eof:
        raise ValueError
    return out


def _entry(kind: bytes, data: bytes, room: int) -> tuple[str, str, int]:
    """Keyword, text, and the bytes of it, of a tEXt, zTXt or iTXt chunk."""
    key, _, rest = data.partition(b"\0")
    if kind == b"iTXt":
        packed, (_language, _translated, value) = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    else:
        packed, value = kind == b"zTXt", rest[kind == b"zTXt" :]
    plain = _inflate(value, room) if packed else value
    if len(plain) > room:
        raise NCAError(_TOO_MUCH)
    return key.decode("latin-1"), plain.decode("utf-8" if kind == b"iTXt" else "latin-1"), len(plain)
