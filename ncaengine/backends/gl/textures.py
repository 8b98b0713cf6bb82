"""The images that hold states on the GPU: allocate, fill and read them.

A state lies in images rather than in a buffer because llvmpipe loads them twice as fast (2.4 against 1.2 million
cell-steps a second at 256², measured side by side on one busy machine).
"""

import moderngl

from ncaengine.backends.gl.device import Device
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import file_size
from ncaengine.core.types import F32, Size

BAND = 2**18
"""Cells of a state that are converted at a time."""


class StateImages:
    """The image arrays of a device, in its storage."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def allocate(self, shape: tuple[int, int, int], size: Size, count: int = 1) -> list[moderngl.TextureArray]:
        """Allocate images for a grid of (width, height) cells. Raises NCAError if memory is too small.

        shape: (columns, rows, layers) of each.
        """
        images = [self._image(shape) for _ in range(count)]
        if self._device.out_of_memory(*images):
            state = file_size(self._device.storage.vec4_bytes * size[0] * size[1] * shape[2])
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


class GridImages:
    """The states of one grid: the present one, the one before the last step, and those that a step needs meanwhile."""

    def __init__(self, images: StateImages, shape: tuple[int, int, int], size: Size) -> None:
        """Allocate two states; see StateImages.allocate."""
        self._images, self._size = images, size
        self.shape = shape
        self.now, other = images.allocate(shape, size, 2)
        self._previous: moderngl.TextureArray | None = None
        self._free = [other]

    @property
    def previous(self) -> moderngl.TextureArray:
        """The state before the last step; after a write, the state itself."""
        return self._previous or self.now

    def forget(self) -> None:
        """Forget the state before the last step."""
        if self._previous:
            self.give(self._previous)
            self._previous = None

    def take(self) -> moderngl.TextureArray:
        """Return an image that is not in use. Raises NCAError if memory is too small."""
        return self._free.pop() if self._free else self._images.allocate(self.shape, self._size)[0]

    def give(self, image: moderngl.TextureArray) -> None:
        """Note that an image is not in use any more."""
        self._free.append(image)

    def advance(self, after: moderngl.TextureArray) -> None:
        """Make an image that was taken the present state."""
        self.forget()
        self._previous, self.now = self.now, after

    def release(self) -> None:
        """Free all images."""
        self.forget()
        for image in (self.now, *self._free):
            image.release()
