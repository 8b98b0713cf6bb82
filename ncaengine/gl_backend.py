"""The GPU's side of a grid: state in two image arrays, weights in a buffer, one dispatch a step.

The state lies in rgba32f images rather than in a buffer because llvmpipe loads them twice as fast
(2.4 against 1.2 million cell-steps a second at 256², measured side by side on one busy machine).
"""

import moderngl
import numpy as np

from ncaengine import glsl
from ncaengine.errors import NCAError
from ncaengine.gpu import SHARED_BYTES, Device, headless
from ncaengine.kernels import Kernel
from ncaengine.model import F32, Model
from ncaengine.pcg import fire_threshold
from ncaengine.view import U8, View


class GLCells:
    """See backend.Cells."""

    def __init__(self, backend: "GLBackend") -> None:
        self._backend, self._ctx = backend, backend.device.ctx
        self._images: list[moderngl.TextureArray] = []
        self._weights: moderngl.Buffer | None = None
        self._model: Model | None = None
        self._kernel: Kernel | None = None
        self._size = (0, 0)

    def specialise(self, model: Model, kernel: Kernel) -> None:
        program = self._backend.step_program(model, kernel)
        if model is not self._model:
            if self._weights:
                self._weights.release()
            self._weights = self._ctx.buffer(glsl.pack_weights(model).tobytes())
        self._program, self._model, self._kernel = program, model, kernel

    def write(self, state: F32) -> None:
        height, width, channels = state.shape
        count = -(-channels // 4)
        room = (_room(width, self._backend.max_side), _room(height, self._backend.max_side), count)
        if not self._images or self._images[0].size != room:
            fresh = self._allocate(*room)
            self._drop_images()
            self._images = fresh
        planes = np.zeros((count, height, width, 4), np.float32)
        for k in range(count):
            part = state[..., 4 * k : 4 * k + 4]
            planes[k, ..., : part.shape[2]] = part
        self._images[0].write(planes, viewport=(0, 0, 0, width, height, count))
        self._size = (width, height)

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
        assert self._model is not None
        width, height = self._size
        across, down, count = self._images[0].size
        planes = np.frombuffer(self._images[0].read(), np.float32).reshape(count, down, across, 4)
        flat = planes[:, :height, :width].transpose(1, 2, 0, 3).reshape(height, width, -1)
        return np.ascontiguousarray(flat[..., : self._model.config.channels])

    def step(self, number: int, rng_seed: int, fire_rate: float) -> None:
        assert self._kernel is not None
        assert self._weights is not None
        width, height = self._size
        uniforms = {
            "size": self._size,
            "row_shift": self._kernel.row_shift(height) % width,
            "step_number": number & 0xFFFFFFFF,
            "rng_seed": rng_seed & 0xFFFFFFFF,
            "fire_threshold": fire_threshold(fire_rate),
        }
        _set(self._program, uniforms)
        before, after = self._images
        before.bind_to_image(0, read=True, write=False)
        after.bind_to_image(1, read=False, write=True)
        self._weights.bind_to_storage_buffer(2)
        group = glsl.GROUP[self._backend.device.form]
        self._program.run(-(-width // group[0]), -(-height // group[1]))
        self._ctx.memory_barrier()
        self._images = [after, before]

    def draw(self, view: View) -> U8:
        target = self._backend.offscreen(view.width, view.height)
        self.draw_into(target, view)
        pixels = np.frombuffer(target.read(components=4, alignment=1), np.uint8)
        return np.ascontiguousarray(pixels.reshape(view.height, view.width, 4)[..., :3])

    def draw_into(self, target: moderngl.Framebuffer, view: View, lines: float = 0.0) -> None:
        """Draw a view, first row at the bottom of the framebuffer (which a texture shows at its top).

        `lines`, 0 … 1: how dark the lines between cells are.
        """
        assert self._model is not None
        assert self._kernel is not None
        kernel, colour = self._kernel, self._model.config.colour
        target.use()
        target.viewport = (0, 0, view.width, view.height)
        self._images[0].use(0)
        uniforms = {
            "size": self._size,
            "basis_x": kernel.basis[0],
            "basis_y": kernel.basis[1],
            "row_shift": kernel.row_shift(self._size[1]),
            "origin": (view.x, view.y),
            "scale": view.scale,
            "samples": view.samples(kernel),
            "colour": (colour.scale, colour.offset),
            "lines": lines,
        }
        program, triangle = self._backend.canvas(view.aligned(kernel))
        _set(program, uniforms)
        self._ctx.disable(moderngl.BLEND | moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._ctx.disable_direct(0x0C11)  # GL_SCISSOR_TEST, which a user interface may have left on
        triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        self._drop_images()
        if self._weights:
            self._weights.release()
            self._weights = None


class GLBackend:
    """See backend.Backend. `device` is a window's; without one a context is made and owned."""

    name = "gl"

    def __init__(self, device: Device | None = None) -> None:
        self._owns = device is None
        self.device = device or Device(headless())
        self.description, self.max_side = self.device.description, self.device.max_side
        self._canvas: dict[bool, tuple[moderngl.Program, moderngl.VertexArray]] = {}
        self._offscreen: moderngl.Framebuffer | None = None

    def step_program(self, model: Model, kernel: Kernel) -> moderngl.ComputeShader:
        """The compiled step of a model on a kernel, from the cache if it was there."""
        return self.device.compute(glsl.step_source(model.config, kernel, self.device.form, SHARED_BYTES))

    def cells(self) -> GLCells:
        return GLCells(self)

    def canvas(self, aligned: bool) -> tuple[moderngl.Program, moderngl.VertexArray]:
        """The program that draws lattices and its triangle; a simpler one for aligned views."""
        if aligned not in self._canvas:
            fragment = glsl.assemble("canvas.frag", {"ALIGNED": 1} if aligned else {})
            program = self.device.render(glsl.assemble("canvas.vert"), fragment)
            self._canvas[aligned] = program, self.device.ctx.vertex_array(program, [])
        return self._canvas[aligned]

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

    def finish(self) -> None:
        self.device.ctx.finish()

    def release(self) -> None:
        self._drop_offscreen()
        for program, triangle in self._canvas.values():
            triangle.release()
            program.release()
        self.device.release()
        if self._owns:
            self.device.ctx.release()


def _room(side: int, most: int) -> int:
    """The side of an image that holds `side` cells: not a power of 2, where that is possible.

    llvmpipe compiles a program anew, for seconds, when a side of an image becomes a power of 2 or
    ceases to be one; this way no resize waits for that.
    """
    room = side if side & (side - 1) else max(side + 1, 3)
    return min(room, most)


def _set(program: moderngl.ComputeShader | moderngl.Program, uniforms: dict[str, object]) -> None:
    """Set those uniforms that the linked program still has: a square kernel has no row shift."""
    for name, value in uniforms.items():
        if name in program:
            program[name] = value
