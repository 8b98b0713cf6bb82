"""What calls in pickles of weights mean: tensors of torch and arrays of NumPy, made of the file's own bytes.

Arrays are C-contiguous, in the machine's byte order and share no memory with the file. All that a pickle gives is
checked before NumPy sees it; what is refused or damaged costs at most MAX_NUMBERS and about its own size in memory.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ncaengine.core.errors import NCAError
from ncaengine.core.model import MAX_NUMBERS
from ncaengine.formats.pickle.machine import Machine, Reference, Unbuilt, odd

Array = npt.NDArray[Any]
Source = Callable[[str, int], bytes | None]
"""The content of the storage of a key, whose elements have so many bytes; None while it is not known yet."""

MAX_BYTES = 100 * 2**20
"""Of a pickle, whose MAX_NUMBERS take up to 80 MB; a text in it takes five times its size in memory."""
STORAGES = {
    "Double": "f8", "Float": "f4", "Half": "f2", "BFloat16": "u2", "Long": "i8", "Int": "i4", "Short": "i2",
    "Char": "i1", "Byte": "u1", "Bool": "b1", "ComplexFloat": "c8", "ComplexDouble": "c16",
}  # fmt: skip
NUMBERS = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1|c8|c16|O[48]?)")


@dataclass(eq=False, slots=True)
class _Storage:
    """Memory of tensors; `raw` is None in the pass over an old file that only looks for its storages."""

    raw: memoryview | None
    dtype: np.dtype[Any]
    bfloat: bool


def too_many(what: str = "ten million numbers") -> NCAError:
    """What is said of a file that would take too much memory."""
    return NCAError(f"holds over {what}, far more than any texture NCA.")


def plain_dtype(text: str, order: str = "") -> np.dtype[Any]:
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


class Reader(Machine):
    """Runs a pickle of weights; `size` is that of its file, `order` that of the bytes in its storages."""

    def __init__(self, size: int, source: Source | None = None, order: str = "<") -> None:
        super().__init__(CALLS)
        if size > MAX_BYTES:
            raise too_many("100 MB")
        self.source, self.order = source, order
        self.numbers, self.letters = MAX_NUMBERS, size

    def persistent(self, known: Any) -> Any:
        """A storage of the file; or the class of a module, which old files give with its source text."""
        self.spend(len(known))
        match known:
            case ("module", Reference() as cls, *_):
                return cls
            case ("storage", Reference() as cls, str() as key, _, int() as count, *view) if self.source is not None:
                kind = cls.name.removesuffix("Storage")
                if kind not in STORAGES or cls.module not in ("torch", "torch.cuda"):
                    raise odd(cls)
                dtype = np.dtype(self.order + STORAGES[kind])
                content = self.source(key, dtype.itemsize)
                raw = None if content is None else _part(content, dtype.itemsize, 0, count)
                if raw is not None and view and view[0] is not None:
                    raw = _part(raw, dtype.itemsize, *view[0][1:])
                return _Storage(raw, dtype, kind == "BFloat16")
            case _:
                raise ValueError("no storage")

    def tensor(self, storage: Any, offset: int, size: Any, stride: Any, *more: Any) -> Array | None:
        """A tensor as an array of its own; None while its storage is not known yet."""
        if not isinstance(storage, _Storage):
            raise TypeError("no storage")
        if storage.raw is None:
            return None
        if any(more[2:]):
            raise odd("a conjugate or negated view")
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
            raise too_many()
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
            raise odd("a tensor of another class")
        return self.tensor(*args)

    def unbuilt(self, kind: Any, *_: object) -> Unbuilt:
        """An array that BUILD will fill."""
        if kind != Reference("numpy", "ndarray"):
            raise NCAError("holds a NumPy array of another class; save plain arrays instead.")
        return Unbuilt(lambda state: self.array(*state[1:]))

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
    "multiarray._reconstruct": Reader.unbuilt,
    "multiarray.scalar": lambda m, dtype, raw: m.array((), dtype, False, raw).item(),
    "numeric._frombuffer": lambda m, raw, dtype, shape, order: m.array(shape, dtype, order == "F", raw),
}
TORCH: dict[str, Callable[..., Any]] = {
    "_utils._rebuild_tensor": Reader.tensor,
    "_utils._rebuild_tensor_v2": Reader.tensor,
    "_utils._rebuild_parameter": lambda _, data, *__: data,
    "_utils._rebuild_parameter_with_state": lambda _, data, *__: data,
    "_tensor._rebuild_from_type_v2": Reader.rebuilt,
    "Size": lambda m, *a: tuple(m.items(*a)),
    "device": lambda _, kind, *__: kind,
    "serialization._get_layout": lambda _, name: name,  # of sparse tensors, which are then refused for what they are
}
CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": BUILTINS["dict"],
    "_codecs.encode": Reader.encode,
    "numpy.dtype": lambda _, text, *__: Unbuilt(lambda state: plain_dtype(text, state[1])),
    **{f"{module}.{name}": call for module in ("builtins", "__builtin__") for name, call in BUILTINS.items()},
    **{f"{module}.{name}": call for module in ("numpy.core", "numpy._core") for name, call in NUMPY.items()},
    **{f"torch.{name}": call for name, call in TORCH.items()},
}
"""What a call by a pickle means here, by its full name: functions of the machine and the call's arguments."""
