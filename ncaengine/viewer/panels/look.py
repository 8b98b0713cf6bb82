"""A section of the side bar: what is shown of the cells."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from imgui_bundle import ImVec4, imgui

from ncaengine.core import fields, looks
from ncaengine.core.fields import PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.looks import UPDATE_GAIN, Look, Mode
from ncaengine.core.model import Colour
from ncaengine.core.settings import SettingInfo
from ncaengine.core.types import F32
from ncaengine.simulation.grid import Grid
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import display_modes
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

TITLES: dict[Mode, tuple[str, str]] = {
    "rgb": ("Colours", "The model's own colours."),
    "channel": ("One channel", "One of the numbers in each cell, by a scale of colours."),
    "three": ("Three channels", "Any three channels as red, green and blue."),
    "update": ("Change per step", "How much the last step changed each cell."),
    "alive": ("Alive", "Where alpha, the fourth channel, keeps cells alive, in models that have it."),
}
GAIN = SettingInfo("gain", "Gain", "Multiplies the values before they are shown.", 0.1, 100.0, "×", logarithmic=True)
SAMPLES = 48
"""Colours along a legend."""
ENDS: dict[Field, tuple[float, float]] = {"rate": (0, 4), "scale": (0.25, 4), "angle": (0, 360), "model": (0, 7)}
"""The ends of an overlay's legend."""
LOGARITHMIC = ("scale",)


