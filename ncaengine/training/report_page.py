"""A report as one page of HTML, which loads nothing else and follows the reader's light or dark theme."""

import base64
import html
import io
import math
from collections.abc import Iterator
from string import Template

from PIL import Image

from ncaengine._version import __version__
from ncaengine.core import resources
from ncaengine.core.looks import quantise
from ncaengine.core.texts import plural
from ncaengine.core.types import U8
from ncaengine.io import report_charts
from ncaengine.io.chart_style import COLOURS
from ncaengine.io.contact_sheets import frame_target
from ncaengine.training.appraisal import Course, Report, Subject
from ncaengine.training.report_figures import Figure, Measure, best, chart_groups, figures, number

WIDEST = 208
"""How wide a picture is on the page, in its pixels, at most; smaller grids are enlarged by a whole number."""


def report_page(report: Report) -> str:
    """Return the text of a report's page."""
    template = Template((resources.folder("assets") / "report" / "report.html").read_text("utf-8"))
    return template.substitute(
        title=html.escape(title(report)),
        lead=html.escape(lead(report)),
        key="".join(_key(report)),
        width=f"{max(1, WIDEST // report.plan.size[0]) * report.plan.size[0]}px",
        columns=len(report.plan.steps) + 3,
        across=len(report.plan.kernels),
        body="\n".join([*_pictures(report), *_table(report)]),
        measures="\n".join(_charts(group) for group in chart_groups(report)),
        footer=html.escape(f"Made by ncaengine {__version__}. Steps were made by {report.device}."),
    )


def title(report: Report) -> str:
    """Return the heading of a report."""
    names = [subject.name for subject in report.subjects]
    shown = names[0] if len(names) == 1 else " and ".join(names) if len(names) == 2 else f"{len(names)} models"
    return f"{shown} against {report.target}"


def lead(report: Report) -> str:
    """Return in two sentences what was measured."""
    plan = report.plan
    rollouts, kernels = plural(plan.rollouts, "rollout"), " and ".join(plan.kernels)
    return (
        f"{rollouts} of {plan.size[0]}x{plan.size[1]} cells to step {plan.steps[-1]:,}, on {kernels}. "
        f"{report.loss.capitalize()} loss; features: {', '.join(report.features)}."
    )


def _key(report: Report) -> Iterator[str]:
    yield '<span><i class="target"></i>target</span>'
    for n, subject in enumerate(report.subjects):
        yield f"<span>{_named(n, subject)}</span>"


def _named(number: int, subject: Subject) -> str:
    """Return a piece of a model's line, and its name, which may go on in another line after each "_"."""
    dashes, name = report_charts.dashes(number), html.escape(subject.name).replace("_", "_<wbr>")
    return f'<i class="dashes-{dashes}" style="--shade: var(--line-{number % len(COLOURS)})"></i><bdi>{name}</bdi>'


def _pictures(report: Report) -> Iterator[str]:
    """Yield the pictures: a table for each kernel, a row for each model, with the target beside them."""
    plan = report.plan
    target = frame_target(quantise(report.picture), plan.size, 1)
    heads = ["target", *(f"step {step:,}" for step in plan.steps), "hole", f"{plan.heal:,} steps later"]
    yield "<section><h2>Pictures</h2>"
    for kernel in plan.kernels:
        shown = list(on_kernel(report, kernel))
        if not shown:
            continue
        rows = ["<tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr></thead><tbody>"]
        for k, (n, subject, course) in enumerate(shown):
            name = f'<span class="swatch">{_named(n, subject)}</span>'
            rows.append(f'<tr>{"" if k else "<th></th>"}<th class="name" colspan="{len(heads) - 1}">{name}</th></tr>')
            first = f'<td class="target" rowspan="{2 * len(shown) - 1}">{_image(target, "target")}</td>'
            cells = zip(course.pictures, heads[1:], strict=True)
            rows.append(f"<tr>{'' if k else first}{''.join(f'<td>{_image(*cell)}</td>' for cell in cells)}</tr>")
        yield (
            f'<h3>{html.escape(kernel)}</h3><div class="card"><table class="pictures"><thead>{"".join(rows)}'
            "</tbody></table></div>"
        )
    yield "</section>"


def on_kernel(report: Report, kernel: str) -> Iterator[tuple[int, Subject, Course]]:
    """Yield the models that were run on a kernel, with their numbers."""
    for n, subject in enumerate(report.subjects):
        for course in subject.courses:
            if course.kernel == kernel:
                yield n, subject, course


def _image(picture: U8, alt: str) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "webp", lossless=True)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/webp;base64,{data}">'


def _table(report: Report) -> Iterator[str]:
    columns = figures(report.plan)
    heads = "".join(f"<th>{html.escape(column.title)}</th>" for column in columns)
    yield (
        '<section><h2>Figures</h2><p class="about">Medians of the rollouts. The best of each column is marked; small '
        "figures compare with the first model. Lengths are in cells, changes are of colours from 0 to 1 in "
        'eight steps.</p><div class="card"><table class="figures">'
        f"<thead><tr><th></th>{heads}</tr></thead>"
    )
    own = "".join(f"<td>{number(column.target(report))}</td>" for column in columns)
    yield f'<tbody class="target"><tr><th>target</th>{own}</tr></tbody>'
    for kernel in report.plan.kernels:
        shown = list(on_kernel(report, kernel))
        cells = [list(_column(report, column, shown)) for column in columns]
        rows = [
            f'<tr><th><span class="swatch">{_named(n, subject)}</span></th>'
            f"{''.join(column[k] for column in cells)}</tr>"
            for k, (n, subject, _) in enumerate(shown)
        ]
        name = f'<tr><th class="dim" colspan="{len(columns) + 1}">{html.escape(kernel)}</th></tr>'
        yield f"<tbody>{name}{''.join(rows)}</tbody>"
    yield "</table></div></section>"


def _column(report: Report, figure: Figure, shown: list[tuple[int, Subject, Course]]) -> Iterator[str]:
    values = [figure.value(report, subject, course) for _, subject, course in shown]
    winners = best(figure, values, figure.target(report))
    for k, value in enumerate(values):
        compares = figure.ratio and k and values[0] and math.isfinite(value / values[0])
        ratio = f"<small>×{value / values[0]:.2f}</small>" if compares else ""
        marked = ' class="best"' if k in winners else ""
        yield f"<td{marked}>{number(value)}{ratio}</td>"


def _caption(kernel: str, unit: str) -> str:
    return f"<b>{html.escape(kernel)}</b> {html.escape(unit)}"


def _charts(group: Measure) -> str:
    charts = "".join(
        f'<figure class="card"><figcaption>{_caption(name, chart.unit)}</figcaption>{report_charts.svg(chart)}</figure>'
        for name, chart in group.charts.items()
    )
    return (
        f'<section><h2>{html.escape(group.title)}</h2><p class="about">{html.escape(group.about)}</p>'
        f'<div class="charts">{charts}</div></section>'
    )
