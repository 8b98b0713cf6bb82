"""Record the selected grid, all grids or the window, and save stills."""

from collections.abc import Iterable

import msgspec

from ncaengine.core.types import U8
from ncaengine.simulation.commands import Show
from ncaengine.simulation.grid import Grid
from ncaengine.viewer.actions import session_files
from ncaengine.viewer.state.app import App


def toggle(app: App) -> None:
    """Start to record, or finish the recording."""
    if app.recorder.active:
        app.report(app.recorder.end)
    elif not app.panes:
        app.notify("There is no grid to record; open a model first.", "error")
    else:
        _use_own_colours(app, app.sim.grids.values() if app.recorder.source == "all" else [app.grid])
        app.attempt(lambda: app.recorder.start(app.grid))


def _use_own_colours(app: App, grids: Iterable[Grid]) -> None:
    """End the tint of pictures by maps, which the window shows as outlines instead."""
    for grid in grids:
        if grid.look.overlay:
            app.submit(Show(grid.id, msgspec.structs.replace(grid.look, overlay="")))


def finish(app: App) -> None:
    """Finish the recording, if there is one."""
    app.report(app.recorder.stop)


def advance_frame(app: App) -> None:
    """Let one frame of the recording, or of its countdown, pass."""
    app.report(app.recorder.frame)


def add_window_picture(app: App, pixels: U8) -> None:
    """Add the window's picture, (height, width, 3) uint8, if the window is recorded."""
    app.report(lambda: app.recorder.take(pixels))


def save_still(app: App) -> None:
    """Save a picture of the selected grid that opens as a session."""
    if session_files.has_grids(app):
        _use_own_colours(app, [app.grid])
        app.report(lambda: app.recorder.still(app.grid, session=session_files.pack(app, [app.grid])))
