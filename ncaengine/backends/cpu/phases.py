"""Emit the rarer phases of a step.

Phases have the arguments firing.PART and work on rows: of the grid or, for a coarser scale, of that one.
"""

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.firing import PART, PART_NUMBERS, states
from ncaengine.backends.cpu.neighbours import Neighbours, Resampled, State, runs, zero_beyond
from ncaengine.backends.cpu.perception import applied_stencils
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.records import GRID, SAMPLE, SCALE, SLOT, Record
from ncaengine.backends.cpu.values import F32, I64, Array, Unit
from ncaengine.core import stencils
from ncaengine.core.kernels import Kernel
from ncaengine.core.model import Alive, Config


def shrink(config: Config, scale: int, width: Width) -> Unit:
    """Return the phase `shrink`: resample the state to a coarser scale, by its place among them."""
    unit = Unit(width.fused)
    code = Code(unit, "shrink", PART, PART_NUMBERS)
    grid = Record(code, GRID, code.arrays["grid"])
    before, _ = states(code, grid)
    coarse = _scale(code, grid, scale)
    target, across = coarse.array("state", F32), coarse["width"]
    with code.loop(code.args["last"], first=code.args["first"]) as y, code.loop(across) as x:
        resampled = Resampled(coarse.record("shrink", SAMPLE), x, y)
        for _, (first, count) in runs(tuple(range(config.channels)), width.lanes):
            target[(y * across + x) * config.channels + first] = resampled.load(before, config.channels, first, count)
    code.end()
    return unit


def filter_coarse(config: Config, kernel: Kernel, framed: bool, scale: int, width: Width) -> Unit:
    """Return the phase `filter_coarse`: apply all stencils to the state at a coarser scale."""
    unit = Unit(width.fused)
    code = Code(unit, "filter_coarse", PART, PART_NUMBERS)
    coarse = _scale(code, Record(code, GRID, code.arrays["grid"]), scale)
    names, channels = applied_stencils(config, framed), config.channels
    target, across = coarse.array("results", F32), coarse["width"]
    beyond = zero_beyond(config, across * coarse["height"])
    with code.loop(code.args["last"], first=code.args["first"]) as y, code.loop(across) as x:
        around = Neighbours(coarse, coarse["reach"], x, y, beyond)
        state = State(coarse.array("state", F32), channels, around)
        found = target.since((y * across + x) * (len(names) * channels))
        for _, run in runs(tuple(range(channels)), width.lanes):
            for i, name in enumerate(names):
                found[i * channels + run[0]] = state.filtered(stencils.taps(config, kernel, name), run)
    code.end()
    return unit


def _scale(code: Code, grid: Record, number: int) -> Record:
    model = Record(code, SLOT, grid.array("slots", I64).since(code.args["slot"] * len(SLOT)))
    return Record(code, SCALE, code.array_at(model.array("coarse", I64)[number], I64))


def note_life(config: Config, alive: Alive, width: Width) -> Unit:
    """Return the phase `note_life`: copy the channel of life after the step, before cells die."""
    unit = Unit(width.fused)
    code = Code(unit, "note_life", PART, PART_NUMBERS)
    grid = Record(code, GRID, code.arrays["grid"])
    _, after = states(code, grid)
    life, across = grid.array("life", F32), grid["width"]
    with code.loop(code.args["last"] * across, first=code.args["first"] * across) as cell:
        life[cell] = after[cell * config.channels + alive.channel]
    code.end()
    return unit


def let_die(config: Config, kernel: Kernel, alive: Alive, width: Width) -> Unit:
    """Return the phase `let_die`: set cells to 0 unless a living one is near; see model.Alive."""
    unit = Unit(width.fused)
    code = Code(unit, "let_die", PART, PART_NUMBERS)
    grid = Record(code, GRID, code.arrays["grid"])
    before, after = states(code, grid)
    offsets = sorted({(row, column) for row, column, _ in kernel.taps("laplacian")} | {(0, 0)})
    across = grid["width"]
    beyond = zero_beyond(config, across * grid["height"])
    with code.loop(code.args["last"], first=code.args["first"]) as y, code.loop(across) as x:
        around = Neighbours(grid, grid["reach"], x, y, beyond)
        lives = None
        read = {
            "before": (before, config.channels, alive.channel),
            "after": (grid.array("life", F32), 1, 0),
        }  # fmt: skip
        for when, (array, stride, first) in read.items():
            if alive.when not in (when, "both"):
                continue
            most = None
            for row, column in offsets:
                value = array[around.at(row, column) * stride + first]
                most = value if most is None else value.at_least(most)
            assert most is not None
            near = most > alive.threshold
            lives = near if lives is None else lives & near
        assert lives is not None
        with code.when(lives.equals(0)):
            _clear(after.since((y * across + x) * config.channels), config.channels, width.lanes)
    code.end()
    return unit


def _clear(target: Array, count: int, lanes: int) -> None:
    for _, (first, n) in runs(tuple(range(count)), lanes):
        target[first] = target.code.constant(0.0, F32, n)
