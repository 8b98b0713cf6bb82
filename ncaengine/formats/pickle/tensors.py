"""Tensors of torch and arrays of NumPy in pickles, made as NumPy arrays from the file's bytes.

Arrays are C-contiguous, in the native byte order, and share no memory with the file. Everything in a pickle is checked
before NumPy sees it. A damaged or refused file takes at most MAX_NUMBERS numbers and about its own size in memory.
"""

import io
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.core.types import F32
from ncaengine.formats.limits import MAX_PICKLE_BYTES, LargeTensor, is_large, too_large
from ncaengine.formats.pickle.machine import (
    GlobalName,
    PendingObject,
    PickleMachine,
    UnloadedObject,
    code_refused,
    unsupported,
)
from ncaengine.formats.pickle.stand_ins import is_data, is_foreign

Array = npt.NDArray[Any]
Source = Callable[[str, int], bytes | None]
"""Returns the content of a storage from its key and the bytes of an element; None while it is not known yet."""

STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "u2", "Long": "i8", "Int": "i4", "Short": "i2",
    "Char": "i1", "Byte": "u1", "Bool": "b1", "ComplexFloat": "c8", "ComplexDouble": "c16",
}  # fmt: skip
"""NumPy's dtype for each kind of torch's storages, without the byte order."""
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""The first two pickles of torch's old form."""
NUMBERS = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|c8|c16|O[48]?)")
TYPES = re.compile(rf"{NUMBERS.pattern}|[<>|=]?[SU]\d{{1,6}}")
"""Those of numbers, objects and texts."""
MAX_TEXTS, MAX_LETTERS = 4, 100
"""Texts of an array that are read, and letters of all."""


@dataclass(eq=False, slots=True)
class _Storage:
    """Memory that tensors share."""

    raw: memoryview | None
    """The bytes; None in the pass over an old file that only looks for its storages."""
    dtype: np.dtype[Any]
    bfloat: bool
    """Whether the elements are bfloat16, which NumPy lacks; the dtype is then uint16."""


def plain_dtype(text: str, order: str = "", types: re.Pattern[str] = NUMBERS) -> np.dtype[Any]:
    """Return a dtype from its text. Raises NCAError unless it is one of numbers or objects, or else of `types`."""
    if not types.fullmatch(text):
        raise NCAError(f"holds an array of type {text[:40]!r}, which is not a type of numbers.")
    found: np.dtype[Any] = np.dtype(text)
    return found.newbyteorder(">" if order == ">" else "<") if order in ("<", ">") else found


def _dtype(text: str, order: str) -> np.dtype[Any] | UnloadedObject:
    """Return a pickled dtype; an UnloadedObject for one of dates or fields."""
    return plain_dtype(text, order, TYPES) if TYPES.fullmatch(text) else UnloadedObject("numpy", "ndarray")


def _size(shape: Any) -> int:
    if type(shape) is not tuple or len(shape) > 64 or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("not a shape")
    return math.prod(shape)


def _owned(view: Array) -> Array:
    """Return a C-contiguous copy in the native byte order."""
    if view.dtype == np.bool_:
        return view.view(np.uint8).astype(np.bool_)  # a file's bytes may be other than 0 and 1
    return view.astype(view.dtype.newbyteorder("="), order="C")


def _text(view: Array) -> str:
    """Return the first texts of an array as one."""
    texts = (t.decode("utf-8", "replace") if isinstance(t, bytes) else t for t in view.ravel()[:MAX_TEXTS].tolist())
    return ", ".join(texts)[:MAX_LETTERS].encode("utf-8", "replace").decode()


