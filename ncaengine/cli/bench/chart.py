"""A chart with two logarithmic axes, its lines named where they end, as a Pillow image in the style of sheets."""

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise

import numpy as np
from PIL import Image, ImageDraw

from ncaengine.io.contact_sheets import BACK, COLOURS, DIM, INK, LINE, SMOOTH, Axis, cut, stroke, typeface

CHART, BOX = (960, 620), (84, 76, 740, 508)
"""Sides, and the edges between which the lines lie: left, top, right, bottom; the names stand at the right."""
APART = 20
"""Pixels between two names, at least."""
Line = Mapping[float, float]


def loglog(
    series: Mapping[str, Line], title: str, along: str, upward: str, ticks: Mapping[float, str], note: str = ""
) -> Image.Image:
    """Lines through points, at least one, all numbers above 0: 960x620 pixels.

    along, upward: what the axes are. ticks: where the lower one is labelled, and how. note: a line below it all.
    """
    lines = [sorted(line.items()) for line in series.values()]
    x, y = (np.array([point[k] for line in lines for point in line]) for k in (0, 1))
    across, up = (
        Axis(BOX[0], BOX[2], float(x.min()) / 1.15, float(x.max()) * 1.05, log=True),
        Axis(BOX[3], BOX[1], float(y.min()) / 1.3, float(y.max()) * 1.3, log=True),
    )
    drawing = Image.new("RGB", (CHART[0] * SMOOTH, CHART[1] * SMOOTH), BACK)
    pen = ImageDraw.Draw(drawing)
    for value in up.ticks():
        height = float(up.place(value))
        stroke(pen, np.array([BOX[0], BOX[2]]), np.array([height, height]), LINE, 1)
    for value in ticks:
        place = float(across.place(value))
        stroke(pen, np.array([place, place]), np.array([BOX[1], BOX[3]]), LINE, 1)
    ends = []
    for line, colour in zip(lines, cycle(COLOURS), strict=False):
        places = across.place([p[0] for p in line]), up.place([p[1] for p in line])
        stroke(pen, *places, colour, 2.4)
        for a, b in zip(*places, strict=True):
            pen.circle((a * SMOOTH, b * SMOOTH), 4 * SMOOTH, colour)
        ends.append((float(places[0][-1]), float(places[1][-1])))
    heights = apart([end[1] for end in ends], BOX[1], BOX[3])
    for end, height, colour in zip(ends, heights, cycle(COLOURS), strict=False):
        stroke(pen, np.array([end[0] + 9, BOX[2] + 20]), np.array([end[1], height]), colour, 0.8)
    page = drawing.resize(CHART, Image.Resampling.LANCZOS)
    _write(page, across, up, title, along, upward, ticks)
    _name(page, list(series), heights)
    small = typeface(13)
    ImageDraw.Draw(page).text((BOX[0], CHART[1] - 18), cut(note, small, CHART[0] - BOX[0] - 24), DIM, small, "ls")
    return page


def apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Heights as near to those wanted as may be, APART from each other and from low to high, if there is room."""
    order = np.argsort(wanted, kind="stable")
    heights = np.array(wanted, np.float64)
    for _ in range(500):  # neighbours that are too close push each other away
        for a, b in pairwise(order):
            missing = APART - (heights[b] - heights[a])
            if missing > 0:
                heights[a] -= missing / 2
                heights[b] += missing / 2
        heights += max(low - heights[order[0]], 0.0) - max(heights[order[-1]] - high, 0.0)
    found: list[float] = heights.tolist()
    return found


def _write(
    page: Image.Image, across: Axis, up: Axis, title: str, along: str, upward: str, ticks: Mapping[float, str]
) -> None:
    pen, small, big = ImageDraw.Draw(page), typeface(14), typeface(21)
    pen.text((BOX[0], 36), cut(title, big, CHART[0] - BOX[0] - 24), INK, big, anchor="ls")
    pen.text((BOX[0], BOX[1] - 14), upward, DIM, small, anchor="ls")
    for value in up.ticks():
        pen.text((BOX[0] - 12, float(up.place(value))), f"{value:,.6g}", DIM, small, anchor="rm")
    ends = [0.0, 0.0]  # of the two rows of labels; one that finds room in neither is left out
    for value, text in sorted(ticks.items()):
        place, half = float(across.place(value)), small.getlength(text) / 2
        row = next((row for row, end in enumerate(ends) if place - half > end), None)
        if row is not None:
            pen.text((place, BOX[3] + 20 + 18 * row), text, DIM, small, anchor="ms")
            ends[row] = place + half + 8
    pen.text(((BOX[0] + BOX[2]) / 2, BOX[3] + 64), along, DIM, small, anchor="ms")


def _name(page: Image.Image, names: Sequence[str], heights: Sequence[float]) -> None:
    pen, font, left = ImageDraw.Draw(page), typeface(15), BOX[2] + 26
    for name, height, colour in zip(names, heights, cycle(COLOURS), strict=False):
        pen.text((left, height), cut(name, font, CHART[0] - left - 12), colour, font, anchor="lm")
