"""The interface between a Simulation and what computes: a GPU (backends.gl), the processor (backends.cpu) or torch."""

from collections.abc import Sequence
from typing import Literal, Protocol

from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Config, Model
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, I32, U8

BackendChoice = Literal["auto", "gl", "fragment", "cpu", "torch"]


class Cells(Protocol):
    """One grid's state on a device, and the program that steps it."""

    def specialise(self, model: Model, kernel: Kernel, others: Sequence[Model] = ()) -> None:
        """Run this model on this kernel from now on; the state stays. Raises NCAError, and then changes nothing.

        others: the models of cells whose `model` field is 1, 2, …; they have as many channels.
        """

    def write(self, state: F32) -> None:
        """Replace the state: (height, width, channels) float32, of any size."""

    def read(self) -> F32:
        """Return a copy of the state: (height, width, channels) float32."""

    def write_fields(self, fields: F32 | None) -> None:
        """Replace the fields: (height, width, 4) float32 of the state's size, None for the defaults.

        Where a model reads an embedding, that of each cell follows as further planes, for all models alike. Without
        these, all cells have the first texture's; see core.embeddings.
        """

    def read_cells(self, cells: I32) -> F32:
        """Return the state of some cells, (n, 2) int32 (column, row) within the grid: (n, channels) float32."""

    def largest(self) -> float:
        """Return the largest |number| in the state; NaN if one is NaN. It takes a small part of a step's time."""

    def blend(self, cells: I32, weight: F32, target: F32) -> None:
        """Mix values into some cells: state += weight·(target - state).

        Where the weight is 1, or above 0 and the state not finite, it becomes exactly `target`.

        cells: (n, 2) int32 (column, row), all distinct.
        weight: (n,) float32, 0 to 1.
        target: (n, k) float32, for the first k channels.
        """

    def step(self, number: int, rng_seed: int, settings: Settings) -> None:
        """Make one step.

        number: steps made since the seed; with rng_seed it decides which cells fire.
        settings: scale is the width of a cell (dx): first derivatives are divided by it, second ones by its square.
            The fields multiply fire_rate and scale and are added to angle. For antithetic see pcg.pair_offset.
        """

    def draw(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        """Return the picture of a view: (height, width, 3) uint8.

        lines: how dark the lines between cells are, 0 to 1.
        """

    def draw_newest(self, view: View, look: Look = RGB, lines: float = 0.0) -> U8:
        """Do the same as `draw`, but show the state before a step that is being made rather than wait for it.

        While steps are being made, another thread may call it.
        """

    version: int
    """Grows when what `draw_newest` shows changes; for steps and edits that are being made, when they are done."""

    @property
    def busy(self) -> bool:
        """Whether steps are being made."""

    def release(self) -> None:
        """Free the device's memory; the object can't be used afterwards."""


class Backend(Protocol):
    """A device that computes."""

    name: str
    """'gl', 'cpu' or 'torch'."""
    description: str
    """One line for people: API, version, device."""
    max_side: int
    """The largest side of a grid, in cells."""

    def bytes_a_cell(self, config: Config) -> int:
        """Return how much of this machine's main memory a cell takes while a grid is made, resized or stepped."""

    def cells(self) -> Cells:
        """Return an empty grid; specialise it, then write a state."""

    def finish(self, timeout: float | None = None) -> bool:
        """Wait until all work requested so far is done, or for some seconds. Return whether it is done."""

    def release(self) -> None:
        """Free all memory."""
