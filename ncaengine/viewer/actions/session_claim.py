"""Tells a window that the session it opens or saves is open in another window, too."""

from pathlib import Path

from ncaengine.core.claims import Claim
from ncaengine.core.errors import NCAError
from ncaengine.viewer.state.app import App


class SessionClaim:
    """A window's claim on the file of its session, as long as it has that file."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._path: Path | None = None
        self._claim: Claim | None = None

    def update(self) -> None:
        """Claim the file that the session has now; show a notice if another window has it."""
        path = self._app.session_file.path
        if path == self._path:
            return
        self.release()
        self._path = path
        if path is not None:
            try:
                self._claim = Claim(path)
            except NCAError:
                self._app.notify(f"{path.name} is open in another window, too; what is saved last replaces the rest.")

    def release(self) -> None:
        """Leave the file to other windows."""
        if self._claim:
            self._claim.release()
        self._claim = None
