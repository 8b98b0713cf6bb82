"""Damaged and hostile model files, each made from a number: valid files of every form, and ways to damage them."""

import argparse
import base64
import copy
import datetime
import io
import json
import pickle
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy
import torch
from hdf5_files import hdf5_file
from helpers import SHARED, random_weights
from onnx_files import growing_graph, stacked_graph
from pickle_parts import boxed, glob, legacy, npy, text, zipped
from published_forms import atlas, demo_text, graph_model, growing, hexells, numbers, reaction, state_dict

from ncaengine.core import model_dicts
from ncaengine.core.model import Alive, Clips, Colour, Config, Feature, Seed

ODD = 'x"*/\n#version 999\x1b[31m\u202e\0'
"""Text that no shader and no message may contain unchanged."""
CONFIGS = (
    Config(hidden=8, channels=4, name=ODD, family=ODD, kernels=(ODD, "square"), attribution={ODD: ODD}),
    Config(
        channels=8, hidden=5, features=(Feature("identity"), Feature("laplacian", -0.5, (0, 7, 3))), absolute=True,
        extra=("row", "column", "cos_angle", "sin_angle"), scales=(0, 2), activation="swish", beta=5.0,
        clips=Clips((-2, 2), (0, 2), (-1, 1), (-3, 3)), diffusion=(0.1,) * 8, padding="zero", firing="channel",
        alive=Alive(7, 0.2), seed=Seed("image"), colour=Colour(1, 0, True, (0, 0.5, 1)), kernels=("hexagonal",),
    ),
    Config(channels=5, hidden=0, activation="tanh", padding="replicate", seed=Seed("point", 1, 3), scales=(1, 0)),
    Config(channels=256, hidden=1, features=(Feature("gradient_x", 1e30),), seed=Seed("blobs", 1e30)),
)  # fmt: skip
WORDS = ["", "x", ODD, "§" * 9, "identity", "__import__('os').system('true')", "a" * 10**5, "NaN", "[3,", "1e400"]
INTS = [0, 1, -1, 3, 255, 256, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**300]
FLOATS = [0.5, -0.0, 1e-320, 3.5e38, 1e308, float("inf"), -float("inf"), float("nan")]
SHAPES: list[Any] = [None, True, False, [], [[]], [1, 2], {}, {"a": 1}, [[[[[[]]]]]], list(range(300)), [0.0] * 300]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
RAW_NUMBERS = [b"0", b"-1", b"1e400", b"-1e308", b"9" * 5000, b"1" * 25, b"NaN", b"Infinity", b"-0", b"1e-400", b"0x1"]
OPCODES = b"().0123INRbcdehjlopqrstu}]\x80\x81\x85\x86\x87\x90\x92\x93\x94\x8a\x8bQXK"


# Seeds


def seeds(marker: Path) -> list[tuple[str, bytes]]:
    """Return valid files, each with its ending; some ask for a program that makes the `marker`."""
    return [*_texts(), *_pickles(), *_tensors(), *_attacks(marker), *_others(), *_real()]


def _texts() -> Iterator[tuple[str, bytes]]:
    placed = atlas(2, placed=True, n_perception_scales=2)
    noise = atlas(1, bias=False, noise_level=0.1, as_picture=True)
    row = [list(range(64)), [1, 2, 3, 4]]
    for made in (hexells(), placed, noise, growing(), graph_model(), row, dict(zip("Wb", row, strict=True))):
        yield ".json", json.dumps(made).encode()
    yield ".js", demo_text().encode()
    yield ".glsl", f"mat4({','.join(['1.5'] * 16)})".encode() * 4 + b"vec4(1,2,3,4)"


def _pickles() -> Iterator[tuple[str, bytes]]:
    """Yield state dicts and modules in both forms of torch, and arrays of objects."""
    torch.manual_seed(0)
    notebook = {k: torch.from_numpy(v) for k, v in state_dict(16).items()}
    noise = {**notebook, "noise_level": torch.tensor(0.1)}
    monash = {f"layers.{n}": v for n, v in torch.nn.Sequential(*_convs()).state_dict().items()}
    whole = {"net": torch.nn.Sequential(*_convs()), "epoch": 3}
    for held in (notebook, noise, monash, whole, {"w": torch.from_numpy(numbers(4, 17)).to(torch.bfloat16)}):
        torch.save(held, file := io.BytesIO())
        yield ".pt", file.getvalue()
        yield ".pth", _old(file, 2 if "w" in held else 4)
    for array in (boxed((3,), *reaction()), numbers(4, 17), np.asfortranarray(numbers(4, 17, 1, 1))):
        np.save(file := io.BytesIO(), array)
        yield ".npy", file.getvalue()


