"""Growing pictures of PyTorch programs that followed the Distill 2020 article.

Files: state dicts, whose keys identify the program, and Monash's rows of numbers.
Licence: unknown; anybody may have trained them.
Read as: perception through identity and gradients, in each program's order and signs; cells live as in the article.
"""

import msgspec

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Alive, Config, Seed
from ncaengine.formats.importers import dense
from ncaengine.formats.importers.adjust import OPAQUE
from ncaengine.formats.importers.base import ASK, FURTHER, Decoded, Family, Hints, Makers
from ncaengine.formats.importers.growing import CONFIG
from ncaengine.formats.importers.state_dicts import PAIRS, find_layers

UP = ("gradient_x", "-gradient_y")
"""Gradients of programs whose second gradient points up."""
ACROSS = ("gradient_y", "gradient_x")
"""Gradients of programs whose first gradient points down, because they convolve transposed pictures."""

AFTER: Config = msgspec.structs.replace(CONFIG, alive=Alive(3, 0.1, "after"), seed=Seed("image"))
ZERO: Config = msgspec.structs.replace(CONFIG, padding="zero")
STEADY: Config = msgspec.structs.replace(ZERO, fire_rate=1.0)

PROGRAMS: dict[str, tuple[str, dense.Convention]] = {
    "fc0": ("chenmingxiang110's", dense.Convention(ZERO, "filter", "eighths", ACROSS, sure="likely")),
    "conv1": ("PWhiddy's", dense.Convention(CONFIG, "channel", "eighths", UP, sure="guess")),
    "update_module.0": ("a tutorial's", dense.Convention(ZERO, "channel", "eighths", sure="likely")),
    "update_network.0": ("Monash's", dense.Convention(AFTER, "filter", "undivided", UP, OPAQUE, sure="likely")),
    "update_step.0": ("Monash's synchronous", dense.Convention(STEADY, "channel", "eighths", sure="likely")),
    "layers.0": ("Monash's later", dense.Convention(AFTER, "channel", "undivided", seed=OPAQUE, sure="guess")),
}
"""The program's author and what it computes, by the key of the first layer."""
NUMBERS = PROGRAMS["update_network.0"]
"""The program of Monash's rows of numbers."""
OTHERS = "some", dense.Convention(ZERO, "channel", "eighths", sure="guess")
"""What most programs do that name their layers otherwise."""


def recognise(decoded: Decoded, hints: Hints) -> str:
    """Return why a file is of this family, or ''."""
    try:
        net = dense.read_net(decoded, hints)
        if net.filters != 3 or net.placed:
            return ""
    except NCAError:
        return ""
    pair = find_layers(decoded.data) if decoded.form == "tensors" else None
    if pair == PAIRS[0]:
        return ""
    held = f"layers {pair[0]} and {pair[1]}" if pair else f"{len(decoded.data):,} numbers"
    return f"its {held} perceive through identity and gradients, as {_program(decoded)[0]} growing pictures"


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    return dense.open_net(decoded, hints, lambda _: _program(decoded)[1])


def _program(decoded: Decoded) -> tuple[str, dense.Convention]:
    if decoded.form != "tensors":
        return NUMBERS
    pair = find_layers(decoded.data)
    return PROGRAMS.get(pair.first, OTHERS) if pair else OTHERS


FAMILY = Family(
    "growing-torch",
    ASK,
    "after Growing Neural Cellular Automata, Distill 2020, doi:10.23915/distill.00023",
    ASK,
    recognise,
    open_models,
    ambiguous=("order", "filters", *FURTHER),
)
