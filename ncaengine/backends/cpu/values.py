"""What functions made at run time compute with: values with operators, arrays and variables, over llvmlite.

A value is a number or a vector of them (its lanes). Python numbers in an expression become constants of the other
operand's type. Integers wrap on overflow, as uint32 and int64 of NumPy do; comparisons and `>>` take int32 as unsigned
and int64 as signed.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

F32, I32, I64, U8, POINTER = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.IntType(8), ir.PointerType()
BOOL = ir.IntType(1)
BYTES = {F32: 4, I32: 4, I64: 8, U8: 1}


class Unit:
    """A module of LLVM: functions that are compiled together."""

    def __init__(self, fused: bool = True) -> None:
        """fused: whether the processor multiplies and adds in one instruction."""
        self.module, self.fused = ir.Module("ncaengine"), fused

    def text(self) -> str:
        """Return LLVM's assembly of all functions."""
        return str(self.module)

    def intrinsic(self, name: str, result: Any, arguments: list[Any]) -> Any:
        """Return a function of LLVM or of the C library, declared once."""
        if name not in self.module.globals:
            ir.Function(self.module, ir.FunctionType(result, arguments), name)
        return self.module.globals[name]


class Emitter:
    """What values need of the function under construction: where to emit."""

    unit: Unit
    builder: Any
    """Emits at the end."""
    start: Any
    """Emits at the beginning, where memory for variables is taken."""

    def constant(self, number: float, element: Any = I64, lanes: int = 1) -> Value:
        """Return a constant, the same in each lane."""
        one = float(number) if element == F32 else int(number)
        return Value(self, ir.Constant(ir.VectorType(element, lanes), [one] * lanes) if lanes > 1 else element(one))


class Value:
    """A number, or a vector of numbers, that a function computes."""

    def __init__(self, code: Emitter, raw: Any) -> None:
        self.code, self.raw = code, raw

    @property
    def lanes(self) -> int:
        """How many numbers it holds."""
        return int(self.raw.type.count) if isinstance(self.raw.type, ir.VectorType) else 1

    @property
    def element(self) -> Any:
        """The type of each number."""
        return self.raw.type.element if isinstance(self.raw.type, ir.VectorType) else self.raw.type

    def _with(self, other: Value | float, real: str, whole: str) -> Value:
        b = self.code.builder
        return Value(self.code, getattr(b, real if self.element == F32 else whole)(self.raw, self.like(other).raw))

    def like(self, other: Value | float) -> Value:
        """Return a Python number, or a single value, in this value's type and lanes."""
        if isinstance(other, Value):
            return other if other.lanes == self.lanes else other.spread(self.lanes)
        return self.code.constant(other, self.element, self.lanes)

    def __add__(self, other: Value | float) -> Value:
        return self._with(other, "fadd", "add")

    def __sub__(self, other: Value | float) -> Value:
        return self._with(other, "fsub", "sub")

    def __mul__(self, other: Value | float) -> Value:
        return self._with(other, "fmul", "mul")

    def __truediv__(self, other: Value | float) -> Value:
        return self._with(other, "fdiv", "sdiv")

    def __mod__(self, other: Value | float) -> Value:
        return self._with(other, "frem", "srem")

    def __and__(self, other: Value | int) -> Value:
        return self._with(other, "", "and_")

    def __or__(self, other: Value | int) -> Value:
        return self._with(other, "", "or_")

    def __xor__(self, other: Value | int) -> Value:
        return self._with(other, "", "xor")

    def __rshift__(self, other: int) -> Value:
        return self._with(other, "", "ashr" if self.element == I64 else "lshr")

    def __lshift__(self, other: int) -> Value:
        return self._with(other, "", "shl")

    def _compare(self, sign: str, other: Value | float) -> Value:
        b, right = self.code.builder, self.like(other).raw
        if self.element == F32:
            return Value(self.code, b.fcmp_ordered(sign, self.raw, right))
        compare = b.icmp_signed if self.element == I64 else b.icmp_unsigned
        return Value(self.code, compare(sign, self.raw, right))

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("<", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare(">=", other)

    def equals(self, other: Value | float) -> Value:
        """Return whether each number equals the other's."""
        return self._compare("==", other)

    def any(self) -> Value:
        """Return whether this comparison of vectors holds in some lane."""
        b, bits = self.code.builder, ir.IntType(self.lanes)
        return Value(self.code, b.icmp_unsigned("!=", b.bitcast(self.raw, bits), bits(0)))

    def choose(self, yes: Value | float, no: Value | float) -> Value:
        """Return `yes` where this comparison holds, else `no`; at least one of them must be a Value."""
        if not isinstance(yes, Value):
            assert isinstance(no, Value)
            yes = no.like(yes)
        elif not isinstance(no, Value):
            no = yes.like(no)
        return Value(self.code, self.code.builder.select(self.raw, yes.raw, no.raw))

    def at_least(self, low: Value | float) -> Value:
        """Return the larger of both; NaN stays NaN."""
        return (self < low).choose(self.like(low), self)

    def at_most(self, high: Value | float) -> Value:
        """Return the smaller of both; NaN stays NaN."""
        return (self > high).choose(self.like(high), self)

    def within(self, bounds: tuple[float, float] | None) -> Value:
        """Return the value within some bounds, if there are any; NaN stays NaN."""
        return self if bounds is None else self.at_least(bounds[0]).at_most(bounds[1])

    def spread(self, lanes: int) -> Value:
        """Return a vector that holds this number in each lane."""
        if lanes in (1, self.lanes):
            return self
        return self.picked([0] * lanes)

    def picked(self, lanes: list[int]) -> Value:
        """Return a vector of some of this value's lanes, by their numbers; a single one is a number."""
        b, vector = self.code.builder, self.raw
        if len(lanes) == 1:
            return Value(self.code, b.extract_element(vector, I32(lanes[0]))) if self.lanes > 1 else self
        if self.lanes == 1:
            vector = b.insert_element(ir.Constant(ir.VectorType(self.element, 1), ir.Undefined), self.raw, I32(0))
        mask = ir.Constant(ir.VectorType(I32, len(lanes)), lanes)
        return Value(self.code, b.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask))

    def to(self, element: Any) -> Value:
        """Convert to another type; int32 and bytes count as unsigned, and fractions are cut off."""
        b, old = self.code.builder, self.element
        if old == element:
            return self
        target = ir.VectorType(element, self.lanes) if self.lanes > 1 else element
        if element == F32:
            convert = b.sitofp if old == I64 else b.uitofp
        elif old == F32:
            convert = b.fptosi
        else:
            convert = b.zext if old.width < element.width else b.trunc
        return Value(self.code, convert(self.raw, target))

    def bits_as(self, element: Any) -> Value:
        """Take the same bits as another type; of smaller numbers there are more lanes."""
        lanes = self.lanes * BYTES[self.element] // BYTES[element]
        target = ir.VectorType(element, lanes) if lanes > 1 else element
        return Value(self.code, self.code.builder.bitcast(self.raw, target))

    def call(self, name: str, *others: Value) -> Value:
        """Call one of LLVM's functions of real numbers, such as "floor" or "fma"."""
        suffix = f"v{self.lanes}f32" if self.lanes > 1 else "f32"
        function = self.code.unit.intrinsic(f"llvm.{name}.{suffix}", self.raw.type, [self.raw.type] * (1 + len(others)))
        return Value(self.code, self.code.builder.call(function, [self.raw, *(self.like(o).raw for o in others)]))

    def times_plus(self, factor: Value | float, addend: Value | float) -> Value:
        """Return self·factor + addend, rounded once where the processor can."""
        if not self.code.unit.fused:
            return self * factor + addend
        return self.call("fma", self.like(factor), self.like(addend))


