"""A study of how many channels a texture needs: one model for each number, trained and compared."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ncaengine.core import files
from ncaengine.core.model import Model
from ncaengine.io import charts, contact_sheets
from ncaengine.simulation import commands
from ncaengine.simulation.rollout import rollout
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import evaluation
from ncaengine.training.losses import Loss
from ncaengine.training.run import TrainingJob

STEPS = (500, 3000)
"""When to take pictures, in steps since the seed."""
PLAN = evaluation.EvaluationPlan(steps=(500,), rollouts=4)
"""How to measure the losses."""
TIMED_SIZE, TIMED_STEPS, ROUNDS = (256, 256), 60, 5
"""How to measure the speed: a grid's width and height in cells, the steps of a round, and the rounds."""


@dataclass(frozen=True)
class StudyRow:
    """The figures of one model."""

    channels: int
    parameters: int
    """Numbers in the weights."""
    training_loss: float
    """Median of the last 50 iterations' losses."""
    loss: float
    """Mean loss of PLAN's rollouts on the engine."""
    steps_per_second: float
    """Median over ROUNDS, on a grid of TIMED_SIZE."""


def study_jobs(base: TrainingJob, channels: Sequence[int]) -> list[TrainingJob]:
    """Return a training for each number of channels; `base.output` is the folder for the models."""
    return [
        replace(base, output=base.output / f"{Path(base.target).stem}-{count}.safetensors",
                settings=replace(base.settings, channels=count))
        for count in channels
    ]  # fmt: skip


def compare_models(
    sim: Simulation, models: Sequence[Model], curves: Sequence[Sequence[float]], loss: Loss
) -> list[StudyRow]:
    """Measure trained models.

    curves: each model's training losses, one an iteration.
    loss: measures the rollouts.
    """
    seconds = _seconds_per_step(sim, models)
    return [
        StudyRow(
            m.config.channels,
            m.parameters,
            statistics.median(curve[-50:]),
            float(evaluation.evaluate(sim, m, loss, PLAN).losses.mean()),
            1 / each,
        )
        for m, curve, each in zip(models, curves, seconds, strict=True)
    ]


def _seconds_per_step(sim: Simulation, models: Sequence[Model]) -> list[float]:
    """Time the models in turn, so that other work on the machine slows all of them equally."""
    grids = [sim.add(m, TIMED_SIZE) for m in models]
    times: list[list[float]] = [[] for _ in grids]
    for number in range(ROUNDS + 1):
        for grid, own in zip(grids, times, strict=True):
            sim.backend.finish()
            start = time.perf_counter()
            sim.submit(commands.Step(grid.id, TIMED_STEPS))
            sim.backend.finish()
            if number:  # the first round warms up
                own.append((time.perf_counter() - start) / TIMED_STEPS)
    for grid in grids:
        sim.submit(commands.RemoveGrid(grid.id))
    return [statistics.median(own) for own in times]


def grow_pictures(
    sim: Simulation, models: Sequence[Model], target: contact_sheets.Tile
) -> list[list[contact_sheets.Tile]]:
    """Return a row of tiles for each of STEPS: the target, then a grid of each model."""
    columns = [
        [
            contact_sheets.Tile(grid.image(2), f"{m.config.channels} channels")
            for grid in rollout(sim, m, STEPS, PLAN.size)
        ]
        for m in models
    ]
    return [[target, *row] for row in zip(*columns, strict=True)]


def write_report(
    base: TrainingJob,
    rows: Sequence[StudyRow],
    tiles: list[list[contact_sheets.Tile]],
    curves: dict[str, list[float]],
    device: str,
) -> Path:
    """Write report.md with its pictures and report.json into `base.output`, and return the path of report.md.

    rows: the models' figures.
    tiles: from `grow_pictures`.
    curves: each model's training losses, by the name to show.
    device: what the speeds were measured on.

    Raises NCAError if a file can't be written.
    """
    folder, name = base.output, Path(base.target).stem
    contact_sheets.save_picture(
        contact_sheets.contact_sheet(tiles, name, [f"step {step:,}" for step in STEPS]), folder / "pictures.png"
    )
    contact_sheets.save_picture(charts.loss_chart(curves, f"{name}: loss by channels"), folder / "loss.png")
    facts = {"target": name, "settings": asdict(base.settings), "device": device, "rows": [asdict(row) for row in rows]}
    files.replace_file(folder / "report.json", (json.dumps(facts, indent=2) + "\n").encode())
    files.replace_file(folder / "report.md", _markdown(base, name, rows, device).encode())
    return folder / "report.md"


def _markdown(base: TrainingJob, name: str, rows: Sequence[StudyRow], device: str) -> str:
    s = base.settings
    best = min(rows, key=lambda row: row.loss)
    fast = max(row.steps_per_second for row in rows)
    kernels = f"the kernel {s.kernels[0]}" if len(s.kernels) == 1 else f"the kernels {' and '.join(s.kernels)} in turn"
    lines = [
        f"# {name}: models with more or fewer channels",
        "",
        f"Each model was trained for {s.iterations:,} iterations on grids of {s.size}x{s.size}, batch {s.batch}, with",
        f"{kernels} and {s.hidden} hidden units. Only the number of channels differs.",
        "",
        "| channels | parameters | training loss | rollout loss | steps/s | relative speed |",
        "|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {r.channels} | {r.parameters:,} | {r.training_loss:.3g} | {r.loss:.3g} | {r.steps_per_second:.1f} "
            f"| {r.steps_per_second / fast:.2f} |"
            for r in rows
        ),
        "",
        f"The model with {best.channels} channels has the lowest rollout loss.",
        "",
        "- Training loss: the median of the last 50 iterations.",
        f"- Rollout loss: the mean of {PLAN.rollouts} rollouts of {PLAN.size[0]}x{PLAN.size[1]} on {PLAN.kernel}, at "
        f"step {PLAN.steps[0]:,}.",
        f"- Steps/s: for a grid of {TIMED_SIZE[0]}x{TIMED_SIZE[1]} on {device}.",
        "",
        "![The target, then the models by channels](pictures.png)",
        "",
        "![Loss by iteration](loss.png)",
        "",
    ]
    return "\n".join(lines)
