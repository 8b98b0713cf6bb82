"""The stack machine of pickles: containers, numbers and texts are made, and nothing is looked up or run.

A name in a pickle becomes an inert Reference, an object of a network's class a Foreign; what the few calls that saved
weights need mean is up to a subclass (see pickle_calls), and whatever else a pickle would call is refused by its name.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ncaengine.core.errors import NCAError

MAX_STEPS = 200_000
"""Opcodes of a pickle, and items that its calls copy."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A class or function that a pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:100]


@dataclass(eq=False, slots=True)
class Foreign:
    """What stands for an object of a class that is not loaded: the class's name and the object's attributes."""

    module: str
    name: str
    state: Any = field(default=None, repr=False)


@dataclass(eq=False, slots=True)
class Unbuilt:
    """An object between its call and BUILD, and how that makes its `value`, which the memo then gives instead."""

    build: Callable[[Any], Any]
    value: Any = None


def odd(what: Reference | str) -> NCAError:
    """What is said of tensors that no texture NCA holds."""
    return NCAError(f"holds weights that are not plain tensors ({what}).")


def _refused(what: Reference) -> NCAError:
    return NCAError(
        f"asks for Python code ({what}) and ncaengine runs none from model files; "
        "save its state_dict() with torch.save instead."
    )


def _reference(module: Any, name: Any) -> Reference:
    """Raises TypeError for what would be slow to print or compare."""
    if not (isinstance(module, str) and isinstance(name, str) and len(module) + len(name) <= 1000):
        raise TypeError("no name")
    return Reference(module, name)


class Machine:
    """Runs one pickle. Its methods raise NCAError, or anything on damaged data.

    calls: what a call by the pickle means, by its full name: functions of the machine and the call's arguments.
    """

    def __init__(self, calls: Mapping[str, Callable[..., Any]]) -> None:
        self.calls = calls
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps = MAX_STEPS

    def run(self, stream: io.BytesIO) -> Any:
        """The object of the pickle that starts here; the stream is then behind it."""
        for op, arg, _ in pickletools.genops(stream):
            self.spend(1)
            if op.name == "STOP":
                break
            OPS[op.name](self, arg)
        return self.stack.pop()

    def spend(self, steps: int) -> None:
        """Raises NCAError once a pickle has taken MAX_STEPS."""
        self.steps -= steps
        if self.steps < 0:
            raise NCAError("holds far more than the weights of a texture NCA; save its state_dict() alone.")

    def push(self, value: Any) -> None:
        """Put a value on the stack. Raises ValueError for a number that would take long to print."""
        if isinstance(value, int) and value.bit_length() > 128:
            raise ValueError("absurd number")
        self.stack.append(bytes(value) if isinstance(value, bytearray) else value)

    def pop(self, count: int) -> list[Any]:
        """The last `count` items, off the stack. Raises IndexError if there are fewer."""
        items = self.stack[-count:]
        if len(items) != count:
            raise IndexError("stack underflow")
        del self.stack[-count:]
        return items

    def mark(self) -> None:
        """Begin a stack of its own for what stands behind the mark."""
        self.marks.append(self.stack)
        self.stack = []

    def marked(self) -> list[Any]:
        """All behind the last mark, and back to the stack before it."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def get(self, index: int) -> None:
        """Push what was memoized."""
        found = self.memo[index]
        self.stack.append(found.value if isinstance(found, Unbuilt) else found)

    def key(self, key: Any) -> Any:
        """A key whose hash is quickly made: never of nested tuples or, by the thousand, of colliding ones."""
        if type(key) is tuple:
            self.spend(100 + len(key))
        for part in key if type(key) is tuple else (key,):
            if isinstance(part, (str, bytes)):
                good = len(part) <= 1000
            else:
                good = part is None or isinstance(part, float) or (isinstance(part, int) and part.bit_length() < 64)
            if not good:
                raise TypeError("no key")
        return key

    def pairs(self, items: list[Any]) -> dict[Any, Any]:
        """A dict of keys and values in turn."""
        return {self.key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def extend(self, items: list[Any]) -> None:
        """Add to the list or set on top of the stack."""
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            target.update(map(self.key, items))
        elif not isinstance(target, Foreign):  # which are not opened, whatever container they derive from
            raise TypeError("no list")

    def update(self, items: list[Any]) -> None:
        """Add keys and values to the dict on top of the stack."""
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(self.pairs(items))
        elif not isinstance(target, Foreign):
            raise TypeError("no dict")

    def call(self, what: Any, args: Any) -> None:
        """Push what a known call or an inert object makes. Raises NCAError naming anything else."""
        if not (isinstance(what, Reference) and isinstance(args, tuple)):
            raise TypeError("no call")
        self.spend(len(args))
        if known := self.calls.get(f"{what.module}.{what.name}"):
            self.stack.append(known(self, *args))
        elif what.module in ("__main__", "torch.nn") or what.module.startswith("torch.nn."):
            self.stack.append(Foreign(what.module, what.name))
        elif what.module == "torch._utils" and what.name.startswith("_rebuild_"):
            raise odd(what)
        else:
            raise _refused(what)

    def build(self) -> None:
        """Give an object its attributes, an array its content; those of dicts, as a state dict's, are dropped."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Foreign):
            target.state = state
        elif isinstance(target, Unbuilt):
            target.value = self.stack[-1] = target.build(state)
        elif not isinstance(target, dict):
            raise TypeError("no object")

    def persistent(self, known: Any) -> Any:
        """What lies outside of the pickle and is known there as this."""
        raise NotImplementedError


VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
)  # fmt: skip
OPS: dict[str, Callable[[Machine, Any], object]] = {
    **dict.fromkeys(VALUES, Machine.push),
    **dict.fromkeys(("PROTO", "FRAME"), lambda m, _: None),
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_SET": lambda m, _: m.push(set()),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE1": lambda m, _: m.push(tuple(m.pop(1))),
    "TUPLE2": lambda m, _: m.push(tuple(m.pop(2))),
    "TUPLE3": lambda m, _: m.push(tuple(m.pop(3))),
    "TUPLE": lambda m, _: m.push(tuple(m.marked())),
    "LIST": lambda m, _: m.push(m.marked()),
    "DICT": lambda m, _: m.push(m.pairs(m.marked())),
    "FROZENSET": lambda m, _: m.push(set(map(m.key, m.marked()))),
    "APPEND": lambda m, _: m.extend(m.pop(1)),
    "APPENDS": lambda m, _: m.extend(m.marked()),
    "ADDITEMS": lambda m, _: m.extend(m.marked()),
    "SETITEM": lambda m, _: m.update(m.pop(2)),
    "SETITEMS": lambda m, _: m.update(m.marked()),
    "MARK": lambda m, _: m.mark(),
    "POP_MARK": lambda m, _: m.marked(),
    "POP": lambda m, _: m.pop(1) if m.stack else m.marked(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), Machine.get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, index: m.memo.update({index: m.stack[-1]})),
    "MEMOIZE": lambda m, _: m.memo.update({len(m.memo): m.stack[-1]}),
    "GLOBAL": lambda m, names: m.push(_reference(*names.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m.push(_reference(*m.pop(2))),
    "REDUCE": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.pop(3)[:2]),
    "INST": lambda m, names: m.call(_reference(*names.split(" ", 1)), tuple(m.marked())),
    "OBJ": lambda m, _: m.call((items := m.marked())[0], tuple(items[1:])),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.stack.append(m.persistent(*m.pop(1))),
}
"""Every opcode of pickle but those of registries and buffers outside of the file."""
