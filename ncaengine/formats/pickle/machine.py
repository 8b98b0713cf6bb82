"""The stack machine of pickles: it makes containers, numbers and texts, and looks up and runs nothing.

A class or function that a pickle names becomes a GlobalName, an object of a class of data an UnloadedObject (see
`stand_ins`); both are inert. A subclass says what the few calls that saved weights need mean (see `tensors`). Any other
call is refused.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ncaengine.core.errors import NCAError
from ncaengine.formats.pickle.stand_ins import is_data, is_foreign

MAX_STEPS = 200_000
"""Limit for the opcodes of a pickle and the items that its calls copy."""


@dataclass(frozen=True, slots=True)
class GlobalName:
    """The name of a class or function in a pickle; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:100]


@dataclass(eq=False, slots=True)
class UnloadedObject:
    """An object whose class is not loaded."""

    module: str
    """Module of the class."""
    name: str
    """Name of the class."""
    state: Any = field(default=None, repr=False)
    """The object's attributes, usually a dict."""
    items: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Items of an object whose class is a dict's or a list's."""

    @property
    def foreign(self) -> bool:
        """Whether its class is of an unknown program or library."""
        return is_foreign(self.module)


@dataclass(eq=False, slots=True)
class PendingObject:
    """An object that the opcode BUILD will complete."""

    build: Callable[[Any], Any]
    """Makes the value from BUILD's argument."""
    value: Any = None
    """The complete object, which the memo returns in place of this one."""


def unsupported(what: GlobalName | str) -> NCAError:
    """Return the error for tensors that no texture NCA has."""
    return NCAError(f"holds weights that are not plain tensors ({what}).")


def code_refused(what: GlobalName | UnloadedObject) -> NCAError:
    """Return the error for a call that is not of data, or for weights inside an object of an unknown class."""
    what = GlobalName(what.module, what.name)
    return NCAError(
        f"asks for Python code ({what}), and ncaengine runs no code from model files; "
        "save the model's state_dict() with torch.save instead."
    )


def _global_name(module: Any, name: Any) -> GlobalName:
    """Return a checked name. Raises TypeError for one that would be slow to print or compare."""
    if not (isinstance(module, str) and isinstance(name, str) and len(module) + len(name) <= 1000):
        raise TypeError("not a name")
    return GlobalName(module, name)


