"""The kinds of shaders that a pass can be written for, and what of its result one of them writes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Dialect:
    """A kind of shader; shaders/include/compute.glsl and fragment.glsl define how each loads and stores."""

    version: str
    """What follows #version in its text."""
    targets: int = 0
    """Layers that a fragment shader can write; 0 for a compute shader, which writes any number."""

    @property
    def fragment(self) -> bool:
        """Whether a pass is a fragment shader."""
        return self.targets > 0

    @property
    def include(self) -> str:
        """The file that every pass includes first."""
        return "fragment.glsl" if self.fragment else "compute.glsl"


COMPUTE = Dialect("430")
"""OpenGL 4.3."""
FRAGMENT = Dialect("330 core", 8)
"""OpenGL 3.3, which promises eight targets."""
WEB = Dialect("300 es", 4)
"""WebGL 2, which promises four targets."""


@dataclass(frozen=True)
class Part:
    """What one shader writes of a pass's result."""

    dialect: Dialect = COMPUTE
    first: int = 0
    """The first layer."""
    count: int = 0
    """How many layers, 0 for all that follow."""

    def of(self, layers: int) -> range:
        """Return the layers that are written, of a result of `layers` layers."""
        return range(self.first, min(self.first + self.count, layers) if self.count else layers)

    def defines(self) -> dict[str, int]:
        """Return what shaders/include/fragment.glsl needs."""
        return {"FIRST_LAYER": self.first, "TARGETS": self.count} if self.dialect.fragment else {}


def parts(dialect: Dialect, layers: int) -> Iterable[Part]:
    """Divide a result of `layers` layers among as few shaders as can write it."""
    whole = Part(dialect)
    if not dialect.fragment:
        return [whole]
    most = dialect.targets
    return [replace(whole, first=k, count=min(most, layers - k)) for k in range(0, layers, most)]
