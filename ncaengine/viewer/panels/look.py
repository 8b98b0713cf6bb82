"""A section of the side bar: what the picture shows of the cells."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from imgui_bundle import ImVec4, imgui

from ncaengine.core import fields, looks
from ncaengine.core.fields import FIELDS, PLANE, Field
from ncaengine.core.kernels import Kernel
from ncaengine.core.looks import UPDATE_GAIN, Look, Mode
from ncaengine.core.model import Colour
from ncaengine.core.settings import SettingInfo
from ncaengine.core.texts import with_unit
from ncaengine.core.types import F32
from ncaengine.simulation.grid import Grid
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import display_modes
from ncaengine.viewer.kit import sliders, theme, widgets
from ncaengine.viewer.kit.theme import em, u32
from ncaengine.viewer.state.app import App

TITLES: dict[Mode, tuple[str, str]] = {
    "rgb": ("Colours", "The model's own colours."),
    "channel": ("One channel", "One of the numbers in each cell, on a colour scale."),
    "three": ("Three channels", "Any three channels as red, green and blue."),
    "update": ("Change per step", "How much the last step changed each cell."),
    "alive": ("Alive", "The cells that the fourth channel, alpha, keeps alive. Only some models have it."),
}
"""(title, help) of each mode."""
GAIN = SettingInfo("gain", "Gain", "Multiplies the values before they are shown.", 0.1, 100, "×", True, 1.0)
SAMPLES = 48
"""Colours along a legend."""
FULL_TURN = (0.0, 360.0)
"""The ends of the legend for angles, in degrees."""
LINES_HELP = "Thin lines between cells, when zoomed in."
DETAILS_HELP = (
    "Each cell's channels as bars and the gradient of its brightness as an arrow, for cells of 40 pixels or more."
)
FRAMINGS = (
    ("Fit", "fit", "Show the whole grid as large as possible. (F)", display_modes.fit),
    ("Fill", "fill", "Let the picture fill its card; two sides are cut. (F)", display_modes.fill),
    ("Tile", "repeat", "Show the endless plane that copies of the grid tile. (T)", display_modes.toggle_repeat),
)
"""(title, id, help, action) of the ways to use a card's space."""


def show(app: App) -> None:
    """Draw the section into the current window."""
    grid = app.grid
    look = grid.look
    widgets.row_label("Show", "What the colour of a cell means.")
    items = ((mode, *TITLES[mode]) for mode in display_modes.MODES)
    if mode := widgets.drop_down("##mode", TITLES[look.mode][0], items, look.mode):
        display_modes.change_look(app, mode=mode)
    widgets.tooltip(keymap.with_key(TITLES[look.mode][1], display_modes.next_mode))
    if look.mode in ("channel", "three"):
        _channels(app, 1 if look.mode == "channel" else 3)
    if look.mode in ("channel", "three", "update"):
        gain = sliders.slider(GAIN, min(max(look.gain, GAIN.low), GAIN.high))
        if gain is not None:
            display_modes.change_look(app, gain=gain)
    _legend(grid)
    widgets.row_label("Picture", "How the picture uses its card.")
    framing(app, widgets.equal_width(len(FRAMINGS)))
    _switches(app)


def framing(app: App, width: float) -> None:
    """Draw a button for each way to use a card's space, each `width` pixels wide."""
    camera = app.pane.camera
    current = "repeat" if camera.repeat else "" if camera.zoom is not None else "fill" if camera.filled else "fit"
    with widgets.style(variables=[(imgui.StyleVar_.frame_padding, (em(0.1), imgui.get_style().frame_padding.y))]):
        for title, id_, help_, action in FRAMINGS:
            if action is not FRAMINGS[0][3]:
                imgui.same_line(0, em(0.25))
            colours = widgets.choice_colours(id_ == current)
            if widgets.button(f"{title}###{id_}", width, help_, colours):
                action(app)


def _channels(app: App, count: int) -> None:
    """Draw a draggable number for each shown channel, within those of the model."""
    shown, last = list(display_modes.shown_channels(app.grid)), app.grid.model.config.channels - 1
    keys = f"{keymap.key_of(display_modes.previous_channel)} {keymap.key_of(display_modes.next_channel)}"
    help_ = f"There are {last + 1}, counted from 0; the first three are the colours."
    widgets.row_label("Channel" if count == 1 else "Channels", help_)
    width, flags = widgets.equal_width(count), imgui.SliderFlags_.always_clamp
    for index in range(count):
        if index:
            imgui.same_line()
        imgui.set_next_item_width(width)
        changed, shown[index] = imgui.drag_int(f"##channel{index}", shown[index], 0.1, 0, max(last, 1), "%d", flags)
        colour = f"Shown as {('red', 'green', 'blue')[index]}. " if count > 1 else ""
        widgets.tooltip(f"{colour}From 0 to {last}. Drag, or double-click to type. ({keys})")
        if changed:
            display_modes.change_look(app, channels=tuple(min(channel, last) for channel in shown))


