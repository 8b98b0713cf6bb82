"""The command palette's commands: everything that the window can do, by name.

Each function in PROVIDERS yields some of them, given what is typed; those that don't match are left out later.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ncaengine.core.fields import FIELDS
from ncaengine.core.settings import SETTINGS, SettingInfo
from ncaengine.formats import model_files
from ncaengine.io.kinds import KINDS
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import display_modes, grids, open_files, pictures, running, session_files, tools
from ncaengine.viewer.dialogs.palette_numbers import NUMBER, as_float, number_command, number_in
from ncaengine.viewer.keymap import WITHOUT_GRIDS
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.panels import look, maps, record, sidebar
from ncaengine.viewer.panels.size import KEEPS
from ncaengine.viewer.state import file_kinds, preferences
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.brush import BRUSH_SETTINGS, PAINTED_VALUES, TOOLS
from ncaengine.viewer.state.fuzzy import PaletteCommand, ranked
from ncaengine.viewer.state.recorder import SCALES
from ncaengine.viewer.state.session_file import SavedKind

IN_USE = "in use"
SIZE = re.compile(r"(\d{1,5})(?:\s*[x×, ]\s*(\d{1,5}))?$")
FILE = re.compile(r"^(?:recording file|file name|file|record to)\s+(?P<name>\S.*)$", re.IGNORECASE)
ALIASES: dict[str, tuple[str, ...]] = {
    "Space": ("play", "stop", "continue"),
    "←": ("step back", "rewind"),
    "Ctrl Y": ("redo",),
    "R": ("reseed", "restart", "reset"),
    "F": ("fit", "zoom out"),
    "Ctrl D": ("copy grid", "clone"),
    "Del": ("delete", "delete the grid", "close grid"),
    "Ctrl O": ("open", "load", "gallery"),
    "Ctrl R": ("record", "start recording", "stop recording", "record video"),
    "Shift P": ("still", "screenshot", "save picture"),
    "Ctrl S": ("save",),
    "H": ("panel", "sidebar"),
    "Ctrl T": ("dark mode", "light mode"),
    "Ctrl Q": ("exit", "close the window"),
}
"""Other words for commands, by their key in the help."""
SIZES = ("64", "128", "256", "512", "384x256")
BRUSH_ALIASES = {
    "tolerance": ("wand",),
    "radius": ("size", "width"),
    "strength": ("opacity",),
    "softness": ("hardness",),
}
PAINT_ALIASES = ("paint", "press", "stamp", "paint here", "paint without a mouse")
KINDS_OF_PICTURE: tuple[SavedKind, SavedKind] = ("picture", "layer")
Provider = Callable[[App, str], Iterable[PaletteCommand]]


def matching(app: App, typed: str) -> list[PaletteCommand]:
    """Return the commands that match what is typed, the best first; all of them, in order, if nothing is typed."""
    words = typed.replace("%", " ").replace("×", "x").strip()
    commands = [command for provider in PROVIDERS for command in provider(app, words)]
    return ranked(words, commands) if words else commands


# The selected grid


def settings(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield the selected grid's settings and its seed number."""
    if not app.panes:
        return
    number = number_in(typed)
    for name, info in SETTINGS.items():
        current = getattr(app.grid.settings, name)
        if not isinstance(current, bool):
            yield number_command(app, info, current, number, partial(running.change_setting, app, name))
    if number:
        set_seed = partial(running.use_seed, app, int(as_float(number)))
        yield PaletteCommand(f"Seed {number}", f"{app.grid.rng_seed} now", set_seed)
    else:
        yield PaletteCommand("Seed", f"{app.grid.rng_seed}; type a number", None)


