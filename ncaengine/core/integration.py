"""How a step moves a state along its update: Euler's method, and those that make it from several Euler steps.

Each stage makes an Euler step (without limits of the state, and without death) from a state that the stages before have
left, and adds it up with those:

    new = state + own·(stepped - state) + Σ share·(kept - state)

With dt, the time step, in the Euler step, and f the update of the cells that fire:

    heun      x + dt/2·(f(x) + f(x + dt·f(x)))
    rk4       the classical method of Runge and Kutta, as in NoiseNCA's program
    implicit  y = x + dt·f(y), by ITERATIONS fixed-point iterations from Euler's step
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Clips, Config, Integrator
from ncaengine.core.types import F32, Bools

ITERATIONS = 10


class Stage(NamedTuple):
    """One Euler step and what is made of it."""

    own: float
    """Share of what the Euler step gives."""
    shares: Mapping[int, float]
    """Shares of states that earlier stages kept, by their places, from 1."""
    into: int | None
    """The place where the new state is kept, from which the next stage steps; None for the last stage."""


METHODS: dict[Integrator, tuple[Stage, ...]] = {
    "euler": (),
    "heun": (Stage(1.0, {}, 1), Stage(0.5, {}, None)),
    "rk4": (
        Stage(1 / 2, {}, 1),
        Stage(1 / 2, {1: -1 / 2}, 2),
        Stage(1.0, {2: -1.0}, 3),
        Stage(1 / 6, {1: 1 / 3, 2: 2 / 3, 3: 1 / 6}, None),
    ),
    "implicit": (
        Stage(1.0, {}, 1),
        *(Stage(1.0, {1: -1.0}, 1) for _ in range(ITERATIONS - 1)),
        Stage(1.0, {1: -1.0}, None),
    ),
}
"""The stages of each method; none for Euler's."""
PLACES = 3
"""The most places in which a method keeps states."""

Array = TypeVar("Array")
"""An array, or a torch.Tensor."""


def integrate(integrator: Integrator, state: Array, euler: Callable[[Array], Array]) -> Array:
    """Return the state after a step, before its limits and before cells die.

    euler: makes an Euler step.
    """
    base: Any = state
    kept, at = {0: base}, 0
    for stage in METHODS[integrator]:
        new = base + stage.own * (euler(kept[at]) - base)
        for place, share in stage.shares.items():
            new = new + share * (kept[place] - base)
        if stage.into is None:
            done: Array = new
            return done
        at = stage.into
        kept[at] = new
    return euler(state)


def stage_config(config: Config) -> Config:
    """Return what a stage's Euler step computes: without limits of the state, and no cell dies."""
    if not METHODS[config.integrator]:
        return config
    clips = Clips(config.clips.perception, config.clips.hidden, config.clips.update)
    return msgspec.structs.replace(config, clips=clips, alive=None, integrator="euler")


def finish(new: F32, before: F32, config: Config, kernel: Kernel) -> F32:
    """Limit a state after a step, and let cells die: (height, width, channels) float32."""
    if config.clips.state:
        new = new.clip(*config.clips.state)
    alive = config.alive
    if not alive:
        return new
    asked = {"before": before, "after": new}
    lives = [_living(state, config, kernel) for when, state in asked.items() if alive.when in (when, "both")]
    out: F32 = np.where(np.logical_and.reduce(lives)[..., None], new, np.float32(0))
    return out


def _living(state: F32, config: Config, kernel: Kernel) -> Bools:
    """Return which cells are alive or next to one that is: (height, width) bool. See model.Alive."""
    assert config.alive
    life = state[..., config.alive.channel]
    height, width = life.shape
    most = np.full(life.shape, -np.inf, np.float32)
    for row, column in {tap[:2] for tap in kernel.taps("laplacian")} | {(0, 0)}:
        rows, columns = np.arange(height)[:, None] + row, np.arange(width)[None] + column
        if config.padding == "circular":
            columns = columns + kernel.row_shift(height) * (rows // height)
            near = life[rows % height, columns % width]
        else:
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            near = life[rows.clip(0, height - 1), columns.clip(0, width - 1)]
            near = near * inside if config.padding == "zero" else near
        most = np.maximum(most, near)
    living: Bools = most > config.alive.threshold
    return living
