"""Atlases of the Distill 2021 demo and of hexells: many models in two 8-bit PNG pictures.

`w = (pixel/255 - 127/255)·scale`; RGBA holds four outputs; model m lies at tile column m mod W,
row m div W of the `layout` (W, H); the last row of a layer is its bias. Filter-major, article's
gains; activations saturate as the demo's bytes did.
"""

import base64
import io
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ncaengine.errors import NCAError
from ncaengine.importers import ARTICLE_KERNELS
from ncaengine.model import F32, Clips, Colour, Config, Feature, Model

FEATURES = (Feature("identity"), Feature("gradient_x"), Feature("gradient_y"), Feature("laplacian", 0.5))
CLIPS = Clips(perception=(-2.0, 2.0), hidden=(0.0, 2.0), update=(-2.0, 2.0), state=(-2.0, 2.0))
MAX_PIXELS = 2**24
_BOMB = (Image.DecompressionBombWarning, Image.DecompressionBombError)


def matches(data: object) -> bool:
    """Whether this JSON is such an atlas."""
    return isinstance(data, dict) and "model_names" in data and isinstance(data.get("layers"), list)


def models(data: dict[str, Any]) -> Iterator[Model]:
    """Every model of an atlas, each with a name of its own. Raises NCAError if the file is damaged."""
    names = data["model_names"]
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise NCAError("`model_names` is not a list of names.")
    if len(data["layers"]) != 2:
        raise NCAError(f"it has {len(data['layers'])} layers; an atlas of texture NCAs has 2.")
    first, second = (_layer(layer, len(names)) for layer in data["layers"])
    (_, rows, hidden), (_, rows2, channels) = first.shape, second.shape
    if rows != 4 * channels + 1 or rows2 != hidden + 1:
        raise NCAError(f"its layers are {first.shape[1:]} and {second.shape[1:]}, which do not fit each other.")
    for m, name in enumerate(_unique(names)):
        config = Config(
            channels=channels, hidden=hidden, features=FEATURES, activation="linear", clips=CLIPS,
            colour=Colour(0.5, 0.5), kernels=ARTICLE_KERNELS, name=name, family="selforg-textures",
        )  # fmt: skip
        yield Model(config, first[m, :-1].T, first[m, -1], second[m, :-1].T, second[m, -1])


def _layer(layer: Any, count: int) -> F32:
    """(models, inputs + 1, outputs) float32 of one layer."""
    try:
        scale = float(layer["scale"])
        rows, outputs = (int(v) for v in _list(layer["shape"]))
        across, down = (int(v) for v in _list(layer["layout"]))
        packed = base64.b64decode(layer["data"].split(",", 1)[-1], validate=True)
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(io.BytesIO(packed))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, *_BOMB) as error:
        raise NCAError(f"a layer is damaged ({type(error).__name__}: {error}).") from None
    if min(rows, outputs, across, down) < 1 or outputs % 4 or across * down < count:
        raise NCAError(f"a layer of shape {rows}x{outputs} in {across}x{down} tiles cannot hold {count} models.")
    if image.size != (across * outputs // 4, down * rows) or image.width * image.height > MAX_PIXELS:
        raise NCAError(f"a layer's picture is {image.width}x{image.height}; shape and layout ask for another size.")
    try:
        pixels = np.asarray(image.convert("RGBA"), np.float32)
    except (OSError, SyntaxError, ValueError) as error:
        raise NCAError(f"a layer's picture is damaged ({error}).") from None
    # (down, rows, across, outputs/4, 4) -> tiles in reading order
    tiles = pixels.reshape(down, rows, across, outputs // 4, 4).transpose(0, 2, 1, 3, 4)
    flat = tiles.reshape(down * across, rows, outputs)[:count]
    with np.errstate(over="ignore", invalid="ignore"):  # Model refuses what is not finite
        weights: F32 = (flat / np.float32(255) - np.float32(127 / 255)) * np.float32(scale)
    return weights


def _list(value: Any) -> list[Any]:
    """`[49, 96]`, which the files hold as text or as a list."""
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list) or len(found) != 2:
        raise ValueError(f"{value!r} is not a pair")
    return found


def _unique(names: list[str]) -> Iterator[str]:
    """File names without folders, told apart by a number where two are alike."""
    seen: dict[str, int] = {}
    for name in names:
        base = "".join(c if c.isalnum() or c in "-_." else "_" for c in name.split("/")[-1]).lstrip(".") or "model"
        seen[base] = seen.get(base, 0) + 1
        yield base if seen[base] == 1 else f"{base}-{seen[base]}"
