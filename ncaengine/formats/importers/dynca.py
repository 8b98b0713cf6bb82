"""DyNCA, moving textures (Pajouheshgar et al. 2023): atlases of the demo, one model a motion, and state dicts.

Filter-major, S and L9 undivided; a cell knows its place; both layers have biases; the edge's cells see themselves
beyond it. Models of videos perceive at two scales.
"""

import re

import msgspec

from ncaengine.core.model import Config, Model
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, Family, Found, Hints, Models, file_names, numbered

CONFIG = Config(padding="replicate", kernels=ARTICLE_KERNELS)
MOTION = re.compile(
    r"\d+|(grad|left|right|up|down)(_\w*)?|circular|diverge|converge|concentrate|hyperbolic|\d+block\w*"
)
"""Names of models that are motions alone; the texture is the file's name."""


def recognise(found: Found, _: Hints) -> str:
    """Why a file is of this family, or ''."""
    if found.form == "tensors" and dense.placed(found) and "w2.bias" in found.data:
        return "its net has a cell's row and column as inputs and two biases"
    if not (atlas.looks_like(found) and atlas.exported(found)) or found.data.get("noise_level") is not None:
        return ""
    if found.data.get("n_perception_scales") is not None:
        return "its atlas of numbers says at how many scales it perceives"
    if any(isinstance(layer, dict) and layer.get("pos_emb") for layer in found.data["layers"]):
        return "its atlas of numbers has a cell's row and column as inputs (pos_emb) and no noise_level"
    second = found.data["layers"][-1]
    if isinstance(second, dict) and second.get("bias") is False:
        return ""
    return "its atlas of numbers has no noise_level but a second bias, as DyNCA's and unlike NoiseNCA's"


def opened(found: Found, hints: Hints) -> Models:
    """The model of a state dict, or every one of an atlas, by name."""
    if not atlas.looks_like(found):
        return numbered(
            [found.name],
            lambda _, name: dense.model(dense.read(found, hints), dense.Convention(CONFIG, "filter"), hints, name),
        )
    whole = atlas.read(found)
    net, scales = whole.nets(), tuple(range(whole.n_perception_scales))

    def make(number: int, name: str) -> Model:
        given = whole.model_names[number]
        said = {"motion": given} if MOTION.fullmatch(given) else {}
        config = msgspec.structs.replace(CONFIG, scales=scales, attribution=said)
        return dense.model(net(number), dense.Convention(config, "filter"), hints, name)

    return numbered(file_names(whole.model_names, found.name, MOTION), make)


FAMILY = Family(
    "dynca",
    "DyNCA",
    "Ehsan Pajouheshgar, Yitao Xu, Tong Zhang, Sabine Süsstrunk",
    "DyNCA: Real-time Dynamic Texture Synthesis Using Neural Cellular Automata, CVPR 2023, arXiv:2211.11417",
    "CC BY-NC-SA 4.0 (non-commercial), if published by the project; the demo's site CC BY-SA 4.0",
    recognise,
    opened,
    untold=("order", "filters", "offset"),
)
