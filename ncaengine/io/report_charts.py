"""Charts of a report: lines with bands around them, as SVG whose colours follow a page's theme, or as pictures."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

from ncaengine.core.types import F64
from ncaengine.io.chart_style import COLOURS, DPI, GRID, as_picture, empty_axes, number, points
from ncaengine.io.contact_sheets import BACK, DIM, INK

WIDTH, HEIGHT = 520, 300
"""Of a chart, in pixels of a page."""
LEFT, RIGHT, TOP, BOTTOM = 62, 30, 14, 50
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
"""Of the first eight lines, of the next eight, and of those that follow."""
# The colours of a page, by those on dark ground.
_VARIABLES = {INK: "text", DIM: "dim", GRID: "line", BACK: "card"} | {c: f"line-{n}" for n, c in enumerate(COLOURS)}


@dataclass(frozen=True)
class Line:
    """A line of a chart; where a number is not finite it has a gap."""

    name: str
    x: F64
    y: F64
    low: F64 | None = None
    """The lower edge of the band around it."""
    high: F64 | None = None
    number: int | None = 0
    """Which colour it has, from 0; None is the target's dashed one."""


@dataclass(frozen=True)
class Chart:
    """What a chart shows."""

    lines: Sequence[Line]
    x_label: str
    unit: str
    """What y is; a page writes it above the chart."""
    log_x: bool = True
    log_y: bool = True
    """Both take logarithmic axes only where all numbers are above 0."""
    limits: tuple[float, float] | None = field(default=None)
    """The range of y; see `shared_limits`."""


def shared_limits(charts: Sequence[Chart]) -> tuple[float, float] | None:
    """Return a range of y that shows all lines of several charts, with their bands; None if there is nothing to show.

    On a linear axis it begins at 0.
    """
    found = [part[np.isfinite(part)] for chart in charts for line in chart.lines for part in _heights(line)]
    values = np.concatenate(found) if found else np.empty(0)
    if not values.size:
        return None
    low, high = float(values.min()), float(values.max())
    if charts[0].log_y and low > 0:
        room = max((high / low) ** 0.06, 1.05)
        return low / room, high * room
    return min(low, 0.0), high + 0.06 * (high - min(low, 0.0)) or 1.0


def svg(chart: Chart) -> str:
    """Return a chart as an SVG element for a page: its colours are CSS variables, its letters the page's own."""
    file = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": repr(chart.limits)}):
        FigureCanvasSVG(_axes(chart).figure.figure).print_svg(file, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    text = file.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def picture(chart: Chart, width: int) -> Image.Image:
    """Draw a chart on dark ground, `width` pixels wide."""
    axes = _axes(chart)
    axes.figure.set_dpi(DPI * width / WIDTH)
    return as_picture(axes)


def colour(number: int) -> str:
    """Return the colour of a line on dark ground."""
    return COLOURS[number % len(COLOURS)]


def dashes(number: int) -> int:
    """Return which of DASHES a line has."""
    return min(number // len(COLOURS), len(DASHES) - 1)


def _axes(chart: Chart) -> Axes:
    axes = empty_axes((WIDTH, HEIGHT), LEFT, RIGHT, TOP, BOTTOM)
    axes.tick_params(which="both", pad=7, labelsize=points(13))
    axes.set_xlabel(chart.x_label, color=DIM, size=points(13), labelpad=6, parse_math=False)
    for line in chart.lines:
        _draw(axes, line)
    _scale(axes, chart)
    return axes


def _draw(axes: Axes, line: Line) -> None:
    known = np.isfinite(line.y)
    x, n = line.x[known], line.number
    shade = INK if n is None else colour(n)
    dash = (0, (4, 3)) if n is None else DASHES[dashes(n)]
    if line.low is not None and line.high is not None:
        axes.fill_between(x, line.low[known], line.high[known], color=shade, alpha=0.2, linewidth=0)
    axes.plot(
        x, line.y[known], color=shade, linewidth=1.2 if n is None else 1.9, linestyle=dash,
        marker="o" if len(x) == 1 else "", markersize=5, solid_capstyle="round", clip_on=False,
    )  # fmt: skip


def _scale(axes: Axes, chart: Chart) -> None:
    """Set the axes' ranges, scales and numbers."""
    across = np.concatenate([line.x[np.isfinite(line.y)] for line in chart.lines] or [np.empty(0)])
    if chart.log_x and across.size and across.min() > 0:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if across.max() > 40 * across.min() else (1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    if across.size and across.min() < across.max():
        axes.set_xlim(float(across.min()), float(across.max()))
    if chart.limits:
        low, high = chart.limits
        axes.set_ylim(low, high)
        if chart.log_y and low > 0:
            axes.set_yscale("log")
            subs = range(1, 10) if high < low * 4 else (1, 2, 5) if high < low * 300 else (1,)
            axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
            axes.yaxis.set_minor_locator(LogLocator(subs=()))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_ylim(low, high)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(5))
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing to show", color=DIM, ha="center", va="center", transform=axes.transAxes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(number))


def _heights(line: Line) -> list[F64]:
    return [part for part in (line.y, line.low, line.high) if part is not None]