class LookPanel:
    """It holds nothing: all of it is the grid's Look, the camera's or the user's preferences."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
        grid = app.grid
        look = grid.look
        widgets.label("Show", "What of a cell is its colour in the picture.")
        options = ((mode, *TITLES[mode]) for mode in display_modes.MODES)
        if mode := widgets.choice("##mode", TITLES[look.mode][0], options, look.mode):
            display_modes.change_look(app, mode=mode)
        widgets.tooltip(f"{TITLES[look.mode][1]} ({keymap.key_of(display_modes.next_mode)})")
        if look.mode in ("channel", "three"):
            _channels(app, 1 if look.mode == "channel" else 3)
        if look.mode in ("channel", "three", "update"):
            gain = widgets.setting(GAIN, min(max(look.gain, GAIN.low), GAIN.high))
            if gain is not None:
                display_modes.change_look(app, gain=gain)
        _legend(grid)
        _overlay(app, grid)
        _switches(app)


def _channels(app: App, count: int) -> None:
    """A number a channel, to be dragged; it stays within those that the model has."""
    chosen, last = list(display_modes.shown_channels(app.grid)), app.grid.model.config.channels - 1
    keys = f"{keymap.key_of(display_modes.previous_channel)} {keymap.key_of(display_modes.next_channel)}"
    widgets.label("Channel" if count == 1 else "Channels", f"Of {last + 1}, from 0: the first three are the colours.")
    width, flags = widgets.share(count), imgui.SliderFlags_.always_clamp
    for index in range(count):
        if index:
            imgui.same_line()
        imgui.set_next_item_width(width)
        moved, chosen[index] = imgui.drag_int(f"##channel{index}", chosen[index], 0.1, 0, max(last, 1), "%d", flags)
        part = f"As {('red', 'green', 'blue')[index]}. " if count > 1 else ""
        widgets.tooltip(f"{part}From 0 to {last}: drag, or double-click to type. ({keys})")
        if moved:
            display_modes.change_look(app, channels=tuple(min(channel, last) for channel in chosen))


def _overlay(app: App, grid: Grid) -> None:
    overlay = grid.look.overlay
    widgets.label("Overlay", "A map that tints the cells where it is not at its default.")
    options = [("", "None", "The cells alone.")]
    options += [(name, spec.title, spec.help) for name, spec in fields.FIELDS.items()]
    picked = widgets.choice("##overlay", fields.FIELDS[overlay].title if overlay else "None", options, overlay)
    if picked is not None:
        display_modes.change_look(app, overlay=picked)
    if not overlay:
        return
    if overlay == "model":
        # A swatch a model, of those there are.
        count = len(grid.models)
        _strip(_tints(overlay, grid.kernel)[:count], [str(k) for k in range(count)], False)
        return
    low, high = ENDS[overlay]
    unit = fields.FIELDS[overlay].unit
    middle = {"rate": "1", "scale": "1", "angle": "180"}[overlay]
    _strip(_tints(overlay, grid.kernel), [f"{low:g}", middle, f"{high:g} {unit}"])


def _switches(app: App) -> None:
    camera, kept, half = app.pane.camera, app.prefs, widgets.share(2)
    left = imgui.get_cursor_pos_x()
    second = left + half + imgui.get_style().item_spacing.x
    if _switch("Lines###lines", kept.lines, "Thin lines between cells, when close.", display_modes.toggle_lines):
        display_modes.toggle_lines(app)
    imgui.same_line(second)
    if _switch("Cell details###details", kept.details, "Each cell's channels as bars and the gradient of its brightness"
               " as an arrow, when it is 40 pixels or larger.", display_modes.toggle_details):  # fmt: skip
        display_modes.toggle_details(app)
    if _switch("Repeat as tile###repeat", camera.repeat, "Show the endless plane, which the grid tiles.",
               display_modes.toggle_repeat):  # fmt: skip
        display_modes.toggle_repeat(app)
    imgui.same_line(second)
    if _switch(
        "Fit###fit", camera.zoom is None, "Show the whole grid, as large as the window allows.", display_modes.fit
    ):
        display_modes.fit(app)


def _switch(text: str, on: bool, help_: str, action: Callable[[App], object]) -> bool:
    pressed = bool(imgui.checkbox(text, on)[0])
    widgets.tooltip(f"{help_} ({keymap.key_of(action)})")
    return pressed


def _legend(grid: Grid) -> None:
    """What the colours of a mode mean."""
    look = grid.look
    if look.mode == "channel":
        _strip(_ramp("channel", grid.kernel), [f"{edge / look.gain:.3g}".replace("-", "−") for edge in (-1, 0, 1)])
    elif look.mode == "update":
        most = 1 / (UPDATE_GAIN * look.gain)
        _strip(_ramp("update", grid.kernel), [f"{most * share**2:.2g}" for share in (0, 0.5, 1)])
    elif look.mode == "alive":
        _strip(looks.RAMPS["alive"][[0, -1]], ["dead", "alive"], smooth=False)


@lru_cache(maxsize=8)
def _ramp(mode: Mode, kernel: Kernel) -> F32:
    """(SAMPLES, 3) colours of a mode from its least value to its largest, as looks.shade makes them."""
    along = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None]
    state, before = (2 * along - 1, None) if mode == "channel" else (along**2 / UPDATE_GAIN, np.zeros_like(along))
    shades: F32 = looks.shade(Look(mode), state, kernel, Colour(), before, None)[0]
    return shades


@lru_cache(maxsize=8)
def _tints(overlay: Field, kernel: Kernel) -> F32:
    """Colours along an overlay's legend, on a middle grey."""
    low, high = ENDS[overlay]
    count = fields.MAX_MODELS if overlay == "model" else SAMPLES
    maps = fields.default_fields(count, 1)
    if overlay in LOGARITHMIC:
        maps[0, :, PLANE[overlay]] = np.geomspace(low, high, count)
    elif overlay == "rate":  # its default in the middle, as on the picture's scale of colours
        half = count // 2
        maps[0, :, PLANE[overlay]] = [*np.linspace(low, 1, half, endpoint=False), *np.geomspace(1, high, count - half)]
    else:
        maps[0, :, PLANE[overlay]] = np.linspace(low, high, count)
    grey = np.zeros((1, count, 3), np.float32)
    shades: F32 = looks.shade(Look("three", overlay=overlay), grey, kernel, Colour(), None, maps)[0]
    return shades


def _strip(colours: F32, words: list[str], smooth: bool = True) -> None:
    """A strip of colours in the right column, with words along it: at both ends and between, or one a colour."""
    widgets.label("")
    draw, at, width = imgui.get_window_draw_list(), imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x
    high, line = em(0.6), imgui.get_text_line_height()
    top = at.y + em(0.15)
    inks = [u32(ImVec4(red, green, blue, 1)) for red, green, blue in colours.tolist()]
    pieces = len(inks) - 1 if smooth else len(inks)
    edges = [at.x + width * k / pieces for k in range(pieces + 1)]
    for k in range(pieces):
        here, there = inks[k], inks[k + 1] if smooth else inks[k]
        draw.add_rect_filled_multi_color((edges[k], top), (edges[k + 1], top + high), here, there, there, here)
    for k, word in enumerate(words):
        size = imgui.calc_text_size(word).x
        share = (k / max(len(words) - 1, 1)) if smooth else (k + 0.5) / len(words)
        x = at.x + share * width - size * (share if smooth else 0.5)
        draw.add_text((round(x), top + high + em(0.1)), u32(theme.DIM), word)
    imgui.dummy((width, high + line + em(0.3)))
