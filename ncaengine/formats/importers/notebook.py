"""State dicts of the PyTorch notebook of Self-Organising Textures (Distill 2021), the most common form.

Files: `w1.weight` (hidden, 4·channels, 1, 1), `w1.bias`, `w2.weight` (channels, hidden, 1, 1) and perhaps `w2.bias`;
other tensors are ignored. Checkpoints of the Distill article on grafting have this form.
Licence: unknown; anybody may have trained them.
Read as: perception channel-major; S and L9 undivided; ReLU; RGB = state + 0.5. Variants perceive through fewer filters.
"""

from collections.abc import Mapping

from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, ASK, Decoded, Family, Hints, Makers

KEYS = {"w1.weight", "w1.bias", "w2.weight"}
FEATURES = dense.features(dense.STENCILS[4], "undivided")
CONVENTION = dense.Convention(Config(features=FEATURES, kernels=ARTICLE_KERNELS, family="notebook"))


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if decoded.form == "tensors" and decoded.data.keys() >= KEYS:
        return "its state dict has the notebook's keys"
    return ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    return dense.open_net(decoded, hints, lambda _: CONVENTION)


def from_state_dict(tensors: Mapping[str, F32], name: str) -> Model:
    """Make the Model of a state dict. Raises NCAError if the shapes are not the notebook's."""
    return open_models(Decoded("tensors", tensors, name), Hints())[name]()


FAMILY = Family(
    "notebook",
    ASK,
    "in the form of the PyTorch notebook of Self-Organising Textures, Distill 2021, doi:10.23915/distill.00027.003",
    ASK,
    recognise,
    open_models,
    ambiguous=("order", "filters", "offset"),
)
