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
    from ncaengine.commands import AddGrid, RemoveGrid, Reseed, Resize, Set, SetKernel, SetModel, Step
    from ncaengine.errors import NCAError
    from ncaengine.files import load, save
    from ncaengine.recording import Recording
    from ncaengine.simulation import Simulation, open_backend

__version__ = "0.1.0"

_HOME = {
    "commands": ["AddGrid", "RemoveGrid", "Reseed", "Resize", "Set", "SetKernel", "SetModel", "Step"],
    "errors": ["NCAError"],
    "files": ["load", "save"],
    "recording": ["Recording"],
    "simulation": ["Simulation", "open_backend"],
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AddGrid", "NCAError", "Recording", "RemoveGrid", "Reseed", "Resize", "Set", "SetKernel", "SetModel",
    "Simulation", "Step", "load", "open_backend", "save",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"ncaengine.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'ncaengine' has no attribute {name!r}")
