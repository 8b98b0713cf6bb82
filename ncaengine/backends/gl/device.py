"""The OpenGL context (a window's, or our own without one), its limits, and its compiled programs."""

import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

import moderngl

from ncaengine.backends.gl import llvmpipe
from ncaengine.backends.gl.programs import ComputeProgram, FragmentProgram, Program, Targets
from ncaengine.backends.gl.shader.dialect import COMPUTE, FRAGMENT, Dialect, Part, parts
from ncaengine.backends.gl.shader.perception import Form
from ncaengine.backends.gl.shader.source import ShaderSource, vertex_source
from ncaengine.backends.gl.storage import FLOAT, HALF, Storage
from ncaengine.core.errors import NCAError
from ncaengine.core.memory import give_back

NEEDED, WITH_COMPUTE = 330, 430
"""OpenGL 3.3, and 4.3, the first version with compute shaders."""
MOST_KEPT = 48
"""Programs that are kept although no grid uses them. On llvmpipe one may take ten megabytes."""
SHARED_BYTES = 32 * 1024
"""Memory of a workgroup that every OpenGL 4.3 has; llvmpipe has no more."""


S = TypeVar("S", ComputeProgram, moderngl.Program)


class Releasable(Protocol):
    """An image or a buffer of moderngl."""

    def release(self) -> None:
        """Free its memory."""


