"""What commands print for people: notices and progress on stderr, JSON on stdout."""

import json
import sys
from typing import TYPE_CHECKING, Any

from ncaengine.core.texts import printable

if TYPE_CHECKING:
    from rich.progress import Progress, Task
    from rich.text import Text


def print_line(line: str) -> None:
    """Print a line on stdout; what a name in it holds can't break the line, or control the terminal."""
    print(printable(line))


def print_notice(line: str) -> None:
    """Print a line for people on stderr, away from the command's own output."""
    print(f"ncaengine: {printable(line)}", file=sys.stderr)


def print_warning(line: str) -> None:
    """Print a notice if there is anything to say."""
    if line:
        print_notice(line)


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    print(json.dumps(content, indent=2))


def as_markup(text: str) -> str:
    """Return the markup by which rich prints a text as it is, except for what would control the terminal."""
    from rich.markup import escape

    return "\n".join(escape(printable(line)) for line in text.split("\n"))


def progress_bar(*columns: str, redirect_stdout: bool = True) -> "Progress":
    """Return a bar with count and time left, for `with`; it is drawn only if stderr is a terminal.

    What a task is called is shown as it is: it may be the name of a model or a file.

    columns: what follows the count, such as its unit; templates of rich's TextColumn.
    redirect_stdout: whether what is printed meanwhile goes above the bar, on stderr.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Description(TextColumn):
        def render(self, task: "Task") -> "Text":
            return Text(printable(task.description))

    console = Console(stderr=True)
    return Progress(
        Description(""),
        BarColumn(),
        MofNCompleteColumn(),
        *(TextColumn(column, markup=False) for column in columns),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=redirect_stdout,
        disable=not console.is_terminal,
    )
