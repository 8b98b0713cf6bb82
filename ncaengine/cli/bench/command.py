"""`ncaengine bench`."""

import contextlib
import functools
import importlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ncaengine.cli.shared.engine import find_kernels, load_models
from ncaengine.cli.shared.options import KernelName, OptionalFile, Plugins, Range, Sizes, size_text
from ncaengine.cli.shared.output import print_notice, progress_bar
from ncaengine.core.errors import NCAError
from ncaengine.core.optional import needed_for

if TYPE_CHECKING:
    from ncaengine.backends.gl.backend import GLBackend
    from ncaengine.cli.bench.report import BenchReport
    from ncaengine.cli.bench.timing import BenchPlan, MakeRunner, ShowProgress
    from ncaengine.core.kernels import Kernel
    from ncaengine.core.model import Model

MODEL = tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="(default: bubbles, which is shipped)")
NAMES = (
    "cpu", "cpu-bernoulli", "cpu-all", "gl", "gl-bernoulli", "gl-all", "gl-half", "gl-fragment",
    "torch", "torch-compile", "torch-compile-pairs",
)  # fmt: skip
"""All runners."""
DEFAULT_NAMES = ",".join(name for name in NAMES if name not in ("gl-half", "gl-fragment"))


@dataclass(frozen=True)
class Bench:
    """Time the steps of this engine and of torch in turn, after checking that both compute the same."""

    model: Annotated[Path | None, MODEL, tyro.conf.Positional] = None
    """A model file, ncaengine's or published (FILE:NAME picks one of several models in a file), or the name of a
    shipped model. torch runs only models like those of the Distill article's notebook."""
    sizes: Sizes = ((128, 128), (256, 256), (512, 512), (1024, 1024))
    """Sizes of the grids in cells, with commas between them: width x height, or one number for a square."""
    backends: Annotated[str, tyro.conf.arg(metavar="NAME,NAME,...")] = DEFAULT_NAMES
    """What to time, with commas between the names. cpu, gl: this engine on the processor and through OpenGL, with its
    defaults; -bernoulli: each cell fires independently; -all: every cell fires; gl-half: states as 16-bit floats
    (--half of `ncaengine view`); gl-fragment: OpenGL without compute shaders. torch: the loop of the article's
    notebook; torch-compile: the same, channels last and compiled; torch-compile-pairs: compiled, and only one of the
    cells (x, y) and (x, y + height/2) is computed."""
    kernel: KernelName = "square"
    rounds: Annotated[int, Range(1, 1000)] = 5
    """Number of rounds. In each, every backend takes a turn; the tables show medians."""
    seconds: Annotated[float, Range(0, 3600, above=True)] = 2.0
    """Seconds for each backend at each size, for all rounds together."""
    overhead: bool = True
    """If this engine is timed, also time what it does besides steps: seed, read back, draw, encode and compile."""
    grids: int = 0
    """Also compare this many grids side by side with one grid of as many cells; 0 for none."""
    json: bool = False
    """Print one JSON object instead of tables."""
    plot: OptionalFile = None
    """Also draw a plot (.png) of milliseconds per step against cells."""
    plugins: Plugins = ()

    def run(self) -> None:
        """Time everything with a progress bar; print tables or JSON.

        Raises NCAError at the end if something was refused because it computes something else.
        """
        from ncaengine.cli.bench import host_info

        notes = [host_info.yield_to_others(), host_info.keep_memory()]  # before torch is imported and allocates
        plan = self._plan()
        from ncaengine.formats import model_files
        from ncaengine.io import contact_sheets

        if self.plot:
            contact_sheets.check_output(self.plot, "plots")
        [model] = load_models([self.model or model_files.default_model()])
        kernel = find_kernels(self.plugins, [self.kernel], [model]).get(self.kernel)

        from ncaengine.cli.bench import timing

        for size in plan.sizes:
            timing.check_memory(model.config, size)
        with host_info.torch_threads():
            report = self._measure(plan, model, kernel)
        report.notes += filter(None, notes)
        if self.json:
            report.print_json()
        else:
            report.print_tables()
        if self.plot and report.steps.results:
            contact_sheets.save_picture(report.chart(), self.plot)
            print_notice(f"{self.plot}: milliseconds per step by cells")
        report.raise_problems()

    def _plan(self) -> "BenchPlan":
        """Return what to time. Raises NCAError for flags that are not possible."""
        if self.grids != 0 and not 2 <= self.grids <= 64:
            raise NCAError(f"--grids is {self.grids}; it must be from 2 to 64, or 0 for none.")
        names = tuple(dict.fromkeys(name.strip() for name in self.backends.split(",")))
        for name in names:
            if name not in NAMES:
                raise NCAError(f"There is no backend {name!r} to time; choose from: {', '.join(NAMES)}.")
        from ncaengine.core import states

        for size in self.sizes:
            states.check_size(size)
        from ncaengine.cli.bench.timing import BenchPlan

        return BenchPlan(self.sizes, names, self.rounds, self.seconds)

    def _measure(self, plan: "BenchPlan", model: "Model", kernel: "Kernel") -> "BenchReport":
        from ncaengine.cli.bench import overhead, report, timing

        wants_gl = any(name.startswith("gl") for name in plan.backends)
        with _open_gl(wants_gl) as (gl, reason), progress_bar("turns") as progress:
            extra = len(plan.sizes) * (self.overhead + bool(self.grids)) if gl else 0
            task, done = progress.add_task("compiling", total=plan.total + extra), itertools.count()

            def show(text: str) -> None:
                progress.update(task, description=text, completed=next(done))

            measured = report.BenchReport(model.config, kernel.name, gl)
            if gl and self.overhead:  # first, while the driver has compiled nothing yet
                measured.overhead += overhead.time_compiling(gl, model, kernel)
            measured.steps = timing.time_steps(plan, model, kernel, _runner_maker(gl, reason, model, kernel), show)
            if any(name.startswith("cpu") for name in plan.backends):
                from ncaengine.backends.cpu import peak

                measured.register_peak = peak.peak_gflops()
            if gl:
                self._measure_overhead(measured, gl, plan, model, kernel, show)
            elif wants_gl and (self.overhead or self.grids):
                measured.steps.skipped.append(timing.Skipped("overhead", reason))
        return measured

    def _measure_overhead(
        self,
        report: "BenchReport",
        gl: "GLBackend",
        plan: "BenchPlan",
        model: "Model",
        kernel: "Kernel",
        show: "ShowProgress",
    ) -> None:
        """Time what the engine does besides stepping, at each size."""
        from ncaengine.cli.bench import overhead, timing

        for size in plan.sizes:
            try:
                if self.overhead:
                    show(f"{size_text(size)}: overhead")
                    report.overhead += overhead.time_actions(gl, model, kernel, size)
                if self.grids:
                    show(f"{size_text(size)}: {self.grids} grids")
                    report.overhead += overhead.time_many_grids(gl, model, kernel, size, self.grids, plan)
            except NCAError as error:
                report.steps.skipped.append(timing.Skipped("overhead", f"at {size_text(size)}: {error}"))


