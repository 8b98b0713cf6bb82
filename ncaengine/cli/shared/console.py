"""Consoles and pipes that can't show every letter, as Windows' cp1252 or LC_ALL=C: text is written all the same."""

import codecs
import io
import sys

PLAIN = str.maketrans({
    "×": "x", "−": "-", "–": "-", "—": "-", "·": "-", "…": "...", "½": "1/2", "¼": "1/4", "μ": "u", "µ": "u", "→": "->",
    "‘": "'", "’": "'", "“": '"', "”": '"', "±": "+-", "≤": "<=", "≥": ">=", "█": "#", "▀": "#",
    "━": "-", "─": "-", "╸": "-", "╺": "-", "│": "|",
})  # fmt: skip
"""What is written for a letter that the console does not know; for any other its code, as \\u6a21."""


def write_any_text() -> None:
    """Write what stdout and stderr can't encode, such as a file's name, in letters that they know."""
    codecs.register_error("ncaengine.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not what tests put in its place
            stream.reconfigure(errors="ncaengine.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end
