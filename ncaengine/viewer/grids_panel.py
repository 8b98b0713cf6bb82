"""A section of the side bar: grids side by side: add, duplicate, remove, link and compare."""

from ncaengine.viewer.app import App


class GridsPanel:
    """It holds only what is being typed."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
