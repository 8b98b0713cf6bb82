"""Textures that grow with cells firing in pairs are those that grow with a coin for each: as from another seed.

A default run takes two shipped models, NCAENGINE_FULL=1 thirty published ones; `python tests/test_pairs.py` prints what
it finds of each.
"""

import os
import sys
from itertools import islice

import numpy as np
import numpy.typing as npt
import pytest
from helpers import ROOT, SHARED

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import kernels, looks, resources, states
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Model
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files

F64 = npt.NDArray[np.float64]
SIDE, STEPS, SEEDS, SHUFFLES = 64, 300, 8, 999
LAGS = ((0, 1), (1, 0), (0, 4), (4, 0), (9, 9), (0, SIDE // 2), (SIDE // 2, 0))
"""In rows and columns; the last is that between the cells of a pair."""


def statistics(picture: F64) -> F64:
    """Of a picture (height, width, 3): means, deviations, and how alike cells some way apart are."""
    flat = picture.reshape(-1, 3)
    apart = (picture - flat.mean(0)) / (flat.std(0) + 1e-3)
    alike = [(apart * np.roll(apart, lag, (0, 1))).mean() for lag in LAGS]
    return np.concatenate([flat.mean(0), flat.std(0), alike])


def grown(gl: GLBackend, model: Model, kernel: Kernel, seeds: range, antithetic: bool) -> F64:
    """Statistics of a rollout from each seed: (seeds, statistics)."""
    cells = gl.cells()
    cells.specialise(model, kernel)
    found = []
    for seed in seeds:
        cells.write(states.initial(model, (SIDE, SIDE), seed))
        for step in range(STEPS):
            cells.step(step, seed, Settings(antithetic=antithetic))
        found.append(statistics(looks.raw_picture(cells.read(), model.config.colour) / 255.0))
    cells.release()
    return np.stack(found)


def chance(a: F64, b: F64) -> float:
    """How often groups that were mixed at random lie as far apart as these: the energy distance, by permutation."""
    both = np.concatenate([a, b])
    both = (both - both.mean(0)) / (both.std(0) + 1e-6)
    far = np.linalg.norm(both[:, None] - both, axis=-1)
    rng, sides = np.random.default_rng(0), np.arange(len(both)) < len(a)

    def between(side: npt.NDArray[np.bool_]) -> float:
        return float(2 * far[side][:, ~side].mean() - far[side][:, side].mean() - far[~side][:, ~side].mean())

    here = between(sides)
    return float((1 + sum(between(rng.permutation(sides)) >= here for _ in range(SHUFFLES))) / (1 + SHUFFLES))


def against_coins(gl: GLBackend, model: Model, antithetic: bool) -> float:
    """The chance that rollouts of other seeds, with pairs or with coins, lie as far from those with coins."""
    square = kernels.load_kernel(resources.folder("plugins") / "square/kernel.toml")
    coins = grown(gl, model, square, range(SEEDS), antithetic=False)
    return chance(grown(gl, model, square, range(SEEDS, 2 * SEEDS), antithetic), coins)


def test_the_measure_tells_other_textures_apart(gl: GLBackend) -> None:
    """And so it would tell pairs from coins: two models, and one at two fire rates at which it looks nearly alike."""
    square = kernels.load_kernel(resources.folder("plugins") / "square/kernel.toml")
    bubbles, zebra = (model_files.load(ROOT / f"assets/{name}.safetensors") for name in ("bubbles", "zebra"))
    one = grown(gl, bubbles, square, range(5), antithetic=True)
    assert chance(one, grown(gl, zebra, square, range(5), antithetic=True)) < 0.02
    assert chance(one, one + 0.02 * one.std(0)) > 0.5


@pytest.mark.parametrize("name", ["bubbles", "zebra"])
def test_pairs_grow_the_textures_that_coins_grow(gl: GLBackend, name: str) -> None:
    assert against_coins(gl, model_files.load(ROOT / f"assets/{name}.safetensors"), antithetic=True) > 0.05


@pytest.mark.skipif(
    os.environ.get("NCAENGINE_FULL") != "1" or not SHARED.is_dir(),
    reason="ten minutes, and third-party data: run it with NCAENGINE_FULL=1 python -m pytest tests/test_pairs.py",
)
def test_thirty_published_models_cannot_tell(gl: GLBackend) -> None:
    """Of thirty chances that are spread evenly, more than five lie below 0.05 once in 250 times."""
    found = [against_coins(gl, model, antithetic=True) for model in thirty()]
    assert sum(chance < 0.05 for chance in found) <= 5


def thirty() -> list[Model]:
    """Of the models that hexells shows, every fifth."""
    opened = model_files.open_file(SHARED / "published/selforg-textures/hexells.json")
    return list(islice(opened.models.values(), 0, 150, 5))


def main() -> None:
    """Print the chances of each of the thirty, and how often each kind lies below 0.05."""
    gl, low = GLBackend(), np.zeros(2, int)
    for model in thirty():
        found = [against_coins(gl, model, antithetic) for antithetic in (True, False)]
        low += np.array(found) < 0.05
        print(f"{model.config.name:40} pairs against coins {found[0]:.3f}   other seeds against coins {found[1]:.3f}")
    print(f"below 0.05: pairs {low[0]}, other seeds {low[1]} of 30")


if __name__ == "__main__":
    sys.exit(main())
