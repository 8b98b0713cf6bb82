"""How the images of a state hold its numbers, as float32 or as float16: arrays to images and back.

Arrays of states are (height, width, channels) float32 throughout; images are layers of (height, width) vec4, four
channels a layer. Shaders read and write the images through shaders/include/state.glsl.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ncaengine.core.types import F32, Size


@dataclass(frozen=True)
class Storage:
    """One way to hold numbers.

    dtype: of a number, as NumPy and moderngl call it. four: a number of as many bytes as four of them. largest: what
    an array's numbers are held within, None where it can be any.
    """

    dtype: str
    four: npt.DTypeLike
    largest: float | None = None

    @property
    def vec4_bytes(self) -> int:
        """What a vec4 takes."""
        return np.dtype(self.four).itemsize

    def within(self, values: F32) -> F32:
        """The values that can be held, for a larger one would become infinite."""
        return values if self.largest is None else values.clip(-self.largest, self.largest)

    def planes(self, rows: F32) -> npt.NDArray[np.floating]:
        """What an image holds of a state's rows: (layers, rows, width, 4), the last layer filled up with zeros."""
        height, width, channels = rows.shape
        planes = np.zeros((-(-channels // 4), height, width, 4), self.dtype)
        for k, plane in enumerate(planes):
            part = self.within(rows[..., 4 * k : 4 * k + 4])
            plane[..., : part.shape[2]] = part
        return planes

    def state(self, data: bytes, room: tuple[int, int, int], size: Size, channels: int) -> F32:
        """A state of (width, height) cells in an image of (columns, rows, layers)."""
        (across, down, count), (width, height) = room, size
        # Four channels as one number, whatever it means: six times as fast to bring into order.
        planes = np.frombuffer(data, self.four).reshape(count, down, across)
        fours = np.empty((height, width, count), self.four)
        for layer in range(count):
            fours[..., layer] = planes[layer, :height, :width]
        return np.ascontiguousarray(fours.view(self.dtype)[..., :channels], np.float32)


FLOAT = Storage("f4", np.complex128)
HALF = Storage("f2", np.uint64, largest=65504.0)
"""Rounded to 11 bits; half the memory."""
