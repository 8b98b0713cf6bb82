"""Emit the perception: the net's inputs of cells in a list, for one configuration and kernel.

A vector holds neighbouring channels of a cell, so any list of cells is served alike.
"""

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.frame import Frame, extra_input, frame_of
from ncaengine.backends.cpu.neighbours import Neighbours, Resampled, Run, State, runs, zero_beyond
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.records import GRID, SAMPLE, SCALE, SLOT, Record
from ncaengine.backends.cpu.values import F32, I32, I64, Array, Unit, Value
from ncaengine.core import stencils
from ncaengine.core.kernels import LAPLACIAN_COS, LAPLACIAN_SIN, Kernel
from ncaengine.core.model import Config

ARGUMENTS = {"grid": I64, "model": I64, "state": F32, "inputs": F32, "diffused": F32, "x": I32, "y": I32, "count": I64}


def input_stride(config: Config, lanes: int) -> int:
    """Return the float32 numbers that a cell's inputs take: padded with zeros to whole vectors."""
    return -(-config.inputs // lanes) * lanes


def applied_stencils(config: Config, framed: bool) -> tuple[str, ...]:
    """Return the names of the stencils to apply: a cell's own frame mixes several."""
    wanted = [feature.stencil for feature in config.features] + ["laplacian"] * bool(config.diffusion)
    if framed and {"gradient_x", "gradient_y"} & set(wanted):
        wanted += ["gradient_x", "gradient_y"]
    if framed and "laplacian" in wanted:
        wanted += [LAPLACIAN_COS, LAPLACIAN_SIN]
    return tuple(dict.fromkeys(wanted))


def perceive(config: Config, kernel: Kernel, framed: bool, width: Width) -> Unit:
    """Return the function `perceive`, which writes inputs and diffusion of the cells in a list.

    framed: whether cells have their own frames.

    Its arguments: the grid's record; the model's; the state; inputs (count, input_stride) and diffused (count,
    channels), to be written; x and y of the cells (count,); count.
    """
    unit = Unit(width.fused)
    code = Code(unit, "perceive", ARGUMENTS, numbers=("count",))
    grid = Record(code, GRID, code.arrays["grid"])
    with code.loop(code.args["count"]) as n:
        x, y = (code.arrays[name][n].to(I64) for name in ("x", "y"))
        frame = frame_of(code, grid, y * grid["width"] + x) if framed else None
        cell = _Cell(config, kernel, grid, code.arrays["state"], x, y, frame)
        _write_features(cell, code.arrays["inputs"].since(n * input_stride(config, width.lanes)), width.lanes)
        if config.diffusion:
            target = code.arrays["diffused"].since(n * config.channels)
            for first, run in runs(tuple(range(config.channels)), width.lanes):
                rates = code.vector(config.diffusion[first : first + run[1]], F32)
                target[first] = cell.seen("laplacian", run, 1.0) * rates
    code.end()
    return unit


def _write_features(cell: "_Cell", target: Array, lanes: int) -> None:
    """Write a cell's inputs, run by run, because features of the same channels load the same vectors."""
    config, at = cell.config, 0
    pieces: dict[Run, list[tuple[int, int]]] = {}
    for number, feature in enumerate(config.features):
        seen = config.seen(feature)
        for first, run in runs(seen, lanes):
            pieces.setdefault(run, []).append((at + first, number))
        at += len(seen)
    for run, places in pieces.items():
        for place, number in places:
            feature = config.features[number]
            value = cell.seen(feature.stencil, run, feature.gain).within(config.clips.perception)
            target[place] = value
            if config.absolute:
                target[at + place] = value.call("fabs")
    at *= 1 + config.absolute
    for number, name in enumerate(config.extra):
        target[at + number] = extra_input(name, cell.grid, cell.x, cell.y, cell.frame)
    for place in range(config.inputs, input_stride(config, lanes)):  # weights of 0 don't make 0 of another model's NaN
        target[place] = cell.grid.code.constant(0.0, F32)


class _Cell:
    """What one cell sees."""

    def __init__(
        self, config: Config, kernel: Kernel, grid: Record, state: Array, x: Value, y: Value, frame: Frame | None
    ) -> None:
        self.config, self.kernel, self.grid, self.x, self.y, self.frame = config, kernel, grid, x, y, frame
        cells = grid["width"] * grid["height"]
        self._here = State(state, config.channels, Neighbours(grid, grid["reach"], x, y, zero_beyond(config, cells)))
        self._names = applied_stencils(config, frame is not None)
        self._mixes: dict[str, dict[str, Value]] = {}
        self._found: dict[tuple[str, Run], Value] = {}
        model = Record(grid.code, SLOT, grid.code.arrays["model"])
        self._coarse = [self._scale(model, number) for number in range(sum(scale > 0 for scale in config.scales))]

    def _scale(self, model: Record, number: int) -> tuple[Array, Resampled]:
        scale = Record(model.code, SCALE, model.code.array_at(model.array("coarse", I64)[number], I64))
        return scale.array("results", F32), Resampled(scale.record("enlarge", SAMPLE), self.x, self.y)

    def seen(self, stencil: str, run: Run, gain: float) -> Value:
        """Return what a stencil gives in the cell's own frame, times a gain."""
        if self.frame is None:
            if not self._coarse and gain != 1:
                taps = tuple(
                    (row, column, weight * gain)
                    for row, column, weight in stencils.taps(self.config, self.kernel, stencil)
                )
                return self._here.filtered(taps, run)
            value = self._in_lattice(stencil, run)
        else:
            if stencil not in self._mixes:
                self._mixes[stencil] = self.frame.mix(stencil, stencils.order(self.config, self.kernel, stencil))
            (name, factor), *others = self._mixes[stencil].items()
            value = self._in_lattice(name, run) * factor
            for name, factor in others:
                value = self._in_lattice(name, run).times_plus(factor, value)
        return value if gain == 1 else value * gain

    def _in_lattice(self, stencil: str, run: Run) -> Value:
        """Return what a stencil gives in the lattice's frame: the mean over all scales."""
        if (stencil, run) not in self._found:
            scales = (
                [self._here.filtered(stencils.taps(self.config, self.kernel, stencil), run)]
                if 0 in self.config.scales
                else []
            )
            for results, resampled in self._coarse:
                channels = self.config.channels
                first = self._names.index(stencil) * channels + run[0]
                scales.append(resampled.load(results, len(self._names) * channels, first, run[1]))
            total = scales[0]
            for value in scales[1:]:
                total = total + value
            self._found[stencil, run] = total if len(scales) == 1 else total * (1 / len(scales))
        return self._found[stencil, run]
