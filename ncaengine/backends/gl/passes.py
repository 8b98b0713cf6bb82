"""The dispatches of a step: list the cells that fire, or perceive at coarser scales; step; let cells die."""

from collections.abc import Mapping
from dataclasses import dataclass

import moderngl
import numpy as np

from ncaengine.backends.gl.canvas import set_uniforms
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.core.errors import NCAError
from ncaengine.core.integration import PLACES, Stage, stage_config
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config
from ncaengine.core.types import Size

FIRST_COARSE, LIFE, LISTED = 4, 7, 8
"""Bindings of shaders/step.comp: two images, and a buffer."""
TURN_BYTES = 16
"""Bytes of each of the two entries that precede the list, see shaders/include/listed.glsl."""
Image = moderngl.Texture | moderngl.TextureArray


@dataclass(frozen=True)
class StepPrograms:
    """All programs of a step of one model on one kernel; None for those that it doesn't need."""

    form: Form
    copied: bool
    """Whether the driver copies the state before the step, so that the programs need not copy cells that don't fire."""
    step: moderngl.ComputeShader
    shrink: moderngl.ComputeShader | None = None
    coarse: moderngl.ComputeShader | None = None
    alive: moderngl.ComputeShader | None = None
    pick: moderngl.ComputeShader | None = None
    combine: tuple[moderngl.ComputeShader, moderngl.ComputeShader] | None = None
    """Those of a stage of an integrator, and of the last one."""


def compile_step(
    device: Device, config: Config, kernel: Kernel, frame: FrameKind, cover: Cover, form: Form, shared_bytes: int
) -> StepPrograms:
    """Compile the programs of a step, or take them from the device's cache. Raises NCAError.

    frame, cover, form: see shader.perception.
    shared_bytes: the device's memory of a workgroup.
    """
    coarse = bool(perception.coarse_scales(config))
    stage = stage_config(config)
    copied = device.copier is not None and cover != "every" and not stage.alive and not stage.clips.state
    ends = () if config.integrator == "euler" else (False, True)
    first, last = (device.compute(source.combine_source(config, form, end)) for end in ends) if ends else (None, None)
    return StepPrograms(
        form,
        copied,
        device.compute(source.step_source(stage, kernel, form, shared_bytes, frame, cover, copied)),
        device.compute(source.shrink_source(config, form)) if coarse else None,
        device.compute(source.coarse_source(config, kernel, form, frame)) if coarse else None,
        device.compute(source.alive_source(config, kernel, form)) if config.alive else None,
        device.compute(source.pick_source(stage, form, frame, copied)) if cover == "listed" else None,
        (first, last) if first and last else None,
    )


