"""Packages that are installed only with an extra: what needs them says so in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from ncaengine.core.errors import NCAError

PACKAGES = ("torch", "torchvision", "matplotlib")
"""The packages of the extra `train`."""
INSTALL = "pip install 'ncaengine[train]'"
"""What installs them."""


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
    """Return the sentence about an optional package that could not be imported, '' if it was another package."""
    told = (error.name or str(error)).replace("'", " ").replace(".", " ").split()
    name = next((name for name in told if name in PACKAGES), "")
    if not name:
        return ""
    absent = isinstance(error, ModuleNotFoundError)
    problem = "which is not installed" if absent else f"which cannot be loaded ({error})"
    return f"{what} needs {name}, {problem}; install it with: {INSTALL}"
