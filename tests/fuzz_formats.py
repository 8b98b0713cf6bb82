"""The formats that tests/fuzz.py tries: valid files of each, ways to damage them, and what opening one leads to."""

import base64
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from fuzzing import RAW, junked, spoiled
from fuzzing import seeds as model_seeds
from helpers import ROOT, random_model
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.core import kernel_files, kernels, states
from ncaengine.core.model import Config
from ncaengine.formats import model_files
from ncaengine.formats.images import load_image
from ncaengine.io import journals, photos, picture_files, scripts, session_format, sessions, stills
from ncaengine.simulation import commands
from ncaengine.simulation.commands import Step
from ncaengine.simulation.simulation import Simulation
from ncaengine.training import targets
from ncaengine.viewer.state.preferences import Preferences, load_preferences, save_preferences

_CATALOGUE = kernels.discover()
MOST_CELL_STEPS = 20_000
"""Longer journals and scripts are only opened: what they ask for is bounded, and their progress is shown."""


@dataclass(frozen=True)
class Format:
    """A format of inputs."""

    ending: str
    seeds: Callable[[Path], list[bytes]]
    spoil: Callable[[bytes, random.Random], bytes]
    open: Callable[[Path], object]


def _lively() -> Simulation:
    sim = Simulation(TorchBackend(), _CATALOGUE)
    for number, kernel in enumerate(("square", "hexagonal"), 1):
        sim.add(random_model(Config(channels=4, hidden=3, name=f"m{number}"), number), (6, 5), kernel)
    sim.register_array("picture", np.zeros((4, 5, 3), np.uint8))
    sim.fill("scale", "ramp", (0.5, 2.0))
    sim.set("steps_per_second", 7.123)
    sim.paint("image", [(1, 1), (3, 4)], 2, image="picture")
    sim.load(np.zeros((6, 5, 4)))
    sim.submit(Step(2, 3), at_step=4)
    sim.advance(1000)
    return sim


def _raw(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 5))):
        data = rng.choice(RAW)(data, rng)
    return data


def _sessions(_: Path) -> list[bytes]:
    sim = _lively()
    made = [sessions.pack_session(sim), sessions.pack_session(sim, [sim.grid(2)]), sessions.pack_origin(sim)]
    sim.lay("picture", 1.5, grid=1)
    sim.mark("m1", (1, 1), 1, grid=1)
    return [*made, sessions.pack_session(sim)]


