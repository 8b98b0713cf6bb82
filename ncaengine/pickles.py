"""What torch.save, pickle.dump and numpy.save wrote, read without torch and without running anything.

The opcodes of a pickle are interpreted here. A name in it becomes an inert Reference; the few calls that saved
weights need are CALLS, all of this file; whatever else a pickle would call is refused by its name. A broken or
malicious file costs at most MAX_STEPS, MAX_NUMBERS and about its own size in memory.
"""

import functools
import io
import math
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.errors import NCAError

Array = npt.NDArray[Any]
Source = Callable[[str, int], bytes | None]
"""The content of the storage of a key, whose elements have so many bytes; None while it is not known yet."""

MAX_BYTES = 256 * 2**20
MAX_NUMBERS = 10**7
"""In all arrays of a file; the largest model has 4.5 million."""
MAX_STEPS = 200_000
"""Opcodes of a pickle, and items that its calls copy."""
MAX_TENSORS = 1000
MAX_DEPTH = 16
"""Of modules within modules; and of a checkpoint around weights a quarter of it."""

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "u2", "Long": "i8", "Int": "i4", "Short": "i2",
    "Char": "i1", "Byte": "u1", "Bool": "b1", "ComplexFloat": "c8", "ComplexDouble": "c16",
}  # fmt: skip
NUMBERS = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|c8|c16|O[48]?)")
NPY_HEAD = re.compile(rb"\{'descr': (.{1,200}?), 'fortran_order': (True|False), 'shape': \(([\dL, ]*)\),? *\} *\n?")
LIKELY = ("state_dict", "model_state_dict", "model", "ca", "nca", "net", "params", "weights")
"""Where a checkpoint keeps its weights."""
WRAPPERS = ("module", "_orig_mod", "model", "ca", "nca")
"""Modules around the automaton, whose names are dropped."""


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
class _Blank:
    """A NumPy array or dtype between its call and BUILD; whoever fetches it from the memo then gets `value`."""

    dtype: str | None
    value: Any = None


@dataclass(eq=False, slots=True)
class _Storage:
    """Memory of tensors; `raw` is None in the pass over an old file that only looks for its storages."""

    raw: memoryview | None
    dtype: np.dtype[Any]
    bfloat: bool


def _too_many(what: str = "ten million numbers") -> NCAError:
    return NCAError(f"holds over {what}, far more than any texture NCA.")


def _odd(what: Reference | str) -> NCAError:
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


def _dtype(text: str, order: str = "") -> np.dtype[Any]:
    """Raises NCAError for all but numbers and objects."""
    if not NUMBERS.fullmatch(text):
        raise NCAError(f"holds an array of {text[:40]!r}, which are no plain numbers.")
    found: np.dtype[Any] = np.dtype(text)
    return found.newbyteorder(">" if order == ">" else "<") if order in ("<", ">") else found


def _size(shape: Any) -> int:
    if type(shape) is not tuple or len(shape) > 64 or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("no shape")
    return math.prod(shape)


def _owned(view: Array) -> Array:
    """A C-contiguous copy in the machine's byte order."""
    if view.dtype == np.bool_:
        return view.view(np.uint8).astype(np.bool_)  # a file's bytes may be other than 0 and 1
    return view.astype(view.dtype.newbyteorder("="), order="C")


