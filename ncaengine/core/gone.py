"""What stands in the place of something that was released: any use of it says so."""

from typing import Any

from ncaengine.core.errors import NCAError


class Gone:
    """Raises NCAError with its sentence whenever anything is asked of it."""

    def __init__(self, why: str) -> None:
        self._why = why

    def __getattr__(self, name: str) -> Any:
        raise NCAError(self._why)

    def release(self) -> None:
        """Do nothing: it was released before."""
