"""The handle at a picture's corner, by which its grid is made larger or smaller."""

from ncaengine.viewer.app import App
from ncaengine.viewer.spot import Spot


class Handle:
    """It holds the resize that is being dragged."""

    def show(self, app: App, spot: Spot) -> None:
        """Draw the handle and take in the pointer."""
