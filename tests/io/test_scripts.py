"""Scripts: commands run at their tick or step, and every mistake is reported with its place."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ncaengine.backends.torch import TorchBackend
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.model import Config, Seed
from ncaengine.formats import model_files
from ncaengine.io import scripts, sessions
from ncaengine.simulation.clock import TICKS_PER_SECOND
from ncaengine.simulation.commands import AddGrid, Fill, Paint, Reseed, Set, SetModel
from ncaengine.simulation.simulation import Simulation

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
    model_files.save(A, tmp_path / "a.safetensors")
    model_files.save(B, tmp_path / "b.safetensors")
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "film.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_script_equals_the_same_commands(folder: Path, catalogue: Catalogue) -> None:
    script = scripts.load_script(written(folder, TEXT))
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
def test_commands_run_at_their_ticks_at_any_frame_rate(ticks: list[int], per_frame: int) -> None:
    ordered = tuple(scripts.ScheduledCommand(tick, Set(1, "angle", float(n))) for n, tick in enumerate(sorted(ticks)))
    script = scripts.Script(2.0, ((A, AddGrid("a", (3, 3), steps_per_second=1.0)),), at_ticks=ordered)
    with Simulation(TorchBackend()) as sim:
        sim.advance(17)  # time may have passed before
        script.start(sim)
        frames = list(script.play(sim, per_frame))
        assert frames == [per_frame * (k + 1) for k in range(2 * TICKS_PER_SECOND // per_frame)]
        assert sim.tick == 17 + 2 * TICKS_PER_SECOND
        done = [(entry.tick - 17, entry.command) for entry in sim.journal[1:]]
        assert done == [due[:2] for due in ordered if due.at <= 2 * TICKS_PER_SECOND]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("slot = 1", "slot = 5", r"command 3 \(SetModel\): "),
        ("second = 1.5", 'second = 1.5\ngrid = 1\ntype = "Redo"', r"command 1 \(Redo\): Nothing to redo"),
    ],
)
def test_a_command_that_fails_later_is_reported_with_its_place(
    folder: Path, catalogue: Catalogue, old: str, new: str, message: str
) -> None:
    text = TEXT.replace(old, new, 1)
    if old != "slot = 1":
        text = text.replace('type = "Set"\ngrid = 1\nsetting = "angle"\nvalue = 90\n', "", 1)
    script = scripts.load_script(written(folder, text))
    with Simulation(TorchBackend(), catalogue) as sim:
        script.start(sim)
        with pytest.raises(NCAError, match=message) as found:
            list(script.play(sim, 60))
    assert str(found.value).startswith(f"{folder / 'film.toml'}: command ")


def test_a_command_after_the_end_gives_a_warning(folder: Path) -> None:
    assert scripts.load_script(written(folder, TEXT)).late_commands() == ""
    path = written(folder, TEXT.replace("second = 1.5", "second = 50"))
    message = "command 1 (Set) comes at 50 s, after the script's end at 2 s, and won't run"
    assert scripts.load_script(path).late_commands() == f"{path}: {message}."
    path = written(folder, TEXT.replace("second = 1.5", "second = 50").replace("second = 0.5", "second = 60"))
    assert scripts.load_script(path).late_commands() == f"{path}: {message}; so do 2 more."


def test_later_commands_can_name_a_grid_that_a_command_adds(folder: Path, catalogue: Catalogue) -> None:
    made = '[[commands]]\nsecond = 0.5\ntype = "Duplicate"\ngrid = 1\n'
    used = '[[commands]]\nsecond = 0.5\ntype = "Resize"\ngrid = 3\nsize = [4, 5]\n'
    with Simulation(TorchBackend(), catalogue) as sim:
        script = scripts.load_script(written(folder, TEXT + made + used))
        script.start(sim)
        list(script.play(sim, 60))
        assert sim.grids[3].size == (4, 5)
    with Simulation(TorchBackend(), catalogue) as sim, pytest.raises(NCAError, match="There is no grid 3"):
        scripts.load_script(written(folder, TEXT + used + made)).start(sim)


def test_a_command_names_a_shipped_model(folder: Path, catalogue: Catalogue) -> None:
    more = '[[commands]]\nstep = 1\ntype = "SetModel"\ngrid = 1\nmodel = "zebra"\n'
    (folder / "s.toml").write_text('[[grids]]\nmodel = "coral"\nsize = [9, 7]\n' + more)
    sim = Simulation(TorchBackend(), catalogue)
    scripts.load_script(folder / "s.toml").start(sim)
    sim.step(2)
    assert sim.grid().model.config.name == "zebra"


def test_a_shipped_model_is_found_by_its_name(folder: Path) -> None:
    script = scripts.load_script(written(folder, '[[grids]]\nmodel = "bubbles"\n'))
    assert script.grids[0][0].config.name == "bubbles"
    assert (script.seconds, script.grids[0][1].size) == (10.0, (256, 256))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seconds = 2", "seconds = 0", "seconds"),
        ("seconds = 2", "seconds = 1e9", "seconds"),
        ("seconds = 2", "second = 2", "second"),
        ("seconds = 2", "seconds = nan", "seconds"),
        ("seconds = 2", "seconds = ", "is not TOML"),
        ('"a.safetensors"', '"gone.safetensors"', r"gone\.safetensors: cannot be read"),
        ('"a.safetensors"', '"nosuch"', "nosuch"),
        ('"photo.png"', '"a.safetensors"', r"a\.safetensors: is not an image of a known format"),
        ('"photo.png"', '"gone.png"', r"gone\.png: cannot be read \(No such file"),
        ("second = 1.5", "", r"command 1 \(Set\): give either `second` or `step`"),
        ("second = 1.5", "second = 1.5\nstep = 3", r"command 1 \(Set\): give either `second` or `step`"),
        ("second = 1.5", "second = -1.5", r"command 1 \(Set\): `second` is -1.5"),
        ("second = 1.5", "second = inf", r"command 1 \(Set\): `second` is inf"),
        ("second = 1.5", "second = nan", r"command 1 \(Set\): `second` is nan"),
        ("second = 1.5", "second = true", r"command 1 \(Set\): `second` is True"),
        ("step = 20", "step = 2.5", r"command 3 \(SetModel\): `step` is 2.5"),
        ("step = 20", 'step = "x"', r"command 3 \(SetModel\): `step` is 'x'"),
        ("step = 20", "step = 99999999999999999999999", r"command 3 \(SetModel\): `step` is"),
        ('type = "Set"', 'type = "Dance"', "command 1: `type` is 'Dance'; choose from: SetModel, .*Paint"),
        ('type = "Set"', "", "command 1: `type` is missing; choose from: SetModel, "),
        (
            'setting = "angle"',
            "sitting = 3",
            r"command 1 \(Set\): `sitting` is unknown; choose from: grid, setting, value\.",
        ),
        ("radius = 2", "radius = -2", r"command 2 \(Paint\): `radius` must be above 0\."),
        ("radius = 2", "radius = nan", r"command 2 \(Paint\): `radius`"),
        (
            "radius = 2",
            "radios = 2",
            r"command 2 \(Paint\): `radios` is unknown; choose from: grid, tool, path, radius, ",
        ),
        ("path = [[2, 3], [6.5, 4]]", "path = [[2, 3], [6.5]]", r"\(Paint\): entry 2 of `path` needs two numbers\."),
        ("path = [[2, 3], [6.5, 4]]", 'path = [[2, "x"]]', "entry 2 of entry 1 of `path` must be a number, not a text"),
        ("path = [[2, 3], [6.5, 4]]", "path = []", "`path` needs at least 1 entry"),
        ('"halves"', '"thirds"', r"command 4 \(Fill\): `pattern` is 'thirds'; choose from: .*halves"),
        ('setting = "angle"', 'setting = "angel"', r"toml: command 1 \(Set\): There is no setting 'angel'"),
        ("value = 90", "value = 900", r"toml: command 1 \(Set\): Rotation is 900"),
        ('model = "other"', 'model = "strips"', r"toml: command 3 \(SetModel\): There is no model 'strips'"),
        ('image = "photo"', 'image = "foto"', r"toml: command 2 \(Paint\): There is no image 'foto'"),
        ("grid = 2\nfield", "grid = 9\nfield", r"toml: command 4 \(Fill\): There is no grid 9\."),
        ("grid = 2\nmodel", "grid = 9\nmodel", r"toml: command 3 \(SetModel\): There is no grid 9\."),
        ('kernel = "hexagonal"', 'kernel = "hex"', r"toml: grid 2: .*'hex'"),
        ("size = [9, 7]", "size = [9, 7, 5]", "toml: grid 1: `size` needs two numbers"),
        ("size = [9, 7]", 'size = "wide"', "toml: grid 1: `size` must be a list, not a text"),
        ("size = [9, 7]", "size = [-9, 7]", "toml: grid 1: A grid of -9x7"),
        ("rng_seed = 5", "seed = 5", "toml: grid 1: `seed` is unknown; choose from: model, size, .*, rng_seed"),
        ('"b.safetensors"\nsize', '"bubblez"\nsize', "bubblez: is neither .* the shipped ones are: bricks, bubbles, "),
    ],
)
def test_each_mistake_is_reported_with_its_place(
    folder: Path, catalogue: Catalogue, old: str, new: str, message: str
) -> None:
    assert old in TEXT
    path = written(folder, TEXT.replace(old, new, 1))
    with Simulation(TorchBackend(), catalogue) as sim, pytest.raises(NCAError, match=message) as found:
        scripts.load_script(path).start(sim)
    text = str(found.value)
    assert "\n" not in text
    assert text.endswith(".")


def test_files_that_are_not_scripts_raise_with_their_name(tmp_path: Path) -> None:
    cases = {
        "gone.toml": (None, "cannot be read"),
        "binary.toml": (b"\xff\xfe\x00", "is not TOML"),
        "empty.toml": (b"", "grids"),
        "none.toml": (b"grids = []", "grids"),
        "deep.toml": (b"a = " + b"[" * 9999, "is not TOML"),
        "huge.toml": (b"#" * (scripts.MAX_BYTES + 1), "larger than 2 MB"),
    }
    for name, (data, message) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(NCAError, match=message) as found:
            scripts.load_script(tmp_path / name)
        assert name in str(found.value)
    with pytest.raises(NCAError, match="cannot be read"):
        scripts.load_script(tmp_path)


@given(data=st.data())
def test_damaged_scripts_raise_only_ncaerror(folder: Path, data: st.DataObject) -> None:
    text = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(32, 255))
    (folder / "broken.toml").write_bytes(text)
    with contextlib.suppress(NCAError):
        scripts.load_script(folder / "broken.toml")


@given(st.text(max_size=6) | st.sampled_from(["[1]", "[²]", "", "a - at `$.b`", "`"]), st.text(max_size=4))
def test_any_unknown_key_is_named(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "odd.toml"
    quoted = json.dumps(key), json.dumps(value)  # which TOML reads alike
    grid = "[[grids]]\n"
    command = f'{grid}model = "zebra"\n[[commands]]\nstep = 1\ntype = "Undo"\n'
    for above in ("", grid, command):
        path.write_text(above + " = ".join(quoted), "utf-8")
        with pytest.raises(NCAError) as found:
            scripts.load_script(path)
        assert str(found.value).startswith(f"{path}: ")


def test_a_picture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    Image.new("1", (16384, 16384)).save(tmp_path / "wide.png")
    with pytest.raises(NCAError, match="has too many pixels"):
        scripts.load_picture(tmp_path / "wide.png")


def test_a_picture_with_transparency_or_a_palette_opens_as_rgb(tmp_path: Path) -> None:
    for mode in ("RGBA", "L", "P", "1", "LA"):
        Image.new(mode, (6, 4)).save(tmp_path / "p.png")
        image, dropped = scripts.load_picture(tmp_path / "p.png")
        assert (image.shape, image.dtype) == ((4, 6, 3), np.uint8)
        assert dropped == ("on white where it is transparent" if mode in ("RGBA", "LA") else "")


def test_commands_wait_for_steps_of_grids_that_come_later(folder: Path, catalogue: Catalogue) -> None:
    sim = Simulation(TorchBackend(), catalogue)
    text = (
        TEXT
        + """
[[commands]]
second = 0.25
type = "Duplicate"
grid = 1
[[commands]]
step = 40
type = "Set"
grid = 3
setting = "angle"
value = 20
[[commands]]
step = 4000
type = "Set"
grid = 3
setting = "angle"
value = 30
"""
    )
    script = scripts.load_script(path := written(folder, text))
    script.start(sim)
    for _ in script.play(sim, 60):
        if 3 in sim.grids and sim.grid(3).step <= 40:
            assert sim.grid(3).settings.angle == (20 if sim.grid(3).step == 40 else 0)
    assert sim.grid(3).settings.angle == 20
    late = f"{path}: command 8 (Set) did not run, because its grid did not reach step 4,000 in time."
    assert script.unreached(sim) == late
    with pytest.raises(NCAError, match="There is no grid 4"):
        scripts.load_script(written(folder, text.replace("grid = 3", "grid = 4"))).start(Simulation(TorchBackend()))
