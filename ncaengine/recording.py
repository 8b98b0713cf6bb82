"""Recording: frames of a running grid on the step clock, encoded beside the simulation."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np

from ncaengine import sinks, view
from ncaengine.clock import TICKS_PER_SECOND
from ncaengine.errors import NCAError
from ncaengine.grid import Grid
from ncaengine.simulation import Simulation
from ncaengine.view import U8, View

QUEUE = 8
"""Frames that may wait for the encoder before the simulation waits for it."""


class Recording:
    """Frames of one grid into `path` (see sinks), in the lattice's true shape.

    fps: a divisor of 3600 (default 60; 50 for a GIF). scale: pixels a cell, a whole number.
    raw: one cell one pixel in storage order. All frames have the size that the grid had at the
    start; a grid that grows meanwhile shows its middle, and a smaller one repeats, as on its
    torus. Raises NCAError if the output cannot be written.

    `width` and `height` are the pictures' pixels. `capture` takes a frame as the grid is now; `run`
    advances the simulation between frames.
    """

    def __init__(
        self,
        path: str | Path,
        sim: Simulation,
        grid: Grid | None = None,
        fps: int | None = None,
        scale: int = 1,
        raw: bool = False,
    ) -> None:
        self.path, self.sim, self.raw, self.frames = str(path), sim, raw, 0
        self.grid = grid or next(iter(sim.grids.values()))
        self.fps, self.scale = sinks.default_fps(self.path) if fps is None else fps, scale
        if self.fps < 1 or TICKS_PER_SECOND % self.fps:
            raise NCAError(
                f"{self.fps} frames a second cannot be recorded; use 60, 50, 30, 25, 24 or a divisor of 3600."
            )
        self.ticks_per_frame = TICKS_PER_SECOND // self.fps
        shape = self._view()
        self._extent = view.extent(self.grid.kernel, self.grid.size)
        self.width, self.height = shape.width, shape.height
        self._encoder = _Encoder(self.path, sinks.open_sink(self.path, self.fps, shape.width, shape.height))

    def _view(self) -> View:
        even = sinks.needs_even(self.path)
        if self.raw:
            width, height = self.grid.size
            return View(width + (even and width % 2), height + (even and height % 2), 1.0, -0.5, -0.5)
        return view.whole(self.grid.kernel, self.grid.size, self.scale, even)

    def picture(self) -> U8:
        """The frame as it would be captured now: (height, width, 3) uint8."""
        # In whole pixels: a grid that has kept its size must not be drawn between them.
        scale, now = float(self.scale), view.extent(self.grid.kernel, self.grid.size)
        x, y = (
            place + round((length - before) / 2 * scale) / scale
            for place, length, before in zip(view.corner(self.grid.kernel), now, self._extent, strict=True)
        )
        picture = self.grid.picture(View(self.width, self.height, scale, x, y), self.raw)
        if picture.shape[:2] != (self.height, self.width):
            picture = np.take(np.take(picture, range(self.height), 0, mode="wrap"), range(self.width), 1, mode="wrap")
        return picture

    def capture(self) -> None:
        """Add a frame. Raises NCAError if the encoder has failed, as on a full disk."""
        self._encoder.put(self.picture())
        self.frames += 1

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Record so many seconds of the simulation's time; `each` is called after every frame."""
        for _ in range(round(seconds * self.fps)):
            self.sim.advance(self.ticks_per_frame)
            self.capture()
            each()

    def close(self) -> None:
        """Finish the file. Raises NCAError if that fails."""
        self._encoder.close()

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Encoder:
    """A sink on a thread of its own, behind a bounded queue; encoding lets other threads run."""

    def __init__(self, path: str, sink: sinks.Sink) -> None:
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
