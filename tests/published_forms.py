"""Small files of known weights in the published forms, as the projects' programs write them."""

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ncaengine.core.model import Model
from ncaengine.formats.importers import identify
from ncaengine.formats.importers.base import Decoded, Hints

Array = np.ndarray


def numbers(*shape: int, seed: int = 0, spread: float = 0.3) -> Array:
    return (np.random.default_rng(seed).standard_normal(shape) * spread).astype(np.float32)


def state_dict(
    inputs: int, hidden: int = 6, channels: int = 4, names: tuple[str, str] = ("w1", "w2"), bias2: bool = False,
    conv: bool = True, spread: float = 0.3,
) -> dict[str, Array]:  # fmt: skip
    end = (1, 1) if conv else ()
    made = {
        f"{names[0]}.weight": numbers(hidden, inputs, *end, seed=1, spread=spread),
        f"{names[0]}.bias": numbers(hidden, seed=2),
        f"{names[1]}.weight": numbers(channels, hidden, *end, seed=3),
    }
    return made | ({f"{names[1]}.bias": numbers(channels, seed=4)} if bias2 else {})


def tiled(layer: Array, across: int) -> tuple[Array, list[int]]:
    """Arrange (models, rows, outputs) as tiles: (rows, columns, 4), and the layout [tiles across, tiles down]."""
    count, rows, outputs = layer.shape
    wide, down = -(-outputs // 4), -(-count // across)
    out = np.zeros((down * rows, across * wide, 4), np.float32)
    for number in range(count):
        padded = np.zeros((rows, 4 * wide), np.float32)
        padded[:, :outputs] = layer[number]
        top, left = number // across * rows, number % across * wide
        out[top : top + rows, left : left + wide] = padded.reshape(rows, wide, 4)
    return out, [across, down]


def exported(
    first: Array, second: Array, names: list[str], across: int = 1, as_picture: bool = False, **more: Any
) -> dict[str, Any]:
    """Return an atlas of NoiseNCA or DyNCA from each layer's (models, inputs + bias, outputs)."""
    layers = []
    for number, layer in enumerate((first, second)):
        values, layout = tiled(layer, across)
        scale = float(values.max() - values.min())
        center = float(-values.min() / scale)
        shares = values / scale + center
        held: dict[str, Any] = {"data_flatten": [float(v) for v in shares.ravel()], "data_shape": list(values.shape)}
        if as_picture:
            held = {"data": png(np.uint8(np.round(shares * 255)))}
        layers.append(
            {"scale": scale, "center": center, "shape": list(layer.shape[1:]), "layout": layout, **held,
             "pos_emb": number == 0 and more.get("pos_emb", False),
             "bias": number == 0 or more.get("bias", True)}
        )  # fmt: skip
    more = {key: value for key, value in more.items() if key not in ("pos_emb", "bias")}
    return {"model_names": names, "layers": layers, **more}


def atlas(count: int = 1, channels: int = 4, filters: int = 4, placed: bool = False, **more: Any) -> dict[str, Any]:
    """Return an atlas of NoiseNCA or DyNCA with models called m0, m1, …."""
    bias = more.get("bias", True)
    first = numbers(count, filters * channels + 2 * placed + 1, 6)
    second = numbers(count, 6 + bias, channels)
    called = more.pop("names", [f"m{n}" for n in range(count)])
    return exported(first, second, called, 2, pos_emb=placed, **more)


def png(pixels: Array) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def hexells(channels: int = 4, hidden: int = 8) -> dict[str, Any]:
    """Return an atlas of hexells: three models in 2 x 2 tiles of noise."""
    rng = np.random.default_rng(0)

    def layer(rows: int, outputs: int) -> dict[str, Any]:
        data = png(rng.integers(0, 256, (2 * rows, 2 * -(-outputs // 4), 4), np.uint8))
        return {"scale": 2.0, "shape": [rows, outputs], "layout": [2, 2], "data": data}

    layers = [layer(4 * channels + 1, hidden), layer(hidden + 1, channels)]
    return {"model_names": ["a/x", "b/x", ".hidden name"], "layers": layers}


def decoded_layer(layer: dict[str, Any], number: int) -> Array:
    """Decode a model's (inputs + 1, outputs) from a layer of hexells, pixel by pixel after data/README.md."""
    rows, outputs = json.loads(layer["shape"]) if isinstance(layer["shape"], str) else layer["shape"]
    across = (json.loads(layer["layout"]) if isinstance(layer["layout"], str) else layer["layout"])[0]
    picture = Image.open(io.BytesIO(base64.b64decode(layer["data"].split(",")[1]))).convert("RGBA")
    left, top = number % across * (picture.width // across), number // across * rows
    out = np.zeros((rows, outputs))
    for row in range(rows):
        for column in range(outputs):
            byte = picture.getpixel((left + column // 4, top + row))[column % 4]
            out[row, column] = (byte / 255 - 127 / 255) * layer["scale"]
    return out


def growing(channels: int = 5, hidden: int = 8) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    layers = []
    for inputs, outputs in ((3 * channels, hidden), (hidden, channels)):
        packed = rng.integers(0, 256, (inputs + 1) * outputs, np.uint8).tobytes()
        layers.append(
            {"data_b64": base64.b64encode(packed).decode(), "in_ch": inputs, "out_ch": outputs,
             "weight_scale": 0.9, "bias_scale": 0.3, "type": "uint8"}
        )  # fmt: skip
    return layers


def reaction(channels: int = 8, hidden: int = 6, flat: bool = False) -> list[Array]:
    shapes = (channels, hidden), (hidden,), (hidden, channels)
    made = [numbers(*shape, seed=n) for n, shape in enumerate(shapes)]
    return made if flat else [a[None, None] if a.ndim == 2 else a for a in made]


def tensor(values: Any, dtype: str = "DT_FLOAT") -> dict[str, Any]:
    """Return the attribute of a constant of TensorFlow.js, as protobuf writes it: nothing for zeros."""
    array = np.asarray(values, "<f4" if dtype == "DT_FLOAT" else "<i4")
    held: dict[str, Any] = {"dtype": dtype, "tensorShape": {"dim": [{"size": str(n)} for n in array.shape]}}
    if array.size > 1 and array.any():
        held["tensorContent"] = base64.b64encode(array.tobytes()).decode()
    elif array.any():
        held["floatVal" if dtype == "DT_FLOAT" else "intVal"] = array.reshape(-1).tolist()
    return {"value": {"tensor": held}, "dtype": {"type": dtype}}


def graph_model(channels: int = 5, hidden: int = 8, second_bias: bool = True) -> dict[str, Any]:
    """Return a graph of TensorFlow.js as the Growing-CA Colab writes it, less what only makes shapes."""
    sizes = {"k1": (1, 1, 3 * channels, hidden), "b1": (hidden,), "k2": (1, 1, hidden, channels), "b2": (channels,)}
    constants = {name: tensor(numbers(*size, seed=n, spread=0.1)) for n, (name, size) in enumerate(sizes.items())}
    sobel = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    constants |= {"identity": tensor(np.pad([[1.0]], 1)), "dx": tensor(sobel), "dy": tensor(sobel.T)}
    constants |= {"alive": tensor(0.1)}
    for name, values in (
        ("from", [0] * 4),
        ("by", [1] * 4),
        ("first", [0, 0, 0, 1]),
        ("fourth", [0, 0, 0, 3]),
        ("fifth", [0, 0, 0, 4]),
    ):
        constants[name] = tensor(values, "DT_INT32")
    window = {"strides": {"list": {"i": ["1"] * 4}}, "padding": {"s": "U0FNRQ=="}}
    pool = {**window, "ksize": {"list": {"i": ["1", "3", "3", "1"]}}}
    layer = {**window, "padding": {"s": "VkFMSUQ="}}
    added = "a2" if second_bias else "c2"
    calls: list[tuple[str, str, str, dict[str, Any]]] = [
        ("cut", "StridedSlice", "x fourth fifth by", {}), ("near", "MaxPool", "cut", pool),
        ("before", "Greater", "near alive", {}),
        ("cos", "Cos", "angle", {}), ("sin", "Sin", "angle", {}), ("m0", "Mul", "cos dx", {}),
        ("m1", "Mul", "sin dy", {}), ("along", "Sub", "m0 m1", {}), ("m2", "Mul", "sin dx", {}),
        ("m3", "Mul", "cos dy", {}), ("across", "AddV2", "m2 m3", {}),
        ("stack", "Pack", "identity along across", {"axis": {"i": "-1"}}),
        ("wide", "StridedSlice", "stack from from by", {}), ("kernel", "Tile", "wide by", {}),
        ("seen", "DepthwiseConv2dNative", "x kernel", window), ("seen/out", "Identity", "seen", {}),
        ("k1/read", "Identity", "k1", {}), ("c1", "Conv2D", "seen/out k1/read", layer),
        ("b1/wide", "Reshape", "b1 by", {}), ("b1/read", "Squeeze", "b1/wide", {}), ("a1", "BiasAdd", "c1 b1/read", {}),
        ("r", "Relu", "a1", {}), ("c2", "Conv2D", "r k2", layer),
        *([("a2", "BiasAdd", "c2 b2", {})] if second_bias else []),
        ("sized", "Mul", f"{added} step_size", {}),
        ("cut1", "StridedSlice", "x from first by", {}), ("shape", "Shape", "cut1", {}),
        ("u", "RandomUniform", "shape", {}),
        ("fires", "LessEqual", "u fire_rate", {}), ("fire", "Cast", "fires", {}), ("dx_", "Mul", "sized fire", {}),
        ("new", "AddV2", "x dx_", {}), ("cut2", "StridedSlice", "new fourth fifth by", {}),
        ("near2", "MaxPool", "cut2", pool), ("after", "Greater", "near2 alive", {}),
        ("lives", "LogicalAnd", "before after", {}), ("life", "Cast", "lives", {}), ("y", "Mul", "new life", {}),
        ("Identity", "Identity", "y ^NoOp", {}), ("NoOp", "NoOp", "^c1", {}),
    ]  # fmt: skip
    nodes: list[dict[str, Any]] = [{"name": n, "op": "Placeholder"} for n in ("x", "step_size", "angle", "fire_rate")]
    nodes += [{"name": name, "op": "Const", "attr": attr} for name, attr in constants.items()]
    nodes += [{"name": n, "op": op, "input": names.split(), "attr": attr} for n, op, names, attr in calls]
    return {"format": "graph-model", "modelTopology": {"node": nodes, "versions": {}}, "weightsManifest": []}


W = np.random.default_rng(5).integers(-80, 80, 64).tolist()
B = [2, -5, -14, 9]
"""Numbers like those of SwissGL's demo: integers, in thousandths."""


def demo_text(w: str = "", b: str = "", rule: str = "") -> str:
    w = w or f"this.W = new Float32Array([{', '.join(map(str, W))}]); // 64"
    b = b or f"this.b = new Float32Array([{','.join(map(str, B))}]);"
    rule = rule or "return 1e-3*(b + W[0]*s + W[1]*p + W[2]*abs(s) + W[3]*abs(p));"
    return f"""/* (c) [1,2,3,4] */ class NeuralCA {{
      static Tags = ['2d', 'ca']; constructor() {{ {w}
      {b} }}
      frame(glsl) {{ glsl({{FP:`uniform mat4 W[4]; uniform vec4 b;
        vec4 rule(vec4 s, vec4 p) {{ {rule} }}
        void fragment() {{ vec4 s = Src(UV);
          if (s == vec4(0)) {{ FOut = 0.1+vec4(hash(I.xyy).x)*0.4; return; }}
          vec4 p = R(l,u)*vec4(1,1,-1, 1) + s*vec4(-12,-12,0, 0) + vec4(2,2,2, 0) * R(r,y);
          FOut = s + rule(s-0.5, p);
        }}`}})}}"""


def decoded(form: str, data: Any, name: str = "file") -> Decoded:
    return Decoded(form, data, name)  # type: ignore[arg-type]


def names(file: Decoded, hints: Hints = Hints()) -> list[str]:  # noqa: B008
    """Return the names of a file's models without making one."""
    return list(identify(file, hints).makers())


def imported(file: Decoded, hints: Hints = Hints()) -> Iterator[Model]:  # noqa: B008
    """Make a file's models, one by one."""
    for make in identify(file, hints).makers().values():
        yield make()
