"""States of 16-bit floats: a step is the reference's rounded to them, without a drift, and textures are the same."""

import re
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from helpers import apart, random_model, random_state
from one_step import in_form
from PIL import Image

from ncaengine.backends import open_backend
from ncaengine.backends.base import Cells
from ncaengine.backends.gl import storage
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.device import Device
from ncaengine.backends.gl.shader.source import ShaderSource
from ncaengine.backends.gl.textures import StateImages
from ncaengine.backends.torch import TorchCells
from ncaengine.cli import main
from ncaengine.core import resources
from ncaengine.core.errors import NCAError
from ncaengine.core.kernels import Catalogue
from ncaengine.core.lattice import View
from ncaengine.core.looks import Look
from ncaengine.core.model import Alive, Clips, Config, Model, Seed
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32
from ncaengine.formats import model_files
from ncaengine.io import sessions
from ncaengine.simulation.simulation import Simulation

HALF_ULP = 2**-11
"""Of a number's size, by which rounding to 11 bits changes it at most."""
LARGEST = 65504.0
SMALL = Config(channels=5, hidden=9)
MODELS = {
    "plain": SMALL,
    "clipped": msgspec.structs.replace(SMALL, clips=Clips((-1.0, 1.5), state=(-0.3, 0.4))),
    "alive": msgspec.structs.replace(SMALL, alive=Alive(3, 0.1)),
    "two scales": msgspec.structs.replace(SMALL, scales=(0, 1)),
}
COVERS = {"pairs": (0.5, True), "listed": (0.3, False), "every": (1.0, True)}
"""Fire rate, and whether antithetic, that make each of perception.Cover."""


@pytest.fixture(scope="module")
def _half(_gl_of_session: GLBackend) -> Iterator[GLBackend]:
    with _gl_of_session.device.ctx as ctx:
        made = GLBackend(Device(ctx, half=True))
    yield made
    with _gl_of_session.device.ctx:
        _gl_of_session.offscreen(8, 8).use()  # moderngl goes back to what was drawn into last, which must be there
        made.release()


@pytest.fixture
def half(gl: GLBackend, _half: GLBackend) -> GLBackend:
    """A backend with states of float16, beside `gl` on its context."""
    return _half


@pytest.fixture(params=["unrolled", "looped"])
def halved(request: pytest.FixtureRequest, half: GLBackend, monkeypatch: pytest.MonkeyPatch) -> GLBackend:
    """It in each form of the shader in turn."""
    return in_form(half, request.param, monkeypatch)


def rounded(state: F32) -> F32:
    return state.astype(np.float16).astype(np.float32)


def written(backend: GLBackend, model: Model, catalogue: Catalogue, state: F32, kernel: str = "square") -> Cells:
    cells = backend.cells()
    cells.specialise(model, catalogue.get(kernel))
    cells.write(state)
    return cells


