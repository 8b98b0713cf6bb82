"""Small models, and simulations that know them, for the tests of the simulation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from helpers import SELFORG, random_model, small

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.torch import TorchBackend
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Seed
from ncaengine.simulation.simulation import Simulation

NOISE = Seed("noise", 1.0)
A = random_model(small(SELFORG, hidden=3, channels=5, name="a"), 1)
B = random_model(Config(channels=3, hidden=2, seed=NOISE, name="b"), 2)
C = random_model(Config(channels=5, hidden=2, seed=NOISE, name="c"), 3)
CODES = {"red": (1.0, 0.0), "green": (0.0, 1.0), "blue": (-1.0, 0.5)}
D = random_model(Config(channels=5, hidden=2, extra=("embed_0", "embed_1"), textures=CODES, seed=NOISE, name="d"), 4)
MODELS = {m.config.name: m for m in (A, B, C, D)}
Make = Callable[..., Simulation]
AnyBackend = TorchBackend | GLBackend


def simulation(catalogue: Catalogue, backend: AnyBackend | None = None) -> Simulation:
    """Return a simulation without grids, in which MODELS, an image and a state are registered."""
    sim = Simulation(backend or TorchBackend(), catalogue)
    for model in MODELS.values():
        sim.register(model)
    sim.register_array("image", np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3))
    sim.register_array("state", np.full((3, 2, 5), 0.25, np.float32))
    return sim


def contents(sim: Simulation) -> dict[str, Any]:
    """Return everything that decides how a Simulation goes on, for comparisons."""
    return {
        "tick": sim.tick,
        "journal": len(sim.journal),
        "grids": {
            n: (
                g.model.config.name,
                g.kernel.name,
                g.size,
                g.settings,
                g.rng_seed,
                g.step,
                g.look,
                None if g.fields is None else g.fields.tobytes(),
                g.state().tobytes(),
            )
            for n, g in sim.grids.items()
        },
    }
