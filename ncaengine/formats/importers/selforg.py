"""Self-Organising Textures (Distill 2021) and hexells (github.com/znah/hexells).

Files: atlases of their demos (see `atlas`), also those that ncaengine exports.
Licence: Apache-2.0.
Read as: perception filter-major, S/8 and L9/8. Activations saturate as the demo's bytes do; each layer gives their
range.
"""

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Clips, Colour, Config, Range
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, Decoded, Family, Hints, Makers, file_names, quoted
from ncaengine.formats.importers.names import kind_of

FEATURES = dense.features(dense.STENCILS[4], "eighths")
CLIPS = Clips(perception=(-2.0, 2.0), hidden=(0.0, 2.0), update=(-2.0, 2.0), state=(-2.0, 2.0))
CONFIG = Config(features=FEATURES, activation="linear", clips=CLIPS, colour=Colour(0.5, 0.5), kernels=ARTICLE_KERNELS)


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if atlas.is_atlas(decoded) and not atlas.is_later_atlas(decoded):
        return "its model_names and layers are tiles of 8-bit weights"
    return ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of each model, by name."""
    whole = atlas.read_atlas(decoded)
    if odd := next((name for name in decoded.stated if kind_of(name) not in ("fire rate", "padding", "circular")), ""):
        raise NCAError(f"says {quoted(odd)}; whether that comes before or after its activations saturate is not known.")
    hidden, state = (_activation_range(layer) for layer in whole.layers)
    state = state or CLIPS.state
    clips = Clips(perception=state, hidden=hidden or CLIPS.hidden, update=state, state=state)

    def convention(_: dense.Dense, number: int) -> dense.Convention:
        config = msgspec.structs.replace(CONFIG, clips=clips, attribution=whole.credits(number))
        return dense.Convention(config, "filter", "eighths")

    return atlas.open_atlas(decoded, whole, file_names(whole.model_names, decoded.name), convention, hints)


def _activation_range(layer: atlas.AtlasLayer) -> Range | None:
    """Return the range of a layer's bytes; one nearly centred on 0, as -1.992 to 2.008 for a scale of 4, is centred."""
    if layer.quant_scale_zero is None:
        return None
    scale, zero = layer.quant_scale_zero
    return (-scale / 2, scale / 2) if abs(zero - 0.5) < 0.01 else (0.0 - zero * scale, (1 - zero) * scale)


FAMILY = Family(
    "selforg-textures",
    "Eyvind Niklasson, Alexander Mordvintsev, Ettore Randazzo, Michael Levin",
    "Self-Organising Textures, Distill 2021, doi:10.23915/distill.00027.003; znah/hexells",
    "Apache-2.0, if published by the project",
    recognise,
    open_models,
    owned=lambda decoded: all(name.startswith("texture/models/") for name in decoded.data["model_names"]),
)
