"""What follows the perception in an ONNX graph, from the hidden units to the new state.

Each value holds what is known of the automaton up to it, so that what the new state does not depend on says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import Activation, Alive, Clips
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import quoted
from ncaengine.formats.importers.onnx_constants import whole
from ncaengine.formats.importers.onnx_perception import Columns, Seen, turned
from ncaengine.formats.onnx import Node
from ncaengine.formats.pickle.tensors import Array

ACTIVATIONS: dict[str, Activation] = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
COMPARED = {"Greater": 1, "GreaterOrEqual": 1, "Less": -1, "LessOrEqual": -1}
Sizes = tuple[int, ...]
"""The sizes of a value along its axes; 0 for one that is not known."""


@dataclass(frozen=True, eq=False)
class Net:
    """What is known of the automaton up to a value."""

    columns: Columns
    padding: str
    layers: tuple[tuple[F32, F32 | None], ...]
    activation: Activation = "linear"
    clips: Clips = field(default_factory=Clips)
    masked: bool = False
    """Whether a mask of firing cells was applied to the update."""
    rate: float | None = 1.0
    """The share of cells that fire; None if an input of the graph says which."""
    firing: Literal["cell", "channel"] = "cell"
    alive: Alive | None = None
    guesses: tuple[str, ...] = ()
    """What of it is a guess, a clause each."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A value behind the perception."""

    kind: Literal["sum1", "hidden", "update", "state", "random", "mask", "opacity", "life", "outside"]
    axes: str = ""
    """As those of Seen; '' for random numbers, masks and other inputs, which have sizes."""
    net: Net | None = None
    """opacity, life: that of the state after the update; None for the state before it."""
    sizes: Sizes | None = None
    rate: float = 0.0
    """mask: the share of cells that fire. random: what was added."""
    alive: Alive = field(default_factory=Alive)
    """opacity: its channel. life: what it is."""
    wraps: bool = False
    """Whether an opacity, or life, is counted across the edges."""
    pooled: bool = False
    """Whether an opacity is the largest of the neighbours'."""
    name: str = ""
    """outside: of the input."""


def transposed(node: Node, value: Stage) -> Stage | None:
    """Return a value with its axes in another order."""
    if not value.axes and value.sizes is None:
        return value
    axes = turned(node, value.axes or "0123"[: len(value.sizes or ())])
    if not axes or value.axes:
        return replace(value, axes=axes) if axes else None
    return replace(value, sizes=tuple((value.sizes or ())[int(place)] for place in axes))


def opacity_of(value: Seen | Stage, taken: tuple[str, int, int] | None) -> Stage | None:
    """Return the opacity if a slice of the state, before or after the update, takes one channel of it; else None."""
    if taken is None or taken[0] != "c" or taken[1] < 0 or taken[2] != taken[1] + 1:
        return None
    if isinstance(value, Stage):
        return Stage("opacity", value.axes, value.net, alive=Alive(taken[1], when="after"))
    wraps = dict(value.around) == {"h": ("circular", 1), "w": ("circular", 1)}
    if not value.unfiltered or value.apart or (value.around and not wraps):
        return None
    return Stage("opacity", value.axes, alive=Alive(taken[1], when="before"), wraps=wraps)


def followed(node: Node, first: Stage, values: Sequence[Any], channels: int) -> Stage | None:
    """Return what an operation makes of a value; None if it is not understood."""
    other = next((value for value in values if value is not first), None)
    number = float(other.flat[0]) if isinstance(other, np.ndarray) and other.size == 1 else None
    if node.op == "Clip":
        return _clipped(node, first, values)
    if first.kind == "sum1" and node.op in ACTIVATIONS:
        return replace(first, kind="hidden", net=_changed(first, activation=ACTIVATIONS[node.op]))
    if node.op == "Add" and isinstance(other, np.ndarray) and first.kind in ("sum1", "update"):
        return _biased(first, other)
    if first.kind == "random":
        return _drawn(node, first, number, values[0] is first)
    if first.kind == "mask" and node.op == "Not":
        return mask_of(first, 1 - first.rate)
    if first.kind == "opacity":
        return _near(node, first) if node.op == "MaxPool" else _living(node, first, number, values[0] is first)
    if node.op == "Where" and len(values) == 3 and isinstance(values[2], np.ndarray) and not values[2].any():
        if isinstance(values[1], np.ndarray):
            return first if values[0] is first and (values[1] == 1).all() else None
        return _joined("Mul", values[:2], channels)
    if number is not None:
        divided = node.op == "Div" and number and values[0] is first
        return _scaled(first, 1 / number if divided else number) if divided or node.op == "Mul" else None
    return _joined(node.op, values, channels) if node.op in ("Add", "Mul", "And") and len(values) == 2 else None


