"""What a Simulation asks of the device that computes: OpenGL (gl_backend) or torch (torch_backend)."""

from collections.abc import Sequence
from typing import Literal, Protocol

from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, I32, U8

BackendChoice = Literal["auto", "gl", "torch"]


class Cells(Protocol):
    """One grid's state on a device, with the program that steps it."""

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        """Run this model on this kernel from now on; the state stays. Raises NCAError and changes nothing.

        others: the models that cells run whose `model` field is 1, 2, …; of as many channels.
        """

    def write(self, state: F32) -> None:
        """Replace the state: (height, width, channels) float32, of any size."""

    def read(self) -> F32:
        """The state: (height, width, channels) float32, a copy."""

    def write_fields(self, fields: F32 | None) -> None:
        """Replace the fields: (height, width, 4) float32 of the state's size (see fields), None for the defaults."""

    def read_cells(self, cells: I32) -> F32:
        """The state of some cells: (n, channels) float32 of (n, 2) int32 (column, row) within the grid."""

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        """Mix `target` (n, k) into the first k channels of some cells, (n, 2) distinct (column, row).

        state = state + weight·(target - state) with `weight` (n,) in [0, 1], exactly `target` where it is 1.
        """

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        """Make one step.

        number: steps made since the seed; with rng_seed it decides which cells fire.
        settings: scale is the width of a cell (dx): first derivatives are divided by it, second ones by its square.
            The fields multiply fire_rate and scale and are added to angle. For antithetic see pcg.pair_offset.
        """

    def draw(self, view: View, look: Look = RGB) -> U8:
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

    def bytes_a_cell(self, config: Config) -> int:
        """Of this machine's own memory, that a cell takes while a grid is made, resized or stepped."""

    def cells(self) -> Cells:
        """An empty grid; specialise it, then write a state."""

    def finish(self) -> None:
        """Wait until everything asked for so far is done."""

    def release(self) -> None:
        """Give everything back."""
