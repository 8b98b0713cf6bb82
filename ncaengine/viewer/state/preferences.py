"""Preferences: what the window remembers between starts, in a small file of the user."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import platformdirs

from ncaengine.core import bounds, inputs
from ncaengine.core.errors import NCAError
from ncaengine.core.files import as_text, replace_file
from ncaengine.core.validation import valid_entries

MOST_RECENT = 20
LEAST_TEXT, MOST_TEXT, TEXT_STEP = 0.8, 2.0, 0.1
LEAST_SIDE, MOST_SIDE = 15.0, 34.0
"""Width of the side bar in em."""

CLOSED = ("Size", "Brush", "Maps", "View", "Cells", "Record", "Session")
"""Sections of the side bar that are folded at first."""

Weights = Annotated[list[Annotated[float, msgspec.Meta(gt=0, le=1e6)]], msgspec.Meta(max_length=64)]


class Preferences(msgspec.Struct):
    """The file's contents. Unknown keys, such as those of a newer version, are ignored."""

    theme: Literal["dark", "light"] = "dark"
    recent: list[str] = []
    """Files that were opened, the latest first."""
    size: tuple[Annotated[int, msgspec.Meta(ge=320, le=16384)], Annotated[int, msgspec.Meta(ge=200, le=16384)]] = (
        1280,
        800,
    )
    """The window's (width, height) in pixels."""
    show_panel: bool = True
    """Whether the side bar is shown."""
    lines: bool = True
    """Whether lines separate the cells when zoomed in."""
    columns: Weights = []
    """How the grids' cards share the width, see kit.splitters."""
    rows: Weights = []
    """How they share the height."""
    side: Annotated[float, msgspec.Meta(ge=LEAST_SIDE, le=MOST_SIDE)] = 20.0
    """Width of the side bar in em."""
    text_size: Annotated[float, msgspec.Meta(ge=LEAST_TEXT, le=MOST_TEXT)] = 1.0
    """A factor on all text and on what is measured in em."""
    closed: Annotated[list[str], msgspec.Meta(max_length=64)] = msgspec.field(default_factory=lambda: list(CLOSED))
    """Titles of the side bar's folded sections."""
    hinted: bool = False
    """Whether the hints of the first start were shown."""
    fill: bool = True
    """Whether the picture of a grid that is alone fills its card."""
    details: bool = True
    """Whether cells show their channels and gradient when zoomed in."""

    def add_recent(self, path: str | Path) -> None:
        """Put a file first among the recent ones, unless its name is no text: their file can hold only texts."""
        name = str(Path(path).absolute())
        if as_text(name) != name:
            return
        self.recent = [name, *(other for other in self.recent if other != name)][:MOST_RECENT]

    def change_text_size(self, steps: int) -> None:
        """Make the text larger by some steps (smaller if negative), or reset its size if 0."""
        size = round(self.text_size + steps * TEXT_STEP, 2) if steps else 1.0
        self.text_size = min(max(size, LEAST_TEXT), MOST_TEXT)


def default_path() -> Path:
    """Return the user's own file."""
    return platformdirs.user_config_path("ncaengine") / "window.json"


def load_preferences(path: Path | None = None) -> Preferences:
    """Read the file, with defaults for what is missing or invalid."""
    try:
        found = msgspec.json.decode(inputs.read_input(path or default_path(), bounds.PREFERENCES_BYTES))
    except (OSError, ValueError, RecursionError, NCAError):
        return Preferences()
    prefs = Preferences(**valid_entries(found, Preferences)) if isinstance(found, dict) else Preferences()
    prefs.recent = prefs.recent[:MOST_RECENT]
    return prefs


def save_preferences(prefs: Preferences, path: Path | None = None) -> bool:
    """Write the file, whole or not at all. Return whether it succeeded; a failure is not an error."""
    path = path or default_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.json.format(msgspec.json.encode(prefs)))
    except (OSError, NCAError):
        return False
    return True
