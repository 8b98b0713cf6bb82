"""The command palette's entries: all that the window can do, by name, and what of it matches what is typed."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ncaengine.core.fields import FIELDS
from ncaengine.core.settings import SETTINGS
from ncaengine.viewer import keymap
from ncaengine.viewer.actions import grids, running, session_files
from ncaengine.viewer.dialogs import palette_offers
from ncaengine.viewer.dialogs.palette_offers import IN_USE, NUMBER, as_float, number_in
from ncaengine.viewer.keymap import WINDOW
from ncaengine.viewer.kit import theme, widgets
from ncaengine.viewer.panels import maps, sidebar
from ncaengine.viewer.panels.sidebar import KEEPS
from ncaengine.viewer.state import file_kinds, preferences
from ncaengine.viewer.state.app import App
from ncaengine.viewer.state.fuzzy import PaletteCommand, ranked

SIZE = re.compile(r"(\d{1,5})(?:\s*[x×, ]\s*(\d{1,5}))?$")
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


Provider = Callable[[App, str], Iterable[PaletteCommand]]
"""Gives the entries for what is typed; most look at the App only. Those that do not match are left out later."""


# What is on offer


def commands(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """All of the table of keys."""
    for key in keymap.TABLE:
        if key.chords and key.shown and key.listed and (app.panes or key.group == WINDOW):
            yield PaletteCommand(key.help, key.group, partial(key.action, app), key.shown, ALIASES.get(key.shown, ()))


def numbers(app: App, typed: str) -> Iterator[PaletteCommand]:
    """Each setting of the selected grid, and its seed: with a number, it is set."""
    if not app.panes:
        return
    number = number_in(typed)
    for spec in SETTINGS.values():
        now = getattr(app.grid.settings, spec.name)
        unit = f" {spec.unit}" if spec.unit else ""
        if isinstance(now, bool):
            continue
        if number:
            set_ = partial(running.change_setting, app, spec.name, as_float(number))
            yield PaletteCommand(f"{spec.title} {number}{unit}", f"{now:g}{unit} now", set_)
        else:
            yield PaletteCommand(spec.title, f"{now:g}{unit}; type a number from {spec.low:g} to {spec.high:g}", None)
    if number:
        yield PaletteCommand(
            f"Seed {number}", f"{app.grid.rng_seed} now", partial(running.use_seed, app, int(as_float(number)))
        )
    else:
        yield PaletteCommand("Seed", f"{app.grid.rng_seed}; type a number", None)


def sizes(app: App, typed: str) -> Iterator[PaletteCommand]:
    """The size of the selected grid, what is typed or some to begin with, and what resizing does to its cells."""
    if not app.panes:
        return
    found = SIZE.search(typed)
    asked = [f"{found[1]}x{found[2] or found[1]}"] if found else SIZES
    now = "{} × {} cells now".format(*app.grid.size)
    for text in asked:
        width, _, height = text.partition("x")
        size = (int(width), int(height or width))
        yield PaletteCommand(f"Size {size[0]} × {size[1]}", now, partial(grids.resize, app, size))
    if not found:
        yield PaletteCommand("Size", "Type a width, or a width and a height", None)
    for keep, title, help_ in KEEPS:
        yield PaletteCommand(
            f"Resizing: {title}",
            IN_USE if keep == app.resize_keep else help_,
            partial(setattr, app, "resize_keep", keep),
        )


def choices(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """Models, kernels and grids."""
    if not app.panes:
        return
    known, others = grids.kernels(app)
    running = app.name_of(app.grid.model)
    for name in app.models:
        hint = IN_USE if name == running else "Run it on this grid"
        yield PaletteCommand(f"Model: {name}", hint, partial(grids.use_model, app, name), "", (f"open {name}",))
    for name in known + others:
        hint = "" if name in known else "The model is not known to grow on it"
        title = f"Kernel: {app.sim.catalogue.kernels[name].title}"
        yield PaletteCommand(
            title, IN_USE if name == app.grid.kernel.name else hint, partial(grids.use_kernel, app, name)
        )
    for index, pane in enumerate(app.panes):
        hint = f"{app.name_of(pane.grid.model)}, {pane.grid.kernel.title}"
        keys = str(index + 1) if index < 9 else ""
        yield PaletteCommand(f"Grid {index + 1}", hint, partial(app.select, index), keys)


def map_presets(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """The maps that a click lays over the selected grid, and each of them back to its default."""
    if not app.panes:
        return
    for preset in maps.PRESETS:
        yield PaletteCommand(f"Map: {preset.title}", preset.what, partial(maps.apply, app, preset.fill))
    for name, spec in FIELDS.items():
        yield PaletteCommand(f"Map: clear {spec.title}", "To its default everywhere", partial(maps.clear, app, name))


def appearance(app: App, typed: str) -> Iterator[PaletteCommand]:
    """The theme, the size of text in percent, and the shares of the cards."""
    kept = app.prefs
    for name in theme.THEMES:
        yield PaletteCommand(
            f"Theme: {name}", IN_USE if name == kept.theme else "", partial(setattr, kept, "theme", name)
        )
    for title in sidebar.SECTIONS:
        hint = "Folded; unfold it" if title in kept.closed else "Fold it"
        yield PaletteCommand(f"Section: {title}", hint, partial(widgets.fold, title, kept.closed))
    if len(app.panes) > 1:
        yield PaletteCommand("All grids alike in width and height", WINDOW, partial(_alike, app))
    found = NUMBER.match(typed)
    now, low, high = (f"{100 * size:.0f}" for size in (kept.text_size, preferences.LEAST_TEXT, preferences.MOST_TEXT))
    if found:
        asked = as_float(found["number"])
        size = min(
            max(asked if asked < 5 else asked / 100, preferences.LEAST_TEXT), preferences.MOST_TEXT
        )  # 1.2 or 120 %
        yield PaletteCommand(
            f"Text size {found['number']}{'' if asked < 5 else ' %'}",
            f"{now} % now",
            partial(setattr, kept, "text_size", size),
        )
    else:
        yield PaletteCommand("Text size", f"{now} %; type a number from {low} to {high}", None)


def _alike(app: App) -> None:
    app.prefs.columns = app.prefs.rows = []


def sessions(app: App, _typed: str) -> Iterator[PaletteCommand]:
    """The journal, and the sessions that were opened or saved last."""
    ask = partial(session_files.ask_name, app, "journal")
    yield PaletteCommand("Save the journal", "All commands since the start, to be made again", ask)
    for path in map(Path, app.prefs.recent):
        if path.suffix.lower() in file_kinds.SESSION_ENDINGS:
            action = partial(app.defer, partial(session_files.open_session, app, path))
            yield PaletteCommand(f"Open {path.name}", f"In place of everything; in {path.parent}", action)


PROVIDERS: list[Provider] = [
    commands, numbers, sizes, choices, map_presets, palette_offers.files, palette_offers.looks,
    palette_offers.brush_settings, sessions, appearance, palette_offers.recording,
]  # fmt: skip
"""Other modules append theirs."""


# What matches


def matching(app: App, typed: str) -> list[PaletteCommand]:
    """The entries that match what is typed, the best first; all of them, in their order, if nothing is."""
    words = typed.replace("%", " ").replace("×", "x").strip()
    entries = [entry for provider in PROVIDERS for entry in provider(app, words)]
    return ranked(words, entries) if words else entries
