"""What the grids of a device share: its passes and accesses, a texture to draw into, and the turns of long steps."""

import moderngl

from ncaengine.backends.gl.autotune import Autotuner
from ncaengine.backends.gl.canvas import Canvas
from ncaengine.backends.gl.cell_access import CellAccess
from ncaengine.backends.gl.device import SHARED_BYTES, Device
from ncaengine.backends.gl.parts import Parts
from ncaengine.backends.gl.passes import StepPrograms, compile_step
from ncaengine.backends.gl.point_access import PointAccess
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.backends.gl.textures import StateImages
from ncaengine.core.fields import default_fields
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model


class GLShared:
    """Everything that the grids of a device share."""

    def __init__(self, device: Device) -> None:
        """Compile nothing yet."""
        self.device = device
        self.parts: Parts | None = None
        """In a window, what makes long steps in parts."""
        self.canvas = Canvas(self.device)
        self.cell_access = PointAccess(self.device) if self.device.fragment else CellAccess(self.device)
        self.state_images, self.autotuner = StateImages(self.device), Autotuner(self.device)
        # A cell's defaults; the step repeats the edge. No side is a power of 2, see Device.image_side.
        self.plain_fields = self.device.ctx.texture((3, 3), 4, default_fields(3, 3).tobytes(), dtype="f4")
        self._offscreen: moderngl.Texture | None = None

    def step_programs(
        self, model: Model, kernel: Kernel, frame: FrameKind = "", cover: Cover = "every", form: Form | None = None
    ) -> StepPrograms:
        """Return the compiled step of a model on a kernel, from the cache if it is there.

        frame, cover, form: see shader.perception; form None is the device's first.
        """
        return compile_step(self.device, model, kernel, frame, cover, form or self.device.form, SHARED_BYTES)

    def offscreen(self, width: int, height: int) -> moderngl.Texture:
        """Return an RGBA8 texture of this size; the last one is kept."""
        if self._offscreen is None or self._offscreen.size != (width, height):
            self._drop_offscreen()
            self._offscreen = self.device.ctx.texture((width, height), 4)
        return self._offscreen

    def _drop_offscreen(self) -> None:
        if self._offscreen is not None:
            self._offscreen.release()
            self._offscreen = None

    def release(self) -> None:
        """Free everything, also the device."""
        self._drop_offscreen()
        self.canvas.release()
        self.cell_access.release()
        self.plain_fields.release()
        self.device.release()
