"""ncaengine: a real-time engine for texture neural cellular automata.

import ncaengine as nca

    sim = nca.Simulation()
    dots = sim.add(nca.load("dots.pt"), size=(256, 256))
    with nca.Recording("dots.mp4", sim, dots, fps=60) as video:
        video.run(seconds=10)
    state = dots.state()            # (height, width, channels) float32

Each name is imported when it is first used, so `import ncaengine` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ncaengine._version import __version__ as __version__

if TYPE_CHECKING:
    from ncaengine.backends import open_backend
    from ncaengine.core.errors import NCAError
    from ncaengine.core.looks import Look
    from ncaengine.formats.model_files import load, save
    from ncaengine.io.film import Film
    from ncaengine.io.sessions import fingerprint, open_session, save_session
    from ncaengine.io.video import Recording
    from ncaengine.simulation.commands import (
        AddGrid,
        Blend,
        Copy,
        Duplicate,
        Fill,
        Load,
        Mark,
        Paint,
        Redo,
        RemoveGrid,
        Reseed,
        Resize,
        Revive,
        Rewind,
        Set,
        SetBackdrop,
        SetKernel,
        SetModel,
        Show,
        Step,
        Undo,
    )
    from ncaengine.simulation.simulation import Simulation


_NAMES = {
    "simulation.commands": [
        "AddGrid", "Blend", "Copy", "Duplicate", "Fill", "Load", "Mark", "Paint", "Redo", "RemoveGrid", "Reseed",
        "Resize", "Revive", "Rewind", "Set", "SetBackdrop", "SetKernel", "SetModel", "Show", "Step", "Undo",
    ],
    "core.errors": ["NCAError"],
    "formats.model_files": ["load", "save"],
    "io.film": ["Film"],
    "io.video": ["Recording"],
    "io.sessions": ["fingerprint", "open_session", "save_session"],
    "simulation.simulation": ["Simulation"],
    "backends": ["open_backend"],
    "core.looks": ["Look"],
}  # fmt: skip
_MODULES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = [
    "AddGrid", "Blend", "Copy", "Duplicate", "Fill", "Film", "Load", "Look", "Mark", "NCAError", "Paint", "Recording",
    "Redo", "RemoveGrid", "Reseed", "Resize", "Revive", "Rewind", "Set", "SetBackdrop", "SetKernel", "SetModel", "Show",
    "Simulation", "Step", "Undo", "fingerprint", "load", "open_backend", "open_session", "save", "save_session",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"ncaengine.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'ncaengine' has no attribute {name!r}")
