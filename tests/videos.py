"""A lively model, a picture of noise, and the frames of a recording."""

from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence

from ncaengine.core.model import Clips, Config, Model, Seed


def lively(hidden: int = 8) -> Model:
    """A model whose picture changes with every step."""
    rng = np.random.default_rng(5)
    config = Config(hidden=hidden, seed=Seed("noise", 1.0), clips=Clips(state=(-8.0, 8.0)), name="lively")
    w1, w2 = (rng.normal(0, 0.2, shape).astype(np.float32) for shape in ((hidden, 48), (12, hidden)))
    return Model(config, w1, np.zeros(hidden, np.float32), w2, np.zeros(12, np.float32))


def noise(height: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    """A picture of random pixels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def frames_of(path: str | Path) -> list[np.ndarray]:
    """Read a recording by a decoder that is not ours. A pattern is read as the files that it names."""
    path = Path(path)
    if "%" in path.name or path.is_dir():
        stem, ending = ("*", ".png") if path.is_dir() else (path.name.partition("%")[0] + "*", path.suffix)
        folder = path if path.is_dir() else path.parent
        return [frame for found in sorted(folder.glob(stem + ending)) for frame in frames_of(found)]
    if path.suffix == ".npy":
        return [np.load(path)]
    if path.suffix in (".png", ".avif"):
        with Image.open(path) as file:
            return [np.asarray(file)]
    if path.suffix in (".webp", ".apng"):  # ffmpeg reads no animated WebP
        with Image.open(path) as file:
            return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)]
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
