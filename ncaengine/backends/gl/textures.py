"""The images that hold states on the GPU: made, filled and read.

A state lies in images rather than in a buffer because llvmpipe loads them twice as fast (2.4 against 1.2 million
cell-steps a second at 256², measured side by side on one busy machine).
"""

import moderngl

from ncaengine.backends.gl.device import Device
from ncaengine.core import memory
from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32, Size

BAND = 2**18
"""Cells of a state that are brought into the device's order at a time."""


class StateImages:
    """Image arrays of a device, in its storage."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def pair(self, room: tuple[int, int, int], size: Size) -> list[moderngl.TextureArray]:
        """Two images of (columns, rows, layers), with room for a grid of (width, height) cells.

        Raises NCAError if there is no memory for them.
        """
        images = [self._image(room) for _ in range(2)]
        if self._device.ctx.error == "GL_OUT_OF_MEMORY":
            for image in images:
                image.release()
            state = memory.format_bytes(self._device.storage.vec4_bytes * size[0] * size[1] * room[2])
            side = self.largest(room[2])
            raise NCAError(
                f"The device cannot hold {size[0]}x{size[1]} cells, {state} for each of two states; "
                f"a square of {side}x{side} fits."
            )
        for image in images:
            image.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return images

    def largest(self, count: int) -> int:
        """About the side of the largest square of so many layers that there is room for, by a few tries."""
        low, high = 0, self._device.max_side
        while high - low > self._device.max_side // 32:
            side = (low + high) // 2
            image = self._image((side, side, count))
            low, high = (low, side) if self._device.ctx.error == "GL_OUT_OF_MEMORY" else (side, high)
            image.release()
        return low

    def _image(self, room: tuple[int, int, int]) -> moderngl.TextureArray:
        return self._device.ctx.texture_array(room, 4, dtype=self._device.storage.dtype)

    def fill(self, image: moderngl.TextureArray, state: F32) -> None:
        """Write a state, (height, width, channels) float32, into an image with room for it."""
        height, width, _ = state.shape
        band = max(1, BAND // width)
        for row in range(0, height, band):  # for the whole it would take the state's memory once more
            planes = self._device.storage.planes(state[row : row + band])
            image.write(planes, viewport=(0, row, 0, width, planes.shape[1], len(planes)))

    def read(self, image: moderngl.TextureArray, size: Size, channels: int) -> F32:
        """The state of (width, height) cells that an image holds: (height, width, channels) float32."""
        return self._device.storage.state(image.read(), image.size, size, channels)
