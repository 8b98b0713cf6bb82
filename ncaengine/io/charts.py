"""Line charts as pictures: the losses of a training, and the benchmark's times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle, pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image, ImageFont

from ncaengine.core.types import F64
from ncaengine.io.chart_style import COLOURS, GRID, as_picture, empty_axes, number, points
from ncaengine.io.contact_sheets import DIM, INK, shorten
from ncaengine.io.fonts import font_file, typeface

FONT = "DejaVu Sans"
"""matplotlib brings it."""
FONT_FILE = str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf"))
LEFT, TOP, BOTTOM = 84, 88, 68
"""Pixels between the picture's edges and the lines."""
RIGHT, LEAST_WITH_NAMES, MOST_WITH_NAMES = 40, 190, 360
"""Pixels to the right of the lines: without names, and with names at the lines' ends."""
NAME_GAP, EDGE = 24, 16
"""Pixels between the lines and their names, and between the names and the picture's edge."""
LABEL_GAP = 22
"""The least distance between the names of two lines, in pixels."""
Ends = Mapping[str, tuple[float, float, str]]
"""Where each line ends, and its colour: name to (x, y, colour)."""


def loss_chart(series: Mapping[str, Sequence[float]], title: str = "", log: bool = True) -> Image.Image:
    """Draw losses by iteration, counted from 1, on 960x480 pixels: thin as they are, bold their running median.

    series: the losses by name; two or more get their names at the ends of their lines.
    log: use a logarithmic axis, if all losses are above 0.

    Losses that are not finite break the thin line; the median, over a twentieth of the losses, skips them.
    """
    lines = [np.asarray(losses, np.float64).reshape(-1) for losses in series.values()]
    finite = np.concatenate([line[np.isfinite(line)] for line in lines] or [np.empty(0)])
    named = len(series) > 1
    axes = _axes((960, 480), _right(series) if named else RIGHT, BOTTOM)
    _write(axes, title, "iteration", "loss")
    axes.set_xlim(0, max([1, *(line.size for line in lines)]))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    for line, colour in zip(lines, cycle(COLOURS), strict=False):
        known = np.where(np.isfinite(line), line, np.nan)
        axes.plot(np.arange(1, line.size + 1), known, color=colour, alpha=0.38, linewidth=0.8)
    ends = {}
    for (name, line), (colour, style) in zip(zip(series, lines, strict=True), _styles(), strict=False):
        x, y = _running_median(line)
        axes.plot(x, y, style, color=colour, marker="o" if x.size == 1 else "", clip_on=False)
        if named and x.size:
            ends[name] = (float(x[-1]), float(y[-1]), colour)
    if log and finite.size and finite.min() > 0:
        _make_log(axes)
    if not finite.size:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing to show yet", color=DIM, ha="center", va="center", transform=axes.transAxes)
    _name_lines(axes, ends)
    return as_picture(axes)


def log_log_chart(
    series: Mapping[str, Mapping[float, float]],
    title: str,
    x_label: str,
    y_label: str,
    ticks: Mapping[float, str],
    note: str = "",
) -> Image.Image:
    """Draw lines through points on two logarithmic axes, on 960x620 pixels, with names at the lines' ends.

    series: each line's points, x to y, by its name; at least one point in all, and every number above 0.
    ticks: where the x axis is labelled, and how.
    note: a line of small text below the chart.
    """
    axes = _axes((960, 620), _right(series), BOTTOM + 56)
    _write(axes, title, x_label, y_label, note)
    axes.set_xscale("log")
    axes.grid(axis="x", color=GRID)
    ends = {}
    for (name, places), (colour, style) in zip(series.items(), _styles(), strict=False):
        line = sorted(places.items())
        axes.plot([x for x, _ in line], [y for _, y in line], style, color=colour, marker="o", markersize=5.5)
        ends[name] = (*line[-1], colour)
    _make_log(axes)
    _label_x(axes, ticks)
    _name_lines(axes, ends)
    return as_picture(axes)


