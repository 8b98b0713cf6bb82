"""Time the steps of several runners in turn, each only after it has computed the same as the reference."""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ncaengine.cli.bench import host_info
from ncaengine.cli.bench.host_info import Processor
from ncaengine.cli.bench.runners import EngineRunner, Runner
from ncaengine.cli.shared.options import size_text
from ncaengine.core import memory
from ncaengine.core.errors import NO_MEMORY, NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.optional import has_torch
from ncaengine.core.types import F32, Size

if TYPE_CHECKING:
    from torch import Tensor

    from ncaengine.backends.reference import Reference

MIN_SECONDS, MAX_STEPS = 0.02, 10_000
"""A measurement of the pace takes at least so many seconds, or so many steps."""
MEMORY_MARGIN = 3
"""Factor on the memory of the maps that a step of torch makes; some exist twice for a moment."""

MakeRunner = Callable[[str, Size], Runner]
"""Makes the runner of a name for grids of a size. Raises NCAError if it cannot run here."""
Check = Callable[[Runner, Size], float | None]
"""Starts a runner on a grid; returns its largest difference from the reference, None if that is not known."""
ShowProgress = Callable[[str], object]
"""Called with a description of what comes next."""


@dataclass(frozen=True)
class BenchPlan:
    """What to time: at each size, `rounds` rounds in which all runners take turns."""

    sizes: tuple[Size, ...]
    """Sizes of the grids in cells."""
    backends: tuple[str, ...]
    """Names of the runners."""
    rounds: int = 5
    """Rounds at each size."""
    seconds: float = 2.0
    """Seconds for each runner at each size, over all rounds."""

    @property
    def total(self) -> int:
        """The number of progress reports."""
        return len(self.sizes) * len(self.backends) * (self.rounds + 1)


@dataclass(frozen=True)
class StepTime:
    """How fast one runner steps at one size."""

    backend: str
    """Name of the runner."""
    size: str
    """Width and height in cells, '256x128'."""
    cells: int
    """Number of cells."""
    ms_per_step: float
    """Milliseconds per step, median of the rounds."""
    best_ms_per_step: float
    """Milliseconds per step in the best round, which other work on the machine slowed least."""
    cell_steps_per_second: float
    """Cells times steps per second."""
    gflops: float
    """1e9 operations per second in the net's products of the cells that fire; a multiplication and an addition are
    two. Products of other cells, the perception, activations and random numbers are not counted."""
    processor: Processor
    """What computes."""
    max_error: float | None
    """Largest difference from the reference after one step; None without torch, which the reference needs."""
    fraction_of_peak: float | None = None
    """Share of the processor's own matrix product, 0 to 1; None if that is unknown."""


@dataclass(frozen=True)
class Skipped:
    """A runner, or the overhead, that was not timed."""

    backend: str
    """Its name."""
    reason: str
    """Why it was not timed."""
    refused: bool = False
    """Whether it does not compute what the reference does."""


@dataclass
class StepTimes:
    """The results of all runners at all sizes."""

    results: list[StepTime] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    peaks: dict[Processor, float] = field(default_factory=dict)
    """1e9 operations per second of each processor's matrix product."""


class RefusedError(NCAError):
    """A runner does not compute what the reference does."""


def multiply_adds(config: Config) -> int:
    """Count the multiply-adds of a cell's net: 5,760 for 12 channels, 4 features and 96 hidden units."""
    if not config.hidden:
        return config.inputs * config.channels
    return (config.inputs + config.channels) * config.hidden


def operations(config: Config, cells: int, fire_rate: float) -> float:
    """Count a step's operations, see StepTime.gflops; where channels fire, a cell counts if any of them does."""
    share = 1 - (1 - fire_rate) ** config.channels if config.firing == "channel" else fire_rate
    return 2.0 * multiply_adds(config) * cells * share


def check_memory(config: Config, size: Size) -> None:
    """Raise NCAError if there is too little memory for torch, and so for the reference, to step this size."""
    memory.check_fits(size, round(4 * (2 * config.inputs + config.hidden + config.channels) * MEMORY_MARGIN))


def check_runner(runner: Runner, reference: "Reference", x: "Tensor") -> float:
    """Return the largest difference from the reference after one step of a state.

    x: the state, (1, channels, height, width) float32.
    Raises RefusedError if the difference is too large.
    """
    import torch

    with torch.no_grad():
        expected = runner.step_reference(reference, x)
    error = float((runner.step_once(x) - expected).abs().max())
    allowed = runner.tolerance * max(1.0, float(expected.abs().max()))
    if not error <= allowed:  # also if the error is not a number
        raise RefusedError(
            f"it differs from the reference by {error:.2g} after one step; at most {allowed:.1g} is allowed, so it is "
            "not timed."
        )
    return error


