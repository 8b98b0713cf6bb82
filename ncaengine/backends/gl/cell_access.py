"""Read and change some cells of a state on the GPU, without moving the rest."""

from collections.abc import Iterator

import moderngl
import numpy as np

from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.programs import ComputeProgram
from ncaengine.backends.gl.shader import source
from ncaengine.core.types import F32, I32, Size

GROUP = 64
"""Invocations of a workgroup of shaders/gather.comp and blend.comp."""
ROWS = 32
"""Rows that an invocation of shaders/largest.comp looks at; with fewer, the largest grid takes too many workgroups."""
BLOCK_BYTES = 2**24
"""The largest shader buffer that every OpenGL 4.3 allows; more cells take several dispatches."""


class CellAccess:
    """The programs that gather and blend cells, and their buffers, which grow as needed."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._buffers: dict[int, moderngl.Buffer] = {}
        self._programs: dict[str, ComputeProgram] = {}

    def gather(self, image: moderngl.TextureArray, cells: I32, channels: int) -> F32:
        """Return the state of some cells, (n, 2) int32 (column, row): (n, channels) float32."""
        count = image.size[2]
        out = np.empty((len(cells), 4 * count), np.float32)
        for part in _blocks(len(cells), count):
            n = len(cells[part])
            self._fill(2, cells[part])
            values = self._buffer(3, n * count * 16)
            self._run("gather.comp", image, n)
            out[part] = np.frombuffer(values.read(n * count * 16), np.float32).reshape(n, -1)
        return out[:, :channels].copy()

    def largest(self, image: moderngl.TextureArray, size: Size, channels: int) -> float:
        """Return the largest |number| in a state, see base.Cells; size: (width, height) in cells."""
        found = self._buffer(3, 4)
        found.write(bytes(4))
        self._run("largest.comp", image, size[0] * -(-size[1] // ROWS), channels, size)
        return float(np.frombuffer(found.read(4), np.float32)[0])

    def blend(self, image: moderngl.TextureArray, cells: I32, weight: F32, target: F32) -> None:
        """Mix `target`, (n, k) float32, into the first k channels of some cells; see base.Cells."""
        channels = target.shape[1]
        count = -(-channels // 4)
        for part in _blocks(len(cells), count):
            n = len(cells[part])
            values = np.zeros((n, 4 * count), np.float32)
            values[:, :channels] = target[part]
            for binding, array in ((2, cells[part]), (3, values), (4, weight[part])):
                self._fill(binding, array)
            self._run("blend.comp", image, n, channels)

    def _run(
        self, shader: str, image: moderngl.TextureArray, count: int, channels: int = 0, size: Size = (0, 0)
    ) -> None:
        if shader not in self._programs:
            self._programs[shader] = self._device.compute(source.assemble(shader, {"GROUP_X": GROUP, "GROUP_Y": 1}))
        writes = {"state": image} if shader == "blend.comp" else {}
        uniforms = {"count": count, "channels": channels, "size": size, "rows": ROWS}
        self._programs[shader].run((count, 1), {"state": image}, writes, uniforms)

    def _fill(self, binding: int, array: I32 | F32) -> None:
        """Write 4-byte numbers to the buffer of a binding."""
        kind = np.int32 if array.dtype.kind == "i" else np.float32
        data = np.ascontiguousarray(array, kind)
        self._buffer(binding, data.nbytes).write(data)

    def _buffer(self, binding: int, size: int) -> moderngl.Buffer:
        """Bind and return the buffer of a binding, of at least `size` bytes."""
        if binding not in self._buffers or self._buffers[binding].size < size:
            if binding in self._buffers:
                self._buffers.pop(binding).release()
            self._buffers[binding] = self._device.ctx.buffer(reserve=1 << (size - 1).bit_length(), dynamic=True)
        self._buffers[binding].bind_to_storage_buffer(binding)
        return self._buffers[binding]

    def release(self) -> None:
        """Free the buffers; the programs belong to the device."""
        for buffer in self._buffers.values():
            buffer.release()
        self._buffers.clear()


def _blocks(cells: int, layers: int) -> Iterator[slice]:
    """Return slices of the cells whose values fit into a buffer."""
    most = max(BLOCK_BYTES // (16 * layers), 1)
    return (slice(first, min(first + most, cells)) for first in range(0, cells, most))
