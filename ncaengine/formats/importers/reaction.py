"""Learned reaction-diffusion (Mordvintsev et al., ALIFE 2021, arXiv:2107.06862).

Files: .npy files of a list of three arrays, (1, 1, channels, hidden), (hidden,) and (1, 1, hidden, channels).
Licence: Apache-2.0.
Read as: x += c·(L9/16 * x) + W2·g(W1·x + b), g(y) = y·sigmoid(5y), c = 1/8, 1/4, 1/2, 1 on a quarter of the channels
each. A cell sees its neighbours only through the diffusion.
"""

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Feature, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import Decoded, Family, Hints, Makers, make_each

RATES = (1 / 8, 1 / 4, 1 / 2, 1.0)
LEVEL = 1 / (2 * np.pi)
"""Height of the seed's spots: single cells of 9, blurred by 3."""


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    return "its three arrays are two layers and a bias, each cell's own" if _arrays(decoded) else ""


def open_models(decoded: Decoded, _: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    arrays = _arrays(decoded)
    if arrays is None:
        raise NCAError(
            "is not a learned reaction, three arrays (1, 1, channels, hidden), (hidden,) and (1, 1, hidden, channels)."
        )
    (w1, b1, w2), (channels, hidden) = arrays, arrays[0].shape
    if channels % 4 or not (3 <= channels <= 256 and 1 <= hidden <= 1024):
        raise NCAError(f"has {channels} channels and {hidden} hidden units; ncaengine runs 4, 8, … 256 and 1 to 1024.")
    config = Config(
        channels=channels, hidden=hidden, features=(Feature("identity"),), activation="swish", beta=5.0,
        # The kernel's Laplacian is L9/4.
        diffusion=tuple(rate / 4 for rate in RATES for _ in range(channels // 4)),
        fire_rate=1.0, seed=Seed("blobs", LEVEL), kernels=("square",),
    )  # fmt: skip
    zeros = np.zeros(channels, np.float32)
    return make_each(
        [decoded.name], lambda _, name: Model(msgspec.structs.replace(config, name=name), w1.T, b1, w2.T, zeros)
    )


def _arrays(decoded: Decoded) -> tuple[F32, F32, F32] | None:
    """Return w1 (channels, hidden), b1 (hidden,) and w2 (hidden, channels), or None if they are not there."""
    data = decoded.data
    if decoded.form != "arrays" or not isinstance(data, list) or len(data) != 3:
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
    "Alexander Mordvintsev, Ettore Randazzo, Eyvind Niklasson",
    "Differentiable Programming of Reaction-Diffusion Patterns, ALIFE 2021, arXiv:2107.06862",
    "Apache-2.0, if published by the project",
    recognise,
    open_models,
)
