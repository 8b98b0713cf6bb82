"""Graph-models of TensorFlow.js: their operations, what reads what, and their constants."""

import base64
import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
import numpy as np

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.core.types import F32
from ncaengine.formats.importers.base import converted, quoted
from ncaengine.formats.limits import too_large
from ncaengine.formats.pickle.tensors import Array

LONGEST = 8
"""Operations in a row that only pass something on."""
TYPES = {"DT_FLOAT": "<f4", "DT_INT32": "<i4"}
ADDS = ("Add", "AddV2", "BiasAdd")
ARITHMETIC: dict[str, Callable[[F32, F32], F32]] = {
    "Mul": np.multiply, "Sub": np.subtract, **dict.fromkeys(ADDS, np.add),
}  # fmt: skip


TURNS: dict[str, Callable[[F32], F32]] = {"Cos": np.cos, "Sin": np.sin}


class Dim(msgspec.Struct, frozen=True):
    """One side of a shape."""

    size: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}$")] = "0"


class Shape(msgspec.Struct, frozen=True):
    """The sides of a tensor."""

    dim: tuple[Dim, ...] = ()


class Held(msgspec.Struct, frozen=True):
    """A tensor: bytes in base64, or a list of its numbers."""

    dtype: str = ""
    shape: Shape = msgspec.field(default=Shape(), name="tensorShape")
    content: str = msgspec.field(default="", name="tensorContent")
    floats: tuple[float, ...] = msgspec.field(default=(), name="floatVal")
    integers: tuple[Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)], ...] = msgspec.field(default=(), name="intVal")


class TfNode(msgspec.Struct, frozen=True, eq=False):
    """An operation."""

    name: str
    op: str
    input: tuple[str, ...] = ()
    attr: dict[str, Any] = {}

    @property
    def inputs(self) -> list[str]:
        """The names of the operations whose results it reads."""
        return [name.partition(":")[0] for name in self.input if not name.startswith("^")]

    @property
    def first(self) -> str:
        """The first of `inputs`. Raises NCAError if there is none."""
        if not self.inputs:
            raise self.odd("without inputs")
        return self.inputs[0]

    def attribute(self, name: str) -> Any:
        """Return the value of an attribute without its type; None if it is missing."""
        value = self.attr.get(name)
        return next(iter(value.values()), None) if isinstance(value, dict) else None

    def odd(self, where: str) -> NCAError:
        """Return the error for a graph with this operation."""
        return NCAError(
            f"its graph has the operation {self.op[:40]} {where}, where the step of the Growing-CA Colab has another."
        )


class Graph:
    """The operations of a graph by name."""

    def __init__(self, nodes: Iterable[TfNode]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self._readers: dict[str, list[TfNode]] = {}
        self._constants: dict[str, Array | None] = {}
        for node in self.nodes.values():
            for name in dict.fromkeys(node.inputs):
                self._readers.setdefault(name, []).append(node)

    def source(self, name: str) -> TfNode:
        """Return the operation behind a name, and behind operations that only pass its result on."""
        for _ in range(LONGEST):
            node = self.nodes.get(name)
            if node is None:
                raise NCAError(f"its graph lacks {quoted(name)}; save it again.")
            if node.op not in ("Identity", "ReadVariableOp") or not node.inputs:
                return node
            name = node.inputs[0]
        raise NCAError(f"its graph passes {quoted(name)} on too often.")

    def readers(self, node: TfNode) -> list[tuple[TfNode, str]]:
        """Return the operations that read a result, each with the name of its other input, '' if it has not two."""
        found, todo, seen = list[tuple[TfNode, str]](), [node], set[str]()
        while todo:
            node = todo.pop()
            if node.name in seen:
                continue
            seen.add(node.name)
            for reader in self._readers.get(node.name, ()):
                others = [name for name in reader.inputs if name != node.name]
                if reader.op == "Identity":
                    todo.append(reader)
                else:
                    found.append((reader, others[0] if len(others) == 1 else ""))
        return found

    def following(self, node: TfNode) -> tuple[TfNode, str]:
        """Return the only operation that reads a result, and its other input as `readers` does."""
        found = self.readers(node)
        if len(found) != 1:
            raise NCAError(
                f"its graph reads what {quoted(node.name)} gives in {len(found)} places; the Colab's in one."
            )
        return found[0]

    def constant(self, name: str) -> F32 | None:
        """Return the numbers of a constant; None if it is none."""
        found = self._constant(name) if name else None
        return found if found is not None and found.dtype == np.float32 else None

    def bias(self, name: str, length: int) -> F32 | None:
        """Return a bias, of which Keras may change the shape; None if it is none of this length."""
        for _ in range(LONGEST if name else 0):
            node = self.source(name)
            if node.op not in ("Reshape", "Squeeze") or not node.inputs:
                break
            name = node.inputs[0]
        held = self.constant(name)
        return held.reshape(-1) if held is not None and held.size == length else None

    def integers(self, name: str) -> list[int]:
        """Return the few numbers of a constant of integers; [] if it is none."""
        found = self._constant(name)
        return found.ravel()[:4].tolist() if found is not None and found.dtype == np.int32 else []

    def number(self, name: str, levels: int = 6) -> F32 | None:
        """Evaluate arithmetic with a few constants, where an angle that is an input is 0; None for anything else."""
        node = self.source(name)
        if node.op in TURNS and node.inputs and levels:
            given = self.source(node.inputs[0]).op == "Placeholder"
            angle = np.zeros((), np.float32) if given else self.number(node.inputs[0], levels - 1)
            return None if angle is None else np.asarray(TURNS[node.op](angle))
        if node.op in ARITHMETIC and levels and len(node.inputs) == 2:
            a, b = (self.number(each, levels - 1) for each in node.inputs)
            if a is None or b is None or (a.shape != b.shape and min(a.size, b.size) > 1):
                return None
            with np.errstate(all="ignore"):
                return ARITHMETIC[node.op](a, b)
        held = self.constant(node.name)
        return held if held is not None and held.size <= 9 else None

    def _constant(self, name: str) -> Array | None:
        node = self.source(name)
        if node.name not in self._constants:
            value = node.attr.get("value") if node.op == "Const" else None
            known = isinstance(value, dict) and "tensor" in value
            held = converted(value["tensor"], Held, "a graph's constant") if known and value else None
            self._constants[node.name] = _numbers(held) if held and held.dtype in TYPES else None
        return self._constants[node.name]


def _numbers(held: Held) -> Array:
    shape = tuple(int(dim.size) for dim in held.shape.dim)
    if len(shape) > 4 or math.prod(shape) > MAX_NUMBERS:
        raise too_large()
    try:
        packed = base64.b64decode(held.content, validate=True)
    except ValueError:
        raise NCAError("a constant's tensorContent is not base64.") from None
    numbers = np.frombuffer(packed[: len(packed) // 4 * 4], TYPES[held.dtype])
    if not packed:  # short tensors are lists; one number stands for all, and none for zeros
        with np.errstate(over="ignore"):
            numbers = np.array(held.integers if held.dtype == "DT_INT32" else held.floats, TYPES[held.dtype])
        if len(numbers) < 2:
            numbers = np.repeat(numbers if len(numbers) else np.zeros(1, numbers.dtype), math.prod(shape))
    if len(numbers) != math.prod(shape):
        raise NCAError(f"a constant holds {len(numbers)} numbers; its shape {shape} needs {math.prod(shape)}.")
    return numbers.reshape(shape).astype(np.float32 if held.dtype == "DT_FLOAT" else np.int32)
