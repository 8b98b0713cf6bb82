"""A section of the side bar: what is shown of the cells."""

from ncaengine.viewer.app import App


class LookPanel:
    """It holds only what is being typed."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
