"""Graphs of one step in .onnx files, the usual form of web demos.

Files: what torch.onnx.export makes of an automaton of two layers, whatever its weights are called.
Licence: unknown; anybody may have trained them.
Read as: what the graph computes. Each operation is followed from the state to the new state; filters, order, padding,
fire rate, clips and life are those of the graph. A graph with an operation that is not understood is refused.
"""

from typing import Any

import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Colour, Config, Seed
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import ASK, Decoded, Family, Hints, Makers, make_each
from ncaengine.formats.importers.dense import Convention, Dense, build_model
from ncaengine.formats.importers.filters import Column, Perception, key_of
from ncaengine.formats.importers.onnx_graph import NO_RATE, Reader, Stage
from ncaengine.formats.importers.onnx_perception import PADDINGS
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
    ends = [reader.values.get(name) for name in decoded.data.outputs]
    if not any(isinstance(end, Stage) and end.kind == "state" for end in ends):
        raise NCAError("its graph does not give the next state: the state plus what the two layers make of it.")

    def make(_: int, name: str) -> Any:
        (w1, b1), (w2, b2) = reader.layers
        columns: tuple[Column, ...] = tuple((key_of(f), channel) for f, channel in reader.columns)
        if w1.shape[1] != len(columns) or w2.shape[1] != len(w1) or any(c >= len(w2) for _, c in columns):
            raise NCAError(
                f"its layers have shapes {w1.shape} and {w2.shape}, and a cell perceives {len(columns)} values."
            )
        first = np.zeros(len(w1), np.float32) if b1 is None else np.asarray(b1, np.float32)
        second, unsaid = None if b2 is None else _f32(b2), () if reader.rate else (NO_RATE,)
        net = Dense(_f32(w1), first, _f32(w2), second, Perception(columns, ()), unsaid)
        config = Config(
            padding=PADDINGS.get(reader.padding) or reader.padding or "circular",  # type: ignore[arg-type]
            activation=reader.activation, clips=reader.clips, alive=reader.alive, kernels=("square",),
            fire_rate=reader.rate or 0.5,
            seed=Seed("point", 1.0, first=3) if reader.alive else Seed(),
            colour=Colour(1.0, 0.0, alpha=True) if reader.alive else Colour(),
        )  # fmt: skip
        return build_model(net, Convention(config), hints, name)

    return make_each([decoded.name], make)


def _f32(array: Array) -> F32:
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)


FAMILY = Family(
    "onnx", ASK, "an ONNX graph", ASK, recognise, open_models, ambiguous=("offset",),
)  # fmt: skip
