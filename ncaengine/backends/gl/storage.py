"""How the images of a state hold its numbers, as float32 or as float16, and conversions from and to arrays.

Arrays of states are (height, width, channels) float32. Images are layers of (height, width) vec4, four channels a
layer; shaders read and write them through shaders/include/state.glsl.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ncaengine.core.types import F32, Size


@dataclass(frozen=True)
class Storage:
    """One way to hold numbers."""

    dtype: str
    """A number's type, as NumPy and moderngl call it."""
    four: npt.DTypeLike
    """A type as large as four numbers."""
    largest: float | None = None
    """The largest number that can be held, None if every float32 can."""

    @property
    def vec4_bytes(self) -> int:
        """The bytes of a vec4."""
        return np.dtype(self.four).itemsize

    def clip(self, values: F32) -> F32:
        """Limit values to those that can be held; larger ones would become infinite."""
        return values if self.largest is None else values.clip(-self.largest, self.largest)

    def planes(self, rows: F32) -> npt.NDArray[np.floating]:
        """Convert rows of a state to an image's order: (layers, rows, width, 4), the last layer padded with zeros.

        rows: (rows, width, channels) float32.
        """
        height, width, channels = rows.shape
        planes = np.zeros((-(-channels // 4), height, width, 4), self.dtype)
        for k, plane in enumerate(planes):
            part = self.clip(rows[..., 4 * k : 4 * k + 4])
            plane[..., : part.shape[2]] = part
        return planes

    def state(self, data: bytes, shape: tuple[int, int, int], size: Size, channels: int) -> F32:
        """Convert an image's bytes to a state: (height, width, channels) float32.

        shape: (columns, rows, layers) of the image. size: (width, height) of the grid, which may be smaller.
        """
        (columns, rows, count), (width, height) = shape, size
        # Four channels are moved as one number, whatever it means: six times as fast.
        planes = np.frombuffer(data, self.four).reshape(count, rows, columns)
        fours = np.empty((height, width, count), self.four)
        for layer in range(count):
            fours[..., layer] = planes[layer, :height, :width]
        return np.ascontiguousarray(fours.view(self.dtype)[..., :channels], np.float32)


FLOAT = Storage("f4", np.complex128)
HALF = Storage("f2", np.uint64, largest=65504.0)
"""Rounded to 11 bits; takes half the memory."""
