"""The tool bar: a column of buttons, one a tool, at the left of the grids."""

from ncaengine.viewer.app import App

WIDTH = 2.9
"""In em."""


def show(app: App) -> None:
    """Draw it into the current region."""
