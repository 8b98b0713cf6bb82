"""Scripts: what a TOML file says is what happens, at its tick or step, and every mistake is told with its place."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ncaengine import files, scripts, sessions
from ncaengine.clock import TICKS_PER_SECOND
from ncaengine.commands import Fill, Paint, Reseed, Set, SetModel
from ncaengine.errors import NCAError
from ncaengine.kernels import Catalogue
from ncaengine.model import Config, Seed
from ncaengine.simulation import Simulation
from ncaengine.torch_backend import TorchBackend

SEED = Seed("noise", 1.0)
A = random_model(Config(channels=4, hidden=3, seed=SEED, name="a"), 1)
B = random_model(Config(channels=4, hidden=3, seed=SEED, name="b"), 2)
PICTURE = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
TEXT = """
seconds = 2
models = { other = "b.safetensors" }
images = { photo = "photo.png" }
[[grids]]
model = "a.safetensors"
size = [9, 7]
rng_seed = 5
[[grids]]
model = "b.safetensors"
size = [6, 5]
kernel = "hexagonal"
steps_per_second = 30
fire_rate = 0.75
[[commands]]
second = 1.5
type = "Set"
grid = 1
setting = "angle"
value = 90
[[commands]]
second = 0.5
type = "Paint"
grid = 1
tool = "image"
image = "photo"
path = [[2, 3], [6.5, 4]]
radius = 2
[[commands]]
step = 20
type = "SetModel"
grid = 2
model = "other"
slot = 1
[[commands]]
second = 0.5
type = "Fill"
grid = 2
field = "rate"
pattern = "halves"
values = [0.25, 1]
[[commands]]
step = 30
type = "Reseed"
grid = 1
rng_seed = 9
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.save(A, tmp_path / "a.safetensors")
    files.save(B, tmp_path / "b.safetensors")
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "film.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_script_does_what_the_same_commands_do(folder: Path, catalogue: Catalogue) -> None:
    script = scripts.load(written(folder, TEXT))
    with Simulation(TorchBackend(), catalogue) as sim, Simulation(TorchBackend(), catalogue) as again:
        script.start(sim)
        assert list(script.play(sim, 60)) == list(range(60, 2 * TICKS_PER_SECOND + 1, 60))
        assert sim.tick == 2 * TICKS_PER_SECOND

        again.register(B, "other")
        again.register_array("photo", PICTURE)
        again.add(A, (9, 7), rng_seed=5)
        again.add(B, (6, 5), "hexagonal", 30, 0.75)
        again.submit(SetModel(2, "other", 1), at_step=20)
        again.submit(Reseed(1, 9), at_step=30)
        again.advance(TICKS_PER_SECOND // 2)
        again.submit(Paint(1, "image", ((2.0, 3.0), (6.5, 4.0)), 2.0, image="photo"))
        again.submit(Fill(2, "rate", "halves", (0.25, 1.0)))
        again.advance(TICKS_PER_SECOND)
        again.submit(Set(1, "angle", 90.0))
        again.advance(TICKS_PER_SECOND // 2)
        assert sessions.fingerprint(sim) == sessions.fingerprint(again)
        assert [(e.tick, e.command, e.at_step) for e in sim.journal] == [
            (e.tick, e.command, e.at_step) for e in again.journal
        ]
        assert len(sim.grids[2].models) == 2


@given(st.lists(st.integers(0, 3 * TICKS_PER_SECOND), max_size=6), st.sampled_from([60, 72, 144, 3600]))
def test_commands_come_at_their_ticks_whatever_the_frames(ticks: list[int], per_frame: int) -> None:
    ordered = tuple((tick, Set(1, "angle", float(n))) for n, tick in enumerate(sorted(ticks)))
    script = scripts.Script(2.0, ((A, scripts.ScriptGrid("a", (3, 3), steps_per_second=1.0)),), at_ticks=ordered)
    with Simulation(TorchBackend()) as sim:
        sim.advance(17)  # time may have passed before
        script.start(sim)
        frames = list(script.play(sim, per_frame))
        assert frames == [per_frame * (k + 1) for k in range(2 * TICKS_PER_SECOND // per_frame)]
        assert sim.tick == 17 + 2 * TICKS_PER_SECOND
        done = [(entry.tick - 17, entry.command) for entry in sim.journal[1:]]
        assert done == [entry for entry in ordered if entry[0] <= 2 * TICKS_PER_SECOND]


def test_a_shipped_model_goes_by_its_name(folder: Path) -> None:
    script = scripts.load(written(folder, '[[grids]]\nmodel = "bubbles"\n'))
    assert script.grids[0][0].config.name == "bubbles"
    assert (script.seconds, script.grids[0][1].size) == (10.0, (256, 256))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seconds = 2", "seconds = 0", "seconds"),
        ("seconds = 2", "seconds = 1e9", "seconds"),
        ("seconds = 2", "second = 2", "second"),
        ("seconds = 2", "seconds = nan", "seconds"),
        ("seconds = 2", "seconds = ", "is not TOML"),
        ('"a.safetensors"', '"gone.safetensors"', r"gone\.safetensors: cannot be read"),
        ('"a.safetensors"', '"nosuch"', "nosuch"),
        ('"photo.png"', '"a.safetensors"', r"a\.safetensors: cannot be opened as a picture"),
        ('"photo.png"', '"gone.png"', r"gone\.png: cannot be opened as a picture \(No such file"),
        ("second = 1.5", "", "command 1 needs either `second` or `step`"),
        ("second = 1.5", "second = 1.5\nstep = 3", "command 1 needs either `second` or `step`"),
        ("second = 1.5", "second = -1.5", "command 1: `second` is -1.5"),
        ("second = 1.5", "second = inf", "command 1: `second` is inf"),
        ("second = 1.5", "second = nan", "command 1: `second` is nan"),
        ("second = 1.5", "second = true", "command 1: `second` is True"),
        ("step = 20", "step = 2.5", "command 3: `step` is 2.5"),
        ("step = 20", 'step = "x"', "command 3: `step` is 'x'"),
        ("step = 20", "step = 99999999999999999999999", "command 3: `step` is"),
        ('type = "Set"', 'type = "Dance"', "command 1: .*Dance"),
        ('type = "Set"', "", "command 1: .*type"),
        ('setting = "angle"', "sitting = 3", "command 1: .*sitting"),
        ("radius = 2", "radius = -2", "command 2: .*radius"),
        ("radius = 2", "radius = nan", "command 2: .*radius"),
        ("size = [9, 7]", "size = [9, 7, 5]", "size"),
        ("size = [9, 7]", 'size = "wide"', "size"),
        ("size = [9, 7]", "size = [-9, 7]", "grid"),
    ],
)
def test_each_mistake_is_told_with_its_place(folder: Path, catalogue: Catalogue, old: str, new: str, said: str) -> None:
    assert old in TEXT
    path = written(folder, TEXT.replace(old, new, 1))
    with Simulation(TorchBackend(), catalogue) as sim, pytest.raises(NCAError, match=said) as found:
        scripts.load(path).start(sim)
    text = str(found.value)
    assert "\n" not in text
    assert text.endswith(".")


def test_what_is_no_script_is_told(tmp_path: Path) -> None:
    cases = {
        "gone.toml": (None, "cannot be read"),
        "binary.toml": (b"\xff\xfe\x00", "is not TOML"),
        "empty.toml": (b"", "grids"),
        "none.toml": (b"grids = []", "grids"),
        "deep.toml": (b"a = " + b"[" * 9999, "is not TOML"),
        "huge.toml": (b"#" * (scripts.MAX_BYTES + 1), "at most 4 MB"),
    }
    for name, (data, said) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(NCAError, match=said) as found:
            scripts.load(tmp_path / name)
        assert name in str(found.value)
    with pytest.raises(NCAError, match="cannot be read"):
        scripts.load(tmp_path)


@given(data=st.data())
def test_broken_scripts_raise_nothing_else(folder: Path, data: st.DataObject) -> None:
    text = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(32, 255))
    (folder / "broken.toml").write_bytes(text)
    with contextlib.suppress(NCAError):
        scripts.load(folder / "broken.toml")


def test_too_large_a_picture_is_refused(tmp_path: Path) -> None:
    Image.new("1", (16384, 8192)).save(tmp_path / "wide.png")
    with pytest.raises(NCAError, match="64 million are the most"):
        scripts.open_image(tmp_path / "wide.png")


def test_a_picture_with_transparency_or_a_palette_opens_as_rgb(tmp_path: Path) -> None:
    for mode in ("RGBA", "L", "P", "1", "LA"):
        Image.new(mode, (6, 4)).save(tmp_path / "p.png")
        image = scripts.open_image(tmp_path / "p.png")
        assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
