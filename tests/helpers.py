"""Shared by several test files: random models and states, and a second implementation of PCG4D."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np

from ncaengine.core.model import Colour, Config, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers.notebook import FEATURES as NOTEBOOK
from ncaengine.formats.importers.selforg import CLIPS
from ncaengine.formats.importers.selforg import FEATURES as ARTICLE

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared/data"

SELFORG = Config(
    features=ARTICLE,
    activation="linear",
    clips=CLIPS,
    colour=Colour(0.5, 0.5),
    name="selforg",
    family="selforg-textures",
)
"""The conventions of the published atlases, at full size (12 channels, 96 hidden units)."""
NOTEBOOK_CONFIG = Config(features=NOTEBOOK, name="notebook", family="notebook")
"""The conventions of the article's notebook, at full size."""


def random_model(config: Config, seed: int = 0, scale: float = 1.0) -> Model:
    """Return a model with weights about as large as trained ones: hidden units around 1, updates around 0.1."""
    rng = np.random.default_rng(seed)

    def normal(size: tuple[int, ...], spread: float) -> F32:
        return (rng.standard_normal(size) * spread * scale).astype(np.float32)

    gain = float(np.mean([abs(f.gain) for f in config.features]))
    first = config.hidden or gain**2 * max(config.inputs, 1)
    return Model(
        config,
        normal((config.hidden, config.inputs), 1 / (gain * max(config.inputs, 1) ** 0.5)),
        normal((config.hidden,), 0.1),
        normal((config.channels, config.hidden or config.inputs), 0.1 / first**0.5),
        normal((config.channels,), 0.02),
    )


def random_weights(config: Config, **given: F32) -> Model:
    """Return a model with the given weights, small biases if it has hidden units, and zeros elsewhere."""
    shapes = {name: np.zeros(shape, np.float32) for name, shape in config.shapes.items()}
    usual = shapes if not config.hidden else {n: np.full(s.shape, 0.01, np.float32) for n, s in shapes.items()}
    return Model(config, **{**usual, **given})


def small(config: Config, hidden: int = 8, channels: int = 5, name: str = "small") -> Config:
    """Return the same conventions at a size that compiles fast."""
    return msgspec.structs.replace(config, hidden=hidden, channels=channels, name=name)


def random_state(width: int, height: int, channels: int, seed: int = 0, spread: float = 0.5) -> F32:
    """Return normal random numbers, (height, width, channels) float32."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((height, width, channels)) * spread).astype(np.float32)


def pcg4d_of_ints(x: int, y: int, z: int, w: int) -> tuple[int, int, int, int]:
    """Return PCG4D as in its paper, in Python integers, sharing no code with the engine."""
    mask = 0xFFFFFFFF
    x, y, z, w = ((v * 1664525 + 1013904223) & mask for v in (x, y, z, w))
    x = (x + y * w) & mask
    y = (y + z * x) & mask
    z = (z + x * y) & mask
    w = (w + y * z) & mask
    x, y, z, w = (v ^ (v >> 16) for v in (x, y, z, w))
    x = (x + y * w) & mask
    y = (y + z * x) & mask
    z = (z + x * y) & mask
    w = (w + y * z) & mask
    return x, y, z, w


def apart(*command: object, folder: Path = ROOT) -> str:
    """Run a Python program in its own process, as a window needs, with warnings as errors; return what it prints."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, command)],
        cwd=folder, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
