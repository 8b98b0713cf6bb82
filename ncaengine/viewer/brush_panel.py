"""A section of the side bar: the tool in hand: its radius, strength and what it paints."""

from ncaengine.viewer.app import App


class BrushPanel:
    """It holds only what is being typed."""

    def show(self, app: App) -> None:
        """Draw it into the current window."""
