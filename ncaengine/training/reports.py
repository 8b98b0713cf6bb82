"""The report of several trainings: a table of their losses, their curves, and a sheet with all models."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ncaengine.core import files
from ncaengine.core.looks import quantise
from ncaengine.formats import model_files
from ncaengine.io import charts, contact_sheets
from ncaengine.io.contact_sheets import Tile
from ncaengine.simulation.rollout import rollout
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import targets
from ncaengine.training.appraisal import as_json
from ncaengine.training.curves import final_loss, read_losses
from ncaengine.training.job import TrainingJob

STEP = 500
"""When the sheet shows the models, in steps since the seed."""
MOST_CURVES = 12
"""Curves that one chart shows; of more trainings, those with the lowest and the highest losses."""


@dataclass(frozen=True)
class Row:
    """A training in the report."""

    model: str
    """The file's name."""
    target: str
    changes: dict[str, Any]
    """The settings that differ among the trainings."""
    iterations: int
    loss: float
    """The median of the last 50 iterations' losses."""
    resumed: tuple[int, ...] = ()
    """After which iterations another worker went on."""


def write_report(
    folder: Path,
    jobs: Sequence[TrainingJob],
    sim: Simulation,
    problems: Mapping[Path, str],
    resumed: Mapping[Path, Sequence[int]],
) -> Path:
    """Write report.md, report.json, models.png and loss.png into a folder, and return the path of report.md.

    jobs: finished trainings.
    problems: why others failed, by the model that they were to write.
    resumed: after which iterations another worker went on with a training, by its model.

    Raises NCAError if a file can't be read or written.
    """
    curves = [read_losses(job.output) for job in jobs]
    rows = [
        Row(job.output.name, _title(job), changes, len(curve), final_loss(curve),
            tuple(resumed.get(job.output, ())))
        for job, changes, curve in zip(jobs, _changes(jobs), curves, strict=True)
    ]  # fmt: skip
    if jobs:
        chosen = _extremes(rows)
        named = {Path(rows[n].model).stem: curves[n] for n in chosen}
        contact_sheets.save_picture(charts.loss_chart(named, "Loss by model"), folder / "loss.png")
        contact_sheets.save_picture(contact_sheets.contact_sheet(*_sheet(jobs, rows, sim)), folder / "models.png")
    facts = {
        "models": rows,
        "failed": {path.name: problem for path, problem in problems.items()},
    }
    files.replace_file(folder / "report.json", (json.dumps(as_json(facts), indent=2) + "\n").encode())
    files.replace_file(folder / "report.md", _markdown(rows, problems).encode())
    return folder / "report.md"


def _title(job: TrainingJob) -> str:
    return Path(job.target).stem or job.settings.neuron


def _changes(jobs: Sequence[TrainingJob]) -> list[dict[str, Any]]:
    """Return, for each job, the settings that are not the same in all."""
    settings = [asdict(job.settings) for job in jobs]
    differ = [name for name in settings[0] if len({str(each[name]) for each in settings}) > 1] if jobs else []
    return [{name: each[name] for name in differ} for each in settings]


def _extremes(rows: Sequence[Row]) -> list[int]:
    """Return the rows whose curves are shown, by their numbers: all, or those of the lowest and the highest losses."""
    order = sorted(range(len(rows)), key=lambda n: (math.isnan(rows[n].loss), rows[n].loss))
    half = MOST_CURVES // 2
    return sorted(order if len(order) <= MOST_CURVES else order[:half] + order[-half:])


def _sheet(
    jobs: Sequence[TrainingJob], rows: Sequence[Row], sim: Simulation
) -> tuple[list[list[Tile]], str, list[str]]:
    """Return the tiles of a sheet, its title and headings: the target and the grown model of each training."""
    groups = [_tiles(job, row, sim) for job, row in zip(jobs, rows, strict=True)]
    title = f"Step {STEP}"
    if rows[0].changes:  # which need the room of a heading
        return groups, title, [f"{row.model}, loss {row.loss:.3g}" for row in rows]
    across = max(1, round(math.sqrt(len(groups) / max(map(len, groups)))))
    parts = [groups[k : k + across] for k in range(0, len(groups), across)]
    return [[tile for group in part for tile in group] for part in parts], title, []


def _tiles(job: TrainingJob, row: Row, sim: Simulation) -> list[Tile]:
    side = min(job.settings.target_size, 256)
    scale = max(1, 256 // side)
    tiles = []
    if job.target:
        kept = job.folder / "target.png"  # what a run took of its image, whatever flags it was resumed with
        name = str(kept) if kept.is_file() else ""
        target = targets.load_target(name, side) if name else targets.prepare(job.target, job.settings)
        picture = quantise(target.picture)
        caption = row.target if row.changes else f"{row.target}, loss {row.loss:.3g}"  # or the heading has it
        tiles.append(Tile(contact_sheets.frame_target(picture, (side, side), scale), caption))
    model = model_files.load(job.output)
    for kernel in job.settings.kernels:
        for grid in rollout(sim, model, [STEP], side, kernel):
            tiles.append(Tile(grid.image(scale), kernel))
    return tiles


def _markdown(rows: Sequence[Row], problems: Mapping[Path, str]) -> str:
    changed = [name.replace("_", " ") for name in rows[0].changes] if rows else []
    ordered = sorted(rows, key=lambda row: (row.target, math.isnan(row.loss), row.loss))
    table = [
        _line("model", "target", *changed, "iterations", "loss"),
        "|---|---|" + "---:|" * (len(changed) + 2),
        *(
            _line(row.model, row.target, *row.changes.values(), f"{row.iterations:,}", f"{row.loss:.3g}")
            for row in ordered
        ),
        "",
        "Loss: the median of the last 50 iterations. Losses of different targets can't be compared.",
        "",
    ]
    lines = ["# Trainings", "", f"{len(rows)} finished, {len(problems)} failed.", "", *(table if rows else [])]
    lines += [
        f"- {row.model}: another worker went on after iteration {' and '.join(f'{n:,}' for n in row.resumed)}."
        for row in ordered
        if row.resumed
    ]
    lines += [f"- {path.name}: {problem}" for path, problem in problems.items()]
    if rows:
        lines += ["", "![The target and the model of each training](models.png)", "", "![Losses](loss.png)", ""]
    return "\n".join(lines)


def _line(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
