"""What `ncaengine import --detect` runs and shows: a table of the readings of bare weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.options import progress_bar, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from rich.table import Table

    from ncaengine.core.model import Model
    from ncaengine.simulation.settling import Trial


def settled(source: Path, readings: "Sequence[tuple[str, Model]]") -> "Model":
    """The reading that settles, after a table of all. Raises NCAError if none does."""
    from rich.console import Console

    from ncaengine.backends import open_backend
    from ncaengine.simulation import settling, simulation

    backend, notice = open_backend("auto")
    if notice:
        say(notice)
    with simulation.Simulation(backend, history=0) as sim, progress_bar("steps") as bar:
        task = bar.add_task("detecting", total=len(readings) * settling.STEPS)
        trials = list(settling.trials(sim, readings, lambda made: bar.advance(task, made)))
    chosen, flags = settling.best(trials), readings[0][0].split()[::2]
    console = Console()
    console.print(_table(source.name, flags, trials, chosen))
    console.print(settling.CRITERIA, style="dim")
    if chosen is None:
        raise NCAError(f"{source}: no reading settles to a texture; choose one by {', '.join(flags)}.")
    return chosen.model


def _table(name: str, flags: Sequence[str], trials: "Sequence[Trial]", chosen: "Trial | None") -> "Table":
    """One line a reading, at most 80 columns wide."""
    from rich import box
    from rich.table import Table

    from ncaengine.simulation import settling

    title = f"{settling.STEPS} steps of {name}"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  show_edge=False, padding=(0, 1, 0, 0))  # fmt: skip
    for flag in flags:
        table.add_column(flag, no_wrap=True)
    for head in ("peak", "contrast", "clipped", "rough", "unrest"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for trial in trials:
        verdict = "[bold green]chosen[/]" if trial is chosen else trial.failed or "settles"
        numbers = (trial.largest, trial.contrast, trial.clipped, trial.roughness, trial.unrest)
        table.add_row(*trial.label.split()[1::2], *map(_short, numbers), verdict)
    return table


def _short(number: float) -> str:
    """At most five letters."""
    return f"{number:.2f}" if number < 10 else f"{number:.0f}" if number < 1000 else ">999"