class _Machine:
    """The stack machine of one pickle. Its methods raise NCAError, or anything on damaged data; see `_told`."""

    def __init__(self, size: int, source: Source | None = None, order: str = "<") -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.source, self.order = source, order
        self.steps, self.numbers, self.letters = MAX_STEPS, MAX_NUMBERS, size

    def run(self, stream: io.BytesIO) -> Any:
        """The object of the pickle that starts here; the stream is then behind it."""
        for op, arg, _ in pickletools.genops(stream):
            self.spend(1)
            if op.name == "STOP":
                break
            OPS[op.name](self, arg)
        return self.stack.pop()

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise NCAError("holds far more than the weights of a texture NCA; save its state_dict() alone.")

    def push(self, value: Any) -> None:
        if isinstance(value, int) and value.bit_length() > 128:
            raise ValueError("absurd number")
        self.stack.append(bytes(value) if isinstance(value, bytearray) else value)

    def pop(self, count: int) -> list[Any]:
        items = self.stack[-count:]
        if len(items) != count:
            raise IndexError("stack underflow")
        del self.stack[-count:]
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def marked(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def get(self, index: int) -> None:
        found = self.memo[index]
        self.stack.append(found.value if isinstance(found, _Blank) else found)

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
        return {self.key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, set):
            target.update(map(self.key, items))
        elif not isinstance(target, Foreign):  # which are not opened, whatever container they derive from
            raise TypeError("no list")

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(self.pairs(items))
        elif not isinstance(target, Foreign):
            raise TypeError("no dict")

    def call(self, what: Any, args: Any) -> None:
        """Push what CALLS or an inert object make of a call. Raises NCAError naming anything else."""
        if not (isinstance(what, Reference) and isinstance(args, tuple)):
            raise TypeError("no call")
        self.spend(len(args))
        if known := CALLS.get(f"{what.module}.{what.name}"):
            self.stack.append(known(self, *args))
        elif what.module in ("__main__", "torch.nn") or what.module.startswith("torch.nn."):
            self.stack.append(Foreign(what.module, what.name))
        elif what.module == "torch._utils" and what.name.startswith("_rebuild_"):
            raise _odd(what)
        else:
            raise _refused(what)

    def build(self) -> None:
        """Give an object its attributes, an array its content; those of dicts, as a state dict's, are dropped."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Foreign):
            target.state = state
        elif isinstance(target, _Blank):
            if target.dtype is None:
                target.value = self.array(*state[1:])
            else:
                target.value = _dtype(target.dtype, state[1])
            self.stack[-1] = target.value
        elif not isinstance(target, dict):
            raise TypeError("no object")

    def persistent(self, known: Any) -> None:
        """Push a storage of the file; or the class of a module, which old files give with its source text."""
        self.spend(len(known))
        match known:
            case ("module", Reference() as cls, *_):
                self.stack.append(cls)
            case ("storage", Reference() as cls, str() as key, _, int() as count, *view) if self.source is not None:
                kind = cls.name.removesuffix("Storage")
                if kind not in STORAGES or cls.module not in ("torch", "torch.cuda"):
                    raise _odd(cls)
                dtype = np.dtype(self.order + STORAGES[kind])
                content = self.source(key, dtype.itemsize)
                raw = None if content is None else _part(content, dtype.itemsize, 0, count)
                if raw is not None and view and view[0] is not None:
                    raw = _part(raw, dtype.itemsize, *view[0][1:])
                self.stack.append(_Storage(raw, dtype, kind == "BFloat16"))
            case _:
                raise ValueError("no storage")

    def tensor(self, storage: Any, offset: int, size: Any, stride: Any, *more: Any) -> Array | None:
        """A tensor as an array of its own; None while its storage is not known yet."""
        if not isinstance(storage, _Storage):
            raise TypeError("no storage")
        if storage.raw is None:
            return None
        if any(more[2:]):
            raise _odd("a conjugate or negated view")
        width, count = storage.dtype.itemsize, self.count(size)
        _size(stride)
        extent = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if count else 0
        steps = [s * width if n > 1 else 0 for n, s in zip(size, stride, strict=True)] if count else None
        array = _owned(np.ndarray(size, storage.dtype, _part(storage.raw, width, offset, extent), 0, steps))
        if not storage.bfloat:
            return array
        wide = array.astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)

    def array(self, shape: Any, dtype: Any, fortran: Any, content: Any) -> Any:
        """A NumPy array of numbers, or the nested list of one of objects; `content` is bytes or a list."""
        if dtype.hasobject:
            self.spend(len(content) * (1 + len(shape)))
            if not isinstance(content, list) or len(content) != _size(shape):
                raise ValueError("another size")
            for n in reversed(shape[1:] if content else ()):
                content = [content[i : i + n] for i in range(0, len(content), n)]
            return content if shape else content[0]
        count = self.count(shape)
        raw = self.encode(content) if isinstance(content, str) else content  # text: of Python 2
        if len(raw) != count * dtype.itemsize:
            raise ValueError("another size")
        return _owned(np.ndarray(shape, dtype, raw, order="F" if fortran else "C"))

    def count(self, shape: Any) -> int:
        """How many numbers there are in this shape. Raises NCAError once it is too many in the file."""
        count = _size(shape)
        self.numbers -= count
        if self.numbers < 0:
            raise _too_many()
        return count

    def encode(self, text: str, _encoding: object = "latin1") -> bytes:
        """Bytes that older pickles hold as text; a file has each of its letters encoded once."""
        self.letters -= len(text)
        if self.letters < 0:
            raise ValueError("more text than the file holds")
        return text.encode("latin1")

    def rebuilt(self, how: Any, _type: object, args: Any, _attributes: object) -> Array | None:
        """A tensor that has attributes, which are dropped."""
        if how != Reference("torch._utils", "_rebuild_tensor_v2"):
            raise _odd("a tensor of another class")
        return self.tensor(*args)

    def blank(self, kind: Any, *_: object) -> _Blank:
        """An array that BUILD will fill."""
        if kind != Reference("numpy", "ndarray"):
            raise NCAError("holds a NumPy array of another class; save plain arrays instead.")
        return _Blank(None)

    def items(self, items: Any = ()) -> Any:
        """What a container is made of."""
        if not isinstance(items, (list, tuple, set)):
            raise TypeError("no items")
        self.spend(len(items))
        return items


def _part(content: bytes | memoryview, width: int, offset: int, count: int) -> memoryview:
    """`count` elements of a storage. Raises ValueError if it does not hold them."""
    if offset < 0 or count < 0 or (offset + count) * width > len(content):
        raise ValueError("outside of the storage")
    return memoryview(content)[offset * width : (offset + count) * width]


BUILTINS: dict[str, Callable[..., Any]] = {
    "set": lambda m, *a: set(map(m.key, m.items(*a))),
    "frozenset": lambda m, *a: set(map(m.key, m.items(*a))),
    "list": lambda m, *a: list(m.items(*a)),
    "tuple": lambda m, *a: tuple(m.items(*a)),
    "dict": lambda m, *a: {m.key(k): v for k, v in m.items(*a)},
    "bytes": lambda _: b"",
}
NUMPY: dict[str, Callable[..., Any]] = {
    "multiarray._reconstruct": _Machine.blank,
    "multiarray.scalar": lambda m, dtype, raw: m.array((), dtype, False, raw).item(),
    "numeric._frombuffer": lambda m, raw, dtype, shape, order: m.array(shape, dtype, order == "F", raw),
}
TORCH: dict[str, Callable[..., Any]] = {
    "_utils._rebuild_tensor": _Machine.tensor,
    "_utils._rebuild_tensor_v2": _Machine.tensor,
    "_utils._rebuild_parameter": lambda _, data, *__: data,
    "_utils._rebuild_parameter_with_state": lambda _, data, *__: data,
    "_tensor._rebuild_from_type_v2": _Machine.rebuilt,
    "Size": lambda m, *a: tuple(m.items(*a)),
    "device": lambda _, kind, *__: kind,
    "serialization._get_layout": lambda _, name: name,  # of sparse tensors, which are then refused for what they are
}
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": BUILTINS["dict"],
    "_codecs.encode": _Machine.encode,
    "numpy.dtype": lambda _, text, *__: _Blank(text),
    **{f"{module}.{name}": call for module in ("builtins", "__builtin__") for name, call in BUILTINS.items()},
    **{f"{module}.{name}": call for module in ("numpy.core", "numpy._core") for name, call in NUMPY.items()},
    **{f"torch.{name}": call for name, call in TORCH.items()},
}
"""What a call by a pickle means here, by its full name: functions of the machine and the call's arguments."""

VALUES = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
)  # fmt: skip
OPS: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(VALUES, _Machine.push),
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
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
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
    "BINPERSID": lambda m, _: m.persistent(*m.pop(1)),
}
"""Every opcode of pickle but those of registries and buffers outside of the file."""