class TensorMachine(PickleMachine):
    """Runs a pickle of weights."""

    def __init__(self, size: int, source: Source | None = None, order: str = "<") -> None:
        """Create a machine.

        size: of the pickle's file, in bytes.
        source: returns the content of a storage; None if the file has no storages.
        order: of the bytes in the storages, "<" or ">".
        """
        super().__init__(CALLS)
        if size > MAX_PICKLE_BYTES:
            raise too_large("100 MB")
        self.source, self.order = source, order
        self.numbers, self.letters, self.old = MAX_NUMBERS, size, size

    def persistent(self, known: Any) -> Any:
        """Return a storage of the file; or the class of a module, which old files give with its source text."""
        self.spend(len(known))
        match known:
            case ("module", GlobalName() as cls, *_):
                return cls
            case ("storage", GlobalName() as cls, str() as key, _, int() as count, *view) if self.source is not None:
                kind = cls.name.removesuffix("Storage")
                if kind not in STORAGES or cls.module not in ("torch", "torch.cuda"):
                    raise unsupported(cls)
                dtype = np.dtype(self.order + STORAGES[kind])
                content = self.source(key, dtype.itemsize)
                raw = None if content is None else _part(content, dtype.itemsize, 0, count)
                if raw is not None and view and view[0] is not None:
                    raw = _part(raw, dtype.itemsize, *view[0][1:])
                return _Storage(raw, dtype, kind == "BFloat16")
            case _:
                raise ValueError("not a storage")

    def tensor(self, storage: Any, offset: int, size: Any, stride: Any, *more: Any) -> Array | LargeTensor | None:
        """Return a tensor as an array; None while its storage is not known yet."""
        if not isinstance(storage, _Storage):
            raise TypeError("not a storage")
        if storage.raw is None:
            return None
        if any(more[2:]):
            raise unsupported("a conjugate or negated view")
        width, count = storage.dtype.itemsize, _size(size)
        if is_large(size) and count * width <= len(storage.raw):  # a shape that only claims to be large is an error
            return LargeTensor(size)
        self.count(size)
        _size(stride)
        extent = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if count else 0
        steps = [s * width if n > 1 else 0 for n, s in zip(size, stride, strict=True)] if count else None
        array = _owned(np.ndarray(size, storage.dtype, _part(storage.raw, width, offset, extent), 0, steps))
        return from_bfloat16(array) if storage.bfloat else array

    def array(self, shape: Any, dtype: Any, fortran: Any, content: Any) -> Any:
        """Return a NumPy array of numbers, or for an array of objects a nested list. content: bytes or a list.

        For an array of texts, return its first as one text; for one of dates and the like, an UnloadedObject.
        """
        if isinstance(dtype, UnloadedObject):
            return dtype
        if dtype.hasobject:
            self.spend(len(content) * (1 + len(shape)))
            if not isinstance(content, list) or len(content) != _size(shape):
                raise ValueError("wrong size")
            for n in reversed(shape[1:] if content else ()):
                content = [content[i : i + n] for i in range(0, len(content), n)]
            return content if shape else content[0]
        count = self.count(shape)
        raw = self.encode(content) if isinstance(content, str) else content  # Python 2 wrote text
        if len(raw) != count * dtype.itemsize:
            raise ValueError("wrong size")
        view = np.ndarray(shape, dtype, raw, order="F" if fortran else "C")
        return _text(view) if dtype.kind in "SU" else _owned(view)

    def count(self, shape: Any) -> int:
        """Return the number of elements of a shape. Raises NCAError once the file has too many in all."""
        count = _size(shape)
        self.numbers -= count
        if self.numbers < 0:
            raise too_large()
        return count

    def storage(self, content: bytes) -> Any:
        """Return the storage that a plain pickle of tensors holds as a whole file of torch.save, in its old form."""
        self.old -= len(content)
        if self.old < 0:
            raise ValueError("more bytes than the file has")
        found = self.read_old(io.BytesIO(content), len(content))
        if not isinstance(found, _Storage):
            raise TypeError("not a storage")
        return found

    def read_old(self, stream: io.BytesIO, size: int) -> Any:
        """Read the form before torch 1.6: pickles, then the storages, whose sizes only the pickles give."""

        def run(source: Source | None = None) -> Any:
            machine = type(self)(size, source)
            machine.steps, machine.numbers, machine.old = self.steps, self.numbers, 0  # not nested again
            found = machine.run(stream)
            self.steps, self.numbers = machine.steps, machine.numbers
            return found

        if run() != MAGIC or run() != PROTOCOL:
            raise ValueError("not a file of torch.save")
        run()  # about the computer that wrote it; numbers are always little-endian
        start = stream.tell()
        widths: dict[str, int] = {}
        run(widths.__setitem__)
        keys = run()
        content: dict[str, bytes] = {}
        for key in keys if isinstance(keys, list) else ():
            (count,) = struct.unpack("<Q", stream.read(8))
            content[key] = stream.read(count * widths[key])
        stream.seek(start)
        return run(lambda key, _: content[key])

    def encode(self, text: str, _encoding: object = "latin1") -> bytes:
        """Return bytes that older pickles hold as text. Raises ValueError for more text than the file has."""
        self.letters -= len(text)
        if self.letters < 0:
            raise ValueError("more text than the file has")
        return text.encode("latin1")

    def rebuilt(self, how: Any, _type: object, args: Any, _attributes: object) -> Array | LargeTensor | None:
        """Return a tensor that has attributes, which are dropped."""
        if how != GlobalName("torch._utils", "_rebuild_tensor_v2"):
            raise unsupported("a tensor of another class")
        return self.tensor(*args)

    def unbuilt(self, kind: Any, *_: object) -> PendingObject:
        """Return an array that BUILD will fill."""
        if kind != GlobalName("numpy", "ndarray"):
            raise NCAError("holds a NumPy array of another class; save plain arrays instead.")
        return PendingObject(lambda state: self.array(*state[1:]))

    def scalar(self, dtype: Any, raw: Any = b"") -> Any:
        """Return one number or text of NumPy's as one of Python's; a date or the like as an UnloadedObject."""
        found = self.array((), dtype, False, raw)
        return found.item() if isinstance(found, np.ndarray) else found

    def attribute(self, of: Any, name: Any) -> GlobalName | UnloadedObject:
        """Return the inert name of an inner class or a method, which older protocols look up with getattr."""
        if isinstance(of, UnloadedObject) and isinstance(name, str):
            return UnloadedObject("builtins", "method")
        if not (isinstance(of, GlobalName) and (is_data(of.module, of.name) or is_foreign(of.module))):
            raise code_refused(GlobalName("builtins", "getattr"))
        if not isinstance(name, str) or len(of.name) + len(name) > 1000:
            raise TypeError("not a name")
        return GlobalName(of.module, f"{of.name}.{name}")

    def new(self, cls: Any, base: Any = None, content: Any = None) -> Any:
        """Return an object of a class that copyreg makes; for a class of data that is a dict, its items."""
        made = self.stand_in(cls)
        if isinstance(content, dict) and isinstance(base, GlobalName) and base.name == "dict":
            made.items.update(content)
        return made

    def items(self, items: Any = ()) -> Any:
        """Return the items for a new container, and count them."""
        if not isinstance(items, (list, tuple, set)):
            raise TypeError("not items")
        self.spend(len(items))
        return items