def sizes(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield the size that is typed, or some sizes, and the ways to resize."""
    if not app.panes:
        return
    match = SIZE.search(typed)
    texts = [f"{match[1]}x{match[2] or match[1]}"] if match else SIZES
    hint = "{} × {} cells now".format(*app.grid.size)
    for text in texts:
        width, _, height = text.partition("x")
        size = (int(width), int(height or width))
        yield PaletteCommand(f"Size {size[0]} × {size[1]}", hint, partial(grids.resize, app, size))
    if not match:
        yield PaletteCommand("Size", "Type a width, or a width and a height", None)
    for keep, title, help_ in KEEPS:
        hint = IN_USE if keep == app.resize_keep else help_
        yield PaletteCommand(f"Resizing: {title}", hint, partial(setattr, app, "resize_keep", keep))


def choices(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield the models, kernels and grids to choose from."""
    if not app.panes:
        return
    known, others = grids.kernels(app)
    current = app.name_of(app.grid.model)
    for name in app.models:
        hint = IN_USE if name == current else "Run it on this grid"
        yield PaletteCommand(f"Model: {name}", hint, partial(grids.use_model, app, name), "", (f"open {name}",))
    for name in known + others:
        hint = "" if name in known else "The model may not grow its texture on it"
        hint = IN_USE if name == app.grid.kernel.name else hint
        title = f"Kernel: {app.sim.catalogue.kernels[name].title}"
        yield PaletteCommand(title, hint, partial(grids.use_kernel, app, name))
    for index, pane in enumerate(app.panes):
        hint = f"{app.name_of(pane.grid.model)}, {pane.grid.kernel.title}"
        keys = str(index + 1) if index < 9 else ""
        yield PaletteCommand(f"Grid {index + 1}", hint, partial(app.select, index), keys)


def map_presets(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield the presets of maps, and a command to clear each map."""
    if not app.panes:
        return
    for preset in maps.PRESETS:
        yield PaletteCommand(f"Map: {preset.title}", preset.help, partial(maps.fill_map, app, preset.fill))
    for name, info in FIELDS.items():
        clear = partial(maps.clear_map, app, name)
        yield PaletteCommand(f"Map: clear {info.title}", "Reset it to its default everywhere", clear)


def looks(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield what the picture can show: modes, channels, gain and overlays."""
    if not app.panes:
        return
    change, current = partial(display_modes.change_look, app), app.grid.look
    for mode in display_modes.MODES:
        title, help_ = look.TITLES[mode]
        hint, aliases = IN_USE if mode == current.mode else help_, (f"look {title}", f"view {mode}")
        yield PaletteCommand(f"Show: {title}", hint, partial(change, mode=mode), "", aliases)
    number = number_in(typed)
    channel = SettingInfo("channel", "Channel", "", 0, app.grid.model.config.channels - 1)
    yield number_command(app, channel, current.channels[0], number, partial(_show_channel, app))
    yield number_command(app, look.GAIN, current.gain, number, lambda gain: change(gain=gain))
    for name, title in maps.OVERLAYS.items():
        hint = IN_USE if name and name == current.overlay else "Outline this map" if name else "Only the cells"
        words = (f"overlay {title}", *([f"tint {title}"] if name in FIELDS else []))
        yield PaletteCommand(f"Outline: {title}", hint, partial(display_modes.choose_map, app, name), "", words)


def _show_channel(app: App, value: float) -> None:
    _, *others = display_modes.shown_channels(app.grid)
    display_modes.change_look(app, mode="channel", channels=(int(value), *others))


def brush_settings(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield the brush's settings, and a command to paint without a pointer."""
    if not app.panes:
        return
    brush, number = app.brush, number_in(typed)
    for name, info in BRUSH_SETTINGS.items():
        aliases = (info.title, *(f"brush {word}" for word in BRUSH_ALIASES[name]))
        set_value, is_share = partial(setattr, brush, name), (info.low, info.high) == (0, 1)
        yield number_command(app, info, getattr(brush, name), number, set_value, "Brush ", aliases, is_share)
    for tool, info in PAINTED_VALUES.items():
        set_value = partial(brush.values.__setitem__, tool)
        yield number_command(app, info, brush.values[tool], number, set_value, "Brush ")
    hint = f"Use the tool once: {TOOLS[brush.tool].title}" if brush.active else "Select a tool first"
    yield PaletteCommand("Paint at the middle", hint, partial(tools.paint_at_middle, app), "", PAINT_ALIASES)


# Files and recordings


def files(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield the shipped and the recent models, to open in the selected grid or in a new one."""
    shipped = model_files.shipped_models()
    for path in (*shipped, *open_files.recent_models(app)):
        name = file_kinds.title(path)
        source = "Comes with ncaengine" if path in shipped else f"From {file_kinds.location(path)}"
        if app.panes and not open_files.is_open(app, path):  # open models are listed by `choices`
            hint, aliases = f"{source}; opens in the selected grid", (f"model {name}", f"open model {name}")
            yield PaletteCommand(f"Open {name}", hint, partial(_open, app, path, False), "", aliases)
        title, alias = f"Open {name} in a new grid", f"open {name} beside"
        yield PaletteCommand(title, source, partial(_open, app, path, True), "", (alias,))


def _open(app: App, path: Path, new_grid: bool) -> None:
    app.attempt(lambda: open_files.open_path(app, path, new_grid))


def sessions(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield a command to save the journal, and the recent sessions."""
    ask_name = partial(session_files.ask_name, app, "journal")
    yield PaletteCommand("Save the journal", "All commands since the start, to replay them", ask_name)
    for path in map(Path, app.prefs.recent):
        if path.suffix.lower() in file_kinds.SESSION_ENDINGS:
            action = partial(app.defer, partial(session_files.ask_to_open, app, path))
            yield PaletteCommand(f"Open {path.name}", f"Replaces everything; in {path.parent}", action)


def filling(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield what can be done with the picture under the selected grid, and a command to open one."""
    if not app.panes:
        return
    yield PaletteCommand("Open a picture to fill", "Textures grow in areas of it", partial(pictures.ask_file, app))
    if app.grid.backdrop:
        save, save_layer = (partial(session_files.ask_name, app, kind) for kind in KINDS_OF_PICTURE)
        yield PaletteCommand("Save the filled picture", "In its own size", save, "", ("export",))
        yield PaletteCommand("Save the textures as a layer", "Transparent elsewhere", save_layer)
        yield PaletteCommand("Variants", "Grids with other random seeds", partial(pictures.add_variants, app))
        yield PaletteCommand("Take the picture away", "", partial(pictures.take_away, app))


def recording(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield the options of the next recording, while none runs."""
    recorder, number = app.recorder, number_in(typed)
    if recorder.active or not app.panes:
        return

    def option(title: str, name: str, value: Any, *aliases: str, hint: str = "") -> PaletteCommand:
        hint = IN_USE if getattr(recorder, name) == value else hint
        return PaletteCommand(f"Recording: {title}", hint, partial(setattr, recorder, name, value), "", aliases)

    for source, title, help_ in record.SOURCES:
        yield option(title, "source", source, f"recording source {title}", f"record {title}", hint=help_)
    for kind in KINDS:
        names = f"format {kind.title}", f"recording format {kind.title}"
        yield option(kind.title, "ending", kind.ending, *names, hint=kind.help)
    for fps in recorder.rates:
        yield option(f"{fps} frames/s", "fps", fps, f"fps {fps}", f"{fps} fps", f"frame rate {fps}")
    for scale in SCALES:
        yield option(f"{scale} pixels per cell", "scale", scale, f"recording scale {scale}", f"pixels per cell {scale}")
    yield option(record.PACE, "steps_per_frame", None, "steps per frame none", hint=record.PACE_HELP)
    for count in record.STEPS:
        yield option(record.steps_title(count), "steps_per_frame", count, f"steps per frame {count}")
    yield option("from the seed", "from_seed", True, "from the seed")
    yield option("from the current cells", "from_seed", False, "not from the seed")
    set_delay, set_length = partial(setattr, recorder, "delay"), partial(_set_length, app)
    yield number_command(app, record.DELAY, recorder.delay, number, set_delay, aliases=("delay", "countdown"))
    yield number_command(app, record.LENGTH, recorder.length or 0, number, set_length, aliases=("length", "duration"))
    if match := FILE.match(typed):
        set_name = partial(setattr, recorder, "name", match["name"])
        hint = f"{recorder.path(app.grid)} now"
        yield PaletteCommand(f"Recording file {match['name']}", hint, set_name, "", (typed,))
    else:
        hint = f"{recorder.path(app.grid)}; type a name"
        yield PaletteCommand("Recording file", hint, None, "", ("file name", "record to"))


def _set_length(app: App, seconds: float) -> None:
    app.recorder.length = seconds or None


# The window


def shortcuts(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Yield the commands that have a key."""
    for shortcut in keymap.TABLE:
        if shortcut.chords and shortcut.shown and shortcut.listed and (app.panes or shortcut.group in WITHOUT_GRIDS):
            action, aliases = partial(shortcut.action, app), ALIASES.get(shortcut.shown, ())
            yield PaletteCommand(shortcut.help, shortcut.group, action, shortcut.shown, aliases)


def appearance(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Yield the themes, the sections, the text size in percent, and a command that makes all cards equal."""
    prefs = app.prefs
    for name in theme.THEMES:
        hint = IN_USE if name == prefs.theme else ""
        yield PaletteCommand(f"Theme: {name}", hint, partial(setattr, prefs, "theme", name))
    for title in (section.title for section in sidebar.SECTIONS):
        hint = "Unfold it" if title in prefs.closed else "Fold it"
        yield PaletteCommand(f"Section: {title}", hint, partial(widgets.toggle_section, title, prefs.closed))
    if len(app.panes) > 1:
        yield PaletteCommand("Make all grids equally large", "In the window", partial(_equalise_cards, app))
    least, most = preferences.LEAST_TEXT, preferences.MOST_TEXT
    if match := NUMBER.match(typed):
        number = as_float(match["number"])
        is_factor = number < 5  # 1.2 or 120 %
        size = min(max(number if is_factor else number / 100, least), most)
        title, hint = f"Text size {match['number']}{'' if is_factor else ' %'}", f"{100 * prefs.text_size:.0f} % now"
        yield PaletteCommand(title, hint, partial(setattr, prefs, "text_size", size))
    else:
        hint = f"{100 * prefs.text_size:.0f} %; type a number from {100 * least:.0f} to {100 * most:.0f}"
        yield PaletteCommand("Text size", hint, None)


def _equalise_cards(app: App) -> None:
    app.prefs.columns = app.prefs.rows = []


PROVIDERS: list[Provider] = [
    shortcuts, settings, sizes, choices, map_presets, files, looks, brush_settings, sessions, filling, appearance,
    recording,
]  # fmt: skip
