"""Find which reading of bare weights is right: run each one, and take the one that settles to a texture."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from ncaengine.core.looks import to_rgb
from ncaengine.core.model import Colour, Model, equal_models
from ncaengine.core.types import F32
from ncaengine.simulation.rollout import StepReport, rollout
from ncaengine.simulation.simulation import Simulation

SIDE = 64
"""Cells a side."""
STEPS, LATE = 300, 60
"""Steps of a run, and how many of them at its end are looked at."""
LOOKS = range(STEPS - LATE, STEPS + 1, LATE // 4)
"""The steps at which a state is kept."""
LARGEST, GROWTH, FLATTEST, CLIPPED, ROUGHEST, RESTLESS = 1000.0, 1.1, 0.02, 0.5, 0.75, 0.15
"""The bounds of the criteria: the most of each, except FLATTEST, which is the least contrast. See Trial."""
USUAL = 8.0
"""States up to this size may still grow."""


@dataclass(frozen=True)
class Trial:
    """What one reading looked like after STEPS steps from the seed."""

    label: str
    """The reading's name."""
    model: Model
    largest: float
    """The largest |state|."""
    contrast: float
    """Standard deviation of the colours, which lie in [0, 1]."""
    clipped: float
    """Share of the colours that lie outside [0, 1] before they are clipped."""
    roughness: float
    """Mean difference between neighbours divided by that between distant cells: 1 for noise, less for a texture."""
    unrest: float
    """How much contrast and brightness moved over the last LATE steps, divided by the contrast."""
    growth: float = 1.0
    """The largest |state| of the last look divided by that of the first."""

    @property
    def failed(self) -> str:
        """The first criterion that the reading fails, in a word or two; '' for one that settles."""
        failures = {
            "runs away": not self.largest <= (LARGEST if self.growth <= GROWTH else USUAL),
            "flat": not self.contrast >= FLATTEST,
            "saturated": not self.clipped <= CLIPPED,
            "noise": not self.roughness <= ROUGHEST,
            "restless": not self.unrest <= RESTLESS,
        }
        return next((name for name, fails in failures.items() if fails), "")


CRITERIA = (
    f"A reading settles if its states (peak) do not grow beyond ±{USUAL:g}, or stay as they are below ±{LARGEST:g}, "
    f"its colours have a contrast of at least {FLATTEST:g}, at most {CLIPPED:.0%} of them are clipped, its roughness "
    f"is at most {ROUGHEST:g} (noise has 1), and it moves by at most {RESTLESS:.0%} of its contrast over the last "
    f"{LATE} steps (unrest). Of those that settle, the calmest is chosen: small states, little clipped, little unrest."
)


def choose_best(trials: Iterable[Trial]) -> Trial | None:
    """Return the calmest trial, of those that settle; the first of equals, None if none settles."""
    settled = [trial for trial in trials if not trial.failed]
    return min(settled, key=_badness, default=None)


def least_bad(trials: Sequence[Trial]) -> Trial:
    """Return the trial that comes nearest to settling, although none does: one that doesn't run away, if there is one.

    The first of equals; there is at least one.
    """
    kinds = ("restless", "saturated", "flat", "noise", "runs away")
    return min(trials, key=lambda trial: (kinds.index(trial.failed), _badness(trial)))


def _badness(trial: Trial) -> float:
    """Weigh what trained nets have little of. In 48 trials of known nets, these weights always found the right one."""
    parts = 0.3 * trial.roughness, trial.clipped, 2 * trial.unrest, 0.5 * math.log2(1 + trial.largest)
    return round(sum(parts), 2)


def other_way_up(model: Model) -> str:
    """Return the sign that turns a model's second gradient, "up" or "down", if trials can't tell it; else ''.

    Both settle alike, each to the other's mirror image, unless cells perceive where they are. Filters of the model's
    own have the signs that they were trained with.
    """
    c = model.config
    gains = [f.gain for f in c.features if f.stencil == "gradient_y" and f.stencil not in c.stencils]
    if not gains or "row" in c.extra:
        return ""
    return "up" if gains[0] > 0 else "down"


def run_trials(
    sim: Simulation, readings: Iterable[tuple[str, Model]], report: StepReport = lambda made: None
) -> Iterator[Trial]:
    """Run each reading and measure it. Readings that differ only in their colours share one run.

    readings: For each, its label and the model it gives.
    """
    runs: dict[Model, list[F32]] = {}
    for label, model in readings:
        plain = replace(model, config=msgspec.structs.replace(model.config, colour=Colour()))
        states = next((states for other, states in runs.items() if equal_models(plain, other)), None)
        if states is None:
            states = runs[plain] = _late_states(sim, model, report)
        else:
            report(STEPS)
        yield measure(label, model, states)


def _late_states(sim: Simulation, model: Model, report: StepReport) -> list[F32]:
    """Run a model; return its states at LOOKS, each (height, width, channels) float32."""
    kernel = sim.catalogue.first(model.config.kernels)
    return [grid.state() for grid in rollout(sim, model, LOOKS, SIDE, kernel.name, report=report)]


@np.errstate(over="ignore", invalid="ignore")  # states of readings that run away
def measure(label: str, model: Model, states: list[F32]) -> Trial:
    """Measure a reading by its states at several late steps, in order."""
    if not all(np.isfinite(state).all() for state in states):
        return Trial(label, model, float("inf"), 0.0, 1.0, 1.0, 1.0, float("inf"))
    colour = model.config.colour
    pictures = [to_rgb(state, colour) for state in states]
    plain = states[-1][..., :3] * colour.scale + colour.offset
    last = pictures[-1]
    contrast = float(last.std((0, 1)).mean())
    near = np.mean([np.abs(last - np.roll(last, 1, axis)).mean() for axis in (0, 1)])
    far = np.mean([np.abs(last - np.roll(last, by, (0, 1))).mean() for by in ((SIDE // 2, 7), (11, SIDE // 3))])
    levels = [(float(picture.mean()), float(picture.std((0, 1)).mean())) for picture in pictures]
    peaks = [float(np.abs(state).max()) for state in states]
    return Trial(
        label,
        model,
        max(peaks),
        contrast,
        float(((plain < 0) | (plain > 1)).mean()),
        float(near / far) if far > 0 else 1.0,
        unrest(levels, contrast),
        peaks[-1] / max(peaks[0], 1e-6),
    )


def unrest(levels: Sequence[tuple[float, float]], contrast: float) -> float:
    """Return how much brightness and contrast, in that order, moved over several looks, divided by the contrast."""
    return float(np.ptp(np.array(levels), axis=0).max() / max(contrast, 1e-6))
