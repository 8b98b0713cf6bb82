"""The images that hold states on the GPU: allocate, fill and read them.

A state lies in images rather than in a buffer because llvmpipe loads them twice as fast (2.4 against 1.2 million
cell-steps a second at 256², measured side by side on one busy machine).
"""

import moderngl

from ncaengine.backends.gl.device import Device
from ncaengine.core import memory
from ncaengine.core.errors import NCAError
from ncaengine.core.types import F32, Size

BAND = 2**18
"""Cells of a state that are converted at a time."""


class StateImages:
    """The image arrays of a device, in its storage."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def pair(self, shape: tuple[int, int, int], size: Size) -> list[moderngl.TextureArray]:
        """Allocate two images for a grid of (width, height) cells. Raises NCAError if memory is too small.

        shape: (columns, rows, layers) of each.
        """
        images = [self._image(shape) for _ in range(2)]
        if self._device.out_of_memory(*images):
            state = memory.format_bytes(self._device.storage.vec4_bytes * size[0] * size[1] * shape[2])
            side = self.largest(shape[2])
            raise NCAError(
                f"The device cannot hold {size[0]}x{size[1]} cells, {state} for each of two states; "
                f"a square of {side}x{side} fits."
            )
        for image in images:
            image.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return images

    def largest(self, layers: int) -> int:
        """Return about the side of the largest square image that fits, found by a few tries."""
        low, high = 0, self._device.max_side
        while high - low > self._device.max_side // 32:
            side = (low + high) // 2
            image = self._image((side, side, layers))
            if self._device.out_of_memory(image):
                high = side
            else:
                low = side
                image.release()
        return low

    def _image(self, shape: tuple[int, int, int]) -> moderngl.TextureArray:
        return self._device.ctx.texture_array(shape, 4, dtype=self._device.storage.dtype)

    def fill(self, image: moderngl.TextureArray, state: F32) -> None:
        """Write a state, (height, width, channels) float32, into an image that is large enough."""
        height, width, _ = state.shape
        band = max(1, BAND // width)
        for row in range(0, height, band):  # converting all at once would take the state's memory again
            planes = self._device.storage.planes(state[row : row + band])
            image.write(planes, viewport=(0, row, 0, width, planes.shape[1], len(planes)))

    def read(self, image: moderngl.TextureArray, size: Size, channels: int) -> F32:
        """Read the state of (width, height) cells from an image: (height, width, channels) float32."""
        return self._device.storage.state(image.read(), image.size, size, channels)
