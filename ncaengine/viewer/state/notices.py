"""Notices: the lines that the window shows for some seconds, and the questions that it asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.core.files import as_text

Severity = Literal["error", "info"]
MOST_SHOWN = 4
SECONDS: dict[Severity, float] = {"error": 12.0, "info": 6.0}
"""How long a notice stays unless the pointer is over it."""


FIRST_HINTS = """Drop a model's file on this window to open it.
Press K for another neighbourhood of the cells.
Take a tool at the left, such as Erase (E), and paint."""
"""Shown at the first start."""


@dataclass(frozen=True)
class Button:
    """An answer to a question."""

    title: str
    help: str
    action: Callable[[], object]


@dataclass(eq=False)
class Toast:
    """A line near the window's lower edge."""

    text: str
    kind: Severity
    until: float = float("inf")
    """When it disappears, on the clock of time.monotonic; questions stay until they are answered."""
    buttons: tuple[Button, ...] = ()


def message_of(error: NCAError | MemoryError) -> str:
    """Return an error's message for the user."""
    return as_text(str(error)) or NO_MEMORY