def read_torch(path: Path) -> object:
    """What torch.save (new or old form) or pickle.dump wrote: containers, arrays for tensors, Foreign for objects.

    Parameters are arrays too, bfloat16 is float32. Raises NCAError without the file's name, or OSError.
    """
    data = _content(path)
    with _told("torch.save"):
        if data.startswith(b"PK\3\4"):
            return _zipped(data)
        stream = io.BytesIO(data)
        found = _Machine(len(data)).run(stream)
        return _legacy(stream, len(data)) if type(found) is int and found == MAGIC else found


def read_npy(path: Path) -> object:
    """What numpy.save wrote: an array of numbers, or for an array of objects a nested list of them.

    Raises NCAError without the file's name, or OSError.
    """
    data = _content(path)
    with _told("numpy.save"):
        start = 8 + {(b"\x93NUMPY", 1): 2, (b"\x93NUMPY", 2): 4, (b"\x93NUMPY", 3): 4}[data[:6], data[6]]
        end = start + int.from_bytes(data[8:start], "little")
        head = NPY_HEAD.fullmatch(data, start, min(end, start + 10_000))
        if head is None:
            raise ValueError("no head")
        descr, fortran, sizes = head.groups()
        dtype = _dtype(descr.decode("latin1").strip("'"))
        if dtype.hasobject:
            return _Machine(len(data)).run(io.BytesIO(data[end:]))
        shape = tuple(int(n.strip(b" L")) for n in sizes.split(b",") if n.strip())
        return _Machine(len(data)).array(shape, dtype, fortran == b"True", memoryview(data)[end:])


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise NCAError(f"is {size / 2**20:.0f} MB, far larger than any texture NCA.")
    return path.read_bytes()


@contextmanager
def _told(writer: str) -> Iterator[None]:
    try:
        yield
    except (NCAError, MemoryError):
        raise
    except Exception:  # a damaged file can make zipfile, pickletools and NumPy raise nearly anything
        raise NCAError(f"is damaged or was not written by {writer}; copy or save it again.") from None


