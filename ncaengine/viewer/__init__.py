"""The window of `ncaengine view`: the only part that uses imgui and glfw.

show(models, Options(kernel="hexagonal"), kernels.discover())
"""

from ncaengine.viewer.parts import Options
from ncaengine.viewer.reload import Watch
from ncaengine.viewer.unseen import screenshot
from ncaengine.viewer.window import show

__all__ = ["Options", "Watch", "screenshot", "show"]
