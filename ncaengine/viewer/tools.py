"""Tools: what the pointer does on a picture, and how strokes become commands. No imgui in here."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncaengine.viewer.app import App


class Tools:
    """The tool in hand. `active`: it is one that paints, so that dragging does not move the picture."""

    def __init__(self, app: "App") -> None:
        self._app = app

    @property
    def active(self) -> bool:
        """Whether the left button paints."""
        return False
