"""Emit the net: from the inputs of cells in a list to their states after the step."""

import numpy as np

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.firing import NET, pcg4d
from ncaengine.backends.cpu.perception import input_stride
from ncaengine.backends.cpu.product import Width, pack, product
from ncaengine.backends.cpu.records import GRID, Record
from ncaengine.backends.cpu.values import F32, I32, I64, Unit, Value
from ncaengine.core.fields import PLANE
from ncaengine.core.model import Activation, Config, Model
from ncaengine.core.pcg import ALWAYS, CHANNELS_SEED
from ncaengine.core.types import F32 as Floats


def hidden_stride(config: Config, lanes: int) -> int:
    """Return the hidden units, with those that fill the last vector; 0 if there are none."""
    return -(-config.hidden // lanes) * lanes


def packed_weights(model: Model, width: Width) -> Floats:
    """Return a model's weights in the order in which the net reads them: (n,) float32."""
    config = model.config
    inputs, hidden = input_stride(config, width.lanes), hidden_stride(config, width.lanes)
    last = np.zeros((config.channels, hidden or inputs), np.float32)
    last[:, : model.w2.shape[1]] = model.w2
    layers = [pack(last, width), model.b2]
    if hidden:
        first, bias = np.zeros((hidden, inputs), np.float32), np.zeros(hidden, np.float32)
        first[: config.hidden, : config.inputs], bias[: config.hidden] = model.w1, model.b1
        layers = [pack(first, width), bias, *layers]
    return np.concatenate(layers)


def net(config: Config, width: Width) -> Unit:
    """Return the function `net`, which writes the states after the step of the cells in a list.

    Its arguments: the grid's record; its states before and after; the packed weights; what `perceive` wrote; room for
    the hidden units; x and y of the cells; count, a multiple of width.rows; the step's number.
    """
    unit = Unit(width.fused)
    code = Code(unit, "net", NET, numbers=("count", "number"))
    inputs, hidden = input_stride(config, width.lanes), hidden_stride(config, width.lanes)
    weights, count, seen = code.arrays["weights"], code.args["count"], code.arrays["inputs"]
    if hidden:
        units = code.arrays["hidden"]

        def keep(row: Value, first: Value, total: Value) -> None:
            value = activate(total, config.activation, config.beta)
            units[row * hidden + first] = value.within(config.clips.hidden)

        product(code, width, hidden, inputs, seen, weights, weights.since(hidden * inputs), count, keep)
        weights, seen = weights.since(hidden * inputs + hidden), units
    depth = hidden or inputs
    store = _Store(code, config)
    product(code, width, config.channels, depth, seen, weights, weights.since(config.channels * depth), count, store)
    code.end()
    return unit


class _Store:
    """Adds the update to the state."""

    def __init__(self, code: Code, config: Config) -> None:
        self._code, self._config, self._grid = code, config, Record(code, GRID, code.arrays["grid"])
        self._width, self._dt = self._grid["width"], self._grid.real("dt")

    def __call__(self, row: Value, first: Value, total: Value) -> None:
        code, config = self._code, self._config
        x, y = (code.arrays[name][row].to(I64) for name in ("x", "y"))
        at = (y * self._width + x) * config.channels + first
        update = total.within(config.clips.update)
        if config.diffusion:
            update = update + code.arrays["diffused"].load(row * config.channels + first, total.lanes)
        before = code.arrays["state"].load(at, total.lanes)
        after = update.times_plus(self._dt, before)
        if config.firing == "channel":
            after = _fires(code, self._grid, x, y, first, total.lanes).choose(after, before)
        code.arrays["after"][at] = after.within(config.clips.state)


def _fires(code: Code, grid: Record, x: Value, y: Value, first: Value, lanes: int) -> Value:
    """Return whether each of some channels fires, independently; see pcg.fire_masks."""
    channels = first.to(I32).spread(lanes) + code.vector(range(lanes))
    seed = (channels >> 2) * CHANNELS_SEED + grid["rng_seed"].to(I32)
    column, row, step = (value.to(I32).spread(lanes) for value in (x, y, code.args["number"]))
    words = pcg4d(column, row, step, seed)
    word = words[0]
    for number in (1, 2, 3):
        word = (channels & 3).equals(number).choose(words[number], word)
    threshold = grid["fire_threshold"].to(I32)
    fires = (word < threshold) | threshold.equals(ALWAYS).spread(lanes)
    field = grid.array("fields", F32).since((y * grid["width"] + x) * grid["field_stride"])
    rate = field[PLANE["rate"]]
    by_rate = (word >> 8).to(F32) * 2.0**-24 < grid.real("fire_rate") * rate
    return rate.equals(1.0).spread(lanes).choose(fires, by_rate)


def activate(value: Value, activation: Activation, beta: float) -> Value:
    """Return an activation of some sums."""
    if activation == "relu":
        return value.at_least(0.0)
    if activation == "tanh":
        return value.like(1.0) - value.like(2.0) / (exp(value * 2.0) + 1.0)
    if activation == "sigmoid":
        return value.like(1.0) / (exp(value * -1.0) + 1.0)
    if activation == "swish":
        return value / (exp(value * -beta) + 1.0)
    return value


def exp(value: Value) -> Value:
    """Return e to the power of values, to about 1e-7 of the result; between e⁻⁸⁷ and e⁸⁸, NaN for NaN."""
    value = value.at_least(-87.0).at_most(88.0)
    power = (value * 1.4426950408889634).call("rint")
    rest = power.times_plus(-0.693359375, value)  # ln 2 in two parts: the first is exact times a power
    rest = power.times_plus(2.12194440e-4, rest)
    series = rest.like(1 / 5040)
    for divisor in (720, 120, 24, 6, 2, 1, 1):
        series = series.times_plus(rest, 1 / divisor)
    bits = (power + 127.0).to(I32) << 23
    return series * bits.bits_as(F32)
