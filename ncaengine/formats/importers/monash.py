"""Textures of Monash DeepNeuron: state dicts of a Sequential (layers.0, layers.2), or the numbers of one in a row.

As the notebook's, but RGB = state.
"""

from ncaengine.core.model import Colour, Config
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import Family, Found, Hints, Models, numbered

CONVENTION = dense.Convention(Config(colour=Colour(1.0, 0.0)))


def recognise(found: Found, hints: Hints) -> str:
    """Why a file is of this family, or ''."""
    if found.form == "tensors":
        pair = dense.layers(found.data)
        if pair and pair not in dense.PAIRS:
            return f"its state dict has the layers {pair[0]} and {pair[1]}, as a Sequential's"
    if found.form == "floats":
        if hints.channels and hints.hidden:
            return f"it is a row of numbers, said to be of {hints.channels} channels and {hints.hidden} hidden units"
        if len(found.data) in dense.FLAT:
            return f"it is a row of {len(found.data):,} numbers"
    return ""


def opened(found: Found, hints: Hints) -> Models:
    """The one model by name."""
    return numbered([found.name], lambda _, name: dense.model(dense.read(found, hints), CONVENTION, hints, name))


FAMILY = Family(
    "monash",
    "textures of Monash DeepNeuron",
    "Monash DeepNeuron",
    "MonashDeepNeuron/Neural-Cellular-Automata",
    "Apache-2.0, if published by the project",
    recognise,
    opened,
    untold=("order", "filters", "offset"),
)