@contextlib.contextmanager
def _open_gl(wanted: bool) -> "Iterator[tuple[GLBackend | None, str]]":
    """Yield OpenGL with a driver that has compiled nothing yet; or None and the reason, '' if it is not wanted."""
    # Before OpenGL: torch.compile loads triton, whose LLVM crashes the process if Mesa's is loaded first.
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


def _runner_maker(gl: "GLBackend | None", reason: str, model: "Model", kernel: "Kernel") -> "MakeRunner":
    """Return a function that makes the runner of a name; `reason` is why OpenGL is not available, if `gl` is None."""
    from ncaengine.backends.cpu.backend import CPUBackend
    from ncaengine.cli.bench import runners
    from ncaengine.core import states, types

    open_cpu = functools.cache(CPUBackend)

    def make(name: str, size: types.Size) -> runners.Runner:
        device, _, variant = name.partition("-")
        if device == "torch":
            with needed_for("it"):
                from ncaengine.cli.bench.torch_runners import TorchRunner

            return TorchRunner(name, model, kernel, size)
        if device == "cpu":
            return runners.EngineRunner(variant, open_cpu(), model, kernel)
        if gl is None:
            raise NCAError(reason)
        states.check_size(size, gl.max_side)
        return runners.EngineRunner(variant, gl, model, kernel)

    return make
