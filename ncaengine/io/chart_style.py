"""What all charts share: their colours and sizes, and matplotlib without pyplot, so that nothing global changes."""

import warnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ncaengine.io.contact_sheets import BACK, DIM

DPI = 100
"""Pixels per inch: matplotlib measures pictures in inches, and letters in points of 1/72 inch."""
COLOURS = ("#6fc3a6", "#e0b05c", "#7fa8e8", "#e5645c", "#ba8ee0", "#5fc4d6", "#d890b8", "#a8b866")
"""Of lines, on dark ground."""
GRID = "#2a2c31"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def points(pixels: float) -> float:
    """Return the size of letters in matplotlib's unit."""
    return pixels * 72 / DPI


def empty_axes(size: tuple[int, int], left: int, right: int, top: int, bottom: int, grid: str = "both") -> Axes:
    """Return axes on a dark picture of `size` pixels, with so many pixels free around them.

    grid: which axis has lines: x, y or both.
    """
    width, height = size
    figure = Figure((width / DPI, height / DPI), DPI, facecolor=BACK)
    inside = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(inside, facecolor=BACK)
    axes.tick_params(which="both", length=0, pad=8, colors=DIM, labelsize=points(14))
    axes.spines[:].set_visible(False)
    axes.grid(axis=grid, color=GRID)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    return axes


def number(value: float, _: object = None) -> str:
    """Return a number beside an axis: 0.001, 20,000, or 5×10⁷."""
    digits, _, power = f"{value:,.6g}".partition("e")
    if not power:
        return digits
    return f"{digits}×10".removeprefix("1×") + str(int(power)).translate(RAISED)


def as_picture(axes: Axes) -> Image.Image:
    """Draw the figure."""
    canvas = FigureCanvasAgg(axes.figure.figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # shown as a box
        canvas.draw()  # type: ignore[no-untyped-call]
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # type: ignore[no-untyped-call]
