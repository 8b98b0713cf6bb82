"""What is shown of the cells: modes and overlays, the same from NumPy and from OpenGL."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import get_args

import moderngl
import msgspec
import numpy as np
import pytest
from helpers import random_model, random_state
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.backends.base import Backend
from ncaengine.backends.gl.backend import GLBackend
from ncaengine.backends.gl.canvas import MODES, ShownGrid
from ncaengine.core import canvas, fields, kernels, lattice, looks
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.looks import RGB, Look
from ncaengine.core.model import Colour, Config
from ncaengine.core.settings import Settings
from ncaengine.core.types import F32, Size

BUILT_IN = {p.parent.name: kernels.load_kernel(p) for p in kernels.resources.folder("plugins").glob("*/kernel.toml")}
SQUARE, HEXAGONAL = BUILT_IN["square"], BUILT_IN["hexagonal"]
KERNELS = pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL], ids=["square", "hexagonal"])
COLOUR = Colour(0.5, 0.5)
OVERLAYS = ("", *fields.FIELDS)
ALL = tuple(fields.FIELDS.values())


def random_fields(size: Size) -> F32:
    """Every kind of value that a field may have, the ends of its range among them."""
    rng = np.random.default_rng(5)
    planes = [rng.choice([s.low, s.high, s.default, rng.uniform(s.low, s.high)], size[::-1]) for s in ALL]
    noise = [rng.uniform(s.low, s.high, size[::-1]) for s in ALL]
    return np.where(rng.random((*size[::-1], 1)) < 0.5, np.stack(planes, -1), np.stack(noise, -1)).astype(np.float32)


@pytest.fixture
def shown(gl: GLBackend) -> Iterator[Callable[..., ShownGrid]]:
    """Puts a state, the one before it and fields on the device, in images larger than the grid."""
    made: list[moderngl.Texture | moderngl.TextureArray] = []

    def texture(state: F32) -> moderngl.TextureArray:
        height, width, channels = state.shape
        planes = np.full((-(-channels // 4), height + 2, width + 3, 4), 7.0, np.float32)
        for channel in range(channels):
            planes[channel // 4, :height, :width, channel % 4] = state[..., channel]
        made.append(gl.device.ctx.texture_array((width + 3, height + 2, len(planes)), 4, planes.tobytes(), dtype="f4"))
        return made[-1]

    def put(state: F32, kernel: Kernel, before: F32 | None = None, planes: F32 | None = None) -> ShownGrid:
        height, width, channels = state.shape
        now, field = texture(state), None
        if planes is not None:
            field = gl.device.ctx.texture((width, height), 4, planes.tobytes(), dtype="f4")
            made.append(field)
        last = now if before is None else texture(before)
        return ShownGrid(now, last, field, (width, height), kernel, Config(channels=channels, hidden=1, colour=COLOUR))

    yield put
    for each in made:
        each.release()


def drawn(gl: GLBackend, what: ShownGrid, place: View, look: Look) -> np.ndarray:
    target = gl.offscreen(place.width, place.height)
    gl.canvas.draw(target, place, look, what)
    flat = np.frombuffer(target.read(alignment=1), np.uint8)
    return flat.reshape(place.height, place.width, 4)[..., :3].astype(int)


def shade(look: Look, state: F32, kernel: Kernel = SQUARE, before: F32 | None = None, planes: F32 | None = None) -> F32:
    return looks.shade(look, state, kernel, COLOUR, before, planes)


def one(look: Look, values: list[float], before: list[float] | None = None) -> list[float]:
    """The colour of a grid of one cell."""
    then = None if before is None else np.array([[before]], np.float32)
    return shade(look, np.array([[values]], np.float32), before=then)[0, 0].tolist()


def luminance(rgb: F32 | list[float]) -> float:
    return float(np.dot(rgb, [0.2126, 0.7152, 0.0722]))


# OpenGL and NumPy


@KERNELS
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 12)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("channels", [3, 12])
def test_every_mode_is_drawn_alike(
    gl: GLBackend, shown: Callable[..., ShownGrid], kernel: Kernel, mode: looks.Mode, size: Size, channels: int
) -> None:
    state = random_state(*size, channels)
    before = state + random_state(*size, channels, seed=1, spread=0.05)
    planes = random_fields(size)
    what = shown(state, kernel, before, planes)
    for scale, overlay, picked in ((5.0, "", (1, 0, 2)), (0.7, "rate", (11, 4, 0)), (9.3, "model", (12, 200, 5))):
        look = Look(mode, picked, 0.8, overlay)
        place = View(41, 37, scale, -3.3, 2.71)
        here = canvas.draw(state, kernel, COLOUR, place, look, before, planes).astype(int)
        assert np.abs(here - drawn(gl, what, place, look)).max() <= 1, (scale, overlay)


@KERNELS
@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("mode", ["rgb", "channel"])
def test_every_overlay_is_drawn_alike(
    gl: GLBackend, shown: Callable[..., ShownGrid], kernel: Kernel, overlay: str, mode: looks.Mode
) -> None:
    size, look = (33, 21), Look(mode, overlay=overlay)
    state, planes = random_state(*size, 4), random_fields(size)
    what = shown(state, kernel, None, planes)
    for place in (View(99, 63, 3.0, -0.5, -0.5), View(61, 47, 128.0, 0.13, -0.77)):
        here = canvas.draw(state, kernel, COLOUR, place, look, None, planes).astype(int)
        assert len(np.unique(here)) > 2
        assert np.abs(here - drawn(gl, what, place, look)).max() <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_uniform_of_a_look_is_known_to_the_shader(
    gl: GLBackend, shown: Callable[..., ShownGrid], mode: looks.Mode, overlay: str
) -> None:
    """And no picture is empty."""
    size = (9, 8)
    state = random_state(*size, 4, spread=0.1)
    what = shown(state, SQUARE, random_state(*size, 4, spread=0.1), random_fields(size))
    assert len(np.unique(drawn(gl, what, View(18, 16, 2.0, -0.5, -0.5), Look(mode, overlay=overlay)))) > 1
    used = gl.canvas.shader(mode, overlay).names
    wanted = {
        "rgb": {"colour"},
        "channel": {"channels", "gain", "ramp"},
        "three": {"channels", "gain"},
        "update": {"gain", "ramp"},
        "alive": {"alive", "ramp", "row_shift"},
    }[mode] | ({"tint", "tints"} if overlay else set())
    assert wanted <= used


def test_plain_colours_are_drawn_without_shading(gl: GLBackend, shown: Callable[..., ShownGrid]) -> None:
    state = random_state(6, 6, 4)
    what = shown(state, SQUARE)
    place = lattice.whole_view(SQUARE, (6, 6), 3)
    own = type(gl.canvas)(gl.device)
    for look in (RGB, Look(overlay="rate")):  # there are no fields
        own.draw(gl.offscreen(18, 18), place, look, what)
    assert own._shaded is None
    own.draw(gl.offscreen(18, 18), place, Look("alive"), what)
    assert own._shaded is not None
    own.release()


def test_grids_of_several_sizes_share_an_image(gl: GLBackend, shown: Callable[..., ShownGrid]) -> None:
    for size in ((9, 3), (3, 9), (40, 2), (1, 1), (5, 5)):
        state = random_state(*size, 3)
        place = lattice.whole_view(SQUARE, size, 3)
        here = canvas.draw(state, SQUARE, COLOUR, place, Look("channel")).astype(int)
        assert np.abs(here - drawn(gl, shown(state, SQUARE), place, Look("channel"))).max() <= 1


def test_a_state_without_one_before_has_not_changed(gl: GLBackend, shown: Callable[..., ShownGrid]) -> None:
    what = shown(random_state(6, 6, 5), HEXAGONAL)
    assert drawn(gl, what, View(20, 20, 3.0, 0, 0), Look("update")).max() <= 4


@KERNELS
def test_backends_show_their_last_step(backend: Backend, kernel: Kernel) -> None:
    size, look = (9, 8), Look("update", overlay="rate")
    cells, place = backend.cells(), View(36, 30, 4.0, -0.5, -0.5)
    cells.specialise(random_model(Config(channels=5, hidden=4, colour=COLOUR)), kernel)
    before, planes = random_state(*size, 5), random_fields(size)
    cells.write(before)
    assert cells.draw(place, Look("update")).max() <= 4
    cells.write_fields(planes)
    cells.step(0, 1, Settings(fire_rate=1.0))
    expected = canvas.draw(cells.read(), kernel, COLOUR, place, look, before, planes)
    found = cells.draw(place, look)
    cells.release()
    assert expected.max() > 60
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mode", MODES)
def test_a_model_that_ran_away_can_be_looked_at(mode: looks.Mode, value: float) -> None:
    state = np.full((3, 3, 4), value, np.float32)
    place = lattice.whole_view(SQUARE, (3, 3))
    assert canvas.draw(state, SQUARE, COLOUR, place, Look(mode, gain=3), state).shape == (3, 3, 3)


@KERNELS
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_alive_wraps_alike(
    gl: GLBackend, shown: Callable[..., ShownGrid], kernel: Kernel, width: int, height: int, seed: int
) -> None:
    state = random_state(width, height, 4, seed, spread=0.06)
    place = lattice.whole_view(kernel, (width, height), 4)
    look = Look("alive")
    here = canvas.draw(state, kernel, COLOUR, place, look).astype(int)
    assert np.abs(here - drawn(gl, shown(state, kernel), place, look)).max() <= 1


# Modes


def test_the_default_look_is_the_models_colours() -> None:
    state = random_state(5, 4, 3)
    assert (shade(RGB, state) == looks.to_rgb(state, COLOUR)).all()


def test_a_channel_at_rest_is_grey_and_runs_from_blue_to_orange() -> None:
    look = Look("channel", (1, 0, 0))
    red, green, blue = one(look, [9, 0, 9, 9])
    assert red == green == blue
    low, high = (one(look, [0, v, 0, 0]) for v in (-0.5, 0.5))
    assert low[2] > low[0] + 0.3
    assert high[0] > high[2] + 0.3
    assert one(look, [0, 1, 0]) == one(look, [0, 50, 0])
    assert one(look, [0, -1, 0]) == one(look, [0, -50, 0])


@pytest.mark.parametrize("mode", ["channel", "update"])
def test_brightness_rises_with_the_value(mode: looks.Mode) -> None:
    """So that the maps read well in grey, too."""
    values = np.linspace(-1 if mode == "channel" else 0, 1, 41)
    shades = [luminance(one(Look(mode, gain=1 if mode == "channel" else 0.3), [v] * 3, [0] * 3)) for v in values]
    assert all(a <= b for a, b in pairwise(shades))
    assert shades[-1] - shades[0] > 0.3


def test_three_channels_are_red_green_and_blue() -> None:
    assert one(Look("three", (3, 0, 9)), [0.5, 7, 7, -2]) == [0, 0.75, 0.5]  # there is no channel 9
    assert one(Look("three", gain=0.5), [0.5, -0.5, 0]) == [0.625, 0.375, 0.5]


@given(st.floats(0.1, 10), st.sampled_from(["channel", "three"]))
def test_gain_multiplies(gain: float, mode: looks.Mode) -> None:
    state = random_state(4, 4, 4)
    found, expected = shade(Look(mode, gain=gain), state), shade(Look(mode), state * np.float32(gain))
    assert np.abs(found - expected).max() < 1e-5


def test_update_shows_what_changed() -> None:
    look, still = Look("update"), [0.3, 0.4, 0.5]
    dark = one(look, still, still)
    assert dark == one(look, still) == shade(look, np.zeros((1, 1, 3), np.float32))[0, 0].tolist()
    assert luminance(dark) < 0.01
    assert 0.15 < luminance(one(look, [0.31, 0.39, 0.51], still)) < 0.4
    assert luminance(one(look, [9, 9, 9], still)) > 0.9
    assert one(look, [0.35, 0.4, 0.5], still) == pytest.approx(one(look, [0.3, 0.4, 0.45], still), abs=1e-3)


@KERNELS
@given(st.integers(3, 9), st.integers(2, 9).map(lambda n: 2 * n), st.data())
def test_a_live_cell_keeps_its_neighbours(kernel: Kernel, width: int, height: int, data: st.DataObject) -> None:
    column, row = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    state = np.zeros((height, width, 5), np.float32)
    state[row, column, 3] = 0.2
    bright = shade(Look("alive"), state, kernel)[..., 0] > 0.5
    assert bright.sum() == 9
    if 0 < column < width - 1 and 0 < row < height - 1:
        assert bright[row - 1 : row + 2, column - 1 : column + 2].all()
    assert not (shade(Look("alive"), state / 2, kernel) > 0.5).any()


def test_a_model_without_alpha_is_nowhere_alive() -> None:
    assert not (shade(Look("alive"), np.ones((3, 3, 3), np.float32)) > 0.5).any()


# Overlays


def with_field(name: fields.Field, value: float, state: F32) -> F32:
    planes = fields.default_fields(state.shape[1], state.shape[0])
    planes[..., fields.PLANE[name]] = value
    return shade(Look(overlay=name), state, planes=planes)


@pytest.mark.parametrize("name", fields.FIELDS)
def test_defaults_and_absent_fields_are_not_tinted(name: fields.Field) -> None:
    state = random_state(4, 4, 3)
    expected = looks.to_rgb(state, COLOUR)
    assert (with_field(name, fields.FIELDS[name].default, state) == expected).all()
    assert (shade(Look(overlay=name), state) == expected).all()


@pytest.mark.parametrize("name", fields.FIELDS)
def test_tints_tell_values_apart_and_leave_the_texture_visible(name: fields.Field) -> None:
    state = random_state(6, 6, 3)
    spec = fields.FIELDS[name]
    values = {"model": range(8), "angle": (0, 60, 120, 180, 240, 300)}.get(name, (spec.low, 1, spec.high))
    found = [with_field(name, value, state) for value in values]
    for i, a in enumerate(found):
        assert a.std() > 0.3 * found[0].std()
        for b in found[:i]:
            assert np.abs(a - b).mean(axis=(0, 1)).max() > 0.1


@given(st.floats(-360, 360, width=32))
def test_the_tint_of_an_angle_is_cyclic(angle: float) -> None:
    state = np.zeros((1, 1, 3), np.float32)
    assert with_field("angle", angle, state) == pytest.approx(with_field("angle", angle + 360, state), abs=1e-3)


@pytest.mark.parametrize("mode", MODES)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(OVERLAYS), st.floats(1e-3, 1000))
def test_colours_lie_from_0_to_1(mode: looks.Mode, value: float, overlay: str, gain: float) -> None:
    state = np.full((2, 3, 5), value, np.float32)
    found = shade(Look(mode, gain=gain, overlay=overlay), state, before=-state, planes=random_fields((3, 2)))
    assert found.shape == (2, 3, 3)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_every_mode_has_its_name_in_look() -> None:
    assert get_args(looks.Mode) == MODES
    for mode in MODES:
        assert msgspec.json.decode(msgspec.json.encode(Look(mode)), type=Look).mode == mode


# Close views

PLACE = st.integers(-2560, 2560).map(lambda n: (n + 0.37) / 64)  # no middle lies on the very rim


@KERNELS
@given(st.integers(1, 9), st.integers(1, 9), st.floats(8, 128), PLACE, PLACE, st.integers(1, 90), st.integers(1, 90))
def test_visible_cells_are_those_whose_middles_are_in_the_picture(
    kernel: Kernel, width: int, height: int, scale: float, x: float, y: float, across: int, down: int
) -> None:
    size, place = (width, height), View(across, down, scale, x, y)
    columns, rows, px, py = lattice.visible_cells(kernel, size, place, 400)
    assert ((px >= -1e-6) & (px < across) & (py >= -1e-6) & (py < down)).all()
    for column, row, at_x, at_y in zip(columns, rows, px, py, strict=True):
        assert lattice.cell_at(kernel, size, place, at_x, at_y) == (column, row)
    (ax, _), (bx, by) = kernel.basis
    want = 0
    for r in range(math.floor(y / by) - 1, math.ceil((y + down / scale) / by) + 2):
        for c in range(math.floor((x - r * bx) / ax) - 1, math.ceil((x - r * bx + across / scale) / ax) + 2):
            to_x, to_y = (c * ax + r * bx - x) * scale, (r * by - y) * scale
            want += 0 <= to_x < across and 0 <= to_y < down
    assert len(columns) == want


@KERNELS
def test_too_many_cells_are_none(kernel: Kernel) -> None:
    place = View(50, 50, 10.0, 0.0, 0.0)
    count = len(lattice.visible_cells(kernel, (64, 64), place, 100)[0])
    assert 20 <= count <= 40
    assert len(lattice.visible_cells(kernel, (64, 64), place, count)[0]) == count
    assert [len(v) for v in lattice.visible_cells(kernel, (64, 64), place, count - 1)] == [0] * 4
    assert [len(v) for v in lattice.visible_cells(kernel, (64, 64), View(10**6, 10**6, 0.01, 0, 0), 1000)] == [0] * 4
