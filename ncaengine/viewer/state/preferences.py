"""Preferences: what the window remembers between starts, in a small file of the user."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import platformdirs

from ncaengine.core.errors import NCAError
from ncaengine.core.files import replace_file

MOST_RECENT = 20
LEAST_TEXT, MOST_TEXT, TEXT_STEP = 0.8, 2.0, 0.1
LEAST_SIDE, MOST_SIDE = 15.0, 34.0
"""Width of the side bar in em."""

CLOSED = ("Size", "Maps", "View", "Cells", "Record", "Session")
"""Sections of the side bar that are folded at first."""

Weights = Annotated[list[Annotated[float, msgspec.Meta(gt=0)]], msgspec.Meta(max_length=64)]


class Preferences(msgspec.Struct):
    """The file's contents; unknown keys, as of a newer version, are passed over.

    recent: files that were opened, the last one first. size: of the window, (width, height) in
    pixels. columns, rows: how the cards share the width and the height, see splitters.
    side: width of the side bar in em. text_size: a factor on all text and what is measured by it.
    closed: titles of the side bar's sections that are folded. details: whether cells show theirs, when close.
    """

    theme: Literal["dark", "light"] = "dark"
    recent: list[str] = []
    size: tuple[Annotated[int, msgspec.Meta(ge=320, le=16384)], Annotated[int, msgspec.Meta(ge=200, le=16384)]] = (
        1280,
        800,
    )
    show_panel: bool = True
    lines: bool = True
    columns: Weights = []
    rows: Weights = []
    side: Annotated[float, msgspec.Meta(ge=LEAST_SIDE, le=MOST_SIDE)] = 20.0
    text_size: Annotated[float, msgspec.Meta(ge=LEAST_TEXT, le=MOST_TEXT)] = 1.0
    closed: Annotated[list[str], msgspec.Meta(max_length=64)] = msgspec.field(default_factory=lambda: list(CLOSED))
    details: bool = True

    def add_recent(self, path: str | Path) -> None:
        """Put a file first among the recent ones."""
        name = str(Path(path).absolute())
        self.recent = [name, *(other for other in self.recent if other != name)][:MOST_RECENT]

    def change_text_size(self, steps: int) -> None:
        """Make the text larger by some steps, smaller below 0, back to the plain size at 0; within its range."""
        size = round(self.text_size + steps * TEXT_STEP, 2) if steps else 1.0
        self.text_size = min(max(size, LEAST_TEXT), MOST_TEXT)


TYPES = get_type_hints(Preferences, include_extras=True)


def default_path() -> Path:
    """The user's own file."""
    return platformdirs.user_config_path("ncaengine") / "window.json"


def load_preferences(path: Path | None = None) -> Preferences:
    """Read the file; whatever of it is missing or broken has its default value."""
    try:
        found = msgspec.json.decode((path or default_path()).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Preferences()
    return Preferences(**_sound(found)) if isinstance(found, dict) else Preferences()


def _sound(found: dict[str, Any]) -> dict[str, Any]:
    """The entries that this version understands."""
    sound = {}
    for name, type_ in TYPES.items():
        try:
            sound[name] = msgspec.convert(found[name], type_)
        except (KeyError, msgspec.ValidationError):
            continue
    sound["recent"] = sound.get("recent", [])[:MOST_RECENT]
    return sound


def save_preferences(prefs: Preferences, path: Path | None = None) -> bool:
    """Write the file, whole or not at all; returns whether that was possible, which nothing depends on."""
    path = path or default_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda part: part.write_bytes(msgspec.json.format(msgspec.json.encode(prefs))))
    except (OSError, NCAError):
        return False
    return True
