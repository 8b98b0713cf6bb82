"""Emit who fires: a list of cells is filled row by row, and the net runs whenever it is full."""

from typing import Literal

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.product import Width, chunks
from ncaengine.backends.cpu.records import GRID, SLOT, Record
from ncaengine.backends.cpu.values import F32, I32, I64, U8, Array, Unit, Value
from ncaengine.core.fields import PLANE
from ncaengine.core.model import Config
from ncaengine.core.pcg import ALWAYS

Firing = Literal["pairs", "list", "rates", "all"]
"""Which cells are computed. pairs: one of two. list: those whose hash says that they fire. rates: the same where cells
have rates of their own. all: every cell."""
BATCH = 48
"""Cells that the net runs for at a time."""
TILE = 64
"""Cells whose hashes are computed at a time."""
PART = {"grid": I64, "scratch": I32, "number": I64, "odd": I64, "slot": I64, "first": I64, "last": I64}
"""Arguments of a phase of a step: the grid's record, the thread's memory, the step's number, whether state_1 is the
state before the step, the model's slot, and the rows. A phase is what all threads do before any goes on to the next."""
PART_NUMBERS = ("number", "odd", "slot", "first", "last")
QUEUE = 2 * (BATCH + TILE) + TILE
"""The int32 numbers of a thread's memory that are used here; a multiple of 16."""
NET = {
    "grid": I64, "state": F32, "after": F32, "weights": F32, "inputs": F32, "diffused": F32, "hidden": F32, "x": I32,
    "y": I32, "count": I64, "number": I64,
}  # fmt: skip


def pcg4d(x: Value, y: Value, z: Value, w: Value) -> list[Value]:
    """Return the four words of pcg.pcg4d; all are int32."""
    v = [each * 1664525 + 1013904223 for each in (x, y, z, w)]
    for turn in range(2):
        v[0] = v[0] + v[1] * v[3]
        v[1] = v[1] + v[2] * v[0]
        v[2] = v[2] + v[0] * v[1]
        v[3] = v[3] + v[1] * v[2]
        if turn == 0:
            v = [each ^ (each >> 16) for each in v]
    return v


def states(code: Code, grid: Record) -> tuple[Array, Array]:
    """Return the states before and after the step of a phase."""
    odd = code.args["odd"].equals(1)
    before, after = grid["state_0"], grid["state_1"]
    return code.array_at(odd.choose(after, before), F32), code.array_at(odd.choose(before, after), F32)


def step_rows(firing: Firing, config: Config, several: bool, width: Width) -> Unit:
    """Return the phase `step_rows`: copy rows of cells, find who fires, and run the net for them.

    With pairs above each other, these are the rows of the upper half, and those of the lower half with them.

    several: whether the cells run several models.
    """
    unit = Unit(width.fused)
    code = Code(unit, "step_rows", PART, PART_NUMBERS)
    _Rows(code, firing, config, several, width.lanes).emit()
    code.end()
    return unit


