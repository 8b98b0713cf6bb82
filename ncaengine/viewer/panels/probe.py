"""A section of the side bar: the cell under the pointer, and traces of chosen cells."""

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
from ncaengine.viewer.canvas.cell_overlay import TONES, hue
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.probe import HUES, Trace, settings_at

HIGH, APART = 6.0, 1.0
"""Height of a plot, and the room between two columns of numbers, in em."""
BINS, OFTEN, SHARE = 64, 0.2, 20
"""Of the histogram; it is made anew after OFTEN seconds, or SHARE times as long as it takes."""
PALE = 0.85
"""Strength of what was read under the pointer before it went elsewhere; all of it can still be read."""
COLOURS = -1
"""In place of a channel: red, green and blue."""
FRAME = int(implot.Flags_.no_inputs | implot.Flags_.no_legend | implot.Flags_.no_menus | implot.Flags_.no_mouse_text)
FRAME |= int(implot.Flags_.no_title | implot.Flags_.no_box_select)


class ProbePanel:
    """It holds the channel that is plotted, and the last histogram."""

    def __init__(self) -> None:
        self._channel = COLOURS
        self._histogram = Histogram()

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        app.probe.prune(app.sim.grids)  # again: the sections above may just have changed them
        if app.probe.pointed is None:
            _hint("Point at a picture to see what is in its cells.")
        else:
            with widgets.style(variables=[] if app.probe.live else [(imgui.StyleVar_.alpha, PALE)]):
                _cell(app)
        grid = app.grid
        trace = app.probe.trace(grid)
        widgets.gap(0.1)
        _pins(trace)
        self._choose(grid)
        channels = list(range(min(3, grid.model.config.channels))) if self._channel < 0 else [self._channel]
        if trace.cells:
            _traces(trace, channels)
        _bars(self._histogram.of(grid, channels), self._channel < 0)

    def _choose(self, grid: Grid) -> None:
        count = grid.model.config.channels
        self._channel = min(self._channel, count - 1)
        options = [(str(COLOURS), "Red, green, blue", "The first three channels; of the cell pinned last.")]
        options += [(str(k), f"Channel {k}", "") for k in range(count)]
        titles = {value: title for value, title, _ in options}
        widgets.label("Plot", "Over the steps for pinned cells, and how often each value occurs in the whole grid.")
        if picked := widgets.choice("##plot", titles[str(self._channel)], options, str(self._channel)):
            self._channel = int(picked)


class Histogram:
    """How often values occur in a grid, counted now and then."""

    def __init__(self) -> None:
        self._key: object = None
        self._due = 0.0
        self._found: tuple[F64, F64] = np.zeros(0), np.zeros((0, 0))

    def of(self, grid: Grid, channels: list[int]) -> tuple[F64, F64]:
        """Middles of the bins (n,), and the share of cells in each (channels, n)."""
        kind, now = (grid, tuple(channels)), time.perf_counter()
        key = (*kind, grid.changes)
        if key != self._key and (now >= self._due or self._key is None or self._key[:2] != kind):  # type: ignore[index]
            self._found, self._key = counted(grid.state()[..., channels]), key
            self._due = now + max(OFTEN, SHARE * (time.perf_counter() - now))
        return self._found


def counted(values: F32) -> tuple[F64, F64]:
    """Middles of BINS bins (n,), and the share of the cells in each (channels, n), of (height, width, channels).

    The bins lie between multiples of ½ around all values that are finite and within ±1000.
    """
    flat = values.reshape(-1, values.shape[-1])
    sound = flat[(np.abs(flat) < 1000).all(1)]  # nor is NaN below it
    low, high = (float(sound.min()), float(sound.max())) if len(sound) else (0.0, 0.0)
    edges = np.linspace(np.floor(2 * low) / 2, max(np.ceil(2 * high), np.floor(2 * low) + 1) / 2, BINS + 1)
    counts = np.array([np.histogram(channel, edges)[0] for channel in sound.T], np.float64)
    return (edges[1:] + edges[:-1]) / 2, counts / max(len(flat), 1)


def _hint(text: str) -> None:
    with widgets.style([(imgui.Col_.text, theme.DIM)]):
        imgui.text_wrapped(text)


