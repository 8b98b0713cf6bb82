"""Recording: frames of running grids at exact ticks."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ncaengine.core import bounds, framing, lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.given import number, whole
from ncaengine.core.lattice import View
from ncaengine.core.types import U8, Size
from ncaengine.io import kinds
from ncaengine.io.backgrounds import Background, as_background, picture_over, require_opacity
from ncaengine.io.film import BACK, Film
from ncaengine.io.kinds import Kind, Rate
from ncaengine.io.loops import Loop
from ncaengine.io.state_frames import colours_and_state
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation, Which

GAP, TRANSPARENT = 8, (0, 0, 0, 0)
"""Pixels between grids side by side, and the colour that shows where no grid lies in transparent pictures."""


class Recording(Film):
    """Records one grid, or several side by side, in the lattice's true shape.

    `capture` adds a frame of the grids as they are now; `run` also advances the simulation between frames. Every grid
    keeps its size in pixels: a grid that is enlarged shows its middle, and one that is made smaller repeats, as on its
    torus.
    """

    def __init__(
        self,
        path: str | Path,
        sim: Simulation,
        grid: Which | Sequence[Grid | int] = None,
        fps: Rate | float | None = None,
        scale: int = 1,
        raw: bool = False,
        background: Background | str | None = None,
        pixels: Size | None = None,
        smooth: bool = False,
        options: Mapping[str, Any] | None = None,
        loop: float = 0.0,
    ) -> None:
        """Open the output. Raises NCAError if it can't be written, or not with these values.

        grid: The grid or grids, or their numbers; None takes the first one.
        fps: See Film.
        scale: Pixels per cell.
        raw: One pixel per cell in storage order, instead.
        background: What lies behind transparent cells: (red, green, blue) from 0 to 1, or a name, as transparent, white
            or #ff8800; None takes the model's.
        pixels: (width, height) of the frames, which one grid then fills, at any scale; see framing.view_filled.
        smooth: Blend cells that are larger than a pixel into each other.
        options: See Film.
        loop: Seconds over which the end turns into the start, so that it can be repeated; see loops. Those of the start
            are shown only there: the frames begin after them.
        """
        which = grid if isinstance(grid, Iterable) else list(sim.grids)[:1] if grid is None else (grid,)
        self.sim, self.grids = sim, tuple(each if isinstance(each, Grid) else sim.grid(each) for each in which)
        if not self.grids:
            raise NCAError("There is no grid to record; add one first.")
        self.grid, self.scale, self.raw = self.grids[0], scale, raw
        self._check()
        background = None if background is None else as_background(background)
        loop = number(loop, "The seconds of a loop", 0, bounds.SECONDS.high)
        given = {**(options or {}), **({"loop": True} if loop else {})}
        kind = self._checked_kind(str(path), given, background)
        even = kind.even and len(self.grids) == 1  # one more pixel of its torus is drawn
        if pixels is not None:
            pixels = self._checked_pixels(pixels, raw, kind.even)
            shapes = [framing.view_filled(self.grid.kernel, self.grid.size, pixels)]
        else:
            shapes = [_shape(each, scale, raw, even) for each in self.grids]
        self._parts = [
            _Part(each, replace(shape, smooth=smooth), raw, background)
            for each, shape in zip(self.grids, shapes, strict=True)
        ]
        self._between = TRANSPARENT if background == "transparent" else BACK
        width = sum(part.width for part in self._parts) + GAP * (len(self._parts) - 1)
        height = max(part.height for part in self._parts)
        if width * height > lattice.MAX_PIXELS:
            raise NCAError(f"Pictures of {width}x{height} pixels are too large; use a smaller scale.")
        fps = kinds.rate_of(kind, fps)
        # Before the output is opened: what is refused here must not leave it taken.
        self.loop = Loop(sim, self.grids, round(loop * fps)) if loop else None
        super().__init__(path, fps, self.grid.size if kind.states else (width, height), given)
        self.turned = 0
        self._rest_of_loop: Iterator[int] | None = None

    def _checked_kind(self, path: str, options: Mapping[str, Any], background: Background | None) -> Kind:
        """Return the output's kind. Raises NCAError if it can't hold what is recorded."""
        form = options.get("format", "")
        kind = kinds.kind_of(path, form)
        if kind.still and "loop" in options:
            raise NCAError(f"{path}: one picture can't be a loop; use a video, a GIF, a WebP, an APNG or f_%04d.png.")
        if kind.states and len(self.grids) > 1:
            raise NCAError(f"{path}: this kind holds the cells of one grid; name one of them.")
        for each in self.grids if background is not None else ():
            require_opacity(each)
        if background == "transparent":
            kinds.check_transparent(path, form)
        return kind

    def _checked_pixels(self, pixels: Size, raw: bool, even: bool) -> Size:
        try:
            width, height = pixels
        except (TypeError, ValueError):
            raise NCAError(f"The size of pictures is (width, height) in pixels, not {pixels!r:.60}.") from None
        width, height = whole(width, "The width in pixels", 1), whole(height, "The height in pixels", 1)
        if len(self.grids) > 1:
            raise NCAError("Only one grid can fill a picture of given pixels; name one of them.")
        if raw:
            raise NCAError("A raw picture has one pixel for each cell, so its size can't be chosen as well.")
        if even and (width % 2 or height % 2):
            width, height = width + width % 2, height + height % 2
            raise NCAError(f"An .mp4 needs even sides; use {width}x{height} pixels, or another format.")
        return width, height

    def _check(self) -> None:
        for grid in self.grids:
            if self.sim.grids.get(grid.id) is not grid:
                self.loop = None
                raise NCAError(f"Grid {grid.id} was removed and can't be recorded.")

    def picture(self) -> U8:
        """Return the picture as of now: (height, width, 3 or 4) uint8. Raises NCAError if a grid was removed."""
        self._check()
        return self._picture(self.grids)

    def _picture(self, grids: Sequence[Grid]) -> U8:
        if len(self._parts) == 1:
            return self._parts[0].picture(grids[0])
        out, left = np.full((self.height, self.width, len(self._between)), self._between, np.uint8), 0
        for part, grid in zip(self._parts, grids, strict=True):
            top = (self.height - part.height) // 2
            out[top : top + part.height, left : left + part.width] = part.picture(grid)
            left += part.width + GAP
        return out

    @property
    def view(self) -> View:
        """What the frames show of the first grid as of now."""
        return self._parts[0].view

    def capture(self) -> None:
        """Add a frame.

        Raises NCAError if a grid was removed, the file is finished, or the encoder has failed, for example on a full
        disk.
        """
        self.require_open()
        self._check()
        if self.loop is not None and self.loop.keeps():
            self.taken += 1
        else:
            self._add(self.grids)

    def _add(self, grids: Sequence[Grid]) -> None:
        self.add(colours_and_state(grids[0]) if self.kind.states else self._picture(grids))

    def ending(self) -> Iterator[int]:
        """Turn the end of a loop into its start, a frame at each step; yield how many frames that are.

        `close` does it, or what is left of it. Raises NCAError if that can't be done; the frames until then are kept.
        """
        if self._rest_of_loop is None:
            self._rest_of_loop = self._turn()
        return self._rest_of_loop

    def _turn(self) -> Iterator[int]:
        loop, self.loop = self.loop, None
        if loop is not None:
            self._check()
        if loop is not None and not self.frames:
            raise NCAError(f"{self.path}: is too short for a loop; it needs more than {loop.frames} frames.")
        for self.turned, copies in enumerate(loop.ending() if loop else (), 1):
            self._add(copies)
            yield self.turned

    def close(self) -> None:
        """Finish the file, and a loop before. Raises NCAError if that fails."""
        try:
            for _ in self.ending():
                pass
        finally:
            super().close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.loop, self._rest_of_loop = None, iter(())
        super().__exit__(kind, error, at)

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Record some seconds of simulated time, at most a day; `each` is called after every frame. Raises NCAError."""
        self.require_open()
        seconds = number(seconds, "The seconds of a recording", 0, bounds.SECONDS.high)
        for _ in range(round(seconds * self.fps)):
            self.sim.advance(self.ticks_per_frame)
            self.capture()
            each()