@dataclass(eq=False)
class Device:
    """An OpenGL context with a cache of compiled programs."""

    ctx: moderngl.Context
    forgiving: bool = False
    """Whether to keep the last version of a shader that compiled if the driver refuses a new one: somebody may be
    editing the files."""
    since: frozenset[int] | None = None
    """The threads that existed before the context was made; its own are bound to cores. None to leave them alone."""
    half: bool = False
    """Whether states are float16."""
    fragment: bool | None = None
    """Whether passes are fragment shaders; None: where there are no compute shaders."""
    _compute: WeakValueDictionary[str, Any] = field(default_factory=WeakValueDictionary)
    """Programs by their text, as long as anything holds them."""
    _recent: dict[str, Any] = field(default_factory=dict)
    """Holds the last MOST_KEPT of them, the latest at the end."""
    _unused: list[Any] = field(default_factory=list)
    """What is left of programs that nothing holds. They are released here, where the context is current."""
    _last: WeakValueDictionary[tuple[str, ...], Any] = field(default_factory=WeakValueDictionary)
    _refused: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._thread, self.released = threading.get_ident(), False
        version = f"{self.ctx.version_code // 100}.{self.ctx.version_code // 10 % 10}"
        if self.ctx.version_code < NEEDED:
            raise NCAError(f"This machine has OpenGL {version}, but the shaders need 3.3; use --backend cpu.")
        if self.fragment is None:
            self.fragment = self.ctx.version_code < WITH_COMPUTE
        self.dialect: Dialect = FRAGMENT if self.fragment else COMPUTE
        info = self.ctx.info
        self.description = f"OpenGL {version} on {info['GL_RENDERER']}"
        self.max_side = min(int(info["GL_MAX_TEXTURE_SIZE"]), int(info["GL_MAX_VIEWPORT_DIMS"][0]))
        software = not has_gpu(self.ctx)
        self.forms: tuple[Form, ...] = (
            ("unrolled",) if software else ("looped",) if self.fragment else ("looped", "blocked")
        )
        self.form: Form = self.forms[0]
        self._copier = llvmpipe.image_copier() if software and not self.fragment else None
        if software and self.since is not None:
            llvmpipe.bind_threads(self.since)

    def check_usable(self) -> None:
        """Raise NCAError if the device was released, or in another thread."""
        if self.released:
            raise NCAError("The backend was released; open a new one.")
        self.check_thread()

    def check_thread(self) -> None:
        """Raise NCAError in a thread where the context isn't current: only the one that made it can use it."""
        if threading.get_ident() != self._thread:
            raise NCAError(
                "OpenGL computes only in the thread that opened it; use the Simulation there, open one in each thread, "
                "or take the backend cpu."
            )

    @property
    def storage(self) -> Storage:
        """How the images of states hold numbers."""
        return HALF if self.half else FLOAT

    @property
    def copier(self) -> llvmpipe.Copier | None:
        """A function that copies a state faster than the step shader does, if there is one."""
        return self._copier if self.form == "unrolled" else None

    def image_side(self, side: int) -> int:
        """Return the side of an image that holds `side` cells: not a power of 2, where that is possible.

        llvmpipe recompiles a program, for seconds, when a side of an image becomes a power of 2 or stops being one.
        Avoiding them keeps resizes fast.
        """
        return min(side if side & (side - 1) else max(side + 1, 3), self.max_side)

    def out_of_memory(self, *allocated: Releasable) -> bool:
        """Return whether the device had too little memory for what was just allocated; if so, release it."""
        if self.ctx.error != "GL_OUT_OF_MEMORY":
            return False
        for each in allocated:
            each.release()
        return True

    @cached_property
    def targets(self) -> Targets:
        """The framebuffer of passes that are fragment shaders."""
        return Targets(self.ctx)

    def program(self, make: Callable[[Part], ShaderSource], layers: int = 1) -> Program:
        """Compile a pass; the same text is compiled once. Raises NCAError with the place in our files.

        make: returns the text of a part.
        layers: of its result.
        """
        if not self.fragment:
            return self.compute(make(Part()))
        made = FragmentProgram(self.ctx, self.targets, self.fragments(make, layers, "cover.vert"))
        for vertices in made.vertices:
            self._free_later(vertices)
        return made

    def _free_later(self, used: moderngl.ComputeShader | moderngl.Program | moderngl.VertexArray) -> None:
        """Release an object of OpenGL after nothing refers to it any more, when the context is current again."""
        weakref.finalize(used, self._unused.append, used.mglo).atexit = False

    def fragments(
        self, make: Callable[[Part], ShaderSource], layers: int, vertex: str
    ) -> list[tuple[moderngl.Program, int, int]]:
        """Compile the fragment shaders of a pass; return each with the first layer that it writes and how many.

        vertex: the file of the vertex shader. See program.
        """
        corners = vertex_source(vertex, self.dialect)

        def build(text: str) -> moderngl.Program:
            return self.ctx.program(vertex_shader=corners, fragment_shader=text)

        return [(self._compiled(make(part), build), part.first, part.count) for part in parts(self.dialect, layers)]

    def compute(self, source: ShaderSource) -> ComputeProgram:
        """Compile a compute shader; see program."""
        return self._compiled(source, lambda text: ComputeProgram(self.ctx, self.ctx.compute_shader(text), source))

    def _compiled(self, source: ShaderSource, build: Callable[[str], S]) -> S:
        source = source.defining("HALF") if self.half else source
        text = source.text
        cached: S | None = self._compute.get(text)
        if cached is not None:
            return self._keep(text, cached)
        purpose = _purpose(source)
        if text not in self._refused:
            try:
                found = build(text)
            except moderngl.Error as error:
                self._refused[text] = tidy_log(source.explain(str(error)))
            else:
                self._compute[text] = self._last[purpose] = found
                self._free_later(found.shader if isinstance(found, ComputeProgram) else found)
                give_back()  # what the compiler took
                return self._keep(text, found)
        if self.forgiving and purpose in self._last:
            last: S = self._last[purpose]
            return last
        raise NCAError(f"The driver refused a shader: {self._refused[text]}")

    def _keep(self, text: str, program: S) -> S:
        """Hold a program, and let others go that were not asked for lately and that no grid uses."""
        self._recent.pop(text, None)
        self._recent[text] = program
        while len(self._recent) > MOST_KEPT:
            del self._recent[next(iter(self._recent))]
        while self._unused:
            self._unused.pop().release()
        return program

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Raise the errors of all shaders inside, also if the device is forgiving."""
        before, self.forgiving = self.forgiving, False
        try:
            yield
        finally:
            self.forgiving = before

    def release(self) -> None:
        """Release all programs; the context stays with its owner."""
        self.released = True
        for program in list(self._compute.values()):
            program.release()
        self._recent.clear()
        self._compute.clear()
        self._last.clear()
        if "targets" in self.__dict__:
            self.targets.release()


def has_gpu(context: moderngl.Context) -> bool:
    """Return whether a GPU draws in this context, not the processor."""
    renderer = context.info["GL_RENDERER"].lower()
    return not any(name in renderer for name in llvmpipe.NAMES)


def _purpose(source: ShaderSource) -> tuple[str, ...]:
    """Return what identifies a program while its file is edited: the file's name and the lines generated for it."""
    pairs = zip(source.text.split("\n"), source.origins, strict=False)
    made = [line for line, origin in pairs if origin.endswith(")") or re.match(r"#define [A-Z_]+ -?\d+$", line)]
    return (source.origins[0].partition(":")[0], *made)


def tidy_log(log: str) -> str:
    """Return a compiler's log on one line, without moderngl's frame."""
    lines = [line.strip() for line in log.splitlines()]
    return "; ".join(line for line in lines if line and set(line) != {"="} and "compiler failed" not in line.lower())


def headless_context() -> moderngl.Context:
    """Create a context without a window, with compute shaders if possible. Raises NCAError without OpenGL 3.3."""
    llvmpipe.separate_shader_cache()
    ways: list[dict[str, Any]] = [{"backend": "egl"}, {}] if sys.platform.startswith("linux") else [{}]
    reasons = []
    for version in (WITH_COMPUTE, NEEDED):
        for way in ways:
            try:
                return moderngl.create_context(require=version, standalone=True, **way)
            except Exception as error:  # glcontext raises bare Exceptions
                reasons.append(str(error).strip() or type(error).__name__)
    raise NCAError(f"Cannot create a headless OpenGL 3.3 context ({reasons[0]}); use --backend cpu.")
