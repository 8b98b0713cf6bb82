"""A section of the side bar: the cell under the pointer, traces of pinned cells, and a histogram."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from imgui_bundle import ImVec4, imgui, implot

from ncaengine.core.looks import to_rgb
from ncaengine.core.types import F32, F64
from ncaengine.simulation.grid import Grid
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import display_modes
from ncaengine.viewer.canvas.cell_overlay import CHANNEL_COLOURS, colour_of
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.probe import HUES, Trace, settings_at

PLOT_HEIGHT, COLUMN_GAP = 6.0, 1.0
"""Height of a plot, and the space between two columns of numbers, in em."""
NAME_WIDTHS = 4.8, 3.4
"""Widths of the names in two columns of facts, in em."""
MOST_VALUES = 4
"""Parts into which numbers divide the left axis of a plot."""
BINS = 64
"""Bins of the histogram."""
LEAST_INTERVAL, INTERVAL_FACTOR = 0.2, 20
"""Seconds between two counts of the histogram at least, and this many times as long as a count takes."""
PALE = 0.85
"""Opacity of a cell's values after the pointer left it; they stay readable."""
COLOURS = -1
"""Instead of a channel's number: red, green and blue."""
PLOT_FLAGS = int(implot.Flags_.no_inputs | implot.Flags_.no_legend | implot.Flags_.no_menus)
PLOT_FLAGS |= int(implot.Flags_.no_mouse_text | implot.Flags_.no_title | implot.Flags_.no_box_select)


class ProbePanel:
    """The Cells section, with the plotted channel and the last histogram."""

    def __init__(self) -> None:
        self._channel = COLOURS
        self._histogram = Histogram()

    def show(self, app: App) -> None:
        """Draw the section into the current window."""
        app.probe.prune(app.sim.grids)  # again, because the sections above may have changed them in this frame
        if app.probe.pointed is None:
            _hint("Point at a picture to see the values of its cells.")
        else:
            with widgets.style(variables=[] if app.probe.live else [(imgui.StyleVar_.alpha, PALE)]):
                _cell(app)
        grid = app.grid
        trace = app.probe.trace(grid)
        widgets.vertical_space(0.1)
        _pins(trace)
        self._plot_choice(grid)
        channels = list(range(min(3, grid.model.config.channels))) if self._channel < 0 else [self._channel]
        if trace.cells:
            _traces(trace, channels)
        _histogram(*self._histogram.count(grid, channels), self._channel < 0)

    def _plot_choice(self, grid: Grid) -> None:
        count = grid.model.config.channels
        self._channel = min(self._channel, count - 1)
        items = [(str(COLOURS), "Red, green, blue", "The first three channels, of the last pinned cell.")]
        items += [(str(k), f"Channel {k}", "") for k in range(count)]
        titles = {value: title for value, title, _ in items}
        widgets.row_label("Plot", "Pinned cells over the steps, and how often each value occurs in the whole grid.")
        if picked := widgets.drop_down("##plot", titles[str(self._channel)], items, str(self._channel)):
            self._channel = int(picked)


class Histogram:
    """How often values occur in a grid, counted from time to time."""

    def __init__(self) -> None:
        self._key: tuple[Grid, tuple[int, ...], int] | None = None
        self._due = 0.0
        self._counted: tuple[F64, F64] = np.zeros(0), np.zeros((0, 0))

    def count(self, grid: Grid, channels: list[int]) -> tuple[F64, F64]:
        """Return the middles of the bins, (n,), and the share of cells in each, (channels, n)."""
        key, now = (grid, tuple(channels), grid.changes), time.perf_counter()
        if key != self._key and (now >= self._due or self._key is None or self._key[:2] != key[:2]):
            self._counted, self._key = histogram(grid.state()[..., channels]), key
            self._due = now + max(LEAST_INTERVAL, INTERVAL_FACTOR * (time.perf_counter() - now))
        return self._counted


def histogram(values: F32) -> tuple[F64, F64]:
    """Return the middles of BINS bins, (n,), and the share of cells in each, (channels, n).

    The bins range between multiples of ½ around all values that are finite and within ±1000.

    values: (height, width, channels).
    """
    flat = values.reshape(-1, values.shape[-1])
    valid = flat[(np.abs(flat) < 1000).all(1)]  # False for NaN, too
    low, high = (float(valid.min()), float(valid.max())) if len(valid) else (0.0, 0.0)
    edges = np.linspace(np.floor(2 * low) / 2, max(np.ceil(2 * high), np.floor(2 * low) + 1) / 2, BINS + 1)
    counts = np.array([np.histogram(channel, edges)[0] for channel in valid.T], np.float64)
    return (edges[1:] + edges[:-1]) / 2, counts / max(len(flat), 1)


def _hint(text: str) -> None:
    widgets.text_in(theme.DIM, text, wrapped=True)


