"""NoiseNCA and its baselines PE-NCA and Vanilla-NCA (Pajouheshgar et al. 2024): state dicts, and atlases of the demo.

As the notebook's nets, without a second bias. NoiseNCA fires always and starts from noise; PE-NCA knows its place and
fires half the time, as Vanilla-NCA, whose state dicts are those of the notebook. The demo's files are filter-major and
name a noise level even where there is none.
"""

from collections.abc import Callable

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Model, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import (
    ARTICLE_KERNELS,
    Family,
    Found,
    Hints,
    Models,
    Order,
    file_names,
    numbered,
)


def recognise(found: Found, _: Hints) -> str:
    """Why a file is of this family, or ''."""
    if found.form == "tensors":
        if "noise_level" in found.data and dense.layers(found.data):
            return "its state dict has a noise_level"
        if dense.placed(found) and "w2.bias" not in found.data:
            return "its net is the notebook's with a cell's row and column as inputs, as PE-NCA's"
    if atlas.looks_like(found) and atlas.exported(found):
        if found.data.get("noise_level") is not None:
            return "its atlas of numbers has a noise_level"
        second = found.data["layers"][-1]
        if isinstance(second, dict) and second.get("bias") is False:
            return "its atlas of numbers has no second bias, as NoiseNCA's and unlike DyNCA's"
    return ""


def opened(found: Found, hints: Hints) -> Models:
    """The model of a state dict, or every one of an atlas, by name."""
    names, level = [found.name], None
    order: Order = "channel"
    net: Callable[[int], dense.Dense] | None = None
    if atlas.looks_like(found):
        whole = atlas.read(found)
        names, level = file_names(whole.model_names, found.name), whole.noise_level
        order, net = "filter", whole.nets()
    elif found.form == "tensors" and "noise_level" in found.data:
        level = _number(found.data["noise_level"])

    def make(number: int, name: str) -> Model:
        weights = net(number) if net else dense.read(found, hints)
        return dense.model(weights, _convention(weights, level, order), hints, name)

    return numbered(names, make)


def _number(array: F32) -> float:
    if array.size != 1:
        raise NCAError(f"noise_level has shape {array.shape}; it is one number.")
    return float(array.flat[0])


def _convention(net: dense.Dense, level: float | None, order: Order) -> dense.Convention:
    """level: of the noise that a NoiseNCA starts from, None for the other two."""
    always = level is not None and not net.placed
    config = Config(fire_rate=1.0 if always else 0.5, kernels=ARTICLE_KERNELS)
    if level is not None:
        config = msgspec.structs.replace(config, seed=Seed("noise", level))
    return dense.Convention(config, order)


FAMILY = Family(
    "noise-nca",
    "NoiseNCA and PE-NCA",
    "Ehsan Pajouheshgar, Yitao Xu, Sabine Süsstrunk",
    "NoiseNCA: Noisy Seed Improves Spatio-Temporal Continuity of Neural Cellular Automata, 2024, arXiv:2404.06279",
    "CC BY-NC-SA 4.0 (non-commercial), if published by the project",
    recognise,
    opened,
    untold=("order", "filters", "offset"),
)
