"""What a Simulation asks of the device that computes: OpenGL (gl_backend) or torch (torch_backend)."""

from typing import Literal, Protocol

from ncaengine.kernels import Kernel
from ncaengine.model import F32, Model
from ncaengine.view import U8, View

Choice = Literal["auto", "gl", "torch"]


class Cells(Protocol):
    """One grid's state on a device, with the program that steps it."""

    def specialise(self, model: Model, kernel: Kernel) -> None:
        """Run this model on this kernel from now on; the state stays. Raises NCAError and changes nothing."""

    def write(self, state: F32) -> None:
        """Replace the state: (height, width, channels) float32, of any size."""

    def read(self) -> F32:
        """The state: (height, width, channels) float32, a copy."""

    def step(self, number: int, rng_seed: int, fire_rate: float) -> None:
        """One step, the `number`-th since the seed, which with `rng_seed` decides the cells that fire."""

    def draw(self, view: View) -> U8:
        """The picture of a view: (height, width, 3) uint8."""

    def release(self) -> None:
        """Give the device's memory back; the object is of no use afterwards."""


class Backend(Protocol):
    """A device."""

    name: str
    """'gl' or 'torch'."""
    description: str
    """One line for people: API, version, device."""
    max_side: int
    """The largest side of a grid, in cells."""

    def cells(self) -> Cells:
        """An empty grid; specialise it, then write a state."""

    def finish(self) -> None:
        """Wait until everything asked for so far is done."""

    def release(self) -> None:
        """Give everything back."""
