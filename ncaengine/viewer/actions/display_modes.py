"""What is shown of the selected grid, as actions of keys and controls. No imgui in here."""

from typing import Any, get_args

import msgspec

from ncaengine.core.looks import Mode
from ncaengine.simulation.commands import Show
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.app import App

SECTION = "Cells"
"""Title of the probe's section in the side bar."""
MODES: tuple[Mode, ...] = get_args(Mode)


def show(app: App, **changes: Any) -> None:
    """Change parts of the Look of the selected grid and those linked with it."""

    def changed(number: int) -> Show | None:
        now = app.sim.grids[number].look
        look = msgspec.structs.replace(now, **changes)
        return Show(number, look) if look != now else None

    app.each(changed)


def channels(grid: Grid) -> tuple[int, int, int]:
    """The channels that a look names, within those that the grid's model has."""
    last = grid.model.config.channels - 1
    red, green, blue = grid.look.channels
    return min(red, last), min(green, last), min(blue, last)


def next_mode(app: App, by: int = 1) -> None:
    """Show the next of the modes, round about."""
    show(app, mode=MODES[(MODES.index(app.grid.look.mode) + by) % len(MODES)])


def next_channel(app: App, by: int = 1) -> None:
    """Show one channel, or the next one if one is shown, round about."""
    first, *others = channels(app.grid)
    if app.grid.look.mode == "channel":
        first = (first + by) % app.grid.model.config.channels
    show(app, mode="channel", channels=(first, *others))


def previous_channel(app: App) -> None:
    """Show one channel, or the one before."""
    next_channel(app, -1)


def toggle_lines(app: App) -> None:
    """Part the cells by thin lines, when close, or do not."""
    app.lines = not app.lines


def toggle_details(app: App) -> None:
    """Draw each cell's channels and gradient over it, when close, or do not; the next start remembers it."""
    app.prefs.details = not app.prefs.details


def mark(app: App) -> None:
    """Pin the cell under the pointer, or let it go; the section that plots its values unfolds."""
    probe = app.probe
    if probe.pointed is None or not probe.live:
        app.tell("Point at a cell of a picture to pin it.")
        return
    grid, cell = probe.pointed
    if not probe.trace(grid).toggle(cell):
        app.tell("Eight cells are pinned already; let one go first.")
    elif SECTION in app.prefs.closed and probe.trace(grid).cells:
        app.prefs.closed.remove(SECTION)