def mask_of(value: Stage, share: float) -> Stage | None:
    """Return a mask that is 1 with this probability; None if it is never 1."""
    return replace(value, kind="mask", rate=min(share, 1.0)) if share > 0 else None


def _changed(value: Stage, **changes: Any) -> Net:
    assert value.net
    return replace(value.net, **changes)


def _biased(value: Stage, array: Array) -> Stage | None:
    """Add one number for each output to a layer that nothing else has changed yet."""
    assert value.net
    (*before, (weights, bias)), net = value.net.layers, value.net
    sizes = (*(1,) * (len(value.axes) - array.ndim), *array.shape)
    fits = len(sizes) == len(value.axes) and sizes[value.axes.index("c")] == array.size == len(weights)
    if not fits or net.masked or net.clips.update:
        return None
    numbers = array.reshape(-1)
    layers = (*before, (weights, numbers if bias is None else bias + numbers))
    return replace(value, net=replace(net, layers=layers))


def _scaled(value: Stage, factor: float) -> Stage | None:
    """Multiply the update, and its limits, by a number."""
    if value.kind != "update":
        return None
    assert value.net
    *before, (weights, bias) = value.net.layers
    scale, clips = np.float32(factor), value.net.clips
    if clips.update:
        low, high = sorted(limit * factor for limit in clips.update)
        clips = msgspec.structs.replace(clips, update=(low, high))
    layers = (*before, (weights * scale, None if bias is None else bias * scale))
    return replace(value, net=replace(value.net, layers=layers, clips=clips))


def _clipped(node: Node, value: Stage, values: Sequence[Any]) -> Stage | None:
    """Limit the hidden units, the update or the state, unless that is not what a model does in its own order."""
    found = [float(v.flat[0]) if isinstance(v, np.ndarray) and v.size == 1 else None for v in (*values, None)[1:3]]
    low, high = (node.attributes.get(name, bound) for name, bound in zip(("min", "max"), found, strict=True))
    net = value.net
    limited = value.kind in ("hidden", "update", "state")
    if not (limited and net and isinstance(low, float) and isinstance(high, float)):
        return None
    # A model limits an update that is not masked yet, and a state before it looks who lives.
    kept: tuple[float, ...] = (0.0,) if value.kind == "update" and net.masked else ()
    if value.kind == "state" and net.alive:
        kept = (0.0, net.alive.threshold)
        if high <= net.alive.threshold:
            return None
    if not all(low <= number <= high for number in kept) or getattr(net.clips, value.kind) is not None:
        return None
    return replace(value, net=replace(net, clips=msgspec.structs.replace(net.clips, **{value.kind: (low, high)})))


# Firing


def _drawn(node: Node, value: Stage, number: float | None, left: bool) -> Stage | None:
    """Return what becomes of random numbers from 0 to 1: a number is added, and they are rounded or compared."""
    if node.op == "Add" and number is not None and not value.rate:
        return replace(value, rate=number)
    if node.op == "Floor":
        return mask_of(value, value.rate) if value.rate <= 1 else None
    if value.rate:
        return None
    if node.op in COMPARED and number is not None:
        above = (COMPARED[node.op] == 1) == left
        return mask_of(value, 1 - number if above else number)
    return mask_of(value, 0.5) if node.op == "Round" else None


