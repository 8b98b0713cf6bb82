"""A grid's picture as a texture of the window, redrawn only if the grid or the view changed."""

import moderngl

from ncaengine.backends.gl.backend import GLCells
from ncaengine.core.lattice import View
from ncaengine.core.looks import Look
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

    def draw(self, grid: Grid, view: View, look: Look, lines: float) -> int:
        """Redraw the picture if it is out of date. Return the texture's OpenGL name.

        look: which of the cells' numbers are shown.
        lines: how dark the lines between cells are, 0 … 1.
        """
        components = 4 if isinstance(grid.cells, GLCells) else 3
        texture = self._texture_of_size(view.width, view.height, components)
        wanted = (grid, grid.changes, view, look, lines)
        if wanted != self._drawn:
            busy = grid.cells.busy
            if isinstance(grid.cells, GLCells):
                grid.cells.draw_into(texture, view, look, lines)
            else:
                texture.write(grid.cells.draw_newest(view, look, lines), alignment=1)
            self._drawn = None if busy else wanted
            self.draws += 1
        return texture.glo

    def _texture_of_size(self, width: int, height: int, components: int) -> moderngl.Texture:
        old = self._texture
        if old is None or (*old.size, old.components) != (width, height, components):
            self.release()
            self._texture = old = self._ctx.texture((width, height), components, alignment=1)
            old.filter = (moderngl.NEAREST, moderngl.NEAREST)
            self._drawn = None
        return old

    def release(self) -> None:
        """Free the texture."""
        if self._texture is not None:
            self._texture.release()
        self._texture = None
