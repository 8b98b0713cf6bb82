"""Compiled passes over a grid, as compute shaders or as fragment shaders; both run in the same way."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import moderngl

from ncaengine.backends.gl.shader import source
from ncaengine.core.types import Size

Image = moderngl.Texture | moderngl.TextureArray
Images = Mapping[str, Image]
"""Images by their names in the shader."""
Uniforms = Mapping[str, object]
Rows = tuple[int, int]
"""The first row of some, and the one after the last."""
Shader = moderngl.ComputeShader | moderngl.Program
_SAMPLERS = {0x8B5E, 0x8DC1}
"""GL_SAMPLER_2D, GL_SAMPLER_2D_ARRAY."""
STRIP_CELLS = 2**21
"""The most cells of one draw; some systems end a program whose draw takes seconds."""


class Program(Protocol):
    """A pass: what it computes for a cell depends on that cell's place, and is written there only."""

    @property
    def names(self) -> frozenset[str]:
        """The uniforms and images that the compiler kept."""

    def run(self, size: Size, reads: Images, writes: Images, uniforms: Uniforms, rows: Rows | None = None) -> None:
        """Run once for each of (width, height) cells. What is written is not among what is read.

        rows: the first row and the one after the last, None for all. Some cells of the next rows may be written, too.
        """


class ComputeProgram:
    """A pass as a compute shader."""

    def __init__(self, ctx: moderngl.Context, shader: moderngl.ComputeShader, text: source.ShaderSource) -> None:
        self._ctx, self.shader = ctx, shader
        self._group, self._units = text.group, text.images
        self.names = frozenset(shader)

    def run(self, size: Size, reads: Images, writes: Images, uniforms: Uniforms, rows: Rows | None = None) -> None:
        """See Program."""
        first, end = rows or (0, size[1])
        start = first * (size[0] if self._group[1] == 1 else 1)
        self._bind(reads, writes, {**uniforms, "dispatch_start": start})
        self.shader.run(*source.groups(self._group, (size[0], end - first)))
        self._ctx.memory_barrier()

    def run_listed(
        self, listed: moderngl.Buffer, offset: int, reads: Images, writes: Images, uniforms: Uniforms
    ) -> None:
        """Run as many workgroups as three numbers in a buffer say, from a byte on."""
        self._bind(reads, writes, uniforms)
        self.shader.run_indirect(listed, offset)
        self._ctx.memory_barrier()

    def release(self) -> None:
        """Free the shader."""
        self.shader.release()

    def _bind(self, reads: Images, writes: Images, uniforms: Uniforms) -> None:
        use_samplers(self.shader, reads)
        for name, unit in self._units.items():
            if name in reads or name in writes:
                image = writes.get(name) or reads[name]
                image.bind_to_image(unit, read=name in reads, write=name in writes)
        set_uniforms(self.shader, uniforms)


