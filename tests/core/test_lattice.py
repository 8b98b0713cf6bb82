"""Looking at a lattice: pixels and cells."""

import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ncaengine.core import kernels, lattice, looks
from ncaengine.core.kernels import Kernel
from ncaengine.core.lattice import View
from ncaengine.core.model import Colour

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
