"""The recorder: what is recorded and how, and the recording in progress."""

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ncaengine.core.claims import is_claimed
from ncaengine.core.errors import NCAError
from ncaengine.core.texts import plural
from ncaengine.core.types import U8, Size
from ncaengine.io.kinds import KINDS, Kind
from ncaengine.simulation.commands import Reseed, Set, Step
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation
from ncaengine.viewer.state.file_names import base_name, check_typed_name, free_name, name_and_folder
from ncaengine.viewer.state.still_text import describe

if TYPE_CHECKING:
    from ncaengine.io.backgrounds import Background
    from ncaengine.io.film import Film

Source = Literal["grid", "all", "window"]

FRAME_RATES, GIF_FRAME_RATES = (24, 25, 30, 50, 60), (10, 20, 25, 50)
"""Frames per second that are offered; the second ones last whole hundredths of a second."""
SCALES = (1, 2, 3, 4, 6, 8)
LARGEST_USUAL = 1024
"""Pixels of the larger side of a picture at its usual scale."""
FORMATS = tuple(kind.ending for kind in KINDS)
"""Endings of file names."""


def usual_scale(size: Size) -> int:
    """Return the pixels per cell that make a picture about as large as a screen shows it."""
    return max((n for n in SCALES if n * max(size) <= LARGEST_USUAL), default=1)


