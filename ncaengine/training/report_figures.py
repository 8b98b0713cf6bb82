"""The figures and the charts of a report, each declared once: its page, its picture and its JSON follow them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ncaengine.core.types import F64
from ncaengine.io.report_charts import Chart, Line, shared_limits
from ncaengine.training import measures
from ncaengine.training.appraisal import Course, Plan, Report, Subject, as_json


@dataclass(frozen=True)
class Figure:
    """A column of a report's table."""

    key: str
    """Its name in the JSON."""
    title: str
    value: Callable[[Report, Subject, Course], float]
    target: Callable[[Report], float | None] = lambda report: None
    """The target's own."""
    best: str = "lowest"
    """Which one is best: lowest, highest, nearest to the target's, or "" for none."""
    ratio: bool = False
    """Whether to show it as a multiple of the first model's, too."""


def figures(plan: Plan) -> list[Figure]:
    """Return the figures of a report with this plan."""
    return [
        *(_loss_at(plan, step) for step in plan.steps),
        Figure("healed", "loss, healed", lambda r, s, c: _middle(c.healing[:, -1]), ratio=True),
        Figure("moves", "moves a step", lambda r, s, c: _middle(c.moves[:, -1])),
        Figure("changes", "changes", lambda r, s, c: _middle(c.changes[:, -1])),
        Figure(
            "length", "correlation length", lambda r, s, c: _middle(c.length[:, -1]), lambda r: r.target_length,
            "nearest",
        ),
        Figure(
            "spectrum", "spectrum, dB off",
            lambda r, s, c: measures.spectrum_distance(_quartiles(c.spectrum)[1], r.target_spectrum),
        ),
        Figure("parameters", "numbers", lambda r, s, c: s.parameters, best=""),
        Figure("steps_per_second", "steps/s", lambda r, s, c: c.steps_per_second, best="highest"),
    ]  # fmt: skip


def best(figure: Figure, values: Sequence[float], target: float | None) -> set[int]:
    """Return which of several values are best: one, those that the table shows as the same number, or none."""
    numbers = np.array(values, np.float64)
    if figure.best == "nearest" and target:
        numbers = np.abs(np.log(np.maximum(numbers, 1e-9) / target))
    if figure.best == "highest":
        numbers = -numbers
    if not figure.best or len(values) < 2 or not np.isfinite(numbers).any():
        return set()
    shown = number(values[int(np.nanargmin(numbers))])
    return {n for n, value in enumerate(values) if number(value) == shown}


def number(value: float | None) -> str:
    """Return a number as the table shows it."""
    if value is None:
        return ""
    if not np.isfinite(value):
        return "—"
    return f"{value:,.0f}" if abs(value) >= 99.95 or value == round(value) else f"{value:#.3g}"


@dataclass(frozen=True)
class Measure:
    """Charts of one thing, one for each kernel, with the same axes."""

    title: str
    about: str
    charts: dict[str, Chart]


def chart_groups(report: Report) -> list[Measure]:
    """Return the charts of a report."""
    plan = report.plan
    moments, healing = (np.array(steps, np.float64) for steps in (plan.moments, plan.healing))
    waves = 1 / np.sqrt(measures.BANDS[1:] * measures.BANDS[:-1])
    long, last = "steps since the seed", f"step {plan.steps[-1]:,}"
    groups = [
        _group(
            report, "Loss", "How far the pictures are from the target. Lines are medians of all rollouts, bands reach "
            "from their lower to their upper quartile.",
            lambda c: (moments, c.loss), None, long, "loss",
        ),
        _group(
            report, "Healing", f"The loss after a disc half as wide as the grid was erased at {last}.",
            lambda c: (healing, c.healing), None, "steps since the hole", "loss", log_x=False,
        ),
        _group(
            report, "Drift", "How far the parts of the picture move in a step. Textures that stand still are at 0.",
            lambda c: (moments, c.moves), None, long, "cells a step", log_y=False,
        ),
        _group(
            report, "Size of the structure", "The correlation length: the distance at which cells no longer look alike "
            "(to 1/e). Above the dashed line structures are larger than the target's.",
            lambda c: (moments, c.length), (moments, np.full(len(moments), report.target_length)), long, "cells",
            log_y=False,
        ),
        _group(
            report, "Power spectrum", f"How much detail there is of each size, at {last}; fine on the left.",
            lambda c: (waves, c.spectrum), (waves, report.target_spectrum), "cells a wave", "power",
        ),
    ]  # fmt: skip
    curves = [(n, subject) for n, subject in enumerate(report.subjects) if subject.curve]
    return groups + ([_training(curves)] if curves else [])


def report_json(report: Report) -> dict[str, Any]:
    """Return all numbers of a report: what was measured, and the figures of its table."""
    found: dict[str, Any] = as_json(report)
    found["plan"] |= {"moments": report.plan.moments, "healing": report.plan.healing}
    for subject, shown in zip(report.subjects, found["subjects"], strict=True):
        for course, one in zip(subject.courses, shown["courses"], strict=True):
            values = {figure.key: figure.value(report, subject, course) for figure in figures(report.plan)}
            one["figures"] = {key: as_json(float(value)) for key, value in values.items()}
    return found


def _loss_at(plan: Plan, step: int) -> Figure:
    at = plan.moments.index(step)
    return Figure(
        f"loss_{step}", f"loss at {step:,}", lambda r, s, c: _middle(c.loss[:, at]), lambda r: r.target_loss, ratio=True
    )


def _group(
    report: Report, title: str, about: str, values: Callable[[Course], tuple[F64, F64]],
    target: tuple[F64, F64] | None, x_label: str, unit: str, log_x: bool = True, log_y: bool = True,
) -> Measure:  # fmt: skip
    charts = {}
    for kernel in report.plan.kernels:
        lines = [Line("target", *target, number=None)] if target else []
        for n, subject in enumerate(report.subjects):
            for course in subject.courses:
                if course.kernel == kernel:
                    x, each = values(course)
                    low, middle, high = _quartiles(each)
                    lines.append(Line(subject.name, x, middle, low, high, n))
        charts[kernel] = Chart(lines, x_label, unit, log_x, log_y)
    return Measure(title, about, _alike(charts))


def _alike(charts: dict[str, Chart]) -> dict[str, Chart]:
    limits = shared_limits([*charts.values()])
    return {name: Chart(c.lines, c.x_label, c.unit, c.log_x, c.log_y, limits) for name, c in charts.items()}


def _training(curves: Sequence[tuple[int, Subject]]) -> Measure:
    """Return the losses of the trainings: medians over a fiftieth of each."""
    lines = []
    for n, subject in curves:
        losses = np.array(subject.curve, np.float64)
        parts = np.array_split(np.arange(len(losses)), min(50, len(losses)))
        low, middle, high = np.transpose([_quartiles(losses[part, None])[:, 0] for part in parts])
        lines.append(Line(subject.name, np.array([part.mean() + 1 for part in parts]), middle, low, high, n))
    about = "The loss of each iteration, in its own training: medians and quartiles of a fiftieth of it."
    return Measure("Training", about, _alike({"": Chart(lines, "iteration", "loss", log_x=False)}))


def _quartiles(values: F64) -> F64:
    """Return the lower quartile, the median and the upper quartile of each column: (3, columns)."""
    found: F64 = np.full((3, values.shape[1]), np.nan)
    known = np.isfinite(values).all(0)
    found[:, known] = np.percentile(values[:, known], (25, 50, 75), axis=0)
    return found


def _middle(values: F64) -> float:
    return float(_quartiles(values[:, None])[1, 0])
