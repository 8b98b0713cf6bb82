"""The trial runs and the table of `ncaengine import --detect`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.shared.engine import open_simulation
from ncaengine.cli.shared.output import progress_bar
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from rich.table import Table

    from ncaengine.core.model import Model
    from ncaengine.simulation.settling import Trial


def choose_reading(source: Path, readings: "Sequence[tuple[str, Model]]") -> "Model":
    """Run every reading of bare weights, print a table, and return the reading that settles best.

    readings: for each, its flags as text ('--order channel --offset 0.5') and the model it gives.
    Raises NCAError if none settles.
    """
    from rich.console import Console

    from ncaengine.simulation import settling

    with open_simulation() as sim, progress_bar("steps") as bar:
        task = bar.add_task("detecting", total=len(readings) * settling.STEPS)
        trials = list(settling.run_trials(sim, readings, lambda steps: bar.advance(task, steps)))
    chosen, flags = settling.choose_best(trials), readings[0][0].split()[::2]
    console = Console()
    console.print(_table(source.name, flags, trials, chosen))
    console.print(settling.CRITERIA, style="dim")
    if chosen is None:
        raise NCAError(f"{source}: no reading settles to a texture; choose one with {', '.join(flags)}.")
    return chosen.model


def _table(name: str, flags: Sequence[str], trials: "Sequence[Trial]", chosen: "Trial | None") -> "Table":
    """Return a table with one line for each reading, at most 80 columns wide."""
    from rich import box
    from rich.table import Table

    from ncaengine.simulation import settling

    table = Table(
        title=f"{name} after {settling.STEPS} steps",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for flag in flags:
        table.add_column(flag, no_wrap=True)
    for heading in ("peak", "contrast", "clipped", "rough", "unrest"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for trial in trials:
        verdict = "[bold green]chosen[/]" if trial is chosen else trial.failed or "settles"
        numbers = (trial.largest, trial.contrast, trial.clipped, trial.roughness, trial.unrest)
        table.add_row(*trial.label.split()[1::2], *map(_short, numbers), verdict)
    return table


def _short(number: float) -> str:
    """Return a number in at most five characters."""
    return f"{number:.2f}" if number < 10 else f"{number:.0f}" if number < 1000 else ">999"