class PickleMachine:
    """Runs one pickle. Its methods raise NCAError, and on damaged data any exception."""

    def __init__(self, calls: Mapping[str, Callable[..., Any]]) -> None:
        """Create a machine.

        calls: for each function that a pickle may call, by full name, a function of the machine and the arguments.
        """
        self.calls = calls
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps = MAX_STEPS

    def run(self, stream: io.BytesIO) -> Any:
        """Return the object of the pickle that starts here, and leave the stream behind the pickle."""
        for op, arg, _ in pickletools.genops(stream):
            self.spend(1)
            if op.name == "STOP":
                break
            OPS[op.name](self, arg)
        return self.stack.pop()

    def spend(self, steps: int) -> None:
        """Count steps. Raises NCAError once a pickle has taken more than MAX_STEPS."""
        self.steps -= steps
        if self.steps < 0:
            raise NCAError("holds far more than the weights of a texture NCA; save only the model's state_dict().")

    def push(self, value: Any) -> None:
        """Put a value on the stack. Raises ValueError for a number that would take long to print."""
        if isinstance(value, int) and value.bit_length() > 128:
            raise ValueError("number too large")
        self.stack.append(bytes(value) if isinstance(value, bytearray) else value)

    def pop(self, count: int) -> list[Any]:
        """Remove the last `count` items from the stack and return them. Raises IndexError if there are fewer."""
        items = self.stack[-count:]
        if len(items) != count:
            raise IndexError("stack underflow")
        del self.stack[-count:]
        return items

    def mark(self) -> None:
        """Start a new stack for the items behind a mark."""
        self.marks.append(self.stack)
        self.stack = []

    def marked(self) -> list[Any]:
        """Return the items behind the last mark, and go back to the stack before it."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def get(self, index: int) -> None:
        """Push the memo's item of this index."""
        found = self.memo[index]
        self.stack.append(found.value if isinstance(found, PendingObject) else found)

    def key(self, key: Any) -> Any:
        """Return a checked key: one that is hashed fast, and whose tuples can't collide by the thousand."""
        if type(key) is tuple:
            self.spend(100 + len(key))
        for part in key if type(key) is tuple else (key,):
            if isinstance(part, (str, bytes)):
                good = len(part) <= 1000
            else:
                good = part is None or isinstance(part, float) or (isinstance(part, int) and part.bit_length() < 64)
            if not good:
                raise TypeError("not a key")
        return key

    def pairs(self, items: list[Any]) -> dict[Any, Any]:
        """Return a dict from alternating keys and values."""
        return {self.key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def extend(self, items: list[Any]) -> None:
        """Add items to the list or set on top of the stack."""
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            target.update(map(self.key, items))
        elif isinstance(target, UnloadedObject):
            target.items.update(enumerate(items, len(target.items)))
        else:
            raise TypeError("not a list")

    def update(self, items: list[Any]) -> None:
        """Add keys and values to the dict on top of the stack."""
        target = self.stack[-1]
        if not isinstance(target, (dict, UnloadedObject)):
            raise TypeError("not a dict")
        (target if isinstance(target, dict) else target.items).update(self.pairs(items))

    def call(self, what: Any, args: Any) -> None:
        """Push the result of a known call, or an UnloadedObject. Raises NCAError with the name of any other call."""
        if not (isinstance(what, GlobalName) and isinstance(args, tuple)):
            raise TypeError("not a call")
        self.spend(len(args))
        if known := self.calls.get(f"{what.module}.{what.name}"):
            self.stack.append(known(self, *args))
        elif what.module == "torch._utils" and what.name.startswith("_rebuild_"):
            raise unsupported(what)
        else:
            self.stack.append(self.stand_in(what))

    def stand_in(self, what: Any) -> UnloadedObject:
        """Return an inert object of a class of data. Raises NCAError with the name of anything else."""
        if not isinstance(what, GlobalName):
            raise TypeError("not a class")
        if not (is_data(what.module, what.name) or is_foreign(what.module)):
            raise code_refused(what)
        return UnloadedObject(what.module, what.name)

    def build(self) -> None:
        """Set attributes of an object or content of an array; attributes of dicts, as state dicts have, are dropped."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, UnloadedObject):
            target.state = state
        elif isinstance(target, PendingObject):
            target.value = self.stack[-1] = target.build(state)
        elif not isinstance(target, (dict, list, set)):
            raise TypeError("not an object")

    def persistent(self, known: Any) -> Any:
        """Return what lies outside of the pickle, from its persistent id."""
        raise NotImplementedError


VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
)  # fmt: skip
OPS: dict[str, Callable[[PickleMachine, Any], object]] = {
    **dict.fromkeys(VALUES, PickleMachine.push),
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
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleMachine.get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, index: m.memo.update({index: m.stack[-1]})),
    "MEMOIZE": lambda m, _: m.memo.update({len(m.memo): m.stack[-1]}),
    "GLOBAL": lambda m, names: m.push(_global_name(*names.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m.push(_global_name(*m.pop(2))),
    "REDUCE": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ": lambda m, _: m.call(*m.pop(2)),
    "NEWOBJ_EX": lambda m, _: m.call(*m.pop(3)[:2]),
    "INST": lambda m, names: m.call(_global_name(*names.split(" ", 1)), tuple(m.marked())),
    "OBJ": lambda m, _: m.call((items := m.marked())[0], tuple(items[1:])),
    "BUILD": lambda m, _: m.build(),
    "BINPERSID": lambda m, _: m.stack.append(m.persistent(*m.pop(1))),
}
"""Every opcode of pickle except those for registries and for buffers outside of the file."""
