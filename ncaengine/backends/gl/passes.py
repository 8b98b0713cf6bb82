"""What some steps need beside their one dispatch: the list of cells that fire, or perception at coarser scales, before
it; life and death after it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import moderngl
import numpy as np

from ncaengine.backends.gl.canvas import set_uniforms
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config
from ncaengine.core.types import Size

if TYPE_CHECKING:
    from ncaengine.backends.gl.backend import GLBackend

FIRST_COARSE, FRESH, LISTED = 4, 7, 8
"""Bindings of shaders/step.comp: images, and a buffer."""
TURN_BYTES = 16
"""Of what stands before the list for each of two turns, see shaders/include/listed.glsl."""
Image = moderngl.Texture | moderngl.TextureArray


@dataclass(frozen=True)
class StepPrograms:
    """All programs of a step of one model on one kernel; None for those that it needs not.

    copied: before them the driver copies the state, so that they need not copy the cells that do not fire.
    """

    form: Form
    copied: bool
    step: moderngl.ComputeShader
    shrink: moderngl.ComputeShader | None = None
    coarse: moderngl.ComputeShader | None = None
    alive: moderngl.ComputeShader | None = None
    pick: moderngl.ComputeShader | None = None


def compile_step(
    device: Device, config: Config, kernel: Kernel, frame: FrameKind, cover: Cover, form: Form, shared_bytes: int
) -> StepPrograms:
    """The programs of a step, from the device's cache if they were there. See perception.FrameKind, Cover and Form.

    Raises NCAError.
    """
    coarse = bool(perception.coarse(config))
    copied = device.copier is not None and cover != "every" and not config.alive and not config.clips.state
    return StepPrograms(
        form,
        copied,
        device.compute(source.step_source(config, kernel, form, shared_bytes, frame, cover, copied)),
        device.compute(source.shrink_source(config, form)) if coarse else None,
        device.compute(source.coarse_source(config, kernel, form, frame)) if coarse else None,
        device.compute(source.alive_source(config, kernel, form)) if config.alive else None,
        device.compute(source.pick_source(config, form, frame, copied)) if cover == "listed" else None,
    )


class Passes:
    """A grid's passes and their images, which are made when first needed and kept while they fit."""

    def __init__(self, backend: "GLBackend") -> None:
        self._backend = backend
        self._images: dict[str, Image] = {}
        self._list: moderngl.Buffer | None = None
        self._turn = 0

    def before(
        self,
        programs: StepPrograms,
        config: Config,
        kernel: Kernel,
        state: moderngl.TextureArray,
        size: Size,
        frame: FrameKind,
    ) -> dict[str, object]:
        """Bind what the step of a model reads and writes beside the state; returns the uniforms that tell of it."""
        if programs.alive:
            self._image("fresh", size, 0).bind_to_image(FRESH, read=False, write=True)
        uniforms = dict[str, object]()
        perceived: list[Image] = []
        for n, scale in enumerate(perception.coarse(config)):
            assert programs.shrink
            assert programs.coarse
            small = coarse_size(size, scale)
            shift = kernel.row_shift(small[1]) % small[0]
            shrunk = self._image(f"state {n}", small, perception.layers(config))
            settings: dict[str, object] = {"from_size": size, "from_shift": kernel.row_shift(size[1]) % size[0]}
            self._run(programs.shrink, small, settings, state, shrunk)
            count = len(perception.stencils(config, frame)) * perception.layers(config)
            perceived.append(self._image(f"perception {n}", small, count))
            self._run(programs.coarse, small, {"row_shift": shift}, shrunk, perceived[-1])
            uniforms |= {f"coarse_size_{n}": small, f"coarse_shift_{n}": shift}
        for n, image in enumerate(perceived):
            image.bind_to_image(FIRST_COARSE + n, read=True, write=False)
        return uniforms

    def step(self, programs: StepPrograms, size: Size, covered: Size, uniforms: dict[str, object]) -> None:
        """The step itself, whose images are bound; without a list it runs over a grid of (width, height) `covered`."""
        form = programs.form
        if not programs.pick:
            set_uniforms(programs.step, uniforms)
            rows = -(-covered[1] // network.CELLS[form])
            programs.step.run(*source.groups(form, (covered[0], rows)))
            return
        listed, turn = self._room_for(size[0] * size[1]), {"turn": self._turn}
        listed.bind_to_storage_buffer(LISTED)
        set_uniforms(programs.pick, uniforms | turn)
        programs.pick.run(*source.groups(form, size))
        self._backend.device.ctx.memory_barrier()
        set_uniforms(programs.step, uniforms | turn)
        programs.step.run_indirect(listed, self._turn * TURN_BYTES)
        self._backend.device.ctx.memory_barrier()  # the next model's list takes the place of this one's
        self._turn = 1 - self._turn

    def _room_for(self, cells: int) -> moderngl.Buffer:
        """The list, for so many cells at most; a new one has two turns that nothing was listed for."""
        size = 2 * TURN_BYTES + 4 * cells
        if self._list is None or self._list.size < size:
            ctx = self._backend.device.ctx
            fresh = ctx.buffer(reserve=size)
            if ctx.error == "GL_OUT_OF_MEMORY":
                fresh.release()
                raise NCAError(f"The device has not enough memory for a step of {cells} cells.")
            fresh.write(np.array([0, 1, 1, 0] * 2, np.uint32).tobytes())
            if self._list is not None:
                self._list.release()
            self._list = fresh
        return self._list

    def after(
        self,
        programs: StepPrograms,
        kernel: Kernel,
        before: moderngl.TextureArray,
        after: moderngl.TextureArray,
        size: Size,
    ) -> None:
        """Let cells die that are not alive."""
        if programs.alive:
            self._image("fresh", size, 0).bind_to_image(FRESH, read=True, write=False)
            shift = kernel.row_shift(size[1]) % size[0]
            self._run(programs.alive, size, {"row_shift": shift}, before, after, True)

    def _run(
        self, program: moderngl.ComputeShader, size: Size, uniforms: dict[str, object], before: Image, after: Image,
        inside: bool = False,
    ) -> None:  # fmt: skip
        """One dispatch from an image into another, which is read as well if `inside`."""
        set_uniforms(program, {"size": size, **uniforms})
        before.bind_to_image(0, read=True, write=False)
        after.bind_to_image(1, read=inside, write=True)
        program.run(*source.groups(self._backend.device.form, size))
        self._backend.device.ctx.memory_barrier()

    def _image(self, name: str, size: Size, layers: int) -> Image:
        """An image of so many vec4 layers, or (0) of one float."""
        room = self._backend.room(size[0]), self._backend.room(size[1])
        found = self._images.get(name)
        if found is None or found.size != ((*room, layers) if layers else room):
            ctx = self._backend.device.ctx
            fresh: Image = (
                ctx.texture_array((*room, layers), 4, dtype="f4") if layers else ctx.texture(room, 1, dtype="f4")
            )
            if ctx.error == "GL_OUT_OF_MEMORY":
                fresh.release()
                raise NCAError(f"The device has not enough memory for a step of {size[0]}x{size[1]} cells.")
            if found is not None:
                found.release()
            self._images[name] = found = fresh
        return found

    def release(self) -> None:
        """Give the images back."""
        for image in self._images.values():
            image.release()
        self._images.clear()
        if self._list is not None:
            self._list.release()
            self._list = None


def coarse_size(size: Size, scale: int) -> Size:
    """(width, height) of a grid at a coarser scale, at least one cell."""
    return max(size[0] >> scale, 1), max(size[1] >> scale, 1)
