"""Looking at a lattice: pixels and cells, and the same picture from NumPy and from OpenGL."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import random_model, random_state
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.backends.gl.backend import GLBackend
from ncaengine.core import kernels, lattice, looks
from ncaengine.core.kernels import Catalogue, Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Colour, Config

BUILT_IN = {p.parent.name: kernels.load_kernel(p) for p in kernels.resources.folder("plugins").glob("*/kernel.toml")}
SQUARE, HEXAGONAL = BUILT_IN["square"], BUILT_IN["hexagonal"]
WIDE = Kernel(
    "k", "", "", ((1.9**0.5, 0.0), (-(0.37**0.5), 0.7**0.5)), SQUARE.stencils, Path()
)  # cells of another shape, skewed leftwards
KERNELS = st.sampled_from([SQUARE, HEXAGONAL, WIDE])
SIDE = st.integers(1, 50)
COLOUR = Colour(0.5, 0.5)


def middle(kernel: Kernel, column: int, row: int) -> tuple[float, float]:
    (ax, _), (bx, by) = kernel.basis
    return column * ax + row * bx, row * by


# Pixels and cells


@given(KERNELS, st.integers(-300, 300), st.integers(-300, 300))
def test_the_middle_of_a_cell_is_nearest_to_itself(kernel: Kernel, column: int, row: int) -> None:
    found = lattice.nearest_cell(kernel, *middle(kernel, column, row))
    assert (int(found[0]), int(found[1])) == (column, row)


@given(KERNELS, st.floats(-50, 50), st.floats(-50, 50))
def test_the_nearest_cell_is_the_nearest(kernel: Kernel, x: float, y: float) -> None:
    column, row = (int(v) for v in lattice.nearest_cell(kernel, x, y))
    at = math.dist(middle(kernel, column, row), (x, y))
    for c in range(column - 3, column + 4):
        for r in range(row - 3, row + 4):
            assert at <= math.dist(middle(kernel, c, r), (x, y)) + 1e-9


@given(KERNELS, SIDE, SIDE, st.data(), st.floats(0.5, 40), st.floats(-100, 100), st.floats(-100, 100))
def test_the_middle_of_a_cell_maps_back_to_it(
    kernel: Kernel, width: int, height: int, data: st.DataObject, scale: float, x: float, y: float
) -> None:
    """Wherever the view looks and whichever copy of the torus the cell is seen on."""
    column, row = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    look = View(100, 100, scale, x, y)
    (ax, _), (_, by) = kernel.basis
    across, down = data.draw(st.integers(-3, 3)), data.draw(st.integers(-3, 3))
    place_x, place_y = middle(kernel, column, row)
    # The torus repeats by its width, and by its height up to the shift of its seam.
    bx = kernel.basis[1][0]
    place_x += across * width * ax + down * (height * bx - kernel.row_shift(height) * ax)
    place_y += down * height * by
    assert lattice.cell_at(kernel, (width, height), look, (place_x - x) * scale, (place_y - y) * scale) == (column, row)


@given(KERNELS, SIDE, SIDE, st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_every_pixel_lies_in_a_cell_of_the_grid(kernel: Kernel, width: int, height: int, x: float, y: float) -> None:
    column, row = lattice.cell_at(kernel, (width, height), View(1, 1, 1, 0, 0), x, y)
    assert 0 <= column < width
    assert 0 <= row < height


@given(KERNELS, SIDE, SIDE, st.integers(1, 8))
def test_the_whole_picture_shows_every_cell(kernel: Kernel, width: int, height: int, scale: int) -> None:
    look = lattice.whole_view(kernel, (width, height), scale)
    across, down = lattice.extent(kernel, (width, height))
    assert (look.width, look.height) == (max(1, round(across * scale)), max(1, round(down * scale)))
    if scale >= 3:
        columns, rows = np.meshgrid(np.arange(look.width) + 0.5, np.arange(look.height) + 0.5)
        found = lattice.on_torus(kernel, (width, height), *lattice.nearest_cell(kernel, *look.point(columns, rows)))
        assert len(set(zip(*(v.ravel().tolist() for v in found), strict=True))) == width * height


@given(KERNELS, SIDE, SIDE, st.integers(1, 8))
def test_even_pictures_are_even_and_at_most_a_pixel_more(kernel: Kernel, width: int, height: int, scale: int) -> None:
    plain, even = (lattice.whole_view(kernel, (width, height), scale, even=e) for e in (False, True))
    assert even.width % 2 == even.height % 2 == 0
    assert 0 <= even.width - plain.width <= 1
    assert 0 <= even.height - plain.height <= 1
    assert (even.x, even.y, even.scale) == (plain.x, plain.y, plain.scale)


# Colours


@given(st.floats(-3, 3, width=32), st.floats(-2, 2, width=32), st.floats(-2, 2, width=32))
def test_colours_are_scaled_shifted_clipped_and_rounded(value: float, scale: float, offset: float) -> None:
    found = looks.raw_picture(np.full((1, 1, 4), value, np.float32), Colour(scale, offset))
    exact = min(max(value * scale + offset, 0), 1) * 255
    assert found.shape == (1, 1, 3)
    assert (np.abs(found - exact) <= 0.5 + 1e-3).all()


def test_raw_is_one_pixel_a_cell_in_storage_order() -> None:
    state = np.zeros((3, 5, 4), np.float32)
    state[2, 4, 1] = 1
    picture = looks.raw_picture(state, Colour(1, 0))
    assert picture.shape == (3, 5, 3)
    assert picture[2, 4].tolist() == [0, 255, 0]
    assert picture.sum() == 255


# Pictures


@pytest.mark.parametrize("scale", [1, 2, 5])
@pytest.mark.parametrize("size", [(1, 1), (7, 4), (33, 21)])
def test_a_square_grid_at_a_whole_scale_repeats_its_pixels(
    backend_draws: Callable[..., np.ndarray], size: tuple[int, int], scale: int
) -> None:
    state = random_state(*size, 3)
    expected = looks.raw_picture(state, COLOUR).repeat(scale, 0).repeat(scale, 1)
    for picture in backend_draws(state, SQUARE, lattice.whole_view(SQUARE, size, scale)):
        assert np.abs(picture.astype(int) - expected).max() <= 1


@pytest.fixture
def backend_draws(gl: GLBackend, catalogue: Catalogue) -> Callable[..., list[np.ndarray]]:
    """The pictures of NumPy and of OpenGL."""

    def draw(state: np.ndarray, kernel: Kernel, look: View) -> list[np.ndarray]:
        cells = gl.cells()
        cells.specialise(random_model(Config(channels=state.shape[2], hidden=1, colour=COLOUR)), kernel)
        cells.write(state)
        pictures = [looks.draw(state, kernel, COLOUR, look), cells.draw(look)]
        cells.release()
        return pictures

    return draw


LOOKS = [
    (1.0, None),
    (2.0, None),
    (5.0, None),
    (3.7, None),
    (0.6, None),
    (5.0, (-3.3, 2.71)),
    (2.3, (101.9, -57.3)),
    (24.0, (0.13, 0.77)),
    (128.0, (-0.31, 1.07)),
]


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL, WIDE], ids=["square", "hexagonal", "wide"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 12), (33, 21)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize(("scale", "at"), LOOKS)
def test_numpy_and_opengl_draw_the_same(
    backend_draws: Callable[..., list[np.ndarray]],
    kernel: Kernel,
    size: tuple[int, int],
    scale: float,
    at: tuple[float, float] | None,
) -> None:
    x, y = at or lattice.corner(kernel)
    look = View(61, 47, scale, x, y)
    here, there = (p.astype(int) for p in backend_draws(random_state(*size, 4), kernel, look))
    assert here.shape == there.shape == (47, 61, 3)
    assert len(np.unique(here)) > 2
    assert np.abs(here - there).max() <= 1


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_a_whole_grid_is_upright(backend_draws: Callable[..., list[np.ndarray]], kernel: Kernel) -> None:
    state = np.full((8, 8, 3), -1.0, np.float32)
    state[0, 5] = 1  # top row, right of the middle
    for picture in backend_draws(state, kernel, lattice.whole_view(kernel, (8, 8), 8)):
        rows, columns = np.nonzero(picture[..., 0] > 128)
        assert rows.max() < 10
        assert columns.min() > 38
        assert columns.max() < 50


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_a_picture_of_the_torus_tiles(backend_draws: Callable[..., list[np.ndarray]], kernel: Kernel) -> None:
    """A view shifted by the whole torus shows the same: seamless sideways, and downwards if the height is even."""
    size, scale = (9, 8), 6.0
    across, down = lattice.extent(kernel, size)
    x, y = lattice.corner(kernel)
    state = random_state(*size, 3)
    home = backend_draws(state, kernel, View(50, 40, scale, x, y))
    for dx, dy in ((across, 0), (-across, 0), (0, down), (0, -down), (2 * across, -3 * down)):
        away = backend_draws(state, kernel, View(50, 40, scale, x + dx, y + dy))
        for a, b in zip(home, away, strict=True):
            different = (np.abs(a.astype(int) - b) > 1).mean()
            assert different < 0.01  # a sample on the very border of two cells may fall to either


def test_a_hexagonal_grid_of_odd_height_tiles_but_for_half_a_cell() -> None:
    size = (9, 7)
    _, down = lattice.extent(HEXAGONAL, size)
    state = random_state(*size, 3)
    x, y = lattice.corner(HEXAGONAL)
    home, moved, half = (
        looks.draw(state, HEXAGONAL, COLOUR, View(50, 30, 6.0, x + dx, y + dy)).astype(int)
        for dx, dy in ((0, 0), (0, down), (0.5, down))
    )
    assert (np.abs(home - moved) > 1).mean() > 0.02
    assert (np.abs(home - half) > 1).mean() < 0.01


@pytest.mark.parametrize("kernel", [SQUARE, HEXAGONAL])
def test_pixels_show_the_cell_that_is_found_under_them(kernel: Kernel) -> None:
    """What the brush will paint is what is seen: at a large scale, away from borders."""
    size = (9, 7)
    state = random_state(*size, 3)
    look = View(90, 70, 10.0, -1.3, 2.2)
    picture, colours = looks.draw(state, kernel, COLOUR, look), looks.raw_picture(state, COLOUR)
    checked = 0
    for py in range(2, 68, 3):
        for px in range(2, 88, 3):
            corners = {lattice.cell_at(kernel, size, look, px + dx, py + dy) for dx in (0, 1) for dy in (0, 1)}
            if len(corners) == 1:
                column, row = corners.pop()
                assert np.abs(picture[py, px].astype(int) - colours[row, column]).max() <= 1
                checked += 1
    assert checked > 300


@pytest.mark.parametrize("lines", [0.0, 1.0])
def test_lines_between_cells_darken_borders_and_spare_middles(gl: GLBackend, lines: float) -> None:
    cells = gl.cells()
    cells.specialise(random_model(Config(channels=3, hidden=1, colour=COLOUR)), HEXAGONAL)
    cells.write(np.full((4, 4, 3), 1.0, np.float32))
    look = View(80, 60, 20.0, 0.0, 0.0)
    target = gl.offscreen(80, 60)
    cells.draw_into(target, look, lines=lines)
    picture = np.frombuffer(target.read(alignment=1), np.uint8).reshape(60, 80, 4)[..., :3]
    cells.release()
    assert picture[0, 0].tolist() == [255, 255, 255]  # the middle of cell (0, 0)
    assert (picture.min() < 64) == (lines == 1.0)
