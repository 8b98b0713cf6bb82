"""The OpenGL context (a window's or our own without one), its limits, and compiled programs."""

import sys
from dataclasses import dataclass, field
from typing import Any

import moderngl

from ncaengine.errors import NCAError
from ncaengine.glsl import Form, Source

NEEDED = 430
"""OpenGL 4.3: the first with compute shaders."""
SHARED_BYTES = 32 * 1024
"""Memory of a workgroup that every OpenGL 4.3 has, llvmpipe no more than that."""


@dataclass(eq=False)
class Device:
    """A context with its program cache."""

    ctx: moderngl.Context
    _compute: dict[str, moderngl.ComputeShader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        version = f"{self.ctx.version_code // 100}.{self.ctx.version_code // 10 % 10}"
        if self.ctx.version_code < NEEDED:
            raise NCAError(
                f"This machine has OpenGL {version} and the shaders need 4.3; record with --backend torch instead."
            )
        info = self.ctx.info
        self.description = f"OpenGL {version} on {info['GL_RENDERER']}"
        self.max_side = min(int(info["GL_MAX_TEXTURE_SIZE"]), int(info["GL_MAX_VIEWPORT_DIMS"][0]))
        software = any(word in info["GL_RENDERER"].lower() for word in ("llvmpipe", "softpipe", "swiftshader"))
        self.form: Form = "unrolled" if software else "looped"

    def compute(self, source: Source) -> moderngl.ComputeShader:
        """The compiled compute shader; the same text is compiled once.

        Raises NCAError with the place in our files, if the driver refuses it.
        """
        if source.text not in self._compute:
            try:
                self._compute[source.text] = self.ctx.compute_shader(source.text)
            except moderngl.Error as error:
                raise NCAError(f"The driver refused a shader: {tidy(source.explain(str(error)))}") from None
        return self._compute[source.text]

    def render(self, vertex: Source, fragment: Source) -> moderngl.Program:
        """A compiled vertex and fragment shader. Raises NCAError with the place in our files."""
        try:
            return self.ctx.program(vertex_shader=vertex.text, fragment_shader=fragment.text)
        except moderngl.Error as error:
            log = str(error)
            faulty = vertex if "vertex_shader" in log else fragment
            raise NCAError(f"The driver refused a shader: {tidy(faulty.explain(log))}") from None

    def release(self) -> None:
        """Release all programs; the context stays with whoever made it."""
        for program in self._compute.values():
            program.release()
        self._compute.clear()


def tidy(log: str) -> str:
    """A compiler's log on one line, without moderngl's frame."""
    lines = [line.strip() for line in log.splitlines()]
    return "; ".join(line for line in lines if line and set(line) != {"="} and "compiler failed" not in line.lower())


def headless() -> moderngl.Context:
    """A context without a window. Raises NCAError where the machine has no OpenGL 4.3."""
    attempts: list[dict[str, Any]] = [{"backend": "egl"}, {}] if sys.platform.startswith("linux") else [{}]
    reasons = []
    for attempt in attempts:
        try:
            return moderngl.create_context(require=NEEDED, standalone=True, **attempt)
        except Exception as error:  # glcontext raises bare Exceptions
            reasons.append(str(error).strip() or type(error).__name__)
    raise NCAError(f"OpenGL 4.3 without a window cannot be had here ({reasons[0]}); use --backend torch.")
