"""A study of how many channels a texture needs: one model for each number, trained and compared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ncaengine.core import files
from ncaengine.core.looks import quantise
from ncaengine.core.model import Model
from ncaengine.io import charts, contact_sheets
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import appraisal, evaluation
from ncaengine.training.appraisal import Plan, Report
from ncaengine.training.curves import final_loss
from ncaengine.training.job import TrainingJob

STEPS = (500, 3000)
"""When to take pictures, in steps since the seed."""
PLAN = evaluation.EvaluationPlan(steps=(500,), rollouts=4)
"""How to measure the losses."""
TIMED_SIZE, TIMED_STEPS = (256, 256), 60
"""How to measure the speed: a grid's width and height in cells, and the steps of a round."""


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


def report_plan(base: TrainingJob) -> Plan:
    """Return what the report measures: the models on the kernels that they were trained on."""
    steps = tuple(sorted({*STEPS, *PLAN.steps}))
    return Plan(base.settings.kernels, PLAN.size, steps, PLAN.rollouts, PLAN.seed)


def table_rows(sim: Simulation, models: Sequence[Model], report: Report) -> list[StudyRow]:
    """Return the figures of trained models, with the speeds on a grid of TIMED_SIZE."""
    kernels = [report.plan.kernels[0]] * len(models)
    seconds = appraisal.seconds_per_step(sim, models, TIMED_SIZE, kernels, TIMED_STEPS)
    at = report.plan.moments.index(PLAN.steps[0])
    return [
        StudyRow(
            s.channels,
            s.parameters,
            final_loss(s.curve),
            float(s.courses[0].loss[:, at].mean()),
            1 / each,
        )
        for s, each in zip(report.subjects, seconds, strict=True)
    ]


def sheet_rows(report: Report) -> list[list[contact_sheets.Tile]]:
    """Return a row of tiles for each of STEPS: the target, then a grid of each model."""
    target = contact_sheets.Tile(quantise(report.picture), "target")
    rows = []
    for step in STEPS:
        at = report.plan.steps.index(step)
        grown = [s.courses[0].pictures[at].repeat(2, 0).repeat(2, 1) for s in report.subjects]
        named = zip(grown, report.subjects, strict=True)
        rows.append([target, *(contact_sheets.Tile(picture, f"{s.channels} channels") for picture, s in named)])
    return rows


def write_report(
    base: TrainingJob,
    rows: Sequence[StudyRow],
    report: Report,
) -> Path:
    """Write report.md with its pictures and report.json into `base.output`, and return the path of report.md.

    rows: the models' figures.
    report: what was measured, which report.html shows.

    Raises NCAError if a file can't be written.
    """
    folder, name = base.output, Path(base.target).stem
    contact_sheets.save_picture(
        contact_sheets.contact_sheet(sheet_rows(report), name, [f"step {step:,}" for step in STEPS]),
        folder / "pictures.png",
    )
    curves = {f"{s.channels} channels": s.curve for s in report.subjects}
    contact_sheets.save_picture(charts.loss_chart(curves, f"{name}: loss by channels"), folder / "loss.png")
    facts = {
        "target": name,
        "settings": base.settings,
        "device": report.device,
        "rows": rows,
    }
    files.replace_file(folder / "report.json", (json.dumps(appraisal.as_json(facts), indent=2) + "\n").encode())
    files.replace_file(folder / "report.md", _markdown(base, name, rows, report).encode())
    return folder / "report.md"


def _markdown(base: TrainingJob, name: str, rows: Sequence[StudyRow], report: Report) -> str:
    s, device = base.settings, report.device
    made = sorted({len(subject.curve) for subject in report.subjects})  # those of earlier calls may have others
    iterations = f"{made[0]:,}" if len(made) == 1 else f"{made[0]:,} to {made[-1]:,}"
    best = min(rows, key=lambda row: row.loss)
    fast = max(row.steps_per_second for row in rows)
    kernels = f"the kernel {s.kernels[0]}" if len(s.kernels) == 1 else f"the kernels {' and '.join(s.kernels)} in turn"
    lines = [
        f"# {name}: models with more or fewer channels",
        "",
        f"Each model was trained for {iterations} iterations on grids of {s.size}x{s.size}, batch {s.batch}, with",
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
        f"- Rollout loss: the mean of {PLAN.rollouts} rollouts of {PLAN.size[0]}x{PLAN.size[1]} on {s.kernels[0]}, at "
        f"step {PLAN.steps[0]:,}.",
        f"- Steps/s: for a grid of {TIMED_SIZE[0]}x{TIMED_SIZE[1]} on {device}.",
        "",
        "[report.html](report.html) shows loss over time, healing, drift, structure and spectrum.",
        "",
        "![The target, then the models by channels](pictures.png)",
        "",
        "![Loss by iteration](loss.png)",
        "",
    ]
    return "\n".join(lines)