class _Rows:
    def __init__(self, code: Code, firing: Firing, config: Config, several: bool, lanes: int) -> None:
        self.code, self.firing, self.config, self.several, self.lanes = code, firing, config, several, lanes
        self.grid = Record(code, GRID, code.arrays["grid"])
        self.before, self.after = states(code, self.grid)
        scratch = code.arrays["scratch"]
        self.x, self.y, self.fires = scratch, scratch.since(BATCH + TILE), scratch.since(2 * (BATCH + TILE))
        self.waiting = code.variable(0)
        self.width = self.grid["width"]
        self.pair_columns, self.pair_rows = self.grid["pair_columns"], self.grid["pair_rows"]

    def emit(self) -> None:
        code = self.code
        across = self.width - self.pair_columns if self.firing == "pairs" else self.width
        with code.loop(code.args["last"], first=code.args["first"]) as y, code.loop(across, TILE) as x:
            count = (across - x).at_most(TILE)
            self._copy(x, y, count)
            self._find(x, y, count)
            self._enqueue(x, y, count)
            with code.loop_while(lambda: self.waiting.get() >= BATCH):
                self._run(code.constant(BATCH))
                self._move_rest()
        with code.when(self.waiting.get() > 0):
            self._fill_up()
            self._run(self.waiting.get())

    def _copy(self, x: Value, y: Value, count: Value) -> None:
        """Copy a tile; cells that don't fire keep their state, within the clip."""
        if self.firing == "all":
            return
        starts = [y * self.width + x]
        if self.firing == "pairs":
            starts.append((y + self.pair_rows) * self.width + x + self.pair_columns)
        for start in starts:
            if self.several or self.config.clips.state:
                with self.code.loop(count) as i:
                    self._copy_cell(start + i)
            else:
                first = start * self.config.channels
                self.code.copy(self.after.since(first), self.before.since(first), count * self.config.channels)

    def _copy_cell(self, cell: Value) -> None:
        channels = self.config.channels
        with self.code.when(self._runs_this_model(cell)):
            for first, lanes in chunks(channels, self.lanes):
                at = cell * channels + first
                self.after[at] = self.before.load(at, lanes).within(self.config.clips.state)

    def _runs_this_model(self, cell: Value) -> Value:
        if not self.several:
            return cell.equals(cell)
        return self.grid.array("model_of_cell", U8)[cell].to(I64).equals(self.code.args["slot"])

    def _find(self, x: Value, y: Value, count: Value) -> None:
        """Note for each cell of a tile whether it fires."""
        if self.firing == "all":
            return
        code, lanes = self.code, self.lanes
        step, seed = (value.to(I32).spread(lanes) for value in (code.args["number"], self.grid["rng_seed"]))
        threshold = self.grid["fire_threshold"].to(I32)
        with code.loop(count, lanes) as i:
            columns = (x + i).to(I32).spread(lanes) + code.vector(range(lanes))
            word = pcg4d(columns, y.to(I32).spread(lanes), step, seed)[0]
            below = word < threshold
            self.fires[i] = below.choose(word.like(1), word.like(0))
            if self.firing == "rates":
                self._by_rates(y * self.width + x + i, word, threshold, i, (count - i).at_most(lanes))

    def _by_rates(self, cell: Value, word: Value, threshold: Value, at: Value, count: Value) -> None:
        """Let cells whose rate isn't 1 fire by that; see pcg.fire_mask."""
        code = self.code
        words = self.fires.since(at)
        always = threshold.equals(ALWAYS)
        whole = self.fires.load(at, self.lanes) | always.choose(threshold.like(1), threshold.like(0)).spread(self.lanes)
        fractions = (word >> 8).to(F32) * 2.0**-24
        rates = self.grid.array("fields", F32)
        fraction_at, whole_at = Stack(code, fractions), Stack(code, whole)
        with code.loop(count) as i:
            rate = rates[(cell + i) * self.grid["field_stride"] + PLANE["rate"]]
            chance = fraction_at.array[i] < self.grid.real("fire_rate") * rate
            one = code.constant(1, I32)
            own = chance.choose(one, one.like(0))
            words[i] = rate.equals(1.0).choose(whole_at.array[i], own)

    def _enqueue(self, x: Value, y: Value, count: Value) -> None:
        """Put the cells that fire into the list: the place after the last one is written, and kept if it does."""
        code = self.code
        with code.loop(count) as i:
            at, column, row = self.waiting.get(), x + i, y
            more = code.constant(1)
            if self.firing == "pairs":
                first = self.fires[i].equals(1)
                column = first.choose(column, column + self.pair_columns)
                row = first.choose(row, row + self.pair_rows)
            elif self.firing != "all":
                more = self.fires[i].to(I64)
            if self.several:
                more = self._runs_this_model(row * self.width + column).choose(more, more.like(0))
            self.x[at], self.y[at] = column.to(I32), row.to(I32)
            self.waiting.set(at + more)

    def _run(self, count: Value) -> None:
        start = self.grid.array("slots", I64).since(self.code.args["slot"] * len(SLOT))
        model = Record(self.code, SLOT, start)
        code, scratch = self.code, Array(self.code, self.code.arrays["scratch"].raw, F32)
        inputs, diffused, hidden = (scratch.since(model[name]) for name in ("inputs", "diffused", "hidden"))
        grid = code.arrays["grid"]
        code.call_at(model["perceive"], [grid, start, self.before, inputs, diffused, self.x, self.y, count])
        weights = model.array("weights", F32)
        code.call_at(
            model["net"],
            [grid, self.before, self.after, weights, inputs, diffused, hidden, self.x, self.y, count,
             code.args["number"]],
        )  # fmt: skip

    def _move_rest(self) -> None:
        """Move what is left in the list to its start."""
        left = self.waiting.get() - BATCH
        self.waiting.set(left)
        with self.code.loop(left) as i:
            for queue in (self.x, self.y):
                queue[i] = queue[i + BATCH]

    def _fill_up(self) -> None:
        """Repeat the first cell until whole blocks are full; its result is written again."""
        full = (self.waiting.get() + (BLOCK - 1)) / BLOCK * BLOCK
        with self.code.loop(full, first=self.waiting.get()) as i:
            for queue in (self.x, self.y):
                queue[i] = queue[0]
        self.waiting.set(full)


BLOCK = 12
"""The list's length is made a multiple of this, which the rows of each Width divide; it divides BATCH."""


class Stack:
    """A vector's numbers in memory, to be read one by one."""

    def __init__(self, code: Code, value: Value) -> None:
        place = code.start.alloca(value.raw.type)
        code.builder.store(value.raw, place)
        self.array = Array(code, code.start.bitcast(place, place.type), value.element)
