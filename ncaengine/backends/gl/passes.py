"""The passes of a step: list what fires, or perceive at coarser scales; step; combine stages; let cells die."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import moderngl
import numpy as np

from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.programs import ComputeProgram, Image, Images, Program, Rows, Uniforms
from ncaengine.backends.gl.shader import network, perception, source
from ncaengine.backends.gl.shader.dialect import Part
from ncaengine.backends.gl.shader.perception import Cover, Form, FrameKind
from ncaengine.core.errors import NCAError
from ncaengine.core.integration import PLACES, Stage, stage_config
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.types import Size

LISTED = 8
"""The binding of the buffer in shaders/include/listed.glsl."""
TURN_BYTES = 16
"""Bytes of each of the two entries that precede the list, see shaders/include/listed.glsl."""


@dataclass(frozen=True)
class StepPrograms:
    """All programs of a step of one model on one kernel; None for those that it doesn't need."""

    form: Form
    copied: bool
    """Whether the driver copies the state before the step, so that the programs need not copy cells that don't fire."""
    step: Program
    shrink: Program | None = None
    coarse: Program | None = None
    alive: Program | None = None
    pick: ComputeProgram | None = None
    merge: Program | None = None
    """Where fragment shaders step pairs."""
    combine: tuple[Program, Program] | None = None
    """Those of a stage of an integrator, and of the last one."""


def compile_step(
    device: Device, model: Model, kernel: Kernel, frame: FrameKind, cover: Cover, form: Form, shared_bytes: int
) -> StepPrograms:
    """Compile the programs of a step, or take them from the device's cache. Raises NCAError.

    frame, cover, form: see shader.perception.
    shared_bytes: the device's memory of a workgroup.
    """
    config = model.config
    coarse = bool(perception.coarse_scales(config))
    layers, results = perception.layers(config), perception.layers(config) * len(perception.stencils(config, frame))
    stage = stage_config(config)
    copied = device.copier is not None and cover != "every" and not stage.alive and not stage.clips.state
    # In fragment shaders, processors read constants at least seven times as fast as images or buffers.
    constants = source.pack_weights(model) if device.fragment and form == "unrolled" else None

    def make(function: Callable[..., source.ShaderSource], *arguments: object, count: int = layers) -> Program:
        return device.program(lambda part: function(*arguments, part=part), count)

    def step(part: Part) -> source.ShaderSource:
        return source.step_source(stage, kernel, form, shared_bytes, frame, cover, copied, part, constants)

    ends = () if config.integrator == "euler" else (False, True)
    first, last = (make(source.combine_source, config, form, end) for end in ends) if ends else (None, None)
    return StepPrograms(
        form,
        copied,
        device.program(step, layers),
        make(source.shrink_source, config, form) if coarse else None,
        make(source.coarse_source, config, kernel, form, frame, count=results) if coarse else None,
        make(source.alive_source, config, kernel, form) if config.alive else None,
        device.compute(source.pick_source(stage, form, frame, copied)) if cover == "listed" else None,
        make(source.merge_source, stage, form) if cover == "pairs" and device.fragment else None,
        (first, last) if first and last else None,
    )


