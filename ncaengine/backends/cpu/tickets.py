"""Emit the loop in which threads share the phases of some steps."""

from ncaengine.backends.cpu.emit import Code
from ncaengine.backends.cpu.product import Width
from ncaengine.backends.cpu.values import I32, I64, Array, Unit, Value

RUN = {
    "grid": I64, "scratch": I32, "phases": I64, "progress": I32, "own": I64, "number": I64, "odd": I64, "steps": I64,
    "phase_count": I64, "groups": I64, "parts": I64, "near": I64, "nap": I64,
}  # fmt: skip
RUN_NUMBERS = tuple(name for name in RUN if name not in ("grid", "scratch", "phases", "progress"))
SPINS = 2000
"""How often a thread looks before it naps: some 20 microseconds."""
NAP = 30
"""Microseconds."""
SPACING = 16
"""int32 numbers between two counters that threads share, so that none lies in another's cache line."""


def run(width: Width) -> Unit:
    """Return the function `run`, in which each thread makes its share of some steps.

    The rows are divided into parts, and the parts into one group a thread, whose cells then stay in its processor's
    cache. A group's tickets are its parts in order, again and again: once for each phase of each step, a turn. A ticket
    is ready when the parts that it reads have finished the turn before: those beside it, or all of them. A thread takes
    the next ticket of its own group if that is ready, else one of another group; only if none is, it waits. So nobody
    holds a ticket that isn't ready, and somebody can always go on.

    Its arguments:
    grid, scratch: the grid's record, and the thread's memory.
    phases: (phase_count, 3) int64, each a function's address, its model's slot and its number of rows.
    progress: (groups + parts, SPACING) int32 of zeros, shared: the next ticket of each group, and how many turns each
        part has finished.
    own: the thread's group.
    number: the first step's.
    odd: whether state_1 is the state.
    near: how many parts on each side a part waits for.
    nap: the address of a function that lets the thread nap, see machine.nap.
    """
    code = Code(Unit(width.fused), "run", RUN, RUN_NUMBERS)
    loop = _Loop(code)
    looks = code.variable(0)
    with code.loop_while(loop.something_is_left):
        loop.found.set(0)
        with code.loop(code.args["groups"]) as offset, code.when(loop.found.get().equals(0)):
            loop.try_group((code.args["own"] + offset) % code.args["groups"])
        looks.set(loop.found.get().equals(0).choose(looks.get() + 1, looks.get().like(0)))
        with code.when(looks.get() > SPINS):
            code.call_at(code.args["nap"], [code.constant(NAP, I32)])
            looks.set(0)
    code.end()
    return code.unit


class _Loop:
    def __init__(self, code: Code) -> None:
        self.code, self.args = code, code.args
        self.turns = code.args["steps"] * code.args["phase_count"]
        self.found = code.variable(0)  # whether a ticket was taken in this round

    def _counter(self, number: Value) -> Array:
        return self.code.arrays["progress"].since(number * SPACING)

    def _ends(self, group: Value) -> tuple[Value, Value]:
        """Return a group's first part and how many it has."""
        parts, groups = self.args["parts"], self.args["groups"]
        first = group * parts / groups
        return first, (group + 1) * parts / groups - first

    def something_is_left(self) -> Value:
        """Emit whether some group has tickets."""
        left = self.code.variable(0)
        with self.code.loop(self.args["groups"]) as group:
            _, count = self._ends(group)
            with self.code.when(self._counter(group).load_shared() < self.turns * count):
                left.set(1)
        return left.get() > 0

    def try_group(self, group: Value) -> None:
        """Take a group's next ticket, if there is one and it is ready, and do its work."""
        code = self.code
        first, count = self._ends(group)
        ticket = self._counter(group).load_shared()
        # A group begins in its middle, because its ends wait for other groups.
        turn, part = ticket / count, first + (ticket % count + count / 2) % count
        with (
            code.when(ticket < self.turns * count),
            code.when(self._ready(part, turn)),
            code.when(self._counter(group).replace_shared(ticket, ticket + 1)),
        ):
            self.found.set(1)
            self._work(turn, part)

    def _ready(self, part: Value, turn: Value) -> Value:
        code, near, parts, groups = self.code, self.args["near"], self.args["parts"], self.args["groups"]
        ready = code.variable(1)
        with code.loop(near + 1, first=near * -1) as offset:
            other = (part + offset + parts) % parts
            with code.when(self._counter(groups + other).load_shared() < turn):
                ready.set(0)
        return ready.get() > 0

    def _work(self, turn: Value, part: Value) -> None:
        code, args = self.code, self.args
        step, phase = turn / args["phase_count"], turn % args["phase_count"]
        function, slot, rows = (code.arrays["phases"][phase * 3 + i] for i in range(3))
        ends = [(part + i) * rows / args["parts"] for i in (0, 1)]
        now = args["number"] + step, (args["odd"] + step) & 1
        code.call_at(function, [code.arrays["grid"], code.arrays["scratch"], *now, slot, *ends])
        self._counter(args["groups"] + part).add_shared(1)
