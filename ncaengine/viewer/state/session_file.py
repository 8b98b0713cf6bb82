"""The file that the window's session is saved in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ncaengine.io import sessions

SavedKind = Literal["session", "journal", "picture", "layer"]
ENDINGS: dict[SavedKind, str] = {"session": sessions.ENDING, "journal": ".jsonl", "picture": ".png", "layer": ".png"}


@dataclass(eq=False)
class SessionFile:
    """Where the session is saved, and what was saved of it."""

    path: Path | None = None
    """The file that saving writes; None before it has a name."""
    asks: SavedKind | None = None
    """What the window should ask a file name for, if anything."""
    saved_commands: int = 0
    """Commands in the journal when the session was last opened or saved."""
    quit_confirmed: bool = False
    """Whether the window closes without asking about unsaved edits."""
    restored: bool = False
    """Whether the grids come from a window that crashed, and are not saved since."""
    opened: bool = False
    """Whether the grids come from a session; their earlier edits can't be undone."""

    def mark_saved(self, path: Path | None, commands: int) -> None:
        """Note that the session with its first `commands` commands is saved in `path`, or in no file."""
        self.path, self.saved_commands, self.quit_confirmed, self.restored = path, commands, False, False