def _cell(app: App) -> None:
    """Where the cell is, what is known of it and its channels."""
    assert app.probe.pointed is not None
    grid, cell = app.probe.pointed
    values = app.probe.values()
    rgb = [*np.nan_to_num(to_rgb(values, grid.model.config.colour)).tolist(), 0.0, 0.0][:3]
    side, start = 2 * imgui.get_text_line_height() + em(0.2), imgui.get_cursor_screen_pos()
    draw, inner = imgui.get_window_draw_list(), start.x + side + em(0.7)
    swatch = u32(ImVec4(rgb[0], rgb[1], rgb[2], 1))
    draw.add_rect_filled(start, (start.x + side, start.y + side), swatch, em(0.25))
    shown = "rgb(" + ", ".join(f"{255 * part:.0f}" for part in rgb) + ")"
    index = next((k for k, pane in enumerate(app.panes) if pane.grid is grid), 0)
    place = f"Column {cell[0]}, row {cell[1]}" + (f" of grid {index + 1}" if len(app.panes) > 1 else "")
    draw.add_text((inner, start.y), u32(theme.TEXT), place)
    draw.add_text((inner, start.y + side - imgui.get_text_line_height()), u32(theme.DIM), shown)
    imgui.dummy((imgui.get_content_region_avail().x, side))
    chance, scale, angle, slot = settings_at(grid, cell)
    _facts(("Fires", f"{100 * chance:.3g} %"), ("Scale", f"{scale:.3g}×"))
    widgets.tooltip("The chance that the cell updates itself in a step, and its scale: the grid's with the maps'.")
    _facts(("Axis", f"{angle:.4g}°"), ("Model", app.name_of(grid.models[slot])))
    widgets.tooltip("The direction of the cell's own x axis, clockwise, and the model that it runs.")
    _values(values)


def _half() -> float:
    """Width of one of two columns."""
    return (imgui.get_content_region_avail().x - em(APART)) / 2


def _facts(*facts: tuple[str, str]) -> None:
    """Two facts a row."""
    at_, width, draw = imgui.get_cursor_screen_pos(), _half(), imgui.get_window_draw_list()
    for index, (name, value) in enumerate(facts):
        x, named = at_.x + index * (width + em(APART)), em(3.4)
        draw.add_text((x, at_.y), u32(theme.DIM), name)
        draw.add_text((x + named, at_.y), u32(theme.TEXT), widgets.trimmed(value, width - named))
    imgui.dummy((imgui.get_content_region_avail().x, imgui.get_text_line_height() - em(0.2)))


def _values(values: F32) -> None:
    """Two channels a row: number, bar about 0, value."""
    draw, at_, width = imgui.get_window_draw_list(), imgui.get_cursor_screen_pos(), _half()
    line = imgui.get_text_line_height() + em(0.1)
    half = -(-len(values) // 2)
    for channel, value in enumerate(values.tolist()):
        column, row = divmod(channel, half)
        x, y = at_.x + column * (width + em(APART)), at_.y + row * line
        left, right = x + em(1.5), x + width - em(3.1)
        middle, far = (left + right) / 2, (right - left) / 2
        reach = far * float(np.tanh(np.nan_to_num(value)))
        ink = _ink(TONES[channel]) if channel < 3 else theme.DIM
        draw.add_text((x, y), u32(theme.FAINT), str(channel))
        draw.add_rect_filled((left, y + 0.2 * line), (right, y + 0.75 * line), u32(theme.FIELD), em(0.15))
        ends = min(middle, middle + reach), max(middle, middle + reach)
        draw.add_rect_filled((ends[0], y + 0.2 * line), (ends[1], y + 0.75 * line), u32(ink))
        draw.add_line_v(middle, y + 0.2 * line, y + 0.75 * line, u32(theme.FAINT), 1.0)
        said = f"{round(value, 2) + 0.0:+.2f}" if abs(value) < 100 else f"{value:+.1e}"
        said = said.replace("-", "−")
        draw.add_text((x + width - imgui.calc_text_size(said).x, y), u32(theme.TEXT), said)
    imgui.dummy((imgui.get_content_region_avail().x, half * line))


def _pins(trace: Trace) -> None:
    """A button a pinned cell, which lets it go."""
    key = keymap.key_of(display_modes.toggle_pin)
    if not trace.cells:
        _hint(f"Alt-click cells, or press {key} over them, to follow their values over the steps.")
        return
    width = widgets.share(4)
    for index, (number, (column, row)) in enumerate(sorted(trace.cells.items())):
        if index % 4:
            imgui.same_line()
        with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.2), em(0.2)))]):
            pressed = imgui.button(f"   {column}, {row}###pin{number}", (width, 0))
        low, high = imgui.get_item_rect_min(), imgui.get_item_rect_max()
        middle = (low.x + em(0.6), (low.y + high.y) / 2)
        imgui.get_window_draw_list().add_circle_filled(middle, em(0.28), u32(hue(HUES[number])))
        widgets.tooltip(f"The cell in column {column}, row {row}. Click to let it go; {key} over a cell pins it.")
        if pressed:
            trace.unpin(number)


