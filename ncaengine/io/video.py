"""Recording: frames of running grids at exact ticks, encoded in a thread of their own."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ncaengine.core import framing, lattice
from ncaengine.core.claims import Claim
from ncaengine.core.display import Displayed
from ncaengine.core.errors import NCAError
from ncaengine.core.files import reason
from ncaengine.core.lattice import View
from ncaengine.core.types import U8, Size
from ncaengine.io import encoders
from ncaengine.io.backgrounds import Background, picture_over, require_opacity
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

QUEUE = 8
"""Frames that can wait for the encoder; when more come, the simulation waits."""
GAP, BACK, TRANSPARENT = 8, (18, 19, 22), (0, 0, 0, 0)
"""Pixels between grids side by side, and the colours that show where no grid lies."""


class Film(Displayed):
    """Writes pictures from any source as a video, which a notebook displays once it is finished.

    Attributes:
        path: The output; see encoders.
        fps: Frames per second.
        ticks_per_frame: The length of a frame, in 1/TICKS_PER_SECOND s.
        frames: The number of frames so far.
        width: Pixels, 0 before the first frame.
        height: Pixels, 0 before the first frame.
        closed: Whether the file is finished.
    """

    def __init__(self, path: str | Path, fps: int | None = None, size: tuple[int, int] | None = None) -> None:
        """Open the output. Raises NCAError if it can't be written.

        fps: A divisor of 3600; None takes 60, or 50 for a GIF.
        size: (width, height) of the frames in pixels; None takes that of the first picture. Larger pictures are cut
            off at the right and bottom edges, smaller ones are padded there.
        """
        self.path, self.frames = str(path), 0
        self.fps = encoders.default_fps(self.path) if fps is None else fps
        if self.fps < 1 or TICKS_PER_SECOND % self.fps:
            raise NCAError(
                f"{self.fps} frames a second can't be recorded; use 60, 50, 30, 25, 24 or another divisor of 3600."
            )
        self.ticks_per_frame = TICKS_PER_SECOND // self.fps
        self.width = self.height = 0
        self.closed = False
        self._encoder: _EncoderThread | None = None
        if size is None:
            encoders.check_output(self.path, self.fps)
        else:
            self._open(*size)

    def _open(self, width: int, height: int) -> "_EncoderThread":
        even = encoders.needs_even(self.path)
        self.width, self.height = width + (even and width % 2), height + (even and height % 2)
        self._encoder = _EncoderThread(self.path, self.fps, self.width, self.height)
        return self._encoder

    def add(self, picture: U8) -> None:
        """Add a frame, (height, width, 3) uint8, or 4 with opacity, which must not change afterwards.

        Raises NCAError if the encoder has failed, for example on a full disk.
        """
        encoder = self._encoder or self._open(picture.shape[1], picture.shape[0])
        encoder.put(_cut_or_pad(picture, self.width, self.height))
        self.frames += 1

    def close(self) -> None:
        """Finish the file. Raises NCAError if that fails."""
        if self._encoder is not None:
            self._encoder.close()
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _cut_or_pad(picture: U8, width: int, height: int) -> U8:
    """Return the picture cut off or padded at the right and bottom edges, to (height, width, 3 or 4) uint8."""
    if picture.shape[:2] == (height, width):
        return picture
    back = BACK if picture.shape[2] == 3 else TRANSPARENT
    out = np.full((height, width, len(back)), back, np.uint8)
    part = picture[:height, :width]
    out[: part.shape[0], : part.shape[1]] = part
    return out


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
        grid: Grid | Sequence[Grid] | None = None,
        fps: int | None = None,
        scale: int = 1,
        raw: bool = False,
        background: Background | None = None,
        pixels: Size | None = None,
        smooth: bool = False,
    ) -> None:
        """Open the output. Raises NCAError if it can't be written.

        grid: The grid or grids; None takes the first one.
        fps: See Film.
        scale: Pixels per cell.
        raw: One pixel per cell in storage order, instead.
        background: What lies behind transparent cells; None takes the model's.
        pixels: (width, height) of the frames, which one grid then fills, at any scale; see framing.view_filled.
        smooth: Blend cells that are larger than a pixel into each other.
        """
        if grid is None:
            grid = list(sim.grids.values())[:1]
        self.sim, self.grids = sim, (grid,) if isinstance(grid, Grid) else tuple(grid)
        if not self.grids:
            raise NCAError("There is no grid to record; add one first.")
        self.grid, self.scale, self.raw = self.grids[0], scale, raw
        self._check()
        if background is not None:
            for each in self.grids:
                require_opacity(each)
            if background == "transparent":
                encoders.check_transparent(str(path))
        even = encoders.needs_even(str(path)) and len(self.grids) == 1  # one more pixel of its torus is drawn
        if pixels:
            self._check_pixels(pixels, raw, encoders.needs_even(str(path)))
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
        super().__init__(path, fps, (width, height))

    def _check_pixels(self, pixels: Size, raw: bool, even: bool) -> None:
        if len(self.grids) > 1:
            raise NCAError("Only one grid can fill a picture of given pixels; name one of them.")
        if raw:
            raise NCAError("A raw picture has one pixel for each cell, so its size can't be chosen as well.")
        if even and any(side % 2 for side in pixels):
            width, height = (side + side % 2 for side in pixels)
            raise NCAError(f"An .mp4 needs even sides; use {width}x{height} pixels, or another format.")

    def _check(self) -> None:
        for grid in self.grids:
            if self.sim.grids.get(grid.id) is not grid:
                raise NCAError(f"Grid {grid.id} was removed and can't be recorded.")

    def picture(self) -> U8:
        """Return the frame as of now: (height, width, 3 or 4) uint8. Raises NCAError if a grid was removed."""
        self._check()
        if len(self._parts) == 1:
            return self._parts[0].picture()
        out, left = np.full((self.height, self.width, len(self._between)), self._between, np.uint8), 0
        for part in self._parts:
            top = (self.height - part.height) // 2
            out[top : top + part.height, left : left + part.width] = part.picture()
            left += part.width + GAP
        return out

    @property
    def view(self) -> View:
        """What the frames show of the first grid as of now."""
        return self._parts[0].view

    def capture(self) -> None:
        """Add a frame. Raises NCAError if a grid was removed or the encoder has failed, for example on a full disk."""
        self.add(self.picture())

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Record some seconds of simulated time; `each` is called after every frame."""
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

    def picture(self) -> U8:
        """Return the grid's picture: (height, width, 3 or 4) uint8."""
        picture = picture_over(self._grid, self._background, self.view, self._raw)
        if picture.shape[:2] != (self.height, self.width):
            picture = np.take(np.take(picture, range(self.height), 0, mode="wrap"), range(self.width), 1, mode="wrap")
        return picture


