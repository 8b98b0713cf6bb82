"""Training runs with a progress bar, which stop in an orderly way when asked."""

import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.shared.engine import open_simulation
from ncaengine.cli.shared.output import print_line, print_notice, progress_bar
from ncaengine.core.texts import plural
from ncaengine.training.curves import final_loss, median_loss

if TYPE_CHECKING:
    from ncaengine.training.job import TrainingJob
    from ncaengine.training.ray_driver import Outcome
    from ncaengine.training.run import TrainingRun

WATCHED_SPEED = 10.0
"""Steps a second in the window of a training, which needs the processor itself."""
NOTICE_SECONDS = 60
"""Seconds between two lines of progress where there is no terminal."""


def run_all(
    jobs: "Sequence[TrainingJob]",
    resume: bool,
    threads: int = 0,
    plugins: Sequence[Path] = (),
    watch: bool = False,
    again: str = " with --resume",
) -> None:
    """Train one model after the other and print what was written.

    resume: continue where an earlier call stopped.
    threads: CPU threads; 0 lets torch choose.
    plugins: more folders of kernel plugins.
    watch: open a window on each model.
    again: what a message says after "the same command", which continues.
    Raises KeyboardInterrupt if it was asked to stop, once everything is saved, and NCAError.
    """
    from ncaengine.core import claims, kernels
    from ncaengine.training import trainer
    from ncaengine.training.run import check_target
    from ncaengine.training.together_run import start_run

    for job in (job for job in jobs if job.checkpoint.exists() and not resume):
        with claims.claimed(job.folder, called=job.output):  # unless another program trains it
            job.check_fresh()
    for job in (job for job in jobs if job.target and len(jobs) > 1):  # find a broken image now, not after hours
        if resume and (job.checkpoint.exists() or job.output.exists()):  # it was found fit before
            continue
        check_target(job)
    catalogue = kernels.discover(plugins)
    with trainer.torch_threads(threads), stop_signals() as stopped:
        for number, job in enumerate(jobs, 1):
            started = job.checkpoint.exists()
            if resume and is_done(job):
                continue
            with claimed_output(job):
                run = start_run(dataclasses.replace(job, resume=started) if resume else job, catalogue, print_notice)
                title = f"{job.output.stem} {number}/{len(jobs)}" if len(jobs) > 1 else job.output.stem
                _train(run, title, stopped, watch)
            if not run.finished:
                iteration = f"{run.trainer.iteration:,}"
                print_notice(f"Stopped at iteration {iteration}; run the same command{again} to continue.")
                raise KeyboardInterrupt
            print_trained(job, run.losses)


def is_done(job: "TrainingJob") -> bool:
    """Return whether an earlier call has finished a training, and say so."""
    done = job.output.exists() and not job.checkpoint.exists()
    if done:
        print_notice(f"{job.output}: already trained; skipped.")
    return done


@contextmanager
def claimed_output(job: "TrainingJob") -> Iterator[None]:
    """Claim the output of a training, for `with`. Raises NCAError if it can't be written or another program does so."""
    from ncaengine.core import claims, files

    files.make_folder(job.output.parent)
    files.check_place(job.output)
    with claims.claimed(job.folder, called=job.output):
        yield


def print_trained(job: "TrainingJob", losses: Sequence[float]) -> None:
    """Print what a finished training wrote. losses: of its iterations."""
    loss = f"loss {final_loss(losses):.3g}"
    print_line(f"{job.output}: {plural(len(losses), 'iteration')}, {loss}; pictures in {job.folder}/")


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether Ctrl-C, SIGTERM or SIGHUP (a closed terminal) has arrived.

    A second signal interrupts at once.
    """
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        print_notice("Stopping after this iteration. Press Ctrl-C again to stop at once and lose what is not saved.")

    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, handle) for number in signals]
    try:
        yield lambda: bool(received)
    finally:
        for number, old in zip(signals, before, strict=True):
            signal.signal(number, old)
        if received and callable(signal.getsignal(received[0])):  # the command's exit code tells which it was
            signal.raise_signal(received[0])


def _train(run: "TrainingRun", title: str, stopped: Callable[[], bool], watch: bool) -> None:
    """Train with a progress bar, or where there is no terminal with a line every minute; `watch` opens a window."""
    from ncaengine.io import training_progress

    last_notice, to_open, pace = time.monotonic(), watch, _Pace(run.trainer.iteration)
    with progress_bar("loss {task.fields[loss]}") as bar:
        task = bar.add_task(title, total=run.settings.iterations, completed=run.trainer.iteration, loss="…")

        def report(iteration: int, loss: float) -> None:
            nonlocal last_notice, to_open
            text = f"{median_loss(run.losses[-20:]):.3g}"
            total = run.settings.iterations  # a budget changes it
            bar.update(task, completed=iteration, total=total, loss=text)
            if not bar.console.is_terminal and time.monotonic() > last_notice + NOTICE_SECONDS:
                last_notice = time.monotonic()
                print_notice(f"{title}: iteration {iteration:,} of {total:,}, loss {text}")
            if pace.is_due():
                training_progress.write(run.job.output, iteration, total, text, pace.seconds_left(iteration, total))
            if to_open and run.job.output.exists():
                to_open = False
                open_window(run.job.output)

        try:
            run.train(report, stopped)
        finally:
            training_progress.path_for(run.job.output).unlink(missing_ok=True)


class _Pace:
    """How fast a training is since it began or was continued."""

    def __init__(self, iteration: int) -> None:
        self._first, self._start, self._due = iteration, time.monotonic(), 0.0

    def is_due(self) -> bool:
        """Return whether to write the progress again: every second."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + 1
        return True

    def seconds_left(self, iteration: int, total: int) -> float:
        """Return how long the rest takes at the pace so far."""
        return (time.monotonic() - self._start) / max(iteration - self._first, 1) * (total - iteration)


def open_window(path: Path) -> None:
    """Run `ncaengine view` in its own process, which outlives the training and ignores Ctrl-C pressed here."""
    command = [sys.executable, "-m", "ncaengine", "view", str(path), "--steps-per-second", f"{WATCHED_SPEED:g}"]
    subprocess.Popen(command, start_new_session=True)


def write_report(folder: Path, jobs: "Sequence[TrainingJob]", outcomes: "Sequence[Outcome]" = ()) -> None:
    """Compare the models of several trainings, and print where the report is.

    outcomes: of those that Ray ran.
    Raises NCAError if a file can't be read or written.
    """
    from rich.console import Console

    from ncaengine.training import reports

    problems = {outcome.job.output: outcome.problem for outcome in outcomes if outcome.problem}
    resumed = {outcome.job.output: outcome.progress.starts[1:] for outcome in outcomes}
    finished = [job for job in jobs if job.output not in problems]
    with open_simulation() as sim, Console(stderr=True).status("Comparing the models"):
        report = reports.write_report(folder, finished, sim, problems, resumed)
    print_line(f"Report: {report}" + ", with models.png, loss.png and report.json in the same folder" * bool(finished))
