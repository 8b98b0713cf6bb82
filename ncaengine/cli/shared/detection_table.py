"""The trial runs and the tables of `ncaengine import --detect`."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.shared.engine import open_simulation
from ncaengine.cli.shared.output import as_markup, progress_bar
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ncaengine.core.model import Model
    from ncaengine.simulation.settling import Trial

    Readings = Sequence[tuple[str, Model]]

MOST_FURTHER = 40
"""The most readings that are tried with one more choice, and with two, where none of the first settles."""


def choose_reading(source: Path, readings: "Readings", further: "Callable[[str], Readings]") -> "Model":
    """Run readings of bare weights, print tables, and return the reading that settles best.

    readings: for each, its flags as text ('--order channel --offset 0.5') and the model it gives.
    further: returns more readings like the one of some flags; they are tried if none of the first settles.
    Raises NCAError if none settles.
    """
    from rich.console import Console

    from ncaengine.simulation import settling

    console, flags = Console(), readings[0][0].split()[::2]
    trials = _run(readings)
    chosen = settling.choose_best(trials)
    console.print(_table(f"{source.name} after {settling.STEPS} steps", flags, trials, chosen))
    if chosen is None:
        chosen = _try_further(console, settling.least_bad(trials), further)
    console.print(settling.CRITERIA, style="dim")
    if chosen is None:
        advice = f"choose one with {', '.join(flags)}" if flags else "say what you know with flags"
        raise NCAError(f"{source}: no reading settles to a texture; {advice}.")
    return _as_tried(chosen)


def _try_further(console: "Console", base: "Trial", further: "Callable[[str], Readings]") -> "Trial | None":
    """Run readings that differ from a trial's in one further choice, then those that differ in two; print tables.

    Returns the one that settles best; None if none settles.
    """
    from ncaengine.simulation import settling

    title, words = f"Others with {base.label}" if base.label else "Others", len(base.label.split())
    for more in (1, 2):
        readings = [each for each in further(base.label) if len(each[0].split()) == words + 2 * more]
        trials = _run(readings[:MOST_FURTHER])
        chosen = settling.choose_best(trials)
        if trials:
            shown = [dataclasses.replace(t, label=t.label.removeprefix(base.label).strip()) for t in trials]
            console.print(_table(title, [], shown, shown[trials.index(chosen)] if chosen else None))
        if chosen:
            return chosen
    return None


def _run(readings: "Readings") -> "list[Trial]":
    from ncaengine.simulation import settling

    with open_simulation() as sim, progress_bar("steps") as bar:
        sim.engine.world.tell = None  # most readings run away, which is what a trial is for
        task = bar.add_task("detecting", total=len(readings) * settling.STEPS)
        return list(settling.run_trials(sim, readings, lambda steps: bar.advance(task, steps)))


def _as_tried(trial: "Trial") -> "Model":
    """Return a trial's model, which says that it was found by trial."""
    import msgspec

    config = trial.model.config
    facts = {**config.attribution, "reading": f"found by trial: {trial.label or 'as the form has it'} settles"}
    return dataclasses.replace(trial.model, config=msgspec.structs.replace(config, attribution=facts))


def _table(title: str, flags: Sequence[str], trials: "Sequence[Trial]", chosen: "Trial | None") -> "Table":
    """Return a table with one line for each reading, at most 80 columns wide.

    flags: each gets a column; without any, a reading's whole label is one.
    """
    from rich import box
    from rich.table import Table

    table = Table(
        title=as_markup(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for flag in flags or ["reading"]:
        table.add_column(flag, no_wrap=bool(flags))
    for heading in ("peak", "contrast", "clipped", "rough", "unrest"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for trial in trials:
        verdict = "[bold green]chosen[/]" if trial is chosen else trial.failed or "settles"
        numbers = (trial.largest, trial.contrast, trial.clipped, trial.roughness, trial.unrest)
        label = trial.label.split()[1::2] if flags else [trial.label or "as the form has it"]
        table.add_row(*label, *map(_short, numbers), verdict)
    return table


def _short(number: float) -> str:
    """Return a number in at most five characters."""
    return f"{number:.2f}" if number < 10 else f"{number:.0f}" if number < 1000 else ">999"