class _EncoderThread:
    """Runs an encoder in a thread of its own, behind a bounded queue. Encoders release the GIL."""

    def __init__(self, path: str, fps: int, width: int, height: int) -> None:
        """Claim and open the output; see encoders. Raises NCAError."""
        self._path, self._claim = path, Claim(path)
        try:
            self._encoder = encoders.open_encoder(path, fps, width, height)
        except BaseException:
            self._claim.release()
            raise
        self._waiting: queue.Queue[U8 | None] = queue.Queue(QUEUE)
        self._error: Exception | None = None
        self._written = 0
        self._closed = self._raised = False
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (picture := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._encoder.write(picture)
                    self._written += 1
                except Exception as error:  # raised in the simulation's thread at its next frame
                    self._error = error
        try:
            self._encoder.close()
        except Exception as error:
            self._error = self._error or error

    def put(self, picture: U8) -> None:
        if self._error is None:
            self._waiting.put(picture)
        else:
            self.close()

    def close(self) -> None:
        """Finish the file. Raises NCAError once if it, or a frame, couldn't be written."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join()
            self._claim.release()
        if self._error is not None and not self._raised:
            self._raised = True
            count = getattr(self._encoder, "saved", lambda: self._written)()
            saved = f"{count} frame{'s were' if count != 1 else ' was'} saved" if count else "nothing was saved"
            raise NCAError(f"{self._path}: cannot be written ({reason(self._error)}); {saved}.")
