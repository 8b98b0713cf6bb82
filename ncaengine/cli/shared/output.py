"""What commands print for people: notices and progress on stderr, JSON on stdout."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress


def print_notice(line: str) -> None:
    """Print a line for people on stderr, away from the command's own output."""
    print(f"ncaengine: {line}", file=sys.stderr)


def print_warning(line: str) -> None:
    """Print a notice if there is anything to say."""
    if line:
        print_notice(line)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(content, indent=2))


def progress_bar(*columns: str, redirect_stdout: bool = True) -> "Progress":
    """Return a bar with count and time left, for `with`; it is drawn only if stderr is a terminal.

    columns: what follows the count, such as its unit; templates of rich's TextColumn.
    redirect_stdout: whether what is printed meanwhile goes above the bar, on stderr.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *map(TextColumn, columns),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=redirect_stdout,
        disable=not console.is_terminal,
    )
