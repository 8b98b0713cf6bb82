"""The window of `ncaengine view`: the only part that uses imgui and glfw.

show(models, Options(kernel="hexagonal"), kernels.discover())
"""

from ncaengine.viewer.screenshot import screenshot
from ncaengine.viewer.state.file_watch import Watch
from ncaengine.viewer.state.pane import Options
from ncaengine.viewer.window import show

__all__ = ["Options", "Watch", "screenshot", "show"]
