"""State dicts of the Distill article's PyTorch notebook, which is what most people have.

`w1.weight` (hidden, 4·channels, 1, 1), `w1.bias`, `w2.weight` (channels, hidden, 1, 1) and perhaps `w2.bias`; what else
lies there is no weight. Perception channel-major; Sobel and Laplacian not divided; ReLU; RGB = state + 0.5. Variants
perceive through fewer filters. The checkpoints of the grafting article are of this form.
"""

from collections.abc import Mapping

from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, ASK, Family, Found, Hints, Models, numbered

KEYS = {"w1.weight", "w1.bias", "w2.weight"}
FEATURES = dense.features(dense.STENCILS[4], "undivided")
CONVENTION = dense.Convention(Config(features=FEATURES, kernels=ARTICLE_KERNELS, family="notebook"))


def recognise(found: Found, _: Hints) -> str:
    """Why a file is of this family, or ''."""
    if found.form == "tensors" and found.data.keys() >= KEYS:
        return "its state dict has the notebook's keys"
    return ""


def opened(found: Found, hints: Hints) -> Models:
    """The one model by name."""
    return numbered([found.name], lambda _, name: dense.model(dense.read(found, hints), CONVENTION, hints, name))


def from_state_dict(tensors: Mapping[str, F32], name: str) -> Model:
    """The Model of a state dict. Raises NCAError if the shapes are not the notebook's."""
    return dense.model(dense.read(Found("tensors", tensors, name), Hints()), CONVENTION, Hints(), name)


FAMILY = Family(
    "notebook",
    "the PyTorch notebook of Self-Organising Textures",
    ASK,
    "in the form of the PyTorch notebook of Self-Organising Textures, Distill 2021, doi:10.23915/distill.00027.003",
    ASK,
    recognise,
    opened,
    untold=("order", "filters", "offset"),
)
