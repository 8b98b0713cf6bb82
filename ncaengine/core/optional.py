"""Packages that are missing, above all those that are installed only with an extra: what needs them says so."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from ncaengine.core.errors import NCAError

PACKAGES = ("torch", "torchvision", "matplotlib")
"""The packages of the extra `train`."""
INSTALL = "pip install 'ncaengine[train]'"
"""What installs them."""
REPAIR = "pip install --force-reinstall ncaengine"
"""What installs ncaengine again, with all packages that it always needs."""


def has_torch() -> bool:
    """Return whether torch can be imported; that takes a second."""
    try:
        import_module("torch")
    except ImportError:
        return False
    return True


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Turn the lack of an optional package into an NCAError that says how to install it.

    what: what needs it, as the start of a sentence.
    """
    try:
        yield
    except ImportError as error:
        if sentence := missing(what, error):
            raise NCAError(sentence) from None
        raise


def missing(what: str, error: ImportError) -> str:
    """Return the sentence about a package that could not be imported, '' if it is part of ncaengine.

    It says how to install an optional package, and how to repair the installation if it lacks another one.
    """
    told = re.findall(r"\w+", f"{error.name or error} {error.path or ''}")  # its path, for torch's part _C
    name = next((name for name in told if name in PACKAGES), "")
    how = f"install it with: {INSTALL}"
    if not name:
        name, how = (error.name or "").partition(".")[0], f"repair ncaengine with: {REPAIR}"
        if name in ("", __package__.partition(".")[0]):
            return ""
    absent = isinstance(error, ModuleNotFoundError)
    problem = "which is not installed" if absent else f"which cannot be loaded ({error})"
    return f"{what} needs {name}, {problem}; {how}"
