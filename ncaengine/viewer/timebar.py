"""The bar of time: undo, redo, and a slider through the selected grid's timeline."""

from ncaengine.viewer.app import App

HEIGHT = 2.2
"""In em."""


def show(app: App) -> None:
    """Draw it into the current region."""