def _cell(app: App) -> None:
    """Draw the position, colour, settings and channels of the cell under the pointer."""
    assert app.probe.pointed is not None
    grid, cell = app.probe.pointed
    values = app.probe.values()
    rgb = [*np.nan_to_num(to_rgb(values, grid.model.config.colour)).tolist(), 0.0, 0.0][:3]
    side, start = 2 * imgui.get_text_line_height() + em(0.2), imgui.get_cursor_screen_pos()
    draw, left = imgui.get_window_draw_list(), start.x + side + em(0.7)
    swatch = u32(ImVec4(rgb[0], rgb[1], rgb[2], 1))
    draw.add_rect_filled(start, (start.x + side, start.y + side), swatch, em(0.25))
    colour = "rgb(" + ", ".join(f"{255 * part:.0f}" for part in rgb) + ")"
    index = next((k for k, pane in enumerate(app.panes) if pane.grid is grid), 0)
    place = f"Column {cell[0]}, row {cell[1]}" + (f" of grid {index + 1}" if len(app.panes) > 1 else "")
    draw.add_text((left, start.y), u32(theme.TEXT), place)
    draw.add_text((left, start.y + side - imgui.get_text_line_height()), u32(theme.DIM), colour)
    imgui.dummy((imgui.get_content_region_avail().x, side))
    chance, scale, angle, slot = settings_at(grid, cell)
    _facts(("Fires", f"{100 * chance:.3g} %"), ("Scale", f"{scale:.3g}×"))
    widgets.tooltip("The cell's chance to update in a step, and its scale: the grid's settings multiplied by the maps.")
    _facts(("Alignment", f"{angle:.4g}°"), ("Model", app.name_of(grid.models[slot])))
    widgets.tooltip("The direction of the cell's x axis, clockwise, and the model that it runs.")
    _values(values)


def _half() -> float:
    """Return the width of one of two columns."""
    return (imgui.get_content_region_avail().x - em(COLUMN_GAP)) / 2


def _facts(*facts: tuple[str, str]) -> None:
    """Draw facts side by side."""
    start, width, draw = imgui.get_cursor_screen_pos(), _half(), imgui.get_window_draw_list()
    for index, (name, value) in enumerate(facts):
        x, name_width = start.x + index * (width + em(COLUMN_GAP)), em(NAME_WIDTHS[index])
        draw.add_text((x, start.y), u32(theme.DIM), name)
        draw.add_text((x + name_width, start.y), u32(theme.TEXT), widgets.shorten(value, width - name_width))
    imgui.dummy((imgui.get_content_region_avail().x, imgui.get_text_line_height() - em(0.2)))


def _values(values: F32) -> None:
    """Draw two channels a row: number, bar from the middle, value."""
    draw, start, width = imgui.get_window_draw_list(), imgui.get_cursor_screen_pos(), _half()
    line = imgui.get_text_line_height() + em(0.1)
    half = -(-len(values) // 2)
    for channel, value in enumerate(values.tolist()):
        column, row = divmod(channel, half)
        x, y = start.x + column * (width + em(COLUMN_GAP)), start.y + row * line
        left, right = x + em(1.5), x + width - em(3.1)
        middle = (left + right) / 2
        end = middle + (right - left) / 2 * float(np.tanh(np.nan_to_num(value)))
        ink = _ink(CHANNEL_COLOURS[channel]) if channel < 3 else theme.DIM
        top, bottom = y + 0.2 * line, y + 0.75 * line
        draw.add_text((x, y), u32(theme.FAINT), str(channel))
        draw.add_rect_filled((left, top), (right, bottom), u32(theme.FIELD), em(0.15))
        draw.add_rect_filled((min(middle, end), top), (max(middle, end), bottom), u32(ink))
        draw.add_line_v(middle, top, bottom, u32(theme.FAINT), 1.0)
        text = f"{round(value, 2) + 0.0:+.2f}" if abs(value) < 100 else f"{value:+.1e}"
        text = text.replace("-", "−")
        draw.add_text((x + width - imgui.calc_text_size(text).x, y), u32(theme.TEXT), text)
    imgui.dummy((imgui.get_content_region_avail().x, half * line))


def _pins(trace: Trace) -> None:
    """Draw a button for each pinned cell, which unpins it."""
    key = keymap.key_of(display_modes.toggle_pin)
    if not trace.cells:
        _hint(f"Alt-click cells, or press {key} over them, to plot their values over the steps.")
        return
    width = widgets.equal_width(4)
    for index, (number, (column, row)) in enumerate(sorted(trace.cells.items())):
        if index % 4:
            imgui.same_line()
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.2), em(0.2)))]):
            pressed = imgui.button(f"   {column}, {row}###pin{number}", (width, 0))
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        middle = (low.x + em(0.6), (low.y + high.y) / 2)
        imgui.get_window_draw_list().add_circle_filled(middle, em(0.28), u32(colour_of(HUES[number])))
        widgets.tooltip(f"The cell in column {column}, row {row}. Click to unpin it; {key} over a cell pins that cell.")
        if pressed:
            trace.unpin(number)


