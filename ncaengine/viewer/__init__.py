"""The window of `ncaengine view`.

window.show(models, Options(kernel="hexagonal"), kernels.discover())
"""

from importlib import import_module


def __getattr__(name: str) -> object:
    if name == "autosave":  # where programs written for earlier versions find it
        return import_module("ncaengine.viewer.actions.autosave")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
