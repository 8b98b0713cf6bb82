"""Growing Neural Cellular Automata (Mordvintsev et al., Distill 2020): growing pictures.

Files: JSON of the demo's two layers, each a block of bytes in base64. Bytes b are (inputs + 1, outputs), the last row
the bias: w = (b/255 - 1/2)·weight_scale, with bias_scale for the bias.
Licence: CC BY 4.0.
Read as: perception filter-major through identity, S/8 and its transpose; activations saturate at 10; cells live next to
opacity above 0.1.
"""

import base64
from typing import Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Alive, Clips, Colour, Config, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.atlas import Count
from ncaengine.formats.importers.base import (
    Decoded,
    Family,
    Hints,
    Makers,
    converted,
    left_out,
    make_each,
    unread_layer_keys,
)

CONFIG = Config(
    alive=Alive(3, 0.1), seed=Seed("point", 1.0, first=3), colour=Colour(1.0, 0.0, alpha=True), kernels=("square",),
)  # fmt: skip
"""Configuration that all growing pictures share, also those of `growing_torch`."""
CLIPS = Clips(perception=(-10.0, 10.0), hidden=(0.0, 10.0), update=(-10.0, 10.0), state=(-10.0, 10.0))
CONVENTION = dense.Convention(msgspec.structs.replace(CONFIG, clips=CLIPS), "filter", "eighths")


class GrowingLayer(msgspec.Struct, frozen=True):
    """One layer, with the keys of the files."""

    data_b64: str
    in_ch: Count
    """Inputs, without the bias."""
    out_ch: Count
    """Outputs."""
    weight_scale: float = 1.0
    bias_scale: float = 1.0
    type: str = "uint8"
    """uint8, or float32 in drafts of the article, whose numbers are the weights themselves."""

    def matrix(self) -> F32:
        """Return the weights with the bias last, (inputs + 1, outputs) float32."""
        kinds = {"uint8": "u1", "float32": "<f4"}
        if self.type not in kinds:
            raise NCAError(f"a layer's numbers have the type {self.type[:40]!r}; it must be uint8.")
        try:
            packed = base64.b64decode(self.data_b64, validate=True)
        except ValueError:
            raise NCAError("a layer's data_b64 is not base64.") from None
        kind: np.dtype[Any] = np.dtype(kinds[self.type])
        size = (self.in_ch + 1) * self.out_ch * kind.itemsize
        if len(packed) != size:
            raise NCAError(
                f"a layer holds {len(packed)} bytes; {self.in_ch} inputs and {self.out_ch} outputs need {size}."
            )
        rows = np.frombuffer(packed, kind).reshape(self.in_ch + 1, self.out_ch).astype(np.float32)
        if self.type == "uint8":
            rows = rows / np.float32(255) - np.float32(0.5)
        scales = np.full((len(rows), 1), self.weight_scale)
        scales[-1] = self.bias_scale
        with np.errstate(over="ignore", invalid="ignore"):  # Model refuses what is not finite
            weights: F32 = (rows * scales).astype(np.float32)
        return weights


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    data = decoded.data
    first = data[0] if decoded.form == "json" and isinstance(data, list) and data else None
    if isinstance(first, dict) and "data_b64" in first:
        return "it is a list of layers with weights in data_b64"
    return ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    if decoded.form != "json" or not isinstance(decoded.data, list) or len(decoded.data) != 2:
        raise NCAError("is not a growing picture: it must be a list of two layers.")
    first, second = converted(decoded.data, tuple[GrowingLayer, GrowingLayer], "a growing picture's list of two layers")
    if first.out_ch != second.in_ch:
        raise NCAError(f"its first layer has {first.out_ch} outputs and its second {second.in_ch} inputs.")

    unread = tuple(filter(None, [left_out(unread_layer_keys(decoded.data, GrowingLayer.__struct_fields__))]))

    def net() -> dense.Dense:
        w1, w2 = first.matrix(), second.matrix()
        return dense.Dense(w1[:-1].T, w1[-1], w2[:-1].T, w2[-1], notes=unread)

    return make_each([decoded.name], lambda _, name: dense.build_model(net(), CONVENTION, hints, name))


FAMILY = Family(
    "growing",
    "Alexander Mordvintsev, Ettore Randazzo, Eyvind Niklasson, Michael Levin",
    "Growing Neural Cellular Automata, Distill 2020, doi:10.23915/distill.00023",
    "CC BY 4.0, if published by the project",
    recognise,
    open_models,
)
