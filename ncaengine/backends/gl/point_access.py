"""Read and change some cells of a state without compute shaders: cell_access.CellAccess as fragments and points."""

import moderngl
import numpy as np

from ncaengine.backends.gl.cell_access import ROWS
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.programs import Program, set_uniforms, use_samplers
from ncaengine.backends.gl.shader import source
from ncaengine.backends.gl.shader.source import LIST_COLUMNS
from ncaengine.core.states import blended
from ncaengine.core.types import F32, I32, Size


class PointAccess:
    """The programs that gather and scatter cells."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._gather: dict[int, Program] = {}
        self._scatter: dict[int, list[tuple[moderngl.Program, int, int]]] = {}
        self._largest: Program | None = None

    def gather(self, image: moderngl.TextureArray, cells: I32, channels: int) -> F32:
        """Return the state of some cells, (n, 2) int32 (column, row): (n, channels) float32."""
        if not len(cells):
            return np.empty((0, channels), np.float32)
        count = image.layers
        if count not in self._gather:
            self._gather[count] = self._device.program(lambda part: source.gather_source(count, part), count)
        size = LIST_COLUMNS, -(-len(cells) // LIST_COLUMNS)
        places, values = self._image(size, 0, _padded(cells, size)), self._image(size, count)
        try:
            self._gather[count].run(size, {"state": image, "cells": places}, {"values": values}, {})
            planes = np.frombuffer(values.read(), np.float32).reshape(count, -1, 4)[:, : len(cells)]
        finally:
            places.release()
            values.release()
        return planes.transpose(1, 0, 2).reshape(len(cells), -1)[:, :channels].copy()

    def largest(self, image: moderngl.TextureArray, size: Size, channels: int) -> float:
        """Return the largest |number| in a state, see base.Cells; size: (width, height) in cells."""
        if self._largest is None:
            self._largest = self._device.program(lambda part: source.assemble("largest.frag", part=part))
        small = size[0], -(-size[1] // ROWS)
        found = self._device.ctx.texture(small, 4, dtype="f4")
        try:
            uniforms = {"size": size, "channels": channels, "rows": ROWS}
            self._largest.run(small, {"state": image}, {"largest": found}, uniforms)
            return float(np.frombuffer(found.read(), np.float32).max())  # NaN, if one is
        finally:
            found.release()

    def blend(self, image: moderngl.TextureArray, cells: I32, weight: F32, target: F32) -> None:
        """Mix `target`, (n, k) float32, into the first k channels of some cells; see base.Cells."""
        if not len(cells):
            return
        given = target.shape[1]
        layers = -(-given // 4)
        values = self.gather(image, cells, 4 * layers)
        values[:, :given] = blended(values[:, :given], weight[:, None], target)
        self._set(image, cells, values, layers)

    def _set(self, image: moderngl.TextureArray, cells: I32, values: F32, layers: int) -> None:
        """Set the first layers of some cells to values, (n, 4 * layers) float32."""
        size = LIST_COLUMNS, -(-len(cells) // LIST_COLUMNS)
        planes = np.concatenate([_padded(values[:, 4 * k : 4 * k + 4], size) for k in range(layers)])
        listed, places = self._image(size, layers, planes), self._device.ctx.buffer(cells.astype(np.float32))
        targets = self._device.targets
        if layers not in self._scatter:
            self._scatter[layers] = self._device.fragments(source.scatter_source, layers, "scatter.vert")
        try:
            with targets:
                for shader, first, count in self._scatter[layers]:
                    use_samplers(shader, {"values": listed})
                    set_uniforms(shader, {"sides": image.size[:2]})
                    targets.attach(image, first, count)
                    targets.cover(0, 0, *image.size[:2])
                    vertices = self._device.ctx.vertex_array(shader, [(places, "2f4", "cell")])
                    vertices.render(moderngl.POINTS, vertices=len(cells))
                    vertices.release()
        finally:
            listed.release()
            places.release()

    def _image(self, size: Size, layers: int, data: F32 | None = None) -> moderngl.TextureArray | moderngl.Texture:
        """Make an image of so many vec4 layers, or, if 0, of pairs of numbers."""
        ctx, content = self._device.ctx, None if data is None else data.tobytes()
        image = (
            ctx.texture_array((*size, layers), 4, content, dtype="f4")
            if layers
            else ctx.texture(size, 2, content, dtype="f4")
        )
        image.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return image

    def release(self) -> None:
        """Forget the programs, which belong to the device."""
        self._gather.clear()
        self._scatter.clear()
        self._largest = None


def _padded(rows: F32 | I32, size: Size) -> F32:
    """Return rows, (n, k), as an image's: (height, width, k) float32, with zeros at the end."""
    out = np.zeros((size[0] * size[1], rows.shape[1]), np.float32)
    out[: len(rows)] = rows
    return out.reshape(size[1], size[0], -1)
