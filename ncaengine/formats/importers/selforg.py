"""Atlases of the Distill 2021 demo and of hexells (see atlas).

Filter-major, S/8 and L9/8; activations saturate as the demo's bytes did, whose range each layer gives.
"""

import msgspec

from ncaengine.core.model import Clips, Colour, Config, Model, Range
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, Family, Found, Hints, Models, file_names, numbered

FEATURES = dense.features(dense.STENCILS[4], "eighths")
CLIPS = Clips(perception=(-2.0, 2.0), hidden=(0.0, 2.0), update=(-2.0, 2.0), state=(-2.0, 2.0))
CONFIG = Config(features=FEATURES, activation="linear", clips=CLIPS, colour=Colour(0.5, 0.5), kernels=ARTICLE_KERNELS)


def recognise(found: Found, _: Hints) -> str:
    """Why a file is of this family, or ''."""
    if atlas.looks_like(found) and not atlas.exported(found):
        return "its model_names and layers are tiles of 8-bit weights"
    return ""


def opened(found: Found, hints: Hints) -> Models:
    """Every model by name."""
    whole = atlas.read(found)
    net, (hidden, state) = whole.nets(), (_range(layer) for layer in whole.layers)
    state = state or CLIPS.state
    clips = Clips(perception=state, hidden=hidden or CLIPS.hidden, update=state, state=state)

    def make(number: int, name: str) -> Model:
        config = msgspec.structs.replace(CONFIG, clips=clips, attribution=whole.credits(number))
        return dense.model(net(number), dense.Convention(config, "filter", "eighths"), hints, name)

    return numbered(file_names(whole.model_names, found.name), make)


def _range(layer: atlas.Layer) -> Range | None:
    """What a layer's bytes can hold. That about 0, as -1.992 to 2.008 for a scale of 4, is taken for symmetric."""
    if layer.quant_scale_zero is None:
        return None
    scale, zero = layer.quant_scale_zero
    return (-scale / 2, scale / 2) if abs(zero - 0.5) < 0.01 else (0.0 - zero * scale, (1 - zero) * scale)


FAMILY = Family(
    "selforg-textures",
    "Self-Organising Textures and hexells",
    "Eyvind Niklasson, Alexander Mordvintsev, Ettore Randazzo, Michael Levin",
    "Self-Organising Textures, Distill 2021, doi:10.23915/distill.00027.003; znah/hexells",
    "Apache-2.0, if published by the project",
    recognise,
    opened,
)
