"""`ncaengine train --ray`: trainings on Ray, with all of their progress in one table."""

import dataclasses
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ncaengine.cli.shared.output import print_notice, progress_bar
from ncaengine.cli.shared.training_runs import NOTICE_SECONDS, claimed_output, is_done, print_trained, stop_signals
from ncaengine.training.curves import median_loss, read_losses

if TYPE_CHECKING:
    from ncaengine.training.job import TrainingJob
    from ncaengine.training.ray_driver import Outcome
    from ncaengine.training.ray_worker import Progress

MOST_ROWS = 20
"""Rows of the table; of more trainings, only those that run are shown."""


def run_on_ray(
    jobs: "Sequence[TrainingJob]",
    resume: bool,
    address: str,
    threads: int,
    gpus: float | None,
    plugins: Sequence[Path] = (),
) -> "list[Outcome]":
    """Train on a Ray cluster, print what was written, and return what became of the jobs that were not done before.

    The arguments are those of train_all, share_of and run_all.
    Raises KeyboardInterrupt if it was asked to stop, once everything is saved, and NCAError.
    """
    from ncaengine.core import kernels
    from ncaengine.training import ray_driver
    from ncaengine.training.run import check_target

    jobs = [job for job in jobs if not (resume and is_done(job))]
    for job in jobs:
        if not resume:
            job.check_fresh()
        if job.target:
            check_target(job)
    if not jobs:
        return []
    jobs = [dataclasses.replace(job, resume=job.checkpoint.exists()) for job in jobs]
    # Ray has a handler of its own for SIGTERM, so ours comes after it.
    with ray_driver.connected(address), stop_signals() as stopped, ExitStack() as claimed:
        for job in jobs:
            claimed.enter_context(claimed_output(job))
        share, table = ray_driver.share_of(jobs, threads, gpus), _Table(jobs)
        with table.bars:
            outcomes = ray_driver.train_all(
                jobs, share, kernels.discover(plugins), table.report,
                lambda job, line: print_notice(f"{job.output.stem}: {line}"), stopped,
            )  # fmt: skip
    _print_outcomes(outcomes)
    if stopped() and not all(outcome.finished for outcome in outcomes):
        print_notice("Stopped; run the same command with --resume to continue.")
        raise KeyboardInterrupt
    return outcomes


def _print_outcomes(outcomes: "Sequence[Outcome]") -> None:
    for outcome in outcomes:
        job = outcome.job
        if outcome.problem:
            print_notice(f"{job.output}: {outcome.problem}")
        elif outcome.finished:
            print_trained(job, read_losses(job.output))


class _Table:
    """Shows the progress of all trainings in a table, or where there is no terminal in a line every minute."""

    def __init__(self, jobs: "Sequence[TrainingJob]") -> None:
        self._jobs = jobs
        self.bars = progress_bar("loss {task.fields[loss]}", "{task.fields[where]}", redirect_stdout=False)
        self._tasks = [
            self.bars.add_task(job.output.stem, total=job.settings.iterations or None, loss="…", where="waiting")
            for job in jobs
        ]
        counts = [job.settings.iterations for job in jobs]  # 0 where a budget decides
        self._all = self.bars.add_task("all", total=sum(counts) if all(counts) else None, loss="…", where="")
        self._last_notice = time.monotonic()

    def report(self, progress: "Sequence[Progress]") -> None:
        """Show how far the trainings are, in the order of the jobs."""
        for task, each in zip(self._tasks, progress, strict=True):
            loss = f"{median_loss(each.losses):.3g}" if each.losses else "…"
            where = f"on {each.host}" if each.state == "training" else each.state
            visible = len(progress) <= MOST_ROWS or each.state == "training"
            self.bars.update(task, completed=each.iteration, loss=loss, where=where, visible=visible)
        finished = sum(each.state == "finished" for each in progress)
        where = f"{finished} of {len(progress)} finished"
        self.bars.update(self._all, completed=sum(each.iteration for each in progress), where=where)
        if not self.bars.console.is_terminal and time.monotonic() > self._last_notice + NOTICE_SECONDS:
            self._last_notice = time.monotonic()
            running = [
                f"{job.output.stem} {each.iteration:,}" + (f"/{count:,}" if (count := job.settings.iterations) else "")
                for job, each in zip(self._jobs, progress, strict=True)
                if each.state == "training"
            ]
            print_notice(f"{where}; {', '.join(running)}")
