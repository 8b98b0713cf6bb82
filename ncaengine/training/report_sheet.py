"""A report as one picture: the same as its page, on dark ground."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ncaengine.core.looks import quantise
from ncaengine.core.types import U8
from ncaengine.io import report_charts
from ncaengine.io.contact_sheets import BACK, DIM, INK, Tile, contact_sheet, frame_target, shorten
from ncaengine.io.fonts import typeface
from ncaengine.training.appraisal import Report
from ncaengine.training.report_figures import Measure, best, chart_groups, figures, number
from ncaengine.training.report_page import lead, on_kernel, title

TILE, MARGIN, LETTERS = 256, 38, 18
"""Pixels: the least side of a picture's tile, the page's margin, and the height of letters."""
NARROWEST = 1400
"""The least width of the page."""


def report_sheet(report: Report) -> Image.Image:
    """Draw a report. Raises NCAError if it would have too many pixels."""
    pictures = _pictures(report)
    width = max(pictures.width, NARROWEST)
    parts = [pictures, _table(report, width), *_charts(report, width)]
    page = Image.new("RGB", (width, sum(part.height for part in parts) + MARGIN), BACK)
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def _pictures(report: Report) -> Image.Image:
    """Draw a row of pictures for each model and kernel: the target, then what grew."""
    plan, rows, headings = report.plan, [], []
    target = frame_target(quantise(report.picture), plan.size, 1)
    names = [*(f"step {step:,}" for step in plan.steps), "hole", f"{plan.heal:,} steps later"]
    for kernel in plan.kernels:
        for _, subject, course in on_kernel(report, kernel):
            tiles = [Tile(_enlarged(target, plan.size[0]), "target")]
            tiles += [
                Tile(_enlarged(shown, plan.size[0]), name) for shown, name in zip(course.pictures, names, strict=True)
            ]
            rows.append(tiles)
            headings.append(f"{subject.name}, {kernel}")
    return contact_sheet(rows, title(report), headings)


def _enlarged(picture: U8, cells: int) -> U8:
    """Return a picture of a grid so many cells wide, enlarged to a whole number of pixels per cell, about TILE wide."""
    width = cells * max(1, round(TILE / cells))
    height = round(picture.shape[0] * width / picture.shape[1])
    how = Image.Resampling.LANCZOS if width % picture.shape[1] else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((width, height), how))


def _table(report: Report, width: int) -> Image.Image:
    """Draw the figures; the best of each column on each kernel in the colour of its model."""
    columns, rows = figures(report.plan), list(_rows(report))
    page = Image.new("RGB", (width, MARGIN + int(2 * LETTERS * (len(rows) + 3.1))), BACK)
    font, small = typeface(LETTERS, "".join(name for name, *_ in rows)), typeface(LETTERS - 3)
    pen = ImageDraw.Draw(page)
    first = width // 4
    each = (width - 2 * MARGIN - first) / len(columns)
    y = MARGIN + 3 * LETTERS
    pen.text((MARGIN, MARGIN), shorten(lead(report), font, width - 2 * MARGIN), DIM, font, anchor="ls")
    for k, column in enumerate(columns):
        for up, line in enumerate(reversed(_lines(column.title, small, each - 8))):
            pen.text((MARGIN + first + (k + 1) * each, y - up * LETTERS), line, DIM, small, anchor="rs")
    for name, tail, shade, values, marked in rows:
        y += 2 * LETTERS
        room = first - LETTERS - font.getlength(tail)
        pen.text((MARGIN, y), shorten(name, font, room) + tail, shade, font, anchor="ls")
        for k, value in enumerate(values):
            ink = shade if k in marked else INK
            pen.text((MARGIN + first + (k + 1) * each, y), value, ink, font, anchor="rs")
    return page


def _lines(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Return a text in lines that fit a width, as far as its words do."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [shorten(line, font, width) for line in lines]


def _rows(report: Report) -> Iterator[tuple[str, str, str, list[str], set[int]]]:
    """Yield the table's rows: name, what always follows it, colour, numbers, and which of them are best."""
    columns = figures(report.plan)
    yield "target", "", DIM, [number(column.target(report)) for column in columns], set()
    for kernel in report.plan.kernels:
        shown = list(on_kernel(report, kernel))
        values = [[column.value(report, s, c) for column in columns] for _, s, c in shown]
        of_columns = zip(columns, zip(*values, strict=True), strict=False)
        winners = [best(column, each, column.target(report)) for column, each in of_columns]
        for row, (n, subject, _) in enumerate(shown):
            marked = {k for k, rows in enumerate(winners) if row in rows}
            yield subject.name, f", {kernel}", report_charts.colour(n), [*map(number, values[row])], marked


@dataclass(frozen=True)
class _Panel:
    """A chart, with what is written above it."""

    title: str
    note: str
    caption: str
    picture: Image.Image


def _charts(report: Report, width: int) -> Iterator[Image.Image]:
    """Yield strips of charts side by side: those of one thing that is measured, or of several if there is room."""
    across = max(len(report.plan.kernels), 2)
    each = (width - MARGIN * (across + 1)) // across
    strips: list[list[_Panel]] = []
    for group in chart_groups(report):
        panels = list(_panels(group, each))
        if strips and len(strips[-1]) + len(panels) <= across:
            strips[-1] += panels
        else:
            strips.append(panels)
    for panels in strips:
        yield _strip(panels, width, each)


def _panels(group: Measure, width: int) -> Iterator[_Panel]:
    """Yield the charts of one thing; the first has the title."""
    title = group.title
    dashed = any(line.number is None for chart in group.charts.values() for line in chart.lines)
    for name, chart in group.charts.items():
        note = "dashed: the target" if dashed and title else ""
        yield _Panel(title, note, f"{name}, {chart.unit}".lstrip(", "), report_charts.picture(chart, width))
        title = ""


def _strip(panels: list[_Panel], width: int, each: int) -> Image.Image:
    font, head = typeface(LETTERS), typeface(LETTERS + 6)
    top = MARGIN + 4 * LETTERS
    strip = Image.new("RGB", (width, top + panels[0].picture.height), BACK)
    pen = ImageDraw.Draw(strip)
    for k, panel in enumerate(panels):
        left, line, below = MARGIN + k * (each + MARGIN), MARGIN + LETTERS, top - LETTERS // 2
        pen.text((left, line), panel.title, INK, head, anchor="ls")
        pen.text((left + each, line), panel.note, DIM, font, anchor="rs")
        pen.text((left, below), shorten(panel.caption, font, each), DIM, font, anchor="ls")
        strip.paste(panel.picture, (left, top))
    return strip