class Passes:
    """A grid's passes and their images, which are allocated when first needed and kept while they fit."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._images: dict[str, moderngl.TextureArray] = {}
        self._list: moderngl.Buffer | None = None
        self._turn = 0

    def perceive_coarsely(
        self, programs: StepPrograms, config: Config, kernel: Kernel, state: Image, size: Size, frame: FrameKind
    ) -> tuple[Images, Uniforms]:
        """Apply the stencils at the coarser scales; return what the step reads of it."""
        reads, uniforms = dict[str, Image](), dict[str, object]()
        for n, scale in enumerate(perception.coarse_scales(config)):
            assert programs.shrink
            assert programs.coarse
            small = coarse_size(size, scale)
            shift = kernel.row_shift(small[1]) % small[0]
            shrunk = self._image(f"state {n}", small, perception.layers(config))
            fine = {"size": small, "fine_size": size, "fine_row_shift": kernel.row_shift(size[1]) % size[0]}
            programs.shrink.run(small, {"before": state}, {"after": shrunk}, fine)
            count = len(perception.stencils(config, frame)) * perception.layers(config)
            reads[f"coarse_{n}"] = perceived = self._image(f"perception {n}", small, count)
            programs.coarse.run(small, {"before": shrunk}, {"after": perceived}, {"size": small, "row_shift": shift})
            uniforms |= {f"coarse_size_{n}": small, f"coarse_row_shift_{n}": shift}
        return reads, uniforms

    def step(
        self, programs: StepPrograms, size: Size, covered: Size, reads: Images, after: moderngl.TextureArray,
        uniforms: Uniforms, rows: Rows | None = None,
    ) -> None:  # fmt: skip
        """Run the step itself.

        size: (width, height) of the grid. covered: that of its part that invocations cover, where cells aren't listed.
        rows: those of the invocations, of which there are `rows_of`; None for all.
        """
        writes = {"after": after}
        if programs.merge:
            programs.step.run(covered, reads, {"after": self.fired(covered, after.layers)}, uniforms, rows)
            return
        if not programs.pick:
            programs.step.run((covered[0], rows_of(programs, covered)), reads, writes, uniforms, rows)
            return
        assert isinstance(programs.step, ComputeProgram)
        listed, turn = self._list_for(size[0] * size[1]), {**uniforms, "turn": self._turn}
        listed.bind_to_storage_buffer(LISTED)
        programs.pick.run(size, reads, writes, turn)
        programs.step.run_listed(listed, self._turn * TURN_BYTES, reads, writes, turn)
        self._turn = 1 - self._turn

    def fired(self, covered: Size, layers: int) -> moderngl.TextureArray:
        """Return the image for the cells of pairs that fire, (width, height) of the first half."""
        return self._image("fired", covered, layers)

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

    def _image(self, name: str, size: Size, layers: int) -> moderngl.TextureArray:
        """Return an image for (width, height) cells, of `layers` vec4 layers."""
        shape = (self._device.image_side(size[0]), self._device.image_side(size[1]), layers)
        found = self._images.get(name)
        if found is None or found.size != shape:
            image = self._device.ctx.texture_array(shape, 4, dtype="f4")
            if self._device.out_of_memory(image):
                raise NCAError(f"The device has too little memory for a step of {size[0]}x{size[1]} cells.")
            image.filter = (moderngl.NEAREST, moderngl.NEAREST)
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


def let_die(program: Program, kernel: Kernel, before: Image, stepped: Image, after: Image, size: Size) -> None:
    """Copy the cells that are alive, and set the others to 0."""
    uniforms = {"size": size, "row_shift": kernel.row_shift(size[1]) % size[0]}
    program.run(size, {"before": before, "stepped": stepped}, {"after": after}, uniforms)


def combine(
    programs: StepPrograms, stage: Stage, kept: Mapping[int, Image], stepped: Image, result: Image, size: Size
) -> None:
    """Add up a stage of an integrator; see core.integration.

    kept: the states by their places; 0 is the one before the step.
    stepped: what the stage's Euler step gave.
    """
    assert programs.combine
    reads = {"base": kept[0], "stepped": stepped}
    shares = [stage.own]
    for place in range(1, PLACES + 1):
        reads[f"kept_{place}"] = kept.get(place, kept[0])
        shares.append(stage.shares.get(place, 0.0))
    uniforms = {"size": size, "shares": tuple(shares)}
    programs.combine[stage.into is None].run(size, reads, {"after": result}, uniforms)


def rows_of(programs: StepPrograms, covered: Size) -> int:
    """Return how many rows of invocations step a part of a grid, (width, height)."""
    return covered[1] if programs.merge else -(-covered[1] // network.CELLS[programs.form])


def coarse_size(size: Size, scale: int) -> Size:
    """Return (width, height) of a grid at a coarser scale, at least one cell."""
    return max(size[0] >> scale, 1), max(size[1] >> scale, 1)
