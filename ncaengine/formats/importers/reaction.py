"""Learned reactions and diffusions (Mordvintsev et al. 2021): .npy files of a list of three arrays.

They are (1, 1, channels, hidden), (hidden,) and (1, 1, hidden, channels). A cell sees only itself, but for diffusion:
x += c·(L9/16 * x) + W2·g(W1·x + b), g(y) = y·sigmoid(5y), c = 1/8, 1/4, 1/2, 1 on a quarter of the channels each.
"""

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour, Config, Feature, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Family, Found, Hints, Models, numbered

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0)
LEVEL = 1 / (2 * np.pi)
"""Of the seed's spots: single cells of 9, blurred by 3."""


def recognise(found: Found, _: Hints) -> str:
    """Why a file is of this family, or ''."""
    return "its three arrays are two layers and a bias, each cell's own" if _parts(found) else ""


def opened(found: Found, hints: Hints) -> Models:
    """The one model by name."""
    parts = _parts(found)
    if parts is None:
        raise NCAError(
            "is not a learned reaction, three arrays (1, 1, channels, hidden), (hidden,) and (1, 1, hidden, channels)."
        )
    (w1, b1, w2), (channels, hidden) = parts, parts[0].shape
    if channels % 4 or not (3 <= channels <= 256 and 1 <= hidden <= 1024):
        raise NCAError(f"{channels} channels and {hidden} hidden units; 4, 8, … 256 and 1 to 1024 can run.")
    config = Config(
        channels=channels, hidden=hidden, features=(Feature("identity"),), activation="swish", beta=5.0,
        # The kernel's Laplacian is L9/4.
        diffusion=tuple(rate / 4 for rate in RATES for _ in range(channels // 4)),
        fire_rate=1.0, seed=Seed("blobs", LEVEL), kernels=("square",),
        colour=Colour(1.0, 0.5 if hints.offset is None else hints.offset),
    )  # fmt: skip
    zeros = np.zeros(channels, np.float32)
    return numbered(
        [found.name], lambda _, name: Model(msgspec.structs.replace(config, name=name), w1.T, b1, w2.T, zeros)
    )


def _parts(found: Found) -> tuple[F32, F32, F32] | None:
    """(channels, hidden), (hidden,) and (hidden, channels), or None."""
    data = found.data
    if found.form != "arrays" or not isinstance(data, list) or len(data) != 3:
        return None
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "fiu" for a in data):
        return None
    shapes = [a.shape[2:] if a.ndim == 4 and a.shape[:2] == (1, 1) else a.shape for a in data]
    if [len(s) for s in shapes] != [2, 1, 2] or shapes[0] != shapes[2][::-1] or shapes[1] != shapes[0][1:]:
        return None
    with np.errstate(over="ignore"):
        w1, b1, w2 = (np.asarray(a, np.float32).reshape(s) for a, s in zip(data, shapes, strict=True))
    return w1, b1, w2


FAMILY = Family(
    "reaction-diffusion",
    "learned reaction-diffusion",
    "Alexander Mordvintsev, Ettore Randazzo, Eyvind Niklasson",
    "Differentiable Programming of Reaction-Diffusion Patterns, ALIFE 2021, arXiv:2107.06862",
    "Apache-2.0, if published by the project",
    recognise,
    opened,
)