class FragmentProgram:
    """A pass as fragment shaders, one for every few layers of its result."""

    def __init__(self, ctx: moderngl.Context, targets: "Targets", shaders: Sequence[tuple[moderngl.Program, int, int]]):
        """Take shaders, each with the first layer that it writes and how many."""
        self._ctx, self._targets = ctx, targets
        self.vertices = [ctx.vertex_array(shader, []) for shader, _, _ in shaders]
        self._parts = shaders
        self.names = frozenset(shaders[0][0])

    def run(self, size: Size, reads: Images, writes: Images, uniforms: Uniforms, rows: Rows | None = None) -> None:
        """See Program."""
        (written,) = writes.values()
        with self._targets:
            for (shader, first, count), vertices in zip(self._parts, self.vertices, strict=True):
                use_samplers(shader, reads)
                set_uniforms(shader, uniforms)
                self._targets.attach(written, first, count)
                high, (begin, end) = max(1, STRIP_CELLS // size[0]), rows or (0, size[1])
                for row in range(begin, end, high):
                    self._targets.cover(0, row, size[0], min(high, end - row))
                    vertices.render(moderngl.TRIANGLES, vertices=3)


class Targets:
    """The framebuffer to which passes draw. `with` it, and the framebuffer bound before is bound again afterwards."""

    def __init__(self, ctx: moderngl.Context) -> None:
        # moderngl attaches whole arrays, whose layers only a geometry shader can choose from.
        load = ctx.mglo._context.load_opengl_function
        integer, pointer = ctypes.c_int, ctypes.POINTER(ctypes.c_int)

        def function(name: str, *arguments: type) -> Callable[..., None]:
            made: Callable[..., None] = ctypes.CFUNCTYPE(None, *arguments)(load(name))
            return made

        self._bind = function("glBindFramebuffer", integer, integer)
        self._layer = function("glFramebufferTextureLayer", *[integer] * 5)
        self._texture = function("glFramebufferTexture2D", *[integer] * 5)
        self._draw_buffers = function("glDrawBuffers", integer, pointer)
        self._viewport = function("glViewport", *[integer] * 4)
        self._disable = function("glDisable", integer)
        self._get = function("glGetIntegerv", integer, pointer)
        self._delete = function("glDeleteFramebuffers", integer, pointer)
        made = integer()
        function("glGenFramebuffers", integer, pointer)(1, made)
        self._framebuffer, self._attached, self._before = made.value, 0, (0, 0, 0, 0, 0)

    def __enter__(self) -> None:
        bound, viewport = ctypes.c_int(), (ctypes.c_int * 4)()
        self._get(_DRAW_FRAMEBUFFER_BINDING, bound)
        self._get(_VIEWPORT, viewport)
        self._before = bound.value, *viewport
        self._bind(_DRAW_FRAMEBUFFER, self._framebuffer)
        for capability in _CAPABILITIES:
            self._disable(capability)

    def __exit__(self, *_: object) -> None:
        self._attach_none(0)  # an attached image would never be freed
        framebuffer, *viewport = self._before
        self._bind(_DRAW_FRAMEBUFFER, framebuffer)
        self._viewport(*viewport)

    def attach(self, image: Image, first: int, count: int) -> None:
        """Draw to some layers of an image, or to an image that has no layers."""
        for n in range(count):
            if isinstance(image, moderngl.TextureArray):
                self._layer(_DRAW_FRAMEBUFFER, _COLOR_ATTACHMENT0 + n, image.glo, 0, first + n)
            else:
                self._texture(_DRAW_FRAMEBUFFER, _COLOR_ATTACHMENT0 + n, _TEXTURE_2D, image.glo, 0)
        self._attach_none(count)
        self._draw_buffers(count, (ctypes.c_int * count)(*range(_COLOR_ATTACHMENT0, _COLOR_ATTACHMENT0 + count)))

    def _attach_none(self, first: int) -> None:
        for n in range(first, self._attached):
            self._texture(_DRAW_FRAMEBUFFER, _COLOR_ATTACHMENT0 + n, _TEXTURE_2D, 0, 0)
        self._attached = first

    def cover(self, x: int, y: int, width: int, height: int) -> None:
        """Draw to a rectangle of the images."""
        self._viewport(x, y, width, height)

    def release(self) -> None:
        """Free the framebuffer."""
        self._delete(1, ctypes.c_int(self._framebuffer))


_DRAW_FRAMEBUFFER, _DRAW_FRAMEBUFFER_BINDING, _VIEWPORT = 0x8CA9, 0x8CA6, 0x0BA2
_COLOR_ATTACHMENT0, _TEXTURE_2D = 0x8CE0, 0x0DE1
_CAPABILITIES = (0x0BE2, 0x0B71, 0x0C11, 0x0B44, 0x0B90, 0x8DB9)
"""Blending, depth test, scissor test, culling, stencil test and sRGB, which would change what is written."""


def use_samplers(shader: Shader, reads: Images) -> None:
    """Bind the images that a shader reads through samplers, which have units of their own."""
    for unit, name in enumerate(_kept(shader).samplers):
        reads[name].use(unit)


def set_uniforms(shader: Shader, uniforms: Uniforms) -> None:
    """Set the uniforms that the linked program has; compilers drop unused ones, as a square kernel's row shift.

    A program keeps its values, so only those that changed are sent: between two steps of a grid, that is one.
    """
    values = _kept(shader).values
    for name, value in uniforms.items():
        if values.get(name, value) != value:
            shader[name] = values[name] = value


@dataclass
class _Kept:
    """What is kept with a shader."""

    values: dict[str, object]
    """Those of its uniforms; None for those that were not set."""
    samplers: tuple[str, ...]
    """The names in the order of their units."""


def _kept(shader: Shader) -> _Kept:
    if shader.extra is None:
        samplers = tuple(name for name in shader if getattr(shader[name], "gl_type", 0) in _SAMPLERS)
        for unit, name in enumerate(samplers):
            shader[name] = unit
        shader.extra = _Kept(dict.fromkeys(shader), samplers)
    kept: _Kept = shader.extra
    return kept
