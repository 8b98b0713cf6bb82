"""Long rollouts of published models stay finite and have the colours of the reference's.

NCAENGINE_FULL=1 runs all 173 models, and the ten named here against the reference; a release needs this. It takes about
an hour on two cores without a GPU, so the default run takes only two models.
"""

import os
from collections.abc import Callable

import numpy as np
import pytest
import torch

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.reference import Reference
from ncaengine.core import states
from ncaengine.core.kernels import Catalogue
from ncaengine.core.looks import quantise, to_rgb
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.simulation.commands import Step
from ncaengine.simulation.simulation import Simulation

TEN = [
    "bumpy_0081", "chequered_0121", "cobwebbed_0141", "crosshatched_0121", "dots",
    "honeycombed_0061", "interlaced_0081", "swirly_0071", "veined_0141", "woven_0121",
]  # fmt: skip
"""Models that show their texture on every kernel here."""
NEAR = 0.03
FULL = os.environ.get("NCAENGINE_FULL") == "1"
full = pytest.mark.skipif(
    not FULL, reason="some 20 minutes: run it with NCAENGINE_FULL=1 python -m pytest tests/formats/test_published.py"
)


def colours(rgb: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation of each channel, (2, 3), of a picture in [0, 1]."""
    flat = rgb.reshape(-1, 3)
    return np.stack([flat.mean(0), flat.std(0)])


def run(sim: Simulation, model: Model, kernel: str, side: int, steps: int) -> np.ndarray:
    """Return the state some steps after the seed; the grid is removed."""
    grid = sim.add(model, (side, side), kernel)
    sim.submit(Step(grid, steps))
    state = grid.state()
    grid.cells.release()
    del sim.grids[grid.id]
    return state


def reference(model: Model, kernel: str, catalogue: Catalogue, side: int, steps: int) -> np.ndarray:
    """Return the same state from the torch reference, step by step with its own fire masks."""
    net = Reference(model, catalogue.get(kernel))
    x = torch.from_numpy(states.initial(model, (side, side), 0)).permute(2, 0, 1)[None]
    with torch.no_grad():
        for step in range(steps):
            x = net.step(x, step, 0, Settings(fire_rate=model.config.fire_rate))
    return x[0].permute(1, 2, 0).numpy()


def assert_alike(model: Model, state: np.ndarray, truth: np.ndarray) -> None:
    assert np.isfinite(state).all()
    ours, theirs = (colours(to_rgb(s, model.config.colour)) for s in (state, truth))
    assert theirs[1].max() > 0.02, "the reference itself shows nothing"
    assert np.abs(ours - theirs).max() <= NEAR, f"mean and deviation {ours} against {theirs}"


def test_ten_models_are_published(hexells: dict[str, Model]) -> None:
    assert len(set(TEN)) == 10
    assert set(TEN) <= set(hexells)


CASES = [("dots", "square", 64, 200), ("interlaced_0081", "hexagonal", 64, 200)]
ALL = [(name, kernel, 128, 400) for name in TEN for kernel in ("square", "hexagonal", "hexagonal-distill")]


@pytest.mark.parametrize(
    ("name", "kernel", "side", "steps"), [*CASES, *(pytest.param(*case, marks=full) for case in ALL)]
)
def test_a_rollout_has_the_references_colours(
    gl: GLBackend,
    catalogue: Catalogue,
    simulate: Callable[..., Simulation],
    hexells: dict[str, Model],
    name: str,
    kernel: str,
    side: int,
    steps: int,
) -> None:
    state = run(simulate(gl), hexells[name], kernel, side, steps)
    assert_alike(hexells[name], state, reference(hexells[name], kernel, catalogue, side, steps))


@full
@pytest.mark.parametrize("kernel", ["square", "hexagonal"])
def test_all_models_stay_finite(
    gl: GLBackend, simulate: Callable[..., Simulation], hexells: dict[str, Model], kernel: str
) -> None:
    assert len(hexells) == 173
    sim, bad, dull = simulate(gl), [], []
    for name, model in hexells.items():
        state = run(sim, model, kernel, 128, 400)
        if not np.isfinite(state).all():
            bad.append(name)
        if quantise(to_rgb(state, model.config.colour)).std() < 1:
            dull.append(name)
    assert not bad
    print(f"{kernel}: of one colour after 400 steps: {dull}")
