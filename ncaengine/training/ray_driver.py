"""Trainings on a Ray cluster, or on this machine through Ray: the part that sends them and writes what they give."""

import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ncaengine.core import files
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.formats import model_files
from ncaengine.training import ray_worker
from ncaengine.training.features import extractor
from ncaengine.training.job import CHOICES, TrainingJob
from ncaengine.training.patterns import PATTERNS
from ncaengine.training.ray_worker import Common, Files, Keeper, Progress, Work

RETRIES = 20
"""How often a training goes on elsewhere after its worker was lost."""
LOOK_EVERY = 1.0
"""Seconds between two looks at the trainings."""
PATIENCE = 10.0
"""Seconds to wait for a cluster's answer."""
MISSING = "--ray needs ray, which is not installed; install it with: pip install 'ncaengine[ray]'"


@dataclass(frozen=True)
class Share:
    """What each training gets of the cluster."""

    cpus: int
    """Threads, too."""
    gpus: float


@dataclass
class Outcome:
    """What became of a training."""

    job: TrainingJob
    progress: Progress
    finished: bool = False
    problem: str = ""
    """A sentence, if it failed."""


@contextmanager
def connected(address: str = "") -> Iterator[None]:
    """Connect to a cluster; without an address, to that of RAY_ADDRESS, or to one that is started on this machine.

    Raises NCAError if ray is not installed or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use to its makers
    try:
        import ray
    except ImportError as error:
        raise NCAError(MISSING if isinstance(error, ModuleNotFoundError) else f"--ray: {error}") from None
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        _knock(where)
        dashboard = False if where == "local" else None
        ray.init(where, include_dashboard=dashboard, logging_level=logging.ERROR, log_to_driver=False)
    except Exception as error:  # Ray raises a plain Exception if its own node is too slow to start
        if where == "local":
            why = files.reason(error)
            raise NCAError(f"--ray: Ray can't start here ({why}); try again, or train without --ray.") from None
        raise NCAError(
            f"--ray {where}: cannot be reached ({files.reason(error)}); give HOST:PORT of a cluster, or none. Newer "
            "versions of Ray also want a token, see docs.ray.io/en/latest/ray-security/token-auth.html."
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(where: str) -> None:
    """Raise OSError if nothing answers at a HOST:PORT; Ray would try for minutes."""
    host, _, port = where.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()


def share_of(jobs: Sequence[TrainingJob], threads: int, gpus: float | None) -> Share:
    """Divide the cluster among trainings.

    threads: CPUs of each; 0 divides them evenly.
    gpus: GPUs of each; None takes one if the cluster has any and the jobs want it.

    Raises NCAError if no machine has as much.
    """
    import ray

    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    most = {kind: max((each.get(kind, 0) for each in machines), default=0) for kind in ("CPU", "GPU")}
    total = sum(each.get("CPU", 0) for each in machines)
    cpus = threads or max(1, int(min(total // len(jobs), most["CPU"])))
    wants = jobs[0].device in ("auto", "cuda")
    gpus = float(wants and most["GPU"] > 0) if gpus is None else gpus
    for kind, count, flag in (("CPU", cpus, "--threads"), ("GPU", gpus, "--gpus")):
        if count > most[kind]:
            raise NCAError(
                f"A training asks for {count:g} {kind}s, but no machine of the cluster has more than {most[kind]:g}; "
                f"use a smaller {flag}."
            )
    if jobs[0].device == "cuda" and not gpus:
        raise NCAError("--device cuda is not available: the cluster has no GPU; use --device cpu.")
    return Share(cpus, gpus)


def train_all(
    jobs: Sequence[TrainingJob],
    share: Share,
    catalogue: Catalogue,
    report: Callable[[Sequence[Progress]], None],
    notify: Callable[[TrainingJob, str], None],
    stopped: Callable[[], bool],
) -> list[Outcome]:
    """Train on the connected cluster until all is finished, has failed, or was stopped; write what comes.

    A model is written when its training is finished, after its pictures. Until then its folder has the newest
    checkpoint. Jobs that are to resume go on from theirs.

    report: called every second.
    notify: called with lines for people.
    stopped: whether to stop all trainings; their checkpoints are written.

    Raises NCAError if the jobs can't begin or the cluster is lost.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    names, common = _open_common(jobs[0], catalogue, share, lambda line: notify(jobs[0], line))
    shared = ray.put(common)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    keeper: Any = ray.remote(Keeper).options(num_cpus=0, scheduling_strategy=here).remote(len(jobs))
    task = ray.remote(ray_worker.train).options(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=RETRIES)
    work = (Work(number, replace(job, nets=names), *_read(job)) for number, job in enumerate(jobs))
    running = {task.remote(each, shared, keeper): each.number for each in work}
    outcomes, told = [Outcome(job, Progress()) for job in jobs], False
    while running:
        done, _ = ray.wait(list(running), num_returns=len(running), timeout=LOOK_EVERY)
        _look(keeper, outcomes, notify)
        for ref in done:
            number = running.pop(ref)
            _finish(outcomes[number], _result(ref))
            ray.get(keeper.finish.remote(number, outcomes[number].finished))
        report([outcome.progress for outcome in outcomes])
        if stopped() and not told:
            told = True
            ray.get(keeper.stop.remote())
    _look(keeper, outcomes, notify)
    return outcomes


