"""A grid's picture as a texture of the window, redrawn only if the grid or the view changed."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass

import moderngl

from ncaengine.backends.gl.cells import GLCells
from ncaengine.core.lattice import View
from ncaengine.core.looks import Look
from ncaengine.core.types import U8
from ncaengine.simulation.grid import Grid

PATIENCE = 0.006
"""Seconds that a frame waits for a picture of a grid that is being stepped; after that it shows the one before."""


@dataclass(frozen=True)
class _Wanted:
    """What a picture shows, and of which state."""

    grid: Grid
    version: int
    view: View
    look: Look
    lines: float


class Picture:
    """A texture that shows one view of a grid.

    draws: how often it was drawn.
    """

    def __init__(self, ctx: moderngl.Context, painter: Executor) -> None:
        """Take a painter with one thread, which draws what the processor has to draw."""
        self._ctx, self._painter = ctx, painter
        self._texture: moderngl.Texture | None = None
        self._shown: _Wanted | None = None
        self._coming: tuple[Future[U8], _Wanted] | None = None
        self.draws = 0

    @property
    def view(self) -> View | None:
        """The view that the texture shows, which may be an earlier one."""
        return self._shown.view if self._shown else None

    def draw(self, grid: Grid, view: View, look: Look, lines: float, waits: bool = False) -> int:
        """Redraw the picture if it is out of date. Return the texture's OpenGL name.

        look: which of the cells' numbers are shown.
        lines: how dark the lines between cells are, 0 … 1.
        waits: whether to wait for the picture, also while the grid is being stepped.
        """
        wanted = _Wanted(grid, grid.cells.version, view, look, lines)
        if isinstance(grid.cells, GLCells):
            if wanted != self._shown:
                texture = self._texture_of_size(view.width, view.height, 4)
                grid.cells.draw_into(texture, view, look, lines)
                self._note(wanted)
        else:
            self._draw_beside(wanted, waits or not grid.cells.busy or self._texture is None)
        assert self._texture is not None
        return self._texture.glo

    def _draw_beside(self, wanted: _Wanted, waits: bool) -> None:
        """Let the painter draw, and take what it has drawn."""
        while wanted != self._shown:
            if self._coming is None:
                draw = wanted.grid.cells.draw_newest
                self._coming = self._painter.submit(draw, wanted.view, wanted.look, wanted.lines), wanted
            future, what = self._coming
            try:
                pixels = future.result(None if waits else PATIENCE)
            except TimeoutError:
                return
            self._coming = None
            self._texture_of_size(what.view.width, what.view.height, 3).write(pixels, alignment=1)
            self._note(what)

    def _note(self, shown: _Wanted) -> None:
        self._shown = shown
        self.draws += 1

    def _texture_of_size(self, width: int, height: int, components: int) -> moderngl.Texture:
        old = self._texture
        if old is None or (*old.size, old.components) != (width, height, components):
            if old is not None:
                old.release()
            self._texture = old = self._ctx.texture((width, height), components, alignment=1)
            old.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return old

    def release(self) -> None:
        """Free the texture."""
        if self._coming is not None:
            self._coming[0].cancel()
            self._coming = None
        if self._texture is not None:
            self._texture.release()
        self._texture = self._shown = None
