"""The GPU as a backend: a device with its grids."""

from ncaengine.backends.gl import headless
from ncaengine.backends.gl.cells import GLCells
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.llvmpipe import threads
from ncaengine.backends.gl.shader import perception
from ncaengine.backends.gl.shared import GLShared
from ncaengine.backends.gl.storage import FLOAT
from ncaengine.core.integration import METHODS
from ncaengine.core.model import Config


class GLBackend(GLShared):
    """See base.Backend."""

    name = "gl"

    def __init__(self, device: Device | None = None, half: bool = False, fragment: bool | None = None) -> None:
        """Use a window's device, or one without a window; see Device for `half` and `fragment`. Raises NCAError."""
        self._joined = device is None
        since = threads()
        super().__init__(device or Device(headless.join(), since=since, half=half, fragment=fragment))
        self.description, self.max_side = self.device.description, self.device.max_side

    def bytes_a_cell(self, config: Config) -> int:
        """Count the state as an array and in the images' order; without a GPU, also the step's two states."""
        kept = max((1 + (stage.into or 0) for stage in METHODS[config.integrator]), default=0)
        states = (
            (2 + kept + bool(config.alive)) * self.device.storage.vec4_bytes if self.device.form == "unrolled" else 0
        )
        return perception.layers(config) * (2 * FLOAT.vec4_bytes + states)

    def cells(self) -> GLCells:
        self.device.check_usable()
        return GLCells(self)

    def finish(self, timeout: float | None = None) -> bool:
        self.device.check_usable()
        if self.parts:
            return self.parts.go_on(timeout)
        self.device.ctx.finish()  # which knows no time limit
        return True

    def release(self) -> None:
        """Free everything, and leave the context without a window."""
        self.device.check_thread()
        if self.device.released:
            return
        super().release()
        if self._joined:
            headless.leave()
