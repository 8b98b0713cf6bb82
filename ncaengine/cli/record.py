"""`ncaengine record`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.flags import Plugins, SizeText, check_seed, find_kernels, parse_size, plural, say
from ncaengine.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.grid import Grid
    from ncaengine.recording import Recording
    from ncaengine.simulation import Simulation


@dataclass(frozen=True)
class Record:
    """Record a rollout as a video, a GIF, a still or a folder of frames."""

    model: tyro.conf.Positional[Path]
    """Model file: .safetensors, .pt, or a notebook's state dict (.pt, .pth)."""
    output: Annotated[str, tyro.conf.arg(aliases=["-o"], metavar="FILE")]
    """.mp4, .gif, .png (the last state) or a name ending in / (a folder of PNG frames, which replace older
    ones). A file of that name is overwritten."""
    size: SizeText = "256x256"
    """Cells of the grid, width x height; one number for a square."""
    steps: int = 600
    """Steps to make, all in all."""
    steps_per_frame: int = 2
    """Steps between two frames."""
    fps: int | None = None
    """Frames a second: a divisor of 3600; by default 60, and 50 for a GIF."""
    kernel: str = "square"
    """Neighbourhood: see `ncaengine kernels`."""
    seed: int = 0
    """Decides the cells that fire, and a noise seed: the same number gives the same frames."""
    fire_rate: float | None = None
    """A cell's chance to update itself in a step; by default the model's own."""
    scale: int = 1
    """Pixels a cell."""
    raw: bool = False
    """One cell one pixel in storage order, for exact comparisons."""
    backend: Literal["auto", "gl", "torch"] = "auto"
    """auto: OpenGL, or torch where there is no OpenGL 4.3."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Record, with a progress bar, and say what was written."""
        self._check()
        from ncaengine import files, recording, simulation

        model, size = files.load(self.model), parse_size(self.size)
        catalogue = find_kernels(self.plugins, self.kernel, [model])
        backend, notice = simulation.open_backend(self.backend)
        if notice:
            say(notice)
        with simulation.Simulation(backend, catalogue) as sim:
            grid = sim.add(model, size, self.kernel, fire_rate=self.fire_rate, rng_seed=self.seed)
            with recording.Recording(self.output, sim, grid, self.fps, self.scale, self.raw) as video:
                self._frames(sim, grid, video)
        frames = plural(video.frames, "frame")
        print(f"{self.output}: {frames}, step {grid.step}, {video.width}x{video.height} pixels")

    def _check(self) -> None:
        for name in ("steps", "steps_per_frame", "scale"):
            value = getattr(self, name)
            if value < 1:
                raise NCAError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")
        check_seed(self.seed)

    def _frames(self, sim: "Simulation", grid: "Grid", video: "Recording") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from ncaengine.commands import Step
        from ncaengine.sinks import is_still

        still = is_still(self.output)
        bar = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
        )
        console = Console(stderr=True)
        with Progress(*bar, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(Path(self.output).name, total=self.steps)
            try:
                while grid.step < self.steps:
                    sim.submit(Step(grid.id, min(self.steps_per_frame, self.steps - grid.step)))
                    if not still:
                        video.capture()
                    progress.update(task, completed=grid.step)
            except KeyboardInterrupt:
                say(f"Stopped at step {grid.step}; what was recorded by then is kept.")
        if still:
            video.capture()