def _shape(grid: Grid, scale: int, raw: bool, even: bool) -> View:
    """Return the view of a whole grid. even: with even sides."""
    if not raw:
        return lattice.whole_view(grid.kernel, grid.size, scale, even)
    width, height = grid.size
    return View(width + (even and width % 2), height + (even and height % 2), 1.0, -0.5, -0.5)


class _Part:
    """One grid's place in the frames. Its size in pixels stays when the grid's size changes."""

    def __init__(self, grid: Grid, shape: View, raw: bool, background: Background | None = None) -> None:
        self._grid, self._shape, self._raw, self._background = grid, shape, raw, background
        self.width, self.height = shape.width, shape.height
        self._extent = lattice.extent(grid.kernel, grid.size)

    @property
    def view(self) -> View:
        """What is shown of the grid as of now."""
        kernel, shape = self._grid.kernel, self._shape
        # In whole pixels, so a grid that has kept its size is drawn exactly as before.
        x, y = (
            place + round((length - before) / 2 * shape.scale) / shape.scale
            for place, length, before in zip(
                (shape.x, shape.y), lattice.extent(kernel, self._grid.size), self._extent, strict=True
            )
        )
        return replace(shape, x=x, y=y)

    def picture(self, grid: Grid) -> U8:
        """Return the picture of the grid or of a copy: (height, width, 3 or 4) uint8."""
        picture = picture_over(grid, self._background, self.view, self._raw)
        if picture.shape[:2] != (self.height, self.width):
            picture = np.take(np.take(picture, range(self.height), 0, mode="wrap"), range(self.width), 1, mode="wrap")
        return picture