def _convs() -> list[torch.nn.Module]:
    return [torch.nn.Conv2d(16, 6, 1), torch.nn.ReLU(), torch.nn.Conv2d(6, 4, 1, bias=False)]


def _old(file: io.BytesIO, width: int) -> bytes:
    """Return the old form of a torch file, with fixed keys; torch takes them from memory addresses."""
    with zipfile.ZipFile(file) as archive:
        parts = {name.split("/")[-1]: archive.read(name) for name in archive.namelist()}
    keys = sorted(key for key in parts if key.isdecimal() and f"archive/data/{key}" in archive.namelist())
    storages = b"".join(struct.pack("<q", len(parts[key]) // width) + parts[key] for key in keys)
    return legacy(parts["data.pkl"], keys, storages)


def _tensors() -> Iterator[tuple[str, bytes]]:
    """Yield rows of numbers, models of ncaengine, and bare tensors."""
    for count in (68, 5856):
        yield ".bin", numbers(count).tobytes()
    for config in CONFIGS:
        image = {"seed": numbers(5, 3, 4)} if config.seed.kind == "image" else {}
        arrays, plain = random_weights(config, **image).arrays(), model_dicts.config_to_dict(config)
        meta = {"ncaengine": json.dumps({"version": 1, "config": plain})}
        yield ".safetensors", safetensors.numpy.save(arrays, meta)
        held = {k: torch.from_numpy(v.copy()) for k, v in arrays.items()}
        torch.save({"ncaengine": {"version": 1, "config": plain, "weights": held}}, file := io.BytesIO())
        yield ".pt", file.getvalue()
    yield ".safetensors", safetensors.numpy.save(state_dict(16))


def _others() -> Iterator[tuple[str, bytes]]:
    """Yield graphs, NumPy's archives and dicts, several models in a file, TorchScript, files of Keras, and settings."""
    yield ".onnx", growing_graph()
    yield ".onnx", stacked_graph()
    notebook = state_dict(16)
    kernels = {name: {"vars": {"0": notebook[f"{name}.weight"].T}} for name in ("w1", "w2")}
    yield ".h5", hdf5_file({"layers": kernels}, model_config='{"config": {"fire_rate": 0.25}}')
    np.save(file := io.BytesIO(), notebook, allow_pickle=True)  # type: ignore[arg-type]
    yield ".npy", file.getvalue()
    np.savez_compressed(file := io.BytesIO(), **notebook)
    yield ".npz", file.getvalue()
    net = {k: torch.from_numpy(v) for k, v in notebook.items()}
    beside = {"loss.vgg.0.weight": torch.zeros(16, 3, 3, 3), "loss.vgg.2.weight": torch.zeros(16, 16, 3, 3)}
    settings = argparse.Namespace(path=PurePosixPath("a"), when=datetime.timedelta(3), counts=Counter("aab"))
    stated = {
        "net": net,
        "fire_rate": torch.tensor(0.25),
        "clamp": (-1.0, 1.0),
        "hparams": {"padding": "zeros", "dt": 0.5},
    }
    for held in (
        stated,
        {"dots": net, "zebra": [net]},
        {f"nca.{k}": v for k, v in net.items()} | beside,
        [settings, net],
    ):
        torch.save(held, file := io.BytesIO())
        yield ".ckpt", file.getvalue()
    yield ".pkl", pickle.dumps({"model": net, "settings": settings}, 2)
    with warnings.catch_warnings(action="ignore"):
        traced = torch.jit.trace(torch.nn.Sequential(*_convs()).eval(), torch.zeros(1, 16, 3, 3))
        torch.jit.save(traced, file := io.BytesIO())
    yield ".pt", file.getvalue()


def _attacks(marker: Path) -> Iterator[tuple[str, bytes]]:
    asks = glob("posix", "system") + text(f"touch {marker}") + b"\x85R."
    yield ".pkl", asks
    yield ".pt", zipped({"a/data.pkl": asks, "a/version": b"3\n"})
    yield ".npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n", asks)


def _real() -> Iterator[tuple[str, bytes]]:
    for path in sorted(SHARED.glob("published/*/*")):
        if path.is_file() and path.stat().st_size < 130_000:
            yield path.suffix, path.read_bytes()


# Ways to damage bytes


def spoiled(seed: tuple[str, bytes], rng: random.Random) -> tuple[str, bytes]:
    """Return a seed's file with changes of its content, of its bytes or of both; sometimes with another ending."""
    end, data = seed
    if (inside := _inside(data)) and rng.random() < 0.75:
        data = inside(data, rng)
    if not inside or rng.random() < 0.4:
        for _ in range(rng.choice((1, 1, 2, 5))):
            data = rng.choice(RAW)(data, rng)
    ends = (".safetensors", ".pt", ".npy", ".npz", ".onnx", ".bin", ".json", ".js", ".odd", "")
    return (rng.choice(ends) if rng.random() < 0.03 else end), data


def _flip(data: bytes, rng: random.Random) -> bytes:
    new = bytearray(data)
    for _ in range(min(len(new), rng.choice((1, 1, 3, 20)))):
        new[rng.randrange(len(new))] = rng.choice((rng.randrange(256), rng.choice(OPCODES), 0, 255))
    return bytes(new)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _moved(data: bytes, rng: random.Random) -> bytes:
    """Remove a chunk, or insert it again, perhaps many times."""
    a, size, to = rng.randint(0, len(data)), rng.choice((1, 4, 40, 4000)), rng.randint(0, len(data))
    if rng.random() < 0.4:
        return data[:a] + data[a + size :]
    return data[:to] + data[a : a + size] * rng.choice((1, 1, 2, 50)) + data[to:]


def _inserted(data: bytes, rng: random.Random) -> bytes:
    to = rng.randint(0, len(data))
    return (
        data[:to] + rng.choice((rng.randbytes(rng.choice((1, 8))), b"[" * 2000, b"\0" * 999, b"\xff" * 4)) + data[to:]
    )


def _number(data: bytes, rng: random.Random) -> bytes:
    """Replace a number in a text, or four or eight bytes that may be a size or offset, by an extreme one."""
    spots = list(NUMBER.finditer(data[:50_000]))
    if spots and rng.random() < 0.7:
        spot = rng.choice(spots)
        return data[: spot.start()] + rng.choice(RAW_NUMBERS) + data[spot.end() :]
    to, size = rng.randint(0, len(data)), rng.choice((2, 4, 8))
    value = rng.choice((0, 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1, rng.randrange(2**16)))
    return data[:to] + value.to_bytes(size, rng.choice(("big", "little"))) + data[to + size :]


RAW: list[Callable[[bytes, random.Random], bytes]] = [_flip, _flip, _cut, _moved, _inserted, _number, _number]


# Ways to damage the content with correct checksums and sizes


def _inside(data: bytes) -> Callable[[bytes, random.Random], bytes] | None:
    if data.startswith(b"PK\3\4"):
        return _archive
    if data[:1] in b"[{" and data[-1:] in b"]}":
        return _json
    if data[8:9] == b"{" and len(data) > 8 + struct.unpack("<Q", data[:8])[0] - 1:
        return _safetensors
    return None


def _archive(data: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if rng.random() < 0.2:
        parts.pop(rng.choice(list(parts)))
    if not parts:
        return data
    pickles = [name for name in parts if name.endswith(".pkl")]
    for _ in range(rng.choice((1, 1, 3))):
        name = rng.choice(pickles if pickles and rng.random() < 0.8 else list(parts))
        parts[name] = rng.choice((_flip, _flip, _moved, _number, _words))(parts[name], rng)
    return zipped(parts, zipfile.ZIP_DEFLATED if rng.random() < 0.03 else zipfile.ZIP_STORED)


def _words(data: bytes, rng: random.Random) -> bytes:
    """Replace a text in a pickle by another of its length, a small number by another, or a float by an extreme one."""
    kind = rng.choice((rb"X(.)\0\0\0", rb"K.", rb"G.{8}"))
    spots = list(re.finditer(kind, data, re.DOTALL))
    if not spots:
        return _flip(data, rng)
    spot = rng.choice(spots)
    if data[spot.start()] == ord("X"):
        size = data[spot.start() + 1]
        word = rng.choice([w.encode() for w in WORDS]).ljust(size, b"x")[:size]
        return data[: spot.end()] + word + data[spot.end() + size :]
    new = b"K" + rng.randbytes(1) if spot[0][:1] == b"K" else b"G" + struct.pack(">d", rng.choice(FLOATS))
    return data[: spot.start()] + new + data[spot.end() :]


def _safetensors(data: bytes, rng: random.Random) -> bytes:
    size = struct.unpack("<Q", data[:8])[0]
    head, rest = json.loads(data[8 : 8 + size]), data[8 + size :]
    own = head.get("__metadata__", {}).get("ncaengine")
    if own and rng.random() < 0.8:
        head["__metadata__"]["ncaengine"] = _json(own.encode(), rng).decode("utf-8", "replace")
    elif rng.random() < 0.8:
        head = junked(head, rng)
    else:
        head[rng.choice(list(head))] = {"dtype": rng.choice(("BF16", "F8_E4M3", "BOOL", "C64", "I64", "F4", "U8")),
                                        "shape": [0], "data_offsets": [0, 0]}  # fmt: skip
    packed = json.dumps(head).encode("utf-8", "replace")
    return struct.pack("<Q", len(packed)) + packed + (rest if rng.random() < 0.7 else _flip(rest, rng))


def _json(data: bytes, rng: random.Random) -> bytes:
    found = json.loads(data)
    if rng.random() < 0.35 and (pictures := [layer for layer in _layers(found) if layer.get("data")]):
        layer = rng.choice(pictures)
        start, _, packed = layer["data"].rpartition(",")
        layer["data"] = f"{start},{base64.b64encode(_png(base64.b64decode(packed), rng)).decode()}"
    else:
        for _ in range(rng.choice((1, 1, 1, 3))):
            found = junked(found, rng)
    packed = json.dumps(found).encode()
    return _number(packed, rng) if rng.random() < 0.3 else packed


def _layers(found: Any) -> list[dict[str, Any]]:
    return [layer for layer in found.get("layers", []) if isinstance(layer, dict)] if isinstance(found, dict) else []


def junked(found: Any, rng: random.Random) -> Any:
    """Replace, remove, double or wrap one value anywhere in JSON data."""
    if not isinstance(found, (dict, list)) or not found or rng.random() < 0.02:
        return rng.choice((rng.choice(WORDS), rng.choice(INTS), rng.choice(FLOATS), copy.deepcopy(rng.choice(SHAPES))))
    key = rng.choice(list(found) if isinstance(found, dict) else range(len(found)))
    inside, chance = found[key], rng.random()
    if isinstance(inside, (dict, list)) and inside and chance < 0.75:
        found[key] = junked(inside, rng)
    elif chance < 0.85:
        found[key] = junked(None, rng)
    elif chance < 0.9:
        del found[key]
    elif chance < 0.95:
        found[key] = [inside] if rng.random() < 0.5 else str(inside)
    elif isinstance(found, list):
        found += copy.deepcopy(found[key : key + 3]) * rng.choice((1, 100))
    else:
        found[rng.choice([*WORDS[:4], *found])] = copy.deepcopy(inside)
    return found


def _png(data: bytes, rng: random.Random) -> bytes:
    """Damage, remove or double a chunk of a picture, or change its pixels; checksums are correct."""
    chunks, at = [], 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    number = rng.randrange(len(chunks))
    kind, held = chunks[number]
    if kind == b"IDAT" and rng.random() < 0.6:
        held = zlib.compress(rng.choice(RAW)(zlib.decompress(held), rng))
    elif kind == b"IHDR" and rng.random() < 0.7:
        held = struct.pack(">II", *(rng.choice((0, 1, 16, 2**15, 2**31 - 1, 2**32 - 1)) for _ in "wh")) + held[8:]
    else:
        held = _flip(held, rng)
    chunks[number : number + 1] = rng.choice(([(kind, held)], [(kind, held)], [(kind, held)] * 2, []))
    if rng.random() < 0.2:
        bomb = rng.choice(((b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 10**7)), (b"acTL", b"\xff" * 8), (b"iCCP", b"x")))
        chunks.insert(rng.randint(0, len(chunks)), bomb)
    body = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:8] + b"".join(body)


def plainly_named(config: Config) -> Config:
    """Return the configuration with neutral names."""
    return msgspec.structs.replace(config, name="model", family="", attribution={}, kernels=("square",))
