"""Training runs with progress and an orderly end, for the commands that train."""

import dataclasses
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.options import plural, say
from ncaengine.core.errors import NCAError

if TYPE_CHECKING:
    from ncaengine.training.run import TrainingJob, TrainingRun


def run_all(
    jobs: "Sequence[TrainingJob]", resume: bool, threads: int = 0, plugins: Sequence[Path] = (), watch: bool = False
) -> None:
    """Train one model after the other and say what was written; `resume` goes on where an earlier call stopped.

    Raises KeyboardInterrupt when it was asked to stop, after everything is saved, and NCAError.
    """
    if not 0 <= threads <= 1024:
        raise NCAError(f"--threads is {threads}; it must be from 0 to 1024.")
    from ncaengine.core import kernels
    from ncaengine.training import targets, trainer
    from ncaengine.training.run import TrainingRun

    for job in jobs[1:]:  # a bad one is better told now than hours from now
        targets.load_target(job.target, job.settings.target_size)
    catalogue = kernels.discover(plugins)
    with trainer.torch_threads(threads), stop_signals() as stopped:
        for number, job in enumerate(jobs, 1):
            begun = (job.folder / "checkpoint.pt").exists()
            if resume and job.output.exists() and not begun:
                say(f"{job.output} is there, finished; left as it is.")
                continue
            run = TrainingRun(dataclasses.replace(job, resume=begun) if resume else job, catalogue, say)
            _train(run, f"{job.output.stem} {number}/{len(jobs)}" if len(jobs) > 1 else job.output.stem, stopped, watch)
            if not run.finished:
                say(f"Stopped at iteration {run.trainer.iteration:,}; the same command with --resume goes on.")
                raise KeyboardInterrupt
            loss = f"loss {_median(run.losses[-50:]):.3g}"
            print(f"{job.output}: {plural(len(run.losses), 'iteration')}, {loss}; pictures in {job.folder}/")


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, or SIGTERM or SIGHUP (a closed terminal) came; a second one interrupts at once."""
    asked: list[int] = []

    def handle(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        say("Stopping after this iteration; once more stops at once, and loses what is not in the checkpoint.")

    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, handle) for number in signals]
    try:
        yield lambda: bool(asked)
    finally:
        for number, old in zip(signals, before, strict=True):
            signal.signal(number, old)


def _train(run: "TrainingRun", head: str, stopped: Callable[[], bool], watch: bool) -> None:
    """Run it with a progress bar, or without a terminal with a line a minute; `watch` opens a window."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console, total = Console(stderr=True), run.settings.iterations
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    spoken, unopened = time.monotonic(), watch
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(head, total=total, completed=run.trainer.iteration, loss="…")

        def report(iteration: int, loss: float) -> None:
            nonlocal spoken, unopened
            text = f"{_median(run.losses[-20:]):.3g}"
            bar.update(task, completed=iteration, loss=text)
            if not console.is_terminal and time.monotonic() > spoken + 60:
                spoken = time.monotonic()
                say(f"{head}: iteration {iteration:,} of {total:,}, loss {text}")
            if unopened and run.job.output.exists():
                unopened = False
                open_window(run.job.output)

        run.train(report, stopped)


def _median(values: Sequence[float]) -> float:
    known = sorted(v for v in values if math.isfinite(v))
    return known[len(known) // 2] if known else float("nan")


def open_window(path: Path) -> None:
    """`ncaengine view` in a process of its own, which outlives the training and which Ctrl-C here leaves alone."""
    subprocess.Popen([sys.executable, "-m", "ncaengine", "view", str(path)], start_new_session=True)
