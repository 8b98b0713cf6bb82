"""Which of several readings of bare weights is right: each is run, and the one that settles to a texture is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from ncaengine.core.looks import to_rgb
from ncaengine.core.model import Colour, Model, equal_models
from ncaengine.core.types import F32
from ncaengine.simulation import commands
from ncaengine.simulation.simulation import Simulation

SIDE, STEPS, LATE = 64, 300, 60
"""Cells a side, steps, and how many of them at the end are looked at."""
LARGEST, FLATTEST, CLIPPED, ROUGHEST, RESTLESS = 8.0, 0.02, 0.5, 0.75, 0.15
"""The bounds of the criteria, see Trial."""


@dataclass(frozen=True)
class Trial:
    """What became of a reading after STEPS steps from the seed.

    largest: of all states. contrast: standard deviation of the colours, 0 … 1. clipped: share of colours beyond 0 or
    1. roughness: mean difference of neighbours over that of cells far apart; 1 for noise, less for a texture.
    unrest: how much contrast and brightness moved over the last LATE steps, over the contrast.
    """

    label: str
    model: Model
    largest: float
    contrast: float
    clipped: float
    roughness: float
    unrest: float

    @property
    def failed(self) -> str:
        """In a word, the first criterion that it does not meet; '' for a reading that settles."""
        found = {
            "runs away": not self.largest <= LARGEST,
            "flat": not self.contrast >= FLATTEST,
            "saturated": not self.clipped <= CLIPPED,
            "noise": not self.roughness <= ROUGHEST,
            "restless": not self.unrest <= RESTLESS,
        }
        return next((said for said, is_so in found.items() if is_so), "")


CRITERIA = (
    f"A reading settles whose states stay within ±{LARGEST:g} (peak), whose colours have a contrast of {FLATTEST:g} "
    f"and more, of which at most {CLIPPED:.0%} are clipped, whose roughness is at most {ROUGHEST:g} (1 is noise), and "
    f"which move by at most {RESTLESS:.0%} of it over the last {LATE} steps (unrest). Of those, the smoothest that "
    "clips least is chosen."
)


def best(trials: Iterable[Trial]) -> Trial | None:
    """Of those that settle, the smoothest that clips least; None if none does. Of equals the first."""
    settled = [trial for trial in trials if not trial.failed]
    return min(settled, key=lambda trial: round(trial.roughness + trial.clipped, 2), default=None)


def trials(
    sim: Simulation, candidates: Iterable[tuple[str, Model]], tell: Callable[[int], object] = lambda made: None
) -> Iterator[Trial]:
    """Run each reading; those that differ in colours only are one run.

    tell: called with the number of steps made since the last call.
    """
    runs: dict[Model, list[F32]] = {}
    for label, model in candidates:
        plain = replace(model, config=msgspec.structs.replace(model.config, colour=Colour()))
        states = next((states for other, states in runs.items() if equal_models(plain, other)), None)
        if states is None:
            states = runs[plain] = _run(sim, model, tell)
        else:
            tell(STEPS)
        yield measured(label, model, states)


def _run(sim: Simulation, model: Model, tell: Callable[[int], object]) -> list[F32]:
    """States of the last LATE steps."""
    kernel = model.config.kernels[0] if model.config.kernels[0] in sim.catalogue.kernels else "square"
    grid, states = sim.add(model, SIDE, kernel), []
    for count in (STEPS - LATE, *[LATE // 4] * 4):
        sim.submit(commands.Step(grid.id, count))
        states.append(grid.state())
        tell(count)
    sim.submit(commands.RemoveGrid(grid.id))
    return states


@np.errstate(over="ignore", invalid="ignore")  # of readings that run away
def measured(label: str, model: Model, states: list[F32]) -> Trial:
    """The criteria's numbers of states at several late steps, the last of them the last."""
    if not all(np.isfinite(state).all() for state in states):
        return Trial(label, model, float("inf"), 0.0, 1.0, 1.0, 1.0)
    colour = model.config.colour
    pictures = [to_rgb(state, colour) for state in states]
    plain = states[-1][..., :3] * colour.scale + colour.offset
    last = pictures[-1]
    contrast = float(last.std((0, 1)).mean())
    near = np.mean([np.abs(last - np.roll(last, 1, axis)).mean() for axis in (0, 1)])
    far = np.mean([np.abs(last - np.roll(last, by, (0, 1))).mean() for by in ((SIDE // 2, 7), (11, SIDE // 3))])
    levels = np.array([[picture.mean(), picture.std((0, 1)).mean()] for picture in pictures])
    return Trial(
        label,
        model,
        max(float(np.abs(state).max()) for state in states),
        contrast,
        float(((plain < 0) | (plain > 1)).mean()),
        float(near / far) if far > 0 else 1.0,
        float(np.ptp(levels, axis=0).max() / max(contrast, 1e-6)),
    )
