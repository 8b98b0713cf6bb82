"""State dicts of the PyTorch notebook of Self-Organising Textures (Distill 2021), the most common form.

Files: `w1.weight` (hidden, 4·channels, 1, 1), `w1.bias`, `w2.weight` (channels, hidden, 1, 1) and perhaps `w2.bias`;
two layers of other names that no other family has. Checkpoints of the Distill article on grafting have this form.
Licence: unknown; anybody may have trained them.
Read as: perception channel-major; S and L9 undivided; ReLU; RGB = state + 0.5. Variants perceive through fewer filters.
"""

import dataclasses
from collections.abc import Mapping

from ncaengine.core.model import Config, Model
from ncaengine.core.types import F32
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import ARTICLE_KERNELS, ASK, FURTHER, Decoded, Family, Hints, Makers
from ncaengine.formats.importers.state_dicts import PAIRS, find_layers

FEATURES = dense.features(dense.STENCILS[4], "undivided")
CONVENTION = dense.Convention(Config(features=FEATURES, kernels=ARTICLE_KERNELS, family="notebook"), sure="likely")
UNSURE = dataclasses.replace(CONVENTION, sure="guess")
"""The same for nets whose layers have other names, or that have fewer filters."""


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    pair = find_layers(decoded.data) if decoded.form == "tensors" else None
    if pair == PAIRS[0]:
        return "its state dict has the notebook's keys"
    return f"its state dict has two layers, {pair.first} and {pair.second}" if pair else ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    named = decoded.form == "tensors" and find_layers(decoded.data) == PAIRS[0]
    return dense.open_net(decoded, hints, lambda net: CONVENTION if named and net.filters == 4 else UNSURE)


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
    ambiguous=("order", "filters", "offset", *FURTHER),
)
