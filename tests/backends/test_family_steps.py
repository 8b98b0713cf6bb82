"""Every published file runs as its family's models should: a step as the reference's, motions, regrowth, pictures."""

import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import SHARED

from ncaengine.backends.base import Backend
from ncaengine.backends.torch import TorchCells
from ncaengine.core import states
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files
from ncaengine.simulation.commands import Load, Step
from ncaengine.simulation.simulation import Simulation

FOLDER = SHARED / "published"
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*")) if FOLDER.is_dir() else []
VECTOR_FIELDS = "dynca/vector_field_small_grid_0002.json"
LIZARD = "growing/ex3_lizard.json"


def test_the_files_are_there(shared: Path) -> None:
    assert len(FILES) >= 15


def first(name: str) -> Model:
    return next(iter(model_files.open_file(FOLDER / name).models.values()))


@pytest.mark.parametrize("name", FILES)
def test_a_step_is_the_references(device: Backend, catalogue: Catalogue, name: str) -> None:
    """Shader against torch with the same mask, from states of a rollout: of the seed, of growth and of noise."""
    model = first(name)
    for kernel in ("square", "hexagonal-distill"):
        ours, truth = device.cells(), TorchCells()
        for cells in (ours, truth):
            cells.specialise(model, catalogue.get(kernel))
        state = states.initial(model, (37, 30), 3)
        for step in range(60):
            if step % 20 == 0:
                state += np.random.default_rng(step).normal(0, 0.1, state.shape).astype(np.float32) * (step > 0)
                ours.write(state)
            if step % 10 == 0:
                truth.write(state)
                truth.step(step, 5, Settings(fire_rate=model.config.fire_rate))
            ours.step(step, 5, Settings(fire_rate=model.config.fire_rate))
            state = ours.read()
            if step % 10 == 0:
                np.testing.assert_allclose(state, truth.read(), atol=1e-5)
        assert np.isfinite(state).all()
        assert np.abs(state).max() > 0.05
        ours.release()


# Motions


def field(motion: str, side: int) -> np.ndarray:
    """Where a DyNCA model was trained to move, (side, side, 2): right and down (Pajouheshgar et al. 2023)."""
    i, j = np.mgrid[:side, :side] - (side - 1) / 2  # rows, columns
    right, down = np.ones((2, side, side))
    if motion.lstrip("-").isdigit():
        turn = np.radians(float(motion))
        return np.stack([right * np.cos(turn), down * np.sin(turn)], -1)
    if motion.startswith("grad_"):
        turn, along = (np.radians(float(part)) for part in motion.split("_")[1:])
        strength = j * np.cos(along) + i * np.sin(along)
        strength = strength - strength.min() + 0.2
        return strength[..., None] * np.array([np.cos(turn), np.sin(turn)])
    away = np.hypot(i, j)
    quarters = {  # degrees of upper left, upper right, lower left, lower right
        "2block_x": (180, 180, 0, 0), "2block_y": (-90, -90, 90, 90), "3block": (90, 180, 0, 0),
        "4block": (180, 270, 90, 0),
    }  # fmt: skip
    if motion in quarters:
        turn = np.radians(np.choose(2 * (i > 0) + (j > 0), quarters[motion]))
        return np.stack([np.cos(turn), np.sin(turn)], -1)
    found = {
        "circular": (i, -j), "hyperbolic": (i, j), "diverge": (j / away, i / away),
        "concentrate": (-j / away, -i / away),
    }  # fmt: skip
    return np.stack(found[motion], -1)


@pytest.mark.parametrize("number", range(12))
def test_a_motion_goes_the_way_of_its_name(
    device: Backend, simulate: Callable[..., Simulation], shared: Path, number: int
) -> None:
    """The flow (OpenCV's) against the field of the name: the mean angle between them is below 20°."""
    opened, side = model_files.open_file(FOLDER / VECTOR_FIELDS), 96
    model = opened.models[list(opened.models)[number]]
    sim = simulate(device)
    grid = sim.add(model, side)
    sim.submit(Step(grid, 250))
    pictures = [cv2.cvtColor(grid.image(), cv2.COLOR_RGB2GRAY)]
    for _ in range(12):
        sim.submit(Step(grid, 6))
        pictures.append(cv2.cvtColor(grid.image(), cv2.COLOR_RGB2GRAY))
    pairs = itertools.pairwise(pictures)
    flow = np.mean([cv2.calcOpticalFlowFarneback(a, b, None, 0.5, 3, 15, 3, 5, 1.2, 0) for a, b in pairs], 0)
    # As complex numbers: the mean of flow times the conjugate of the field points along 0 where they agree.
    there = field(model.config.attribution["motion"], side)
    product = (flow @ [1, 1j]) * np.conj(there @ [1, 1j])
    off = abs(np.degrees(np.angle(product[8:-8, 8:-8].mean())))
    agreement = product.real.mean() / np.abs(product).mean()
    print(f"{model.config.name}: {off:.1f}° off, {agreement:.2f} of the flow along the field")
    assert off < 20
    assert agreement > 0.5, "it goes there nearly everywhere, not just in the mean"


# Growing


HALVES = {
    "left": np.s_[:, :36],
    "right": np.s_[:, 36:],
    "upper": np.s_[:36],
    "lower": np.s_[36:],
}


@pytest.mark.parametrize("half", HALVES)
def test_a_growing_model_regrows_what_was_erased(
    device: Backend, simulate: Callable[..., Simulation], shared: Path, half: str
) -> None:
    sim = simulate(device)
    grid = sim.add(first(LIZARD), 72)
    sim.submit(Step(grid, 400))
    whole = grid.image().astype(float) / 255
    state = grid.state()
    assert 0.05 < (state[..., 3] > 0.1).mean() < 0.3, "the lizard, and white around it"
    state[HALVES[half]] = 0
    sim.submit(Load(grid, sim.register_array("hurt", state)))
    hurt = ((grid.image() / 255 - whole) ** 2).mean()
    sim.submit(Step(grid, 300))
    left = ((grid.image() / 255 - whole) ** 2).mean()
    print(f"{half}: {hurt:.4f} when hurt, {left:.5f} after 300 steps")
    assert left < hurt / 10


def test_what_is_dead_all_around_stays_empty(
    device: Backend, simulate: Callable[..., Simulation], shared: Path
) -> None:
    sim = simulate(device)
    grid = sim.add(first(LIZARD), 72)
    sim.submit(Step(grid, 300))
    assert not grid.state()[:8].any()
    assert (grid.image()[:8] == 255).all()
