"""A grid's picture on the GPU, redrawn only if the grid or the view changed."""

from typing import cast

import moderngl

from ncaengine.backends.gl.backend import GLCells
from ncaengine.core.lattice import View
from ncaengine.simulation.grid import Grid


class Picture:
    """A texture of the size on the screen that shows one view of a grid.

    draws: how often it was drawn.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._texture: moderngl.Texture | None = None
        self._drawn: object = None
        self.draws = 0

    def draw(self, grid: Grid, view: View, lines: float) -> int:
        """Redraw the picture if it is out of date. Return the texture's OpenGL name.

        lines: how dark the lines between cells are, 0 … 1.
        """
        texture = self._texture_of_size(view.width, view.height)
        wanted = (grid, grid.changes, view, grid.look, lines)
        if wanted != self._drawn:
            cast(GLCells, grid.cells).draw_into(texture, view, grid.look, lines)
            self._drawn = wanted
            self.draws += 1
        return texture.glo

    def _texture_of_size(self, width: int, height: int) -> moderngl.Texture:
        if self._texture is None or self._texture.size != (width, height):
            self.release()
            self._texture = self._ctx.texture((width, height), 4)
            self._texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            self._drawn = None
        return self._texture

    def release(self) -> None:
        """Free the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture = None
