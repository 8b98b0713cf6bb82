"""Graphs of one step in .onnx files, the usual form of web demos.

Files: what torch.onnx.export makes of an automaton of two layers, whatever its weights are called.
Licence: unknown; anybody may have trained them.
Read as: what the graph computes. Each operation is followed from the state to the new state; filters, order, padding,
fire rate, clips and life are those of the graph. A graph with an operation that is not understood, or that a model
can't make exactly, is refused. A graph has no colours and no seed; another input that multiplies the update is taken to
say which cells fire, half of them, which is a guess.
"""

from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour, Config, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import ASK, Decoded, Family, Hints, Makers, listed, make_each
from ncaengine.formats.importers.dense import Convention, Dense, build_model
from ncaengine.formats.importers.filters import Column, Perception, key_of
from ncaengine.formats.importers.onnx_graph import Reader
from ncaengine.formats.importers.onnx_stages import Net, Stage
from ncaengine.formats.onnx import Graph
from ncaengine.formats.pickle.tensors import Array


def recognise(decoded: Decoded, _: Hints) -> str:
    """Return why a file is of this family, or ''."""
    return "it is an ONNX graph of one step" if isinstance(decoded.data, Graph) else ""


def open_models(decoded: Decoded, hints: Hints) -> Makers:
    """Return the maker of the one model, by name."""
    if not isinstance(decoded.data, Graph):
        raise NCAError("is not an ONNX graph.")
    reader = Reader(decoded.data)
    ends = {name: reader.values.get(name) for name in decoded.data.outputs}
    states = [end for end in ends.values() if isinstance(end, Stage) and end.kind == "state"]
    if not states or states[0].net is None:
        raise NCAError("its graph does not give the next state: the state plus what the two layers make of it.")
    if any(state.net is not states[0].net for state in states):
        raise NCAError("its graph gives several new states, and does not say which is the next; export it with one.")
    net = states[0].net
    others = [name for name, end in ends.items() if end not in states]
    notes = (f"left out: the graph's other outputs, {listed(others)}",) if others else ()

    def make(_: int, name: str) -> Any:
        (w1, b1), (w2, b2) = net.layers
        columns: tuple[Column, ...] = tuple((key_of(f), channel) for f, channel in net.columns)
        if w1.shape[1] != len(columns) or w2.shape[1] != len(w1) or any(c >= len(w2) for _, c in columns):
            raise NCAError(
                f"its layers have shapes {w1.shape} and {w2.shape}, and a cell perceives {len(columns)} values."
            )
        first = np.zeros(len(w1), np.float32) if b1 is None else np.asarray(b1, np.float32)
        dense = Dense(_f32(w1), first, _f32(w2), None if b2 is None else _f32(b2), Perception(columns, ()), notes)
        config = Config(
            padding=net.padding or "circular",  # type: ignore[arg-type]
            activation=net.activation, clips=net.clips, alive=net.alive, kernels=("square",),
            fire_rate=0.5 if net.rate is None else net.rate, firing=net.firing,
            seed=Seed("point", 1.0, first=3) if net.alive else Seed(),
            colour=Colour(1.0, 0.0, alpha=True) if net.alive else Colour(),
            attribution={"reading": _reading(net, hints)},
        )  # fmt: skip
        return build_model(dense, Convention(config), hints, name)

    return make_each([decoded.name], make)


def _reading(net: Net, hints: Hints) -> str:
    """Return how sure the reading of a graph is."""
    half = ("that half of the cells fire",) if net.rate is None and hints.fire_rate is None else ()
    guesses = "; ".join((*net.guesses, *half))
    unsaid = [name for name, given in (("colours", hints.offset is not None), ("seed", hints.seed_form)) if not given]
    missing = f"; not in the graph: {', '.join(unsaid)}" if unsaid else ""
    return (f"a guess: {guesses}" if guesses else "sure: the graph says what a step computes") + missing


def _f32(array: Array) -> F32:
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)


FAMILY = Family(
    "onnx", ASK, "an ONNX graph", ASK, recognise, open_models, ambiguous=("offset",),
)  # fmt: skip
