"""What becomes of a texture with more or fewer channels: trains a model for each, and compares them."""

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
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import evaluation
from ncaengine.training.losses import Loss
from ncaengine.training.run import TrainingJob

STEPS = (500, 3000)
"""When the pictures are taken."""
PLAN = evaluation.EvaluationPlan(steps=(500,), rollouts=4)
"""How the losses are measured."""
TIMED_SIZE, TIMED_STEPS, ROUNDS = (256, 256), 60, 5


@dataclass(frozen=True)
class StudyRow:
    """What was found about one model."""

    channels: int
    parameters: int
    training_loss: float
    """Median of the last 50 iterations."""
    loss: float
    """Mean of PLAN's rollouts on the engine."""
    steps_per_second: float
    """Of a grid of TIMED_SIZE, median of ROUNDS in turn with the other models."""


def study_jobs(base: TrainingJob, channels: Sequence[int]) -> list[TrainingJob]:
    """One run for each number of channels, into `base.output`, a folder."""
    return [
        replace(base, output=base.output / f"{Path(base.target).stem}-{count}.safetensors",
                settings=replace(base.settings, channels=count))
        for count in channels
    ]  # fmt: skip


def compare_models(
    sim: Simulation, models: Sequence[Model], curves: Sequence[Sequence[float]], loss: Loss
) -> list[StudyRow]:
    """Measure trained models. `curves` are their losses by iteration, `loss` is what the rollouts are measured by."""
    seconds = _seconds_a_step(sim, models)
    return [
        StudyRow(
            m.config.channels,
            m.parameters,
            statistics.median(curve[-50:]),
            float(evaluation.evaluate(sim, m, loss, PLAN).losses.mean()),
            1 / took,
        )
        for m, curve, took in zip(models, curves, seconds, strict=True)
    ]


def _seconds_a_step(sim: Simulation, models: Sequence[Model]) -> list[float]:
    """The models take turns, so that what else the machine does slows all of them alike."""
    grids = [sim.add(m, TIMED_SIZE) for m in models]
    took: list[list[float]] = [[] for _ in grids]
    for number in range(ROUNDS + 1):
        for grid, times in zip(grids, took, strict=True):
            sim.backend.finish()
            before = time.perf_counter()
            sim.submit(commands.Step(grid.id, TIMED_STEPS))
            sim.backend.finish()
            if number:  # the first one warms up
                times.append((time.perf_counter() - before) / TIMED_STEPS)
    for grid in grids:
        sim.submit(commands.RemoveGrid(grid.id))
    return [statistics.median(times) for times in took]


def grow_pictures(
    sim: Simulation, models: Sequence[Model], target: contact_sheets.Tile
) -> list[list[contact_sheets.Tile]]:
    """A row for each of STEPS: the target, then a grid of each model."""
    columns = []
    for m in models:
        grid = sim.add(m, PLAN.size)
        columns.append([
            contact_sheets.Tile(grid.image(2), f"{m.config.channels} channels")
                for _ in evaluation.grow(sim, grid, STEPS)
        ])  # fmt: skip
        sim.submit(commands.RemoveGrid(grid.id))
    return [[target, *row] for row in zip(*columns, strict=True)]


def write_report(
    base: TrainingJob,
    rows: Sequence[StudyRow],
    tiles: list[list[contact_sheets.Tile]],
    curves: dict[str, list[float]],
    device: str,
) -> Path:
    """The report, report.md with its pictures and report.json; returns its path. Raises NCAError."""
    folder, name = base.output, Path(base.target).stem
    contact_sheets.save(
        contact_sheets.sheet(tiles, name, [f"step {step:,}" for step in STEPS]), folder / "pictures.png"
    )
    contact_sheets.save(charts.loss_chart(curves, f"{name}: loss by channels"), folder / "loss.png")
    told = {"target": name, "settings": asdict(base.settings), "device": device, "rows": [asdict(row) for row in rows]}
    _text(folder / "report.json", json.dumps(told, indent=2) + "\n")
    _text(folder / "report.md", _markdown(base, name, rows, device))
    return folder / "report.md"


def _text(path: Path, text: str) -> None:
    files.replace_file(path, lambda part: part.write_text(text, "utf-8"))


def _markdown(base: TrainingJob, name: str, rows: Sequence[StudyRow], device: str) -> str:
    s = base.settings
    best = min(rows, key=lambda row: row.loss)
    fast = max(row.steps_per_second for row in rows)
    where = " and ".join(s.kernels) + (" in turn" if len(s.kernels) > 1 else "")
    lines = [
        f"# {name}: more or fewer channels",
        "",
        f"Each model was trained for {s.iterations:,} iterations on grids of {s.size}x{s.size}, batch {s.batch}, on",
        f"{where}, with {s.hidden} hidden units; everything but the channels is the same.",
        "",
        "| channels | parameters | loss in training | loss of rollouts | steps/s | of the fastest |",
        "|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {r.channels} | {r.parameters:,} | {r.training_loss:.3g} | {r.loss:.3g} | {r.steps_per_second:.1f} "
            f"| {r.steps_per_second / fast:.2f} |"
            for r in rows
        ),
        "",
        f"The least loss of rollouts has the model of {best.channels} channels. Loss in training: the median of the",
        f"last 50 iterations; of rollouts: {PLAN.rollouts} of {PLAN.size[0]}x{PLAN.size[1]} on {PLAN.kernel} at step "
        f"{PLAN.steps[0]:,}; steps/s: a grid of {TIMED_SIZE[0]}x{TIMED_SIZE[1]} on {device}.",
        "",
        "![The target, then the models by channels](pictures.png)",
        "",
        "![Loss by iteration](loss.png)",
        "",
    ]
    return "\n".join(lines)
