"""The results of `ncaengine bench` as tables, JSON or a chart."""

import math
from collections.abc import Callable
from dataclasses import asdict

from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.cli.bench import host_info, timing
from ncaengine.cli.bench.overhead import OverheadTime
from ncaengine.cli.bench.timing import StepTime, StepTimes
from ncaengine.cli.shared.output import print_json
from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config
from ncaengine.core.optional import INSTALL, needed_for
from ncaengine.core.texts import plural

COLUMNS: tuple[tuple[str, Callable[[StepTime, StepTime | None], str]], ...] = (
    ("ms/step", lambda r, _: three_digits(r.ms_per_step)),
    ("best\nround", lambda r, _: three_digits(r.best_ms_per_step)),
    ("M cell-\nsteps/s", lambda r, _: three_digits(r.cell_steps_per_second / 1e6)),
    ("GFLOP/s", lambda r, _: three_digits(r.gflops)),
    ("share\nof peak", lambda r, _: f"{r.fraction_of_peak:.1%}" if r.fraction_of_peak is not None else "unknown"),
    ("× best\ntorch", lambda r, best: f"{best.ms_per_step / r.ms_per_step:.2f}" if best else "–"),
)
"""The columns of the table: a title, and the text for a result and the fastest torch at that size."""


class BenchReport:
    """Everything that one run measured, and the machine that it ran on."""

    def __init__(self, config: Config, kernel: str, gl: GLBackend | None) -> None:
        self.config, self.kernel = config, kernel
        self.steps, self.overhead, self.notes = StepTimes(), list[OverheadTime](), list[str]()
        self.register_peak: float | None = None
        """The cpu's multiply-adds on numbers that stay in its registers, in 1e9 operations/s; None if not measured."""
        cuda, version = host_info.cuda_name(), host_info.torch_version()
        info = gl.device.ctx.info if gl else {}
        self.device = "; ".join([
            f"{host_info.cpu_name()}, {plural(host_info.cores(), 'core')}", *([info["GL_RENDERER"]] if gl else []),
            *([cuda] if cuda else []),
        ])  # fmt: skip
        self.driver = "; ".join([
            *([f"OpenGL {info['GL_VERSION']} by {info['GL_VENDOR']}"] if gl else []),
            *([version] if version else []),
        ])  # fmt: skip

    def print_json(self) -> None:
        """Print one object on stdout."""
        peaks = self.steps.peaks
        print_json({
            "device": self.device,
            "driver": self.driver,
            "model": self.config.name,
            "kernel": self.kernel,
            "results": [asdict(result) for result in self.steps.results],
            "overhead": [asdict(each) for each in self.overhead],
            "peak_gflops": next((peaks[r.processor] for r in self.steps.results if r.processor in peaks), None),
            "peaks": peaks,
            "register_gflops": self.register_peak,
            "skipped": [asdict(each) for each in self.steps.skipped],
            "notes": self.notes,
        })  # fmt: skip

    def print_tables(self) -> None:
        """Print tables for people."""
        console = Console(highlight=False, markup=False)
        c, adds = self.config, timing.multiply_adds(self.config)
        console.print(f"{c.name} on {self.kernel}: {c.channels} channels, {c.hidden} hidden; {adds:,} multiply-adds "
                      "per cell that fires, 2 operations each", soft_wrap=True)  # fmt: skip
        for line in (self.device, self.driver, *self.notes):
            console.print(line, style="dim", soft_wrap=True)
        if self.steps.results:
            console.print(self._step_table())
            self._print_peaks_and_errors(console)
        if self.overhead:
            self._print_overhead(console)
        for each in self.steps.skipped:
            verdict = "Refused" if each.refused else "Skipped"
            console.print(f"{verdict}, {each.backend}: {each.reason}", soft_wrap=True)

    def _step_table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("cells", no_wrap=True)
        for title, _ in COLUMNS:
            table.add_column(title, justify="right", no_wrap=True, vertical="bottom")
        for size in dict.fromkeys(r.size for r in self.steps.results):
            table.add_section()
            table.add_row(size, style="bold")
            here = [r for r in self.steps.results if r.size == size]
            best = timing.fastest_torch(here)
            for result in here:
                table.add_row(f" {result.backend}", *(text(result, best) for _, text in COLUMNS))
        return table

    def _print_peaks_and_errors(self, console: Console) -> None:
        if self.register_peak is not None:
            console.print(f"Multiply-adds in the cpu's registers alone: {self.register_peak:.0f} GFLOP/s.")
        product = "torch" if host_info.torch_version() else "NumPy"
        for processor, peak in self.steps.peaks.items():
            console.print(
                f"Peak of the {processor}: {peak:.0f} GFLOP/s, {product}'s float32 matrix product in this run."
            )
        errors = [(r.max_error, r.backend) for r in self.steps.results if r.max_error is not None]
        if not errors:
            console.print(f"Nothing was compared with the reference, which needs torch: {INSTALL}", soft_wrap=True)
            return
        error, backend = max(errors)
        console.print(
            f"Each was first compared with the reference; the largest difference is {error:.1g} ({backend}).",
            soft_wrap=True,
        )

    def _print_overhead(self, console: Console) -> None:
        """Print a table of what was timed at every size, and a line for everything else."""
        if times := {(each.what, each.size): each for each in self.overhead if not each.once}:
            console.print(_overhead_table(times))
        for each in self.overhead:
            if each.once:
                ratio = f", {each.ratio:.2f} times one grid of as many cells" if each.ratio is not None else ""
                console.print(f"{each.what}, {each.size}: {three_digits(each.ms)} ms{ratio}", soft_wrap=True)

    def chart(self) -> Image.Image:
        """Draw milliseconds per step against cells, both logarithmic."""
        with needed_for("The plot"):
            from ncaengine.io import charts

        series: dict[str, dict[float, float]] = {}
        for r in self.steps.results:
            series.setdefault(r.backend, {})[r.cells] = r.ms_per_step
        ticks: dict[float, str] = {r.cells: r.size for r in self.steps.results}
        title = f"A step of {self.config.name} on {self.kernel}"
        return charts.log_log_chart(
            series, title, "cells, width x height", "milliseconds per step, both axes logarithmic", ticks, self.device
        )

    def raise_problems(self) -> None:
        """Raise NCAError if something was refused, or if nothing was timed."""
        refused = [each for each in self.steps.skipped if each.refused]
        if refused:
            raise NCAError("; ".join(f"{each.backend} was refused: {each.reason}" for each in refused))
        if not self.steps.results:
            reasons = "; ".join(f"{each.backend}: {each.reason}" for each in self.steps.skipped)
            raise NCAError(f"Nothing could be timed. {reasons}")


def _overhead_table(times: dict[tuple[str, str], OverheadTime]) -> Table:
    sizes = list(dict.fromkeys(size for _, size in times))
    table = Table(
        "ms",
        title="Besides the step",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for size in sizes:
        table.add_column(size, justify="right", no_wrap=True)
    for what in dict.fromkeys(what for what, _ in times):
        table.add_row(what, *(three_digits(times[what, size].ms) for size in sizes))
    return table


def three_digits(value: float) -> str:
    """Return a number with three digits or more: '0.123', '12.3', '1,234'."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"
