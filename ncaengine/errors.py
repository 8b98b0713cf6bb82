"""Where programs written for earlier versions find NCAError; new ones take it from `ncaengine`."""

from ncaengine.core.errors import NCAError

__all__ = ["NCAError"]
