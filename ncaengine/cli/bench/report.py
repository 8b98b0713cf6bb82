"""What `ncaengine bench` found, as tables, JSON or a chart."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.cli.bench import host_info, overhead, runners, timing
from ncaengine.cli.bench.overhead import Beside
from ncaengine.cli.bench.timing import Report, Result
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model

ROWS: tuple[tuple[str, Callable[[Result, Result | None], str]], ...] = (
    ("ms/step", lambda r, _: rounded(r.ms_per_step)),
    ("in the best round", lambda r, _: rounded(r.best_ms_per_step)),
    ("M cell-steps/s", lambda r, _: rounded(r.cell_steps_per_second / 1e6)),
    ("GFLOP/s", lambda r, _: rounded(r.gflops)),
    ("of the peak", lambda r, _: f"{r.fraction_of_peak:.1%}" if r.fraction_of_peak is not None else "unknown"),
    ("× fastest torch", lambda r, best: f"{best.ms_per_step / r.ms_per_step:.2f}" if best else "–"),
)
"""Of the table, for each size: what is told of a result, given the fastest torch at that size."""


class Findings:
    """All that was measured in one run, and on what."""

    def __init__(self, config: Config, kernel: str, gl: GLBackend | None) -> None:
        self.config, self.kernel = config, kernel
        self.report, self.beside, self.notes = Report(), list[Beside](), list[str]()
        cuda = [torch.cuda.get_device_name()] if torch.cuda.is_available() else []
        info = gl.device.ctx.info if gl else {}
        self.device = "; ".join([
            f"{host_info.cpu_name()}, {host_info.cores()} cores", *([info["GL_RENDERER"]] if gl else []), *cuda,
        ])  # fmt: skip
        self.driver = "; ".join([
            *([f"OpenGL {info['GL_VERSION']} by {info['GL_VENDOR']}"] if gl else []),
            f"torch {torch.__version__} on {runners.device().type}, {torch.get_num_threads()} threads",
        ])  # fmt: skip

    def compile(self, gl: GLBackend, model: Model, kernel: Kernel) -> None:
        """Time the compiler, if it takes the model."""
        self.beside += overhead.compiling(gl, model, kernel)

    @property
    def _sizes(self) -> list[str]:
        return list(dict.fromkeys(r.size for r in self.report.results))

    def print_json(self) -> None:
        """One object, on stdout."""
        peaks = self.report.peaks
        peak = next((peaks[r.processor] for r in self.report.results if r.processor in peaks), None)
        told: dict[str, Any] = {
            "device": self.device,
            "driver": self.driver,
            "model": self.config.name,
            "kernel": self.kernel,
            "results": [asdict(result) for result in self.report.results],
            "beside": [asdict(one) for one in self.beside],
            "peak_gflops": peak,
            "peaks": peaks,
            "skipped": [asdict(one) for one in self.report.skipped],
            "notes": self.notes,
        }
        print(json.dumps(told, indent=2))

    def print_tables(self) -> None:
        """For people."""
        console = Console(highlight=False, markup=False)
        c, adds = self.config, timing.multiply_adds(self.config)
        console.print(f"{c.name} on {self.kernel}: {c.channels} channels, {c.hidden} hidden, {adds:,} multiply-adds "
                      "a cell that fires, 2 operations each", soft_wrap=True)  # fmt: skip
        for line in (self.device, self.driver, *self.notes):
            console.print(line, style="dim", soft_wrap=True)
        if self.report.results:
            console.print(self._steps())
            self._comment(console)
        if self.beside:
            self._print_others(console)
        for one in self.report.skipped:
            console.print(f"{'Refused' if one.refused else 'Left out'}, {one.backend}: {one.reason}", soft_wrap=True)

    def _steps(self) -> Table:
        results = {(r.backend, r.size): r for r in self.report.results}
        names = list(dict.fromkeys(r.backend for r in self.report.results))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("cells", no_wrap=True)
        for name in names:
            table.add_column(name.replace("-", "-\n"), justify="right", no_wrap=True)
        for size in self._sizes:
            table.add_section()
            table.add_row(size, style="bold")
            best = timing.fastest_torch([r for r in self.report.results if r.size == size])
            for title, told in ROWS:
                found = (results.get((name, size)) for name in names)
                table.add_row(f"  {title}", *(told(r, best) if r else "–" for r in found))
        return table

    def _comment(self, console: Console) -> None:
        for processor, peak in self.report.peaks.items():
            console.print(f"Peak of the {processor}: {peak:.0f} GFLOP/s, torch's float32 matrix product in this run.")
        worst = max(self.report.results, key=lambda r: r.max_error)
        console.print(
            f"Each was compared with the reference first; the largest difference is {worst.max_error:.1g} "
            f"({worst.backend}).", soft_wrap=True,
        )  # fmt: skip

    def _print_others(self, console: Console) -> None:
        """What was timed at every size as a table, the rest in lines."""
        if times := {(one.what, one.size): one for one in self.beside if not one.once}:
            console.print(self._others(times))
        for one in self.beside:
            if one.once:
                console.print(f"{one.what}, {one.size}: {_time(one)}", soft_wrap=True)

    def _others(self, times: dict[tuple[str, str], Beside]) -> Table:
        sizes = list(dict.fromkeys(size for _, size in times))
        table = Table("ms", title="Beside the step", title_justify="left", title_style="bold",
                      box=box.SIMPLE_HEAD, pad_edge=False)  # fmt: skip
        for size in sizes:
            table.add_column(size, justify="right", no_wrap=True)
        for what in dict.fromkeys(what for what, _ in times):
            table.add_row(what, *(rounded(times[what, size].ms) for size in sizes))
        return table

    def chart(self) -> Image.Image:
        """Milliseconds a step against cells, both logarithmic."""
        from ncaengine.io import charts

        series: dict[str, dict[float, float]] = {}
        for r in self.report.results:
            series.setdefault(r.backend, {})[r.cells] = r.ms_per_step
        ticks: dict[float, str] = {r.cells: r.size for r in self.report.results}
        title = f"A step of {self.config.name} on {self.kernel}"
        return charts.log_log_chart(
            series, title, "cells, width x height", "milliseconds a step, both axes logarithmic", ticks, self.device
        )

    def complain(self) -> None:
        """Raises NCAError if something was refused, or if nothing was timed."""
        refused = [one for one in self.report.skipped if one.refused]
        if refused:
            raise NCAError("; ".join(f"{one.backend} was refused: {one.reason}" for one in refused))
        if not self.report.results:
            reasons = "; ".join(f"{one.backend}: {one.reason}" for one in self.report.skipped)
            raise NCAError(f"Nothing could be timed. {reasons}")


def rounded(value: float) -> str:
    """Three digits or more: '0.123', '12.3', '1,234'."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{digits}f}"


def _time(one: Beside) -> str:
    return f"{rounded(one.ms)} ms" + (f", {one.ratio:.2f} times one of as many cells" if one.ratio is not None else "")
