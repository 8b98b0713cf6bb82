"""The letters of pictures: a usual font, and for names in scripts that it lacks the best font of this machine."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

WINDOW = "fonts/Roboto/Roboto-Regular.ttf"
"""The window's font among the assets of imgui_bundle: Latin, Greek and Cyrillic letters."""
OTHERS = (
    "NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf",
    "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "Arial Unicode.ttf", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc",
    "segoeui.ttf", "YuGothM.ttc", "msgothic.ttc", "msyh.ttc", "malgun.ttf",
)  # fmt: skip
"""Fonts with other letters that Linux, macOS and Windows have, by the names of their files."""


def typeface(size: int, text: str = "", usual: str = "") -> ImageFont.FreeTypeFont:
    """Return the font to write a text in, `size` pixels high.

    usual: the font's file, if it has all letters; by default the window's.
    """
    return _sized(font_file(text, usual), size)


def font_file(text: str, usual: str = "") -> str:
    """Return the file of the font that has the most letters of a text; "" is Pillow's own font."""
    usual = usual or _window()
    letters = frozenset("".join(text.split()))
    if not _lacking(usual, letters):
        return usual
    return min((usual, *_installed()), key=lambda file: _lacking(file, letters))


@cache
def _window() -> str:
    found = find_spec("imgui_bundle")
    folders = (found and found.submodule_search_locations) or ()
    files = (Path(folder, "assets", WINDOW) for folder in folders)
    return next((str(file) for file in files if file.is_file()), "")


@cache
def _installed() -> tuple[str, ...]:
    found = []
    for name in OTHERS:
        try:
            found.append(str(ImageFont.truetype(name).path))
        except OSError:  # Pillow looks for it where this system keeps its fonts
            continue
    return tuple(found)


@cache
def _sized(file: str, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _lacking(file: str, letters: frozenset[str]) -> int:
    """Return for how many letters the font draws the box of those that it lacks."""
    font = _sized(file, 16)
    box = bytes(font.getmask("\uffff"))
    return sum(bytes(font.getmask(letter)) == box for letter in letters)
