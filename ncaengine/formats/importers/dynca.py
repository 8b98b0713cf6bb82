"""DyNCA: moving textures (Pajouheshgar et al., CVPR 2023).

Files: atlases of the project's demo (see `atlas`), one model a motion; and state dicts.
Licence: CC BY-NC-SA 4.0; the demo's site CC BY-SA 4.0.
Read as: perception filter-major, S and L9 undivided; a cell's row and column are inputs; both layers have biases;
padding replicates the edge. Models of videos perceive at two scales.
"""

import re

import msgspec

from ncaengine.core.model import Config
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, FURTHER, Decoded, Family, Hints, Makers, file_names

CONFIG = Config(padding="replicate", kernels=ARTICLE_KERNELS)
MOTION = re.compile(
    r"\d+|(grad|left|right|up|down)(_\w*)?|circular|diverge|converge|concentrate|hyperbolic|\d+block\w*"
)
"""Model names that only say the motion; the file's name is then the texture."""


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if decoded.form == "tensors" and dense.is_placed(decoded) and "w2.bias" in decoded.data:
        return "its net has a cell's row and column as inputs and two biases"
    if not atlas.is_later_atlas(decoded) or decoded.data.get("noise_level") is not None:
        return ""
    if decoded.data.get("n_perception_scales") is not None:
        return "its atlas of numbers says at how many scales it perceives"
    if any(isinstance(layer, dict) and layer.get("pos_emb") for layer in decoded.data["layers"]):
        return "its atlas of numbers has a cell's row and column as inputs (pos_emb) and no noise_level"
    if atlas.lacks_second_bias(decoded):
        return ""
    return "its atlas of numbers has no noise_level but a second bias, as DyNCA's and unlike NoiseNCA's"


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of a state dict's model, or of each model of an atlas, by name."""
    if not atlas.is_atlas(decoded):
        return dense.open_net(decoded, hints, lambda _: dense.Convention(CONFIG, "filter", sure="likely"))
    whole = atlas.read_atlas(decoded)
    scales = tuple(range(whole.n_perception_scales))

    def convention(_: dense.Dense, number: int) -> dense.Convention:
        name = whole.model_names[number]
        attribution = {"motion": name} if MOTION.fullmatch(name) else {}
        return dense.Convention(msgspec.structs.replace(CONFIG, scales=scales, attribution=attribution), "filter")

    return atlas.open_atlas(decoded, whole, file_names(whole.model_names, decoded.name, MOTION), convention, hints)


FAMILY = Family(
    "dynca",
    "Ehsan Pajouheshgar, Yitao Xu, Tong Zhang, Sabine Süsstrunk",
    "DyNCA: Real-time Dynamic Texture Synthesis Using Neural Cellular Automata, CVPR 2023, arXiv:2211.11417",
    "CC BY-NC-SA 4.0 (non-commercial), if published by the project; the demo's site CC BY-SA 4.0",
    recognise,
    open_models,
    ambiguous=("order", "filters", "offset", *FURTHER),
)
