"""A section of the side bar: the fields of the selected grid: patterns, and the models that its cells run."""

from ncaengine.viewer.app import App


class MapsPanel:
    """It holds only what is being typed."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
