"""Is a border between two speeds visible? `python assets/studies/seam/measure.py [NAME ...]`, names of shipped models.

The left half of a grid runs at a quarter of the right half's fire rate. After 3,000 steps the gradient's energy at both
borders (a torus has two) is divided by the energy elsewhere. The energy is the mean squared colour difference of
neighbouring columns: at the borders, of the eight nearest pairs of columns; elsewhere, of all other pairs.
"""

import statistics
import sys

import numpy as np

import ncaengine as nca
from ncaengine.core import looks, resources
from ncaengine.core.types import F64

SIZE, STEPS, SEEDS, NEAR = (128, 384), 3000, 5, 4


def energies(rgb: F64) -> F64:
    """Return the mean squared difference of each column of (height, width, 3) and the next on the torus: (width,)."""
    return np.asarray(((np.roll(rgb, -1, 1) - rgb) ** 2).mean((0, 2)))


def ratio(sim: nca.Simulation, name: str, seed: int, values: tuple[float, float]) -> float:
    """Return the energy at the borders divided by that elsewhere, after a run with these rates left and right."""
    model = nca.load(resources.folder("assets") / f"{name}.safetensors")
    grid = sim.add(model, SIZE, rng_seed=seed)
    sim.fill("rate", "halves", values, grid=grid)
    sim.step(STEPS, grid)
    found = energies(looks.to_rgb(grid.state(), model.config.colour).astype(np.float64))
    sim.submit(nca.RemoveGrid(grid.id))
    width = SIZE[0]
    near = [(border + k) % width for border in (-1, width // 2 - 1) for k in range(-(NEAR // 2) + 1, NEAR // 2 + 1)]
    return float(found[near].mean() / np.delete(found, near).mean())


def main(names: list[str]) -> None:
    """Print each model's ratios for five seeds and their median, with and without a border."""
    with nca.Simulation(history=0) as sim:
        for name in names:
            for label, values in (("1/4 | 1", (0.25, 1.0)), ("1 | 1", (1.0, 1.0))):
                found = [ratio(sim, name, seed, values) for seed in range(SEEDS)]
                each = " ".join(f"{r:.3f}" for r in found)
                print(f"{name:10} {label:8} median {statistics.median(found):.3f}   seeds {each}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["bubbles", "zebra", "scales"])
