"""Where programs written for earlier versions find journals; new ones use `ncaengine replay` and the window."""

from ncaengine.io.journals import Journal
from ncaengine.io.journals import load_journal as load
from ncaengine.io.journals import save_journal as save

__all__ = ["Journal", "load", "save"]
