"""What notebooks display of models, grids and recordings.

The code that makes pages lies in a later package. It is found by name, and only when something is displayed.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from ncaengine.core.errors import NCAError


def module() -> ModuleType:
    """Import and return what makes displays."""
    return import_module("ncaengine.viewer.notebook.display")


class Displayed:
    """Base of what a notebook displays when it is the last value of a cell."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Any:
        try:
            found = module().of(self)
        except NCAError:  # for example a model that runs on no kernel; its text says what it is
            return {}
        return found.bundle() if found else {}
