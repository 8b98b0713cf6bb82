"""What runs inside Ray: trainings, each on some machine of a cluster, and the keeper of their checkpoints.

A training reads and writes only in a folder of its own, on its machine. All that it needs comes with its Work, and what
it wrote goes back whole when it is finished. Until then the keeper has its newest checkpoint, so that another worker
can go on if this one is lost.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.formats import model_files
from ncaengine.training import trainer
from ncaengine.training.job import CHOICES, TrainingJob
from ncaengine.training.run import TrainingRun

TELL_EVERY = 1.0
"""Seconds between two reports of a training to the keeper."""
SHOWN = 20
"""The newest losses that a report has."""

Files = dict[str, bytes]
"""The content of files by name."""


@dataclass(frozen=True)
class Common:
    """What all trainings of a call need."""

    run_id: str
    """Names their folders, different for each call."""
    catalogue: Catalogue
    nets: Files
    """The weight files of feature nets, by the names that the jobs give them."""
    start: Model | None
    """The model that they start from."""
    threads: int
    """CPU threads of each."""


@dataclass(frozen=True)
class Work:
    """One training, as it is sent to a worker."""

    number: int
    job: TrainingJob
    """With the paths of the machine that sent it."""
    image: bytes | None
    """The content of the target's file; None for a pattern, or without a target."""
    checkpoint: bytes | None = None
    """Of an earlier call, to go on from."""


@dataclass
class Progress:
    """How far a training is."""

    state: Literal["waiting", "training", "ended", "finished"] = "waiting"
    iteration: int = 0
    losses: list[float] = field(default_factory=list)
    """The newest ones, at most SHOWN."""
    host: str = ""
    """The machine that it runs on."""
    starts: list[int] = field(default_factory=list)
    """The iteration after which each worker that had it began: 0, and more after a worker was lost."""
    kept: int = 0
    """How many checkpoints the keeper has been given."""


@dataclass(frozen=True)
class Look:
    """What the driver is told of all trainings."""

    progress: list[Progress]
    lines: list[tuple[int, str]]
    """What trainings said since the last look, each with its number."""
    checkpoints: dict[int, bytes]
    """Those that the driver does not have yet."""


class Keeper:
    """An actor that keeps the newest checkpoint and the progress of each training."""

    def __init__(self, count: int) -> None:
        self._progress = [Progress() for _ in range(count)]
        self._checkpoints: dict[int, bytes] = {}
        self._lines: list[tuple[int, str]] = []
        self._stopping = False

    def begin(self, number: int) -> tuple[bytes | None, bool]:
        """Return a training's newest checkpoint, and whether all are to stop."""
        return self._checkpoints.get(number), self._stopping

    def started(self, number: int, host: str, iteration: int) -> None:
        """Note that a worker has a training, after `iteration`."""
        progress = self._progress[number]
        progress.state, progress.host, progress.iteration = "training", host, iteration
        progress.starts.append(iteration)

    def tell(self, number: int, iteration: int, losses: list[float]) -> bool:
        """Note how far a training is; return whether it is to stop."""
        self._progress[number].iteration, self._progress[number].losses = iteration, losses
        return self._stopping

    def keep(self, number: int, checkpoint: bytes) -> None:
        """Keep a checkpoint in place of the older one."""
        self._checkpoints[number] = checkpoint
        self._progress[number].kept += 1

    def say(self, number: int, line: str) -> None:
        """Pass a line for people on to the driver."""
        self._lines.append((number, line))

    def finish(self, number: int, whole: bool) -> None:
        """Note that no worker has a training any more, and whether it is finished; then forget its checkpoint."""
        self._progress[number].state = "finished" if whole else "ended"
        if whole:
            self._checkpoints.pop(number, None)

    def stop(self) -> None:
        """Let all trainings stop after their iteration."""
        self._stopping = True

    def look(self, known: Mapping[int, int]) -> Look:
        """Return what is new. known: how many checkpoints of each training the driver has seen."""
        lines, self._lines = self._lines, []
        newer = {n: data for n, data in self._checkpoints.items() if self._progress[n].kept > known.get(n, 0)}
        return Look(self._progress, lines, newer)


