"""Textures of Monash DeepNeuron (github.com/MonashDeepNeuron/Neural-Cellular-Automata).

Files: state dicts of a Sequential (layers.0, layers.2), or its numbers in a row as float32.
Licence: Apache-2.0.
Read as: the notebook's nets (see `notebook`), but RGB = state.
"""

import dataclasses

from ncaengine.core.model import Colour, Config
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.base import FURTHER, Decoded, Family, Hints, Makers
from ncaengine.formats.importers.state_dicts import PAIRS, find_layers

CONVENTION = dense.Convention(Config(colour=Colour(1.0, 0.0)), sure="guess")
KNOWN = dataclasses.replace(CONVENTION, sure="likely")
"""The same for files that have the names or the size of Monash's own."""


def recognise(decoded: Decoded, hints: Hints) -> str:
    """Return why a file is of this family, or ''."""
    if decoded.form == "tensors":
        pair = find_layers(decoded.data)
        if pair and pair.first.rpartition(".")[2].isdigit() and pair not in PAIRS:
            return f"its state dict has the layers {pair[0]} and {pair[1]}, as a Sequential's"
    if decoded.form == "floats":
        if hints.channels and hints.hidden:
            return f"it is a row of numbers, with {hints.channels} channels and {hints.hidden} hidden units as given"
        if len(decoded.data) in dense.FLAT:
            return f"it is a row of {len(decoded.data):,} numbers"
    return ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    pair = find_layers(decoded.data) if decoded.form == "tensors" else None
    known = pair.first == "layers.0" if pair else decoded.form == "floats" and len(decoded.data) in dense.FLAT
    return dense.open_net(decoded, hints, lambda _: KNOWN if known else CONVENTION)


FAMILY = Family(
    "monash",
    "Monash DeepNeuron",
    "MonashDeepNeuron/Neural-Cellular-Automata",
    "Apache-2.0, if published by the project",
    recognise,
    open_models,
    ambiguous=("order", "filters", "offset", *FURTHER),
)
