"""The hand: brush strokes on a picture, and the brush's outline under the pointer."""

from ncaengine.viewer.app import App
from ncaengine.viewer.spot import Spot


class Hand:
    """It holds the stroke that is being made."""

    def show(self, app: App, spot: Spot) -> None:
        """Take in the pointer and draw the brush over a picture; the canvas's button is the last item."""