class Line:
    """Calls the keeper from a thread of its own.

    While the main thread of a task waits for something, Ray gives its processors to another task.
    """

    def __init__(self, keeper: Any) -> None:
        self._keeper, self._thread = keeper, ThreadPoolExecutor(1)

    def call(self, method: str, *arguments: object) -> Future[Any]:
        """Call a method of the keeper, after those that were called before."""
        import ray

        return self._thread.submit(lambda: ray.get(getattr(self._keeper, method).remote(*arguments)))


def train(work: Work, common: Common, keeper: Any) -> Files | str | None:
    """Train on a worker of Ray, from the newest checkpoint if there is one.

    Returns the files of the finished training, a sentence about what went wrong, or None if it was told to stop.
    """
    line = Line(keeper)
    found, stopping = line.call("begin", work.number).result()
    if stopping:
        return None
    # A worker that was killed on this machine left its folder; the next one replaces it.
    folder = Path(tempfile.gettempdir()) / f"ncaengine-{common.run_id}-{work.number}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
        with trainer.torch_threads(common.threads):
            return _train(unpack(work, common, found or work.checkpoint, folder), work.number, common, line)
    except NCAError as error:
        return _without(folder, str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unpack(work: Work, common: Common, checkpoint: bytes | None, folder: Path) -> TrainingJob:
    """Write what a training reads into a folder, and return the job with these paths."""
    job = work.job
    given = {name: folder / f"net{number}{Path(name).suffix}" for number, name in enumerate(common.nets)}
    for name, path in given.items():
        path.write_bytes(common.nets[name])
    target, start = Path(job.target), job.start if job.start in CHOICES else None
    if work.image is not None:
        target = folder / f"target{target.suffix}"
        target.write_bytes(work.image)
    if common.start is not None:
        assert job.start
        start = folder / "start" / f"{job.start.stem}.safetensors"
        start.parent.mkdir()
        model_files.save(common.start, start)
    job = replace(
        job, target=str(target) if job.target else "", output=folder / job.output.name, start=start,
        nets=tuple(str(given.get(name, name)) for name in job.nets), resume=checkpoint is not None,
    )  # fmt: skip
    if checkpoint is not None:
        job.folder.mkdir()
        job.checkpoint.write_bytes(checkpoint)
    return job


def _train(job: TrainingJob, number: int, common: Common, line: Line) -> Files | None:
    def notify(text: str) -> None:
        line.call("say", number, _without(job.output.parent, text))

    run = TrainingRun(job, common.catalogue, notify)
    line.call("started", number, socket.gethostname(), run.trainer.iteration)
    courier = _Courier(run, number, line)
    run.train(courier.report, lambda: courier.stopping)
    if not run.finished:
        courier.send_checkpoint().result()
        return None
    paths = [job.output, *(path for path in job.folder.iterdir() if path.is_file())]
    return {path.relative_to(job.output.parent).as_posix(): path.read_bytes() for path in paths}


def _without(folder: Path, text: str) -> str:
    """Return a sentence without a folder that means nothing to the user."""
    return text.replace(f"{folder}{os.sep}", "")


class _Courier:
    """Brings the keeper a training's progress, and its checkpoints when they have been written."""

    def __init__(self, run: TrainingRun, number: int, line: Line) -> None:
        self._run, self._number, self._line = run, number, line
        self._path = run.job.checkpoint
        self._due, self._sent = 0.0, self._version()
        self._told: Future[bool] | None = None
        self.stopping = False

    def _version(self) -> int:
        return self._path.stat().st_mtime_ns if self._path.exists() else 0

    def report(self, iteration: int, loss: float) -> None:
        """Do so after an iteration, if it is time and the keeper has got what was sent before."""
        if self._told is not None:
            if not self._told.done():
                return
            self.stopping = self._told.result()
        if self._version() != self._sent:
            self.send_checkpoint()
        if time.monotonic() >= self._due:
            self._told = self._line.call("tell", self._number, iteration, self._run.losses[-SHOWN:])
            self._due = time.monotonic() + TELL_EVERY

    def send_checkpoint(self) -> Future[Any]:
        """Send the checkpoint as it is on the disk."""
        self._sent = self._version()
        return self._line.call("keep", self._number, self._path.read_bytes())
