"""Steps of several contenders timed in turn, each only after it has shown that it computes what the reference does."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from ncaengine.backends.reference import Reference
from ncaengine.cli.bench import host_info
from ncaengine.cli.bench.host_info import Processor
from ncaengine.cli.bench.runners import Contender
from ncaengine.core import memory
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Config, Model
from ncaengine.core.types import Size

SHORTEST, MANY = 0.02, 10_000
"""Seconds, or steps, that a measurement of the pace must take."""
MARGIN = 3
"""Of memory, over the maps that a step of torch makes: some are there twice for a moment."""

Make = Callable[[str, Size], Contender]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Plan:
    """What is timed: for each size, `rounds` rounds in which all contenders take turns, `seconds` each, all in all."""

    sizes: tuple[Size, ...]
    backends: tuple[str, ...]
    rounds: int = 5
    seconds: float = 2.0

    @property
    def total(self) -> int:
        """How often progress is told."""
        return len(self.sizes) * len(self.backends) * (self.rounds + 1)


@dataclass(frozen=True)
class Result:
    """Medians of a contender's rounds at one size, and the best round, which other work on the machine slowed least.

    gflops: 1e9 operations a second, a multiplication and an addition being two, of the net's products in the cells that
    fire; what is computed for other cells, the perception, activations and coins count nothing. fraction_of_peak: of
    the processor's own matrix product, None where that is unknown. max_error: from the reference, after one step.
    """

    backend: str
    size: str
    cells: int
    ms_per_step: float
    best_ms_per_step: float
    cell_steps_per_second: float
    gflops: float
    processor: Processor
    max_error: float
    fraction_of_peak: float | None = None


@dataclass(frozen=True)
class Skipped:
    """What was not timed, and why; `refused` if it does not compute what the reference does."""

    backend: str
    reason: str
    refused: bool = False


@dataclass
class Report:
    """All that was found. peaks: 1e9 operations a second of a matrix product."""

    results: list[Result] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    peaks: dict[Processor, float] = field(default_factory=dict)


class RefusedError(NCAError):
    """A contender computes something else than the reference."""


def spoken(size: Size) -> str:
    """'256x128'."""
    return f"{size[0]}x{size[1]}"


def multiply_adds(config: Config) -> int:
    """Those of a cell's net: 5,760 for the article's model (12 channels, 4 features, 96 hidden units)."""
    if not config.hidden:
        return config.inputs * config.channels
    return (config.inputs + config.channels) * config.hidden


def operations(config: Config, cells: int, fire_rate: float) -> float:
    """Of a step, see Result; where channels fire, a cell counts if any of them does."""
    share = 1 - (1 - fire_rate) ** config.channels if config.firing == "channel" else fire_rate
    return 2.0 * multiply_adds(config) * cells * share


def check_memory(config: Config, size: Size) -> None:
    """Raises NCAError if torch, and with it the reference, could not step a grid of this size."""
    memory.check_fits(size, round(4 * (2 * config.inputs + config.hidden + config.channels) * MARGIN))


def check(contender: Contender, nca: Reference, x: torch.Tensor) -> float:
    """The largest difference from the reference after one step of a state.

    Raises RefusedError if it is too large.
    """
    with torch.no_grad():
        expected = contender.expected(nca, x)
    error = float((contender.once(x) - expected).abs().max())
    allowed = contender.tolerance * max(1.0, float(expected.abs().max()))
    if not error <= allowed:  # and not a number is not within
        raise RefusedError(f"it differs from the reference by {error:.2g} after one step, and {allowed:.1g} is "
                           "allowed; no time is given.")  # fmt: skip
    return error


def measure(plan: Plan, model: Model, kernel: Kernel, make: Make, tell: Tell = lambda text: None) -> Report:
    """Time the contenders that `make` makes. `tell` is called with what comes next, plan.total times at most.

    What cannot be made, run or believed is in the report's `skipped`.
    """
    report, nca = Report(), Reference(model, kernel)
    rng = torch.Generator().manual_seed(0)
    for size in plan.sizes:
        x = 0.5 * torch.randn(1, model.config.channels, size[1], size[0], generator=rng)
        ready, errors = _ready(plan, nca, x, make, tell, report)
        _take_peaks(report.peaks, {contender.processor for contender in ready.values()})
        for name, times in in_turn({n: c.run for n, c in ready.items()}, plan, tell).items():
            report.results.append(_result(name, size, times, ready[name], model.config, errors[name]))
        for contender in ready.values():
            contender.release()
        # It keeps a few versions of a function, then compiles no more: each size is one.
        torch._dynamo.reset()
    _take_peaks(report.peaks, set(report.peaks))
    report.results = [_with_share(result, report.peaks) for result in report.results]
    return report


def _ready(
    plan: Plan, nca: Reference, x: torch.Tensor, make: Make, tell: Tell, report: Report
) -> tuple[dict[str, Contender], dict[str, float]]:
    """The contenders that are fit to be timed, and how far each is from the reference."""
    size, ready, errors = (x.shape[3], x.shape[2]), dict[str, Contender](), dict[str, float]()
    for name in plan.backends:
        tell(f"{spoken(size)} {name}: checking")
        try:
            contender = make(name, size)
            errors[name] = check(contender, nca, x)
            ready[name] = contender
        except (NCAError, RuntimeError, MemoryError) as error:  # torch's own are RuntimeErrors
            refused = isinstance(error, RefusedError)
            reason = str(error).strip().partition("\n")[0] or "there is not enough memory for it."
            one = Skipped(name, f"at {spoken(size)} {reason}" if refused else reason, refused)
            if one not in report.skipped:
                report.skipped.append(one)
    return ready, errors


def in_turn(
    runs: Mapping[str, Callable[[int], None]], plan: Plan, tell: Tell = lambda text: None
) -> dict[str, list[float]]:
    """Seconds a step of each, round by round; in a round all take their turn.

    A run makes the number of steps it is given. What else the machine does then slows all alike. Each turn begins with
    a step that does not count, for the threads of the one before may still be waiting busily.
    """
    counts = {name: max(1, round(plan.seconds / plan.rounds / _pace(run))) for name, run in runs.items()}
    took: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(plan.rounds):
        for name, run in runs.items():
            tell(f"{name}: round {number + 1} of {plan.rounds}")
            run(1)
            took[name].append(_seconds(run, counts[name]) / counts[name])
    return took


def _pace(run: Callable[[int], None]) -> float:
    """About how many seconds a step takes."""
    run(1)
    count = 1
    while (seconds := _seconds(run, count)) < SHORTEST and count < MANY:
        count *= 4
    return seconds / count


def _seconds(run: Callable[[int], None], count: int) -> float:
    before = time.perf_counter()
    run(count)
    return time.perf_counter() - before


def _take_peaks(peaks: dict[Processor, float], processors: set[Processor]) -> None:
    """The best yet of each processor; that of a GPU is CUDA's, taken to be the same one, if that is there."""
    for processor in processors:
        through: Literal["cpu", "cuda"] = "cpu" if processor == "cpu" else "cuda"
        if through == "cpu" or torch.cuda.is_available():
            peaks[processor] = max(peaks.get(processor, 0.0), host_info.matmul_gflops(through))


def _result(
    name: str, size: Size, times: Sequence[float], contender: Contender, config: Config, error: float
) -> Result:
    cells, seconds = size[0] * size[1], statistics.median(times)
    gflops = 1e-9 * operations(config, cells, contender.fire_rate) / seconds
    return Result(
        name, spoken(size), cells, 1e3 * seconds, 1e3 * min(times), cells / seconds, gflops, contender.processor, error
    )


def _with_share(result: Result, peaks: Mapping[Processor, float]) -> Result:
    peak = peaks.get(result.processor)
    return replace(result, fraction_of_peak=result.gflops / peak) if peak else result


def fastest_torch(results: Sequence[Result]) -> Result | None:
    """Of the results at one size."""
    return min((r for r in results if r.backend.startswith("torch")), key=lambda r: r.ms_per_step, default=None)
