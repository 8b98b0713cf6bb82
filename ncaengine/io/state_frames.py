"""The cells of a grid as a frame of kinds that hold states."""

import numpy as np

from ncaengine.core import looks, srgb
from ncaengine.core.types import F32
from ncaengine.simulation.grid import Grid


def colours_and_state(grid: Grid) -> F32:
    """Return (height, width, 3 + channels) float32: the model's colours in linear light, 0 to 1, and all channels."""
    state = grid.state()
    rgb = looks.to_rgb(state, grid.model.config.colour)
    return np.concatenate([srgb.to_light(rgb), state], -1)