def time_steps(
    plan: BenchPlan, model: Model, kernel: Kernel, make: MakeRunner, show: ShowProgress = lambda text: None
) -> StepTimes:
    """Time all runners of a plan; `show` is called at most plan.total times.

    What cannot be made or run, or computes something else, is in the result's `skipped`.
    """
    times, check = StepTimes(), _checker(model, kernel)
    for size in plan.sizes:
        runners, errors = _checked_runners(plan, size, check, make, show, times)
        _update_peaks(times.peaks, {runner.processor for runner in runners.values()})
        seconds = time_in_turn({name: runner.run for name, runner in runners.items()}, plan, show)
        for name, runner in runners.items():
            times.results.append(_step_time(name, size, seconds[name], runner, model.config, errors[name]))
            runner.release()
    _update_peaks(times.peaks, set(times.peaks))
    times.results = [_with_share(result, times.peaks) for result in times.results]
    return times


def _checker(model: Model, kernel: Kernel) -> Check:
    """Return what compares a runner with the reference; without torch, which the reference needs, it only starts it."""
    rng = np.random.default_rng(0)

    @functools.cache
    def state(size: Size) -> F32:
        return rng.normal(0, 0.5, (size[1], size[0], model.config.channels)).astype(np.float32)

    if not has_torch():

        def start(runner: Runner, size: Size) -> None:
            assert isinstance(runner, EngineRunner)
            runner.start(state(size))

        return start
    import torch

    from ncaengine.backends.reference import Reference

    reference = Reference(model, kernel)
    return lambda runner, size: check_runner(
        runner, reference, torch.from_numpy(state(size)).permute(2, 0, 1)[None].contiguous()
    )


def _checked_runners(
    plan: BenchPlan, size: Size, check: Check, make: MakeRunner, show: ShowProgress, times: StepTimes
) -> tuple[dict[str, Runner], dict[str, float | None]]:
    """Return the runners that may be timed, and how far each is from the reference."""
    shown, runners, errors = size_text(size), dict[str, Runner](), dict[str, float | None]()
    for name in plan.backends:
        show(f"{shown} {name}: checking")
        try:
            runner = make(name, size)
            try:
                errors[name] = check(runner, size)
            except BaseException:
                runner.release()
                raise
            runners[name] = runner
        except (NCAError, RuntimeError, MemoryError) as error:  # torch's own errors are RuntimeErrors
            refused = isinstance(error, RefusedError)
            reason = str(error).strip().partition("\n")[0] or NO_MEMORY
            skipped = Skipped(name, f"at {shown} {reason}" if refused else reason, refused)
            if skipped not in times.skipped:
                times.skipped.append(skipped)
    return runners, errors


def time_in_turn(
    runs: Mapping[str, Callable[[int], None]], plan: BenchPlan, show: ShowProgress = lambda text: None
) -> dict[str, list[float]]:
    """Return the seconds per step of each run, round by round; in a round all take their turn.

    runs: functions that make the given number of steps.
    Other work on the machine then slows all alike. Each turn begins with a step that does not count, because the
    threads of the previous turn may still be waiting busily.
    """
    counts = {name: max(1, round(plan.seconds / plan.rounds / _pace(run))) for name, run in runs.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(plan.rounds):
        for name, run in runs.items():
            show(f"{name}: round {number + 1} of {plan.rounds}")
            run(1)
            times[name].append(_seconds(run, counts[name]) / counts[name])
    return times


def _pace(run: Callable[[int], None]) -> float:
    """Return about how many seconds a step takes."""
    run(1)
    count = 1
    while (seconds := _seconds(run, count)) < MIN_SECONDS and count < MAX_STEPS:
        count *= 4
    return seconds / count


def _seconds(run: Callable[[int], None], count: int) -> float:
    before = time.perf_counter()
    run(count)
    return time.perf_counter() - before


def _update_peaks(peaks: dict[Processor, float], processors: set[Processor]) -> None:
    """Keep the best peak of each processor. A GPU used through OpenGL is taken to be the one that CUDA uses."""
    for processor in processors:
        through: Literal["cpu", "cuda"] = "cpu" if processor == "cpu" else "cuda"
        if through == "cpu" or host_info.cuda_name():
            peaks[processor] = max(peaks.get(processor, 0.0), host_info.matmul_gflops(through))


def _step_time(
    name: str, size: Size, times: Sequence[float], runner: Runner, config: Config, error: float | None
) -> StepTime:
    cells, seconds = size[0] * size[1], statistics.median(times)
    return StepTime(
        backend=name,
        size=size_text(size),
        cells=cells,
        ms_per_step=1e3 * seconds,
        best_ms_per_step=1e3 * min(times),
        cell_steps_per_second=cells / seconds,
        gflops=1e-9 * operations(config, cells, runner.fire_rate) / seconds,
        processor=runner.processor,
        max_error=error,
    )


def _with_share(result: StepTime, peaks: Mapping[Processor, float]) -> StepTime:
    peak = peaks.get(result.processor)
    return replace(result, fraction_of_peak=result.gflops / peak) if peak else result


def fastest_torch(results: Sequence[StepTime]) -> StepTime | None:
    """Return the fastest runner of torch among results at one size, None if there is none."""
    return min((r for r in results if r.backend.startswith("torch")), key=lambda r: r.ms_per_step, default=None)