class Array:
    """Numbers in memory, of one type."""

    def __init__(self, code: Emitter, raw: Any, element: Any) -> None:
        self.code, self.raw, self.element = code, raw, element

    def since(self, index: Value | int) -> Array:
        """Return the array that begins at an index of this one."""
        b = self.code.builder
        offset = index.to(I64).raw if isinstance(index, Value) else I64(index)
        return Array(self.code, b.gep(self.raw, [offset], inbounds=True, source_etype=self.element), self.element)

    def load(self, index: Value | int, lanes: int = 1) -> Value:
        """Load one number, or as many neighbours as a vector has lanes."""
        kind = ir.VectorType(self.element, lanes) if lanes > 1 else self.element
        return Value(self.code, self.code.builder.load(self.since(index).raw, align=BYTES[self.element], typ=kind))

    def gather(self, index: Value) -> Value:
        """Load the number at each of a vector of indices."""
        # With AVX-512's own gather, pictures took 1.3 to 1.8 times as long on a Zen 4.
        b, raw = self.code.builder, ir.Constant(ir.VectorType(self.element, index.lanes), ir.Undefined)
        for lane in range(index.lanes):
            raw = b.insert_element(raw, self[index.picked([lane])].raw, I32(lane))
        return Value(self.code, raw)

    def __getitem__(self, index: Value | int) -> Value:
        return self.load(index)

    def __setitem__(self, index: Value | int, value: Value | float) -> None:
        """Store a number, or the numbers of a vector from this index on."""
        if not isinstance(value, Value):
            value = self.code.constant(value, self.element)
        self.code.builder.store(value.raw, self.since(index).raw, align=BYTES[self.element])

    def load_shared(self) -> Value:
        """Load the first number, which other threads change, as an int64; what they wrote before is seen after."""
        raw = self.code.builder.load_atomic(self.raw, "acquire", BYTES[self.element], typ=self.element)
        return Value(self.code, raw).to(I64)

    def add_shared(self, number: int) -> None:
        """Add to the first number; what this thread wrote before is seen by those who load it after."""
        self.code.builder.atomic_rmw("add", self.raw, self.element(number), "release")

    def replace_shared(self, old: Value, new: Value) -> Value:
        """Replace the first number if it is `old`, int64. Return whether it was."""
        before, after = (value.to(self.element).raw for value in (old, new))
        pair = self.code.builder.cmpxchg(self.raw, before, after, "monotonic", "monotonic")
        return Value(self.code, self.code.builder.extract_value(pair, 1))


class Variable:
    """A value that changes; it becomes a register."""

    def __init__(self, code: Emitter, first: Value) -> None:
        self._code, self._kind = code, first.raw.type
        self._place = code.start.alloca(first.raw.type)
        self.set(first)

    def get(self) -> Value:
        """Return the present value."""
        return Value(self._code, self._code.builder.load(self._place, typ=self._kind))

    def set(self, value: Value | float) -> None:
        """Replace the value."""
        raw = value.raw if isinstance(value, Value) else self.get().like(value).raw
        self._code.builder.store(raw, self._place)
