"""`ncaengine record`."""

import dataclasses
import os
import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ncaengine.cli.shared import output_flags, setting_flags
from ncaengine.cli.shared.engine import Engine, EngineFlags, load_models
from ncaengine.cli.shared.flag_effects import NoEffect, only_with
from ncaengine.cli.shared.options import (
    SIZE,
    Count,
    KernelName,
    OptionalFile,
    Osc,
    Pixels,
    Range,
    Seed,
    Smooth,
    size_text,
)
from ncaengine.cli.shared.output import print_notice, print_warning, progress_bar
from ncaengine.cli.shared.output_flags import Fps, OutputFlags
from ncaengine.cli.shared.pace import Pace
from ncaengine.cli.shared.relief_flags import MAP_DETAILS, MapFlags, Maps
from ncaengine.cli.shared.setting_flags import SettingFlags
from ncaengine.cli.shared.usage import UsageError
from ncaengine.core import bounds
from ncaengine.core.errors import NCAError
from ncaengine.core.names import unique_name
from ncaengine.core.texts import plural, printable
from ncaengine.io.kinds import FORMATS, PIPE, Rate, kind_of

if TYPE_CHECKING:
    from ncaengine.core.kernels import Catalogue
    from ncaengine.io.osc import Listener
    from ncaengine.io.video import Recording
    from ncaengine.simulation.grid import Grid
    from ncaengine.simulation.simulation import Simulation

DEFAULT_SIZE = (256, 256)
GROWN = 600
"""Steps before a loop, after which textures change slowly and growing pictures are whole."""
HINT = "(default: the source's name, as in zebra.mp4, or zebra-2.mp4 if that exists)"
OUTPUT = tyro.conf.arg(aliases=["-o"], metavar="FILE", help_behavior_hint=HINT)
MODEL = tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="")
GRIDS = tyro.conf.arg(metavar="N [N ...]", help_behavior_hint="(default: all grids at the start)")
FORMAT = tyro.conf.arg(metavar="{" + ",".join(FORMATS) + "}", help_behavior_hint=f"(default: {next(iter(FORMATS))})")
SKIP = tyro.conf.arg(metavar="INT", help_behavior_hint=f"(default: 0; loops: {GROWN})")
STEPS = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 600)")
BACKGROUND = tyro.conf.arg(metavar="TEXT", help_behavior_hint="(default: the model's, white)")
SECONDS = tyro.conf.arg(metavar="FLOAT", help_behavior_hint="(default: sessions: 10; models: from --steps)")

SIZE_HINT = tyro.conf.arg(help_behavior_hint=f"(default: {size_text(DEFAULT_SIZE)}, or from --pixels)")
SCALE = tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 1; with --pixels: about half a million cells)")

STEPS_OF_A_MODEL, SECONDS_OF_A_SESSION = 600, 10.0
SKIPPED_AT_ONCE = 50
"""Steps between two looks at the progress while no frames are recorded."""


