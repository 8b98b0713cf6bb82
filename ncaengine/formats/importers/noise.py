"""NoiseNCA and its baselines PE-NCA and Vanilla-NCA (Pajouheshgar et al. 2024, arXiv:2404.06279).

Files: state dicts, channel-major; and atlases of the project's demo (see `atlas`), filter-major.
Licence: CC BY-NC-SA 4.0.
Read as: nets as the notebook's (see `notebook`), without a second bias. NoiseNCA starts from noise and every cell fires
at every step. PE-NCA has a cell's row and column as inputs and fires half the time. Vanilla-NCA fires half the time;
its state dicts have the notebook's form and are read as such. The demo's files give a noise level for all three.
"""

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Config, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers import atlas, dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, FURTHER, Decoded, Family, Hints, Makers, Order, file_names
from ncaengine.formats.importers.state_dicts import find_layers


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if decoded.form == "tensors":
        if "noise_level" in decoded.data and find_layers(decoded.data):
            return "its state dict has a noise_level"
        if dense.is_placed(decoded) and "w2.bias" not in decoded.data:
            return "its net is the notebook's with a cell's row and column as inputs, as PE-NCA's"
    if atlas.is_later_atlas(decoded):
        if decoded.data.get("noise_level") is not None:
            return "its atlas of numbers has a noise_level"
        if atlas.lacks_second_bias(decoded):
            return "its atlas of numbers has no second bias, as NoiseNCA's and unlike DyNCA's"
    return ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of a state dict's model, or of each model of an atlas, by name."""
    if atlas.is_atlas(decoded):
        whole = atlas.read_atlas(decoded)
        names = file_names(whole.model_names, decoded.name)
        return atlas.open_atlas(
            decoded, whole, names, lambda net, _: _convention(net, whole.noise_level, "filter"), hints
        )
    has_level = decoded.form == "tensors" and "noise_level" in decoded.data
    level = _number(decoded.data["noise_level"]) if has_level else None
    return dense.open_net(decoded, hints, lambda net: _convention(net, level, "channel"))


def _number(array: F32) -> float:
    if array.size != 1:
        raise NCAError(f"noise_level has shape {array.shape}; it must be one number.")
    return float(array.flat[0])


def _convention(net: dense.Dense, level: float | None, order: Order) -> dense.Convention:
    """Return the convention for a net. level: of the noise that it starts from; None to start from zeros."""
    always = level is not None and not net.placed
    config = Config(fire_rate=1.0 if always else 0.5, kernels=ARTICLE_KERNELS)
    if level is not None:
        config = msgspec.structs.replace(config, seed=Seed("noise", level))
    return dense.Convention(config, order, sure="likely" if order == "channel" else "sure")


FAMILY = Family(
    "noise-nca",
    "Ehsan Pajouheshgar, Yitao Xu, Sabine Süsstrunk",
    "NoiseNCA: Noisy Seed Improves Spatio-Temporal Continuity of Neural Cellular Automata, 2024, arXiv:2404.06279",
    "CC BY-NC-SA 4.0 (non-commercial), if published by the project",
    recognise,
    open_models,
    ambiguous=("order", "filters", "offset", *FURTHER),
)
