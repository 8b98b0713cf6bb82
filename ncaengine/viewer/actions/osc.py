"""Carry out what other programs send by Open Sound Control."""

from ncaengine.io.osc import Listener
from ncaengine.viewer.state.app import App


def take(app: App, listener: Listener | None) -> bool:
    """Carry out the messages that have come, for the selected grid and those linked with it. Return whether any had."""
    if listener is None:
        return False
    before = listener.received
    for problem in listener.poll(app.linked_grids() if app.panes else []):
        app.notify(problem, "error")
    return listener.received > before