def overlay_legend(grid: Grid) -> None:
    """Draw what the tints of the map mean that the grid's look names."""
    overlay = grid.look.overlay
    if not overlay:
        return
    if overlay == "model":
        count = len(grid.models)
        _colour_strip(_overlay_colours(overlay, grid.kernel)[:count], [str(k) for k in range(count)], smooth=False)
        return
    low, high = _ends(overlay)
    middle = 180 if overlay == "angle" else FIELDS[overlay].default
    texts = [f"{low:g}", f"{middle:g}", with_unit(f"{high:g}", FIELDS[overlay].unit)]
    _colour_strip(_overlay_colours(overlay, grid.kernel), texts)


def _switches(app: App) -> None:
    prefs = app.prefs
    second = imgui.get_cursor_pos_x() + widgets.equal_width(2) + imgui.get_style().item_spacing.x
    _switch(app, "Lines###lines", prefs.lines, LINES_HELP, display_modes.toggle_lines)
    imgui.same_line(second)
    _switch(app, "Cell details###details", prefs.details, DETAILS_HELP, display_modes.toggle_details)


def _switch(app: App, text: str, on: bool, help_: str, action: Callable[[App], object]) -> None:
    """Draw a check box that runs an action."""
    pressed = bool(imgui.checkbox(text, on)[0])
    widgets.tooltip(keymap.with_key(help_, action))
    if pressed:
        action(app)


# Legends


def _legend(grid: Grid) -> None:
    """Draw what the colours of the mode mean."""
    look = grid.look
    if look.mode == "channel":
        texts = [f"{end / look.gain:.3g}".replace("-", "−") for end in (-1, 0, 1)]
        _colour_strip(_mode_colours("channel", grid.kernel), texts)
    elif look.mode == "update":
        largest = 1 / (UPDATE_GAIN * look.gain)
        _colour_strip(_mode_colours("update", grid.kernel), [f"{largest * share**2:.2g}" for share in (0, 0.5, 1)])
    elif look.mode == "alive":
        _colour_strip(looks.RAMPS["alive"][[0, -1]], ["dead", "alive"], smooth=False)


@lru_cache(maxsize=8)
def _mode_colours(mode: Mode, kernel: Kernel) -> F32:
    """Return the colours of a mode from its least value to its largest: (SAMPLES, 3) float32, as looks.shade does."""
    along = np.linspace(0, 1, SAMPLES, dtype=np.float32)[None, :, None]
    state, before = (2 * along - 1, None) if mode == "channel" else (along**2 / UPDATE_GAIN, np.zeros_like(along))
    shades: F32 = looks.shade(Look(mode), state, kernel, Colour(), before, None)[0]
    return shades


def _ends(overlay: Field) -> tuple[float, float]:
    """Return the ends of an overlay's legend."""
    return FULL_TURN if overlay == "angle" else (FIELDS[overlay].low, FIELDS[overlay].high)


@lru_cache(maxsize=8)
def _overlay_colours(overlay: Field, kernel: Kernel) -> F32:
    """Return the colours of an overlay on a medium grey, from its least value to its largest: (n, 3) float32."""
    low, high = _ends(overlay)
    count = fields.MAX_MODELS if overlay == "model" else SAMPLES
    maps = fields.default_fields(count, 1)
    if overlay == "scale":
        values = np.geomspace(low, high, count)
    elif overlay == "rate":  # with its default in the middle, as in the picture's colours
        half = count // 2
        values = np.concatenate([np.linspace(low, 1, half, endpoint=False), np.geomspace(1, high, count - half)])
    else:
        values = np.linspace(low, high, count)
    maps[0, :, PLANE[overlay]] = values
    grey = np.zeros((1, count, 3), np.float32)
    shades: F32 = looks.shade(Look("three", overlay=overlay), grey, kernel, Colour(), None, maps)[0]
    return shades


def _colour_strip(colours: F32, texts: list[str], smooth: bool = True) -> None:
    """Draw a strip of colours in the right column of a row.

    texts: if smooth, at both ends and evenly between; else one below each colour.
    """
    widgets.row_label("")
    draw, at, width = imgui.get_window_draw_list(), imgui.get_cursor_screen_pos(), imgui.get_content_region_avail().x
    height, line = em(0.6), imgui.get_text_line_height()
    top = at.y + em(0.15)
    inks = [u32(ImVec4(red, green, blue, 1)) for red, green, blue in colours.tolist()]
    count = len(inks) - 1 if smooth else len(inks)
    edges = [at.x + width * k / count for k in range(count + 1)]
    for k in range(count):
        left, right = inks[k], inks[k + 1] if smooth else inks[k]
        draw.add_rect_filled_multi_color((edges[k], top), (edges[k + 1], top + height), left, right, right, left)
    for k, text in enumerate(texts):
        size = imgui.calc_text_size(text).x
        share = (k / max(len(texts) - 1, 1)) if smooth else (k + 0.5) / len(texts)
        x = at.x + share * width - size * (share if smooth else 0.5)
        draw.add_text((round(x), top + height + em(0.1)), u32(theme.DIM), text)
    imgui.dummy((width, height + line + em(0.3)))
