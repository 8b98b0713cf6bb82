"""Find shaders/, plugins/ and assets/: inside the wheel, or next to the package in a checkout."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: Literal["shaders", "plugins", "assets"]) -> Path:
    """Return the folder of shipped files called `name`.

    Raises FileNotFoundError if the installation is broken.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"{name}/ is missing next to {_PACKAGE}; reinstall ncaengine.")
