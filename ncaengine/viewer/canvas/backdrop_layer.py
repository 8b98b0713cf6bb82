"""The picture under a grid, drawn over its cells with holes where its areas are."""

import math

import moderngl
import numpy as np
from imgui_bundle import imgui

from ncaengine.core import lattice
from ncaengine.core.backdrops import Backdrop
from ncaengine.viewer.canvas.viewport import Viewport

LINEAR = (moderngl.LINEAR, moderngl.LINEAR)


class BackdropLayer:
    """A texture of the window that shows a picture with holes, made anew only when its areas change."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._texture: moderngl.Texture | None = None
        self._shown: Backdrop | None = None

    def show(self, viewport: Viewport) -> None:
        """Draw the picture over the cells of a grid that lies on one, as often as its cells are repeated."""
        grid, view = viewport.pane.grid, viewport.view
        if grid.backdrop is None:
            self.release()
            return
        texture = self._updated(grid.backdrop)
        (left, top), (across, down) = lattice.corner(grid.kernel), lattice.extent(grid.kernel, grid.size)
        draw, end = imgui.get_window_draw_list(), (across / texture.width, down / texture.height)
        draw.push_clip_rect((viewport.left, viewport.top), (viewport.right, viewport.bottom), True)
        for row in _copies(view.y - top, view.height / view.scale, down):
            for column in _copies(view.x - left, view.width / view.scale, across):
                x, y = left + column * across, top + row * down
                low, high = viewport.to_window(x, y), viewport.to_window(x + across, y + down)
                draw.add_image(imgui.ImTextureRef(texture.glo), low, high, (0, 0), end)
        draw.pop_clip_rect()

    def _updated(self, here: Backdrop) -> moderngl.Texture:
        """Return the texture of a picture; its opacity is the share of the picture."""
        height, width = here.labels.shape
        if self._texture is None or self._texture.size != (width, height):
            self.release()
            self._texture = self._ctx.texture((width, height), 4)
            self._texture.filter, self._texture.repeat_x, self._texture.repeat_y = LINEAR, False, False
        if here is not self._shown:
            opacity = np.round(255 * (1 - here.share())).astype(np.uint8)
            self._texture.write(np.dstack([here.raster, opacity]))
            self._shown = here
        return self._texture

    def release(self) -> None:
        """Free the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture = self._shown = None


def _copies(start: float, length: float, period: float) -> range:
    """Return which copies of a period a stretch touches, counted from the one at 0."""
    return range(math.floor(start / period), math.ceil((start + length) / period - 1e-9))
