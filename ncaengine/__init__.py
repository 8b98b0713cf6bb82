"""ncaengine: a real-time engine for texture neural cellular automata.

import ncaengine as nca

    sim = nca.Simulation()
    dots = sim.add(nca.load("dots.pt"), size=(256, 256))
    with nca.Recording("dots.mp4", sim, dots, fps=60) as video:
        video.run(seconds=10)
    state = dots.state()            # (height, width, channels) float32

Names are looked up when they are used, so that `import ncaengine` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ncaengine.commands import (
        AddGrid,
        Copy,
        Duplicate,
        Fill,
        Load,
        Paint,
        Redo,
        RemoveGrid,
        Reseed,
        Resize,
        Revive,
        Rewind,
        Set,
        SetKernel,
        SetModel,
        Show,
        Step,
        Undo,
    )
    from ncaengine.errors import NCAError
    from ncaengine.files import load, save
    from ncaengine.recording import Film, Recording
    from ncaengine.sessions import fingerprint, open_session, save_session
    from ncaengine.simulation import Simulation, open_backend
    from ncaengine.view import Look

__version__ = "0.1.0"

_HOME = {
    "commands": [
        "AddGrid", "Copy", "Duplicate", "Fill", "Load", "Paint", "Redo", "RemoveGrid", "Reseed", "Resize", "Revive",
        "Rewind", "Set", "SetKernel", "SetModel", "Show", "Step", "Undo",
    ],
    "errors": ["NCAError"],
    "files": ["load", "save"],
    "recording": ["Film", "Recording"],
    "sessions": ["fingerprint", "open_session", "save_session"],
    "simulation": ["Simulation", "open_backend"],
    "view": ["Look"],
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AddGrid", "Copy", "Duplicate", "Fill", "Film", "Load", "Look", "NCAError", "Paint", "Recording", "Redo",
    "RemoveGrid", "Reseed", "Resize", "Revive", "Rewind", "Set", "SetKernel", "SetModel", "Show", "Simulation", "Step",
    "Undo", "fingerprint", "load", "open_backend", "open_session", "save", "save_session",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"ncaengine.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'ncaengine' has no attribute {name!r}")
