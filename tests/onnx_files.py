"""Writes small ONNX files as torch.onnx.export does, field by field."""

import struct
from typing import Any

import numpy as np

Array = np.ndarray


def varint(number: int) -> bytes:
    number %= 2**64
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def part(number: int, value: int | bytes | str) -> bytes:
    """Return a field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, array: Array) -> bytes:
    kind = {"f4": 1, "i8": 7, "f2": 10}[array.dtype.str[1:]]
    dims = b"".join(part(1, n) for n in array.shape)
    return dims + part(2, kind) + part(8, name) + part(9, array.tobytes())


def attribute(name: str, value: Any) -> bytes:
    head = part(1, name)
    if isinstance(value, float):
        return head + varint(2 << 3 | 5) + struct.pack("<f", value) + part(20, 1)
    if isinstance(value, int):
        return head + part(3, value) + part(20, 2)
    if isinstance(value, str):
        return head + part(4, value) + part(20, 3)
    if isinstance(value, np.ndarray):
        return head + part(5, tensor("", value)) + part(20, 4)
    return head + b"".join(part(8, n) for n in value) + part(20, 7)


class OnnxFile:
    """A graph under construction; each method returns the name of its value."""

    def __init__(self, *inputs: str, **sizes: tuple[int | str, ...]) -> None:
        """Create a graph. sizes: of inputs that state them; a text for a size that is not fixed."""
        self.sizes = sizes
        self.nodes: list[bytes] = []
        self.held: list[bytes] = []
        self.inputs = inputs

    def weights(self, name: str, array: Array) -> str:
        self.held.append(part(5, tensor(name, array)))
        return name

    def const(self, value: Any) -> str:
        array = np.array(value, np.float32) if np.array(value).dtype.kind == "f" else np.array(value, np.int64)
        return self.op("Constant", value=array)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        made = b"".join(part(1, each) for each in inputs) + part(2, name) + part(4, kind)
        self.nodes.append(part(1, made + b"".join(part(5, attribute(k, v)) for k, v in attributes.items())))
        return name

    def conv(self, x: str, filters: Array, group: int = 1, bias: Array | None = None, pad: int = 0) -> str:
        more = [self.weights(f"b{len(self.nodes)}", bias)] if bias is not None else []
        side = filters.shape[-1]
        return self.op(
            "Conv", x, self.weights(f"w{len(self.nodes)}", filters), *more, group=group, pads=[pad] * 4,
            kernel_shape=[side, side], strides=[1, 1], dilations=[1, 1],
        )  # fmt: skip

    def circular(self, x: str) -> str:
        """Pad by one cell as torch's exporter writes it."""
        for axis in (2, 3):
            last = self.op("Slice", x, self.const([-1]), self.const([2**63 - 1]), self.const([axis]))
            first = self.op("Slice", x, self.const([0]), self.const([1]), self.const([axis]))
            x = self.op("Concat", last, x, first, axis=axis)
        return x

    def _type(self, name: str) -> bytes:
        if name not in self.sizes:
            return b""
        sides = (part(1, size) if isinstance(size, int) else part(2, size) for size in self.sizes[name])
        return part(2, part(1, part(1, 1) + part(2, b"".join(part(1, side) for side in sides))))

    def data(self, *outputs: str) -> bytes:
        values = b"".join(part(11, part(1, name) + self._type(name)) for name in self.inputs)
        values += b"".join(part(12, part(1, name)) for name in outputs)
        graph = b"".join((*self.nodes, part(2, "main_graph"), *self.held, values))
        return part(1, 9) + part(2, "pytorch") + part(3, "2.6") + part(7, graph)


def growing_graph(channels: int = 5, hidden: int = 7) -> bytes:
    """Return a file of a growing picture, as torch.onnx.export writes it."""
    rng = np.random.default_rng(0)
    first, second = (
        rng.standard_normal((*n, 1, 1)).astype(np.float32) for n in ((hidden, 3 * channels), (channels, hidden))
    )
    file = OnnxFile("x")
    around = file.circular("x")
    opacity = file.op("Slice", around, file.const([3]), file.const([4]), file.const([1]), file.const([1]))
    near = file.op("MaxPool", opacity, kernel_shape=[3, 3], pads=[0, 0, 0, 0], strides=[1, 1])
    alive = file.op("Greater", near, file.const(0.1))
    seen = file.conv(around, rng.standard_normal((3 * channels, 1, 3, 3)).astype(np.float32), channels)
    update = file.conv(file.op("Relu", file.conv(seen, first, bias=np.zeros(hidden, np.float32))), second)
    fires = file.op("Cast", file.op("LessOrEqual", file.op("RandomUniformLike", "x"), file.const(0.5)), to=1)
    new = file.op("Add", "x", file.op("Mul", update, fires))
    return file.data(file.op("Mul", new, file.op("Cast", alive, to=1)))


def stacked_graph(channels: int = 5, hidden: int = 7) -> bytes:
    """Return a file of a texture whose filters and perception the graph stacks, behind a convolution over all."""
    rng = np.random.default_rng(1)
    first, second, wide = (
        rng.standard_normal(n).astype(np.float32)
        for n in ((hidden, 3 * channels, 1, 1), (channels, hidden, 1, 1), (channels, channels, 3, 3))
    )
    file = OnnxFile("x")
    row = file.op("Unsqueeze", file.weights("row", np.array([-1, 0, 1], np.float32)), file.const([0]))
    sobel = file.op("Mul", file.op("Transpose", file.const([[0.125], [0.25], [0.125]]), perm=[0, 1]), row)
    filters = file.op("Expand", file.op("Reshape", sobel, file.const([1, 1, 3, 3])), file.const([channels, 1, 3, 3]))
    along = file.op("Conv", "x", filters, group=channels, pads=[1] * 4)
    apart = [file.op("Unsqueeze", each, file.const([2])) for each in ("x", along)]
    seen = file.op("Reshape", file.op("Concat", *apart, axis=2), file.const([1, -1, 6, 5]))
    both = file.op("Concat", seen, file.conv("x", wide, pad=1), axis=1)
    update = file.conv(file.op("Relu", file.conv(both, first)), second)
    return file.data(file.op("Add", "x", update))