class Recorder:
    """The form's settings, and the window's one recording.

    After `start` there is first a countdown (`counting`), then a `recording`; `active` is either. The
    simulation follows the recording instead of the wall clock. Call `frame` for every frame of the
    window while active, and `take` once the window is drawn if `wants_pixels`. Both return the text to
    show, '' if there is none.

    name: the file; '' for a free name made from what is recorded, which ends in `free_ending`.
    source: the selected grid, all grids side by side, or the window.
    fps: frames per second, see `rate`.
    scale: pixels per cell.
    background: what lies behind transparent cells, as for `ncaengine record`; '' for the model's own colour. Grids
        without transparent cells don't need it.
    from_seed: whether the grids restart from their seeds first.
    loop: whether the end turns into the start, see io.loops; not in recordings of the window and of stills.
    steps_per_frame: steps of what is recorded between two frames, while everything else stands still.
        None lets every grid run at its own speed in the video's time.
    delay: seconds before the start.
    length: seconds of video; None to record until it is stopped.
    output: the name of the file that is recorded.
    grids: the grids that are recorded; none if it is the window.
    """

    def __init__(self, sim: Simulation, now: Callable[[], float] = time.monotonic) -> None:
        self.sim, self._now = sim, now
        self.name, self.free_ending, self.fps, self.scale, self.from_seed = "", ".mp4", 60, 1, False
        self.source: Source = "grid"
        self.background, self.loop = "", False
        self._ending: Iterator[int] | None = None
        self.steps_per_frame: int | None = None
        self.delay = 0.0
        self.length: float | None = None
        self.recording: Film | None = None
        self.grids: tuple[Grid, ...] = ()
        self._start_time: float | None = None
        self.output = ""
        self._takes: dict[str, str] = {}
        """The names under which this window has recorded, each with that of its first take, without an ending."""

    # What is recorded

    @property
    def ending(self) -> str:
        """The ending of the file's name, one of FORMATS. A name without one gets `free_ending`."""
        name = self.name.strip().lower()
        return next((ending for ending in FORMATS if name.endswith(ending)), self.free_ending)

    @ending.setter
    def ending(self, ending: str) -> None:
        name = self.name.strip()
        if name:
            self.name = (name[: -len(self.ending)] if name.lower().endswith(self.ending) else name) + ending
        self.free_ending = ending

    @property
    def kind(self) -> Kind:
        """What the file is."""
        return next(kind for kind in KINDS if kind.ending == self.ending)

    @property
    def rates(self) -> tuple[int, ...]:
        """The frame rates that the format offers."""
        return GIF_FRAME_RATES if self.kind.unit else FRAME_RATES

    @property
    def rate(self) -> int:
        """Frames per second: `fps`, or the nearest rate that a GIF can have."""
        return min(self.rates, key=lambda rate: abs(rate - self.fps)) if self.kind.unit else self.fps

    def path(self, grid: Grid) -> str:
        """Return the file's name if `grid` is the selected one."""
        if not self.name.strip():
            base = {"grid": base_name(grid), "all": "grids", "window": "window"}[self.source]
            return free_name(base, self.free_ending)
        return self.typed_path

    @property
    def typed_path(self) -> str:
        """The file whose name is typed."""
        name = os.path.expanduser(self.name.strip())
        return name if name.endswith("/") or Path(name).suffix else name + self.free_ending

    def _number_take(self) -> None:
        """Add a number to a name under which this window has recorded, so that no take replaces another."""
        first = self._takes.get(self.typed_path)
        if first is not None and os.path.exists(self.typed_path):
            self.name = free_name(first, self.ending)
            self._takes[self.name] = first

    # What is in progress

    @property
    def counting(self) -> bool:
        """Whether the countdown runs."""
        return self._start_time is not None

    @property
    def active(self) -> bool:
        """Whether there is a countdown or a recording."""
        return self.counting or self.recording is not None

    @property
    def can_loop(self) -> bool:
        """Whether what the form says could be a loop."""
        return self.source != "window" and not self.kind.still

    @property
    def turning(self) -> bool:
        """Whether a loop's end turns into its start."""
        return self._ending is not None

    @property
    def wants_pixels(self) -> bool:
        """Whether `take` waits for the window's picture."""
        return self.recording is not None and not self.grids

    @property
    def seconds(self) -> float:
        """The length of the video so far; if negative, the time until it begins."""
        if self._start_time is not None:
            return min(0.0, self._now() - self._start_time)
        return float(self.recording.taken / self.recording.fps) if self.recording else 0.0

    @property
    def clock(self) -> str:
        """That length as text, such as 0:03.2, or during the countdown "in 3 s"."""
        if self.counting:
            return f"in {math.ceil(-self.seconds)} s"
        tenths = math.floor(self.seconds * 10 + 1e-6)
        return f"{tenths // 600}:{tenths % 600 // 10:02}.{tenths % 10}"

    @property
    def progress(self) -> float | None:
        """The share of `length` that is recorded, 0 … 1; None if there is no length."""
        return min(max(self.seconds / self.length, 0.0), 1.0) if self.length else None

    # Recording

    def start(self, grid: Grid) -> str:
        """Begin to record at once or after the delay, with `grid` the selected one. Return the file's name.

        Raises NCAError if it can't be recorded or a recording is already in progress.
        """
        from ncaengine.io import encoders

        if self.active:
            raise NCAError("A recording is already in progress; stop it first.")
        check_typed_name(self.name.strip())
        self._number_take()
        self.output = self.path(grid)
        encoders.check_output(self.output, self.rate)
        if is_claimed(self.output):
            raise NCAError(f"{self.output}: another window or program is writing it; choose another name.")
        self.grids = {"grid": (grid,), "all": tuple(self.sim.grids.values()), "window": ()}[self.source]
        if self.delay > 0:
            self._start_time = self._now() + self.delay
        else:
            with self._stopping_on_error():
                self._begin()
        return self.output

    def _begin(self) -> None:
        """Open the file. If asked for, restart the grids from their seeds and let them run."""
        from ncaengine.io.film import Film
        from ncaengine.io.loops import turn_of
        from ncaengine.io.video import Recording

        self._start_time = None
        if self.grids:
            behind = self._behind(self.grids)
            turn = turn_of(self.length) if self.loop and self.can_loop else 0.0
            self.recording = Recording(
                self.output, self.sim, self.grids, self.rate, self.scale, background=behind, loop=turn
            )
        else:
            self.recording = Film(self.output, self.rate)
        if self.from_seed:
            for grid in self._recorded_grids():
                self.sim.submit(Reseed(grid.id, grid.rng_seed))
                if grid.settings.paused and self.steps_per_frame is None:
                    self.sim.submit(Set(grid.id, "paused", False))

    def takes_background(self, grids: Iterable[Grid]) -> bool:
        """Return whether all grids have transparent cells, behind which something lies."""
        return self.source != "window" and all(grid.model.config.colour.alpha for grid in grids)

    def _behind(self, grids: Iterable[Grid]) -> "Background | None":
        from ncaengine.io.backgrounds import parse_background

        text = self.background.strip()
        return parse_background(text) if text and self.takes_background(grids) else None

    def _recorded_grids(self) -> list[Grid]:
        """Return the grids in the video that still exist."""
        return [grid for grid in self.sim.grids.values() if not self.grids or grid in self.grids]

    def frame(self) -> str:
        """Let one frame of time pass and capture the grids, or begin if the countdown is over.

        Returns what was saved if the recording has reached its length, else ''.
        Stops and raises NCAError if a grid was removed or the encoder failed.
        """
        from ncaengine.io.video import Recording

        with self._stopping_on_error():
            if self._start_time is not None and self._now() >= self._start_time:
                self._begin()
            if self.recording is None:
                return ""
            if self.steps_per_frame is None:
                self.sim.advance(self.recording.ticks_per_frame)
            else:
                for grid in self._recorded_grids():
                    self.sim.submit(Step(grid.id, self.steps_per_frame))
            if self._ending is not None:
                return self.stop() if next(self._ending, None) is None else ""
            if isinstance(self.recording, Recording):
                self.recording.capture()
                return self._stop_at_length()
        return ""

    def take(self, pixels: U8) -> str:
        """Add the window's picture, (height, width, 3) uint8, if the window is recorded.

        The picture must not change later. Returns and raises the same as `frame`.
        """
        if self.recording is None or not self.wants_pixels:
            return ""
        with self._stopping_on_error():
            self.recording.add(pixels)
            return self._stop_at_length()

    def _stop_at_length(self) -> str:
        assert self.recording is not None
        reached = self.length and self.recording.taken >= max(1, round(self.length * self.recording.fps))
        return self.end() if reached else ""

    @contextmanager
    def _stopping_on_error(self) -> Iterator[None]:
        """Stop the recording if an NCAError is raised, and pass on that error rather than one of stopping."""
        try:
            yield
        except NCAError:
            with suppress(NCAError):
                self.stop()
            raise

    def end(self) -> str:
        """End the recording; a loop takes some more frames. Return what was saved, as text; '' if it goes on.

        Ended once more, a loop is finished at once. Raises NCAError if the file can't be finished.
        """
        from ncaengine.io.video import Recording

        film = self.recording
        if self._ending is None and isinstance(film, Recording) and film.loop is not None and film.frames:
            self._ending = film.ending()
            return ""
        return self.stop()

    def stop(self) -> str:
        """Finish the file. Return what was saved, as text. Raise NCAError if it can't be finished."""
        counting, recording, ending = self.counting, self.recording, self._ending
        self._start_time, self.recording, self._ending, self.grids = None, None, None, ()
        if recording is None:
            return "The recording was cancelled." if counting else ""
        try:
            for _ in ending or ():
                pass
        finally:
            recording.close()
        if not recording.frames:
            return "Nothing was recorded."
        written = next((each for each in FORMATS if self.output.lower().endswith(each)), "")
        self._takes.setdefault(self.output, self.output[: len(self.output) - len(written)])
        self._number_take()
        lasts = f"{float(recording.frames / recording.fps):.1f} s"
        turned = getattr(recording, "turned", 0)
        loop = f"; the last {float(turned / recording.fps):.1f} s turn into the start" if turned else ""
        return f"Saved {name_and_folder(recording.path)}: {plural(recording.frames, 'frame')}, {lasts}{loop}."

    def still(self, grid: Grid, path: str = "", session: bytes | None = None) -> str:
        """Save a PNG of a grid with its settings as metadata. Return what was saved, as text.

        path: '' for a free name.
        session: a packed session, which makes the still open as it was.
        Raises NCAError if it can't be saved.
        """
        from ncaengine.io import stills
        from ncaengine.io.backgrounds import whole_picture

        path = path.strip() or free_name(base_name(grid), ".png")
        if Path(path).suffix.lower() != ".png":
            raise NCAError(f"{path}: a still's name must end in .png.")
        picture = whole_picture(grid, self._behind((grid,)), self.scale)
        stills.save_still(Path(path), picture, describe(grid), session)
        return f"Saved {name_and_folder(path)}: {picture.shape[1]} × {picture.shape[0]} px, step {grid.step}."