def _fired(update: Stage, mask: Stage, channels: int) -> Stage | None:
    """Apply a mask of firing cells to the update."""
    assert update.net
    if update.net.masked:
        return None
    sizes, outside, guesses = mask.sizes, mask.kind == "outside", update.net.guesses
    if outside:
        guesses = (*guesses, f"that its input {quoted(mask.name)} says which cells fire")
    firing: Literal["cell", "channel"] | None = None
    if sizes is not None:
        along = dict(zip(update.axes, (*(1,) * (len(update.axes) - len(sizes)), *sizes), strict=False))
        if 1 in (along["h"], along["w"]):
            raise NCAError(
                f"its graph multiplies the update by its input {quoted(mask.name)}, which the file does not have; "
                "export it as fixed numbers."
                if outside
                else "in its graph all cells of a row or of a column fire at once; in ncaengine each fires by itself."
            )
        firing = "cell" if along["c"] == 1 else "channel" if along["c"] == channels else None
    if firing is None:
        guesses = (*guesses, "that a cell's channels fire together")
    rate = None if outside else mask.rate
    return replace(
        update,
        net=replace(update.net, masked=True, rate=rate, firing=firing or "cell", guesses=guesses),
    )


# Life


def _near(node: Node, value: Stage) -> Stage | None:
    """Return the largest opacity of the 3x3 cells around each."""
    pads, same = {*whole(node, "pads")} or {0}, str(node.attributes.get("auto_pad")).startswith("SAME")
    around = pads == {0} and not same if value.wraps else same or pads == {1}
    steps = {*whole(node, "strides"), *whole(node, "dilations")} <= {1}
    fits = around and steps and whole(node, "kernel_shape") == [3, 3] and value.axes in ("bchw", "bcwh")
    return replace(value, pooled=True) if fits and not value.pooled else None


def _living(node: Node, value: Stage, number: float | None, left: bool) -> Stage | None:
    """Return which cells have an opacity near them that exceeds a number."""
    if not value.pooled or number is None or node.op not in COMPARED or (COMPARED[node.op] == 1) != left:
        return None
    if node.op.endswith("OrEqual"):
        number = float(np.nextafter(np.float32(number), np.float32(-np.inf)))
    return replace(value, kind="life", alive=msgspec.structs.replace(value.alive, threshold=number))


def _both(one: Stage, two: Stage) -> Stage | None:
    """Return who lives by two masks of life."""
    alike = all(
        (v.axes, v.wraps, v.alive.channel, v.alive.threshold)
        == (one.axes, one.wraps, one.alive.channel, one.alive.threshold)
        for v in (one, two)
    )
    if not alike or (one.net and two.net and one.net is not two.net):
        return None
    both = one.alive if one.alive.when == two.alive.when else msgspec.structs.replace(one.alive, when="both")
    return replace(one, alive=both, net=one.net or two.net)


def _died(state: Stage, life: Stage) -> Stage | None:
    """Apply a mask of life to the state of which it was made, or to that which follows it."""
    net = state.net
    assert net
    padding = net.padding or ("circular" if life.wraps else "zero")
    if life.wraps != (padding == "circular"):
        mask = "mask of living cells"
        one, other = (f"{mask} wraps", "filters do") if life.wraps else ("filters wrap", f"{mask} does")
        raise NCAError(f"its {one} around the edges, but its {other} not; ncaengine wraps both or neither.")
    if net.alive or (life.net and life.net is not net) or (padding == "zero" and life.alive.threshold < 0):
        return None
    return replace(state, net=replace(net, alive=life.alive, padding=padding))


def _joined(op: str, values: Sequence[Any], channels: int) -> Stage | None:
    """Return what two values make together; None if that is not a part of a step."""
    stages = [value for value in values if isinstance(value, Stage)]
    of = {stage.kind: stage for stage in stages}
    if op == "Add" and "update" in of:
        plain = any(isinstance(v, Seen) and v.bare and v.axes == of["update"].axes for v in values)
        return replace(of["update"], kind="state", net=_changed(of["update"])) if plain else None
    if len(stages) < 2 or op == "Add":
        return None
    if op == "Mul" and "update" in of and ("mask" in of or "outside" in of):
        return _fired(of["update"], of.get("mask") or of["outside"], channels)
    if op == "Mul" and "state" in of and "life" in of:
        return _died(of["state"], of["life"]) if of["state"].axes == of["life"].axes else None
    return _both(stages[0], stages[1]) if of.keys() == {"life"} else None
