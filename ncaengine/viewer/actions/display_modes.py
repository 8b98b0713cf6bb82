"""Change what is shown of the selected grid."""

from typing import Any, Literal, get_args

import msgspec

from ncaengine.core.fields import Field
from ncaengine.core.looks import Mode
from ncaengine.simulation.commands import Show
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.state.app import App

CELLS_SECTION = "Cells"
"""Title of the section in the side bar that plots pinned cells."""
MODES: tuple[Mode, ...] = get_args(Mode)


def change_look(app: App, **changes: Any) -> None:
    """Change parts of the Look of the selected grid and those linked with it."""

    def changed(number: int) -> Show | None:
        now = app.sim.grids[number].look
        look = msgspec.structs.replace(now, **changes)
        return Show(number, look) if look != now else None

    app.submit_linked(changed)


def shown_channels(grid: Grid) -> tuple[int, int, int]:
    """Return the channels that the grid's look names, limited to those that its model has."""
    last = grid.model.config.channels - 1
    red, green, blue = grid.look.channels
    return min(red, last), min(green, last), min(blue, last)


def choose_map(app: App, overlay: Field | Literal["", "all"]) -> None:
    """Outline one map of the selected grid and those linked with it, all of them, or none ('')."""
    change_look(app, overlay="" if overlay == "all" else overlay)
    shown = app.linked_grids()
    for pane in app.panes:
        if pane.grid.id in shown:
            pane.shows_maps = bool(overlay)


def next_mode(app: App) -> None:
    """Show the next display mode. The first follows the last; what the model lacks is left out."""
    here, config = app.grid.look.mode, app.grid.model.config
    lives = config.alive is not None or config.colour.alpha
    modes = [mode for mode in MODES if mode != "alive" or lives or mode == here]
    change_look(app, mode=modes[(modes.index(here) + 1) % len(modes)])


def next_channel(app: App, by: int = 1) -> None:
    """Show one channel, or the next one if one is shown. The first follows the last."""
    first, *others = shown_channels(app.grid)
    if app.grid.look.mode == "channel":
        first = (first + by) % app.grid.model.config.channels
    change_look(app, mode="channel", channels=(first, *others))


def previous_channel(app: App) -> None:
    """Show one channel, or the previous one if one is shown."""
    next_channel(app, -1)


def fit(app: App) -> None:
    """Show the whole selected grid."""
    app.pane.camera.fit()
    app.pane.camera.repeat = False
    _prefer_fill(app, False)


def fill(app: App) -> None:
    """Let the selected grid's picture fill its card, cut at two sides."""
    camera = app.pane.camera
    camera.zoom, camera.repeat, camera.fill = None, False, True
    _prefer_fill(app, True)


def _prefer_fill(app: App, fills: bool) -> None:
    """Remember what a grid that is alone shows."""
    if len(app.panes) == 1:
        app.prefs.fill = fills


def fit_or_fill(app: App) -> None:
    """Show the whole selected grid; if it is shown already, let it fill its card."""
    camera = app.pane.camera
    (fill if camera.zoom is None and camera.fill is False and not camera.repeat else fit)(app)


def toggle_repeat(app: App) -> None:
    """Show the selected grid as an endless plane, or once."""
    app.pane.camera.repeat = not app.pane.camera.repeat


def toggle_lines(app: App) -> None:
    """Show or hide the thin lines between cells, which appear when zoomed in."""
    app.prefs.lines = not app.prefs.lines


def toggle_details(app: App) -> None:
    """Show or hide each cell's channels and gradient, which appear when zoomed in."""
    app.prefs.details = not app.prefs.details


def toggle_pin(app: App) -> None:
    """Pin the cell under the pointer, or unpin it. Pinning unfolds the section that plots its values."""
    probe = app.probe
    if probe.pointed is None or not probe.live:
        app.notify("Point at a cell of a picture to pin it.")
        return
    grid, cell = probe.pointed
    if not probe.trace(grid).toggle(cell):
        app.notify("Eight cells are already pinned; unpin one first.")
    elif CELLS_SECTION in app.prefs.closed and probe.trace(grid).cells:
        app.prefs.closed.remove(CELLS_SECTION)
