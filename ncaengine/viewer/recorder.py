"""The window's recorder: what is to be recorded and how, and the recording that runs."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.commands import Reseed, Set
from ncaengine.errors import NCAError
from ncaengine.grid import Grid
from ncaengine.simulation import Simulation

if TYPE_CHECKING:
    from ncaengine.recording import Recording

FRAME_RATES = (24, 25, 30, 50, 60)
SCALES = (1, 2, 3, 4, 6, 8)


class Recorder:
    """The fields of the form and the one Recording of the window.

    name: the file, '' for a free name made from the grid's. While `recording` is not None, the
    simulation follows it and not the wall clock: each frame is `ticks_per_frame` ticks.
    """

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.name, self.fps, self.scale, self.from_seed = "", 60, 1, True
        self.recording: Recording | None = None

    @property
    def grid(self) -> Grid | None:
        """The grid that is being recorded."""
        return self.recording.grid if self.recording else None

    @property
    def seconds(self) -> float:
        """Length of the video so far."""
        return self.recording.frames / self.recording.fps if self.recording else 0.0

    @property
    def clock(self) -> str:
        """That length as 0:03.2."""
        minutes, seconds = divmod(self.seconds, 60)
        return f"{int(minutes)}:{seconds:04.1f}"

    def start(self, grid: Grid) -> str:
        """Open the file and, if asked for, put the grid back to its seed and run it; returns the file's name.

        Raises NCAError if the file cannot be written.
        """
        from ncaengine.recording import Recording

        name = self.name.strip() or free_name(grid)
        self.recording = Recording(name, self.sim, grid, fps=self.fps, scale=self.scale)
        if self.from_seed:
            self.sim.submit(Reseed(grid.id, grid.rng_seed))
            if grid.settings.paused:
                self.sim.submit(Set(grid.id, "paused", False))
        return name

    def frame(self) -> None:
        """Let one frame of time pass and capture it. Raises NCAError, and stops, if the encoder failed."""
        if self.recording is None:
            return
        if self.recording.grid.id not in self.sim.grids:
            self.stop()
            raise NCAError("The recording ended: its grid was removed.")
        try:
            self.sim.advance(self.recording.ticks_per_frame)
            self.recording.capture()
        except NCAError:
            broken, self.recording = self.recording, None
            with suppress(NCAError):  # the first error is the one to tell
                broken.close()
            raise

    def stop(self) -> str:
        """Finish the file; returns what was saved, in words. Raises NCAError if it cannot be finished."""
        if self.recording is None:
            return ""
        seconds, recording, self.recording = self.seconds, self.recording, None
        recording.close()
        frames = f"{recording.frames} frame{'s' if recording.frames != 1 else ''}"
        path = Path(recording.path).resolve()
        return f"Saved {path.name} in {_short(str(path.parent))}: {frames}, {seconds:.1f} s."


def _short(text: str, most: int = 48) -> str:
    """`text` with … in its middle where it is longer than `most` letters."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) + 1 :]}"


def free_name(grid: Grid, folder: Path | None = None) -> str:
    """A name for a video of this grid that no file has yet, as dots-hexagonal-2.mp4."""
    base, number = f"{grid.model.config.name}-{grid.kernel.name}", 1
    while True:
        name = f"{base}.mp4" if number == 1 else f"{base}-{number}.mp4"
        if not ((folder or Path()) / name).exists():
            return name
        number += 1
