"""What differs from cell to cell, on the GPU: an image of the fields and one of the embeddings."""

from typing import TypeVar

import moderngl
import numpy as np

from ncaengine.backends.gl.device import Device
from ncaengine.core.errors import NCAError
from ncaengine.core.fields import FIELDS, MAX_MODELS, PLANE, default_fields
from ncaengine.core.types import F32

AnyImage = TypeVar("AnyImage", moderngl.Texture, moderngl.TextureArray)


class CellMaps:
    """The fields and embeddings of one grid."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.fields: moderngl.Texture | None = None
        """(height, width) vec4, None where all have their defaults."""
        self.embedding: moderngl.TextureArray | None = None
        """(layers, height, width) vec4, None where the models read none."""
        self.numbers = [0]
        """Those that the model field holds; other models need no pass."""
        self.mean_rate = 1.0
        self.has_rates = False
        """Whether any cell's rate is not 1."""

    def write(self, fields: F32 | None) -> None:
        """Replace the fields; see Cells.write_fields. Raises NCAError if memory is too small."""
        if fields is None or _only_embeddings(fields):
            self._drop(self.fields)
            self.fields, self.numbers, self.mean_rate, self.has_rates = None, [0], 1.0, False
            return
        plain = fields[..., : len(FIELDS)]
        old, height, width = self.fields, *plain.shape[:2]
        if old is None or old.size != self._sides(width, height):
            self.fields = self._checked(self._device.ctx.texture(self._sides(width, height), 4, dtype="f4"), plain)
            self._drop(old)
        assert self.fields is not None
        self.fields.write(np.ascontiguousarray(plain, np.float32), (0, 0, width, height))
        numbers = np.clip(plain[..., PLANE["model"]] + np.float32(0.5), 0, MAX_MODELS - 1).astype(int)
        self.numbers = np.flatnonzero(np.bincount(numbers.ravel())).tolist()
        rate = plain[..., PLANE["rate"]]
        self.mean_rate, self.has_rates = float(rate.mean()), bool((rate != 1).any())

    def write_embeddings(self, cells: F32 | None) -> None:
        """Replace the embeddings, (height, width, numbers) float32; None frees them. Raises NCAError."""
        old = self.embedding
        if cells is None:
            self._drop(old)
            self.embedding = None
            return
        height, width, count = cells.shape
        layers = -(-count // 4)
        if old is None or old.size != (*self._sides(width, height), layers):
            shape = (*self._sides(width, height), layers)
            self.embedding = self._checked(self._device.ctx.texture_array(shape, 4, dtype="f4"), cells)
            self._drop(old)
        assert self.embedding is not None
        padded = np.pad(cells, ((0, 0), (0, 0), (0, 4 * layers - count))).reshape(height, width, layers, 4)
        planes = np.ascontiguousarray(padded.transpose(2, 0, 1, 3), np.float32)
        self.embedding.write(planes, viewport=(0, 0, 0, width, height, layers))

    def release(self) -> None:
        """Free the images."""
        self._drop(self.fields)
        self._drop(self.embedding)
        self.fields = self.embedding = None

    def _sides(self, width: int, height: int) -> tuple[int, int]:
        return self._device.image_side(width), self._device.image_side(height)

    def _checked(self, image: AnyImage, cells: F32) -> AnyImage:
        if self._device.out_of_memory(image):
            raise NCAError(f"The device has too little memory for maps of {cells.shape[1]}x{cells.shape[0]} cells.")
        image.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return image

    @staticmethod
    def _drop(image: moderngl.Texture | moderngl.TextureArray | None) -> None:
        if image is not None:
            image.release()


def _only_embeddings(fields: F32) -> bool:
    """Return whether cells differ in nothing but their embeddings."""
    count = len(FIELDS)
    return fields.shape[2] > count and bool((fields[..., :count] == default_fields(1, 1)).all())
