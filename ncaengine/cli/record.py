"""`ncaengine record`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.options import (
    Half,
    Plugins,
    SizeText,
    check_seed,
    find_kernels,
    parse_size,
    plural,
    progress_bar,
    say,
)
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ncaengine.core.kernels import Catalogue
    from ncaengine.io.video import Recording
    from ncaengine.simulation.grid import Grid
    from ncaengine.simulation.simulation import Simulation


MODEL = tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="")
NO_FILE = tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: none)")
GRIDS = tyro.conf.arg(metavar="N [N ...]", help_behavior_hint="(default: all that there are at the start)")
FPS = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 60, and 50 for a GIF)")
STEPS = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 600)")
SECONDS = tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: 10 of a session, as --steps say of a model)")
RATE = tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: the model's own)")


STEPS_OF_A_MODEL, SECONDS_OF_A_SESSION = 600, 10.0


@dataclass(frozen=True)
class Record:
    """Record a rollout, a saved session or a script as a video, a GIF, a still or a folder of frames."""

    output: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """.mp4, .webp, .gif, .png (the last state) or a name ending in / (a folder of PNG frames, which replace older
    ones). A file of that name is overwritten."""
    model: Annotated[Path | None, MODEL, tyro.conf.Positional] = None
    """Model file, of ncaengine or of any published family (FILE:NAME is one of several in a file); or a shipped model's
    name, as zebra."""
    session: Annotated[Path | None, NO_FILE] = None
    """Go on with a session saved by the window (.nca, or a still that holds one), in the place of a model."""
    script: Annotated[Path | None, NO_FILE] = None
    """Play a script (.toml) of grids and commands, in the place of a model. Its seconds are the video's."""
    grids: Annotated[tuple[int, ...], GRIDS] = ()
    """Numbers of the grids of a session or a script to record side by side."""
    seconds: Annotated[float | None, SECONDS] = None
    """How long the video is: a session goes on at its own speeds, a model makes as many steps as it takes."""
    size: SizeText = "256x256"
    """Cells of the grid, width x height; one number for a square."""
    steps: Annotated[int | None, STEPS] = None
    """Steps that a model makes, all in all."""
    steps_per_frame: int = 2
    """Steps between two frames."""
    fps: Annotated[int | None, FPS] = None
    """Frames a second: a divisor of 3600."""
    kernel: str = "square"
    """Neighbourhood: see `ncaengine kernels`."""
    seed: int = 0
    """Decides the cells that fire, and a noise seed: the same number gives the same frames."""
    fire_rate: Annotated[float | None, RATE] = None
    """A cell's chance to update itself in a step."""
    antithetic: bool = True
    """At a fire rate of 0.5, of two cells half a grid apart exactly one fires; without, each has a coin of its own."""
    scale: int = 1
    """Pixels a cell."""
    raw: bool = False
    """One cell one pixel in storage order, for exact comparisons."""
    backend: Literal["auto", "gl", "torch"] = "auto"
    """auto: OpenGL, or torch where there is no OpenGL 4.3."""
    half: Half = False
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Record, with a progress bar, and say what was written."""
        self._check()
        video, grid = self._rollout() if self.model else self._performance()
        frames = plural(video.frames, "frame")
        print(f"{self.output}: {frames}, step {grid.step}, {video.width}x{video.height} pixels")

    def _rollout(self) -> "tuple[Recording, Grid]":
        """One model from its seed."""
        from ncaengine.formats import model_files
        from ncaengine.io.video import Recording
        from ncaengine.simulation.commands import Set

        assert self.model is not None
        model, size = model_files.load(self.model), parse_size(self.size)
        with self._open(find_kernels(self.plugins, self.kernel, [model]), history=0) as sim:
            grid = sim.add(model, size, self.kernel, fire_rate=self.fire_rate, rng_seed=self.seed)
            if not self.antithetic:
                sim.submit(Set(grid.id, "antithetic", False))
            with Recording(self.output, sim, grid, self.fps, self.scale, self.raw) as video:
                self._frames(sim, grid, video, self._steps(video.fps))
        return video, grid

    def _steps(self, fps: int) -> int:
        if self.seconds is not None:
            return max(1, round(self.seconds * fps)) * self.steps_per_frame
        return STEPS_OF_A_MODEL if self.steps is None else self.steps

    def _performance(self) -> "tuple[Recording, Grid]":
        """A session or a script, by its own clock."""
        from ncaengine.core import kernels
        from ncaengine.io import scripts, sessions
        from ncaengine.io.video import Recording
        from ncaengine.simulation.clock import TICKS_PER_SECOND
        from ncaengine.simulation.history import BYTES

        with self._open(kernels.discover(self.plugins), history=BYTES) as sim:
            if self.script:
                script = scripts.load(self.script)
                if unheard := script.unheard():
                    say(unheard)
            else:
                assert self.session is not None
                sessions.restore(sim, sessions.load(self.session))
                script = scripts.Script(SECONDS_OF_A_SESSION if self.seconds is None else self.seconds)
            script.start(sim)
            chosen = [sim.grid(number) for number in self.grids or sim.grids]
            with Recording(self.output, sim, chosen, self.fps, self.scale, self.raw) as video:
                end = round(script.seconds * TICKS_PER_SECOND)
                self._watch(video, script.play(sim, video.ticks_per_frame), end)
        return video, chosen[0]

    def _open(self, catalogue: "Catalogue", history: int) -> "Simulation":
        from ncaengine.backends import open_backend
        from ncaengine.simulation import simulation

        backend, notice = open_backend(self.backend, self.half)
        if notice:
            say(notice)
        return simulation.Simulation(backend, catalogue, history)

    def _check(self) -> None:
        for name in ("steps", "steps_per_frame", "scale"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise NCAError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")
        if self.seconds is not None and not 0 < self.seconds <= 86400:
            raise NCAError(f"--seconds is {self.seconds:g}; it must be above 0 and at most a day.")
        if sum(source is not None for source in (self.model, self.session, self.script)) != 1:
            raise NCAError("Name either a model, or a --session, or a --script to record.")
        if self.seconds is not None and self.steps is not None:
            raise NCAError("Give either --steps or --seconds: the one follows from the other.")
        if self.seconds is not None and self.script:
            raise NCAError("A script says itself how many seconds it takes; leave out --seconds, or change them there.")
        if self.steps is not None and not self.model:
            raise NCAError("--steps count those of a model; give --seconds for a session.")
        check_seed(self.seed)

    def _watch(self, video: "Recording", frames: "Iterator[int]", end: int) -> None:
        """Record frame by frame, with a progress bar of the ticks passed."""
        from ncaengine.io.encoders import is_still

        still = is_still(self.output)
        with progress_bar("frames") as progress:
            task = progress.add_task(Path(self.output).name, total=end // video.ticks_per_frame)
            try:
                for _ in frames:
                    if not still:
                        video.capture()
                    progress.advance(task)
            except KeyboardInterrupt:
                say("Stopped; what was recorded by then is kept.")
        if still:
            video.capture()

    def _frames(self, sim: "Simulation", grid: "Grid", video: "Recording", steps: int) -> None:
        from ncaengine.io.encoders import is_still
        from ncaengine.simulation.commands import Step

        still = is_still(self.output)
        with progress_bar("steps") as progress:
            task = progress.add_task(Path(self.output).name, total=steps)
            try:
                while grid.step < steps:
                    sim.submit(Step(grid.id, min(self.steps_per_frame, steps - grid.step)))
                    if not still:
                        video.capture()
                    progress.update(task, completed=grid.step)
            except KeyboardInterrupt:
                say(f"Stopped at step {grid.step}; what was recorded by then is kept.")
        if still:
            video.capture()