def _open_common(
    job: TrainingJob, catalogue: Catalogue, share: Share, notify: Callable[[str], None]
) -> tuple[tuple[str, ...], Common]:
    """Return the names of the feature nets, and what all trainings need. Raises NCAError."""
    _, notice = extractor.open_nets(job.nets)  # here, so that all machines take the same ones
    if notice:
        notify(notice)
    names = tuple(("random" if notice else "vgg19") if name == "auto" else name for name in job.nets)
    nets = {name: Path(name).read_bytes() for name in names if name not in extractor.NET_NAMES}
    start = model_files.load(job.start) if job.start and job.start not in CHOICES else None
    return names, Common(uuid.uuid4().hex[:12], catalogue, nets, start, share.cpus)


def _read(job: TrainingJob) -> tuple[bytes | None, bytes | None]:
    """Return the content of a job's image, and of the checkpoint that it goes on from. Raises NCAError."""
    path = job.checkpoint
    try:
        image = Path(job.target).read_bytes() if job.target and job.target not in PATTERNS else None
        return image, path.read_bytes() if job.resume else None
    except OSError as error:
        raise files.unreadable(error.filename, error) from None


def _look(keeper: Any, outcomes: Sequence[Outcome], notify: Callable[[TrainingJob, str], None]) -> None:
    """Take in what is new, and write the new checkpoints. Raises NCAError if the cluster is lost."""
    import ray

    try:
        look = ray.get(keeper.look.remote({n: outcome.progress.kept for n, outcome in enumerate(outcomes)}))
    except ray.exceptions.RayError as error:
        raise NCAError(
            f"The Ray cluster was lost ({_reason(error)}); start the same command with --resume to go on."
        ) from None
    for outcome, progress in zip(outcomes, look.progress, strict=True):
        if len(progress.starts) > max(len(outcome.progress.starts), 1):
            notify(outcome.job, f"its worker was lost; another one goes on after iteration {progress.starts[-1]:,}.")
        outcome.progress = progress
    for number, line in look.lines:
        notify(outcomes[number].job, line)
    for number, checkpoint in look.checkpoints.items():
        job = outcomes[number].job
        try:
            _write(job.checkpoint, checkpoint)
        except NCAError as error:
            notify(job, f"{error} The training continues.")


def _result(ref: Any) -> Files | str | None:
    """Return what a worker returned, or a sentence if it ended otherwise."""
    import ray

    try:
        result: Files | str | None = ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        return f"A mistake in ncaengine ({_reason(error.cause)}); please report it."
    except ray.exceptions.RayError as error:
        return f"Its workers were lost {RETRIES + 1} times ({_reason(error)}); give each training more memory."
    return result


def _finish(outcome: Outcome, result: Files | str | None) -> None:
    """Write the files of a finished training: the model last, so that where it is, all is."""
    if isinstance(result, str):
        outcome.problem = result
    if not isinstance(result, dict):
        return
    output = outcome.job.output
    try:
        for name in sorted(result, key=lambda name: name == output.name):
            _write(output.parent / name, result[name])
        outcome.job.checkpoint.unlink(missing_ok=True)
        outcome.finished = True
    except NCAError as error:
        outcome.problem = str(error)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.unwritable(path.parent, error) from None
    files.replace_file(path, data)


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
