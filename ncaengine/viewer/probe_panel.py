"""A section of the side bar: the cell under the pointer, and traces of chosen cells."""

from ncaengine.viewer.app import App


class ProbePanel:
    """It holds only what is being typed."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