@dataclass(frozen=True)
class Record:
    """Record a model, a saved session or a script as a video, a GIF, a single picture or a folder of frames."""

    output: Annotated[str, OUTPUT] = ""
    """The file to write; its ending sets the format, see the table below. f_%04d.png numbers the frames, - is standard
    output. Existing files and frames are overwritten, unless the name is left out."""
    model: Annotated[Path | None, MODEL, tyro.conf.Positional] = None
    """A model file, ncaengine's or published (FILE:NAME picks one of several models in a file), or the name of a
    shipped model, for example zebra."""
    session: OptionalFile = None
    """Instead of a model, continue a session that the window saved (.nca, or a .png picture that contains one)."""
    script: OptionalFile = None
    """Instead of a model, play a script (.toml) of grids and commands. The script sets the length."""
    grids: Annotated[tuple[int, ...], GRIDS] = ()
    """Which grids of a session or a script to record, side by side, by their numbers."""
    seconds: Annotated[float | None, SECONDS, Range(0, 86400, above=True)] = None
    """Length of the video. A session runs at its own speed; a model makes --steps-per-frame steps for each frame."""
    size: Annotated[tuple[int, int] | None, SIZE, SIZE_HINT] = None
    """Size of the grid in cells: width x height, or one number for a square."""
    pixels: Pixels = None
    """Size of the picture in pixels, for example 3840x2160: the model gets the cells that fill it, and the picture
    tiles. A grid that has its cells already (--size, a session, a script) fills the picture with its middle."""
    smooth: Smooth = False
    steps: Annotated[int | None, STEPS, Range(1, bounds.RUN.high)] = None
    """How many steps a model makes, after those of --skip."""
    skip: Annotated[int | None, SKIP, Range(0, bounds.RUN.high)] = None
    """Steps that a model makes before the recording begins, for example 300 to start with a grown texture."""
    loop: bool = False
    """Let the end meet the start without a jump: a model grows first, and in the last second (or third, if that is
    less) its cells turn back into those of the start, patch by patch."""
    steps_per_frame: Count = 2
    """Steps between two frames."""
    fps: Fps = None
    """Frames per second: a number or a fraction, as 30, 23.976 or 24000/1001."""
    format: Annotated[Literal[tuple(FORMATS)] | None, FORMAT] = None  # type: ignore[valid-type]
    """What goes to standard output with -o -."""
    flags: OutputFlags = field(default_factory=dict)
    kernel: KernelName = "square"
    seed: Seed = 0
    """Random seed: decides which cells fire, and any noise that the grid starts from. The same number gives the same
    frames."""
    scale: Annotated[int | None, SCALE, Range(1, bounds.SCALE.high)] = None
    """Pixels per cell. With --pixels, the scale may differ a little, so that the cells fill the picture exactly."""
    background: Annotated[str, BACKGROUND] = ""
    """What lies behind the transparent cells of a growing picture: transparent, for outputs that keep opacity, or a
    colour such as black or #ff8800."""
    raw: bool = False
    """Draw each cell as one pixel, in the order in which cells are stored; for exact comparisons."""
    engine: Engine = field(default_factory=EngineFlags)
    osc: Osc = None
    maps: Maps = field(default_factory=MapFlags)
    settings: SettingFlags = field(default_factory=dict)

    @staticmethod
    def more_help() -> str:
        """Return what `--help` prints after the flags."""
        return output_flags.table()

    def run(self) -> None:
        """Record with a progress bar, and print what was written."""
        self._check_sources()
        if not self.output:
            dataclasses.replace(self, output=self._free_name()).run()
            return
        video, grid = self._record_model(self.model) if self.model else self._record_session_or_script()
        frames = plural(video.frames, "frame")
        cells = f" from {size_text(grid.size)} cells" if self.pixels else ""
        said = f"{self.output}: {frames}, step {grid.step}, {video.width}x{video.height} pixels{cells}"
        if self.loop:
            said += f"; a loop: its last {float(video.turned / video.fps):.2g} s turn into its start"
        print(printable(said), file=sys.stderr if self.output == PIPE else sys.stdout)

    def _free_name(self) -> str:
        """Return the name of a video in this folder that does not exist yet."""
        from ncaengine.formats.model_files import split_path

        source = self.model or self.session or self.script or Path()
        file, inside = split_path(source)
        name = re.sub(r"[^\w.-]+", "-", inside or file.stem).strip("-.") or "video"
        return unique_name(name, lambda base: os.path.lexists(f"{base}.mp4")) + ".mp4"

    def _check_sources(self) -> None:
        if not (self.output or self.model or self.session or self.script):
            raise UsageError("MODEL is missing: `ncaengine record zebra` writes zebra.mp4.")
        if sum(source is not None for source in (self.model, self.session, self.script)) != 1:
            raise NCAError("Name one source to record: a model, a --session or a --script.")
        if self.seconds is not None and self.steps is not None:
            raise NCAError("Use --steps or --seconds, not both.")
        if self.pixels and self.scale and (self.size or not self.model):
            raise NCAError("--pixels chooses the scale of a grid that has its size already; leave out --scale.")
        if self.maps.maps and (self.raw or kind_of(self.output or ".mp4", self.format or "").ending != ".png"):
            raise NCAError("--maps are written beside a still picture; give a name that ends in .png, without --raw.")
        if self.loop and kind_of(self.output or ".mp4", self.format or "").still:
            raise NCAError("One picture can't be a loop; name a video, a .gif, .webp or .apng, or as f_%04d.png.")

    def no_effects(self) -> tuple[NoEffect, ...]:
        """Return which flags have no effect."""
        own = bool(self.session or self.script)
        still = bool(self.model) and self.seconds is None and kind_of(self.output or ".mp4", self.format or "").still
        return (
            NoEffect(own, "steps", "works only with a model; for a session use --seconds."),
            NoEffect(own, "skip", "works only with a model; a session continues where it was saved."),
            NoEffect(own, "size kernel seed steps_per_frame",
                 "works only with a model; a session or a script has its own, so leave it out."),
            NoEffect(bool(self.script), "seconds",
                 "does not work with --script, which sets the length; change `seconds` in the script."),
            NoEffect(bool(self.model), "grids", "works only with a session or a script; a model has one grid."),
            NoEffect(still, "fps steps_per_frame", "works only with a video, and this is one picture; leave it out."),
            NoEffect(self.raw, "scale smooth", "does not work with --raw, which draws a pixel per cell."),
            only_with("--maps", bool(self.maps.maps), MAP_DETAILS),
        )  # fmt: skip

    def _record_model(self, path: Path) -> "tuple[Recording, Grid]":
        """Record a model from its seed."""
        [model] = load_models([path])
        self.maps.check(model, Path(self.output))
        catalogue = self.engine.kernels([self.kernel], [model])
        with self.engine.simulation(catalogue) as sim:
            grid = sim.add(model, self._cells(catalogue), self.kernel, rng_seed=self.seed)
            setting_flags.apply(self.settings, sim, [grid])
            count = self._count_steps(self._fps)
            with self._open(sim, grid, -(-count // self.steps_per_frame)) as video:
                steps = self._skipped + count
                self._capture(video, self._step(sim, grid, steps), "steps", steps)
        return video, grid

    @property
    def _fps(self) -> Rate:
        return self.fps or kind_of(self.output, self.format or "").fps

    @property
    def _skipped(self) -> int:
        return (GROWN if self.loop else 0) if self.skip is None else self.skip

    def _open(self, sim: "Simulation", grids: "Grid | list[Grid]", frames: int) -> "Recording":
        """Open the output, for so many frames."""
        from ncaengine.io.backgrounds import parse_background
        from ncaengine.io.loops import turn_of
        from ncaengine.io.video import Recording

        behind = parse_background(self.background) if self.background else None
        options = {**self.flags, **({"format": self.format} if self.format else {})}
        return Recording(
            self.output, sim, grids, self.fps, self.scale or 1, self.raw, behind, self.pixels, self.smooth, options,
            loop=turn_of(float(frames / self._fps)) if self.loop else 0.0,
        )  # fmt: skip

    def _cells(self, catalogue: "Catalogue") -> tuple[int, int]:
        """Return the size of a model's grid."""
        from ncaengine.core import framing

        if self.size or not self.pixels:
            return self.size or DEFAULT_SIZE
        return framing.cells_for(catalogue.get(self.kernel), self.pixels, self.scale)

    def _count_steps(self, fps: Rate) -> int:
        if self.seconds is None:
            return STEPS_OF_A_MODEL if self.steps is None else self.steps
        steps = max(1, round(self.seconds * fps)) * self.steps_per_frame
        if steps > bounds.RUN.high:
            raise NCAError(f"These are {steps:,} steps, more than {bounds.RUN.high:,}; use shorter --seconds.")
        return steps

    def _step(self, sim: "Simulation", grid: "Grid", steps: int) -> Iterator[int]:
        """Make `steps` steps; yield how many are made, at each frame and while skipping."""
        from ncaengine.simulation.commands import Step

        while grid.step < steps:
            skipping = grid.step < self._skipped
            end, most = (self._skipped, SKIPPED_AT_ONCE) if skipping else (steps, self.steps_per_frame)
            sim.submit(Step(grid.id, min(most, end - grid.step)))
            yield grid.step
        sim.engine.world.look(grid, now=True)

    def _record_session_or_script(self) -> "tuple[Recording, Grid]":
        """Record a session or a script by its own clock."""
        from ncaengine.core import kernels
        from ncaengine.io import scripts, sessions
        from ncaengine.simulation.clock import TICKS_PER_SECOND
        from ncaengine.simulation.history import BYTES

        with self.engine.simulation(kernels.discover(self.engine.plugins), BYTES) as sim:
            if self.script:
                script = scripts.load_script(self.script)
                for warning in filter(None, [script.late_commands(), *script.dropped]):
                    print_notice(warning)
            else:
                assert self.session is not None
                sessions.restore_session(sim, sessions.load_session(self.session))
                script = scripts.Script(SECONDS_OF_A_SESSION if self.seconds is None else self.seconds)
            script.start(sim)
            grids = [sim.grid(number) for number in self.grids or sim.grids]
            setting_flags.apply(self.settings, sim, grids)
            ticks = TICKS_PER_SECOND / Fraction(self._fps)
            frames = round(script.seconds * TICKS_PER_SECOND) // ticks
            with self._open(sim, grids, frames) as video:
                moments = (number for number, _ in enumerate(script.play(sim, ticks), 1))
                self._capture(video, moments, "frames", frames)
                for grid in grids:
                    sim.engine.world.look(grid, now=True)
            if warning := script.unreached(sim):
                print_notice(warning)
        return video, grids[0]

    def _listener(self, video: "Recording") -> "AbstractContextManager[Listener | None]":
        """Listen for OSC, if that was asked for."""
        if self.osc is None:
            return nullcontext()
        from ncaengine.io.osc import Listener, parse_place

        listener = Listener(video.sim, parse_place(self.osc))
        print_notice(listener.greeting)
        return listener

    def _capture(self, video: "Recording", moments: Iterator[int], unit: str, total: int) -> None:
        """Record a frame at each moment, or the last state if the output is a still.

        moments: yields how many of `total` units are done.
        """
        still, pace, skipped = video.kind.still, Pace(), self._skipped if self.model else 0
        with self._listener(video) as listener, progress_bar(unit) as progress:
            task = progress.add_task(Path(self.output).name, total=total)
            try:
                for done in moments:
                    for problem in listener.poll() if listener else ():
                        print_notice(problem)
                    if not still and done > skipped:
                        video.capture()
                        left = (total - done) * video.taken / (done - skipped)
                        print_warning(pace.after_frame(float(video.fps), left))
                    progress.update(task, completed=done)
            except KeyboardInterrupt:
                print_notice("Stopped; what was recorded until then is kept.")
            if video.loop:
                task = progress.add_task("Turning the end into the start", total=video.loop.frames)
                for done in video.ending():
                    progress.update(task, completed=done)
        if still:
            video.capture()
            self.maps.write(Path(self.output), video.grid, video.grid.kernel, video.view)
