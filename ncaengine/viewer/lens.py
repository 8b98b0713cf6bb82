"""The lens: over a picture, what is known of each cell when it is close, and of the cell under the pointer."""

from ncaengine.viewer.app import App
from ncaengine.viewer.spot import Spot


class Lens:
    """It holds the cells whose traces are kept."""

    def show(self, app: App, spot: Spot) -> None:
        """Draw over a picture; the canvas's button is the last item."""