@pytest.mark.parametrize("cover", COVERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_step_is_the_references_rounded(
    halved: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, name: str, cover: str
) -> None:
    """To the nearest number of 11 bits, as often down as up: to cut the others off would be a drift towards 0."""
    covers: list[str] = []
    real = halved.step_programs
    monkeypatch.setattr(halved, "step_programs", lambda m, k, f, c, *form: covers.append(c) or real(m, k, f, c, *form))
    model, (fire_rate, antithetic) = random_model(MODELS[name]), COVERS[cover]
    errors, bounds = [], model.config.clips.state or (-np.inf, np.inf)
    for n, size in enumerate(((36, 53), (130, 12))):
        before = rounded(random_state(*size, 5, seed=n).clip(*bounds))
        after = []
        for cells in (written(halved, model, catalogue, before, "hexagonal"), TorchCells()):
            cells.specialise(model, catalogue.get("hexagonal"))
            cells.write(before)
            cells.step(3 + n, 2**31 + 7, Settings(fire_rate=fire_rate, antithetic=antithetic))
            after.append(cells.read())
            cells.release()
        ours, truth = after
        assert ours.dtype == np.float32
        assert np.array_equal(rounded(ours), ours)
        assert (np.abs(ours - truth) <= HALF_ULP * np.abs(truth) + 1e-5).all()
        changed = np.abs(truth - before).max(-1) > 1e-3
        assert changed.any()
        if not model.config.alive:
            still = (truth.clip(*bounds) == before.clip(*bounds)).all(-1)
            assert fire_rate == 1 or still.any()
            assert np.array_equal(ours[still], before[still])
        errors.append((np.abs(ours) - np.abs(truth))[changed & (truth != 0).all(-1)].ravel())
    assert covers[-1] == cover
    down = (np.concatenate(errors) < 0).mean()
    assert 0.45 < down < 0.55 or model.config.clips.state


def test_states_are_written_rounded_and_read_back_exactly(half: GLBackend, catalogue: Catalogue) -> None:
    for channels in (3, 4, 12):
        state = random_state(17, 5, channels)
        cells = written(half, random_model(Config(channels=channels, hidden=1)), catalogue, state)
        assert np.array_equal(cells.read(), rounded(state))
        cells.write(cells.read())
        assert np.array_equal(cells.read(), rounded(state))
        cells.release()


def test_what_is_too_large_becomes_the_largest(half: GLBackend, catalogue: Catalogue) -> None:
    """And never infinite; what is no number stays so."""
    state = np.zeros((2, 3, 5), np.float32)
    state[0, 0] = [1e9, -np.inf, 65519, np.nan, -70000]
    cells = written(half, random_model(SMALL), catalogue, state)
    np.testing.assert_array_equal(cells.read()[0, 0], [LARGEST, -LARGEST, LARGEST, np.nan, -LARGEST])
    cells.blend(np.int32([[1, 1], [2, 1]]), np.float32([1, 0.5]), np.float32([[1e6, -1e9], [1e6, -1e9]]))
    np.testing.assert_array_equal(cells.read()[1, 1:, :2], [[LARGEST, -LARGEST], [LARGEST / 2, -LARGEST / 2]])
    cells.release()


def test_some_cells_are_read_and_mixed(half: GLBackend, catalogue: Catalogue) -> None:
    state = rounded(random_state(19, 11, 5))
    cells = written(half, random_model(SMALL), catalogue, state)
    rng = np.random.default_rng(1)
    chosen = rng.permutation(209)[:80]
    which = np.stack([chosen % 19, chosen // 19], 1).astype(np.int32)
    old = state[which[:, 1], which[:, 0]]
    assert np.array_equal(cells.read_cells(which), old)
    weight, target = rng.choice(np.float32([0, 0.3, 1]), 80), rng.normal(0, 30, (80, 3)).astype(np.float32)
    cells.blend(which, weight, target)
    found = cells.read_cells(which)
    mixed = old[:, :3] + weight[:, None] * (target - old[:, :3])
    assert (np.abs(found[:, :3] - mixed) <= HALF_ULP * np.abs(mixed) + 1e-5).all()
    assert np.array_equal(found[weight == 0], old[weight == 0])
    assert np.array_equal(found[:, 3:], old[:, 3:])
    assert (found != old).any()
    cells.release()


def test_a_picture_is_that_of_the_same_state(gl: GLBackend, half: GLBackend, catalogue: Catalogue) -> None:
    state, place = rounded(random_state(19, 12, 5)), View(60, 40, 3.0, -1.0, 2.0)
    pairs = [written(backend, random_model(SMALL), catalogue, state, "hexagonal") for backend in (gl, half)]
    for look in (Look(), Look("channel", (4, 0, 0))):
        one, other = (cells.draw(place, look).astype(int) for cells in pairs)
        assert np.abs(one - other).max() <= 1
        assert one.std() > 10
    for cells in pairs:
        cells.release()


def test_a_state_takes_half_the_memory(
    gl: GLBackend, half: GLBackend, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device; arrays stay what they are."""
    monkeypatch.setattr(StateImages, "largest", lambda *_: 77)
    message, state = [], np.zeros((5, 7, 12), np.float32)
    for backend in (gl, half):
        cells = written(backend, random_model(Config(hidden=8)), catalogue, state)
        message.append(len(cells._images.now.read()))
        with pytest.raises(NCAError, match=r"[\d.]+ GB for each of two states; a square of 77x77 fits\.") as caught:
            cells.write(np.broadcast_to(np.float32(0), (gl.max_side, gl.max_side, 3000)))
        message.append(float(str(caught.value).split(" GB")[0].split()[-1]))
        cells.release()
    assert message[0] == 2 * message[2]
    assert message[1] == pytest.approx(2 * message[3], abs=0.1)
    monkeypatch.setattr(gl.device, "form", "unrolled")
    monkeypatch.setattr(half.device, "form", "unrolled")
    arrays = 2 * 3 * 16
    assert gl.bytes_a_cell(Config()) - arrays == 2 * (half.bytes_a_cell(Config()) - arrays) == 2 * 3 * 16


def test_going_back_and_a_session_are_exact(
    half: GLBackend, simulate: Callable[..., Simulation], catalogue: Catalogue
) -> None:
    """Though both hold 32-bit floats."""
    sim = simulate(half)
    grid = sim.add(random_model(msgspec.structs.replace(SMALL, seed=Seed("noise"))), (20, 14), rng_seed=3)
    sim.step(7)
    sim.paint("erase", [(4, 4), (12, 9)], radius=3)
    sim.step(6)
    state, saved = grid.state(), sessions.pack_session(sim)
    sim.rewind(9)
    assert not np.array_equal(grid.state(), state)
    other = simulate(half)
    sessions.restore_session(other, sessions.unpack_session(saved))
    assert np.array_equal(other.grid(1).state(), state)
    sim.load(state)
    for one in (sim, other):
        one.step(5)
    sim.rewind(5)
    assert np.array_equal(sim.grid(1).state(), state)
    assert not np.array_equal(other.grid(1).state(), state)


def test_a_texture_is_the_same_in_the_mean(gl: GLBackend, half: GLBackend, simulate: Callable[..., Simulation]) -> None:
    """Means and deviations of red, green and blue differ by less than those of two seeds do."""
    told = np.empty((2, 4, 2, 3))
    for b, backend in enumerate((gl, half)):
        for seed in range(4):
            sim = simulate(backend)
            grid = sim.add("bubbles", 64, rng_seed=seed)
            sim.step(300)
            colours = grid.state()[..., :3].reshape(-1, 3)
            told[b, seed] = colours.mean(0), colours.std(0)
    assert (told[:, :, 1] > 0.05).all(), "a texture has grown"
    rounding = np.abs(told[1] - told[0]).mean(0)
    seeds = np.abs(told[0][:, None] - told[0][None])[np.triu_indices(4, 1)].mean(0)
    assert (rounding < seeds).all()


def test_a_float16_knows_its_bytes() -> None:
    assert (storage.FLOAT.vec4_bytes, storage.HALF.vec4_bytes) == (16, 8)
    assert float(np.finfo(storage.HALF.dtype).max) == storage.HALF.largest == LARGEST


def test_a_name_that_is_defined_moves_no_line() -> None:
    source = ShaderSource("#version 430\na\nb\n", ("x:1", "x:2", "x:3")).defining("HALF")
    assert source.text == "#version 430\n#define HALF 1\na\nb\n"
    assert source.explain("0:4(1): error") == "x:3: error"


def test_every_shader_declares_its_images_of_states_so() -> None:
    """llvmpipe goes by the image alone; other drivers need not."""
    declared = re.compile(r"^(?:READS|WRITES|CHANGES)\(\d, STATE, (\w+)\);", re.M)
    files = (path for path in resources.folder("shaders").iterdir() if path.suffix in (".comp", ".glsl"))
    found = {path.stem: declared.findall(path.read_text("utf-8")) for path in files}
    assert {name: images for name, images in found.items() if images} == {
        **{name: ["before", "after"] for name in ("step", "pick")},
        **{name: ["state"] for name in ("gather", "blend", "largest")},
        "alive": ["before", "stepped", "after"],
        "merge": ["before", "after"],
        "shrink": ["before"],
        "combine": ["base", "stepped", "kept_1", "kept_2", "kept_3", "after"],
    }


# The command line


@pytest.mark.parametrize("command", ["record", "sheet", "replay"])
def test_torch_has_no_such_states(command: str, tmp_path, capsys) -> None:
    if command == "replay":
        from ncaengine.backends.torch import TorchBackend
        from ncaengine.io import journals

        journals.save_journal(Simulation(TorchBackend()), tmp_path / "j.jsonl")
        asked = ["replay", str(tmp_path / "j.jsonl")]
    else:
        model_files.save(random_model(SMALL), tmp_path / "m.safetensors")
        asked = [command, str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "a.png"), "--size", "8"]
    assert main([*asked, "--half", "--backend", "torch"]) == 1
    message = capsys.readouterr().err
    assert message == "ncaengine: Only OpenGL keeps states as 16-bit numbers; omit --half or --backend torch.\n"


def test_half_is_not_left_out_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise NCAError("No OpenGL.")

    monkeypatch.setattr("ncaengine.backends.gl.backend.GLBackend", none)
    backend, _ = open_backend("auto")
    assert backend.name == "cpu"
    backend.release()
    with pytest.raises(NCAError, match="No OpenGL"):
        open_backend("auto", half=True)


def test_a_recording_is_that_of_such_states(half: GLBackend, simulate: Callable[..., Simulation], tmp_path) -> None:
    flags = ["--size", "24x16", "--steps", "90", "--seed", "5", "--half"]
    apart("-m", "ncaengine", "record", "bubbles", "-o", tmp_path / "a.png", *flags)
    sim = simulate(half)
    grid = sim.add("bubbles", (24, 16), rng_seed=5)
    sim.step(90)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), grid.image())


def test_the_window_takes_the_flag(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    from ncaengine.viewer import window

    shown: list[bool] = []
    monkeypatch.setattr(window, "show", lambda models, options, *_: shown.append(options.half))
    assert main(["view", "bubbles", "--half"]) == main(["view", "bubbles"]) == 0
    assert shown == [True, False]


def test_the_windows_states_are_such() -> None:
    code = (
        "from ncaengine.viewer.state.options import Options\n"
        "from ncaengine.core import kernels\n"
        "from ncaengine.formats import model_files\n"
        "from ncaengine.viewer.window import Window\n"
        "options = Options((12, 10), half=True)\n"
        "with Window([model_files.load('bubbles')], options, kernels.discover(), hidden=True) as window:\n"
        "    for _ in range(3): window.frame()\n"
        "    print(window.sim.grid().cells._images.now.dtype, window.pixels().std() > 1)\n"
    )
    assert apart("-c", code).split()[-2:] == ["f2", "True"]
