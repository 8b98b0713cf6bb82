"""What the tests of all exporters share: models, their rollouts, and models that no program of the article can run."""

from typing import Any

import msgspec
import numpy as np
from helpers import NOTEBOOK_CONFIG, ROOT, SELFORG, random_model

from ncaengine.backends.torch import TorchCells
from ncaengine.core import looks, states
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Alive, Clips, Colour, Config, Feature, Model
from ncaengine.core.settings import Settings
from ncaengine.formats import model_files
from ncaengine.formats.exporters import atlas

NEAR = 0.03
"""Largest difference of mean and deviation of colours, from 0 to 1, between two renderings of one texture."""


def shipped(name: str) -> Model:
    return model_files.load(ROOT / f"assets/{name}.safetensors")


def rollout(model: Model, kernel: Kernel, steps: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Return the torch reference's state some steps after the seed: (height, width, channels)."""
    cells = TorchCells()
    cells.specialise(model, kernel)
    cells.write(states.initial(model, size, 0))
    for step in range(steps):
        cells.step(step, 0, Settings(fire_rate=model.config.fire_rate, antithetic=False))
    return cells.read()


def measured(model: Model, kernel: Kernel) -> atlas.Ranges:
    return atlas.measure(model, kernel, (rollout(model, kernel, steps) for steps in (1, 5, 20, 60, 200)))


def colours(rgb: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation of each channel, (2, 3), of a picture in [0, 1]."""
    return np.stack([rgb.reshape(-1, 3).mean(0), rgb.reshape(-1, 3).std(0)])


def shown(model: Model, state: np.ndarray) -> np.ndarray:
    return looks.to_rgb(state, model.config.colour)


def replaced(config: Config, **changes: Any) -> Model:
    return random_model(msgspec.structs.replace(config, **changes))


SMALL = Config(channels=4, hidden=4)
REFUSED_BY_BOTH: dict[str, tuple[Model, str]] = {
    "no hidden units": (replaced(SMALL, hidden=0), "has no hidden units"),
    "absolute": (replaced(SMALL, absolute=True), "perceives absolute values"),
    "extra": (replaced(SMALL, extra=("row", "column")), r"has inputs besides its perception \(row, column\)"),
    "another stencil": (replaced(SMALL, features=(Feature("wide"),)), "perceives through wide"),
    "scales": (replaced(SMALL, scales=(0, 1)), "perceives coarser scales"),
    "diffusion": (replaced(SMALL, diffusion=(0.1,) * 4), "has diffusion"),
    "alive": (replaced(SMALL, alive=Alive()), "lets cells die"),
    "firing": (replaced(SMALL, firing="channel"), "fires each channel separately"),
    "padding": (replaced(SMALL, padding="zero"), "has zero padding"),
    "tanh": (replaced(SMALL, activation="tanh"), "has the activation tanh"),
    "shown dark for bright": (replaced(SMALL, colour=Colour(-1.0)), "-1"),
}
"""Models that neither the page nor the notebook can run, with a regular expression for the message."""
CONVERTED: dict[str, Config] = {
    "notebook": NOTEBOOK_CONFIG,
    "page": SELFORG,
    "odd sizes, few features": Config(channels=5, hidden=6, features=(Feature("laplacian", -2.0), Feature("identity"))),
    "channels of its own": Config(
        channels=6, hidden=8,
        features=(Feature("identity"), Feature("gradient_y", 3.0, (1, 4)), Feature("laplacian", 1.0, (0,)),
                  Feature("laplacian", 2.0, (0, 5))),
    ),
    "colours of another scale": Config(channels=4, hidden=8, colour=Colour(0.25, 0.5)),
    "clips of its own": Config(
        channels=4, hidden=8, features=(Feature("identity", 2.0), Feature("laplacian", 1.0)),
        clips=Clips((-2.0, 2.0), (-1.0, 0.5), (-1.0, 1.0), (-1.0, 1.0)),
    ),
}  # fmt: skip
"""Models that the page can run after a change of units."""
