"""The OpenGL context (a window's or our own without one), its limits, and compiled programs."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import moderngl

from ncaengine.backends.gl import llvmpipe
from ncaengine.backends.gl.shader.perception import Form
from ncaengine.backends.gl.shader.source import ShaderSource
from ncaengine.backends.gl.storage import FLOAT, HALF, Storage
from ncaengine.core.errors import NCAError

NEEDED = 430
"""OpenGL 4.3: the first with compute shaders."""
SHARED_BYTES = 32 * 1024
"""Memory of a workgroup that every OpenGL 4.3 has, llvmpipe no more than that."""


@dataclass(eq=False)
class Device:
    """A context with its program cache.

    forgiving: where the driver refuses a new version of a shader, go on with the last one that it
    took, as while somebody edits the files. since: the threads that there were before the context was
    made, None if all of its own have been looked after; see llvmpipe.spread. half: states are float16.
    """

    ctx: moderngl.Context
    forgiving: bool = False
    since: frozenset[int] | None = None
    half: bool = False
    _compute: dict[str, moderngl.ComputeShader] = field(default_factory=dict)
    _last: dict[tuple[str, ...], moderngl.ComputeShader] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        version = f"{self.ctx.version_code // 100}.{self.ctx.version_code // 10 % 10}"
        if self.ctx.version_code < NEEDED:
            raise NCAError(
                f"This machine has OpenGL {version} and the shaders need 4.3; record with --backend torch instead."
            )
        info = self.ctx.info
        self.description = f"OpenGL {version} on {info['GL_RENDERER']}"
        self.max_side = min(int(info["GL_MAX_TEXTURE_SIZE"]), int(info["GL_MAX_VIEWPORT_DIMS"][0]))
        slow = any(name in info["GL_RENDERER"].lower() for name in llvmpipe.NAMES)
        self.forms: tuple[Form, ...] = ("unrolled",) if slow else ("looped", "blocked")
        self.form: Form = self.forms[0]
        self._copier = llvmpipe.copier() if slow else None
        if slow and self.since is not None:
            llvmpipe.spread(self.since)

    @property
    def storage(self) -> Storage:
        """How the images of states hold numbers."""
        return HALF if self.half else FLOAT

    @property
    def copier(self) -> llvmpipe.Copier | None:
        """What copies a state faster than the step shader does, if anything."""
        return self._copier if self.form == "unrolled" else None

    def compute(self, source: ShaderSource) -> moderngl.ComputeShader:
        """The compiled compute shader; the same text is compiled once.

        Raises NCAError with the place in our files, if the driver refuses it.
        """
        source = source.defining("HALF") if self.half else source
        text = source.text
        if text in self._compute:
            return self._compute[text]
        purpose = _purpose(source)
        if text not in self._refused:
            try:
                self._compute[text] = self._last[purpose] = self.ctx.compute_shader(text)
                return self._compute[text]
            except moderngl.Error as error:
                self._refused[text] = tidy(source.explain(str(error)))
        if self.forgiving and purpose in self._last:
            return self._last[purpose]
        raise NCAError(f"The driver refused a shader: {self._refused[text]}")

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Forgive nothing for a while."""
        before, self.forgiving = self.forgiving, False
        try:
            yield
        finally:
            self.forgiving = before

    def release(self) -> None:
        """Release all programs; the context stays with whoever made it."""
        for program in self._compute.values():
            program.release()
        self._compute.clear()
        self._last.clear()


def _purpose(source: ShaderSource) -> tuple[str, ...]:
    """What a program is for, whatever its file says now: the file, and the lines that we made for it."""
    pairs = zip(source.text.split("\n"), source.origins, strict=False)
    made = [line for line, origin in pairs if origin.endswith(")") or re.match(r"#define [A-Z_]+ -?\d+$", line)]
    return (source.origins[0].partition(":")[0], *made)


def tidy(log: str) -> str:
    """A compiler's log on one line, without moderngl's frame."""
    lines = [line.strip() for line in log.splitlines()]
    return "; ".join(line for line in lines if line and set(line) != {"="} and "compiler failed" not in line.lower())


def headless() -> moderngl.Context:
    """A context without a window. Raises NCAError where the machine has no OpenGL 4.3."""
    llvmpipe.keep_widths_apart()
    attempts: list[dict[str, Any]] = [{"backend": "egl"}, {}] if sys.platform.startswith("linux") else [{}]
    reasons = []
    for attempt in attempts:
        try:
            return moderngl.create_context(require=NEEDED, standalone=True, **attempt)
        except Exception as error:  # glcontext raises bare Exceptions
            reasons.append(str(error).strip() or type(error).__name__)
    raise NCAError(f"OpenGL 4.3 without a window cannot be had here ({reasons[0]}); use --backend torch.")