def from_bfloat16(halves: Array) -> F32:
    """Return numbers of bfloat16, which NumPy lacks: uint16 in place of the upper halves of float32."""
    wide = halves.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def _part(content: bytes | memoryview, width: int, offset: int, count: int) -> memoryview:
    """Return `count` elements of a storage, from `offset` on. Raises ValueError if it doesn't have them."""
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
    "getattr": lambda m, *a: m.attribute(*a),
    "type": lambda _, none: none,  # type(None), which dataclasses hold
}
NUMPY: dict[str, Callable[..., Any]] = {
    "multiarray._reconstruct": TensorMachine.unbuilt,
    "multiarray.scalar": TensorMachine.scalar,
    "numeric._frombuffer": lambda m, raw, dtype, shape, order: m.array(shape, dtype, order == "F", raw),
}
TORCH: dict[str, Callable[..., Any]] = {
    "_utils._rebuild_tensor": TensorMachine.tensor,
    "_utils._rebuild_tensor_v2": TensorMachine.tensor,
    "_utils._rebuild_device_tensor_from_numpy": lambda _, data, *__: data,  # of a TPU
    "_utils._rebuild_parameter": lambda _, data, *__: data,
    "_utils._rebuild_parameter_with_state": lambda _, data, *__: data,
    "_tensor._rebuild_from_type_v2": TensorMachine.rebuilt,
    "Size": lambda m, *a: tuple(m.items(*a)),
    "storage._load_from_bytes": TensorMachine.storage,
    **{
        f"jit._pickle.build_{kind}list": lambda m, items=(): list(m.items(items))
        for kind in ("int", "double", "bool", "tensor")
    },
    "jit._pickle.restore_type_tag": lambda _, value, *__: value,
    "device": lambda _, kind, *__: kind,
    "serialization._get_layout": lambda _, name: name,  # for sparse tensors, so that the message names them
}
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": BUILTINS["dict"],
    "collections.Counter": lambda _, counts=None: counts if isinstance(counts, dict) else {},
    "collections.defaultdict": lambda *_: {},  # from what makes its values, which is not needed
    "collections.deque": lambda m, items=(), *_: list(m.items(items)),
    "copyreg._reconstructor": TensorMachine.new,
    "copy_reg._reconstructor": TensorMachine.new,
    "copyreg.__newobj__": lambda m, cls, *_: m.stand_in(cls),
    "_codecs.encode": TensorMachine.encode,
    "numpy.dtype": lambda _, text, *__: PendingObject(lambda state: _dtype(text, state[1])),
    **{f"{module}.{name}": call for module in ("builtins", "__builtin__") for name, call in BUILTINS.items()},
    **{f"{module}.{name}": call for module in ("numpy.core", "numpy._core") for name, call in NUMPY.items()},
    **{f"torch.{name}": call for name, call in TORCH.items()},
}
"""For each function that a pickle may call, by full name, a function of the machine and the arguments."""
