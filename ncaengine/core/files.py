"""Write files whole or not at all, and phrase errors about files."""

import os
from collections.abc import Callable
from pathlib import Path

from ncaengine.core.errors import NCAError


def reason(error: BaseException) -> str:
    """Return why a file operation failed, in a few words: the operating system's, if it has any."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    if "inline_container" in text:  # torch's message about a file that it couldn't write
        return "is the disk full?"
    return text or type(error).__name__


def unreadable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be read."""
    return NCAError(f"{path}: cannot be read ({reason(error)}).")


def unwritable(path: object, error: BaseException) -> NCAError:
    """Return the error to raise if a file can't be written."""
    return NCAError(f"{path}: cannot be written ({reason(error)}).")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, then put it in its place: whole or not at all.

    Raises NCAError if it can't be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        raise unwritable(path, error) from None
    finally:
        part.unlink(missing_ok=True)


def as_text(name: str) -> str:
    """Return a file's name as text for other files: where the system takes it for bytes, they are UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