def _spoil_session(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return _raw(data, rng)
    tensors = safetensors.numpy.load(data)
    size = int.from_bytes(data[:8], "little")
    meta = json.loads(data[8 : 8 + size])["__metadata__"]
    if rng.random() < 0.8:
        head = junked(json.loads(meta[session_format.METADATA_KEY]), rng)
        meta[session_format.METADATA_KEY] = json.dumps(head)
    if tensors and rng.random() < 0.4:
        name = rng.choice(sorted(tensors))
        array = tensors[name].copy()
        spoil: list[Callable[[], Any]] = [
            lambda: np.full_like(array, 250), lambda: array[:0], lambda: array.astype(np.float64),
            lambda: (array * np.float32(rng.choice((np.nan, np.inf, 1e38)))).astype(array.dtype), array.T.copy,
            lambda: np.zeros((1, *array.shape), array.dtype), lambda: np.concatenate([array] * 3),
        ]  # fmt: skip
        with np.errstate(all="ignore"):
            tensors[name] = rng.choice(spoil)()
    return safetensors.numpy.save(tensors, meta)


def _open_session(path: Path) -> None:
    session = sessions.load_session(path)
    sessions.read_header(path)
    _restored(session)


def _restored(session: session_format.Session) -> None:
    with Simulation(TorchBackend(), _CATALOGUE) as sim:
        sessions.restore_session(sim, session)
        cells = sum(grid.size[0] * grid.size[1] for grid in sim.grids.values())
        if cells <= MOST_CELL_STEPS and not any(grid.waiting for grid in sim.grids.values()):
            sim.advance(1)
        session_format.unpack_session(sessions.pack_session(sim))


def _journals(folder: Path) -> list[bytes]:
    journals.save_journal(_lively(), path := folder / "seed.jsonl")
    return [path.read_bytes()]


def _spoil_journal(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return _raw(data, rng)
    lines = data.splitlines()
    number = rng.randrange(len(lines))
    plain = json.loads(lines[number])
    if number == 0 and rng.random() < 0.5:
        session = _spoil_session(base64.b85decode(plain["session"]), rng)
        plain["session"] = base64.b85encode(session).decode()
    else:
        plain = junked(plain, rng)
    lines[number] = json.dumps(plain).encode()
    if rng.random() < 0.2:
        rng.shuffle(lines)
    return b"\n".join(lines) + b"\n" * rng.randrange(2)


def _open_journal(path: Path) -> None:
    journal = journals.load_journal(path)
    steps = sum(entry.command.count for entry in journal.entries if isinstance(entry.command, Step))
    waiting = any(entry.at_step is not None for entry in journal.entries)
    sides = [c.command.size for c in journal.entries if isinstance(c.command, commands.Resize | commands.AddGrid)]
    small = all(max(size) <= 64 for size in sides)
    short = journal.header.until <= 3600 and all(
        entry.tick <= 3600 and not isinstance(entry.command, commands.Set) for entry in journal.entries
    )
    if steps <= 100 and small and short and not waiting:
        with Simulation(TorchBackend(), _CATALOGUE) as sim:
            journal.replay(sim)


SCRIPT = b"""seconds = 0.5
[[grids]]
model = "zebra"
size = [6, 5]
kernel = "hexagonal"
[models]
b = "bubbles"
[images]
p = "p.png"
[[commands]]
second = 0.2
type = "Paint"
grid = 1
tool = "image"
image = "p"
path = [[1, 2], [3.5, 4]]
[[commands]]
step = 3
type = "Resize"
grid = 1
size = [7, 5]
[[commands]]
second = 0.3
type = "Show"
grid = 1
look = {mode = "channel", channels = [1, 2, 3], gain = 2.0}
"""


def _scripts(folder: Path) -> list[bytes]:
    Image.new("RGB", (3, 4), "red").save(folder / "p.png")
    return [SCRIPT, SCRIPT.replace(b'"Resize"', b'"SetModel"').replace(b"size = [7, 5]", b'model = "b"')]


def _open_script(path: Path) -> None:
    script = scripts.load_script(path)
    if all(grid.size[0] * grid.size[1] <= 1000 and grid.steps_per_second <= 100 for _, grid in script.grids):
        with Simulation(TorchBackend(), _CATALOGUE) as sim:
            script.start(sim)


def _pictures(_: Path) -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 33, 4), np.uint8)
    made = []
    for kind, mode in (("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("JPEG", "RGB"), ("GIF", "P"), ("BMP", "RGB"),
                       ("TIFF", "RGB"), ("TIFF", "F"), ("WEBP", "RGBA"), ("PPM", "RGB"), ("TGA", "RGB"),
                       ("ICO", "RGBA"), ("JPEG2000", "RGB"), ("AVIF", "RGB"), ("DDS", "RGBA")):  # fmt: skip
        picture = Image.fromarray(pixels)
        picture = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
        picture.save(file := io.BytesIO(), kind)
        made.append(file.getvalue())
    return made


def _photos(folder: Path) -> list[bytes]:
    """Pictures that `fill` reads: also of 16 bits, with a profile, Exif and a size on paper."""
    made, pixels = _pictures(folder), np.random.default_rng(1).integers(0, 65536, (20, 33, 4), np.uint16)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "a"
    for name, channels in (("a.png", 4), ("a.png", 3), ("a.tif", 3)):
        picture_files.write_picture(pixels[..., :channels], folder / name, 300.0, exif.tobytes(), b"profile" * 40)
        made.append((folder / name).read_bytes())
    return made


def _open_photo(path: Path) -> None:
    photo = photos.read_photo(path)
    photo.write(path.with_suffix(".out.png"))
    photos.read_marks(path, photo.size, path)


def _stills(folder: Path) -> list[bytes]:
    blob = sessions.pack_session(_lively())
    stills.save_still(folder / "seed.png", np.zeros((4, 5, 3), np.uint8), {"Model": "a", "Text": "ä" * 99}, blob)
    return [(folder / "seed.png").read_bytes()]


def _spoil_still(data: bytes, rng: random.Random) -> bytes:
    return spoiled((".png", data), rng)[1] if rng.random() < 0.5 else _raw(data, rng)


def _preferences(folder: Path) -> list[bytes]:
    save_preferences(Preferences(recent=["a.pt"], columns=[1.0, 2.0]), folder / "seed.json")
    return [(folder / "seed.json").read_bytes()]


def _spoil_json(data: bytes, rng: random.Random) -> bytes:
    return json.dumps(junked(json.loads(data), rng)).encode() if rng.random() < 0.7 else _raw(data, rng)


def _models(folder: Path) -> list[bytes]:
    return [data for _, data in model_seeds(folder / "marker")]


def _open_model(path: Path) -> None:
    for model in model_files.open_file(path).models.values():
        assert states.initial(model, (8, 8), 0).shape == (8, 8, model.config.channels)
    assert not (path.parent / "marker").exists(), "it ran a program"


def _spoil_model(data: bytes, rng: random.Random) -> bytes:
    return spoiled(("", data), rng)[1]


def _load_target(path: Path) -> None:
    targets.load_target(str(path))


FORMATS = {
    "model": Format("", _models, _spoil_model, _open_model),
    "session": Format(".nca", _sessions, _spoil_session, _open_session),
    "journal": Format(".jsonl", _journals, _spoil_journal, _open_journal),
    "script": Format(".toml", _scripts, _raw, _open_script),
    "still": Format(".png", _stills, _spoil_still, lambda path: _restored(sessions.load_session(path))),
    "kernel": Format(
        ".toml", lambda _: [path.read_bytes() for path in sorted((ROOT / "plugins").glob("*/kernel.toml"))], _raw,
        kernel_files.read_kernel_file,
    ),
    "image": Format(".png", _pictures, _raw, lambda path: load_image(path, 64)),
    "photo": Format(".png", _photos, _raw, _open_photo),
    "target": Format(".jpg", _pictures, _raw, _load_target),
    "preferences": Format(".json", _preferences, _spoil_json, load_preferences),
}  # fmt: skip