def _traces(trace: Trace, channels: list[int]) -> None:
    """Values over the steps: a line a pin, or the colours of the pin that was set last."""
    steps, values = trace.steps, trace.values.astype(np.float64)
    if values.shape[2] <= max(channels):  # the model has just changed
        return
    pins = list(trace.cells)
    lines = [(pin, channels[0], hue(HUES[pin])) for pin in pins]
    if len(channels) > 1:
        lines = [(pins[-1], channel, tone) for channel, tone in zip(channels, TONES, strict=False)]
    with _plot("##traces", "Values of the pinned cells over the steps.") as shown:
        if not shown:
            return
        implot.setup_axes("", "", 0, int(implot.AxisFlags_.auto_fit))
        end = max(steps[-1], steps[0] + 1)
        implot.setup_axis_limits(implot.ImAxis_.x1, steps[0], end, implot.Cond_.always)
        _numbers(steps[0], end)
        for pin, channel, colour in lines:
            there = np.isfinite(values[:, pin, channel])
            if there.any():
                line = np.ascontiguousarray(values[there, pin, channel])
                _line(f"##{pin}-{channel}", np.ascontiguousarray(steps[there]), line, _ink(colour))
        if len(channels) > 1:
            corner, away = implot.get_plot_pos(), em(0.6)
            place = (corner.x + away, corner.y + away)
            imgui.get_window_draw_list().add_circle_filled(place, em(0.28), u32(hue(HUES[pins[-1]])))


def _bars(found: tuple[F64, F64], colours: bool) -> None:
    """The histogram."""
    middles, shares = found
    with _plot("##histogram", "How many of the grid's cells have which value.") as shown:
        if not shown:
            return
        fitted = int(implot.AxisFlags_.auto_fit)
        implot.setup_axes("", "", fitted, fitted | int(implot.AxisFlags_.no_tick_labels))
        _numbers(middles[0], middles[-1])
        for index, share in enumerate(shares):
            tone = _ink(TONES[index]) if colours else theme.ACCENT
            spec = implot.Spec()
            spec.fill_color, spec.fill_alpha = tone, 0.25
            implot.plot_shaded(f"##{index}", middles, share, 0.0, spec=spec)
            _line(f"##line{index}", middles, share, tone)


def _numbers(low: float, high: float) -> None:
    """Round numbers along the lower axis, as many as find room."""
    room = em(1.0) + imgui.calc_text_size(f"{max(abs(low), abs(high)):.0f}.5").x
    places = ticks(float(low), float(high), int(imgui.get_content_region_avail().x / room))
    implot.setup_axis_ticks(implot.ImAxis_.x1, places, [f"{place:.9g}" for place in places])


def ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from low to high, that part this into `most` parts or fewer."""
    wide = (high - low) / max(most, 1)
    power = 10.0 ** math.floor(math.log10(wide))
    apart = next(power * k for k in (1, 2, 5, 10) if k == 10 or power * k >= wide)
    return [apart * k for k in range(math.ceil(low / apart), math.floor(high / apart) + 1)]


def _ink(colour: ImVec4) -> ImVec4:
    """A colour for thin lines, darker on the light theme."""
    k = 0.75 if theme.name == "light" else 1.0
    return ImVec4(k * colour.x, k * colour.y, k * colour.z, 1)


@contextmanager
def _plot(name: str, help_: str) -> Iterator[bool]:
    """A plot in the style of the window; whether it is to be seen."""
    for colour, value in (
        (implot.Col_.frame_bg, theme.NONE), (implot.Col_.plot_bg, theme.FIELD), (implot.Col_.plot_border, theme.NONE),
        (implot.Col_.axis_text, theme.DIM), (implot.Col_.axis_tick, theme.NONE),
        (implot.Col_.axis_grid, theme.FIELD_HELD),
    ):  # fmt: skip
        implot.push_style_color(colour, value)
    implot.push_style_var(implot.StyleVar_.plot_padding, (0, em(0.2)))
    implot.push_style_var(implot.StyleVar_.fit_padding, (0, 0.06))
    shown = bool(implot.begin_plot(name, (-1, em(HIGH)), FRAME))
    yield shown
    if shown:
        implot.end_plot()
        widgets.tooltip(help_)
    implot.pop_style_var(2)
    implot.pop_style_color(6)


def _line(name: str, x: F64, y: F64, colour: ImVec4) -> None:
    spec = implot.Spec()
    spec.line_color, spec.line_weight = colour, 1.5
    implot.plot_line(name, x, y, spec=spec)