def _zipped(data: bytes) -> object:
    if data.count(b"PK\1\2") > MAX_TENSORS + 20:  # before zipfile makes an object of each entry
        raise _too_many("a thousand tensors")
    archive = zipfile.ZipFile(io.BytesIO(data))
    entries = archive.infolist()
    if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > len(data):
        raise ValueError("torch.save neither compresses nor overlaps")
    names = [e.filename for e in entries]
    root = next(n.removesuffix("data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl"))
    record = functools.cache(lambda key: archive.read(f"{root}data/{key}"))
    big = f"{root}byteorder" in names and archive.read(f"{root}byteorder") == b"big"
    pickle = archive.read(f"{root}data.pkl")
    return _Machine(len(pickle), lambda key, _: record(key), ">" if big else "<").run(io.BytesIO(pickle))


def _legacy(stream: io.BytesIO, size: int) -> object:
    """The form before torch 1.6: pickles, then the storages, whose sizes only the pickle before them tells."""
    if _Machine(size).run(stream) != PROTOCOL:
        raise ValueError("another protocol")
    _Machine(size).run(stream)  # about the machine that wrote it; the numbers are little-endian on any
    start = stream.tell()
    widths: dict[str, int] = {}
    _Machine(size, widths.__setitem__).run(stream)
    keys = _Machine(size).run(stream)
    content: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        (count,) = struct.unpack("<Q", stream.read(8))
        content[key] = stream.read(count * widths[key])
    stream.seek(start)
    return _Machine(size, lambda key, _: content[key]).run(stream)


def tensors(found: object) -> dict[str, npt.NDArray[np.float32]]:
    """The weights in what `read_torch` gave, by their dotted names: float32, C-contiguous; empty if there are none.

    They may lie in a state dict, in a module, or in a checkpoint around either. Names lose WRAPPERS that all share.
    Raises NCAError for complex or too many numbers.
    """
    named: dict[str, Array] = {}
    for holder in _holders(found):
        named = named or holder
        # A checkpoint's own arrays, as of its losses, are no weights: those have at least one matrix.
        if any(array.ndim > 1 for array in holder.values()):
            named = holder
            break
    if sum(a.size for a in named.values()) > MAX_NUMBERS:
        raise _too_many()
    if any(a.dtype.kind == "c" for a in named.values()):
        raise NCAError("holds complex numbers; weights are real.")
    while shared := next((w for w in WRAPPERS if named and all(n.startswith(f"{w}.") for n in named)), None):
        named = {name.removeprefix(f"{shared}."): array for name, array in named.items()}
    with np.errstate(over="ignore"):
        return {name: np.asarray(array, np.float32, order="C") for name, array in named.items()}


def _holders(found: object) -> Iterator[dict[str, Array]]:
    """The arrays in a mapping or module, then in those in it, and so on; each is looked at once, so loops end."""
    seen: set[int] = set()
    walked: set[int] = set()
    level = [found]
    for _ in range(MAX_DEPTH // 4 + 1):
        below: list[object] = []
        for holder in level:
            inside = _fresh(holder, seen)
            yield _module(holder, walked) if isinstance(holder, Foreign) else _arrays(inside)
            likely_first = sorted(inside.items(), key=lambda item: item[0] not in LIKELY)
            below += [value for _, value in likely_first if isinstance(value, (Mapping, Foreign))]
        level = below


def _fresh(what: object, seen: set[int]) -> Mapping[Any, Any]:
    """A mapping or an object's attributes; empty for all else and for those that were seen before."""
    inside = what.state if isinstance(what, Foreign) else what
    if not isinstance(inside, Mapping) or id(inside) in seen:
        return {}
    seen.add(id(inside))
    return inside


def _arrays(mapping: Mapping[Any, Any], prefix: str = "") -> dict[str, Array]:
    return {
        prefix + name: value
        for name, value in mapping.items()
        if isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype.kind in "fiubc"
    }


def _module(root: Foreign, seen: set[int]) -> dict[str, Array]:
    """Parameters and buffers of a torch.nn.Module as its state_dict() names them."""
    named: dict[str, Array] = {}
    todo: list[tuple[str, object, int]] = [("", root, MAX_DEPTH)]
    while todo:
        prefix, module, depth = todo.pop()
        state = _fresh(module, seen)
        parameters, buffers, modules = (_fresh(state.get(n), seen) for n in ("_parameters", "_buffers", "_modules"))
        # Each of their names may be thousands of letters long.
        if len(named) + len(todo) + len(parameters) + len(buffers) + len(modules) > MAX_TENSORS:
            raise _too_many("a thousand tensors")
        named |= _arrays(parameters, prefix) | _arrays(buffers, prefix)
        children = [(f"{prefix}{name}.", child, depth - 1) for name, child in modules.items() if isinstance(name, str)]
        todo += reversed(children if depth else [])
    return named
