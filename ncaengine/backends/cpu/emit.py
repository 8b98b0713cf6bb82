"""A small language for functions made at run time: values (see values.py), loops, conditions and calls.

code = Code(Unit(), "double", {"numbers": F32, "count": I64}, numbers=("count",))
with code.loop(code.args["count"]) as i:
code.arrays["numbers"][i] = code.arrays["numbers"][i] * 2.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from ncaengine.backends.cpu.values import BOOL, I32, I64, POINTER, Array, Emitter, Unit, Value, Variable


class Code(Emitter):
    """A function under construction; what is emitted goes to its end.

    args: its arguments that are numbers, by name.
    arrays: its arguments that are arrays, by name. No array overlaps another one, if it is written.
    """

    def __init__(self, unit: Unit, name: str, arguments: Mapping[str, Any], numbers: tuple[str, ...] = ()) -> None:
        """Begin a function without a result.

        arguments: the type of each argument, or of its numbers if it is an array.
        numbers: which arguments are single numbers; the others are arrays.
        """
        self.unit = unit
        kinds = [kind if each in numbers else POINTER for each, kind in arguments.items()]
        self.function = ir.Function(unit.module, ir.FunctionType(ir.VoidType(), kinds), name)
        self.start = ir.IRBuilder(self.function.append_basic_block("entry"))
        body = self.function.append_basic_block("body")
        self.start.branch(body)
        self.start.position_before(self.start.block.terminator)
        self.builder = ir.IRBuilder(body)
        self.args: dict[str, Value] = {}
        self.arrays: dict[str, Array] = {}
        for raw, (each, kind) in zip(self.function.args, arguments.items(), strict=True):
            if each in numbers:
                self.args[each] = Value(self, raw)
            else:
                raw.add_attribute("noalias")
                self.arrays[each] = Array(self, raw, kind)

    def vector(self, numbers: Sequence[float], element: Any = I32) -> Value:
        """Return a constant vector; of one number, a single constant."""
        if len(numbers) == 1:
            return self.constant(numbers[0], element)
        return Value(self, ir.Constant(ir.VectorType(element, len(numbers)), list(numbers)))

    def variable(self, first: Value | int) -> Variable:
        """Return a variable that begins with a value; a Python number is an int64."""
        return Variable(self, first if isinstance(first, Value) else self.constant(first))

    def array_at(self, address: Value, element: Any) -> Array:
        """Return the array that begins at an address, an int64."""
        return Array(self, self.builder.inttoptr(address.raw, POINTER), element)

    @contextmanager
    def loop(self, end: Value | int, step: Value | int = 1, first: Value | int = 0) -> Iterator[Value]:
        """Emit a loop over first, first + step, … below `end`; the body gets the number, an int64."""
        b, number = self.builder, self.variable(first)
        head, body, after = (b.append_basic_block(name) for name in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        now = number.get()
        b.cbranch((now < end).raw, body, after)
        b.position_at_end(body)
        yield now
        number.set(now + step)
        b.branch(head)
        b.position_at_end(after)

    @contextmanager
    def loop_while(self, condition: Callable[[], Value]) -> Iterator[None]:
        """Emit a loop whose body runs as long as `condition()` holds."""
        b = self.builder
        head, body, after = (b.append_basic_block(name) for name in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        b.cbranch(condition().raw, body, after)
        b.position_at_end(body)
        yield
        b.branch(head)
        b.position_at_end(after)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Emit a body that runs only if a comparison holds."""
        with self.builder.if_then(condition.raw):
            yield

    def call(self, function: Any, arguments: list[Value | Array]) -> None:
        """Call a function of the unit."""
        self.builder.call(function, [each.raw for each in arguments])

    def call_at(self, address: Value, arguments: list[Value | Array]) -> None:
        """Call the function without a result that begins at an address, an int64."""
        raws = [each.raw for each in arguments]
        kind = ir.FunctionType(ir.VoidType(), [raw.type for raw in raws])
        self.builder.call(self.builder.inttoptr(address.raw, ir.PointerType(kind)), raws)

    def copy(self, target: Array, source: Array, numbers: Value) -> None:
        """Copy `numbers` float32 between arrays that don't overlap."""
        name = "llvm.memcpy.p0.p0.i64"
        function = self.unit.intrinsic(name, ir.VoidType(), [POINTER, POINTER, I64, BOOL])
        self.builder.call(function, [target.raw, source.raw, (numbers * 4).raw, BOOL(0)])

    def end(self) -> Any:
        """Finish the function and return it, to be called."""
        self.builder.ret_void()
        return self.function