def spread_labels(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Return heights near those wanted, LABEL_GAP apart and from low to high, if there is room."""
    order = np.argsort(wanted, kind="stable")
    heights = np.array(wanted, np.float64)
    for _ in range(500):  # neighbours that are too close push each other away
        for a, b in pairwise(order):
            missing = LABEL_GAP - (heights[b] - heights[a])
            if missing > 0:
                heights[a] -= missing / 2
                heights[b] += missing / 2
        heights = heights.clip(low, high)
    found: list[float] = heights.tolist()
    return found


def _right(names: Iterable[str]) -> int:
    """Return how many pixels the names at the lines' ends take."""
    longest = max((_font(name, 15).getlength(name) for name in names), default=0)
    return round(min(max(NAME_GAP + longest + EDGE, LEAST_WITH_NAMES), MOST_WITH_NAMES))


def _styles() -> Iterator[tuple[str, str]]:
    """Yield colours and dashes, so that no two lines are alike."""
    return ((colour, style) for style in cycle(("-", "--", ":")) for colour in COLOURS)


def _axes(size: tuple[int, int], right: int, bottom: int) -> Axes:
    """Return empty axes on a dark picture of `size` pixels, with so many pixels free to the right and below."""
    axes = empty_axes(size, LEFT, right, TOP, bottom, grid="y")
    axes.margins(x=0.03, y=0.07)
    axes.tick_params(which="both", labelfontfamily=FONT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(number))
    return axes


def _make_log(axes: Axes) -> None:
    """Give the y axis a logarithmic scale, labelled at 1, 2, 5, 10, … or, over many decades, at powers of ten."""
    low, high = axes.dataLim.intervaly
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < low * 1e3 else (1,), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(number))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _write(axes: Axes, title: str, x_label: str, y_label: str, note: str = "") -> None:
    """Write the title, the axes' names and a note, each in one line that ends in "…" if it is too long."""
    figure, box = axes.figure, axes.bbox
    room = figure.bbox.width - LEFT - RIGHT
    for x, y, text, colour, size, align in (
        (LEFT, figure.bbox.height - 42, title, INK, 21, "left"),
        (LEFT, box.y1 + 16, y_label, DIM, 14, "left"),
        ((box.x0 + box.x1) / 2, 18 + 36 * bool(note), x_label, DIM, 14, "center"),
        (LEFT, 18, note, DIM, 13, "left"),
    ):
        line, place = shorten(text, _font(text, size), room), (x / figure.bbox.width, y / figure.bbox.height)
        figure.text(*place, line, color=colour, font=_letters(text, size), ha=align, parse_math=False)


def _label_x(axes: Axes, ticks: Mapping[float, str]) -> None:
    """Label the x axis in two rows; a label that finds room in neither is left out."""
    axes.autoscale_view()
    labels, ends = [], [0.0, 0.0]  # how far the labels of each row reach
    for value, text in sorted(ticks.items()):
        place, half = float(axes.transData.transform((value, 1))[0]), _font(text, 14).getlength(text) / 2
        row = next((row for row, end in enumerate(ends) if place - half > end), None)
        labels.append("" if row is None else "\n" * row + text)
        if row is not None:
            ends[row] = place + half + 8
    axes.set_xticks(sorted(ticks), labels)
    axes.set_xticks([], minor=True)


def _name_lines(axes: Axes, ends: Ends) -> None:
    """Write each line's name to the right of its end, with a thin line between the two."""
    if not ends:
        return
    axes.autoscale_view()
    places = [axes.transData.transform((x, y)) for x, y, _ in ends.values()]
    heights = spread_labels([float(y) for _, y in places], axes.bbox.y0, axes.bbox.y1)
    left = axes.bbox.x1 + NAME_GAP
    room = axes.figure.bbox.width - left - EDGE
    for (name, (x, y, colour)), height in zip(ends.items(), heights, strict=True):
        line = {
            "arrowstyle": "-", "color": colour, "linewidth": 0.7, "linestyle": (0, (2, 2)), "relpos": (0, 0.5),
            "shrinkA": 4, "shrinkB": 5,
        }  # fmt: skip
        axes.annotate(
            shorten(name, _font(name, 15), room), (x, y), (left, height), textcoords="figure pixels", color=colour,
            font=_letters(name, 15), va="center", parse_math=False, annotation_clip=False, arrowprops=line,
        )  # fmt: skip


def _font(text: str, size: int) -> ImageFont.FreeTypeFont:
    """Return the letters of a text, `size` pixels high, to measure it with."""
    return typeface(size, text, FONT_FILE)


def _letters(text: str, size: int) -> FontProperties:
    """Return the same letters for matplotlib."""
    return FontProperties(fname=font_file(text, FONT_FILE), size=points(size))


def _running_median(line: F64) -> tuple[F64, F64]:
    """Return iterations and the median of the finite numbers around each; at most 400 of them."""
    at = np.flatnonzero(np.isfinite(line))
    half = at.size // 40
    chosen = np.unique(np.linspace(0, at.size - 1, 400).astype(int)) if at.size else at
    medians = [np.median(line[at[max(k - half, 0) : k + half + 1]]) for k in chosen]
    return np.asarray(at[chosen] + 1, np.float64), np.asarray(medians, np.float64)
