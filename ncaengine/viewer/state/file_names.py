"""Names of the files that the window writes."""

import os
from pathlib import Path

from ncaengine.core.claims import is_claimed
from ncaengine.core.errors import NCAError
from ncaengine.core.files import present_folder
from ncaengine.core.names import as_file_name, unique_name
from ncaengine.simulation.grid import Grid


def name_and_folder(path: str) -> str:
    """Return a file's name and its folder, shortened in the middle, as text."""
    whole = Path(path).resolve()
    folder, most = str(whole.parent), 48
    return f"{whole.name} in {folder if len(folder) <= most else f'{folder[: most // 2]}…{folder[1 - most // 2 :]}'}"


def base_name(grid: Grid) -> str:
    """Return the name for files of a grid, without an ending, such as dots-hexagonal."""
    return f"{as_file_name(grid.model.config.name)}-{grid.kernel.name}"


def free_name(base: str, ending: str) -> str:
    """Return a file name that doesn't exist yet, such as dots-hexagonal-2.mp4."""
    return unique_name(base, lambda name: os.path.exists(name + ending) or is_claimed(name + ending)) + ending


def check_typed_name(name: str) -> None:
    """Raise NCAError if a name that is typed for a recording is a folder in which other files lie. '' is no such name.

    A folder of pictures takes the place of an older one, with all that is in it.
    """
    if name and not os.path.basename(name.rstrip("/")).strip(".~"):
        raise NCAError(f"{name}: is no name for a recording; add one, such as {name.rstrip('/')}/a.mp4.")
    if name.endswith("/") and present_folder().is_relative_to(os.path.realpath(os.path.expanduser(name))):
        raise NCAError(f"{name}: is the present folder or one above it; name a new folder.")
