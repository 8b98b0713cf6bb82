"""`ncaengine bench`."""

import contextlib
import importlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.engine import find_kernels
from ncaengine.cli.options import Plugins, parse_size
from ncaengine.cli.output import print_notice, progress_bar
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.backends.gl.backend import GLBackend
    from ncaengine.cli.bench.report import Findings
    from ncaengine.cli.bench.timing import Make, Plan, Tell
    from ncaengine.core.kernels import Kernel
    from ncaengine.core.model import Model

MODEL = tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="(default: bubbles, which is shipped)")
NO_FILE = tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: none)")
NAMES = ("gl", "gl-bernoulli", "gl-all", "gl-half", "torch", "torch-compile", "torch-compile-pairs")
"""Of all that can be timed."""
USUAL = ",".join(name for name in NAMES if name != "gl-half")


@dataclass(frozen=True)
class Bench:
    """Time steps of this engine and of torch in turn, each after it has shown that it computes the same."""

    model: Annotated[Path | None, MODEL, tyro.conf.Positional] = None
    """A model file, of ncaengine or published (FILE:NAME is one of several in a file), or a shipped model's name.
    torch runs only models like those of the article's notebook."""
    sizes: str = "128,256,512,1024"
    """Of the grids in cells, with commas between: 256 or 256x128."""
    backends: str = USUAL
    """What is timed, with commas between. gl: this engine as it starts; gl-bernoulli: with a coin for each cell;
    gl-all: every cell fires; gl-half: with states of float16 (see `view --help`). torch: the loop of the article's
    notebook; torch-compile: the same, channels last, compiled; torch-compile-pairs: compiled, with one of the cells
    (x, y) and (x, y + height/2) computed."""
    kernel: str = "square"
    """Neighbourhood: see `ncaengine kernels`."""
    rounds: int = 5
    """Rounds, in each of which all take their turn; medians are given."""
    seconds: float = 2.0
    """How long each is timed at each size, all rounds together."""
    beside: bool = True
    """Time what else the engine does, too: seed, read back, draw, encode, compile (where a gl is timed)."""
    grids: int = 0
    """Time so many grids side by side against one of as many cells, too; 0 for none."""
    json: bool = False
    """One JSON object instead of tables."""
    plot: Annotated[Path | None, NO_FILE] = None
    """Draw milliseconds against cells as a .png."""
    plugins: Plugins = ()
    """More folders of kernel plugins."""

    def run(self) -> None:
        """Time everything, with a progress bar, and print tables or JSON.

        Raises NCAError at the end if something was refused because it computes something else.
        """
        from ncaengine.cli.bench import host_info

        notes = [host_info.yield_to_others(), host_info.keep_memory()]  # before torch is imported, and allocates
        plan = self._plan()
        from ncaengine.formats import model_files
        from ncaengine.io import contact_sheets

        if self.plot:
            contact_sheets.check_output(self.plot, "plots")
        model = model_files.load(self.model or model_files.default_model())
        kernel = find_kernels(self.plugins, self.kernel, [model]).get(self.kernel)

        from ncaengine.cli.bench import timing
        from ncaengine.training.trainer import torch_threads

        for size in plan.sizes:
            timing.check_memory(model.config, size)
        with torch_threads(host_info.cores()):
            found = self._measure(plan, model, kernel)
        found.notes += filter(None, notes)
        if self.json:
            found.print_json()
        else:
            found.print_tables()
        if self.plot and found.report.results:
            contact_sheets.save(found.chart(), self.plot)
            print_notice(f"{self.plot}: milliseconds a step by cells")
        found.complain()

    def _plan(self) -> "Plan":
        """Raises NCAError for flags that cannot be."""
        if not 1 <= self.rounds <= 1000:
            raise NCAError(f"--rounds is {self.rounds}; it must be from 1 to 1000.")
        if not 0 < self.seconds <= 3600:
            raise NCAError(f"--seconds is {self.seconds:g}; it must be above 0 and at most an hour.")
        if self.grids != 0 and not 2 <= self.grids <= 64:
            raise NCAError(f"--grids is {self.grids}; it must be from 2 to 64, or 0 for none.")
        names = tuple(dict.fromkeys(name.strip() for name in self.backends.split(",")))
        for name in names:
            if name not in NAMES:
                raise NCAError(f"There is no backend {name!r} to time; there are: {', '.join(NAMES)}.")
        sizes = tuple(dict.fromkeys(parse_size(text) for text in self.sizes.split(",")))
        from ncaengine.core import states

        for size in sizes:
            states.check_size(size)
        from ncaengine.cli.bench.timing import Plan

        return Plan(sizes, names, self.rounds, self.seconds)

    def _measure(self, plan: "Plan", model: "Model", kernel: "Kernel") -> "Findings":
        from ncaengine.cli.bench import report, timing

        wants_gl = any(name.startswith("gl") for name in plan.backends)
        with _engine(wants_gl) as (gl, reason), progress_bar("turns") as progress:
            also = len(plan.sizes) * (self.beside + bool(self.grids)) if gl else 0
            task, done = progress.add_task("compiling", total=plan.total + also), itertools.count()

            def tell(text: str) -> None:
                progress.update(task, description=text, completed=next(done))

            found = report.Findings(model.config, kernel.name, gl)
            if gl and self.beside:  # first, while the driver has compiled nothing yet
                found.compile(gl, model, kernel)
            found.report = timing.measure(plan, model, kernel, _maker(gl, reason, model, kernel), tell)
            if gl:
                self._also(found, gl, plan, model, kernel, tell)
            elif wants_gl and (self.beside or self.grids):
                found.report.skipped.append(timing.Skipped("beside", reason))
        return found

    def _also(
        self, found: "Findings", gl: "GLBackend", plan: "Plan", model: "Model", kernel: "Kernel", tell: "Tell"
    ) -> None:
        """What is done beside steps, at each size."""
        from ncaengine.cli.bench import overhead, timing

        for size in plan.sizes:
            try:
                if self.beside:
                    tell(f"{timing.spoken(size)}: beside the step")
                    found.beside += overhead.chores(gl, model, kernel, size)
                if self.grids:
                    tell(f"{timing.spoken(size)}: {self.grids} grids")
                    found.beside += overhead.crowd(gl, model, kernel, size, self.grids, plan)
            except NCAError as error:
                found.report.skipped.append(timing.Skipped("beside", f"at {timing.spoken(size)}: {error}"))


@contextlib.contextmanager
def _engine(wanted: bool) -> "Iterator[tuple[GLBackend | None, str]]":
    """OpenGL with a driver that has compiled nothing yet, or None and the reason why not."""
    # Before OpenGL: torch.compile loads triton, whose LLVM crashes the process if Mesa's is there first.
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")
    from ncaengine.backends.gl.backend import GLBackend
    from ncaengine.cli.bench import overhead

    if not wanted:
        yield None, ""
        return
    with overhead.fresh_shader_cache():
        try:
            gl = GLBackend()
        except NCAError as error:
            yield None, str(error)
            return
        try:
            yield gl, ""
        finally:
            gl.release()


def _maker(gl: "GLBackend | None", reason: str, model: "Model", kernel: "Kernel") -> "Make":
    from ncaengine.cli.bench import runners
    from ncaengine.core import states, types

    def make(name: str, size: types.Size) -> runners.Contender:
        if name not in runners.DIFFERENCES:
            return runners.Torch(name, model, kernel, size)
        if gl is None:
            raise NCAError(reason)
        states.check_size(size, gl.max_side)
        return runners.Engine(name, gl, model, kernel)

    return make
