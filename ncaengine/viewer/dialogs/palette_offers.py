"""More of the command palette: models to open, what is shown, the brush, and the options of a recording."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ncaengine.core import fields
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SettingInfo
from ncaengine.formats import model_files
from ncaengine.viewer.actions import display_modes, open_files, tools
from ncaengine.viewer.panels import brush, record
from ncaengine.viewer.panels import look as look_panel
from ncaengine.viewer.state import file_kinds
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import TOOLS
from ncaengine.viewer.state.fuzzy import PaletteCommand
from ncaengine.viewer.state.recorder import FORMATS, SCALES

NUMBER = re.compile(r"^(?P<name>.*?[^\d\s.,-])\s*(?P<number>-?\d{1,12}(?:[.,]\d*)?|-?[.,]\d{1,12})\D*$")
FILE = re.compile(r"^(?:recording file|file name|file|record to)\s+(?P<name>\S.*)$", re.IGNORECASE)
IN_USE = "in use"
DELAY = SettingInfo("delay", "Recording delay", "", 0, record.LONGEST_DELAY, "s")
LENGTH = SettingInfo("length", "Recording length", "", 0, record.LONGEST, "s")


def number_in(typed: str) -> str:
    """The number behind a name, as it is typed; '' for none."""
    found = NUMBER.match(typed)
    return found["number"] if found else ""


def as_float(text: str) -> float:
    """A number as it is typed, with a point or a comma."""
    return float(text.replace(",", "."))


def files(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """The shipped models and the recent ones, in the selected grid or beside it."""
    ours = model_files.shipped_models()
    for path in (*ours, *open_files.recent_models(app)):
        name, source = (
            file_kinds.title(path),
            "shipped with ncaengine" if path in ours else f"from {file_kinds.location(path)}",
        )
        words = (f"model {name}", f"open model {name}")
        if app.panes and not open_files.is_open(app, path):  # else it is among the models
            here = partial(_open, app, path, False)
            yield PaletteCommand(f"Open {name}", f"In the selected grid; {source}", here, "", words)
        yield PaletteCommand(f"Open {name} beside", f"In a new grid; {source}", partial(_open, app, path, True))


def _open(app: App, path: Path, beside: bool) -> None:
    app.attempt(lambda: open_files.open_path(app, path, beside))


def looks(app: App, typed: str) -> Iterator[PaletteCommand]:
    """What is shown of the cells of the selected grid: modes, channels, gain, and the map that tints them."""
    if not app.panes:
        return
    look, last = app.grid.look, app.grid.model.config.channels - 1
    for mode in display_modes.MODES:
        title, what = look_panel.TITLES[mode]
        hint = IN_USE if mode == look.mode else what
        words = f"look {title}", f"view {mode}"
        yield PaletteCommand(f"Show: {title}", hint, partial(display_modes.change_look, app, mode=mode), "", words)
    number = number_in(typed)
    channel = SettingInfo("channel", "Channel", "", 0, last)
    yield _numbered(app, channel, look.channels[0], number, partial(_channel, app))
    yield _numbered(app, look_panel.GAIN, look.gain, number, lambda gain: display_modes.change_look(app, gain=gain))
    maps = [(str(name), spec.title) for name, spec in fields.FIELDS.items()]
    for name, title in (*maps, ("", "None")):
        hint = IN_USE if name == look.overlay else "Tint the cells by this map" if name else "The cells alone"
        words = (f"tint {title}", f"tint by {title}") if name else ("tint none", "overlay off")
        yield PaletteCommand(
            f"Overlay: {title}", hint, partial(display_modes.change_look, app, overlay=name), "", words
        )


def _channel(app: App, value: float) -> None:
    _, *others = display_modes.shown_channels(app.grid)
    display_modes.change_look(app, mode="channel", channels=(int(value), *others))


def brush_settings(app: App, typed: str) -> Iterator[PaletteCommand]:
    """The brush with a number, and a press of it without a pointer."""
    if not app.panes:
        return
    hand, number = app.brush, number_in(typed)
    for spec, more in (
        (brush.RADIUS, ("size", "width")),
        (brush.STRENGTH, ("opacity",)),
        (brush.SOFTNESS, ("hardness",)),
    ):
        set_ = partial(setattr, hand, spec.title.lower())
        words = (spec.title, *(f"brush {word}" for word in more))
        yield _numbered(app, spec, getattr(hand, spec.title.lower()), number, set_, "Brush ", words)
    for tool, spec in brush.VALUES.items():
        set_ = partial(hand.values.__setitem__, tool)
        yield _numbered(app, spec, hand.values[tool], number, set_, "Brush ")
    title = TOOLS[hand.tool].title
    hint = f"A press of the tool in hand: {title}" if hand.active else "Take a tool in hand first"
    words = ("paint", "press", "stamp", "paint here", "paint without a mouse")
    yield PaletteCommand("Paint at the middle", hint, partial(tools.paint_at_middle, app), "", words)


def _numbered(
    app: App, spec: SettingInfo, now: float, number: str, set_: Callable[[float], object],
    before: str = "", words: tuple[str, ...] = (),
) -> PaletteCommand:  # fmt: skip
    """A thing that a number follows; one from 0 to 1 may be given in percent. Out of its range it is told."""
    title = before + (spec.title.lower() if before else spec.title)
    unit = f" {spec.unit}" if spec.unit else ""
    if not number:
        hint = f"{now:.4g}{unit}; type a number from {spec.low:g} to {spec.high:g}"
        return PaletteCommand(title, hint, None, "", words)
    value = as_float(number)
    value = value / 100 if (spec.low, spec.high) == (0, 1) and value > 1 else value

    def act() -> None:
        if not spec.low <= value <= spec.high:
            raise NCAError(f"{title} is a number from {spec.low:g} to {spec.high:g}, not {value:g}.")
        set_(value)

    numbered = tuple(f"{word} {number}" for word in words)
    return PaletteCommand(f"{title} {number}{unit}", f"{now:.4g}{unit} now", lambda: app.attempt(act), "", numbered)


def recording(app: App, typed: str) -> Iterator[PaletteCommand]:
    """The options of the next recording; none while one runs."""
    recorder = app.recorder
    if recorder.active or not app.panes:
        return

    def option(title: str, name: str, value: Any, *words: str, hint: str = "") -> PaletteCommand:
        used = getattr(recorder, name) == value
        set_ = partial(setattr, recorder, name, value)
        return PaletteCommand(f"Recording: {title}", IN_USE if used else hint, set_, "", words)

    for source, title, what in record.SOURCES:
        yield option(title, "source", source, f"recording source {title}", f"record {title}", hint=what)
    for ending in FORMATS:
        title, what = record.FORMAT_HELP[ending]
        yield option(title, "ending", ending, f"format {title}", f"recording format {title}", hint=what)
    for fps in recorder.rates:
        yield option(f"{fps} frames/s", "fps", fps, f"fps {fps}", f"{fps} fps", f"frame rate {fps}")
    for scale in SCALES:
        yield option(f"{scale} pixels a cell", "scale", scale, f"recording scale {scale}", f"pixels a cell {scale}")
    yield option(record.PACE, "steps_per_frame", None, "steps per frame none", hint=record.PACE_HELP)
    for count in record.STEPS:
        yield option(f"{count} step{'s' * (count > 1)} a frame", "steps_per_frame", count, f"steps per frame {count}")
    yield option("from the seed", "from_seed", True, "from the seed")
    yield option("from the cells as they are", "from_seed", False, "not from the seed")
    yield from _times(app, number_in(typed))
    found = FILE.match(typed)
    if found:
        set_ = partial(setattr, recorder, "name", found["name"])
        yield PaletteCommand(f"Recording file {found['name']}", f"{recorder.path(app.grid)} now", set_, "", (typed,))
    else:
        hint = f"{recorder.path(app.grid)}; type a name"
        yield PaletteCommand("Recording file", hint, None, "", ("file name", "record to"))


def _times(app: App, number: str) -> Iterator[PaletteCommand]:
    recorder = app.recorder

    def length(value: float) -> None:
        recorder.length = value or None

    yield _numbered(app, DELAY, recorder.delay, number, partial(setattr, recorder, "delay"), "", ("delay", "countdown"))
    yield _numbered(app, LENGTH, recorder.length or 0, number, length, "", ("length", "duration"))