class Passes:
    """A grid's passes and their images, which are allocated when first needed and kept while they fit."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._images: dict[str, Image] = {}
        self._list: moderngl.Buffer | None = None
        self._turn = 0

    def before(
        self, programs: StepPrograms, config: Config, kernel: Kernel, state: moderngl.TextureArray, size: Size,
        frame: FrameKind,
    ) -> dict[str, object]:  # fmt: skip
        """Run the passes before a step, and bind the images that it needs besides the state; return its uniforms."""
        if programs.alive:
            self._image("life", size, 0).bind_to_image(LIFE, read=False, write=True)
        uniforms = dict[str, object]()
        perceived: list[Image] = []
        for n, scale in enumerate(perception.coarse_scales(config)):
            assert programs.shrink
            assert programs.coarse
            small = coarse_size(size, scale)
            shift = kernel.row_shift(small[1]) % small[0]
            shrunk = self._image(f"state {n}", small, perception.layers(config))
            fine: dict[str, object] = {"fine_size": size, "fine_row_shift": kernel.row_shift(size[1]) % size[0]}
            self._run(programs.form, programs.shrink, small, fine, state, shrunk)
            count = len(perception.stencils(config, frame)) * perception.layers(config)
            perceived.append(self._image(f"perception {n}", small, count))
            self._run(programs.form, programs.coarse, small, {"row_shift": shift}, shrunk, perceived[-1])
            uniforms |= {f"coarse_size_{n}": small, f"coarse_row_shift_{n}": shift}
        for n, image in enumerate(perceived):
            image.bind_to_image(FIRST_COARSE + n, read=True, write=False)
        return uniforms

    def step(self, programs: StepPrograms, size: Size, covered: Size, uniforms: dict[str, object]) -> None:
        """Run the step itself, whose images are bound.

        size: (width, height) of the grid. covered: that of its part that invocations cover, where cells aren't listed.
        """
        form = programs.form
        if not programs.pick:
            set_uniforms(programs.step, uniforms)
            rows = -(-covered[1] // network.CELLS[form])
            programs.step.run(*source.groups(form, (covered[0], rows)))
            return
        listed, turn = self._list_for(size[0] * size[1]), {"turn": self._turn}
        listed.bind_to_storage_buffer(LISTED)
        set_uniforms(programs.pick, uniforms | turn)
        programs.pick.run(*source.groups(form, size))
        self._device.ctx.memory_barrier()
        set_uniforms(programs.step, uniforms | turn)
        programs.step.run_indirect(listed, self._turn * TURN_BYTES)
        self._device.ctx.memory_barrier()  # the next model's list overwrites this one
        self._turn = 1 - self._turn

    def _list_for(self, cells: int) -> moderngl.Buffer:
        """Return a buffer that can list so many cells; both turns of a new one are empty."""
        size = 2 * TURN_BYTES + 4 * cells
        if self._list is None or self._list.size < size:
            buffer = self._device.ctx.buffer(reserve=size)
            if self._device.out_of_memory(buffer):
                raise NCAError(f"The device has too little memory for a step of {cells} cells.")
            buffer.write(np.array([0, 1, 1, 0] * 2, np.uint32).tobytes())
            if self._list is not None:
                self._list.release()
            self._list = buffer
        return self._list

    def after(
        self,
        programs: StepPrograms,
        kernel: Kernel,
        before: moderngl.TextureArray,
        after: moderngl.TextureArray,
        size: Size,
    ) -> None:
        """Set the cells that are not alive to 0."""
        if programs.alive:
            self._image("life", size, 0).bind_to_image(LIFE, read=True, write=False)
            shift = kernel.row_shift(size[1]) % size[0]
            self._run(programs.form, programs.alive, size, {"row_shift": shift}, before, after, reads_after=True)

    def combine(
        self, programs: StepPrograms, stage: Stage, kept: Mapping[int, Image], stepped: Image, result: Image, size: Size
    ) -> None:
        """Add up a stage of an integrator; see core.integration.

        kept: the states by their places; 0 is the one before the step.
        stepped: what the stage's Euler step gave.
        """
        assert programs.combine
        if programs.alive:
            self._image("life", size, 0).bind_to_image(LIFE, read=False, write=True)
        stepped.bind_to_image(2, read=True, write=False)
        shares = [stage.own]
        for place in range(1, PLACES + 1):
            kept.get(place, kept[0]).bind_to_image(2 + place, read=True, write=False)
            shares.append(stage.shares.get(place, 0.0))
        program = programs.combine[stage.into is None]
        self._run(programs.form, program, size, {"shares": tuple(shares)}, kept[0], result)

    def _run(
        self, form: Form, program: moderngl.ComputeShader, size: Size, uniforms: dict[str, object], before: Image,
        after: Image, reads_after: bool = False,
    ) -> None:  # fmt: skip
        """Run one dispatch from an image into another."""
        set_uniforms(program, {"size": size, **uniforms})
        before.bind_to_image(0, read=True, write=False)
        after.bind_to_image(1, read=reads_after, write=True)
        program.run(*source.groups(form, size))
        self._device.ctx.memory_barrier()

    def _image(self, name: str, size: Size, layers: int) -> Image:
        """Return an image for (width, height) cells, of `layers` vec4 layers or, if 0, of one float."""
        sides = self._device.image_side(size[0]), self._device.image_side(size[1])
        found = self._images.get(name)
        if found is None or found.size != ((*sides, layers) if layers else sides):
            ctx = self._device.ctx
            image: Image = (
                ctx.texture_array((*sides, layers), 4, dtype="f4") if layers else ctx.texture(sides, 1, dtype="f4")
            )
            if self._device.out_of_memory(image):
                raise NCAError(f"The device has too little memory for a step of {size[0]}x{size[1]} cells.")
            if found is not None:
                found.release()
            self._images[name] = found = image
        return found

    def release(self) -> None:
        """Free the images and the list."""
        for image in self._images.values():
            image.release()
        self._images.clear()
        if self._list is not None:
            self._list.release()
            self._list = None


def coarse_size(size: Size, scale: int) -> Size:
    """Return (width, height) of a grid at a coarser scale, at least one cell."""
    return max(size[0] >> scale, 1), max(size[1] >> scale, 1)