def _traces(trace: Trace, channels: list[int]) -> None:
    """Plot values over the steps: one line for each pin, or the colours of the last pin."""
    steps, values = trace.steps, trace.values.astype(np.float64)
    if values.shape[2] <= max(channels):  # the model changed in this frame
        return
    pins = list(trace.cells)
    lines = [(pin, channels[0], colour_of(HUES[pin])) for pin in pins]
    if len(channels) > 1:
        lines = [(pins[-1], channel, colour) for channel, colour in zip(channels, CHANNEL_COLOURS, strict=False)]
    with _plot("##traces", "Values of the pinned cells over the steps.") as visible:
        if not visible:
            return
        implot.setup_axes("", "", 0, int(implot.AxisFlags_.auto_fit))
        end = max(steps[-1], steps[0] + 1)
        implot.setup_axis_limits(implot.ImAxis_.x1, steps[0], end, implot.Cond_.always)
        _axis_numbers(steps[0], end)
        drawn = values[:, [pin for pin, _, _ in lines], [channel for _, channel, _ in lines]]
        _value_numbers(drawn[np.isfinite(drawn)])
        for pin, channel, colour in lines:
            valid = np.isfinite(values[:, pin, channel])
            if valid.any():
                line = np.ascontiguousarray(values[valid, pin, channel])
                _line(f"##{pin}-{channel}", np.ascontiguousarray(steps[valid]), line, _ink(colour))
        if len(channels) > 1:
            corner, inset = implot.get_plot_pos(), em(0.6)
            place = (corner.x + inset, corner.y + inset)
            imgui.get_window_draw_list().add_circle_filled(place, em(0.28), u32(colour_of(HUES[pins[-1]])))


def _histogram(middles: F64, shares: F64, colours: bool) -> None:
    """Plot a histogram, see Histogram.count.

    colours: whether the channels are red, green and blue.
    """
    with _plot("##histogram", "How many of the grid's cells have each value.") as visible:
        if not visible:
            return
        auto_fit = int(implot.AxisFlags_.auto_fit)
        implot.setup_axes("", "", auto_fit, auto_fit | int(implot.AxisFlags_.no_tick_labels))
        _axis_numbers(middles[0], middles[-1])
        for index, share in enumerate(shares):
            ink = _ink(CHANNEL_COLOURS[index]) if colours else theme.ACCENT
            spec = implot.Spec()
            spec.fill_color, spec.fill_alpha = ink, 0.25
            implot.plot_shaded(f"##{index}", middles, share, 0.0, spec=spec)
            _line(f"##line{index}", middles, share, ink)


def _axis_numbers(low: float, high: float) -> None:
    """Put round numbers along the lower axis, as many as fit."""
    space = em(1.0) + imgui.calc_text_size(f"{max(abs(low), abs(high)):,.0f}.5").x
    places = ticks(float(low), float(high), int(imgui.get_content_region_avail().x / space))
    implot.setup_axis_ticks(implot.ImAxis_.x1, places, list(map(tick_text, places)))


def _value_numbers(values: F64) -> None:
    """Put round numbers along the left axis, which fits the values."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    margin = 0.5 + 1e-6 * abs(low) if low == high else 0.0
    places = ticks(low - margin, high + margin, MOST_VALUES)
    implot.setup_axis_ticks(implot.ImAxis_.y1, places, list(map(tick_text, places)))


def tick_text(number: float) -> str:
    """Return a number of an axis as the rest of the section writes numbers."""
    return f"{number:,.9g}".replace("-", "−")


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten that divide low … high into at most `most` parts."""
    least = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(least))
    distance = next(power * k for k in (1, 2, 5, 10) if k == 10 or power * k >= least)
    return [distance * k for k in range(math.ceil(low / distance), math.floor(high / distance) + 1)]


def _ink(colour: ImVec4) -> ImVec4:
    """Return a colour for thin lines, darker in the light theme."""
    k = 0.75 if theme.name == "light" else 1.0
    return ImVec4(k * colour.x, k * colour.y, k * colour.z, 1)


@contextmanager
def _plot(name: str, help_: str) -> Iterator[bool]:
    """Draw a plot in the window's style inside a `with` block; yields whether it is visible."""
    colours = {
        implot.Col_.frame_bg: theme.TRANSPARENT,
        implot.Col_.plot_bg: theme.FIELD,
        implot.Col_.plot_border: theme.TRANSPARENT,
        implot.Col_.axis_text: theme.DIM,
        implot.Col_.axis_tick: theme.TRANSPARENT,
        implot.Col_.axis_grid: theme.FIELD_HELD,
    }
    for part, colour in colours.items():
        implot.push_style_color(part, colour)
    implot.push_style_var(implot.StyleVar_.plot_padding, (0, em(0.2)))
    implot.push_style_var(implot.StyleVar_.fit_padding, (0, 0.06))
    visible = bool(implot.begin_plot(name, (-1, em(PLOT_HEIGHT)), PLOT_FLAGS))
    yield visible
    if visible:
        implot.end_plot()
        widgets.tooltip(help_)
    implot.pop_style_var(2)
    implot.pop_style_color(len(colours))


def _line(name: str, x: F64, y: F64, colour: ImVec4) -> None:
    spec = implot.Spec()
    spec.line_color, spec.line_weight = colour, 1.5
    implot.plot_line(name, x, y, spec=spec)
