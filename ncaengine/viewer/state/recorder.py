"""The window's recorder: what is to be recorded and how, and the recording that runs."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ncaengine._version import __version__
from ncaengine.core.errors import NCAError
from ncaengine.core.settings import SETTINGS
from ncaengine.core.types import U8, Size
from ncaengine.simulation.commands import Reseed, Set, Step
from ncaengine.simulation.grid import Grid
from ncaengine.simulation.simulation import Simulation

if TYPE_CHECKING:
    from ncaengine.io.video import Film

Source = Literal["grid", "all", "window"]

FRAME_RATES, GIF_FRAME_RATES = (24, 25, 30, 50, 60), (10, 20, 25, 50)
SCALES = (1, 2, 3, 4, 6, 8)
LARGEST_USUAL = 1024
FORMATS = (".mp4", ".gif", ".webp", "/", ".png")
"""Endings of names; / makes a folder of pictures and .png keeps the last picture alone."""


def usual_scale(size: Size) -> int:
    """Pixels a cell that make a picture about as large as a screen shows it."""
    return max((n for n in SCALES if n * max(size) <= LARGEST_USUAL), default=1)


class Recorder:
    """The fields of the form, and the one recording of the window.

    name: the file, '' for a free name made from what is recorded, which ends in `free_ending`.
    source: the selected grid, all grids side by side, or the window itself. scale: pixels a cell.
    steps_per_frame: None lets every grid run at its own pace in the video's time; a number makes so
    many steps of what is recorded between two frames, and all else stands still. delay: seconds
    before the start. length: seconds of video, None until it is stopped.

    After `start` there is first a countdown (`counting`), then a `recording`, which the simulation
    follows instead of the wall clock; `active` is either. Call `frame` for every frame of the
    window while active, and `take` once it is drawn if `wants_pixels`; both return what to tell.
    `output` is the file's name, `grids` those recorded, none of them if it is the window.
    """

    def __init__(self, sim: Simulation, now: Callable[[], float] = time.monotonic) -> None:
        self.sim, self._now = sim, now
        self.name, self.free_ending, self.fps, self.scale, self.from_seed = "", ".mp4", 60, 1, False
        self.source: Source = "grid"
        self.steps_per_frame: int | None = None
        self.delay = 0.0
        self.length: float | None = None
        self.recording: Film | None = None
        self.grids: tuple[Grid, ...] = ()
        self._due: float | None = None
        self.output = ""

    # What is to be recorded

    @property
    def ending(self) -> str:
        """The ending of the file's name, one of FORMATS; a name without gets the chosen one."""
        name = self.name.strip().lower()
        return next((ending for ending in FORMATS if name.endswith(ending)), self.free_ending)

    @ending.setter
    def ending(self, ending: str) -> None:
        name = self.name.strip()
        if name:
            self.name = (name[: -len(self.ending)] if name.lower().endswith(self.ending) else name) + ending
        self.free_ending = ending

    @property
    def rates(self) -> tuple[int, ...]:
        """Frames a second on offer."""
        return GIF_FRAME_RATES if self.ending == ".gif" else FRAME_RATES

    @property
    def rate(self) -> int:
        """Frames a second: `fps`, or the rate that a GIF can have nearest to it."""
        return min(self.rates, key=lambda rate: abs(rate - self.fps)) if self.ending == ".gif" else self.fps

    def path(self, grid: Grid) -> str:
        """The file's name, with `grid` the selected one."""
        name = self.name.strip()
        if not name:
            base = {"grid": base_name(grid), "all": "grids", "window": "window"}[self.source]
            return free_name(base, ending=self.free_ending)
        return name if name.endswith("/") or Path(name).suffix else name + self.free_ending

    # What is going on

    @property
    def counting(self) -> bool:
        """Whether the countdown runs."""
        return self._due is not None

    @property
    def active(self) -> bool:
        """Whether there is a countdown or a recording."""
        return self.counting or self.recording is not None

    @property
    def wants_pixels(self) -> bool:
        """Whether `take` waits for the window's picture."""
        return self.recording is not None and not self.grids

    @property
    def grid(self) -> Grid | None:
        """The grid that is being recorded, if it is one alone; see `grids` for all."""
        return self.grids[0] if self.recording and len(self.grids) == 1 else None

    @property
    def seconds(self) -> float:
        """Length of the video so far; below 0 the time until it begins."""
        if self._due is not None:
            return min(0.0, self._now() - self._due)
        return self.recording.frames / self.recording.fps if self.recording else 0.0

    @property
    def clock(self) -> str:
        """That length as 0:03.2, and the countdown as "in 3 s"."""
        if self.counting:
            return f"in {math.ceil(-self.seconds)} s"
        tenths = math.floor(self.seconds * 10 + 1e-6)
        return f"{tenths // 600}:{tenths % 600 // 10:02}.{tenths % 10}"

    @property
    def progress(self) -> float | None:
        """The share in [0, 1] of `length` that is done, None if there is no length."""
        return min(max(self.seconds / self.length, 0.0), 1.0) if self.length else None

    # What is done

    def start(self, grid: Grid) -> str:
        """Begin with the selected grid, all or the window, at once or after the delay; returns the file's name.

        Raises NCAError if it cannot be recorded or something is being recorded already.
        """
        from ncaengine.io import encoders

        if self.active:
            raise NCAError("Something is being recorded already; stop that first.")
        self.output = self.path(grid)
        encoders.check(self.output, self.rate)
        self.grids = {"grid": (grid,), "all": tuple(self.sim.grids.values()), "window": ()}[self.source]
        if self.delay > 0:
            self._due = self._now() + self.delay
        else:
            with self._stopping():
                self._begin()
        return self.output

    def _begin(self) -> None:
        """Open the file and, if asked for, put the grids back to their seeds and run them."""
        from ncaengine.io.video import Film, Recording

        self._due = None
        if self.grids:
            self.recording = Recording(self.output, self.sim, self.grids, self.rate, self.scale)
        else:
            self.recording = Film(self.output, self.rate)
        if self.from_seed:
            for grid in self._seen():
                self.sim.submit(Reseed(grid.id, grid.rng_seed))
                if grid.settings.paused and self.steps_per_frame is None:
                    self.sim.submit(Set(grid.id, "paused", False))

    def _seen(self) -> list[Grid]:
        """The grids in the video that are still there."""
        return [grid for grid in self.sim.grids.values() if not self.grids or grid in self.grids]

    def frame(self) -> str:
        """Let one frame of time pass and capture it, unless it is the window's; begin if the countdown is over.

        Returns what was saved if the recording has reached its length, else ''. Raises NCAError,
        and stops, if a grid was removed or the encoder failed.
        """
        from ncaengine.io.video import Recording

        with self._stopping():
            if self._due is not None and self._now() >= self._due:
                self._begin()
            if self.recording is None:
                return ""
            if self.steps_per_frame is None:
                self.sim.advance(self.recording.ticks_per_frame)
            else:
                for grid in self._seen():
                    self.sim.submit(Step(grid.id, self.steps_per_frame))
            if isinstance(self.recording, Recording):
                self.recording.capture()
                return self._done()
        return ""

    def take(self, pixels: U8) -> str:
        """Take the window's picture, (height, width, 3) uint8, as a frame if it is what is recorded.

        Returns and raises as `frame` does. The picture must not change any more.
        """
        if self.recording is None or not self.wants_pixels:
            return ""
        with self._stopping():
            self.recording.add(pixels)
            return self._done()

    def _done(self) -> str:
        assert self.recording is not None
        reached = self.length and self.recording.frames >= max(1, round(self.length * self.recording.fps))
        return self.stop() if reached else ""

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop where an NCAError passes, which is the one to tell."""
        try:
            yield
        except NCAError:
            with suppress(NCAError):
                self.stop()
            raise

    def stop(self) -> str:
        """Finish the file; returns what was saved, in words. Raises NCAError if it cannot be finished."""
        counted, recording, seconds = self.counting, self.recording, self.seconds
        self._due, self.recording, self.grids = None, None, ()
        if recording is None:
            return "The recording was called off." if counted else ""
        recording.close()
        if not recording.frames:
            return "Nothing was recorded."
        frames = f"{recording.frames} frame{'s' if recording.frames != 1 else ''}"
        return f"Saved {_placed(recording.path)}: {frames}, {seconds:.1f} s."

    def still(self, grid: Grid, path: str = "", session: bytes | None = None) -> str:
        """Save a PNG of a grid, with what makes it in its text; returns what was saved, in words.

        path: '' for a free name. session: a packed session, so that the still opens as it was.
        Raises NCAError if it can't be saved.
        """
        from ncaengine.io import stills

        path = path.strip() or free_name(base_name(grid), ending=".png")
        if Path(path).suffix.lower() != ".png":
            raise NCAError(f"{path}: a still's name must end in .png.")
        picture = grid.image(self.scale)
        stills.save(Path(path), picture, describe(grid), session)
        return f"Saved {_placed(path)}: {picture.shape[1]} × {picture.shape[0]} px, step {grid.step}."


def describe(grid: Grid) -> dict[str, str]:
    """What a grid shows, in words, for a picture's metadata."""
    settings = {
        spec.title: _said(getattr(grid.settings, spec.name), spec.unit)
        for spec in SETTINGS.values()
        if spec.name != "paused"
    }
    return {
        "Software": f"ncaengine {__version__}",
        "Model": grid.model.config.name,
        "Kernel": grid.kernel.name,
        "Size": f"{grid.size[0]} × {grid.size[1]} cells",
        "Seed": str(grid.rng_seed),
        "Step": str(grid.step),
        **settings,
    }


def _placed(path: str) -> str:
    """A file's name and its folder, in words."""
    whole = Path(path).resolve()
    return f"{whole.name} in {_short(str(whole.parent))}"


def _short(text: str, most: int = 48) -> str:
    """`text` with … in its middle where it is longer than `most` letters."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) + 1 :]}"


def base_name(grid: Grid) -> str:
    """What files of this grid are called, as dots-hexagonal."""
    return f"{grid.model.config.name}-{grid.kernel.name}"


def free_name(base: str | Grid, folder: Path | None = None, ending: str = ".mp4") -> str:
    """A name that no file has yet, as dots-hexagonal-2.mp4."""
    base, number = base if isinstance(base, str) else base_name(base), 1
    while True:
        name = f"{base}{ending}" if number == 1 else f"{base}-{number}{ending}"
        if not ((folder or Path()) / name).exists():
            return name
        number += 1


def _said(value: float | bool, unit: str) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g} {unit}".rstrip()
