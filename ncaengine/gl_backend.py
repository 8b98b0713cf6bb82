"""The GPU's side of a grid: state in two image arrays, weights in a buffer, one dispatch a step and model.

The state lies in rgba32f images rather than in a buffer because llvmpipe loads them twice as fast
(2.4 against 1.2 million cell-steps a second at 256², measured side by side on one busy machine).
"""

from collections.abc import Sequence

import moderngl
import numpy as np

from ncaengine import glsl
from ncaengine.errors import NCAError
from ncaengine.fields import MAX_MODELS, PLANE, plain
from ncaengine.gl_canvas import Canvas, Shown, set_uniforms
from ncaengine.gl_edit import Editor
from ncaengine.gl_passes import Passes, Programs, compiled
from ncaengine.gpu import SHARED_BYTES, Device, headless
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Model
from ncaengine.pcg import fire_threshold
from ncaengine.seeding import check_models
from ncaengine.stepcode import Frame
from ncaengine.view import I32, RGB, U8, Look, View


class GLCells:
    """See backend.Cells."""

    def __init__(self, backend: "GLBackend") -> None:
        self._backend, self._ctx = backend, backend.device.ctx
        self._images: list[moderngl.TextureArray] = []
        self._weights: list[moderngl.Buffer] = []
        self._models: list[Model] = []
        self._programs: dict[Frame, list[Programs]] = {}
        self._kernel: Kernel | None = None
        self._size = (0, 0)
        self._fields: moderngl.Texture | None = None
        self._numbers = [0]  # those that the model field holds; other models need no pass
        self._frame: Frame = ""
        self._stepped = False
        self._passes = Passes(backend)

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        models = [model, *others]
        check_models(models)
        # Compiled before anything changes: of the two programs that which the settings asked for last.
        frame: Frame = self._frame or ("turned" if others else "")
        programs = [self._backend.step_programs(each, kernel, frame) for each in models]
        self._drop_weights()
        self._weights = [self._ctx.buffer(glsl.pack_weights(each).tobytes()) for each in models]
        self._models, self._kernel, self._programs = models, kernel, {frame: programs}

    def write(self, state: F32) -> None:
        height, width, channels = state.shape
        count = -(-channels // 4)
        room = (self._backend.room(width), self._backend.room(height), count)
        if not self._images or self._images[0].size != room:
            fresh = self._allocate(*room)
            self._drop_images()
            self._images = fresh
        planes = np.zeros((count, height, width, 4), np.float32)
        for k in range(count):
            part = state[..., 4 * k : 4 * k + 4]
            planes[k, ..., : part.shape[2]] = part
        self._images[0].write(planes, viewport=(0, 0, 0, width, height, count))
        self._size, self._stepped = (width, height), False

    @property
    def _previous(self) -> moderngl.TextureArray:
        """The state before the last step; after a write the state itself."""
        return self._images[1 if self._stepped else 0]

    def _allocate(self, width: int, height: int, count: int) -> list[moderngl.TextureArray]:
        """Two images; the present ones live on if there is no memory for them."""
        images = [self._ctx.texture_array((width, height, count), 4, dtype="f4") for _ in range(2)]
        if self._ctx.error == "GL_OUT_OF_MEMORY":
            for image in images:
                image.release()
            raise NCAError(f"The device has not enough memory for {width}x{height} cells.")
        for image in images:
            image.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return images

    def _drop_images(self) -> None:
        for image in self._images:
            image.release()
        self._images = []

    def read(self) -> F32:
        width, height = self._size
        across, down, count = self._images[0].size
        # Four channels as one number of sixteen bytes, whatever it means: six times as fast to bring into order.
        planes = np.frombuffer(self._images[0].read(), np.complex128).reshape(count, down, across)
        fours = np.empty((height, width, count), np.complex128)
        for layer in range(count):
            fours[..., layer] = planes[layer, :height, :width]
        return np.ascontiguousarray(fours.view(np.float32)[..., : self._models[0].config.channels])

    def write_fields(self, fields: F32 | None) -> None:
        old = self._fields
        if fields is None:
            self._fields, self._numbers = None, [0]
        else:
            height, width = fields.shape[:2]
            room = self._backend.room(width), self._backend.room(height)
            if old is None or old.size != room:
                self._fields = self._allocate_fields(*room)
            assert self._fields is not None
            self._fields.write(np.ascontiguousarray(fields, np.float32), (0, 0, width, height))
            numbers = np.clip(fields[..., PLANE["model"]] + np.float32(0.5), 0, MAX_MODELS - 1).astype(int)
            self._numbers = np.flatnonzero(np.bincount(numbers.ravel())).tolist()
        if old is not None and old is not self._fields:
            old.release()

    def _allocate_fields(self, width: int, height: int) -> moderngl.Texture:
        fresh = self._ctx.texture((width, height), 4, dtype="f4")
        if self._ctx.error == "GL_OUT_OF_MEMORY":
            fresh.release()
            raise NCAError(f"The device has not enough memory for fields of {width}x{height} cells.")
        fresh.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return fresh

    def read_cells(self, cells: I32) -> F32:
        return self._backend.editor.gather(self._images[0], cells, self._models[0].config.channels)

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        self._backend.editor.blend(self._images[0], cells, weight, target)

    def step(
        self, number: int, rng_seed: int, fire_rate: float, scale: float = 1.0, angle: float = 0.0,
        aspect: float = 1.0, dt: float = 1.0,
    ) -> None:  # fmt: skip
        assert self._kernel is not None
        width, height = self._size
        plain = self._fields is None and (scale, angle, dt) == (1, 0, 1) and len(self._models) == 1
        self._frame = "stretched" if aspect != 1 else "" if plain else "turned"
        uniforms = {
            "size": self._size,
            "row_shift": self._kernel.row_shift(height) % width,
            "step_number": number & 0xFFFFFFFF,
            "rng_seed": rng_seed & 0xFFFFFFFF,
            "fire_threshold": fire_threshold(fire_rate),
        }
        if self._frame:
            uniforms |= {"scale": scale, "angle": angle, "aspect": aspect, "dt": dt}
            uniforms |= {"fire_rate": fire_rate, "models": len(self._models)}
            (self._fields or self._backend.plain_fields).bind_to_image(3, read=True, write=False)
        before, after = self._images
        group = glsl.GROUP[self._backend.device.form]
        programs, last = self._step_programs(), len(self._models) - 1
        for slot in {min(number, last) for number in self._numbers}:
            config, step = self._models[slot].config, programs[slot].step
            more = self._passes.before(programs[slot], config, self._kernel, before, self._size, self._frame)
            before.bind_to_image(0, read=True, write=False)
            after.bind_to_image(1, read=False, write=True)
            set_uniforms(step, {**uniforms, **more, "slot": slot})
            self._weights[slot].bind_to_storage_buffer(2)
            step.run(-(-width // group[0]), -(-height // group[1]))
        self._ctx.memory_barrier()
        self._passes.after(programs[0], self._kernel, before, after, self._size)
        self._images, self._stepped = [after, before], True

    def _step_programs(self) -> list[Programs]:
        """Of each model the programs that this step needs; compiled at the first."""
        assert self._kernel is not None
        if self._frame not in self._programs:
            self._programs[self._frame] = [
                self._backend.step_programs(model, self._kernel, self._frame) for model in self._models
            ]
        return self._programs[self._frame]

    def draw(self, view: View, look: Look = RGB) -> U8:
        target = self._backend.offscreen(view.width, view.height)
        self.draw_into(target, view, look)
        pixels = np.frombuffer(target.read(components=4, alignment=1), np.uint8)
        return np.ascontiguousarray(pixels.reshape(view.height, view.width, 4)[..., :3])

    def draw_into(self, target: moderngl.Framebuffer, view: View, look: Look = RGB, lines: float = 0.0) -> None:
        """Draw a view, first row at the bottom of the framebuffer (which a texture shows at its top).

        `lines`, 0 … 1: how dark the lines between cells are.
        """
        assert self._kernel is not None
        config = self._models[0].config
        now = Shown(self._images[0], self._previous, self._fields, self._size, self._kernel, config)
        self._backend.canvas.draw(target, view, look, now, lines)

    def release(self) -> None:
        self._drop_images()
        self._drop_weights()
        self._passes.release()
        self.write_fields(None)

    def _drop_weights(self) -> None:
        for buffer in self._weights:
            buffer.release()
        self._weights = []


class GLBackend:
    """See backend.Backend. `device` is a window's; without one a context is made and owned."""

    name = "gl"

    def __init__(self, device: Device | None = None) -> None:
        self._owns = device is None
        self.device = device or Device(headless())
        self.description, self.max_side = self.device.description, self.device.max_side
        self.canvas, self.editor = Canvas(self.device), Editor(self.device)
        # A cell's defaults; the step repeats the edge. The side is that of `room`.
        self.plain_fields = self.device.ctx.texture((3, 3), 4, plain(3, 3).tobytes(), dtype="f4")
        self._offscreen: moderngl.Framebuffer | None = None

    def step_programs(self, model: Model, kernel: Kernel, frame: Frame = "") -> Programs:
        """The compiled step of a model on a kernel, from the cache if it was there.

        See stepcode.Frame.
        """
        return compiled(self.device, model.config, kernel, frame, SHARED_BYTES)

    def cells(self) -> GLCells:
        return GLCells(self)

    def offscreen(self, width: int, height: int) -> moderngl.Framebuffer:
        """An RGBA8 framebuffer of this size; the last one is kept."""
        if self._offscreen is None or self._offscreen.size != (width, height):
            fresh = self.device.ctx.framebuffer([self.device.ctx.texture((width, height), 4)])
            self._drop_offscreen()  # not before: moderngl binds again what was in use, which must still be there
            self._offscreen = fresh
        return self._offscreen

    def _drop_offscreen(self) -> None:
        if self._offscreen is not None:
            for texture in self._offscreen.color_attachments:
                texture.release()
            self._offscreen.release()
            self._offscreen = None

    def room(self, side: int) -> int:
        """The side of an image that holds `side` cells: not a power of 2, where that is possible.

        llvmpipe compiles a program anew, for seconds, when a side of an image becomes a power of 2 or
        ceases to be one; this way no resize waits for that.
        """
        return min(side if side & (side - 1) else max(side + 1, 3), self.max_side)

    def finish(self) -> None:
        self.device.ctx.finish()

    def release(self) -> None:
        self._drop_offscreen()
        self.canvas.release()
        self.editor.release()
        self.plain_fields.release()
        self.device.release()
        if self._owns:
            self.device.ctx.release()
