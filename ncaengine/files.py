"""Where programs written for earlier versions find `load` and `save` of models; new ones take them from `ncaengine`."""

from ncaengine.formats.model_files import load, open_file, save

__all__ = ["load", "open_file", "save"]
