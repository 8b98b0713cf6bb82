"""What compiled functions read: records of named 8-byte numbers, filled by NumPy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.values import F32, I64, Array, Value

NEAR = ("rows", "shifts", "columns")
"""Tables that find neighbours, see tables.near: addresses of int32. `reach` is for offsets of how many cells."""
GRID = (
    "state_0", "state_1",  # addresses of the two states: (cells + 1, channels) float32; the last cell is zeros
    "width", "height",  # of the grid, in cells
    *NEAR, "reach",
    "across", "first_column",  # float32 tables by row, see perception.ExtraInputs
    "pair_columns", "pair_rows",  # from each cell of the first half to the one that fires when it doesn't
    "rng_seed", "fire_threshold", "fire_rate",  # uint32, uint32, float32
    "fields", "field_stride",  # (cells, 4 or more) float32, or 4 float32 and stride 0
    "slots", "model_of_cell",  # SLOT records one after the other; (cells,) uint8
    "scale", "aspect", "angle", "dt",  # float32; see Settings
    "life",  # (cells + 1,) float32: the channel of life after the step
)  # fmt: skip
"""A grid's record. Flat cell numbers are row·width + column."""
SLOT = (
    "perceive", "net",  # addresses of functions
    "weights",  # see network.packed_weights
    "inputs", "diffused", "hidden",  # where a thread's scratch memory holds them, in float32 numbers
    "coarse",  # (scales,) addresses of SCALE records, in the order of Config.scales without 0
)  # fmt: skip
"""The record of one of a grid's models."""
SAMPLE = (*NEAR, "low_rows", "part_rows", "low_columns", "part_columns")
"""Tables that resample a grid, see tables.sample."""
SCALE = (
    "state",  # (cells + 1, channels) float32: the state at this scale
    "results",  # (cells, stencils, channels) float32
    "width", "height",
    *NEAR, "reach",
    "shrink", "enlarge",  # addresses of SAMPLE records: from the grid's own size, and back to it
)  # fmt: skip
"""A coarser scale's record."""

Numbers = npt.NDArray[np.int64]


class Record:
    """A record as a function reads it."""

    def __init__(self, code: Code, names: Sequence[str], array: Array) -> None:
        self.code, self._names, self._array = code, names, array

    def __getitem__(self, name: str) -> Value:
        """Load an int64."""
        return self._array[self._names.index(name)]

    def real(self, name: str) -> Value:
        """Load a float32."""
        return Array(self.code, self._array.raw, F32)[2 * self._names.index(name)]

    def array(self, name: str, element: Any) -> Array:
        """Return the array that the record holds the address of."""
        return self.code.array_at(self[name], element)

    def record(self, name: str, names: Sequence[str]) -> "Record":
        """Return the record that this one holds the address of."""
        return Record(self.code, names, self.array(name, I64))


def fill(record: Numbers, names: Sequence[str], **values: float | npt.NDArray[Any] | None) -> None:
    """Set numbers of a record: integers, floats as float32, arrays by their address, and None as 0."""
    for name, value in values.items():
        record[names.index(name)] = as_number(value)


def as_number(value: float | npt.NDArray[Any] | None) -> int:
    """Return the int64 that stands for a value in a record."""
    if value is None:
        return 0
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    if isinstance(value, float):
        return int(np.float32(value).view(np.uint32))
    return int(value)
