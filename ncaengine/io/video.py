"""Recording: frames of running grids on the step clock, encoded beside the simulation."""

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from ncaengine.core import lattice
from ncaengine.core.errors import NCAError
from ncaengine.core.lattice import View
from ncaengine.core.types import U8
from ncaengine.io import encoders
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

QUEUE = 8
"""Frames that may wait for the encoder before the simulation waits for it."""
GAP, BACK = 8, (18, 19, 22)
"""Between grids side by side, in pixels, and the colour of what no grid covers."""


class Film:
    """Pictures of any origin into `path` (see sinks), `fps` a second: a divisor of 3600 (default 60; 50 for a GIF).

    All frames have the size of the first, or (width, height) if given: larger pictures are cut at
    the right and below, smaller ones filled up. Raises NCAError if the output cannot be written.

    `frames` counts those taken; `width` and `height` are their pixels, 0 before the first.
    """

    def __init__(self, path: str | Path, fps: int | None = None, size: tuple[int, int] | None = None) -> None:
        self.path, self.frames = str(path), 0
        self.fps = encoders.default_fps(self.path) if fps is None else fps
        if self.fps < 1 or TICKS_PER_SECOND % self.fps:
            raise NCAError(
                f"{self.fps} frames a second cannot be recorded; use 60, 50, 30, 25, 24 or a divisor of 3600."
            )
        self.ticks_per_frame = TICKS_PER_SECOND // self.fps
        self.width = self.height = 0
        self._encoder: _Encoder | None = None
        if size is None:
            encoders.check_output(self.path, self.fps)
        else:
            self._open(*size)

    def _open(self, width: int, height: int) -> "_Encoder":
        even = encoders.needs_even(self.path)
        self.width, self.height = width + (even and width % 2), height + (even and height % 2)
        self._encoder = _Encoder(self.path, encoders.open_encoder(self.path, self.fps, self.width, self.height))
        return self._encoder

    def add(self, picture: U8) -> None:
        """Add a frame, (height, width, 3) uint8, which must not change any more.

        Raises NCAError if the encoder has failed, as on a full disk.
        """
        encoder = self._encoder or self._open(picture.shape[1], picture.shape[0])
        encoder.put(fitted(picture, self.width, self.height))
        self.frames += 1

    def close(self) -> None:
        """Finish the file. Raises NCAError if that fails."""
        if self._encoder is not None:
            self._encoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def fitted(picture: U8, width: int, height: int) -> U8:
    """The picture cut at the right and below, or filled up there, to (height, width, 3)."""
    if picture.shape[:2] == (height, width):
        return picture
    out = np.full((height, width, 3), BACK, np.uint8)
    part = picture[:height, :width]
    out[: part.shape[0], : part.shape[1]] = part
    return out


class Recording(Film):
    """Frames of one grid (by default the first) or of several side by side, in the lattice's true shape.

    scale: pixels a cell, a whole number. raw: one cell one pixel in storage order. Every grid keeps
    the size in pixels that it had at the start; one that grows meanwhile shows its middle, and a
    smaller one repeats, as on its torus. Raises NCAError if the output cannot be written.

    `capture` takes a frame as the grids are now; `run` advances the simulation between frames.
    """

    def __init__(
        self,
        path: str | Path,
        sim: Simulation,
        grid: Grid | Sequence[Grid] | None = None,
        fps: int | None = None,
        scale: int = 1,
        raw: bool = False,
    ) -> None:
        if grid is None:
            grid = list(sim.grids.values())[:1]
        self.sim, self.grids = sim, (grid,) if isinstance(grid, Grid) else tuple(grid)
        if not self.grids:
            raise NCAError("There is no grid to record; add one first.")
        self.grid, self.scale, self.raw = self.grids[0], scale, raw
        self._check()
        even = encoders.needs_even(str(path)) and len(self.grids) == 1  # its torus is drawn on, by a pixel
        self._parts = [_Part(grid, scale, raw, even) for grid in self.grids]
        width = sum(part.width for part in self._parts) + GAP * (len(self._parts) - 1)
        height = max(part.height for part in self._parts)
        if width * height > lattice.MAX_PIXELS:
            raise NCAError(f"Pictures of {width}x{height} pixels are too large; use a smaller scale.")
        super().__init__(path, fps, (width, height))

    def _check(self) -> None:
        for grid in self.grids:
            if self.sim.grids.get(grid.id) is not grid:
                raise NCAError(f"Grid {grid.id} cannot be recorded any more, for it was removed.")

    def picture(self) -> U8:
        """The frame as it would be captured now: (height, width, 3) uint8. Raises NCAError if a grid was removed."""
        self._check()
        if len(self._parts) == 1:
            return self._parts[0].picture()
        out, left = np.full((self.height, self.width, 3), BACK, np.uint8), 0
        for part in self._parts:
            top = (self.height - part.height) // 2
            out[top : top + part.height, left : left + part.width] = part.picture()
            left += part.width + GAP
        return out

    def capture(self) -> None:
        """Add a frame. Raises NCAError if a grid was removed or the encoder has failed, as on a full disk."""
        self.add(self.picture())

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Record so many seconds of the simulation's time; `each` is called after every frame."""
        for _ in range(round(seconds * self.fps)):
            self.sim.advance(self.ticks_per_frame)
            self.capture()
            each()


class _Part:
    """One grid's place in the frames: always as many pixels, whatever becomes of the grid."""

    def __init__(self, grid: Grid, scale: int, raw: bool, even: bool) -> None:
        self._grid, self._scale, self._raw = grid, float(scale), raw
        if raw:
            width, height = grid.size
            shape = View(width + (even and width % 2), height + (even and height % 2), 1.0, -0.5, -0.5)
        else:
            shape = lattice.whole_view(grid.kernel, grid.size, scale, even)
        self.width, self.height = shape.width, shape.height
        self._extent = lattice.extent(grid.kernel, grid.size)

    def picture(self) -> U8:
        """(height, width, 3) uint8."""
        kernel, scale = self._grid.kernel, self._scale
        # In whole pixels: a grid that has kept its size must not be drawn between them.
        x, y = (
            place + round((length - before) / 2 * scale) / scale
            for place, length, before in zip(
                lattice.corner(kernel), lattice.extent(kernel, self._grid.size), self._extent, strict=True
            )
        )
        picture = self._grid.picture(View(self.width, self.height, scale, x, y), self._raw)
        if picture.shape[:2] != (self.height, self.width):
            picture = np.take(np.take(picture, range(self.height), 0, mode="wrap"), range(self.width), 1, mode="wrap")
        return picture


class _Encoder:
    """A sink on a thread of its own, behind a bounded queue; encoding lets other threads run."""

    def __init__(self, path: str, sink: encoders.Encoder) -> None:
        self._path, self._sink = path, sink
        self._waiting: queue.Queue[U8 | None] = queue.Queue(QUEUE)
        self._error: Exception | None = None
        self._written = 0
        self._closed = self._told = False
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (picture := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._sink.write(picture)
                    self._written += 1
                except Exception as error:  # told to the simulation's thread at its next frame
                    self._error = error
        try:
            self._sink.close()
        except Exception as error:
            self._error = self._error or error

    def put(self, picture: U8) -> None:
        self._check()
        self._waiting.put(picture)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._thread.join()
        self._check()

    def _check(self) -> None:
        if self._error is not None and not self._told:
            self._told = True
            reason = getattr(self._error, "strerror", None) or str(self._error)
            raise NCAError(f"{self._path}: cannot be written ({reason}); {self._written} frames were saved.")
